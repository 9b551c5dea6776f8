/* transpose.h -- arguments of the batched matrix transpose. */
#ifndef K_TRANSPOSE_H
#define K_TRANSPOSE_H
#include <stdint.h>
enum { K_TRANSPOSE_TILE = 32 };
struct k_transpose {
    int64_t n;                          /* batch * row tiles * column tiles */
    const void *in;                     /* [batch, rows, cols] */
    void *out;                          /* [batch, cols, rows] */
    int64_t rows, cols;
    int32_t add;                        /* 1: add to out */
};
#endif
