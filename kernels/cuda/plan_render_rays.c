/* plan_render_rays.c -- launch of render_rays.cu: planes of 16 or 32 channels and decoders of the published size or below. */
#include <stdint.h>
#include "../render_rays.h"
#include "../shapes.h"
#include "plan_render_rays.h"
#include "render_rays.h"

int kc_plan_render_rays_fwd(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_render_rays *p = args;
    if ((p->c != 16 && p->c != 32) || p->hidden > KC_RENDER_HIDDEN || p->colours > KC_RENDER_COLOURS || p->d > K_THREADS || p->n < 1) return 0;
    const int64_t per = K_THREADS / p->d, blocks = (p->n + per - 1) / per;
    const unsigned bytes = kc_render_floats(p->hidden, p->c, p->colours, K_THREADS) * (unsigned)sizeof(float);
    if (blocks > INT32_MAX || bytes > (unsigned)gpu->shared) return 0;
    const char *name = p->c == 16 ? p->colours ? "kc_render_rays_16_36" : "kc_render_rays_16_4" : p->colours ? "kc_render_rays_32_36" : "kc_render_rays_32_4";
    return kc_put(plan, name, (unsigned)blocks, 1, 1, K_THREADS, bytes, p, sizeof *p);
}
