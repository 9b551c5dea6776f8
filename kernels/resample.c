/* resample.c -- one axis of a separable resize, for given taps (resample.h); the adjoint is
 * the same kernel with the transposed taps. */
#include "k.h"
#include "resample.h"

KERNEL_ROWS(resample_rows) {
    const int64_t width = p->width, k = i % p->out_len;
    const real *weight = (const real *)p->weight + k * p->taps;
    const real *in = (const real *)p->in + (i / p->out_len * p->in_len + p->first[k]) * width;
    real *__restrict__ out = (real *)p->out + i * width;
    if (!p->add) { K_LOOP(j, width) out[j] = weight[0] * in[j]; }
    else { K_LOOP(j, width) out[j] += weight[0] * in[j]; }
    for (int64_t t = 1; t < p->taps; t++) {
        const real w = weight[t], *__restrict__ line = in + t * width;
        K_LOOP(j, width) out[j] += w * line[j];
    }
}

KERNEL_ROWS(resample_cols) {
    const real *in = (const real *)p->in + i * p->in_len;
    real *out = (real *)p->out + i * p->out_len;
    const int64_t taps = p->taps;
    K_LOOP(k, p->out_len) {
        const real *w = (const real *)p->weight + k * taps, *x = in + p->first[k];
        real s = 0;
        for (int64_t t = 0; t < taps; t++) s += w[t] * x[t];
        out[k] = p->add ? out[k] + s : s;
    }
}
