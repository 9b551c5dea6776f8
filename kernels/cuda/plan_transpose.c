/* plan_transpose.c -- launch of transpose.cu, for struct k_transpose (kernels/transpose.h). */
#include <stdint.h>
#include "../shapes.h"
#include "../transpose.h"
#include "plan_transpose.h"
#include "transpose.h"

static int64_t tiles(int64_t n, int64_t side) { return (n + side - 1) / side; }
int kc_plan_transpose(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_transpose *p = args;
    (void)gpu;
    if (p->n < 1 || p->rows < 1 || p->cols < 1) return 0;
    const int64_t across = tiles(p->cols, KC_TRANSPOSE_SIDE), down = tiles(p->rows, KC_TRANSPOSE_SIDE);
    const int64_t batch = p->n / (tiles(p->rows, K_TRANSPOSE_TILE) * tiles(p->cols, K_TRANSPOSE_TILE));
    if (across > INT32_MAX || down > 65535 || batch > 65535) return 0;
    return kc_put(plan, "kc_transpose", (unsigned)across, (unsigned)down, (unsigned)batch, K_THREADS, 0, p, sizeof *p);
}
