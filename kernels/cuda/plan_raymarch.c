/* plan_raymarch.c -- launch of raymarch.cu, for struct k_raymarch_bwd (kernels/raymarch.h). */
#include <stdint.h>
#include "../raymarch.h"
#include "plan_raymarch.h"
#include "raymarch.h"

int kc_plan_raymarch_bwd(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_raymarch_bwd *p = args;
    (void)gpu;
    if (p->n < 1 || p->d > K_RAYMARCH_MAX || p->c > INT32_MAX) return 0;
    return kc_put(plan, "kc_raymarch_bwd", (unsigned)(p->n < 1 << 20 ? p->n : 1 << 20), 1, 1, KC_MARCH_THREADS, 0, p, sizeof *p);
}
