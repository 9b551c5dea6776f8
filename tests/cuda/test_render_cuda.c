/* test_render_cuda.c -- the backward pass of the fused renderer in the emulator against the processor's (kernels/tuned/render_rays.c), where the table
 * of ops does not reach: blocks that go through many rays, gradients of the planes added in place or left to another kernel. */
#include <stdlib.h>
#include "emulate.h"
#include "emulated_plan.h"
#include "../../kernels/render_rays.h"
#include "../../kernels/triplane.h"
#include "../../kernels/cuda/plan_render_rays.h"
#include "check.h"

int kt_render_rays_bwd(const void *args);
int k_cpu_triplane_bwd_planes_f32(const void *args, void *stream);
enum { GUARD = 32 };

static double unit(void) {
    static uint64_t state = 11;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 40) / (1 << 24);
}
static float *numbers(int64_t n, double low, double high) {
    float *p = malloc((size_t)(n + GUARD) * sizeof *p);
    for (int64_t k = 0; k < n; k++) p[k] = (float)(low + (high - low) * unit());
    for (int64_t k = n; k < n + GUARD; k++) p[k] = -777;
    return p;
}
/* The largest difference, in units of the largest value; infinite when the guard was touched. */
static double difference(const float *a, const float *want, int64_t n) {
    double top = 1e-3, worst = 0;
    for (int k = 0; k < GUARD; k++) if (a[n + k] != -777) return INFINITY;
    for (int64_t k = 0; k < n; k++) top = fmax(top, fabs(want[k]));
    for (int64_t k = 0; k < n; k++) worst = worse(worst, fabs(a[k] - want[k]) / top);
    return worst;
}

enum { DW0, DB0, DW1, DB1, DFEATURES, POINTS, DPLANES, RESULTS };
struct sizes { int64_t pictures, rays, d, c, hidden, colours; };

static void run(struct sizes z, int sms, int decoder, int adds, int outputs, int bent) {
    const int64_t n = z.pictures * z.rays, h = 6, w = 5, samples = n * z.d;
    const int64_t size[RESULTS] = {z.hidden * z.c, z.hidden, (1 + z.colours) * z.hidden, 1 + z.colours, samples * z.c, samples * 3, z.pictures * 3 * h * w * z.c};
    float *in[] = {numbers(z.pictures * 3 * h * w * z.c, -1, 1), numbers(3 * n, -0.4, 0.4), numbers(3 * n, -0.05, 0.05), numbers(samples, 0, 0.2), numbers(2, 0, 0),
                   numbers(size[DW0], -0.5, 0.5), numbers(size[DB0], -1, 1), numbers(size[DW1], -1, 1), numbers(size[DB1], -1, 1), numbers(n * z.colours, -1, 1),
                   numbers(n, -1, 1), numbers(n * (z.d - 1), -1, 1), numbers(z.pictures * 3 * 27, -0.2, 0.2)};
    for (int64_t k = 0; k < samples; k++) in[3][k] += (float)(k % z.d);      /* depths rise */
    in[4][1] = (float)z.d;
    float *result[2][RESULTS];
    for (int k = 0; k < 2; k++)
        for (int r = 0; r < RESULTS; r++) {
            result[k][r] = numbers(size[r], 0, 0);
            for (int64_t e = 0; e < size[r] && r != DFEATURES && r != POINTS; e++) result[k][r][e] = 0.25f;       /* they are added to */
        }
    struct k_render_rays p = {.n = n, .rays = z.rays, .h = h, .w = w, .c = z.c, .d = z.d, .hidden = z.hidden, .colours = z.colours, .planes = in[0],
        .axes = {{2, 0, 0, 0, 2, 0}, {2, 0, 0, 0, 0, 2}, {0, 0, 2, 0, 2, 0}}, .origins = in[1], .dirs = in[2], .depths = in[3], .range = in[4], .w0 = in[5],
        .b0 = in[6], .w1 = in[7], .b1 = in[8], .dout = z.colours && outputs & 1 ? in[9] : NULL, .ddepth = outputs & 2 ? in[10] : NULL, .dweights = outputs & 4 ? in[11] : NULL,
        .deformation = bent ? in[12] : NULL, .nodes = 3, .cube = 1};
    for (int k = 0; k < 2; k++) {
        p.dfeatures = k == 1 && adds ? NULL : result[k][DFEATURES];
        p.points = k == 1 && adds ? NULL : result[k][POINTS];
        p.dplanes = k == 1 && adds ? result[k][DPLANES] : NULL;
        if (decoder) { p.dw0 = result[k][DW0]; p.db0 = result[k][DB0]; p.dw1 = result[k][DW1]; p.db1 = result[k][DB1]; }
        if (k == 0) {
            struct k_triplane_bwd_planes q = {.n = z.pictures * 3, .points = result[0][POINTS], .dout = result[0][DFEATURES], .dplanes = result[0][DPLANES], .m = z.rays * z.d,
                                              .h = h, .w = w, .c = z.c, .block = z.c, .blocks = 1, .chunk = z.rays * z.d, .chunks = 1};
            memcpy(q.axes, p.axes, sizeof q.axes);
            CHECK(kt_render_rays_bwd(&p) == 0);
            CHECK(k_cpu_triplane_bwd_planes_f32(&q, NULL) == 0);
        } else CHECK(k_emulate_plan(kc_plan_render_rays_bwd, &p, &(struct kc_gpu){.sm = 90, .sms = sms, .shared = 232448, .deterministic = !adds}) == 1);
    }
    for (int r = 0; r < RESULTS; r++) {
        if ((r <= DB1 && !decoder) || (adds ? r == DFEATURES || r == POINTS : r == DPLANES)) continue;
        const double e = difference(result[1][r], result[0][r], size[r]);
        if (!(e <= 2e-5)) fprintf(stderr, "result %d off by %g: c %d, colours %d, sms %d, decoder %d, adds %d, outputs %d, bent %d\n", r, e, (int)z.c, (int)z.colours, sms, decoder, adds, outputs, bent);
        CHECK(e <= 2e-5);                              /* measured: 4e-6 */
    }
    for (size_t k = 0; k < sizeof in / sizeof *in; k++) free(in[k]);
    for (int r = 0; r < RESULTS; r++) { free(result[0][r]); free(result[1][r]); }
}

int main(void) {
    static const struct sizes cases[] = {{2, 33, 7, 16, 9, 5}, {1, 40, 48, 32, 20, 32}, {3, 5, 100, 32, 8, 0}, {1, 1, 2, 16, 64, 0}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        for (int way = 0; way < 4; way++) {
            k_emulate_order = (unsigned)(k + (size_t)way) % 3;
            run(cases[k], way % 2 ? 1 : 132, way != 2, way < 2, 7, (int)(k + (size_t)way) % 2);
        }
    for (int outputs = 1; outputs < 7; outputs++) run(cases[0], 1, outputs % 2, 1, outputs, outputs == 5);
    /* too many samples for a block, or too large a decoder: the chain of ops does it */
    struct k_render_rays p = {.n = 4, .rays = 4, .h = 2, .w = 2, .c = 32, .d = 129, .hidden = 64, .colours = 32, .dw0 = &p};
    struct kc_plan plan = {0};
    const struct kc_gpu gpu = {.sm = 75, .sms = 40, .shared = 65536};
    CHECK(kc_plan_render_rays_bwd(&p, &gpu, &plan) == 0);
    p.d = 96;
    CHECK(kc_plan_render_rays_bwd(&p, &gpu, &plan) == 0);              /* more memory than sm_75 has */
    p.dw0 = NULL;
    CHECK(kc_plan_render_rays_bwd(&p, &gpu, &plan) == 1);
    return check_done("render_cuda");
}
