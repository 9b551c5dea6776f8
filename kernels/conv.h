/* conv.h -- arguments of the two-dimensional convolution kernels. */
#ifndef K_CONV_H
#define K_CONV_H
#include <stdint.h>
/* y[n,o,u,v] = sum over c,a,b of x[n,c, u*stride-pad+a, v*stride-pad+b] w[o,c,a,b], c within o's group; zero outside x.
 * Three kernels share the sizes; each OVERWRITES out. */
#define CONV_FIELDS {                                                                       \
    int64_t n;                          /* elements of out: one call each (rows for conv_bwd_w) */ \
    int64_t N, C, H, W, O, OH, OW, kh, kw, stride, pad, groups;                             \
    int64_t swapped;                                                                        \
    const void *x;                      /* [N,C,H,W] */                                     \
    const void *w;                      /* [O,C/groups,kh,kw], or [C,O,kh,kw] when swapped (one group then) */ \
    const void *y;                      /* [N,O,OH,OW]: y, or its gradient */               \
    void *out;                          /* the one of x, w, y that is computed; its own field is NULL */ }
struct k_conv CONV_FIELDS;
struct k_conv_fwd CONV_FIELDS;          /* y from x, w */
struct k_conv_bwd_x CONV_FIELDS;        /* dx from dy, w; also the transposed convolution */
struct k_conv_bwd_w CONV_FIELDS;        /* dw from x, dy */
#endif
