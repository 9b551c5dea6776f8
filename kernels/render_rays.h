/* render_rays.h -- arguments of the fused tri-plane renderer (kernels/tuned/render_rays.c). */
#ifndef K_RENDER_RAYS_H
#define K_RENDER_RAYS_H
#include <stdint.h>
struct k_render_rays {
    int64_t n;                          /* N * R rays */
    int64_t rays, h, w, c, d;           /* R; planes' size and channels C; samples D of a ray */
    int64_t hidden, colours;            /* decoder C -> hidden -> 1 + colours */
    const void *planes;                 /* [N,3,H,W,C] */
    double axes[3][6];                  /* as in triplane.h */
    const void *deformation;            /* [N,G,G,G,3] (z, y, x), taken off from points; NULL: none */
    int64_t nodes;                      /* G, from 2 on */
    double cube;                        /* side of the cube that G cells a side fill, nodes in their centres */
    const void *origins, *dirs;         /* [n,3] */
    const void *depths, *range;         /* [n,D]; [2], least and greatest of all depths */
    const void *w0, *b0, *w1, *b1;      /* [hidden,C], [hidden], [1+colours,hidden], [1+colours] */
    void *out, *depth, *weights;        /* forward: [n,colours], [n], [n,D-1] */
    /* backward */
    const void *dout, *ddepth, *dweights;   /* like the outputs; any may be NULL */
    void *dfeatures, *points;           /* [n,D,C], [n,D,3], written, rays in the order they were done; NULL: not wanted */
    void *dplanes;                      /* on a GPU where sums need no order, in place of the two: [N,3,H,W,C], added to; or NULL */
    void *dw0, *db0, *dw1, *db1;        /* added to; all NULL where the decoder wants none */
};
#endif
