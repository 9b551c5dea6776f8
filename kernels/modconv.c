/* modconv.c -- the small kernels around a modulated convolution: scaling and dotting the channels, demodulation. */
#include "k.h"
#include "modconv.h"
#include "simd.h"

KERNEL_SPREAD(scale_rows, S) {
    const real *x = (const real *)p->x + i * p->S, s = ((const real *)p->s)[i];
    real *out = (real *)p->out + i * p->S;
    if (p->add) { K_LOOP(j, p->S) out[j] += x[j] * s; }
    else { K_LOOP(j, p->S) out[j] = x[j] * s; }
}

KERNEL_ROWS(row_dot) {
    const real *x = (const real *)p->x + i * p->S, *y = (const real *)p->y + i * p->S;
    k_acc sum = 0;
    if (p->dx) {
        const real s = ((const real *)p->s)[i];
        real *dx = (real *)p->dx + i * p->S;
        if (p->add) { K_SIMD_SUM(sum) K_LOOP(j, p->S) { sum += (k_acc)x[j] * y[j]; dx[j] += x[j] * s; } }
        else { K_SIMD_SUM(sum) K_LOOP(j, p->S) { sum += (k_acc)x[j] * y[j]; dx[j] = x[j] * s; } }
    } else { K_SIMD_SUM(sum) K_LOOP(j, p->S) sum += (k_acc)x[j] * y[j]; }
    sum = K_SUM(sum);
    if (K_FIRST) ((real *)p->out)[i] = (real)sum;
}

KERNEL(modulate) {
    const real *w = (const real *)p->w + i * p->K;
    real *out = (real *)p->out + i * p->K, f = 1;
    if (p->s) f *= ((const real *)p->s)[i % p->C];
    if (p->d) f *= ((const real *)p->d)[i / p->C];
    for (int64_t k = 0; k < p->K; k++) out[k] = w[k] * f;
}

KERNEL_ROWS(modconv_demod) {
    const real *w2 = (const real *)p->w2 + i % p->O * p->C, *s = (const real *)p->s + i / p->O * p->C;
    k_acc sum = 0;
    K_SIMD_SUM(sum)
    K_LOOP(c, p->C) sum += (k_acc)w2[c] * s[c] * s[c];
    sum = K_SUM(sum);
    if (K_FIRST) ((real *)p->out)[i] = 1 / k_sqrt((real)(sum + p->eps));
}

KERNEL(modconv_ds) {
    const int64_t n = i / p->C, c = i % p->C;
    const real *d = (const real *)p->d + n * p->O, *dot = (const real *)p->dot + n * p->O, *w2 = (const real *)p->w2 + c;
    k_acc sum = 0;
    for (int64_t o = 0; o < p->O; o++) sum += (k_acc)dot[o] * d[o] * d[o] * w2[o * p->C];
    ((real *)p->out)[i] -= (real)(sum * ((const real *)p->s)[i]);
}

KERNEL(modconv_dw) {
    const int64_t o = i / p->C, c = i % p->C;
    const real *d = (const real *)p->d + o, *dot = (const real *)p->dot + o, *s = (const real *)p->s + c;
    k_acc sum = 0;
    for (int64_t n = 0; n < p->N; n++) sum += (k_acc)dot[n * p->O] * d[n * p->O] * d[n * p->O] * s[n * p->C] * s[n * p->C];
    const real *w = (const real *)p->w + i * p->K;
    real *out = (real *)p->out + i * p->K;
    for (int64_t k = 0; k < p->K; k++) out[k] -= (real)(sum * w[k]);
}
