/* test_metrics.c -- FID and KID against numbers worked out by hand or by plain loops. */
#include "check.h"
#include "engine/metrics.h"

static mn_tensor *rows(int64_t n, int64_t d, const float *v) { return mn_from(MN_F32, 2, (int64_t[]){n, d}, v); }
static double fid_of(mn_tensor *a, mn_tensor *b, bool unbiased) {
    double v = NAN;
    CHECK_STATUS(MN_OK, mn_fid(a, b, unbiased, &v));
    return v;
}

static void test_fid(void) {
    /* one dimension: (m1 - m2)^2 + (s1 - s2)^2 */
    mn_tensor *a = rows(2, 1, (float[]){0, 2}), *b = rows(2, 1, (float[]){0, 4}), *c = rows(3, 1, (float[]){1, 2, 3});
    CHECK_NEAR(fid_of(a, b, false), 1 + 1, 1e-12);                            /* spreads 1 and 2 */
    CHECK_NEAR(fid_of(a, b, true), 1 + 2, 1e-12);                             /* variances 2 and 8 */
    CHECK_NEAR(fid_of(b, a, false), 2, 1e-12);
    CHECK_NEAR(fid_of(a, c, false), 1 + pow(1 - sqrt(2.0 / 3), 2), 1e-12);
    /* two dimensions, correlated: C1 = [[1,1],[1,1]], C2 = [[1,-1],[-1,1]]: C1 C2 = 0, so all four variances stay */
    mn_tensor *up = rows(2, 2, (float[]){-1, -1, 1, 1}), *down = rows(2, 2, (float[]){-1, 1, 1, -1});
    CHECK_NEAR(fid_of(up, down, false), 4, 1e-9);
    CHECK_NEAR(fid_of(up, up, false), 0, 1e-9);
    double v;
    CHECK_STATUS(MN_ESHAPE, mn_fid(a, up, false, &v));
    CHECK_STATUS(MN_ESHAPE, mn_fid(rows(1, 1, (float[]){0}), a, false, &v));
    mn_tensor *bad = rows(2, 1, (float[]){0, NAN});
    CHECK_STATUS(MN_EARG, mn_fid(bad, a, false, &v));
}

static double kernel(const float *x, const float *y, int d) {
    double s = 0;
    for (int k = 0; k < d; k++) s += (double)x[k] * y[k];
    return pow(s / d + 1, 3);
}

static void test_kid(void) {
    enum { N = 5, M = 4, D = 3, SIZE = 3 };
    mn_rng rng = mn_rng_seed(7, 1);
    mn_tensor *a = mn_randn(MN_F32, 2, (int64_t[]){N, D}, &rng), *b = mn_randn(MN_F32, 2, (int64_t[]){M, D}, &rng);
    const int32_t ra[2 * SIZE] = {0, 3, 4, 2, 1, 0}, rb[2 * SIZE] = {3, 1, 0, 2, 3, 1};
    const float *x = mn_data(a), *y = mn_data(b);
    double expected = 0, v = 0;
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
                const int32_t *p = ra + s * SIZE, *q = rb + s * SIZE;
                if (i != j) expected += (kernel(x + p[i] * D, x + p[j] * D, D) + kernel(y + q[i] * D, y + q[j] * D, D)) / (SIZE * (SIZE - 1));
                expected -= 2 * kernel(x + p[i] * D, y + q[j] * D, D) / (SIZE * SIZE);
            }
    mn_tensor *ia = mn_from(MN_I32, 2, (int64_t[]){2, SIZE}, ra), *ib = mn_from(MN_I32, 2, (int64_t[]){2, SIZE}, rb);
    CHECK_STATUS(MN_OK, mn_kid(a, b, 2, SIZE, ia, ib, NULL, &v));
    CHECK_NEAR(v, expected / 2, 1e-12);
    /* subsets of all rows: whatever the draw, the same rows */
    double once = 0, twice = 0;
    mn_tensor *four = mn_view(a, 2, (int64_t[]){M, D}, 0);
    CHECK_STATUS(MN_OK, mn_kid(four, b, 1, M, NULL, NULL, &rng, &once));
    CHECK_STATUS(MN_OK, mn_kid(four, b, 3, M, NULL, NULL, &rng, &twice));
    CHECK_NEAR(once, twice, 1e-12);
    /* the same seed, the same draw */
    mn_rng one = mn_rng_seed(1, 0), same = mn_rng_seed(1, 0), other = mn_rng_seed(2, 0);
    double first, again, different;
    CHECK_STATUS(MN_OK, mn_kid(a, b, 4, SIZE, NULL, NULL, &one, &first));
    CHECK_STATUS(MN_OK, mn_kid(a, b, 4, SIZE, NULL, NULL, &same, &again));
    CHECK_STATUS(MN_OK, mn_kid(a, b, 4, SIZE, NULL, NULL, &other, &different));
    CHECK(first == again && first != different);
    CHECK_STATUS(MN_EARG, mn_kid(a, b, 1, M + 1, NULL, NULL, &rng, &v));
    CHECK_STATUS(MN_EARG, mn_kid(a, b, 0, 2, NULL, NULL, &rng, &v));
    CHECK_STATUS(MN_ESHAPE, mn_kid(a, b, 1, SIZE, ia, ib, &rng, &v));
    ((int32_t *)mn_data(ib))[2] = M;
    CHECK_STATUS(MN_EARG, mn_kid(a, b, 2, SIZE, ia, ib, &rng, &v));
}

int main(void) {
    int64_t before = mn_memory_stats().tensors;
    mn_scope scope = mn_scope_open();
    test_fid();
    test_kid();
    mn_scope_close(scope);
    CHECK(mn_memory_stats().tensors == before);
    return check_done("metrics");
}
