/* triplane.c -- mean of three bilinear plane lookups (EG3D's tri-plane, Chan et al. 2022).
 *     out[p,:] = (1/3) sum_k plane_k at (p . axes_k columns), zero outside
 * Backward to the planes scatters as grid_sample.c does: a row owns one plane and a
 * block of channels, so each texel adds its points in their order. */
#include "k.h"
#include "triplane.h"
#include "triplane_at.h"

KERNEL(triplane_fwd) {
    const real *planes = (const real *)p->planes + i / p->m * 3 * p->h * p->w * p->c;
    triplane_at(planes, p->axes, (const real *)p->points + i * 3, p->h, p->w, p->c, (real *)p->out + i * p->c);
}

KERNEL_SCATTER(triplane_bwd_planes) {
    const int64_t c = p->c, plane = i / (p->blocks * p->chunks), q = i / p->chunks % p->blocks * p->block;
    const int64_t first = i % p->chunks * p->chunk, left = p->m - first;
    const int64_t len = c - q < p->block ? c - q : p->block;
    const real *points = (const real *)p->points + (plane / 3 * p->m + first) * 3;
    const real *dout = (const real *)p->dout + (plane / 3 * p->m + first) * c + q;
    real *dx = (real *)p->dplanes + plane * p->h * p->w * c + q;
    const real third = (real)1 / 3;
    K_LOOP(j, left < p->chunk ? left : p->chunk) {
        const struct k_corners k = plane_corners(p->axes[plane % 3], points + 3 * j, p->h, p->w, c);
        if (len == 16) k_spread_corners(&k, dx, third, dout + j * c, 16);
        else if (len == 8) k_spread_corners(&k, dx, third, dout + j * c, 8);
        else k_spread_corners(&k, dx, third, dout + j * c, len);
    }
}

KERNEL(triplane_bwd_points) {
    const int64_t c = p->c, plane = p->h * p->w * c;
    const real *planes = (const real *)p->planes + i / p->m * 3 * plane, *q = (const real *)p->points + i * 3;
    const real *dout = (const real *)p->dout + i * c;
    real g[3] = {0, 0, 0};
    for (int k = 0; k < 3; k++) {
        const double *axes = p->axes[k];
        const struct k_corners a = plane_corners(axes, q, p->h, p->w, c);
        real dix, diy;
        k_corners_slope(&a, planes + k * plane, dout, c, &dix, &diy);
        dix *= (real)p->w / 6;          /* half the width from the coordinate, a third from the mean */
        diy *= (real)p->h / 6;
        for (int r = 0; r < 3; r++) g[r] += dix * (real)axes[r] + diy * (real)axes[3 + r];
    }
    real *dp = (real *)p->dpoints + i * 3;
    for (int r = 0; r < 3; r++) dp[r] += g[r];
}
