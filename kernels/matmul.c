/* matmul.c -- the plain matrix product, one output element per call, and the two helpers of `linear`.
 * The reference for kernels/tuned/gemm.c, and what f64 and devices without a tuned version run. */
#include "k.h"
#include "matmul.h"

KERNEL(matmul) {
    const int64_t col = i % p->N, row = i / p->N % p->M, t = i / (p->M * p->N);
    const int64_t a_step = p->ta ? p->M : 1, b_step = p->tb ? 1 : p->N;
    const real *a = (const real *)p->a + t * p->a_batch + (p->ta ? row : row * p->K);
    const real *b = (const real *)p->b + t * p->b_batch + (p->tb ? col * p->K : col);
    k_acc v = 0;
    for (int64_t s = 0; s < p->sum; s++, a += p->a_sum, b += p->b_sum)
        for (int64_t k = 0; k < p->K; k++) v += (k_acc)a[k * a_step] * b[k * b_step];
    real *c = (real *)p->c + i;
    *c = p->add ? *c + (real)v : (real)v;
}

KERNEL_ROWS(column_sum) {
    const int64_t first = i * 64, width = p->cols - first < 64 ? p->cols - first : 64;
    K_LOOP(g, (width + K_COLUMNS - 1) / K_COLUMNS) {
        const int64_t from = first + g * K_COLUMNS, left = p->cols - from;
        const int m = left < K_COLUMNS ? (int)left : K_COLUMNS;
        const real *x = (const real *)p->x + from;
        k_acc v[K_COLUMNS] = {0};
        if (m == K_COLUMNS)
            for (int64_t r = 0; r < p->rows; r++)
                for (int j = 0; j < K_COLUMNS; j++) v[j] += x[r * p->cols + j];
        else
            for (int64_t r = 0; r < p->rows; r++)
                for (int j = 0; j < m; j++) v[j] += x[r * p->cols + j];
        for (int j = 0; j < m; j++) ((real *)p->out)[from + j] += (real)v[j];
    }
}

KERNEL_SPREAD(row_fill, cols) {
    const real *b = (const real *)p->b;
    real *out = (real *)p->out + i * p->cols;
    K_LOOP(j, p->cols) out[j] = b[j];
}
