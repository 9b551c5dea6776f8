/* triplane.h -- arguments of the tri-plane lookup; planes are channels-last. */
#ifndef K_TRIPLANE_H
#define K_TRIPLANE_H
#include <stdint.h>
struct k_triplane_fwd {
    int64_t n;                          /* N * M points */
    const void *planes;                 /* [N,3,H,W,C] */
    const void *points;                 /* [N,M,3] */
    void *out;                          /* [N,M,C] */
    int64_t m, h, w, c;
    double axes[3][6];                  /* plane k: column = p . axes[k][0..2], row = p . axes[k][3..5] */
};
struct k_triplane_bwd_planes {
    int64_t n;                          /* N * 3 * blocks * chunks rows */
    const void *points, *dout;          /* [N,M,3], [N,M,C] */
    void *dplanes;                      /* [N,3,H,W,C], added to */
    int64_t m, h, w, c;
    int64_t block, blocks, chunk, chunks;   /* channels and points of a row, as in grid_sample.h */
    double axes[3][6];
};
struct k_triplane_bwd_points {
    int64_t n;                          /* N * M points */
    const void *planes, *points, *dout;
    void *dpoints;                      /* [N,M,3], added to */
    int64_t m, h, w, c;
    double axes[3][6];
};
#endif
