/* pool.h -- arguments of the pooling kernels. */
#ifndef K_POOL_H
#define K_POOL_H
#include <stdint.h>
#define POOL_FIELDS {                                                                     \
    int64_t n;                          /* elements of out: one call each */              \
    int64_t planes, H, W, OH, OW;                                                         \
    int64_t k, stride, pad;             /* k = 0: cells that split the picture evenly */  \
    const void *x;                      /* forward: [planes,H,W]; backward: dy [planes,OH,OW] */ \
    int32_t *index;                     /* max: where in its plane each maximum was found, or NULL */ \
    int add;                            /* backward: 1 adds to out */                     \
    void *out; }
struct k_pool POOL_FIELDS;
struct k_max_pool_fwd POOL_FIELDS;
struct k_max_pool_bwd POOL_FIELDS;
struct k_avg_pool_fwd POOL_FIELDS;
struct k_avg_pool_bwd POOL_FIELDS;
#endif
