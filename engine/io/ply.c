/* ply.c -- writes a mesh as binary little-endian PLY (Turk 1994), with the properties common readers know:
 *     vertex: x y z [nx ny nz] [s t] [red green blue]     face: vertex_indices [texcoord: u v of each corner]
 * Texture coordinates stand with the vertices when there is one per vertex, else with the faces. */
#include <stdio.h>
#include <string.h>
#include "file.h"
#include "mesh.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as they lie in memory");

static void write_header(FILE *f, const mn_mesh *m) {
    fprintf(f, "ply\nformat binary_little_endian 1.0\ncomment mien " MN_VERSION "\nelement vertex %lld\n"
               "property float x\nproperty float y\nproperty float z\n", (long long)mn_dim(m->v, 0));
    if (m->normal) fprintf(f, "property float nx\nproperty float ny\nproperty float nz\n");
    if (m->uv && !m->fuv) fprintf(f, "property float s\nproperty float t\n");
    if (m->color) fprintf(f, "property uchar red\nproperty uchar green\nproperty uchar blue\n");
    fprintf(f, "element face %lld\nproperty list uchar int vertex_indices\n", (long long)mn_dim(m->f, 0));
    if (m->fuv) fprintf(f, "property list uchar float texcoord\n");
    fprintf(f, "end_header\n");
}

static void write_vertices(FILE *f, const mn_mesh *m) {
    const float *v = mn_data(m->v), *normal = m->normal ? mn_data(m->normal) : NULL, *uv = m->uv && !m->fuv ? mn_data(m->uv) : NULL;
    const uint8_t *color = m->color ? mn_data(m->color) : NULL;
    for (int64_t i = 0; i < mn_dim(m->v, 0); i++) {
        fwrite(v + 3 * i, sizeof *v, 3, f);
        if (normal) fwrite(normal + 3 * i, sizeof *normal, 3, f);
        if (uv) fwrite(uv + 2 * i, sizeof *uv, 2, f);
        if (color) fwrite(color + 3 * i, 1, 3, f);
    }
}

static void write_faces(FILE *f, const mn_mesh *m) {
    const int32_t *face = mn_data(m->f), *fuv = m->fuv ? mn_data(m->fuv) : NULL;
    const float *uv = m->uv ? mn_data(m->uv) : NULL;
    for (int64_t i = 0; i < mn_dim(m->f, 0); i++) {
        fputc(3, f);
        fwrite(face + 3 * i, sizeof *face, 3, f);
        if (!fuv) continue;
        fputc(6, f);
        for (int corner = 0; corner < 3; corner++) fwrite(uv + 2 * fuv[3 * i + corner], sizeof *uv, 2, f);
    }
}

mn_status mn_ply_write(const char *path, const mn_mesh *mesh) {
    mn_outfile out;
    if (mn_mesh_check(mesh, path) != MN_OK || mn_outfile_open(&out, path) != MN_OK) return mn_errcode();
    write_header(out.f, mesh);
    write_vertices(out.f, mesh);
    write_faces(out.f, mesh);
    return mn_outfile_close(&out, true);                 /* notices any failed write above */
}
