/* conv.h -- arguments of the two-dimensional convolution kernels. */
#ifndef K_CONV_H
#define K_CONV_H
#include <stdint.h>
/* y[n,o,u,v] = sum over c,a,b of x[n,c, u*stride-pad+a, v*stride-pad+b] w[o,c,a,b], c within o's group; zero outside x.
 * Three kernels share the sizes; each OVERWRITES out. */
#define CONV_FIELDS {                                                                       \
    int64_t n;                          /* elements of out: one call each (rows for conv_bwd_w) */ \
    int64_t N, C, H, W, O, OH, OW, kh, kw, stride, pad, groups;                             \
    const void *x;                      /* [N,C,H,W] */                                     \
    const void *w;                      /* [O,C/groups,kh,kw] */                            \
    const void *y;                      /* [N,O,OH,OW]: y, or its gradient */               \
    void *out;                          /* the one of x, w, y that is computed; its own field is NULL */ }
struct k_conv CONV_FIELDS;
struct k_conv_fwd CONV_FIELDS;          /* y from x, w */
struct k_conv_bwd_x CONV_FIELDS;        /* dx from dy, w; also the transposed convolution */
struct k_conv_bwd_w CONV_FIELDS;        /* dw from x, dy */
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
#endif
