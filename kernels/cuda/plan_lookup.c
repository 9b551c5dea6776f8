/* plan_lookup.c -- launches of lookup.cu. */
#include <stdint.h>
#include "../shapes.h"
#include "lookup.h"
#include "plan_lookup.h"

static int lanes_for(int64_t channels) {
    int lanes = 1;
    while (lanes < 32 && lanes < channels) lanes *= 2;
    return lanes;
}
static int put(struct kc_plan *plan, const char *kernel, int64_t points, int lanes, const void *args, size_t bytes) {
    const int64_t per = K_THREADS / lanes, blocks = (points + per - 1) / per;
    return points > 0 && blocks <= INT32_MAX && kc_put(plan, kernel, (unsigned)blocks, 1, 1, K_THREADS, 0, args, bytes);
}

int kc_plan_grid_sample_fwd(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    struct kc_grid_sample_fwd a = {.p = *(const struct k_grid_sample_fwd *)args};
    (void)gpu;
    a.points = a.p.n * a.p.wo;
    a.lanes = lanes_for(a.p.c);
    return put(plan, "kc_grid_sample_fwd", a.points, a.lanes, &a, sizeof a);
}
int kc_plan_grid_sample_bwd_x(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    struct kc_grid_sample_bwd_x a = {.p = *(const struct k_grid_sample_bwd_x *)args};
    if (gpu->deterministic || a.p.n < 1) return 0;                    /* the plain kernel's rows have one thread then */
    a.points = a.p.n / (a.p.blocks * a.p.chunks) * a.p.points;
    a.lanes = lanes_for(a.p.c);
    return put(plan, "kc_grid_sample_bwd_x", a.points, a.lanes, &a, sizeof a);
}
int kc_plan_grid_sample_bwd_grid(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    struct kc_grid_sample_bwd_grid a = {.p = *(const struct k_grid_sample_bwd_grid *)args};
    (void)gpu;
    a.points = a.p.n * a.p.wo;
    a.lanes = lanes_for(a.p.c);
    return put(plan, "kc_grid_sample_bwd_grid", a.points, a.lanes, &a, sizeof a);
}
