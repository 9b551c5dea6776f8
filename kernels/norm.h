/* norm.h -- row-wise normalisations; rows of len elements. */
#ifndef K_NORM_H
#define K_NORM_H
#include <stdint.h>
struct k_softmax_fwd { int64_t n, len; const void *x; void *y; int log; };
struct k_softmax_bwd { int64_t n, len; const void *y, *dy; void *dx; /* ADDS */ int log; };
struct k_layer_norm_fwd { int64_t n, len; const void *x, *w, *b; /* w, b [len] or NULL */ void *y, *mean, *rstd; /* [n] */ double eps; };
struct k_layer_norm_bwd { int64_t n, len; const void *x, *w, *dy, *mean, *rstd; void *dx; /* ADDS */ };
/* dw[j] += sum_rows dy * xhat, db[j] += sum_rows dy; n: blocks of 64 columns j */
struct k_layer_norm_bwd_w { int64_t n, len, rows; const void *x, *dy, *mean, *rstd; void *dw, *db; };
#endif
