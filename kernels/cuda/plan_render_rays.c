/* plan_render_rays.c -- launches of render_rays.cu and render_rays_bwd.cu: planes of 16 or 32 channels and decoders of the published size or below. */
#include <stdint.h>
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

/* Which decoder: names by channels and outputs, and of the backward pass without and with the decoder's gradient. */
static const char *const backward[2][2][2] = {{{"kc_render_rays_bwd_16_4", "kc_render_rays_bwd_16_36"}, {"kc_render_rays_bwd_32_4", "kc_render_rays_bwd_32_36"}},
                                              {{"kc_render_rays_bwd_all_16_4", "kc_render_rays_bwd_all_16_36"}, {"kc_render_rays_bwd_all_32_4", "kc_render_rays_bwd_all_32_36"}}};

int kc_plan_render_rays_bwd(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    struct kc_render_rays_bwd a = {.p = *(const struct k_render_rays *)args};
    const struct k_render_rays *p = &a.p;
    const int decoder = p->dw0 != NULL, threads = decoder ? KC_RENDER_DECODER_THREADS : K_THREADS;
    if ((p->c != 16 && p->c != 32) || p->hidden > KC_RENDER_HIDDEN || p->colours > KC_RENDER_COLOURS || p->d > threads || p->n < 1) return 0;
    const int64_t per = threads / p->d, all = (p->n + per - 1) / per, most = 2 * gpu->sms, blocks = decoder && all > most ? most : all;
    const unsigned bytes = kc_render_bwd_floats(p->hidden, p->c, p->colours, threads, decoder) * (unsigned)sizeof(float);
    if (blocks > INT32_MAX || bytes > (unsigned)gpu->shared) return 0;
    a.size = kc_render_sums(p->hidden, p->c, p->colours);
    a.parts = plan->work;
    plan->n = 0;
    plan->work_bytes = decoder ? (size_t)(blocks * a.size) * sizeof(float) : 0;
    int ok = kc_put(plan, backward[decoder][p->c == 32][p->colours > 0], (unsigned)blocks, 1, 1, (unsigned)threads, bytes, &a, sizeof a);
    if (!decoder) return ok;
    const struct kc_render_sum sum = {.n = a.size, .parts = a.parts, .blocks = blocks, .hidden = p->hidden, .c = p->c, .colours = p->colours,
                                      .wide = kc_render_wide(p->colours), .dw0 = p->dw0, .db0 = p->db0, .dw1 = p->dw1, .db1 = p->db1};
    return ok & kc_put(plan, "kc_render_sum", (unsigned)((a.size + K_THREADS - 1) / K_THREADS), 1, 1, K_THREADS, 0, &sum, sizeof sum);
}
