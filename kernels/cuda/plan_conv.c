/* plan_conv.c -- launches of conv.cu: which precision, how the work is cut.
 *
 * A block's 128 x 128 (or 64 x 256) sums want 64 registers of each of 256 threads, its tiles 48 KB at most with 3x3 kernels,
 * so one or two blocks run on a multiprocessor.  Few blocks would leave most of a large GPU idle: then the sum over
 * channels is split, each part has its own copy of the result, and kc_finish adds the copies in order, so results repeat. */
#include <math.h>
#include <string.h>
#include "../../engine/mien.h"
#include "../modconv.h"
#include "conv.h"
#include "plan_conv.h"

enum { MARGIN_BYTES = 64 << 10 };        /* most of a block's memory: what every generation since sm_75 grants */
static int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static size_t aligned(size_t bytes) { return (bytes + 255) & ~(size_t)255; }

/* The kernels' suffixes by type. */
static const char *const pack_names[] = {"kc_pack_f32", "kc_pack_tf32", "kc_pack_bf16", "kc_pack_f16"};
static const char *const conv_names[][2] = {{"kc_conv_f32_1", "kc_conv_f32_2"}, {"kc_conv_tf32_1", "kc_conv_tf32_2"},
                                            {"kc_conv_bf16_1", "kc_conv_bf16_2"}, {"kc_conv_f16_1", "kc_conv_f16_2"}};
static const char *const dw_names[] = {"kc_conv_dw_f32", "kc_conv_dw_tf32", "kc_conv_dw_bf16", "kc_conv_dw_f16"};

/* sm_75 multiplies f16 alone. */
static int type_for(const struct kc_gpu *gpu) {
    switch (gpu->precision) {
    case MN_HALF: return KC_F16;
    case MN_BF16: return gpu->sm >= 80 ? KC_BF16 : KC_F32;
    case MN_TF32: return gpu->sm >= 80 ? KC_TF32 : KC_F32;
    default: return KC_F32;
    }
}

static int64_t most_blocks(int64_t n) { return n < 65536 ? n : 65536; }

/* Parts that bring `blocks` near one per multiprocessor, none shorter than `least` of the sum's `length` steps. */
static int split(int64_t blocks, int64_t length, int64_t least, const struct kc_gpu *gpu) {
    int64_t parts = gpu->sms / (blocks > 0 ? blocks : 1);
    if (parts > length / least) parts = length / least;
    if (parts > 16) parts = 16;
    return parts < 1 ? 1 : (int)parts;
}

/* Taps that a phase of the gradient to the input has along an axis: at most and at least. */
static int64_t most_taps(int64_t k, int64_t stride) { return up(k, stride); }

/* Whether tiles of pixels with a margin fit, and how many rows they have at most. */
static int margin_fits(struct kc_conv *a, int wm, int64_t th, int64_t tw, const struct kc_gpu *gpu) {
    const int64_t tile_rows = 16 / wm, rows = (tile_rows + th - 1) * (KC_TILE_COLS + tw - 1);
    const int64_t bytes = (KC_STAGES * 64 * wm + 2 * rows) * KC_ROW, limit = gpu->shared < MARGIN_BYTES ? gpu->shared : MARGIN_BYTES;
    const int64_t units = up(KC_UNITS * rows, KC_CONV_THREADS);
    /* A phase with one tap fewer along an axis has fewer steps to load its smaller tile in. */
    for (int64_t h = th > 1 && a->backward ? th - 1 : th; h <= th; h++)
        for (int64_t w = tw > 1 && a->backward ? tw - 1 : tw; w <= tw; w++)
            if (up(up(KC_UNITS * (tile_rows + h - 1) * (KC_TILE_COLS + w - 1), KC_CONV_THREADS), h * w) > 4 / wm) return 0;
    if (th * tw == 1 || bytes > limit || rows > 1000 || KC_TILE_COLS + tw - 1 > 64 || units > 64) return 0;
    a->window = 1;
    a->window_rows = (int)rows;
    return 1;
}

static int plan_gather(const struct k_conv *p, int backward, const void *s, const struct kc_epilogue *end, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const int64_t g = p->groups, in = (backward ? p->O : p->C) / g, out = (backward ? p->C : p->O) / g, taps = p->kh * p->kw;
    const int type = type_for(gpu), wm = out > 64 ? 2 : 1, bm = 64 * wm;
    if (g > 1 && (in < 16 || out < 16)) return 0;                        /* mostly zeros in the tiles */
    struct kc_conv a = {.x = backward ? p->y : p->x, .s = s, .out = p->out, .end = *end, .N = (int)p->N, .groups = (int)g, .C = (int)in, .O = (int)out,
                        .H = (int)(backward ? p->OH : p->H), .W = (int)(backward ? p->OW : p->W), .OH = (int)(backward ? p->H : p->OH),
                        .OW = (int)(backward ? p->W : p->OW), .kh = (int)p->kh, .kw = (int)p->kw, .stride = (int)p->stride, .pad = (int)p->pad,
                        .backward = backward, .splits = 1, .out_size = p->n};
    a.chunks = (int)up(in, kc_row_numbers(type));
    a.rows = (int)(up(out, bm) * bm);
    const int64_t th = backward ? most_taps(p->kh, p->stride) : p->kh, tw = backward ? most_taps(p->kw, p->stride) : p->kw;
    if ((!backward && p->stride > 1) || !margin_fits(&a, wm, th, tw, gpu)) a.window_rows = 16 / wm * KC_TILE_COLS;
    const int64_t phases = backward ? p->stride * p->stride : 1, down = up(backward ? up(a.OH, p->stride) : a.OH, 16 / wm);
    a.tiles_across = (int)up(backward ? up(a.OW, p->stride) : a.OW, KC_TILE_COLS);
    a.tiles = (int)(down * a.tiles_across);
    const int64_t rows = a.rows / bm * g, blocks = a.tiles * rows * p->N * phases;
    a.splits = split(blocks, a.chunks, 1, gpu);
    if (down * a.tiles_across > INT32_MAX || rows > 65535 || p->N * phases * a.splits > 65535) return 0;

    const int64_t w_stride_out = backward ? (p->swapped ? p->O : 1) : p->swapped ? 1 : p->C / g;      /* in kernels of `taps` numbers */
    const int64_t w_stride_in = backward ? (p->swapped ? 1 : p->C / g) : p->swapped ? p->O : 1;
    struct kc_pack pack = {.n = g * taps * a.chunks * a.rows * KC_UNITS, .w = p->w, .step_group = p->O / g * (p->C / g) * taps, .step_row = w_stride_out * taps,
                           .step_channel = w_stride_in * taps, .taps = (int)taps, .chunks = a.chunks, .rows = a.rows, .real_rows = (int)out, .channels = (int)in};
    const size_t packed = aligned((size_t)pack.n * 16);
    plan->n = 0;
    plan->work_bytes = packed + (a.splits > 1 ? (size_t)(a.splits * p->n) * sizeof(float) : 0);
    a.w = pack.out = plan->work;
    if (a.splits > 1 && plan->work) a.out = (char *)plan->work + packed;
    const unsigned shared = (unsigned)((KC_STAGES * bm + 2 * a.window_rows) * KC_ROW);
    int ok = kc_put(plan, pack_names[type], (unsigned)most_blocks(up(pack.n, KC_CONV_THREADS)), 1, 1, KC_CONV_THREADS, 0, &pack, sizeof pack);
    ok &= kc_put(plan, conv_names[type][wm - 1], (unsigned)a.tiles, (unsigned)rows, (unsigned)(p->N * phases * a.splits), KC_CONV_THREADS, shared, &a, sizeof a);
    if (a.splits > 1) {
        const struct kc_finish f = {.n = p->n, .parts = a.out, .out = p->out, .splits = a.splits, .end = *end, .O = out * g, .S = (int64_t)a.OH * a.OW};
        ok &= kc_put(plan, "kc_finish", (unsigned)most_blocks(up(f.n, KC_CONV_THREADS)), 1, 1, KC_CONV_THREADS, 0, &f, sizeof f);
    }
    return ok;
}

static const struct kc_epilogue NOTHING = {.slope = 1, .gain = 1, .limit = INFINITY};
int kc_plan_conv_fwd(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) { return plan_gather(args, 0, NULL, &NOTHING, gpu, plan); }
int kc_plan_conv_bwd_x(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) { return plan_gather(args, 1, NULL, &NOTHING, gpu, plan); }

int kc_plan_modconv_fwd(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_modconv_fwd *p = args;
    const struct kc_epilogue end = {p->d, p->b, p->noise, p->strength, p->noise_step, (float)p->slope, (float)p->gain, (float)p->limit};
    return plan_gather(&p->conv, p->up, p->s, &end, gpu, plan);
}

int kc_plan_conv_bwd_w(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan) {
    const struct k_conv *p = args;
    enum { SIDE = 128 };
    const int64_t g = p->groups, c = p->C / g, o = p->O / g, taps = p->kh * p->kw, dw = p->O * c * taps;
    const int type = type_for(gpu);
    if (g > 1 && (c < 16 || o < 16)) return 0;
    struct kc_conv_dw a = {.x = p->x, .dy = p->y, .out = p->out, .N = (int)p->N, .groups = (int)g, .C = (int)c, .O = (int)o, .H = (int)p->H, .W = (int)p->W,
                           .OH = (int)p->OH, .OW = (int)p->OW, .kh = (int)p->kh, .kw = (int)p->kw, .stride = (int)p->stride, .pad = (int)p->pad,
                           .step_group = o * c * taps, .step_row = (p->swapped ? 1 : c) * taps, .step_channel = (p->swapped ? p->O : 1) * taps,
                           .tiles_o = (int)up(o, SIDE), .tiles_c = (int)up(c, SIDE), .out_size = dw};
    const int64_t tiles = a.tiles_o * a.tiles_c * g, steps = p->N * up(p->OH * p->OW, kc_row_numbers(type));
    a.splits = split(tiles * taps, steps, 8, gpu);
    if (taps > 65535 || tiles > INT32_MAX || p->OH * p->OW > INT32_MAX / 2) return 0;
    plan->n = 0;
    plan->work_bytes = a.splits > 1 ? (size_t)(a.splits * dw) * sizeof(float) : 0;
    if (a.splits > 1) a.out = plan->work;
    int ok = kc_put(plan, dw_names[type], (unsigned)tiles, (unsigned)taps, (unsigned)a.splits, KC_CONV_THREADS, 0, &a, sizeof a);
    if (a.splits > 1) {
        const struct kc_finish f = {.n = dw, .parts = a.out, .out = p->out, .splits = a.splits, .end = NOTHING, .O = 1, .S = dw};
        ok &= kc_put(plan, "kc_finish", (unsigned)most_blocks(up(dw, KC_CONV_THREADS)), 1, 1, KC_CONV_THREADS, 0, &f, sizeof f);
    }
    return ok;
}
