/* plan_rasterize.c -- launch of rasterize.cu, for struct k_rasterize_fwd (kernels/rasterize.h). */
#include <stdint.h>
#include "../rasterize.h"
#include "plan_rasterize.h"
#include "rasterize.h"

int kc_plan_rasterize_fwd(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_rasterize_fwd *p = args;
    const int64_t tiles = (p->size + KC_RASTER_TILE - 1) / KC_RASTER_TILE, pictures = p->n / p->size;
    (void)gpu;
    plan->n = 0;
    if (tiles > 65535 || pictures > 65535 || p->f > INT32_MAX) return 0;
    return kc_put(plan, "kc_rasterize", (unsigned)tiles, (unsigned)tiles, (unsigned)pictures, KC_RASTER_TILE * KC_RASTER_TILE, 0, p, sizeof *p);
}
