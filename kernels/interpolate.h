/* interpolate.h -- arguments of the attribute interpolation kernels. */
#ifndef K_INTERPOLATE_H
#define K_INTERPOLATE_H
#include <stdint.h>
/* attr is [F,3,D] (faces NULL), or [A,V,D] with A = N or 1 (stride 0); rows counts its first or vertex axis. */
struct k_interpolate_fwd {
    int64_t n;                          /* N * S * S pixels */
    const void *w, *attr;               /* [n,3] */
    const int32_t *index, *faces;       /* [n], -1: none; [F,3] */
    void *out;                          /* [n,D] */
    int64_t d, f, v, per, stride;       /* per: pixels of a picture; stride: numbers between pictures' attr */
};
struct k_interpolate_bwd_w {
    int64_t n;
    const void *attr, *dout;
    const int32_t *index, *faces;
    void *dw;                           /* [n,3], added to */
    int64_t d, f, v, per, stride;
};
struct k_interpolate_bwd_attr {
    int64_t n;                          /* A * blocks * chunks rows */
    const void *w, *dout;
    const int32_t *index, *faces;
    void *dattr;                        /* added to */
    int64_t d, f, v, points, stride;    /* points: pixels that read one attr */
    int64_t block, blocks, chunk, chunks;
};
#endif
