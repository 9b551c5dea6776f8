/* raymarch.c -- compositing along rays; formulas in raymarch_at.h. */
#include "k.h"
#include "raymarch.h"
#include "raymarch_at.h"

KERNEL_ROWS(depth_range) {
    const real *t = (const real *)p->depths;
    real lo = i == 0 ? t[0] : 0, hi = lo;
#ifndef K_CUDA
    #pragma omp simd reduction(min: lo) reduction(max: hi)
#endif
    K_LOOP(j, p->count) {
        lo = t[j] < lo ? t[j] : lo;
        hi = t[j] > hi ? t[j] : hi;
    }
    const real least = -(real)K_MAX(-lo), most = (real)K_MAX(hi);
    if (K_FIRST) {
        ((real *)p->range)[0] = least;
        ((real *)p->range)[1] = most;
    }
}

K_FN struct k_ray ray_at(const void *sigma, const void *rgb, const void *depths, int64_t i, int64_t d, int64_t c) {
    struct k_ray r = {(const real *)sigma + i * d, (const real *)rgb + i * d * c, (const real *)depths + i * d, c, d, c};
    return r;
}

KERNEL_HEAVY(raymarch_fwd) {
    const struct k_ray r = ray_at(p->sigma, p->rgb, p->depths, i, p->d, p->c);
    ray_forward(&r, (const real *)p->range, (real *)p->out + i * p->c, (real *)p->depth + i, (real *)p->weights + i * (p->d - 1));
}

KERNEL_HEAVY(raymarch_bwd) {
    const int64_t d = p->d, c = p->c;
    const struct k_ray r = ray_at(p->sigma, p->rgb, p->depths, i, d, c);
    if (d > K_RAYMARCH_MAX) return;
    ray_backward(&r, (const real *)p->range, p->dout ? (const real *)p->dout + i * c : 0, p->ddepth ? (const real *)p->ddepth + i : 0,
                 p->dweights ? (const real *)p->dweights + i * (d - 1) : 0, p->dsigma ? (real *)p->dsigma + i * d : 0,
                 p->drgb ? (real *)p->drgb + i * d * c : 0, p->ddepths ? (real *)p->ddepths + i * d : 0);
}
