/* bench_conv.c -- how long 2-D convolution takes: the conv2d op (oneDNN with reorders) against im2col + OpenBLAS.
 * Prints one line per shape: milliseconds (the fastest of several runs) for op forward, im2col forward, backward to x and
 * backward to w.  docs/bench/conv.md holds the build command and what was measured. */
#include <cblas.h>
#include <omp.h>
#include <stdlib.h>
#include <time.h>
#include "internal.h"
#include "check.h"
#include "../../kernels/tuned/tuned.h"

/* Milliseconds: processor time with one thread, which other work on the machine does not disturb; else the wall clock. */
static double now(void) {
    struct timespec t;
    clock_gettime(omp_get_max_threads() == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* Stride 1, no groups: columns [C kh kw, OH OW], then one product. */
static void im2col(const struct k_conv *p, float *columns) {
    const float *x = p->x;
    #pragma omp parallel for
    for (int64_t r = 0; r < p->C * p->kh * p->kw; r++) {
        const int64_t b = r % p->kw, a = r / p->kw % p->kh, c = r / (p->kw * p->kh);
        for (int64_t u = 0; u < p->OH; u++)
            for (int64_t v = 0; v < p->OW; v++) {
                const int64_t row = u - p->pad + a, col = v - p->pad + b;
                columns[(r * p->OH + u) * p->OW + v] = row >= 0 && row < p->H && col >= 0 && col < p->W ? x[(c * p->H + row) * p->W + col] : 0;
            }
    }
}

static int im2col_forward(const struct k_conv *p, float *columns) {
    const int K = (int)(p->C * p->kh * p->kw), S = (int)(p->OH * p->OW);
    im2col(p, columns);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)p->O, S, K, 1, p->w, K, columns, S, 0, p->out, S);
    return 0;
}

#define FASTEST(best, call) do {                                                    \
    best = 1e30;                                                                    \
    for (double start = now(), n = 0; n < 3 || now() - start < 150; n++) {          \
        double t = now();                                                           \
        CHECK((call) == 0);                                                         \
        t = now() - t;                                                              \
        if (t < best) best = t;                                                     \
    }                                                                               \
} while (0)

int main(void) {
    static const int64_t shapes[][4] = {        /* C, O, size, kernel */
        {3, 16, 128, 3}, {16, 16, 128, 3}, {16, 32, 64, 3}, {32, 32, 64, 3}, {64, 64, 64, 3}, {32, 96, 64, 1}, {64, 64, 128, 3},
        {512, 512, 4, 3}, {512, 512, 8, 3}, {512, 512, 16, 3}, {512, 512, 32, 3}, {512, 512, 64, 3}, {256, 256, 128, 3}, {128, 128, 256, 3}};
    mn_rng rng = mn_rng_seed(1, 0);
    printf("%24s %9s %9s %9s %9s %9s  GFLOP/s forward, max difference\n", "C O size k", "op ms", "im2col", "bwd x", "bwd w", "GFLOP");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        mn_scope scope = mn_scope_open();
        const int64_t C = shapes[i][0], O = shapes[i][1], S = shapes[i][2], k = shapes[i][3];
        mn_tensor *x = mn_randn(MN_F32, 4, (int64_t[]){1, C, S, S}, &rng), *w = mn_randn(MN_F32, 4, (int64_t[]){O, C, k, k}, &rng);
        mn_tensor *y = mn_empty(MN_F32, 4, (int64_t[]){1, O, S, S}), *y2 = mn_empty(MN_F32, 4, (int64_t[]){1, O, S, S});
        mn_tensor *dx = mn_empty(MN_F32, 4, x->shape), *dw = mn_empty(MN_F32, 4, w->shape), *columns = mn_empty(MN_F32, 1, (int64_t[]){C * k * k * S * S});
        struct k_conv p = {.N = 1, .C = C, .H = S, .W = S, .O = O, .OH = S, .OW = S, .kh = k, .kw = k, .stride = 1, .pad = k / 2, .groups = 1, .x = x->data, .w = w->data, .out = y->data, .n = y->n};
        struct k_conv q = p, bx = p, bw = p;
        double ms, ms2, ms_x, ms_w, worst = 0;
        FASTEST(ms, kt_conv_fwd(&p));
        q.out = y2->data;
        FASTEST(ms2, im2col_forward(&q, columns->data));
        for (int64_t e = 0; e < y->n; e++) worst = worse(worst, fabs(((float *)y->data)[e] - ((float *)y2->data)[e]));
        bx.x = NULL; bx.y = y->data; bx.out = dx->data; bx.n = dx->n;
        FASTEST(ms_x, kt_conv_bwd_x(&bx));
        bw.w = NULL; bw.y = y->data; bw.out = dw->data; bw.n = dw->n;
        FASTEST(ms_w, kt_conv_bwd_w(&bw));
        const double gflop = 2e-9 * (double)(C * O * k * k * S * S);
        char name[64];
        snprintf(name, sizeof name, "%lld %lld %lldx%lld %lld", (long long)C, (long long)O, (long long)S, (long long)S, (long long)k);
        printf("%24s %9.3f %9.3f %9.3f %9.3f %9.3f  %.0f, %.2g\n", name, ms, ms2, ms_x, ms_w, gflop, gflop / ms * 1e3, worst);
        mn_scope_close(scope);
    }
    return check_done("bench_conv");
}
