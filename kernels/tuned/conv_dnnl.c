/* conv_dnnl.c -- convolution through oneDNN (C interface of version 2).
 *
 * oneDNN's fast kernels want blocked layouts that depend on the sizes, so each
 * operand is described as "any", and where the layout chosen differs from ours
 * the numbers are reordered on the way in or out.  Building the primitives takes
 * longer than a small convolution: a plan per distinct (kind, sizes, number of
 * threads) is kept in a bounded table, the least recently used one making room.
 *
 * 3x3 convolutions of stride 1 over enough pixels go by Winograd's method F(4x4,3x3), which is two to three times
 * faster; its results are off by 2e-6 of the largest instead of 4e-7 (docs/bench/conv.md).  Large ones are winograd.c's;
 * gradients to kernels, and small maps, take the library's where the processor has AVX-512.
 *
 * With mn_set_precision(MN_BF16) the two factors are described as bfloat16 and the result as f32: the reordering rounds
 * them, and processors with matrix units (AMX) multiply an order of magnitude faster.
 *
 * One lock guards the table and the plans, whose memory objects are pointed at
 * the operands of the call in progress. */
#include <dnnl.h>
#include <omp.h>
#include <pthread.h>
#include <string.h>
#include "internal.h"
#include "tuned.h"
#include "winograd.h"

enum kind { FWD, BWD_X, BWD_W };
enum { X, WEIGHTS, Y, OPERANDS };                  /* each kind computes one from the other two */
static const int result_of[] = {Y, X, WEIGHTS};
static const int arg_of[3][OPERANDS] = {
    {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
    {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
    {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}};

struct key { int64_t kind, threads, bf16, N, C, H, W, O, OH, OW, kh, kw, stride, pad, groups, swapped; };

struct plan {
    struct key key;
    uint64_t used;                                 /* 0: the slot is empty */
    dnnl_primitive_t conv, reorder[OPERANDS];      /* reorder: NULL where our layout serves */
    dnnl_memory_t ours[OPERANDS], theirs[OPERANDS];
    size_t bytes[OPERANDS];                        /* of the blocked copy */
    dnnl_memory_t scratch;                         /* the library's working memory, from our allocator */
    size_t scratch_bytes;
};

enum { PLANS = 192 };
static struct {
    pthread_mutex_t lock;
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    uint64_t clock;
    struct plan plans[PLANS];
} lib = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void clear(struct plan *plan) {
    if (plan->conv) dnnl_primitive_destroy(plan->conv);
    for (int j = 0; j < OPERANDS; j++) {
        if (plan->reorder[j]) dnnl_primitive_destroy(plan->reorder[j]);
        if (plan->ours[j]) dnnl_memory_destroy(plan->ours[j]);
        if (plan->theirs[j]) dnnl_memory_destroy(plan->theirs[j]);
    }
    if (plan->scratch) dnnl_memory_destroy(plan->scratch);
    memset(plan, 0, sizeof *plan);
}

/* Our dense layout of operand j, or the same sizes with layout and, of factors, rounding as the library is to have them. */
static dnnl_status_t describe(dnnl_memory_desc_t *md, const struct key *k, int j, int any) {
    const dnnl_dims_t x = {k->N, k->C, k->H, k->W}, y = {k->N, k->O, k->OH, k->OW};
    const dnnl_dims_t w = {k->O, k->C, k->kh, k->kw}, wg = {k->groups, k->O / k->groups, k->C / k->groups, k->kh, k->kw};
    const int grouped = j == WEIGHTS && k->groups > 1;
    const dnnl_dim_t *dims = j == X ? x : j == Y ? y : grouped ? wg : w;
    if (j == WEIGHTS && k->swapped && !any) return dnnl_memory_desc_init_by_tag(md, 4, dims, dnnl_f32, dnnl_bacd);
    const dnnl_data_type_t type = any && k->bf16 && j != result_of[k->kind] ? dnnl_bf16 : dnnl_f32;
    return dnnl_memory_desc_init_by_tag(md, grouped ? 5 : 4, dims, type, any ? dnnl_format_tag_any : grouped ? dnnl_abcde : dnnl_abcd);
}

/* Where Winograd's method pays: its transforms cost per channel and per kernel what the product saves per pair of
 * channels and per tile of 4x4 pixels. */
static bool winograd_pays(const struct key *k) {
    const int64_t tiles = k->N * ((k->OH + 3) / 4) * ((k->OW + 3) / 4);
    return k->kh == 3 && k->kw == 3 && k->stride == 1 && k->groups == 1 && k->C % 16 == 0 && k->O % 16 == 0 && k->C * k->O >= 512 && tiles >= 16;
}

static dnnl_status_t describe_conv(dnnl_primitive_desc_t *out, const struct key *k, dnnl_alg_kind_t method) {
    dnnl_memory_desc_t md[OPERANDS];
    dnnl_convolution_desc_t conv;
    dnnl_status_t s = dnnl_success;
    for (int j = 0; j < OPERANDS && !s; j++) s = describe(&md[j], k, j, 1);
    if (s) return s;
    const dnnl_dims_t stride = {k->stride, k->stride}, before = {k->pad, k->pad};
    /* What the window really reaches past the end: rows that a stride skips are not padding. */
    const dnnl_dims_t after = {(k->OH - 1) * k->stride + k->kh - k->H - k->pad, (k->OW - 1) * k->stride + k->kw - k->W - k->pad};
    if (k->kind == BWD_W) s = dnnl_convolution_backward_weights_desc_init(&conv, method, &md[X], &md[WEIGHTS], NULL, &md[Y], stride, before, after);
    else if (k->kind == BWD_X) s = dnnl_convolution_backward_data_desc_init(&conv, method, &md[X], &md[WEIGHTS], &md[Y], stride, before, after);
    else s = dnnl_convolution_forward_desc_init(&conv, dnnl_forward_training, method, &md[X], &md[WEIGHTS], NULL, &md[Y], stride, before, after);
    if (s) return s;
    dnnl_primitive_desc_t hint = NULL;             /* the backward kinds want a forward description to choose layouts by */
    if (k->kind != FWD) {
        struct key forward = *k;
        forward.kind = FWD;
        if ((s = describe_conv(&hint, &forward, method))) return s;
    }
    dnnl_primitive_attr_t attr = NULL;
    s = dnnl_primitive_attr_create(&attr);
    if (!s) s = dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user);
    if (!s) s = dnnl_primitive_desc_create(out, &conv, attr, lib.engine, hint);
    if (attr) dnnl_primitive_attr_destroy(attr);
    if (hint) dnnl_primitive_desc_destroy(hint);
    return s;
}

static dnnl_status_t build(struct plan *plan, const struct key *k) {
    dnnl_primitive_desc_t pd;
    dnnl_status_t s = !k->bf16 && winograd_pays(k) ? describe_conv(&pd, k, dnnl_convolution_winograd) : dnnl_unimplemented;
    if (s) s = describe_conv(&pd, k, dnnl_convolution_direct);     /* processors without AVX-512 have no Winograd kernel */
    if (s) return s;
    const dnnl_memory_desc_t *chosen[OPERANDS] = {
        dnnl_primitive_desc_query_md(pd, k->kind == BWD_X ? dnnl_query_diff_src_md : dnnl_query_src_md, 0),
        dnnl_primitive_desc_query_md(pd, k->kind == BWD_W ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0),
        dnnl_primitive_desc_query_md(pd, k->kind == FWD ? dnnl_query_dst_md : dnnl_query_diff_dst_md, 0)};
    const dnnl_memory_desc_t *scratch = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    plan->scratch_bytes = dnnl_memory_desc_get_size(scratch);
    s = dnnl_primitive_create(&plan->conv, pd);
    if (!s) s = dnnl_memory_create(&plan->scratch, scratch, lib.engine, DNNL_MEMORY_NONE);
    for (int j = 0; j < OPERANDS && !s; j++) {
        dnnl_memory_desc_t dense;
        if ((s = describe(&dense, k, j, 0))) break;
        if ((s = dnnl_memory_create(&plan->ours[j], &dense, lib.engine, DNNL_MEMORY_NONE))) break;
        if (dnnl_memory_desc_equal(&dense, chosen[j])) continue;
        plan->bytes[j] = dnnl_memory_desc_get_size(chosen[j]);
        if ((s = dnnl_memory_create(&plan->theirs[j], chosen[j], lib.engine, DNNL_MEMORY_NONE))) break;
        const int out = j == result_of[k->kind];
        dnnl_primitive_desc_t reorder;
        s = dnnl_reorder_primitive_desc_create(&reorder, out ? chosen[j] : &dense, lib.engine, out ? &dense : chosen[j], lib.engine, NULL);
        if (s) break;
        s = dnnl_primitive_create(&plan->reorder[j], reorder);
        dnnl_primitive_desc_destroy(reorder);
    }
    dnnl_primitive_desc_destroy(pd);
    return s;
}

/* The plan for these sizes, from the table or newly built; NULL when the library refuses. */
static struct plan *find_plan(const struct key *k) {
    if (!lib.engine && dnnl_engine_create(&lib.engine, dnnl_cpu, 0)) { lib.engine = NULL; return NULL; }
    if (!lib.stream && dnnl_stream_create(&lib.stream, lib.engine, dnnl_stream_default_flags)) { lib.stream = NULL; return NULL; }
    struct plan *oldest = lib.plans;
    for (int i = 0; i < PLANS; i++) {
        struct plan *plan = &lib.plans[i];
        if (plan->used && !memcmp(&plan->key, k, sizeof *k)) { plan->used = ++lib.clock; return plan; }
        if (plan->used < oldest->used) oldest = plan;
    }
    clear(oldest);
    if (build(oldest, k)) { clear(oldest); return NULL; }
    oldest->key = *k;
    oldest->used = ++lib.clock;
    return oldest;
}

static dnnl_status_t reorder(struct plan *plan, int j, dnnl_memory_t from, dnnl_memory_t to) {
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    return dnnl_primitive_execute(plan->reorder[j], lib.stream, 2, args);
}

static dnnl_status_t execute(struct plan *plan, enum kind kind, void *const data[OPERANDS], void *const copy[OPERANDS], void *scratch) {
    const int result = result_of[kind];
    dnnl_exec_arg_t args[OPERANDS + 1] = {[OPERANDS] = {DNNL_ARG_SCRATCHPAD, plan->scratch}};
    dnnl_status_t s = dnnl_memory_set_data_handle(plan->scratch, scratch);
    for (int j = 0; j < OPERANDS && !s; j++) {
        s = dnnl_memory_set_data_handle(plan->ours[j], data[j]);
        if (!s && copy[j]) s = dnnl_memory_set_data_handle(plan->theirs[j], copy[j]);
        if (!s && copy[j] && j != result) s = reorder(plan, j, plan->ours[j], plan->theirs[j]);
        args[j] = (dnnl_exec_arg_t){arg_of[kind][j], copy[j] ? plan->theirs[j] : plan->ours[j]};
    }
    if (!s) s = dnnl_primitive_execute(plan->conv, lib.stream, OPERANDS + 1, args);
    if (!s && copy[result]) s = reorder(plan, result, plan->theirs[result], plan->ours[result]);
    if (!s) s = dnnl_stream_wait(lib.stream);
    return s;
}

/* Multiply-adds below which starting threads, three times per convolution, costs more than they bring. */
static const int64_t SMALL = 2000000;

static bool bf16_pays(void) {
    return mn_get_precision() == MN_BF16 && (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

static int run(const struct k_conv *p, enum kind kind) {
    const int allowed = omp_get_max_threads(), threads = p->N * p->O * p->OH * p->OW * p->C / p->groups * p->kh * p->kw < SMALL ? 1 : allowed;
    const struct key key = {.kind = kind, .threads = threads, .bf16 = bf16_pays(), .N = p->N, .C = p->C, .H = p->H, .W = p->W, .O = p->O, .OH = p->OH, .OW = p->OW,
                            .kh = p->kh, .kw = p->kw, .stride = p->stride, .pad = p->pad, .groups = p->groups, .swapped = p->swapped};
    void *data[OPERANDS] = {(void *)p->x, (void *)p->w, (void *)p->y}, *copy[OPERANDS] = {NULL}, *scratch = NULL;
    data[result_of[kind]] = p->out;
    pthread_mutex_lock(&lib.lock);
    if (threads != allowed) omp_set_num_threads(threads);      /* what the library's primitives are built for and run with */
    struct plan *plan = find_plan(&key);
    int failed = !plan;
    for (int j = 0; j < OPERANDS && !failed; j++)
        if (plan->bytes[j]) failed = !(copy[j] = mn_alloc(plan->bytes[j]));
    if (!failed && plan->scratch_bytes) failed = !(scratch = mn_alloc(plan->scratch_bytes));
    if (!failed) failed = execute(plan, kind, data, copy, scratch) != dnnl_success;
    if (scratch) mn_dealloc(scratch, plan->scratch_bytes);
    for (int j = 0; j < OPERANDS; j++)
        if (copy[j]) mn_dealloc(copy[j], plan->bytes[j]);
    if (threads != allowed) omp_set_num_threads(allowed);
    pthread_mutex_unlock(&lib.lock);
    return failed;
}

/* y or dx, by Winograd's method on our own layout where that is faster. */
static int windowed(const struct k_conv *p, enum kind kind) {
    const int s = bf16_pays() ? -1 : winograd(p, kind == BWD_X);
    return s < 0 ? run(p, kind) : s;
}

/* ---- 1x1 kernels of stride 1: matrix products on our own layout, x [C,HW] and y [O,HW] per sample ---- */

static bool pointwise(const struct k_conv *p) { return p->kh == 1 && p->kw == 1 && p->stride == 1 && p->pad == 0 && p->groups == 1; }

int kt_conv_fwd(const void *args) {
    const struct k_conv *p = args;
    if (!pointwise(p)) return windowed(p, FWD);
    const int64_t S = p->H * p->W;
    return kt_matmul(&(struct k_matmul){.n = p->n, .batch = p->N, .M = p->O, .N = S, .K = p->C, .sum = 1, .a = p->w, .ta = p->swapped != 0,
                                        .b = p->x, .b_batch = p->C * S, .c = p->out});
}

int kt_conv_bwd_x(const void *args) {
    const struct k_conv *p = args;
    if (!pointwise(p)) return windowed(p, BWD_X);
    const int64_t S = p->H * p->W;
    return kt_matmul(&(struct k_matmul){.n = p->n, .batch = p->N, .M = p->C, .N = S, .K = p->O, .sum = 1, .a = p->w, .ta = !p->swapped,
                                        .b = p->y, .b_batch = p->O * S, .c = p->out});
}

int kt_conv_bwd_w(const void *args) {
    const struct k_conv *p = args;
    if (!pointwise(p)) return run(p, BWD_W);
    const int64_t S = p->H * p->W;
    struct k_matmul m = {.n = p->n, .batch = 1, .M = p->O, .N = p->C, .K = S, .sum = p->N, .a = p->y, .a_sum = p->O * S, .b = p->x, .b_sum = p->C * S, .tb = 1, .c = p->out};
    if (p->swapped) { m.M = p->C; m.N = p->O; m.a = p->x; m.a_sum = p->C * S; m.b = p->y; m.b_sum = p->O * S; }
    return kt_matmul(&m);
}
