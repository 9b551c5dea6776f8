/* triplane.c -- mean of three bilinear plane lookups (EG3D's tri-plane, Chan et al. 2022).
 *     out[p,:] = (1/3) sum_k plane_k at (p . axes_k columns), zero outside
 * Backward to the planes scatters as grid_sample.c does: a row owns one plane and a
 * block of channels, so each texel adds its points in their order. */
#include "k.h"
#include "bilinear.h"
#include "triplane.h"

K_FN struct k_corners plane_corners(const double *axes, const real *q, int64_t h, int64_t w, int64_t c) {
    return k_corners_at(q[0] * (real)axes[0] + q[1] * (real)axes[1] + q[2] * (real)axes[2],
                        q[0] * (real)axes[3] + q[1] * (real)axes[4] + q[2] * (real)axes[5], h, w, c);
}

KERNEL(triplane_fwd) {
    const int64_t c = p->c, plane = p->h * p->w * c;
    const real *planes = (const real *)p->planes + i / p->m * 3 * plane, *q = (const real *)p->points + i * 3;
    real *__restrict__ out = (real *)p->out + i * c;
    const struct k_corners a = plane_corners(p->axes[0], q, p->h, p->w, c), b = plane_corners(p->axes[1], q, p->h, p->w, c),
                           d = plane_corners(p->axes[2], q, p->h, p->w, c);
    const real third = (real)1 / 3;
    const real a00 = third * a.y0 * a.x0, a01 = third * a.y0 * a.x1, a10 = third * a.y1 * a.x0, a11 = third * a.y1 * a.x1;
    const real b00 = third * b.y0 * b.x0, b01 = third * b.y0 * b.x1, b10 = third * b.y1 * b.x0, b11 = third * b.y1 * b.x1;
    const real d00 = third * d.y0 * d.x0, d01 = third * d.y0 * d.x1, d10 = third * d.y1 * d.x0, d11 = third * d.y1 * d.x1;
    const real *pa = planes, *pb = planes + plane, *pd = planes + 2 * plane;
    #pragma omp simd
    for (int64_t j = 0; j < c; j++)
        out[j] = a00 * pa[a.o00 + j] + a01 * pa[a.o01 + j] + a10 * pa[a.o10 + j] + a11 * pa[a.o11 + j]
               + b00 * pb[b.o00 + j] + b01 * pb[b.o01 + j] + b10 * pb[b.o10 + j] + b11 * pb[b.o11 + j]
               + d00 * pd[d.o00 + j] + d01 * pd[d.o01 + j] + d10 * pd[d.o10 + j] + d11 * pd[d.o11 + j];
}

KERNEL_ROWS_HEAVY(triplane_bwd_planes) {
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
