/* shape.h -- arguments of the copying kernels (permute, blocks, gather). */
#ifndef K_SHAPE_H
#define K_SHAPE_H
#include <stdint.h>
/* Rows of `inner` elements; row i has coordinates in dim[0..nd-1]; x is read at sum coordinate*step (+ j*inner_step). */
struct k_permute { int64_t n, inner, inner_step; const void *x; void *y; int nd; int64_t dim[6], step[6]; int add; /* 1: y += */ };
/* n rows of len elements, from x + i*x_step to y + i*y_step. */
struct k_block { int64_t n, len, x_step, y_step; const void *x; void *y; int add; };
/* y[i] = x[index[i]] for rows of `inner` elements; rows whose index lies outside [0,limit) are zero. */
struct k_gather { int64_t n, inner, limit; const void *x; const int32_t *index; void *y; };
/* dx[index[i / inner], i % inner] += dy[i], n = rows * inner. */
struct k_gather_bwd { int64_t n, inner, limit; const void *dy; const int32_t *index; void *dx; };
/* y[i] = x[i, index[i]]; its adjoint. */
struct k_pick { int64_t n, len; const void *x; const int32_t *index; void *y; };
struct k_pick_bwd { int64_t n, len; const void *dy; const int32_t *index; void *dx; };
#endif
