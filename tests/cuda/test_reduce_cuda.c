/* test_reduce_cuda.c -- the reductions of reduce.cu in the emulator against the plain kernels in f64, for GPUs that cut them in one way and another. */
#include <stdlib.h>
#include "emulate.h"
#include "emulated_plan.h"
#include "../../kernels/bias_act.h"
#include "../../kernels/channel.h"
#include "../../kernels/matmul.h"
#include "../../kernels/modconv.h"
#include "../../kernels/norm.h"
#include "../../kernels/reduce.h"
#include "../../kernels/cuda/plan_reduce.h"
#include "check.h"

#define K(name) int k_cpu_##name##_f64(const void *args, void *stream);
K(sum_fwd) K(channel_sum) K(prelu_bwd_slope) K(column_sum) K(layer_norm_bwd_w) K(row_dot) K(bias_act_bwd)
#undef K
enum { MOST = 40000, OUT = 12000 };
static struct { float f[MOST]; double d[MOST]; } x, y;
static struct { float f[OUT]; double d[OUT]; } mean, rstd, out, second;
static int done;

static void begin(void) {
    for (int k = 0; k < OUT; k++) out.d[k] = out.f[k] = second.d[k] = second.f[k] = 0.5f;
}
static void compare(const char *what, int made, int64_t n) {
    double top = 1e-3, worst = 0;
    for (int64_t k = 0; k < n; k++) top = fmax(top, fmax(fabs(out.d[k]), fabs(second.d[k])));
    for (int64_t k = 0; k < OUT; k++) worst = worse(worst, worse(fabs(out.f[k] - out.d[k]), fabs(second.f[k] - second.d[k])) / top);
    if (made < 0 || (made && !(worst <= 2e-6))) fprintf(stderr, "%s: %d, off by %g\n", what, made, worst);
    CHECK(made >= 0 && (made == 0 || worst <= 2e-6));      /* measured: 4e-7 */
    done += made == 1;
}
#define RUN(name, n_out, ...) do {                                                                              \
    begin();                                                                                                    \
    struct k_##name p = __VA_ARGS__;                                                                            \
    k_cpu_##name##_f64(&p, NULL);                                                                               \
    swap(&p, sizeof p);                                                                                         \
    compare(#name, k_emulate_plan(kc_plan_##name, &p, gpu), n_out);                                             \
} while (0)
/* Pointers to the f64 numbers become those to the f32 ones. */
static void swap(void *args, size_t bytes) {
    void *const pairs[][2] = {{x.d, x.f}, {y.d, y.f}, {mean.d, mean.f}, {rstd.d, rstd.f}, {out.d, out.f}, {second.d, second.f}};
    for (size_t k = 0; k + sizeof(void *) <= bytes; k += sizeof(void *))
        for (size_t j = 0; j < sizeof pairs / sizeof *pairs; j++) {
            void **at = (void **)((char *)args + k);
            if (*at == pairs[j][0]) { *at = pairs[j][1]; break; }
        }
}

static void all(const struct kc_gpu *gpu) {
    RUN(sum_fwd, 3, {.n = 3, .len = 10001, .inner = 1, .chunks = 1, .x = x.d, .y = out.d, .scale = 0.1});
    RUN(sum_fwd, 900, {.n = 900, .len = 37, .inner = 1, .chunks = 1, .x = x.d, .y = out.d, .scale = 2});
    RUN(sum_fwd, 40, {.n = 2, .len = 900, .inner = 20, .chunks = 1, .x = x.d, .y = out.d, .scale = 1});
    RUN(sum_fwd, 700, {.n = 3, .len = 50, .inner = 700, .chunks = 3, .x = x.d, .y = out.d, .scale = 1});
    RUN(channel_sum, 3, {.n = 3, .N = 2, .C = 3, .S = 6000, .x = x.d, .out = out.d});
    RUN(channel_sum, 2, {.n = 2, .N = 4, .C = 2, .S = 4097, .x = x.d, .y = y.d, .out = out.d});
    RUN(prelu_bwd_slope, 5, {.n = 5, .N = 2, .C = 5, .S = 3000, .x = x.d, .dy = y.d, .out = out.d});
    RUN(column_sum, 70, {.n = 2, .rows = 500, .cols = 70, .x = x.d, .out = out.d});
    RUN(layer_norm_bwd_w, 33, {.n = 1, .len = 33, .rows = 1000, .x = x.d, .dy = y.d, .mean = mean.d, .rstd = rstd.d, .dw = out.d, .db = second.d});
    RUN(layer_norm_bwd_w, 130, {.n = 3, .len = 130, .rows = 10, .x = x.d, .dy = y.d, .mean = mean.d, .rstd = rstd.d, .db = second.d});
    RUN(row_dot, 3, {.n = 3, .S = 9000, .x = x.d, .y = y.d, .out = out.d});
    RUN(bias_act_bwd, 6, {.n = 6, .C = 3, .S = 5000, .y = x.d, .dy = y.d, .noise = rstd.d, .noise_step = 5000, .slope = 0.2, .gain = 1.5, .limit = 1.2,
                          .row_b = out.d, .row_s = second.d});
}

int main(void) {
    uint64_t state = 5;
    for (int k = 0; k < MOST; k++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        x.d[k] = x.f[k] = (float)((double)(state >> 40) / (1 << 23) - 1);
        state = state * 6364136223846793005u + 1442695040888963407u;
        y.d[k] = y.f[k] = (float)((double)(state >> 40) / (1 << 23) - 1);
    }
    for (int k = 0; k < OUT; k++) {
        mean.d[k] = mean.f[k] = x.f[k];
        rstd.d[k] = rstd.f[k] = 1.5f + y.f[k];
    }
    static const struct kc_gpu gpus[] = {{90, 132, 232448, 0, 0}, {75, 40, 65536, 0, 1}, {80, 1, 166912, 0, 0}};
    for (k_emulate_order = 0; k_emulate_order < 3; k_emulate_order++) all(&gpus[k_emulate_order]);
    CHECK(done >= 24);                                     /* the others are the plain kernels' work */
    return check_done("reduce_cuda");
}
