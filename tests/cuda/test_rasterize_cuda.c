/* test_rasterize_cuda.c -- the tiled rasteriser in the emulator gives the bits of the plain kernel: pictures of several tiles, more faces
 * than a block looks at in a turn, degenerate and repeated ones, corrupt indices. */
#include <stdlib.h>
#include "emulate.h"
#include "emulated_plan.h"
#include "../../kernels/rasterize.h"
#include "../../kernels/cuda/plan_rasterize.h"
#include "check.h"

int k_cpu_rasterize_fwd_f32(const void *args, void *stream);
enum { N = 2, V = 300, F = 700, GUARD = 16 };

static double unit(void) {
    static uint64_t state = 3;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 40) / (1 << 24);
}

static void run(int64_t size, int64_t faces) {
    static float pos[N * V * 3];
    static int32_t face[F * 3];
    const int64_t pixels = N * size * size;
    int32_t *index[2];
    float *w[2], *depth[2];
    for (int k = 0; k < 2; k++) {
        index[k] = malloc((size_t)(pixels + GUARD) * 4);
        w[k] = malloc((size_t)(3 * pixels + GUARD) * 4);
        depth[k] = malloc((size_t)(pixels + GUARD) * 4);
        memset(index[k], 0x5a, (size_t)(pixels + GUARD) * 4);
        memset(w[k], 0x5a, (size_t)(3 * pixels + GUARD) * 4);
        memset(depth[k], 0x5a, (size_t)(pixels + GUARD) * 4);
    }
    for (int k = 0; k < N * V; k++) {
        pos[3 * k] = (float)(2.4 * unit() - 1.2);
        pos[3 * k + 1] = (float)(2.4 * unit() - 1.2);
        pos[3 * k + 2] = (float)(1.2 * unit() - 0.2);
    }
    for (int k = 0; k < F * 3; k++) face[k] = (int32_t)(unit() * V);
    memcpy(face + 30, face, 30 * sizeof *face);                        /* faces 10..19 repeat 0..9 */
    face[90] = -1;
    face[94] = V;
    face[97] = face[96];
    struct k_rasterize_fwd p = {.n = N * size, .pos = pos, .faces = face, .v = V, .f = faces, .size = size, .index = index[0], .w = w[0], .depth = depth[0]};
    k_cpu_rasterize_fwd_f32(&p, NULL);
    p.index = index[1];
    p.w = w[1];
    p.depth = depth[1];
    CHECK(k_emulate_plan(kc_plan_rasterize_fwd, &p, &(struct kc_gpu){.sm = 90, .sms = 132, .shared = 232448}) == 1);
    CHECK(!memcmp(index[0], index[1], (size_t)(pixels + GUARD) * 4));
    CHECK(!memcmp(w[0], w[1], (size_t)(3 * pixels + GUARD) * 4));
    CHECK(!memcmp(depth[0], depth[1], (size_t)(pixels + GUARD) * 4));
    for (int k = 0; k < 2; k++) { free(index[k]); free(w[k]); free(depth[k]); }
}

int main(void) {
    for (k_emulate_order = 0; k_emulate_order < 3; k_emulate_order++) {
        run(37, F);
        run(16, 256);
        run(1, 40);
        run(5, 0);
    }
    return check_done("rasterize_cuda");
}
