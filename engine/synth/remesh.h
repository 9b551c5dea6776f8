/* remesh.h -- triangle meshes: connectivity, nearest point on a surface, isotropic remeshing.
 *
 * Used once, when the head model is fitted (headfit.h): all numbers are double, all
 * functions are serial, so equal input gives equal bits.
 */
#ifndef MIEN_REMESH_H
#define MIEN_REMESH_H
#include <stdbool.h>
#include "mien.h"

/* Triangles wind counter-clockwise seen from outside.  tag: a number per triangle that cuts and
 * copies keep (the row of the triangle it was cut from); NULL when nobody asks. */
typedef struct mn_trimesh {
    int nv, nf;
    double (*v)[3];
    int (*f)[3];
    int *tag;
} mn_trimesh;

void mn_trimesh_free(mn_trimesh *mesh);                 /* the arrays, not the struct; NULLs them */
mn_status mn_trimesh_alloc(mn_trimesh *mesh, int nv, int nf, bool with_tags);
/* Keep what lies where d(v) = plane[0..2] . v - plane[3] >= 0, cutting triangles on the way.
 * Vertices within 1e-3 of the plane are moved onto it first, so no slivers appear. */
mn_status mn_trimesh_clip(mn_trimesh *mesh, const double plane[4]);
/* Open the mesh along the n edges given as vertex pairs.  origin[v] (malloc'ed) = the old vertex of each new one;
 * the first mesh->nv keep their numbers.  Triangles keep their order. */
mn_status mn_trimesh_cut(const mn_trimesh *mesh, int n, int (*edges)[2], mn_trimesh *out, int **origin);
void mn_trimesh_normals(const mn_trimesh *mesh, double (*normal)[3]);   /* unit, area weighted, per vertex */
double mn_trimesh_area(const mn_trimesh *mesh, int face);

/* Boundary: next[v] = the vertex after v along the border (surface on the left), -1 for inner
 * vertices.  Fails (MN_EFORMAT) unless the mesh is a manifold with consistent winding whose
 * vertices all have one fan of triangles.  euler: V - E + F. */
mn_status mn_trimesh_border(const mn_trimesh *mesh, int *next, int *euler);

/* ---- nearest point ---- */

typedef struct mn_place { int face; double bary[3], distance; } mn_place;
typedef struct mn_near mn_near;
mn_near *mn_near_new(const mn_trimesh *mesh);           /* keeps a pointer to mesh; NULL when out of memory */
void mn_near_free(mn_near *near);
/* The nearest point of the surface.  normal (may be NULL): triangles facing away from it are passed over
 * (unless none faces it), so that a point of the upper lip does not land on the lower one. */
mn_place mn_near_find(const mn_near *near, const double p[3], const double *normal);
/* The nearest point of one triangle. */
mn_place mn_place_on_face(const mn_trimesh *mesh, int face, const double p[3]);
void mn_place_point(const mn_trimesh *mesh, const mn_place *place, double p[3]);

/* ---- remeshing (remesh.c) ---- */

/* size: wanted edge length per vertex of `surface`.  corner[v] != 0: border vertices that stay; border
 * pieces between corners (or whole loops) stay on their curve.  Result in *out, and each result vertex's
 * place on the surface in *places (both malloc'ed). */
mn_status mn_remesh(const mn_trimesh *surface, const double *size, const unsigned char *corner, int rounds,
                    mn_trimesh *out, mn_place **places);
#endif
