/* reduce.h -- reductions over the middle of x [outer, len, inner]. */
#ifndef K_REDUCE_H
#define K_REDUCE_H
#include <stdint.h>
enum { K_REDUCE_CHUNK = 256 };
struct k_sum_fwd {
    int64_t n;                  /* outer * chunks */
    int64_t len, inner, chunks; /* chunks = ceil(inner / K_REDUCE_CHUNK); 1 and inner 1 for a plain row sum */
    const void *x;              /* [outer,len,inner] */
    void *y;                    /* [outer,inner] */
    double scale;
};
struct k_sum_bwd { int64_t n, len, inner; const void *dy; /* [outer,inner] */ void *dx; /* [outer,len,inner], n = outer*len rows; ADDS */ double scale; };
struct k_spread_bwd { int64_t n, len, inner; const void *dy; /* [n] */ void *dx; /* [n,inner]; ADDS */ double scale; };
#endif
