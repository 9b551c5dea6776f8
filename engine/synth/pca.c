/* pca.c -- principal components of X = W B without forming X.
 *
 * The second moment of the samples is B^T C B with C = W^T W / n (K x K).  With C = L L^T and G = B B^T, the small matrix
 *     M = L^T G L = Q S Q^T
 * has the same non-zero eigenvalues, and B^T L q_j / sqrt(S_j) are the unit directions.  Hence, with unit mean square codes,
 *     mode_j = B^T L q_j,     map = G L Q / S. */
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "synth/pca.h"

/* out = a b, with a [n,k] (or [k,n] transposed), b [k,m]; row-major */
static void product(int n, int k, int m, const double *a, bool transposed, const double *b, double *out) {
    memset(out, 0, (size_t)n * (size_t)m * sizeof *out);
    for (int i = 0; i < n; i++)
        for (int l = 0; l < k; l++) {
            double x = transposed ? a[(size_t)l * n + i] : a[(size_t)i * k + l];
            for (int j = 0; j < m; j++) out[(size_t)i * m + j] += x * b[(size_t)l * m + j];
        }
}

/* Eigenvectors of the symmetric a [K,K] as columns, values ascending. */
static mn_status eigen(int K, double *a, double *values) {
    int info = LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'V', 'U', K, a, K, values);
    return info ? mn_fail(MN_EINTERNAL, "pca: eigenvalues of a %dx%d matrix did not converge (dsyev %d)", K, K, info) : MN_OK;
}

mn_status mn_pca(int n, int K, int64_t D, const double *w, const double *rows, int m, double *modes, double *map, double *variance) {
    if (n < 1 || K < 1 || D < 1 || m < 1 || m > K) return mn_fail(MN_EARG, "pca: %d modes of %d samples of %d rows", m, n, K);
    size_t kk = (size_t)K * (size_t)K;
    double *buffer = calloc(5 * kk + 2 * (size_t)K, sizeof *buffer);
    if (!buffer) return mn_fail(MN_ENOMEM, "pca: no memory for %d rows", K);
    double *L = buffer, *G = L + kk, *M = G + kk, *A = M + kk, *B = A + kk, *values = B + kk, *s = values + K;
    for (int r = 0; r < n; r++)
        for (int i = 0; i < K; i++)
            for (int j = 0; j < K; j++) L[i * K + j] += w[(size_t)r * K + i] * w[(size_t)r * K + j] / n;
    for (int i = 0; i < K; i++)
        for (int j = 0; j <= i; j++) {
            double sum = 0;
            for (int64_t d = 0; d < D; d++) sum += rows[i * D + d] * rows[j * D + d];
            G[i * K + j] = G[j * K + i] = sum;
        }
    mn_status status = eigen(K, L, values);
    if (!status) {
        for (int i = 0; i < K; i++)                      /* L = U sqrt(Lambda) */
            for (int j = 0; j < K; j++) L[i * K + j] *= sqrt(fmax(0, values[j]));
        product(K, K, K, G, false, L, A);
        product(K, K, K, L, true, A, M);
        status = eigen(K, M, s);
    }
    if (!status) {
        product(K, K, K, L, false, M, B);                /* columns: mixtures of rows that are the modes */
        product(K, K, K, A, false, M, G);                /* G L Q */
        for (int j = 0; j < m; j++) {
            int c = K - 1 - j;                           /* values ascend */
            bool empty = s[c] <= 1e-12 * s[K - 1];
            double *mode = modes + j * D, largest = 0;
            for (int64_t d = 0; d < D; d++) {
                mode[d] = 0;
                for (int k = 0; k < K && !empty; k++) mode[d] += B[k * K + c] * rows[k * D + d];
                if (fabs(mode[d]) > fabs(largest)) largest = mode[d];
            }
            double sign = largest < 0 ? -1 : 1;
            for (int64_t d = 0; d < D; d++) mode[d] *= sign;
            for (int k = 0; k < K; k++) map[(size_t)k * m + j] = empty ? 0 : sign * G[k * K + c] / s[c];
            if (variance) variance[j] = empty ? 0 : s[c];
        }
    }
    free(buffer);
    return status;
}
