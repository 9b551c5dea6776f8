/* rays.h -- arguments of the kernels that make rays and depths along them. */
#ifndef K_RAYS_H
#define K_RAYS_H
#include <stdint.h>
enum { K_DEPTHS_MAX = 512 };            /* most coarse samples along a ray */
struct k_rays {
    int64_t n;                          /* N * R * R */
    const void *cam;                    /* [N,25]: camera-to-world 4x4, intrinsics 3x3 */
    void *origins, *dirs;               /* [N,R*R,3] each */
    int64_t res;
};
struct k_depths_coarse {
    int64_t n;                          /* rays */
    const void *u;                      /* [n,D] in [0,1), or NULL: 0.5 */
    void *out;                          /* [n,D] */
    int64_t steps;
    double first, last;
};
struct k_depths_importance {
    int64_t n;                          /* rays */
    const void *weights, *depths, *u;   /* [n,D-1], [n,D], [n,K] or NULL: (i + 0.5) / K */
    void *out;                          /* [n,K] */
    int64_t d, steps;
};
struct k_depths_merge {
    int64_t n;                          /* rays */
    const void *a, *b;                  /* [n,Da], [n,Db] */
    void *out;                          /* [n,Da+Db], ascending */
    int32_t *order;                     /* [n,Da+Db]: place in (a, b) */
    int64_t da, db;
};
struct k_merge_samples {
    int64_t n;                          /* rays */
    const void *a, *b;                  /* [n,Da,C], [n,Db,C] */
    const int32_t *order;
    void *out;                          /* [n,Da+Db,C] */
    int64_t da, db, c;
};
struct k_merge_samples_bwd {
    int64_t n;
    void *da_out, *db_out;              /* gradients added to, or NULL */
    const int32_t *order;
    const void *dout;
    int64_t da, db, c;
};
#endif
