/* test_attention.c -- matrix products and attention against loops written out here, at sizes where the fast paths part
 * into threads, and with one tensor given as queries, keys and values. */
#include "internal.h"
#include "check.h"

/* f32 sums of up to 300 products of normals: 2e-6 of the largest result is reached, 1e-5 allowed. */
static void product(int64_t batch, int64_t M, int64_t N, int64_t K, int ta, int tb, mn_rng *rng) {
    mn_scope scope = mn_scope_open();
    mn_tensor *a = mn_randn(MN_F32, 3, (int64_t[]){batch, ta ? K : M, ta ? M : K}, rng), *b = mn_randn(MN_F32, 3, (int64_t[]){batch, tb ? N : K, tb ? K : N}, rng);
    mn_tensor *c = mn_call(matmul, T(a, b), {"ta", ta}, {"tb", tb});
    const float *fa = a->data, *fb = b->data;
    double worst = 0, top = 0;
    CHECK(c && c->n == batch * M * N);
    for (int64_t i = 0; c && i < c->n; i++) {
        const int64_t t = i / (M * N), m = i / N % M, n = i % N;
        double sum = 0;
        for (int64_t k = 0; k < K; k++) sum += (double)fa[t * M * K + (ta ? k * M + m : m * K + k)] * fb[t * K * N + (tb ? n * K + k : k * N + n)];
        worst = worse(worst, fabs(mn_item(c, i) - sum));
        top = fmax(top, fabs(sum));
    }
    CHECK_NEAR(worst / top, 0, 1e-5);
    mn_scope_close(scope);
}

static void attention_values(int64_t B, int64_t L, int64_t M, int64_t heads, int64_t d, int causal, double spread, mn_rng *rng) {
    mn_scope scope = mn_scope_open();
    const int64_t W = heads * d;
    mn_tensor *q = mn_call(affine, T(mn_randn(MN_F32, 3, (int64_t[]){B, L, W}, rng)), {"scale", spread}), *k = mn_randn(MN_F32, 3, (int64_t[]){B, M, W}, rng), *v = mn_randn(MN_F32, 3, (int64_t[]){B, M, W}, rng);
    mn_tensor *y = mn_call(attention, T(q, k, v), {"heads", (double)heads}, {"causal", causal});
    const float *fq = q->data, *fk = k->data, *fv = v->data;
    double worst = 0;
    CHECK(y != NULL);
    for (int64_t b = 0; y && b < B; b++)
        for (int64_t h = 0; h < heads; h++)
            for (int64_t l = 0; l < L; l++) {
                double score[512], top = -1e300, sum = 0;
                const int64_t seen = causal ? l + 1 : M;
                for (int64_t j = 0; j < seen; j++) {
                    score[j] = 0;
                    for (int64_t c = 0; c < d; c++) score[j] += (double)fq[(b * L + l) * W + h * d + c] * fk[(b * M + j) * W + h * d + c];
                    score[j] /= sqrt((double)d);
                    top = fmax(top, score[j]);
                }
                for (int64_t j = 0; j < seen; j++) sum += score[j] = exp(score[j] - top);
                for (int64_t c = 0; c < d; c++) {
                    double out = 0;
                    for (int64_t j = 0; j < seen; j++) out += score[j] / sum * fv[(b * M + j) * W + h * d + c];
                    worst = worse(worst, fabs(out - mn_item(y, (b * L + l) * W + h * d + c)));
                }
            }
    CHECK_NEAR(worst, 0, 5e-6 * fmax(1, spread));      /* scores of size `spread` are known to 1e-7 of themselves */
    mn_scope_close(scope);
}

/* One tensor as q, k and v gets the sum of the three gradients. */
static void same_tensor(mn_dtype dtype, mn_rng *rng) {
    mn_scope scope = mn_scope_open();
    int64_t shape[] = {2, 70, 32};
    mn_tensor *x = mn_param(mn_randn(dtype, 3, shape, rng)), *seed = mn_randn(dtype, 3, shape, rng), *part[3];
    CHECK_STATUS(MN_OK, mn_backward(mn_call(attention, T(x, x, x), {"heads", 4}), seed));
    for (int j = 0; j < 3; j++) part[j] = mn_param(mn_clone(x));
    CHECK_STATUS(MN_OK, mn_backward(mn_call(attention, T(part[0], part[1], part[2]), {"heads", 4}), seed));
    double worst = 0;
    for (int64_t i = 0; i < x->n; i++)
        worst = worse(worst, fabs(mn_item(x->grad, i) - mn_item(part[0]->grad, i) - mn_item(part[1]->grad, i) - mn_item(part[2]->grad, i)));
    CHECK_NEAR(worst, 0, 1e-5);
    mn_tensor *w = mn_param(mn_randn(dtype, 2, (int64_t[]){6, 6}, rng)), *twin = mn_param(mn_clone(w)), *other = mn_param(mn_clone(w));
    CHECK_STATUS(MN_OK, mn_backward(mn_call(sum, T(mn_call(matmul, T(w, w)))), NULL));
    CHECK_STATUS(MN_OK, mn_backward(mn_call(sum, T(mn_call(matmul, T(twin, other)))), NULL));
    for (int64_t i = 0; i < w->n; i++) CHECK_NEAR(mn_item(w->grad, i), mn_item(twin->grad, i) + mn_item(other->grad, i), 1e-5);
    mn_scope_close(scope);
}

int main(void) {
    mn_rng rng = mn_rng_seed(5, 0);
    for (int t = 0; t < 4; t++) {
        product(1, 65, 130, 257, t & 1, t >> 1, &rng);
        product(7, 33, 20, 64, t & 1, t >> 1, &rng);
        product(3, 1, 300, 40, t & 1, t >> 1, &rng);
        product(2, 300, 1, 40, t & 1, t >> 1, &rng);
    }
    attention_values(2, 50, 50, 3, 16, 0, 1, &rng);
    attention_values(1, 77, 77, 4, 8, 1, 1, &rng);
    attention_values(1, 9, 257, 2, 64, 0, 1, &rng);
    attention_values(1, 20, 20, 2, 8, 0, 60, &rng);    /* nearly one-hot: exponents down to where e^x vanishes */
    same_tensor(MN_F32, &rng);
    same_tensor(MN_F64, &rng);
    return check_done("attention");
}
