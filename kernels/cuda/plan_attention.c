/* plan_attention.c -- launches of attention.cu: a block per head and 64 queries (or keys). */
#include <stdint.h>
#include "../shapes.h"
#include "attention.h"
#include "plan_attention.h"

enum { FORWARD, DQ, DKV };
static const char *const names[][2] = {{"kc_attention_64", "kc_attention_128"}, {"kc_attention_dq_64", "kc_attention_dq_128"},
                                       {"kc_attention_dkv_64", "kc_attention_dkv_128"}};

static int fits(const struct k_attention *p) { return p->d <= 128 && p->B * p->heads <= 65535; }
static int put(struct kc_plan *plan, int kernel, const struct kc_attention *a, int64_t rows) {
    return kc_put(plan, names[kernel][a->p.d > 64], (unsigned)((rows + KC_ATTENTION_ROWS - 1) / KC_ATTENTION_ROWS), (unsigned)(a->p.B * a->p.heads), 1,
                  K_THREADS, 0, a, sizeof *a);
}

int kc_plan_attention_fwd(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct kc_attention a = {.p = *(const struct k_attention *)args};
    (void)gpu;
    return fits(&a.p) && put(plan, FORWARD, &a, a.p.L);
}

int kc_plan_attention_bwd(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    struct kc_attention a = {.p = *(const struct k_attention *)args};
    const int64_t rows = a.p.B * a.p.heads * a.p.L;
    (void)gpu;
    if (!fits(&a.p)) return 0;
    plan->work_bytes = (size_t)(2 * rows) * sizeof(float);
    if (plan->work) {
        a.lse = plan->work;
        a.delta = (float *)plan->work + rows;
    }
    /* In this order: when q, k and v are one tensor, dq overwrites and the others add. */
    int ok = put(plan, FORWARD, &a, a.p.L);
    if (a.p.dq) ok &= put(plan, DQ, &a, a.p.L);
    if (a.p.dk || a.p.dv) ok &= put(plan, DKV, &a, a.p.M);
    return ok;
}
