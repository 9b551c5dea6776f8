/* reduce.c -- y[o,i] = scale * sum_r x[o,r,i]; its adjoint spreads dy back.  Sums are kept in k_acc (double on the CPU). */
#include "k.h"
#include "reduce.h"

KERNEL_ROWS(sum_fwd) {
    const real *x = (const real *)p->x;
    real *y = (real *)p->y;
    if (p->inner == 1) {
        k_acc s = 0;
        K_LOOP(r, p->len) s += x[i * p->len + r];
        s = K_SUM(s);
        if (K_FIRST) y[i] = (real)(s * p->scale);
        return;
    }
    int64_t o = i / p->chunks, first = i % p->chunks * K_REDUCE_CHUNK;
    int64_t count = p->inner - first < K_REDUCE_CHUNK ? p->inner - first : K_REDUCE_CHUNK;
    x += o * p->len * p->inner + first;
    y += o * p->inner + first;
#ifdef K_CUDA
    K_LOOP(j, count) {
        k_acc s = 0;
        for (int64_t r = 0; r < p->len; r++) s += x[r * p->inner + j];
        y[j] = (real)(s * p->scale);
    }
#else
    k_acc s[K_REDUCE_CHUNK] = {0};
    for (int64_t r = 0; r < p->len; r++)
        for (int64_t j = 0; j < count; j++) s[j] += x[r * p->inner + j];
    for (int64_t j = 0; j < count; j++) y[j] = (real)(s[j] * p->scale);
#endif
}

KERNEL_SPREAD(sum_bwd, inner) {
    const real *dy = (const real *)p->dy + i / p->len * p->inner;
    real *dx = (real *)p->dx + i * p->inner, scale = (real)p->scale;
    K_LOOP(j, p->inner) dx[j] += scale * dy[j];
}

/* The adjoint of a row sum: every element of a row gets the row's dy. */
KERNEL_SPREAD(spread_bwd, inner) {
    real *dx = (real *)p->dx + i * p->inner, g = (real)p->scale * ((const real *)p->dy)[i];
    K_LOOP(j, p->inner) dx[j] += g;
}
