/* attention_heads.c -- attention for f32 on the CPU: one head of one sample per thread, its score matrix in the
 * thread's own scratch memory, products by OpenBLAS (serial inside a parallel region).  Backward computes the
 * probabilities again rather than keeping them. */
#include <cblas.h>
#include <math.h>
#include <omp.h>
#include <string.h>
#include "internal.h"
#include "tuned.h"

/* e^x for x <= 0 in a form the compiler vectorises: 2^whole e^r with |r| <= log(2)/2, and e^r by its Taylor series,
 * whose first omitted term r^8/8! is below 6e-9. */
static inline float exp_negative(float x) {
    if (x < -87) x = -87;
    const float whole = __builtin_rintf(x * 1.44269504f);
    const float r = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;     /* log 2 in two parts, the first exact */
    const float e = 1 + r * (1 + r * (0.5f + r * (1 / 6.0f + r * (1 / 24.0f + r * (1 / 120.0f + r * (1 / 720.0f + r * (1 / 5040.0f)))))));
    const union { int32_t i; float f; } power = {.i = ((int32_t)whole + 127) << 23};
    return e * power.f;
}

static void softmax(float *row, int64_t seen, int64_t M) {
    float top = row[0], sum = 0;
    #pragma omp simd reduction(max : top)
    for (int64_t j = 0; j < seen; j++) top = row[j] > top ? row[j] : top;
    #pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < seen; j++) { row[j] = exp_negative(row[j] - top); sum += row[j]; }
    const float inverse = 1 / sum;
    for (int64_t j = 0; j < seen; j++) row[j] *= inverse;
    memset(row + seen, 0, (size_t)(M - seen) * sizeof *row);
}

/* c [rows,cols] = alpha a b (+ beta c) with the given row strides. */
static void gemm(int ta, int tb, int64_t rows, int64_t cols, int64_t inner, float alpha, const float *a, int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc) {
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (int)rows, (int)cols, (int)inner, alpha,
                a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}

static void probabilities(const struct k_attention *a, int64_t at_q, int64_t at_k, float *p) {
    const int64_t W = a->heads * a->d;
    gemm(0, 1, a->L, a->M, a->d, (float)a->scale, (const float *)a->q + at_q, W, (const float *)a->k + at_k, W, 0, p, a->M);
    for (int64_t l = 0; l < a->L; l++) softmax(p + l * a->M, a->causal ? l + 1 : a->M, a->M);
}

static void head_forward(const struct k_attention *a, int64_t b, int64_t h, float *p) {
    const int64_t W = a->heads * a->d, at_q = b * a->L * W + h * a->d, at_k = b * a->M * W + h * a->d;
    probabilities(a, at_q, at_k, p);
    gemm(0, 0, a->L, a->d, a->M, 1, p, a->M, (const float *)a->v + at_k, W, 0, (float *)a->y + at_q, W);
}

static void head_backward(const struct k_attention *a, int64_t b, int64_t h, float *p) {
    const int64_t W = a->heads * a->d, at_q = b * a->L * W + h * a->d, at_k = b * a->M * W + h * a->d;
    const float *dy = (const float *)a->dy + at_q;
    float *ds = p + a->L * a->M;
    probabilities(a, at_q, at_k, p);
    if (a->dq || a->dk) {
        gemm(0, 1, a->L, a->M, a->d, 1, dy, W, (const float *)a->v + at_k, W, 0, ds, a->M);
        for (int64_t l = 0; l < a->L; l++) {
            const float *pr = p + l * a->M;
            float *row = ds + l * a->M, sum = 0;
            #pragma omp simd reduction(+ : sum)
            for (int64_t j = 0; j < a->M; j++) sum += pr[j] * row[j];
            for (int64_t j = 0; j < a->M; j++) row[j] = pr[j] * (row[j] - sum);
        }
    }
    /* In this order: when q, k and v are one tensor, dq overwrites and the others add. */
    if (a->dq) gemm(0, 0, a->L, a->d, a->M, (float)a->scale, ds, a->M, (const float *)a->k + at_k, W, a->add_q ? 1 : 0, (float *)a->dq + at_q, W);
    if (a->dk) gemm(1, 0, a->M, a->d, a->L, (float)a->scale, ds, a->M, (const float *)a->q + at_q, W, a->add_k ? 1 : 0, (float *)a->dk + at_k, W);
    if (a->dv) gemm(1, 0, a->M, a->d, a->L, 1, p, a->M, dy, W, a->add_v ? 1 : 0, (float *)a->dv + at_k, W);
}

static int each_head(const struct k_attention *a, int matrices, void (*work)(const struct k_attention *, int64_t, int64_t, float *)) {
    const int threads = omp_get_max_threads();
    const int64_t one = matrices * a->L * a->M;
    const size_t bytes = (size_t)(threads * one) * sizeof(float);
    float *scratch = mn_alloc(bytes);
    if (!scratch) return 1;
    #pragma omp parallel for schedule(static) num_threads(threads) if (a->B * a->heads * a->L * a->M * a->d > 65536)
    for (int64_t i = 0; i < a->B * a->heads; i++) work(a, i / a->heads, i % a->heads, scratch + omp_get_thread_num() * one);
    mn_dealloc(scratch, bytes);
    return 0;
}

int kt_attention_fwd(const void *a) { return each_head(a, 1, head_forward); }
int kt_attention_bwd(const void *a) { return each_head(a, 2, head_backward); }
