/* reduce.h -- arguments of the GPU's reductions (reduce.cu), filled by plan_reduce.c. */
#ifndef KC_REDUCE_H
#define KC_REDUCE_H
#include <stdint.h>
#include "../bias_act.h"
#include "../modconv.h"
#include "../raymarch.h"

enum { KC_PIECE = 4096, KC_COLUMNS = 32 };      /* numbers of a row that a block takes; columns of a block */

/* Row r is x[q,r,:] for q < N one after the other; every row is cut into N * per pieces. */
enum kc_term { KC_X, KC_XY, KC_BELOW };         /* x; x y; x y where x <= 0 */
struct kc_sum_rows {
    int64_t rows, N, S, per;                    /* per: pieces of S */
    const void *x, *y;                          /* [N,rows,S] */
    void *parts;                                /* [N*per,rows] */
    int term;
};
/* Short rows, a warp each: out[r] = scale sum x[r,:] */
struct kc_sum_short {
    int64_t rows, S;
    const void *x;
    void *out;
    double scale;
};
/* Columns of x [outer,len,inner], the rows cut into `pieces`.  With mean and rstd [len]: of y and of y (x - mean) rstd, outer 1. */
struct kc_sum_columns {
    int64_t outer, len, inner, pieces;
    const void *x, *y, *mean, *rstd;
    void *parts, *parts_y;                      /* [pieces,outer,inner]; parts_y: the sums of y alone */
};
/* out[i] = (add: out[i]) + scale sum over pieces of parts[piece,i], a warp for each i */
struct kc_sum_finish {
    int64_t n, pieces;
    const void *parts;
    void *out;
    double scale;
    int add;
};
/* bias_act_bwd and row_dot: one pass over a row in pieces, whose sums go to parts [pieces,n] (row_b, row_s or out where there is one piece). */
struct kc_bias_act_bwd { struct k_bias_act_bwd p; };
struct kc_row_dot { struct k_row_dot p; };
struct kc_depth_range {
    int64_t count;
    const void *depths;
    void *parts;                                /* [blocks,2] */
    void *range;                                /* [2], by the second launch, which reads `blocks` parts */
    int64_t blocks;
};
#endif
