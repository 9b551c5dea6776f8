/* grid_sample.h -- arguments of the bilinear lookup kernels; pictures are channels-last. */
#ifndef K_GRID_SAMPLE_H
#define K_GRID_SAMPLE_H
#include <stdint.h>
struct k_grid_sample_fwd {
    int64_t n;                          /* N * Ho rows */
    const void *x;                      /* [Nx,H,W,C], Nx = N or 1 */
    const void *grid;                   /* [N,Ho,Wo,2] */
    void *out;                          /* [N,Ho,Wo,C] */
    int64_t h, w, c, ho, wo;
    int32_t shared;                     /* Nx = 1 */
};
struct k_grid_sample_bwd_x {
    int64_t n;                          /* Nx * blocks * chunks rows */
    const void *grid, *dout;            /* [N,Ho,Wo,2], [N,Ho,Wo,C] */
    void *dx;                           /* [Nx,H,W,C], added to */
    int64_t h, w, c, points;            /* points that read one picture */
    int64_t block, blocks;              /* channels of a row, rows over the channels */
    int64_t chunk, chunks;              /* points of a row, rows over the points: 1 where sums must have one order */
};
struct k_grid_sample_bwd_grid {
    int64_t n;                          /* N * Ho rows */
    const void *x, *grid, *dout;        /* as above */
    void *dgrid;                        /* [N,Ho,Wo,2], added to */
    int64_t h, w, c, ho, wo;
    int32_t shared;
};
#endif
