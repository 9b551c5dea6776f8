/* test_conv_cuda.c -- the GPU's convolutions (kernels/cuda/conv.cu) in the emulator against the plain kernels in f64.
 * Factors are small multiples of 1/8, which every type of the GPU holds exactly, so that all types must agree to the rounding of
 * f32 sums.  Cases run for several GPUs, which cut the work differently, and in several orders of the threads. */
#include <stdlib.h>
#include "emulate.h"
#include "emulated_plan.h"
#include "../../engine/mien.h"
#include "../../kernels/modconv.h"
#include "../../kernels/cuda/plan_conv.h"
#include "check.h"

int k_cpu_conv_fwd_f64(const void *args, void *stream);
int k_cpu_conv_bwd_x_f64(const void *args, void *stream);
int k_cpu_conv_bwd_w_f64(const void *args, void *stream);

static uint64_t state = 7;
static int draw(int n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int)((state >> 33) % (uint64_t)n);
}
enum { GUARD = 64 };
/* The same numbers twice, as f32 and f64. */
struct pair { int64_t n; float *f; double *d; };
static struct pair numbers(int64_t n) {
    struct pair p = {n, malloc((size_t)(n + 2 * GUARD) * sizeof(float)), malloc((size_t)n * sizeof(double))};
    for (int64_t k = 0; k < n + 2 * GUARD; k++) p.f[k] = -12345;
    p.f += GUARD;
    for (int64_t k = 0; k < n; k++) p.d[k] = p.f[k] = (float)(draw(33) - 16) / 8;
    return p;
}
static void release(struct pair p) { free(p.f - GUARD); free(p.d); }

/* The largest difference, in units of the largest value; infinite when a guard was touched. */
static double difference(struct pair p) {
    double top = 1e-3, worst = 0;
    for (int64_t k = 0; k < GUARD; k++) if (p.f[-1 - k] != -12345 || p.f[p.n + k] != -12345) return INFINITY;
    for (int64_t k = 0; k < p.n; k++) top = fmax(top, fabs(p.d[k]));
    for (int64_t k = 0; k < p.n; k++) worst = worse(worst, fabs(p.f[k] - p.d[k]) / top);
    return worst;
}

/* Several ways to cut the same work; a GPU with one multiprocessor never splits a sum. */
static const struct kc_gpu gpus[] = {{90, 132, 232448, 0, 0}, {80, 1, 166912, 0, 0}, {75, 40, 65536, 0, 1}};
enum { GPUS = 3 };
static int turn;

static void compare(const char *what, kc_planner *planner, const void *args, struct pair result, int precision, const char *text) {
    for (int k = 0; k < GPUS; k++) {
        struct kc_gpu gpu = gpus[k];
        if (k != (turn + precision) % GPUS && k != (precision == MN_STRICT ? 0 : -1)) continue;     /* a third of all, and f32 cut finely */
        gpu.precision = precision;
        k_emulate_order = (unsigned)(turn + precision) % 3;
        for (int64_t j = 0; j < result.n; j++) result.f[j] = NAN;
        const int done = k_emulate_plan(planner, args, &gpu);
        const double e = difference(result);
        if (done != 1 || !(e <= 1e-6)) fprintf(stderr, "%s, precision %d, sm_%d: %d, off by %g: %s\n", what, precision, gpu.sm, done, e, text);
        CHECK(done == 1);
        CHECK(e <= 1e-6);
    }
}

struct sizes { int N, C, H, W, O, k, kw, stride, pad, groups, swapped, declined; };

static void run(const struct sizes *z) {
    char text[200];
    snprintf(text, sizeof text, "N %d C %d %dx%d O %d k %dx%d stride %d pad %d groups %d swapped %d", z->N, z->C, z->H, z->W, z->O, z->k, z->kw, z->stride,
             z->pad, z->groups, z->swapped);
    struct k_conv p = {.N = z->N, .C = z->C, .H = z->H, .W = z->W, .O = z->O, .OH = (z->H + 2 * z->pad - z->k) / z->stride + 1,
                       .OW = (z->W + 2 * z->pad - z->kw) / z->stride + 1, .kh = z->k, .kw = z->kw, .stride = z->stride, .pad = z->pad,
                       .groups = z->groups, .swapped = z->swapped};
    const struct pair x = numbers((int64_t)z->N * z->C * z->H * z->W), w = numbers((int64_t)z->O * z->C / z->groups * z->k * z->kw),
                      y = numbers((int64_t)z->N * z->O * p.OH * p.OW);
    struct pair rx = numbers(x.n), rw = numbers(w.n), ry = numbers(y.n);
    struct k_conv f = p, b = p, g = p;
    f.n = y.n; f.x = x.d; f.w = w.d; f.out = ry.d;
    b.n = x.n; b.y = y.d; b.w = w.d; b.out = rx.d;
    g.n = w.n; g.x = x.d; g.y = y.d; g.out = rw.d;
    k_cpu_conv_fwd_f64(&f, NULL);
    k_cpu_conv_bwd_x_f64(&b, NULL);
    k_cpu_conv_bwd_w_f64(&g, NULL);
    f.x = x.f; f.w = w.f; f.out = ry.f;
    b.y = y.f; b.w = w.f; b.out = rx.f;
    g.x = x.f; g.y = y.f; g.out = rw.f;
    if (z->declined) {
        CHECK(k_emulate_plan(kc_plan_conv_fwd, &f, &gpus[0]) == 0 && k_emulate_plan(kc_plan_conv_bwd_x, &b, &gpus[0]) == 0);
        CHECK(k_emulate_plan(kc_plan_conv_bwd_w, &g, &gpus[0]) == 0);
    }
    turn++;
    for (int precision = MN_STRICT; precision <= MN_HALF && !z->declined; precision++) {
        compare("conv_fwd", kc_plan_conv_fwd, &f, ry, precision, text);
        compare("conv_bwd_x", kc_plan_conv_bwd_x, &b, rx, precision, text);
        compare("conv_bwd_w", kc_plan_conv_bwd_w, &g, rw, precision, text);
    }
    release(x); release(w); release(y); release(rx); release(rw); release(ry);
}

/* y = act(d conv(w, s x) + strength noise + b), by hand around the plain convolution. */
static void run_modulated(const struct sizes *z, int transposed) {
    struct k_conv p = {.N = z->N, .C = z->C, .H = z->H, .W = z->W, .O = z->O, .OH = (z->H + 2 * z->pad - z->k) / z->stride + 1,
                       .OW = (z->W + 2 * z->pad - z->kw) / z->stride + 1, .kh = z->k, .kw = z->kw, .stride = z->stride, .pad = z->pad, .groups = 1,
                       .swapped = z->swapped};
    const int64_t in = transposed ? z->O : z->C, out = transposed ? z->C : z->O, isize = transposed ? p.OH * p.OW : z->H * z->W,
                  osize = transposed ? z->H * z->W : p.OH * p.OW;
    const struct pair x = numbers(z->N * in * isize), w = numbers(in * out * z->k * z->kw), b = numbers(out), noise = numbers(z->N * osize), one = numbers(1);
    struct pair s = numbers(z->N * in), d = numbers(z->N * out), y = numbers(z->N * out * osize), xs = numbers(x.n);
    for (int64_t k = 0; k < s.n; k++) s.d[k] = s.f[k] = (float)(1 << draw(3)) / 2;          /* the scaled x stays exact */
    for (int64_t k = 0; k < d.n; k++) d.d[k] = d.f[k] = (float)(1 + draw(4)) / 4;
    for (int64_t k = 0; k < x.n; k++) xs.d[k] = x.d[k] * s.d[k / isize];
    struct k_modconv_fwd q = {.conv = p, .up = transposed, .s = s.f, .d = d.f, .b = b.f, .noise = noise.f, .strength = one.f, .noise_step = osize,
                              .slope = 0.25, .gain = 1.5, .limit = 20};
    p.n = q.conv.n = y.n;
    p.w = w.d;
    p.out = y.d;
    *(transposed ? &p.y : &p.x) = xs.d;
    if (transposed) k_cpu_conv_bwd_x_f64(&p, NULL);
    else k_cpu_conv_fwd_f64(&p, NULL);
    for (int64_t k = 0; k < y.n; k++) {
        const double v = y.d[k] * d.d[k / osize] + one.d[0] * noise.d[k / (out * osize) * osize + k % osize] + b.d[k / osize % out], a = v * (v > 0 ? 1.5 : 0.375);
        y.d[k] = a > 20 ? 20 : a < -20 ? -20 : a;
    }
    q.conv.w = w.f;
    q.conv.out = y.f;
    *(transposed ? &q.conv.y : &q.conv.x) = x.f;
    for (int precision = MN_STRICT; precision <= MN_HALF; precision++) compare("modconv_fwd", kc_plan_modconv_fwd, &q, y, precision, "modulated");
    release(x); release(w); release(b); release(noise); release(one); release(s); release(d); release(y); release(xs);
}

int main(void) {
    static const struct sizes cases[] = {
        {1, 3, 9, 17, 5, 3, 3, 1, 1, 1, 0, 0},      /* few channels, partial tiles everywhere */
        {2, 33, 8, 16, 65, 1, 1, 1, 0, 1, 0, 0},    /* 1x1; one channel more than a chunk, one row more than a tile */
        {1, 40, 17, 33, 130, 3, 3, 1, 1, 1, 0, 0},  /* several tiles of everything */
        {1, 20, 11, 10, 24, 3, 3, 2, 1, 1, 0, 0},   /* strides */
        {2, 17, 9, 12, 70, 4, 4, 4, 0, 1, 0, 0},    /* windows side by side */
        {1, 5, 13, 11, 3, 7, 7, 2, 3, 1, 0, 0},     /* a large kernel */
        {1, 6, 7, 9, 4, 2, 2, 3, 0, 1, 0, 0},       /* windows apart: inputs that nothing reads */
        {1, 32, 6, 7, 48, 3, 3, 1, 1, 2, 0, 0},     /* groups */
        {1, 18, 9, 9, 20, 3, 3, 2, 0, 1, 1, 0},     /* weights the other way round, as the transposed modulated convolution has them */
        {1, 4, 5, 6, 7, 5, 3, 1, 2, 1, 0, 0},       /* an oblong kernel */
        {1, 2, 1, 1, 1, 1, 1, 1, 0, 1, 0, 0},
        {1, 8, 5, 5, 8, 3, 3, 1, 1, 8, 0, 1},       /* each channel alone: the plain kernel's work */
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) run(&cases[k]);
    run_modulated(&(struct sizes){2, 34, 9, 10, 20, 3, 3, 1, 1, 1, 0, 0}, 0);
    run_modulated(&(struct sizes){2, 20, 11, 13, 34, 3, 3, 2, 0, 1, 1, 0}, 1);
    return check_done("conv_cuda");
}
