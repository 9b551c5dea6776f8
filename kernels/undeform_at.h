/* undeform_at.h -- a point less the deformation there, for the fused renderers: trilinear between nodes in the centres of G x G x G
 * cells of a cube around the origin, beyond them the outermost. */
#ifndef K_UNDEFORM_AT_H
#define K_UNDEFORM_AT_H
#include "k.h"
#include "render_rays.h"

/* nodes: one picture's, [G,G,G,3] (z, y, x). */
K_FN void undeform_at(const struct k_render_rays *a, const real *__restrict__ nodes, real *p) {
    const int32_t g = (int32_t)a->nodes;
    const real last = (real)(g - 1), scale = (real)((double)g / a->cube);
    real rest[3], sum[3] = {0, 0, 0};
    int32_t cell[3];
    for (int e = 0; e < 3; e++) {
        real x = p[e] * scale + last / 2;
        x = x > 0 ? x : 0;                              /* also NaN */
        x = x < last ? x : last;
        cell[e] = (int32_t)x < g - 2 ? (int32_t)x : g - 2;
        rest[e] = x - (real)cell[e];
    }
    for (int c = 0; c < 8; c++) {
        const int dx = c & 1, dy = c >> 1 & 1, dz = c >> 2;
        const real w = (dx ? rest[0] : 1 - rest[0]) * (dy ? rest[1] : 1 - rest[1]) * (dz ? rest[2] : 1 - rest[2]);
        const int32_t at = 3 * (((cell[2] + dz) * g + cell[1] + dy) * g + cell[0] + dx);
        for (int e = 0; e < 3; e++) sum[e] += w * nodes[at + e];
    }
    for (int e = 0; e < 3; e++) p[e] -= sum[e];
}
/* Sample t of a ray, where the planes have it. */
K_FN void sample_at(const struct k_render_rays *a, int64_t ray, real t, real *p) {
    for (int e = 0; e < 3; e++) p[e] = ((const real *)a->origins)[3 * ray + e] + t * ((const real *)a->dirs)[3 * ray + e];
    if (a->deformation) undeform_at(a, (const real *)a->deformation + ray / a->rays * 3 * a->nodes * a->nodes * a->nodes, p);
}
#endif
