/* modconv.h -- arguments of the small kernels around a modulated convolution. */
#ifndef K_MODCONV_H
#define K_MODCONV_H
#include <stdint.h>
#include "conv.h"
/* out[r,:] (+)= x[r,:] * s[r] */
struct k_scale_rows {
    int64_t n, S;                       /* rows, their length */
    const void *x, *s;                  /* [n,S], [n] */
    void *out;                          /* [n,S]; may be x */
    int add;
};
/* out[r] = sum of x[r,:] * y[r,:];  dx, unless NULL: dx[r,:] (+)= x[r,:] * s[r], in the same pass */
struct k_row_dot {
    int64_t n, S;
    const void *x, *y, *s;              /* [n,S] twice, [n] */
    void *out;                          /* [n] */
    void *dx;                           /* [n,S] or NULL */
    int add;                            /* 1: add to dx */
};
/* out[o,c,:] = w[o,c,:] * s[c] * d[o]: the weights of one sample; s or d may be NULL (1) */
struct k_modulate {
    int64_t n;                          /* O * C */
    int64_t C, K;
    const void *w;                      /* [O,C,K] */
    const void *s, *d;                  /* [C], [O] */
    void *out;                          /* [O,C,K]; may be w */
};
/* Demodulation d[n,o] = 1 / sqrt(sum_c w2[o,c] s[n,c]^2 + eps) and what its gradient adds; h = dot d^2 with
 * dot[n,o] = sum dy y, so that d loss / d d = dot / d. */
#define MODCONV_FIELDS {                                                                  \
    int64_t n;                          /* rows or elements of out */                     \
    int64_t N, O, C, K;                 /* K: taps of a kernel */                         \
    const void *w;                      /* [O,C,K] */                                     \
    const void *w2;                     /* [O,C]: squares of w summed over its taps */    \
    const void *s;                      /* [N,C] */                                       \
    const void *d, *dot;                /* [N,O] */                                       \
    double eps;                                                                           \
    void *out; }
struct k_modconv MODCONV_FIELDS;        /* what the op fills, whichever of the three it calls */
struct k_modconv_demod MODCONV_FIELDS;  /* d; one row per [n,o] */
struct k_modconv_ds MODCONV_FIELDS;     /* ds[n,c] -= s[n,c] sum_o h[n,o] w2[o,c]; one element per [n,c] */
struct k_modconv_dw MODCONV_FIELDS;     /* dw[o,c,:] -= w[o,c,:] sum_n h[n,o] s[n,c]^2; one element per [o,c] */
/* The whole convolution with shared weights in one pass, where a device has it: conv, or with up its gradient to x (as modconv2d.c
 * calls them), of an operand whose channels are scaled by s; then per output channel o of sample n
 *     v = v d[n,o] + strength noise + b[o],   limit(gain * (v > 0 ? v : slope * v)) */
struct k_modconv_fwd {
    struct k_conv conv;                 /* its out is overwritten */
    int up;                             /* 1: the transposed form */
    const void *s, *d;                  /* [N, channels of the operand]; [N, channels of the result] or NULL */
    const void *b, *noise, *strength;   /* as in bias_act.h; NULL: none */
    int64_t noise_step;
    double slope, gain, limit;          /* 1, 1, infinity: nothing more */
};
#endif
