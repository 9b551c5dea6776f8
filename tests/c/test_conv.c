/* test_conv.c -- convolution, resampling and the modulated convolution against values worked out another way:
 * the tuned kernels against the plain ones at sizes where the library chooses its blocked layouts, the StyleGAN2
 * filters against their formulas, the modulated convolution against explicitly modulated weights. */
#include <omp.h>
#include "internal.h"
#include "check.h"
#include "../../kernels/tuned/tuned.h"
#include "../../kernels/tuned/winograd.h"

int k_cpu_conv_fwd_f32(const void *, void *);
int k_cpu_conv_bwd_x_f32(const void *, void *);
int k_cpu_conv_bwd_w_f32(const void *, void *);
int k_cpu_conv_fwd_f64(const void *, void *);
int k_cpu_conv_bwd_x_f64(const void *, void *);
int k_cpu_upfirdn_f32(const void *, void *);

static double difference(mn_tensor *a, mn_tensor *b) {
    double worst = 0, top = 0;
    for (int64_t i = 0; i < a->n; i++) {
        worst = worse(worst, fabs(mn_item(a, i) - mn_item(b, i)));
        top = fmax(top, fabs(mn_item(b, i)));
    }
    return worst / top;
}

/* Differences relative to the largest result: 8e-7 is reached by the direct kernels, 2e-6 by Winograd's; 5e-6 is allowed. */
static void compare_conv(int64_t N, int64_t C, int64_t O, int64_t H, int64_t W, int64_t k, int64_t stride, int64_t pad, int64_t groups, int64_t swapped, mn_rng *rng) {
    mn_scope scope = mn_scope_open();
    struct k_conv p = {.N = N, .C = C, .H = H, .W = W, .O = O, .kh = k, .kw = k, .stride = stride, .pad = pad, .groups = groups, .swapped = swapped,
                       .OH = (H + 2 * pad - k) / stride + 1, .OW = (W + 2 * pad - k) / stride + 1};
    mn_tensor *x = mn_randn(MN_F32, 4, (int64_t[]){N, C, H, W}, rng), *w = mn_randn(MN_F32, 4, (int64_t[]){O, C / groups, k, k}, rng);
    mn_tensor *y = mn_randn(MN_F32, 4, (int64_t[]){N, O, p.OH, p.OW}, rng);
    mn_tensor *of[] = {x, w, y};
    int (*const tuned[])(const void *) = {kt_conv_bwd_x, kt_conv_bwd_w, kt_conv_fwd};
    int (*const plain[])(const void *, void *) = {k_cpu_conv_bwd_x_f32, k_cpu_conv_bwd_w_f32, k_cpu_conv_fwd_f32};
    for (int j = 0; j < 3; j++) {
        mn_tensor *a = mn_empty(MN_F32, 4, of[j]->shape), *b = mn_empty(MN_F32, 4, of[j]->shape), *c = mn_empty(MN_F32, 4, of[j]->shape);
        struct k_conv q = p;
        q.x = j == 0 ? NULL : x->data;
        q.w = j == 1 ? NULL : w->data;
        q.y = j == 2 ? NULL : y->data;
        q.n = a->n;
        q.out = a->data;
        CHECK(tuned[j](&q) == 0);
        q.out = c->data;
        CHECK(tuned[j](&q) == 0);
        CHECK(!memcmp(a->data, c->data, (size_t)a->n * 4));        /* the same bits on every run */
        q.out = b->data;
        CHECK(plain[j](&q, NULL) == 0);
        CHECK_NEAR(difference(a, b), 0, 5e-6);
    }
    mn_scope_close(scope);
}

/* Winograd's method of our own, both ways, against sums in double: 2.8e-6 of the largest result was the most.  Results do not depend on
 * the number of threads. */
static void winograd_is_right(int64_t N, int64_t C, int64_t O, int64_t H, int64_t W, int64_t pad, int64_t swapped, mn_rng *rng) {
    mn_scope scope = mn_scope_open();
    struct k_conv p = {.N = N, .C = C, .H = H, .W = W, .O = O, .kh = 3, .kw = 3, .stride = 1, .pad = pad, .groups = 1, .swapped = swapped,
                       .OH = H + 2 * pad - 2, .OW = W + 2 * pad - 2};
    mn_tensor *x = mn_randn(MN_F32, 4, (int64_t[]){N, C, H, W}, rng), *w = mn_randn(MN_F32, 4, (int64_t[]){O, C, 3, 3}, rng);
    mn_tensor *y = mn_randn(MN_F32, 4, (int64_t[]){N, O, p.OH, p.OW}, rng), *x64 = mn_cast(x, MN_F64), *w64 = mn_cast(w, MN_F64), *y64 = mn_cast(y, MN_F64);
    for (int backward = 0; backward < 2; backward++) {
        mn_tensor *like = backward ? x : y, *a = mn_full(MN_F32, 4, like->shape, NAN), *b = mn_full(MN_F32, 4, like->shape, NAN), *c = mn_empty(MN_F64, 4, like->shape);
        struct k_conv q = p;
        q.x = backward ? NULL : x->data;
        q.y = backward ? y->data : NULL;
        q.w = w->data;
        q.n = a->n;
        q.out = a->data;
        CHECK(winograd(&q, backward) == 0);
        const int before = omp_get_max_threads();
        omp_set_num_threads(before + 1);
        q.out = b->data;
        CHECK(winograd(&q, backward) == 0 && !memcmp(a->data, b->data, (size_t)a->n * 4));
        omp_set_num_threads(before);
        q.x = backward ? NULL : x64->data;
        q.y = backward ? y64->data : NULL;
        q.w = w64->data;
        q.out = c->data;
        CHECK((backward ? k_cpu_conv_bwd_x_f64 : k_cpu_conv_fwd_f64)(&q, NULL) == 0);
        CHECK_NEAR(difference(a, c), 0, 5e-6);
    }
    mn_scope_close(scope);
}

static void winograd_knows_its_place(void) {
    struct k_conv p = {.N = 1, .C = 64, .H = 64, .W = 64, .O = 64, .kh = 3, .kw = 3, .stride = 1, .pad = 1, .groups = 1, .OH = 64, .OW = 64}, q = p;
    q.stride = 2;
    CHECK(winograd(&q, 0) == -1);
    q = p, q.groups = 2;
    CHECK(winograd(&q, 0) == -1);
    q = p, q.kh = 5;
    CHECK(winograd(&q, 0) == -1);
    q = p, q.pad = 3, q.OH = q.OW = 68;
    CHECK(winograd(&q, 0) == -1 && winograd(&q, 1) == -1);
    q = p, q.C = 3;
    CHECK(winograd(&q, 0) == -1);
    q = p, q.W = q.OW = 16;
    CHECK(winograd(&q, 0) == -1);
}

static void threads_agree(mn_rng *rng) {
    mn_scope scope = mn_scope_open();
    const int before = omp_get_max_threads();
    mn_tensor *x = mn_randn(MN_F32, 4, (int64_t[]){2, 16, 33, 31}, rng), *w = mn_randn(MN_F32, 4, (int64_t[]){24, 16, 3, 3}, rng), *y[3];
    for (int t = 0; t < 3; t++) {
        omp_set_num_threads(t + 1);
        y[t] = mn_call(conv2d, T(x, w), {"pad", 1});
    }
    omp_set_num_threads(before);
    CHECK(y[0] && y[1] && y[2] && !memcmp(y[0]->data, y[1]->data, (size_t)y[0]->n * 4) && !memcmp(y[0]->data, y[2]->data, (size_t)y[0]->n * 4));
    mn_scope_close(scope);
}

/* out[2k] = .25 x[k-1] + .75 x[k], out[2k+1] = .75 x[k] + .25 x[k+1];  halving: (x[2k-1] + 3x[2k] + 3x[2k+1] + x[2k+2]) / 8 */
static void filters(void) {
    mn_scope scope = mn_scope_open();
    const float line[] = {1, 5, -2, 7};
    static const double up[] = {0.75, 2, 4, 3.25, -0.25, 0.25, 4.75, 5.25}, down[] = {16 / 8.0, (5 - 6 + 21) / 8.0};
    for (int axis = 0; axis < 2; axis++) {                          /* the other axis is constant: gain 1 inside, so look at its middle */
        mn_tensor *x = mn_empty(MN_F32, 4, (int64_t[]){1, 1, 4, 4});
        for (int i = 0; i < 16; i++) ((float *)x->data)[i] = line[axis ? i / 4 : i % 4];
        mn_tensor *u = mn_call(upfirdn2d, T(x), {"up", 2}, {"padx0", 2}, {"padx1", 1}, {"pady0", 2}, {"pady1", 1}, {"gain", 4});
        mn_tensor *d = mn_call(upfirdn2d, T(x), {"down", 2}, {"padx0", 1}, {"padx1", 1}, {"pady0", 1}, {"pady1", 1});
        CHECK(u && u->shape[2] == 8 && u->shape[3] == 8 && d && d->shape[2] == 2 && d->shape[3] == 2);
        if (!u || !d) continue;
        for (int i = 0; i < 8; i++) CHECK_NEAR(mn_item(u, axis ? i * 8 + 3 : 3 * 8 + i), up[i], 1e-6);
        for (int i = 0; i < 2; i++) CHECK_NEAR(mn_item(d, axis ? i * 2 : i), down[i] * 7 / 8, 1e-6);   /* 7/8: the edge loses a tap of 1/8 */
    }
    mn_scope_close(scope);
}

static void filter_paths_agree(mn_rng *rng) {
    static const int64_t cases[][4] = {{2, 1, 2, 2}, {1, 2, 1, 1}, {1, 1, 1, 1}, {1, 2, 2, 2}, {2, 1, 1, 2}, {2, 1, 3, 0}, {1, 1, -1, 3}, {4, 1, 2, 3}, {1, 4, 2, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mn_scope scope = mn_scope_open();
        struct k_upfirdn p = {.planes = 5, .H = 37, .W = 41, .up = cases[i][0], .down = cases[i][1], .padx = cases[i][2], .pady = cases[i][3], .taps = 4, .gain = 1.5, .flip = i % 2};
        p.OH = (p.H * p.up + p.pady + 1 - 4) / p.down + 1;
        p.OW = (p.W * p.up + p.padx + 1 - 4) / p.down + 1;
        mn_tensor *x = mn_randn(MN_F32, 3, (int64_t[]){5, p.H, p.W}, rng), *f = mn_randn(MN_F32, 1, (int64_t[]){4}, rng);
        mn_tensor *a = mn_full(MN_F32, 3, (int64_t[]){5, p.OH, p.OW}, 2), *b = mn_full(MN_F32, 3, a->shape, 2);
        p.n = a->n;
        p.x = x->data;
        p.f = f->data;
        for (p.add = 0; p.add < 2; p.add++) {
            p.out = a->data;
            CHECK(kt_upfirdn(&p) == 0);
            p.out = b->data;
            CHECK(k_cpu_upfirdn_f32(&p, NULL) == 0);
            CHECK_NEAR(difference(a, b), 0, 1e-6);
        }
        mn_scope_close(scope);
    }
}

/* One sample: y = conv(x, w'') with w'' = w s, divided by its norm per output channel. */
static void modulation(mn_rng *rng) {
    enum { C = 7, O = 5 };
    mn_scope scope = mn_scope_open();
    mn_tensor *x = mn_randn(MN_F64, 4, (int64_t[]){1, C, 6, 4}, rng), *w = mn_randn(MN_F64, 4, (int64_t[]){O, C, 3, 3}, rng), *s = mn_randn(MN_F64, 2, (int64_t[]){1, C}, rng);
    mn_tensor *m = mn_clone(w), *mt = mn_empty(MN_F64, 4, (int64_t[]){C, O, 3, 3});
    for (int o = 0; o < O; o++) {
        double *mo = (double *)m->data + o * C * 9, sum = 1e-8;
        for (int i = 0; i < C * 9; i++) { mo[i] *= mn_item(s, i / 9); sum += mo[i] * mo[i]; }
        for (int i = 0; i < C * 9; i++) { mo[i] /= sqrt(sum); ((double *)mt->data)[(i / 9 * O + o) * 9 + i % 9] = mo[i]; }
    }
    mn_tensor *y = mn_call(modconv2d, T(x, w, s)), *expected = mn_call(conv2d, T(x, m), {"pad", 1});
    CHECK(y && expected && mn_same_shape(y, expected) && difference(y, expected) < 1e-12);
    y = mn_call(modconv2d, T(x, w, s), {"up", 2});
    expected = mn_call(conv_transpose2d, T(x, mt), {"stride", 2});
    expected = mn_call(upfirdn2d, T(expected), {"padx0", 1}, {"padx1", 1}, {"pady0", 1}, {"pady1", 1}, {"gain", 4});
    CHECK(y && expected && mn_same_shape(y, expected) && difference(y, expected) < 1e-12);
    mn_scope_close(scope);
}

int main(void) {
    mn_rng rng = mn_rng_seed(3, 0);
    compare_conv(1, 3, 16, 40, 36, 3, 1, 1, 1, 0, &rng);
    compare_conv(2, 16, 16, 17, 19, 3, 2, 1, 1, 0, &rng);
    compare_conv(1, 33, 20, 9, 9, 3, 1, 0, 1, 0, &rng);
    compare_conv(1, 64, 64, 12, 12, 3, 1, 1, 1, 0, &rng);
    compare_conv(1, 64, 64, 32, 32, 3, 1, 1, 1, 0, &rng);          /* Winograd */
    compare_conv(3, 32, 48, 15, 18, 3, 1, 0, 1, 0, &rng);
    compare_conv(2, 32, 96, 8, 8, 1, 1, 0, 1, 0, &rng);            /* 1x1: a matrix product */
    compare_conv(3, 20, 12, 5, 6, 1, 1, 0, 1, 1, &rng);
    compare_conv(1, 32, 64, 8, 8, 3, 1, 1, 4, 0, &rng);
    compare_conv(1, 24, 24, 8, 8, 3, 1, 1, 24, 0, &rng);
    compare_conv(1, 24, 24, 17, 17, 3, 2, 0, 1, 1, &rng);
    compare_conv(1, 3, 32, 32, 32, 16, 16, 0, 1, 0, &rng);
    winograd_is_right(1, 32, 32, 32, 32, 1, 0, &rng);
    winograd_is_right(1, 64, 64, 64, 64, 1, 0, &rng);
    winograd_is_right(2, 33, 44, 37, 45, 1, 0, &rng);              /* nothing is a whole number of vectors or tiles */
    winograd_is_right(3, 40, 35, 31, 33, 0, 0, &rng);
    winograd_is_right(1, 41, 39, 30, 35, 2, 0, &rng);
    winograd_is_right(2, 34, 47, 35, 38, 1, 1, &rng);              /* kernels as a transposed convolution has them */
    winograd_is_right(1, 32, 32, 9, 530, 1, 0, &rng);              /* more tiles across than are transformed at once */
    winograd_is_right(2, 96, 80, 70, 130, 1, 0, &rng);             /* several strips, one over the border of two pictures */
    winograd_knows_its_place();
    threads_agree(&rng);
    filters();
    filter_paths_agree(&rng);
    modulation(&rng);
    return check_done("conv");
}
