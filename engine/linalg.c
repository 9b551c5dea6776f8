/* linalg.c -- see linalg.h.  Eigenvectors and QR by LAPACK. */
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "linalg.h"

static bool finite_all(const double *a, int64_t n) {
    for (int64_t i = 0; i < n; i++) if (!isfinite(a[i])) return false;
    return true;
}

mn_status mn_eigen_symmetric(int64_t n, double *a, double *w) {
    if (n < 1 || n > 16384) return mn_fail(MN_EARG, "eigen_symmetric: n from 1 to 16384 expected, got %lld", (long long)n);
    if (!finite_all(a, n * n)) return mn_fail(MN_EARG, "eigen_symmetric: the matrix holds numbers that are not finite");
    /* Column-major LAPACK sees the transpose, the same matrix; its eigenvector columns are our rows. */
    const int info = LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', (lapack_int)n, a, (lapack_int)n, w);
    if (info) return mn_fail(MN_EINTERNAL, "eigen_symmetric: LAPACK dsyevd returned %d", info);
    for (int64_t i = 0; i < n / 2; i++) {                 /* ascending to descending */
        const double t = w[i];
        w[i] = w[n - 1 - i];
        w[n - 1 - i] = t;
        for (int64_t k = 0; k < n; k++) {
            const double v = a[i * n + k];
            a[i * n + k] = a[(n - 1 - i) * n + k];
            a[(n - 1 - i) * n + k] = v;
        }
    }
    return MN_OK;
}

mn_status mn_qr(int64_t m, int64_t n, double *a, double *r) {
    if (n < 1 || m < n || m > 1 << 24) return mn_fail(MN_EARG, "qr: m >= n >= 1 expected, got %lld and %lld", (long long)m, (long long)n);
    if (!finite_all(a, m * n)) return mn_fail(MN_EARG, "qr: the matrix holds numbers that are not finite");
    double *tau = malloc((size_t)n * sizeof *tau);
    if (!tau) return mn_fail(MN_ENOMEM, "qr: out of memory");
    int info = LAPACKE_dgeqrf(LAPACK_ROW_MAJOR, (lapack_int)m, (lapack_int)n, a, (lapack_int)n, tau);
    if (!info) {
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) r[i * n + j] = j >= i ? a[i * n + j] : 0;
        info = LAPACKE_dorgqr(LAPACK_ROW_MAJOR, (lapack_int)m, (lapack_int)n, (lapack_int)n, a, (lapack_int)n, tau);
    }
    free(tau);
    if (info) return mn_fail(MN_EINTERNAL, "qr: LAPACK returned %d", info);
    for (int64_t j = 0; j < n; j++) {                     /* Householder leaves the signs open */
        if (r[j * n + j] >= 0) continue;
        for (int64_t k = j; k < n; k++) r[j * n + k] = -r[j * n + k];
        for (int64_t i = 0; i < m; i++) a[i * n + j] = -a[i * n + j];
    }
    return MN_OK;
}

static double dot(const double *a, const double *b, int64_t d) {
    double s = 0;
    for (int64_t i = 0; i < d; i++) s += a[i] * b[i];
    return s;
}

int64_t mn_gram_schmidt(int64_t n, int64_t d, const double *x, double tol, double *basis, int32_t *kept) {
    int64_t count = 0;
    for (int64_t k = 0; k < n && count < d; k++) {
        double *b = basis + count * d;
        const double length = sqrt(dot(x + k * d, x + k * d, d));
        memcpy(b, x + k * d, (size_t)d * sizeof *b);
        for (int pass = 0; pass < 2; pass++)
            for (int64_t q = 0; q < count; q++) {
                const double c = dot(b, basis + q * d, d);
                for (int64_t i = 0; i < d; i++) b[i] -= c * basis[q * d + i];
            }
        const double left = sqrt(dot(b, b, d));
        if (!(left > tol * length)) continue;
        for (int64_t i = 0; i < d; i++) b[i] /= left;
        kept[count++] = (int32_t)k;
    }
    return count;
}
