/* rasterize.h -- arguments of the rasterisation kernels. */
#ifndef K_RASTERIZE_H
#define K_RASTERIZE_H
#include <stdint.h>
struct k_rasterize_bin {
    int64_t n;                          /* N pictures */
    const void *pos;                    /* [N,V,3] */
    const int32_t *faces;               /* [F,3] */
    int32_t *start;                     /* [N,S+1]: scanline r of picture b owns list[start[r] .. start[r+1]) */
    int32_t *list;                      /* [N,capacity], or NULL to fill only start (start[S] = length) */
    int64_t v, f, size, capacity;
};
struct k_rasterize_fwd {
    int64_t n;                          /* N * S scanlines */
    const void *pos;
    const int32_t *faces;
    const int32_t *start, *list;        /* from the bins; NULL: every scanline tries every face */
    int32_t *index;                     /* [N,S,S], -1: none */
    void *w, *depth;                    /* [N,S,S,3], [N,S,S] */
    int64_t v, f, size, capacity;
};
struct k_rasterize_bwd {
    int64_t n;                          /* N * chunks rows */
    const void *pos;
    const int32_t *faces, *index;
    const void *dw, *ddepth;            /* [N,S,S,3], [N,S,S]; either may be NULL */
    void *dpos;                         /* [N,V,3], added to */
    int64_t v, f, size, chunk, chunks;  /* pixels of a row; chunks = 1 where sums must have one order */
};
#endif
