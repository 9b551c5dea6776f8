/* test_mesh_ops.c -- rotations, skinning, Gram-Schmidt and the LAPACK wrappers against plain loops and hand-worked numbers. */
#include <stdlib.h>
#include "internal.h"
#include "linalg.h"
#include "check.h"

#define SHAPE(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__}
static double at(mn_tensor *t, int64_t i) { return t ? mn_item(t, i) : NAN; }

static void test_rodrigues(void) {
    mn_scope scope = mn_scope_open();
    const double r[6] = {0, 0, 1.5707963267948966, 0, 0, 0};
    mn_tensor *x = mn_param(mn_from(MN_F64, SHAPE(2, 3), r)), *m = mn_call(rodrigues, T(x));
    const double turn[9] = {0, -1, 0, 1, 0, 0, 0, 0, 1};
    for (int k = 0; k < 9; k++) {
        CHECK_NEAR(at(m, k), turn[k], 1e-7);            /* theta is off by the published 1e-8 */
        CHECK_NEAR(at(m, 9 + k), k % 4 == 0, 0);        /* r = 0: exactly the identity */
    }
    /* and there the derivative is the generators': d R / d z = [0 -1; 1 0] */
    mn_tensor *seed = mn_zeros(MN_F64, SHAPE(2, 3, 3));
    if (seed) ((double *)seed->data)[9 + 3] = 1;        /* R[1][0] of the second */
    CHECK_STATUS(MN_OK, mn_backward(m, seed));
    CHECK_NEAR(at(mn_grad_of(x), 3), 0, 1e-7);
    CHECK_NEAR(at(mn_grad_of(x), 4), 0, 1e-7);
    CHECK_NEAR(at(mn_grad_of(x), 5), 1, 1e-7);
    mn_scope_close(scope);
}

/* ---- skinning: the published chain with 4x4 matrices ---- */

enum { V = 7, J = 4 };
static const int32_t parents[J] = {-1, 0, 1, 1};

static void multiply(const double a[16], const double b[16], double out[16]) {
    for (int r = 0; r < 4; r++)
        for (int c = 0; c < 4; c++) {
            out[4 * r + c] = 0;
            for (int k = 0; k < 4; k++) out[4 * r + c] += a[4 * r + k] * b[4 * k + c];
        }
}
static void frame(const double *rot, const double t[3], double m[16]) {
    const double eye[16] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    memcpy(m, eye, sizeof eye);
    for (int r = 0; r < 3; r++) {
        for (int c = 0; c < 3 && rot; c++) m[4 * r + c] = rot[3 * r + c];
        m[4 * r + 3] = t[r];
    }
}

static double loss(mn_tensor **in, mn_tensor **cot) {
    mn_scope s = mn_scope_open();
    mn_tensor *o[2] = {NULL};
    double v = NAN;
    if (!mn_calln(o, lbs, T(in[0], in[1], in[2], in[3], in[4]))) {
        v = 0;
        for (int k = 0; k < 2; k++)
            for (int64_t i = 0; i < o[k]->n; i++) v += at(o[k], i) * at(cot[k], i);
    }
    mn_scope_close(s);
    return v;
}

static void test_lbs(void) {
    mn_scope scope = mn_scope_open();
    mn_rng rng = mn_rng_seed(2, 0);
    mn_tensor *in[5] = {mn_randn(MN_F64, SHAPE(2, V, 3), &rng), mn_randn(MN_F64, SHAPE(2, J, 3), &rng), mn_randn(MN_F64, SHAPE(2, J, 3), &rng),
                        mn_rand(MN_F64, SHAPE(V, J), &rng), mn_from(MN_I32, SHAPE(J), parents)};
    mn_tensor *o[2] = {NULL}, *same[2] = {NULL}, *rot = mn_call(rodrigues, T(in[2]));
    CHECK_STATUS(MN_OK, mn_calln(o, lbs, T(in[0], in[1], in[2], in[3], in[4])));
    CHECK_STATUS(MN_OK, mn_calln(same, lbs, T(in[0], in[1], rot, in[3], in[4])));
    double worst = 0;
    for (int n = 0; n < 2; n++) {
        double g[J][16], a[J][16];
        for (int j = 0; j < J; j++) {
            const double *joint = (double *)in[1]->data + (n * J + j) * 3, *up = joint + 3 * (parents[j] - j), *r = (double *)rot->data + (n * J + j) * 9;
            double t[3], local[16], back[16];
            for (int k = 0; k < 3; k++) t[k] = joint[k] - (parents[j] < 0 ? 0 : up[k]);
            frame(r, t, local);
            if (parents[j] < 0) memcpy(g[j], local, sizeof local);
            else multiply(g[parents[j]], local, g[j]);
            for (int k = 0; k < 3; k++) t[k] = -joint[k];
            frame(NULL, t, back);
            multiply(g[j], back, a[j]);
            for (int k = 0; k < 3; k++) worst = worse(worst, fabs(at(o[1], (n * J + j) * 3 + k) - g[j][4 * k + 3]));
        }
        for (int v = 0; v < V; v++)
            for (int r = 0; r < 3; r++) {
                const double *p = (double *)in[0]->data + (n * V + v) * 3;
                double s = 0;
                for (int j = 0; j < J; j++) s += at(in[3], v * J + j) * (a[j][4 * r] * p[0] + a[j][4 * r + 1] * p[1] + a[j][4 * r + 2] * p[2] + a[j][4 * r + 3]);
                worst = worse(worst, worse(fabs(at(o[0], (n * V + v) * 3 + r) - s), fabs(at(same[0], (n * V + v) * 3 + r) - s)));
            }
    }
    CHECK_NEAR(worst, 0, 1e-13);

    /* gradients through a chain with children (op_cases.txt can only draw roots) */
    mn_tensor *cot[2] = {mn_randn(MN_F64, SHAPE(2, V, 3), &rng), mn_randn(MN_F64, SHAPE(2, J, 3), &rng)};
    for (int j = 0; j < 3; j++) mn_param(in[j]);
    CHECK_STATUS(MN_OK, mn_calln(o, lbs, T(in[0], in[1], in[2], in[3], in[4])));
    mn_tensor *total = mn_call(add, T(mn_call(sum, T(mn_call(mul, T(o[0], cot[0])))), mn_call(sum, T(mn_call(mul, T(o[1], cot[1]))))));
    CHECK_STATUS(MN_OK, mn_backward(total, NULL));
    mn_tape_enable(false);
    for (int j = 0; j < 3; j++) {
        double off = 0, top = 0;
        for (int64_t i = 0; i < in[j]->n; i++) {
            double *x = (double *)in[j]->data + i, x0 = *x, f[2];
            for (int k = 0; k < 2; k++) { *x = x0 + (k ? 1e-5 : -1e-5); f[k] = loss(in, cot); }
            *x = x0;
            off = worse(off, fabs((f[1] - f[0]) / 2e-5 - at(mn_grad_of(in[j]), i)));
            top = fmax(top, fabs(at(mn_grad_of(in[j]), i)));
        }
        CHECK(top > 0.1);
        CHECK_NEAR(off / top, 0, 1e-8);                 /* truncation ~ 1e-10 of the second derivatives */
    }
    mn_tape_enable(true);
    const int32_t wrong[J] = {-1, 0, 3, 1};
    CHECK(mn_calln(o, lbs, T(in[0], in[1], in[2], in[3], mn_from(MN_I32, SHAPE(J), wrong))) == MN_EARG && strstr(mn_errmsg(), "joint 2 has parent 3"));
    mn_error_clear();
    mn_scope_close(scope);
}

static void test_bases(void) {
    /* Row 1 is twice row 0 up to 1e-6, row 3 depends on 0 and 2: both leave no direction of their own. */
    const double x[5 * 4] = {3, 0, 0, 4,  6, 0, 1e-6, 8,  0, 2, 0, 1,  3, -2, 0, 3,  1, 1, 1, 1};
    mn_scope scope = mn_scope_open();
    mn_tensor *o[2] = {NULL};
    CHECK_STATUS(MN_OK, mn_calln(o, gram_schmidt, T(mn_from(MN_F64, SHAPE(5, 4), x))));
    CHECK(o[0] && mn_dim(o[0], 0) == 3 && mn_dim(o[1], 0) == 3);
    const int kept[3] = {0, 2, 4};
    for (int k = 0; k < 3 && o[0]; k++) {
        CHECK(at(o[1], k) == kept[k]);
        for (int q = 0; q <= k; q++) {
            double s = 0;
            for (int i = 0; i < 4; i++) s += at(o[0], 4 * k + i) * at(o[0], 4 * q + i);
            CHECK_NEAR(s, k == q, 1e-15);
        }
        double along = 0;
        for (int i = 0; i < 4; i++) along += at(o[0], 4 * k + i) * x[4 * kept[k] + i];
        CHECK(along > 0);
    }
    CHECK_NEAR(at(o[0], 0), 0.6, 1e-15);                /* (0,2,0,1) less 0.8 (0.6,0,0,0.8) is (-12,50,0,9)/25 */
    CHECK_NEAR(at(o[0], 4), -12 / sqrt(12 * 12 + 50 * 50 + 9 * 9), 1e-15);
    CHECK_NEAR(at(o[0], 5), 50 / sqrt(12 * 12 + 50 * 50 + 9 * 9), 1e-15);
    mn_tensor *bad = mn_full(MN_F32, SHAPE(1, 2), NAN);
    CHECK(mn_calln(o, gram_schmidt, T(bad)) == MN_EARG && strstr(mn_errmsg(), "x: element 0 is not finite"));
    mn_error_clear();
    mn_scope_close(scope);

    enum { M = 6, N = 4 };
    mn_rng rng = mn_rng_seed(4, 0);
    double a[M * N], q[M * N], r[N * N], s[N * N], v[N * N], w[N];
    for (int k = 0; k < M * N; k++) q[k] = a[k] = mn_rng_normal(&rng);
    CHECK_STATUS(MN_OK, mn_qr(M, N, q, r));
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0;
            for (int k = 0; k < N; k++) sum += q[i * N + k] * r[k * N + j];
            CHECK_NEAR(sum, a[i * N + j], 1e-14);
        }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double qq = 0, aa = 0;
            for (int k = 0; k < M; k++) { qq += q[k * N + i] * q[k * N + j]; aa += a[k * N + i] * a[k * N + j]; }
            CHECK_NEAR(qq, i == j, 1e-14);
            CHECK(j < i ? r[i * N + j] == 0 : j > i || r[i * N + j] > 0);
            s[i * N + j] = v[i * N + j] = aa;
        }
    CHECK_STATUS(MN_OK, mn_eigen_symmetric(N, v, w));
    for (int k = 0; k < N; k++) {
        CHECK(k == 0 || w[k] <= w[k - 1]);
        for (int i = 0; i < N; i++) {
            double sum = 0;
            for (int j = 0; j < N; j++) sum += s[i * N + j] * v[k * N + j];
            CHECK_NEAR(sum, w[k] * v[k * N + i], 1e-13);
        }
    }
    a[0] = INFINITY;
    CHECK_STATUS(MN_EARG, mn_qr(M, N, a, r));
    CHECK_STATUS(MN_EARG, mn_eigen_symmetric(0, a, w));
}

int main(void) {
    test_rodrigues();
    test_lbs();
    test_bases();
    CHECK(mn_memory_stats().tensors == 0);
    return check_done("mesh_ops");
}
