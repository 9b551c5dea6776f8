/* metrics.c -- FID and KID as NVIDIA's evaluation computes them (metrics.h), in f64.
 *
 *   FID = |m1 - m2|^2 + tr(C1 + C2 - 2 sqrt(C1 C2)),  population means and covariances;
 *         tr sqrt(C1 C2) = sum of the square roots of the eigenvalues of C1^1/2 C2 C1^1/2, which is symmetric
 *   KID   kernel k(x, y) = (x . y / D + 1)^3; of two subsets of n rows
 *         (sum k(x, x') + sum k(y, y') over pairs of different rows) / (n - 1) / n - 2 sum k(x, y) / n^2 */
#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "linalg.h"
#include "metrics.h"

static mn_status check(const char *what, mn_tensor *real, mn_tensor *generated) {
    if (mn_errcode()) return mn_errcode();
    mn_tensor *both[2] = {real, generated};
    for (int k = 0; k < 2; k++)
        if (!both[k] || both[k]->nd != 2 || !mn_is_real(both[k]->dtype) || both[k]->shape[0] < 2 || both[k]->shape[1] < 1)
            return mn_fail(MN_ESHAPE, "%s: %s: expected real [N,D] with N from 2 on, got %s %s", what, k ? "generated" : "real", both[k] ? mn_dtype_name(both[k]->dtype) : "", mn_shape_text(both[k]));
    if (real->shape[1] != generated->shape[1])
        return mn_fail(MN_ESHAPE, "%s: generated: expected [M,%lld] to match real, got %s", what, (long long)real->shape[1], mn_shape_text(generated));
    return MN_OK;
}

static mn_tensor *square_matrix(int64_t d) { return mn_empty(MN_F64, 2, (int64_t[]){d, d}); }

/* Mean [D] and covariance [D,D] of the rows of x. */
static mn_status moments(mn_tensor *x, bool unbiased, double *mean, double *cov) {
    mn_tensor *wide = mn_clone(mn_cast(x, MN_F64));
    if (!wide) return mn_errcode();
    int64_t n = x->shape[0], d = x->shape[1];
    double *v = wide->data;
    memset(mean, 0, (size_t)d * sizeof *mean);
    for (int64_t i = 0; i < n; i++) for (int64_t k = 0; k < d; k++) mean[k] += v[i * d + k] / (double)n;
    for (int64_t i = 0; i < n; i++) for (int64_t k = 0; k < d; k++) v[i * d + k] -= mean[k];
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)d, (int)d, (int)n, 1 / (double)(n - unbiased), v, (int)d, v, (int)d, 0, cov, (int)d);
    return MN_OK;
}

/* Replaces the symmetric, non-negative a by its square root; tmp [D,D] and w [D] are room to work. */
static mn_status square_root(int64_t d, double *a, double *tmp, double *w) {
    mn_status s = mn_eigen_symmetric(d, a, w);
    if (s) return s;
    for (int64_t i = 0; i < d; i++)
        for (int64_t k = 0; k < d; k++) tmp[i * d + k] = a[i * d + k] * sqrt(fmax(w[i], 0));
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)d, (int)d, (int)d, 1, a, (int)d, tmp, (int)d, 0, w + d, (int)d);
    memcpy(a, w + d, (size_t)(d * d) * sizeof *a);
    return MN_OK;
}

static mn_status fid(mn_tensor *real, mn_tensor *generated, bool unbiased, double *result) {
    int64_t d = real->shape[1];
    mn_tensor *m = mn_empty(MN_F64, 2, (int64_t[]){2, d}), *c1 = square_matrix(d), *c2 = square_matrix(d), *tmp = square_matrix(d);
    mn_tensor *w = mn_empty(MN_F64, 1, (int64_t[]){d + d * d});
    if (!w || moments(real, unbiased, m->data, c1->data) || moments(generated, unbiased, (double *)m->data + d, c2->data)) return mn_errcode();
    double sum = 0, *mean = m->data, *a = c1->data, *b = c2->data, *eigen = w->data;
    for (int64_t k = 0; k < d; k++) {
        double gap = mean[k] - mean[d + k];
        sum += gap * gap + a[k * d + k] + b[k * d + k];
    }
    if (square_root(d, a, tmp->data, eigen)) return mn_errcode();
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)d, (int)d, (int)d, 1, a, (int)d, b, (int)d, 0, tmp->data, (int)d);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)d, (int)d, (int)d, 1, tmp->data, (int)d, a, (int)d, 0, b, (int)d);
    if (mn_eigen_symmetric(d, b, eigen)) return mn_errcode();
    for (int64_t k = 0; k < d; k++) sum -= 2 * sqrt(fmax(eigen[k], 0));
    *result = sum;
    return MN_OK;
}

mn_status mn_fid(mn_tensor *real, mn_tensor *generated, bool unbiased, double *result) {
    if (check("fid", real, generated)) return mn_errcode();
    mn_scope scope = mn_scope_open();
    mn_status s = fid(real, generated, unbiased, result);
    mn_scope_close(scope);
    return s;
}

/* ---- KID ---- */

/* The first `size` of a shuffle of 0..n-1 (Fisher and Yates). */
static void draw_rows(mn_rng *rng, int32_t *all, int64_t n, int64_t size, int32_t *rows) {
    for (int64_t i = 0; i < n; i++) all[i] = (int32_t)i;
    for (int64_t i = 0; i < size; i++) {
        int64_t j = i + mn_rng_below(rng, n - i);
        int32_t t = all[j];
        all[j] = all[i];
        rows[i] = all[i] = t;
    }
}

static mn_status check_rows(const char *name, mn_tensor *rows, int64_t subsets, int64_t size, int64_t n) {
    if (!rows) return MN_OK;
    if (rows->dtype != MN_I32 || rows->nd != 2 || rows->shape[0] != subsets || rows->shape[1] != size)
        return mn_fail(MN_ESHAPE, "kid: %s: expected i32 [%lld,%lld], got %s %s", name, (long long)subsets, (long long)size, mn_dtype_name(rows->dtype), mn_shape_text(rows));
    const int32_t *v = rows->data;
    for (int64_t i = 0; i < rows->n; i++)
        if (v[i] < 0 || v[i] >= n) return mn_fail(MN_EARG, "kid: %s: element %lld is %d, 0..%lld expected", name, (long long)i, v[i], (long long)n - 1);
    return MN_OK;
}

static void take(const double *x, int64_t d, const int32_t *rows, int64_t size, double *out) {
    for (int64_t i = 0; i < size; i++) memcpy(out + i * d, x + rows[i] * d, (size_t)d * sizeof *out);
}

/* Sum of k over all pairs, without i = j when `same`. */
static double kernel_sum(const double *x, const double *y, int64_t size, int64_t d, bool same, double *k) {
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)size, (int)size, (int)d, 1 / (double)d, x, (int)d, y, (int)d, 0, k, (int)size);
    double sum = 0;
    for (int64_t i = 0; i < size; i++)
        for (int64_t j = 0; j < size; j++) {
            double v = k[i * size + j] + 1;
            if (!same || i != j) sum += v * v * v;
        }
    return sum;
}

static mn_status kid(mn_tensor *real, mn_tensor *generated, int64_t subsets, int64_t size, mn_tensor *real_rows, mn_tensor *generated_rows, mn_rng *rng, double *result) {
    int64_t d = real->shape[1], n = real->shape[0], m = generated->shape[0], most = n > m ? n : m;
    mn_tensor *a = mn_cast(real, MN_F64), *b = mn_cast(generated, MN_F64), *k = square_matrix(size);
    mn_tensor *x = mn_empty(MN_F64, 2, (int64_t[]){size, d}), *y = mn_empty(MN_F64, 2, (int64_t[]){size, d}), *rows = mn_empty(MN_I32, 1, (int64_t[]){most + 2 * size});
    if (!a || !b || !rows || mn_errcode()) return mn_errcode();
    int32_t *all = rows->data, *mine = all + most, *theirs = mine + size;
    double sum = 0;
    for (int64_t s = 0; s < subsets; s++) {
        if (mn_interrupted()) return mn_fail(MN_EINTR, "kid: interrupted");
        if (real_rows) memcpy(mine, (int32_t *)real_rows->data + s * size, (size_t)size * sizeof *mine);
        else draw_rows(rng, all, n, size, mine);
        if (generated_rows) memcpy(theirs, (int32_t *)generated_rows->data + s * size, (size_t)size * sizeof *theirs);
        else draw_rows(rng, all, m, size, theirs);
        take(a->data, d, mine, size, x->data);
        take(b->data, d, theirs, size, y->data);
        double own = kernel_sum(x->data, x->data, size, d, true, k->data) + kernel_sum(y->data, y->data, size, d, true, k->data);
        sum += own / (double)(size - 1) - 2 * kernel_sum(x->data, y->data, size, d, false, k->data) / (double)size;
    }
    *result = sum / (double)subsets / (double)size;
    return MN_OK;
}

mn_status mn_kid(mn_tensor *real, mn_tensor *generated, int64_t subsets, int64_t size, mn_tensor *real_rows, mn_tensor *generated_rows, mn_rng *rng, double *result) {
    if (check("kid", real, generated)) return mn_errcode();
    int64_t n = real->shape[0], m = generated->shape[0], least = n < m ? n : m;
    if (subsets < 1) return mn_fail(MN_EARG, "kid: subsets: at least 1 expected, got %lld", (long long)subsets);
    if (size < 2 || size > least) return mn_fail(MN_EARG, "kid: size: 2 to %lld rows expected, got %lld", (long long)least, (long long)size);
    if (check_rows("real_rows", real_rows, subsets, size, n) || check_rows("generated_rows", generated_rows, subsets, size, m)) return mn_errcode();
    mn_scope scope = mn_scope_open();
    mn_status s = kid(real, generated, subsets, size, real_rows, generated_rows, rng, result);
    mn_scope_close(scope);
    return s;
}
