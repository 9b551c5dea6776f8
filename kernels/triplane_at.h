/* triplane_at.h -- one tri-plane lookup, shared by triplane.c and the fused renderer:
 *     out[:] = (1/3) sum_k plane_k at (q . axes_k), planes channels-last [3,h,w,c] */
#ifndef K_TRIPLANE_AT_H
#define K_TRIPLANE_AT_H
#include "bilinear.h"

K_FN struct k_corners plane_corners(const double *axes, const real *q, int64_t h, int64_t w, int64_t c) {
    return k_corners_at(q[0] * (real)axes[0] + q[1] * (real)axes[1] + q[2] * (real)axes[2],
                        q[0] * (real)axes[3] + q[1] * (real)axes[4] + q[2] * (real)axes[5], h, w, c);
}

K_FN void triplane_at(const real *planes, const double (*axes)[6], const real *q, int64_t h, int64_t w, int64_t c, real *__restrict__ out) {
    const int64_t plane = h * w * c;
    const struct k_corners a = plane_corners(axes[0], q, h, w, c), b = plane_corners(axes[1], q, h, w, c), d = plane_corners(axes[2], q, h, w, c);
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
#endif
