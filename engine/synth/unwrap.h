/* unwrap.h -- flattening a surface with a fixed outer border into the plane. */
#ifndef MIEN_UNWRAP_H
#define MIEN_UNWRAP_H
#include "synth/remesh.h"

/* uv holds the positions of the outer border (fixed[v] != 0: a convex polygon, counter-clockwise) and receives all others.
 * Border loops that are not fixed are holes and stay open.  texel[v]: relative length of surface one texture unit should
 * cover there.  rounds of stretch reduction follow the first, shape-preserving map; the best one is kept.
 * No triangle is turned over: the map is a barycentric one with positive weights, then relaxed (below) with a barrier.
 * stretch (may be NULL): the final L2 stretch, 1 = every triangle as texel asks. */
mn_status mn_unwrap(const mn_trimesh *mesh, const unsigned char *fixed, const double *texel, int rounds, double (*uv)[2], double *stretch);

/* Improve a map that has no triangle turned over (unwrap_relax.c).  Triangles from n_real on close holes and count little. */
mn_status mn_unwrap_relax(const mn_trimesh *mesh, const unsigned char *fixed, const double *texel, int n_real, int rounds, double (*uv)[2]);
#endif
