/* channel.c -- kernels that treat every channel alike: scale and shift, sums, parametric ReLU. */
#include "k.h"
#include "channel.h"
#include "simd.h"

KERNEL_SPREAD(channel_affine, S) {
    const int64_t c = i % p->C;
    const real scale = p->scale ? ((const real *)p->scale)[c] : 1, shift = p->shift ? ((const real *)p->shift)[c] : 0;
    const real *x = (const real *)p->x + i * p->S;
    real *out = (real *)p->out + i * p->S;
    if (p->add) { K_LOOP(s, p->S) out[s] += x[s] * scale + shift; }
    else { K_LOOP(s, p->S) out[s] = x[s] * scale + shift; }
}

KERNEL_ROWS(channel_sum) {
    k_acc sum = 0;
    for (int64_t n = 0; n < p->N; n++) {
        const int64_t at = (n * p->C + i) * p->S;
        const real *x = (const real *)p->x + at, *y = p->y ? (const real *)p->y + at : (const real *)0;
        if (y) { K_SIMD_SUM(sum) K_LOOP(s, p->S) sum += (k_acc)x[s] * y[s]; }
        else { K_SIMD_SUM(sum) K_LOOP(s, p->S) sum += x[s]; }
    }
    sum = K_SUM(sum);
    if (K_FIRST) ((real *)p->out)[i] += (real)sum;
}

KERNEL_SPREAD(prelu_fwd, S) {
    const real slope = ((const real *)p->slope)[i % p->C];
    const real *x = (const real *)p->x + i * p->S;
    real *out = (real *)p->out + i * p->S;
    K_LOOP(s, p->S) out[s] = x[s] * (x[s] > 0 ? 1 : slope);
}

KERNEL_SPREAD(prelu_bwd, S) {
    const real slope = ((const real *)p->slope)[i % p->C];
    const real *x = (const real *)p->x + i * p->S, *dy = (const real *)p->dy + i * p->S;
    real *out = (real *)p->out + i * p->S;
    if (p->add) { K_LOOP(s, p->S) out[s] += dy[s] * (x[s] > 0 ? 1 : slope); }
    else { K_LOOP(s, p->S) out[s] = dy[s] * (x[s] > 0 ? 1 : slope); }
}

KERNEL_ROWS(prelu_bwd_slope) {
    k_acc sum = 0;
    for (int64_t n = 0; n < p->N; n++) {
        const int64_t at = (n * p->C + i) * p->S;
        const real *x = (const real *)p->x + at, *dy = (const real *)p->dy + at;
        K_SIMD_SUM(sum)
        K_LOOP(s, p->S) sum += x[s] > 0 ? 0 : (k_acc)dy[s] * x[s];
    }
    sum = K_SUM(sum);
    if (K_FIRST) ((real *)p->out)[i] += (real)sum;
}
