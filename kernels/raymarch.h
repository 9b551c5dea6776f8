/* raymarch.h -- arguments of the volume rendering kernels. */
#ifndef K_RAYMARCH_H
#define K_RAYMARCH_H
#include <stdint.h>
enum { K_RAYMARCH_MAX = 512 };          /* most samples along a ray */
struct k_depth_range {
    int64_t n;                          /* 1 */
    const void *depths;                 /* [count] */
    void *range;                        /* [2]: least, greatest */
    int64_t count;
};
struct k_raymarch_fwd {
    int64_t n;                          /* rays */
    const void *rgb, *sigma, *depths;   /* [n,D,C], [n,D], [n,D] */
    const void *range;                  /* [2] */
    void *out, *depth, *weights;        /* [n,C], [n], [n,D-1] */
    int64_t d, c;
};
struct k_raymarch_bwd {
    int64_t n;
    const void *rgb, *sigma, *depths, *range;
    const void *dout, *ddepth, *dweights;   /* any may be NULL */
    void *drgb, *dsigma, *ddepths;      /* added to; any may be NULL */
    int64_t d, c;
};
#endif
