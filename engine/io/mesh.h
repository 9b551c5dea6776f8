/* mesh.h -- triangle meshes and their files: OBJ (read, write), PLY and binary glTF (write).
 *
 * Convention: right-handed, y up, the face looks along +z, lengths in metres; triangles run counter-clockwise seen
 * from outside; uv (0,0) is the lower left corner of the texture, as in OBJ (glTF counts v from the top, and its
 * writer turns it over).  Indices count from 0. */
#ifndef MIEN_IO_MESH_H
#define MIEN_IO_MESH_H
#include "mien.h"

typedef struct mn_mesh {
    mn_tensor *v;              /* [V,3] f32 */
    mn_tensor *f;              /* [F,3] i32 into v */
    mn_tensor *uv;             /* [T,2] f32, or NULL */
    mn_tensor *fuv;            /* [F,3] i32 into uv; NULL with uv: T = V and f serves both */
    mn_tensor *normal;         /* [V,3] f32, or NULL */
    mn_tensor *color;          /* [V,3] u8, or NULL */
} mn_mesh;

/* Every shape, dtype, index and number is what the struct says, or a sentence that begins with `who`. */
mn_status mn_mesh_check(const mn_mesh *mesh, const char *who);
/* [V,3] unit normals: the sum of the adjoining triangles' area vectors; (0,0,0) where there are none. */
mn_tensor *mn_mesh_normals(mn_tensor *v, mn_tensor *f);

/* v, vt and f lines; polygons become fans of triangles; normals, groups and materials are skipped.
 * The tensors belong to the open scope. */
mn_status mn_obj_read(const char *path, mn_mesh *out);
/* texture: the name of a picture beside the file, or NULL; with one, a material file is written too: PATH with .mtl
 * for its .obj. */
mn_status mn_obj_write(const char *path, const mn_mesh *mesh, const char *texture);
mn_status mn_ply_write(const char *path, const mn_mesh *mesh);

typedef struct mn_glb_options {
    mn_tensor *texture;                 /* [H,W,3] u8, or NULL; needs mesh uv */
    const char *record;                 /* how the model was made, or NULL; with it asset.extras and the texture carry the
                                         * mark of synthetic media (png.h) */
    int n_targets;                      /* morph targets (blend shapes) */
    const char *const *target_names;
    mn_tensor *const *targets;          /* each [V,3] f32, offsets from v at weight 1 */
} mn_glb_options;
mn_status mn_glb_write(const char *path, const mn_mesh *mesh, const mn_glb_options *options);

#endif
