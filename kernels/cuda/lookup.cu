/* lookup.cu -- bilinear lookups of channels-last pictures (kernels/grid_sample.h) with neighbouring threads on neighbouring channels, so
 * that a corner is read, and a gradient added, as one piece of memory.  The plain kernels give a point to a thread. */
#include "../k.h"
#include "../bilinear.h"
#include "lookup.h"

/* This thread's point, and its channel in steps of lanes. */
K_FN int64_t point_of(int lanes) { return blockIdx.x * (int64_t)(K_THREADS / lanes) + (int)threadIdx.x / lanes; }

K_GLOBAL(kc_grid_sample_fwd, kc_grid_sample_fwd, K_THREADS) {
    const int64_t i = point_of(a.lanes), c = a.p.c;
    if (i >= a.points) return;
    const float *const g = (const float *)a.p.grid + 2 * i, *const x = (const float *)a.p.x + (a.p.shared ? 0 : i / (a.p.ho * a.p.wo) * a.p.h * a.p.w * c);
    const struct k_corners k = k_corners_at(g[0], g[1], a.p.h, a.p.w, c);
    const float w00 = k.y0 * k.x0, w01 = k.y0 * k.x1, w10 = k.y1 * k.x0, w11 = k.y1 * k.x1;
    for (int64_t q = (int)threadIdx.x % a.lanes; q < c; q += a.lanes)
        ((float *)a.p.out)[i * c + q] = w00 * x[k.o00 + q] + w01 * x[k.o01 + q] + w10 * x[k.o10 + q] + w11 * x[k.o11 + q];
}

K_GLOBAL(kc_grid_sample_bwd_x, kc_grid_sample_bwd_x, K_THREADS) {
    const int64_t i = point_of(a.lanes), c = a.p.c;
    if (i >= a.points) return;
    const float *const g = (const float *)a.p.grid + 2 * i;
    float *const dx = (float *)a.p.dx + i / a.p.points * a.p.h * a.p.w * c;
    const struct k_corners k = k_corners_at(g[0], g[1], a.p.h, a.p.w, c);
    const float w00 = k.y0 * k.x0, w01 = k.y0 * k.x1, w10 = k.y1 * k.x0, w11 = k.y1 * k.x1;
    for (int64_t q = (int)threadIdx.x % a.lanes; q < c; q += a.lanes) {
        const float v = ((const float *)a.p.dout)[i * c + q];
        if (w00 != 0) K_ATOMIC_ADD(dx + k.o00 + q, w00 * v);
        if (w01 != 0) K_ATOMIC_ADD(dx + k.o01 + q, w01 * v);
        if (w10 != 0) K_ATOMIC_ADD(dx + k.o10 + q, w10 * v);
        if (w11 != 0) K_ATOMIC_ADD(dx + k.o11 + q, w11 * v);
    }
}

K_GLOBAL(kc_grid_sample_bwd_grid, kc_grid_sample_bwd_grid, K_THREADS) {
    const int64_t mine = point_of(a.lanes), i = mine < a.points ? mine : 0, c = a.p.c;       /* all lanes meet in the shuffles */
    const float *const g = (const float *)a.p.grid + 2 * i, *const x = (const float *)a.p.x + (a.p.shared ? 0 : i / (a.p.ho * a.p.wo) * a.p.h * a.p.w * c);
    const struct k_corners k = k_corners_at(g[0], g[1], a.p.h, a.p.w, c);
    float s00 = 0, s01 = 0, s10 = 0, s11 = 0;
    for (int64_t q = (int)threadIdx.x % a.lanes; q < c; q += a.lanes) {
        const float v = ((const float *)a.p.dout)[i * c + q];
        s00 += x[k.o00 + q] * v;
        s01 += x[k.o01 + q] * v;
        s10 += x[k.o10 + q] * v;
        s11 += x[k.o11 + q] * v;
    }
    float dix = k.y0 * (k.dx1 * s01 + k.dx0 * s00) + k.y1 * (k.dx1 * s11 + k.dx0 * s10);
    float diy = k.x0 * (k.dy1 * s10 + k.dy0 * s00) + k.x1 * (k.dy1 * s11 + k.dy0 * s01);
    for (int o = a.lanes / 2; o; o >>= 1) {
        dix += k_shuffle_xor(dix, o);
        diy += k_shuffle_xor(diy, o);
    }
    if (mine >= a.points || (int)threadIdx.x % a.lanes) return;
    ((float *)a.p.dgrid)[2 * i] += dix * (float)a.p.w / 2;
    ((float *)a.p.dgrid)[2 * i + 1] += diy * (float)a.p.h / 2;
}
