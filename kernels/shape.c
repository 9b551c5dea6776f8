/* shape.c -- kernels that move numbers: permutation, blocks, rows by index. */
#include "k.h"
#include "shape.h"

KERNEL_SPREAD(permute, inner) {
    int64_t at = 0, rest = i, step = p->inner_step;
    for (int d = p->nd - 1; d >= 0; d--) {
        at += rest % p->dim[d] * p->step[d];
        rest /= p->dim[d];
    }
    const real *x = (const real *)p->x + at;
    real *y = (real *)p->y + i * p->inner;
    if (p->add) { K_LOOP(j, p->inner) y[j] += x[j * step]; }
    else if (step == 1) { K_LOOP(j, p->inner) y[j] = x[j]; }
    else { K_LOOP(j, p->inner) y[j] = x[j * step]; }
}

KERNEL_SPREAD(block, len) {
    const real *x = (const real *)p->x + i * p->x_step;
    real *y = (real *)p->y + i * p->y_step;
    if (p->add) { K_LOOP(j, p->len) y[j] += x[j]; }
    else { K_LOOP(j, p->len) y[j] = x[j]; }
}

KERNEL_SPREAD(gather, inner) {
    int32_t r = p->index[i];
    real *y = (real *)p->y + i * p->inner;
    const real *x = (const real *)p->x + (int64_t)r * p->inner;
    if (r < 0 || r >= p->limit) { K_LOOP(j, p->inner) y[j] = 0; }
    else { K_LOOP(j, p->inner) y[j] = x[j]; }
}
KERNEL_SERIAL(gather_bwd) {
    int32_t r = p->index[i / p->inner];
    if (r >= 0 && r < p->limit) K_ATOMIC_ADD((real *)p->dx + (int64_t)r * p->inner + i % p->inner, ((const real *)p->dy)[i]);
}

KERNEL(pick) {
    int32_t r = p->index[i];
    ((real *)p->y)[i] = r >= 0 && r < p->len ? ((const real *)p->x)[i * p->len + r] : 0;
}
KERNEL(pick_bwd) {
    int32_t r = p->index[i];
    if (r >= 0 && r < p->len) ((real *)p->dx)[i * p->len + r] += ((const real *)p->dy)[i];
}
