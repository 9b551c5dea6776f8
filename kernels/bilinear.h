/* bilinear.h -- the four corners of a bilinear lookup in a channels-last picture [h,w,c].
 *
 * A coordinate g in [-1,1] spans the picture from edge to edge (align_corners
 * false): ix = ((g + 1) w - 1) / 2.  Corners outside the picture count as zero:
 * their offset is moved inside and their weight is 0, so loads are always safe. */
#ifndef K_BILINEAR_H
#define K_BILINEAR_H
#include "k.h"

struct k_corners {
    int64_t o00, o01, o10, o11;         /* offsets of (y0,x0) (y0,x1) (y1,x0) (y1,x1), times c */
    real x0, x1, y0, y1;                /* weight of a corner = y * x */
    real dx0, dx1, dy0, dy1;            /* d weight / d ix, d iy: -1, +1, or 0 outside */
};

K_FN struct k_corners k_corners_at(real gx, real gy, int64_t h, int64_t w, int64_t c) {
    struct k_corners k = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    const real ix = ((gx + 1) * (real)w - 1) / 2, iy = ((gy + 1) * (real)h - 1) / 2;
    if (!(ix > -1 && ix < (real)w && iy > -1 && iy < (real)h)) return k;      /* also NaN */
    const real rx = k_floor(ix), ry = k_floor(iy), fx = ix - rx, fy = iy - ry;
    const int64_t xa = (int64_t)rx, ya = (int64_t)ry;
    const int left = xa >= 0, right = xa + 1 < w, top = ya >= 0, bottom = ya + 1 < h;
    const int64_t r0 = (top ? ya : 0) * w, r1 = (bottom ? ya + 1 : ya) * w;
    const int64_t c0 = left ? xa : 0, c1 = right ? xa + 1 : xa;
    k.o00 = (r0 + c0) * c; k.o01 = (r0 + c1) * c; k.o10 = (r1 + c0) * c; k.o11 = (r1 + c1) * c;
    k.x0 = left ? 1 - fx : 0; k.x1 = right ? fx : 0;
    k.y0 = top ? 1 - fy : 0; k.y1 = bottom ? fy : 0;
    k.dx0 = left ? -1 : 0; k.dx1 = right ? 1 : 0;
    k.dy0 = top ? -1 : 0; k.dy1 = bottom ? 1 : 0;
    return k;
}

/* d (sum_c g[c] * lookup[c]) / d (ix, iy), channels 0..c-1 of the picture at x. */
K_FN void k_corners_slope(const struct k_corners *k, const real *__restrict__ x, const real *__restrict__ g, int64_t c, real *dix, real *diy) {
    const real *a = x + k->o00, *b = x + k->o01, *d = x + k->o10, *e = x + k->o11;
    real s00 = 0, s01 = 0, s10 = 0, s11 = 0;
    #pragma omp simd reduction(+: s00, s01, s10, s11)
    for (int64_t j = 0; j < c; j++) {
        s00 += a[j] * g[j];
        s01 += b[j] * g[j];
        s10 += d[j] * g[j];
        s11 += e[j] * g[j];
    }
    *dix = k->y0 * (k->dx1 * s01 + k->dx0 * s00) + k->y1 * (k->dx1 * s11 + k->dx0 * s10);
    *diy = k->x0 * (k->dy1 * s10 + k->dy0 * s00) + k->x1 * (k->dy1 * s11 + k->dy0 * s01);
}

/* dst[0..len) += w * g[0..len): one corner's share of a gradient. */
K_FN void k_spread(real *__restrict__ dst, real w, const real *__restrict__ g, int64_t len) {
    if (w == 0) return;
    #pragma omp simd
    for (int64_t j = 0; j < len; j++) K_ATOMIC_ADD(&dst[j], w * g[j]);
}
/* All four corners.  One after the other: corners moved inside share an address. */
K_FN void k_spread_corners(const struct k_corners *k, real *dst, real scale, const real *g, int64_t len) {
    k_spread(dst + k->o00, scale * (k->y0 * k->x0), g, len);
    k_spread(dst + k->o01, scale * (k->y0 * k->x1), g, len);
    k_spread(dst + k->o10, scale * (k->y1 * k->x0), g, len);
    k_spread(dst + k->o11, scale * (k->y1 * k->x1), g, len);
}
#endif
