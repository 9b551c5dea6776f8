/* lbs.h -- arguments of the skinning kernels. */
#ifndef K_LBS_H
#define K_LBS_H
#include <stdint.h>
struct k_rodrigues_fwd { int64_t n; const void *r; /* [n,3] */ void *out; /* [n,3,3] */ };
struct k_rodrigues_bwd { int64_t n; const void *r, *dout; void *dr; /* added to */ };
struct k_bones_fwd {
    int64_t n;                          /* N */
    const void *joints, *rot;           /* [N,J,3], [N,J,3,3] */
    const int32_t *parents;             /* [J], -1: a root; parents come first */
    void *chain;                        /* [N,J,12]: rotation and translation of every joint's frame, rows of 3x4 */
    void *bones;                        /* [N,J,12]: what is applied to vertices */
    void *posed;                        /* [N,J,3] */
    int64_t j;
};
struct k_bones_bwd {
    int64_t n;
    const void *joints, *rot, *chain;
    const int32_t *parents;
    void *dbones;                       /* [N,J,12], used up */
    const void *dposed;                 /* [N,J,3] or NULL */
    void *djoints, *drot;               /* added to; NULL where not wanted */
    int64_t j;
};
struct k_skin_fwd {
    int64_t n;                          /* N * V */
    const void *v, *weights, *bones;    /* [N,V,3], [V,J], [N,J,12] */
    void *out;                          /* [N,V,3] */
    int64_t verts, j;
};
struct k_skin_bwd_v {
    int64_t n;                          /* N * V */
    const void *weights, *bones, *dout;
    void *dv;                           /* added to */
    int64_t verts, j;
};
struct k_skin_bwd_bones {
    int64_t n;                          /* N * J rows */
    const void *v, *weights, *dout;
    void *dbones;                       /* [N,J,12], written */
    int64_t verts, j;
};
#endif
