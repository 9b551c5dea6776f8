/* channel.h -- arguments of the kernels that treat every channel alike. */
#ifndef K_CHANNEL_H
#define K_CHANNEL_H
#include <stdint.h>
/* Per channel over [N,C,S]: out[n,c,:] = x[n,c,:] * scale[c] + shift[c]; scale or shift may be NULL (1, 0). */
struct k_channel_affine {
    int64_t n;                          /* N * C rows */
    int64_t C, S;
    const void *x;                      /* [N,C,S] */
    const void *scale, *shift;          /* [C] or NULL */
    void *out;                          /* [N,C,S] */
    int add;                            /* 1: add to out */
};
/* Adds to out[c] the sum over n and s of x[n,c,s], times y[n,c,s] where y is given. */
struct k_channel_sum {
    int64_t n;                          /* C rows */
    int64_t N, C, S;
    const void *x, *y;                  /* [N,C,S]; y may be NULL */
    void *out;                          /* [C] */
};
/* y = x > 0 ? x : slope[c] * x.  Forward: out is y.  prelu_bwd: out is dx, from dy.  prelu_bwd_slope: out[c] += sum of dy x
 * over x <= 0. */
#define PRELU_FIELDS {                                                                    \
    int64_t n;                          /* rows: N * C, or C for the slope's gradient */  \
    int64_t N, C, S;                                                                      \
    const void *x, *dy;                 /* [N,C,S] */                                     \
    const void *slope;                  /* [C] */                                         \
    int add;                            /* prelu_bwd: 1 adds to out */                    \
    void *out; }
struct k_prelu PRELU_FIELDS;
struct k_prelu_fwd PRELU_FIELDS;
struct k_prelu_bwd PRELU_FIELDS;
struct k_prelu_bwd_slope PRELU_FIELDS;
#endif
