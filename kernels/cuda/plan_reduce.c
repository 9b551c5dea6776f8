/* plan_reduce.c -- launches of reduce.cu: where a block per row, which the plain kernels are, keeps the GPU busy, the planners decline. */
#include <stdint.h>
#include "../channel.h"
#include "../matmul.h"
#include "../norm.h"
#include "../reduce.h"
#include "../shapes.h"
#include "plan_reduce.h"
#include "reduce.h"

enum { WARPS = K_THREADS / 32, GRID_Y = 65535 };
static int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static size_t aligned(size_t bytes) { return (bytes + 255) & ~(size_t)255; }
/* Enough blocks for every multiprocessor to have some in flight. */
static int busy(int64_t blocks, const struct kc_gpu *gpu) { return blocks >= 4 * gpu->sms; }

static int finish(struct kc_plan *plan, int64_t n, int64_t pieces, const void *parts, void *out, double scale, int add) {
    const struct kc_sum_finish f = {.n = n, .pieces = pieces, .parts = parts, .out = out, .scale = scale, .add = add};
    return n > (int64_t)INT32_MAX ? 0 : kc_put(plan, "kc_sum_finish", (unsigned)up(n, WARPS), 1, 1, K_THREADS, 0, &f, sizeof f);
}

static int rows(struct kc_plan *plan, const struct kc_gpu *gpu, struct kc_sum_rows a, void *out, double scale, int add) {
    a.per = up(a.S, KC_PIECE);
    const int64_t pieces = a.N * a.per;
    if (a.rows < 1 || busy(a.rows, gpu) || a.N * a.S <= KC_PIECE || pieces * a.rows > INT32_MAX) return 0;
    plan->n = 0;
    plan->work_bytes = (size_t)(pieces * a.rows) * sizeof(float);
    a.parts = plan->work;
    return kc_put(plan, "kc_sum_rows", (unsigned)(pieces * a.rows), 1, 1, K_THREADS, 0, &a, sizeof a) & finish(plan, a.rows, pieces, a.parts, out, scale, add);
}

/* out and out_y: where the sums go; out_y only with a.y. */
static int columns(struct kc_plan *plan, const struct kc_gpu *gpu, struct kc_sum_columns a, void *out, void *out_y, double scale, int add) {
    const int64_t across = up(a.inner, KC_COLUMNS), n = a.outer * a.inner;
    if (n < 1 || a.len < 1 || across > INT32_MAX || a.outer > GRID_Y || (!a.y && busy(a.outer * up(a.inner, K_REDUCE_CHUNK), gpu) && a.inner >= K_REDUCE_CHUNK / 2)) return 0;
    a.pieces = 4 * gpu->sms / (across * a.outer);
    if (a.pieces > a.len / 64) a.pieces = a.len / 64;
    if (a.pieces < 1) a.pieces = 1;
    const size_t bytes = aligned((size_t)(a.pieces * n) * sizeof(float));
    plan->n = 0;
    plan->work_bytes = a.y ? 2 * bytes : bytes;
    a.parts = plan->work;
    a.parts_y = a.y && plan->work ? (char *)plan->work + bytes : NULL;
    int ok = kc_put(plan, "kc_sum_columns", (unsigned)across, (unsigned)a.pieces, (unsigned)a.outer, K_THREADS, 0, &a, sizeof a);
    if (out) ok &= finish(plan, n, a.pieces, a.parts, out, scale, add);
    if (out_y) ok &= finish(plan, n, a.pieces, a.parts_y, out_y, scale, add);
    return ok;
}

int kc_plan_sum_fwd(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_sum_fwd *p = args;
    if (p->n < 1 || p->len < 1) return 0;
    if (p->inner > 1) return columns(plan, gpu, (struct kc_sum_columns){.outer = p->n / p->chunks, .len = p->len, .inner = p->inner, .x = p->x}, p->y, NULL, p->scale, 0);
    if (p->len > 512 || p->n < 2 * WARPS || p->n > INT32_MAX) return rows(plan, gpu, (struct kc_sum_rows){.rows = p->n, .N = 1, .S = p->len, .x = p->x, .term = KC_X}, p->y, p->scale, 0);
    const struct kc_sum_short a = {.rows = p->n, .S = p->len, .x = p->x, .out = p->y, .scale = p->scale};
    return kc_put(plan, "kc_sum_short", (unsigned)up(p->n, WARPS), 1, 1, K_THREADS, 0, &a, sizeof a);
}

int kc_plan_channel_sum(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_channel_sum *p = args;
    return rows(plan, gpu, (struct kc_sum_rows){.rows = p->C, .N = p->N, .S = p->S, .x = p->x, .y = p->y, .term = p->y ? KC_XY : KC_X}, p->out, 1, 1);
}

int kc_plan_prelu_bwd_slope(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_prelu_bwd_slope *p = args;
    return rows(plan, gpu, (struct kc_sum_rows){.rows = p->C, .N = p->N, .S = p->S, .x = p->x, .y = p->dy, .term = KC_BELOW}, p->out, 1, 1);
}

int kc_plan_column_sum(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_column_sum *p = args;
    return columns(plan, gpu, (struct kc_sum_columns){.outer = 1, .len = p->rows, .inner = p->cols, .x = p->x}, p->out, NULL, 1, 1);
}

int kc_plan_layer_norm_bwd_w(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_layer_norm_bwd_w *p = args;
    return columns(plan, gpu, (struct kc_sum_columns){.outer = 1, .len = p->rows, .inner = p->len, .x = p->x, .y = p->dy, .mean = p->mean, .rstd = p->rstd},
                   p->dw, p->db, 1, 1);
}

int kc_plan_bias_act_bwd(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    struct kc_bias_act_bwd a = {*(const struct k_bias_act_bwd *)args};
    const int64_t pieces = up(a.p.S, KC_PIECE), n = a.p.n;
    void *const row_b = a.p.row_b, *const row_s = a.p.row_s;
    (void)gpu;
    if (n < 1 || n > INT32_MAX || pieces < 1 || pieces > GRID_Y) return 0;
    const size_t bytes = aligned((size_t)(pieces * n) * sizeof(float));
    const int split = pieces > 1 && (row_b || row_s);
    plan->n = 0;
    plan->work_bytes = split ? 2 * bytes : 0;
    if (split && row_b) a.p.row_b = plan->work;
    if (split && row_s) a.p.row_s = plan->work ? (char *)plan->work + bytes : NULL;
    int ok = kc_put(plan, "kc_bias_act_bwd", (unsigned)n, (unsigned)pieces, 1, K_THREADS, 0, &a, sizeof a);
    if (split && row_b) ok &= finish(plan, n, pieces, a.p.row_b, row_b, 1, 0);
    if (split && row_s) ok &= finish(plan, n, pieces, a.p.row_s, row_s, 1, 0);
    return ok;
}

int kc_plan_row_dot(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    struct kc_row_dot a = {*(const struct k_row_dot *)args};
    const int64_t pieces = up(a.p.S, KC_PIECE), n = a.p.n;
    void *const out = a.p.out;
    if (n < 1 || n > INT32_MAX || pieces < 2 || pieces > GRID_Y || busy(n, gpu)) return 0;
    plan->n = 0;
    plan->work_bytes = (size_t)(pieces * n) * sizeof(float);
    a.p.out = plan->work;
    return kc_put(plan, "kc_row_dot", (unsigned)n, (unsigned)pieces, 1, K_THREADS, 0, &a, sizeof a) & finish(plan, n, pieces, a.p.out, out, 1, 0);
}

int kc_plan_depth_range(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_depth_range *p = args;
    struct kc_depth_range a = {.count = p->count, .depths = p->depths, .range = p->range, .blocks = up(p->count, KC_PIECE)};
    if (p->n < 1 || a.blocks < 2) return 0;
    if (a.blocks > 2 * gpu->sms) a.blocks = 2 * gpu->sms;
    plan->n = 0;
    plan->work_bytes = (size_t)a.blocks * 2 * sizeof(float);
    a.parts = plan->work;
    return kc_put(plan, "kc_depth_range", (unsigned)a.blocks, 1, 1, K_THREADS, 0, &a, sizeof a)
         & kc_put(plan, "kc_depth_range_end", 1, 1, 1, K_THREADS, 0, &a, sizeof a);
}
