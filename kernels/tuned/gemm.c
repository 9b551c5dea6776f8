/* gemm.c -- matrix products: oneDNN's sgemm, which is up to a tenth faster than OpenBLAS on square matrices and up to
 * twice as fast on flat ones (docs/bench/ops.md); OpenBLAS for a matrix times a vector.
 * A batch of small products is spread over the threads, one product per thread (inside a parallel region both
 * libraries stay on the calling thread); large ones come one after the other with all threads. */
#include <cblas.h>
#include <dnnl.h>
#include <string.h>
#include "tuned.h"

/* Multiply-adds from which one product keeps several threads busy. */
enum { LARGE = 1 << 21 };

static int product(const struct k_matmul *p, int64_t t) {
    const int M = (int)p->M, N = (int)p->N, K = (int)p->K;
    float *c = (float *)p->c + t * p->M * p->N;
    for (int64_t s = 0; s < p->sum; s++) {
        const float *a = (const float *)p->a + t * p->a_batch + s * p->a_sum;
        const float *b = (const float *)p->b + t * p->b_batch + s * p->b_sum;
        const float beta = p->add || s ? 1.0f : 0.0f;
        /* A row or a column times a matrix: the matrix is read once, so a matrix-vector product is enough. */
        if (M == 1)
            cblas_sgemv(CblasRowMajor, p->tb ? CblasNoTrans : CblasTrans, p->tb ? N : K, p->tb ? K : N, 1, b, p->tb ? K : N, a, 1, beta, c, 1);
        else if (N == 1)
            cblas_sgemv(CblasRowMajor, p->ta ? CblasTrans : CblasNoTrans, p->ta ? K : M, p->ta ? M : K, 1, a, p->ta ? M : K, b, 1, beta, c, 1);
        else if (dnnl_sgemm(p->ta ? 'T' : 'N', p->tb ? 'T' : 'N', M, N, K, 1, a, p->ta ? M : K, b, p->tb ? K : N, beta, c, N)) return 1;
    }
    return 0;
}

int kt_matmul(const void *args) {
    const struct k_matmul *p = args;
    if (p->M > INT32_MAX || p->N > INT32_MAX || p->K > INT32_MAX) return 1;
    if (p->n == 0) return 0;
    if (p->K == 0 || p->sum == 0) {
        if (!p->add) memset(p->c, 0, (size_t)p->n * sizeof(float));
        return 0;
    }
    const int64_t work = p->M * p->N * p->K * p->sum;
    if (p->batch > 1 && work < LARGE) {
        int failed = 0;
        #pragma omp parallel for schedule(static) reduction(| : failed) if (p->batch * work > 65536)
        for (int64_t t = 0; t < p->batch; t++) failed |= product(p, t);
        return failed;
    }
    for (int64_t t = 0; t < p->batch; t++)
        if (product(p, t)) return 1;
    return 0;
}
