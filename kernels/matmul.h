/* matmul.h -- arguments of the matrix product kernel. */
#ifndef K_MATMUL_H
#define K_MATMUL_H
#include <stdint.h>
/* c[t] (+)= sum over s < sum of A[t,s] B[t,s], where A is [M,K] and B is [K,N] once the transpose flags are applied. */
struct k_matmul {
    int64_t n;                          /* batch * M * N: one call per element of c */
    int64_t batch, M, N, K, sum;
    const void *a;                      /* matrices [M,K], or [K,M] when ta; dense */
    const void *b;                      /* matrices [K,N], or [N,K] when tb; dense */
    void *c;                            /* [batch,M,N] */
    int64_t a_batch, a_sum;             /* steps from one matrix to the next; 0: the same one again */
    int64_t b_batch, b_sum;
    int ta, tb;
    int add;                            /* 1: add to c, 0: overwrite */
};
/* Adds to out[j] the sum of x[:,j]; one call per column block. */
struct k_column_sum {
    int64_t n;                          /* blocks of 64 columns */
    int64_t rows, cols;
    const void *x;                      /* [rows,cols] */
    void *out;                          /* [cols] */
};
/* out[r,j] = b[j] */
struct k_row_fill {
    int64_t n;                          /* rows */
    int64_t cols;
    const void *b;                      /* [cols] */
    void *out;                          /* [rows,cols] */
};
#endif
