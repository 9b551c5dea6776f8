/* test_nn_errors.c -- mistakes given to the network ops are named, and failed allocations neither crash nor leak. */
#include "internal.h"
#include "check.h"

#define FAILS(text, call) do {                                              \
    CHECK((call) == NULL);                                                  \
    if (!strstr(mn_errmsg(), text)) fprintf(stderr, "message: %s\n", mn_errmsg()); \
    CHECK(strstr(mn_errmsg(), text) != NULL);                               \
    mn_error_clear();                                                       \
} while (0)

static mn_tensor *t(int nd, int64_t a, int64_t b, int64_t c, int64_t d) { return mn_full(MN_F32, nd, (int64_t[]){a, b, c, d}, 1); }

static void messages(void) {
    mn_scope scope = mn_scope_open();
    mn_tensor *x = t(4, 1, 4, 6, 6), *w = t(4, 8, 4, 3, 3), *m = t(2, 3, 5, 0, 0), *ids = mn_zeros(MN_I32, 2, (int64_t[]){3, 5}), *seq = t(3, 2, 5, 6, 0);
    FAILS("matmul: b: expected 5 along the summed axis to match a [3,5], got [3,5]", mn_call(matmul, T(m, m)));
    FAILS("matmul: b: expected the batch of a [2,5,6]", mn_call(matmul, T(seq, t(3, 3, 6, 5, 0))));
    FAILS("matmul: a: f32 or f64 expected, got i32", mn_call(matmul, T(ids, m)));
    FAILS("linear: w: expected [O,5] to match x [3,5], got [4,6]", mn_call(linear, T(m, t(2, 4, 6, 0, 0))));
    FAILS("linear: b: expected [4], got [5]", mn_call(linear, T(m, t(2, 4, 5, 0, 0), t(1, 5, 0, 0, 0))));
    FAILS("conv2d: x: expected [N,C,H,W], got [3,5]", mn_call(conv2d, T(m, w)));
    FAILS("conv2d: w: expected [O,4,kh,kw] to match x [1,4,6,6], got [8,3,3,3]", mn_call(conv2d, T(x, t(4, 8, 3, 3, 3))));
    FAILS("conv2d: groups: must divide", mn_call(conv2d, T(x, w), {"groups", 3}));
    FAILS("conv2d: stride: a whole number from 1 to 1024 expected, got 0", mn_call(conv2d, T(x, w), {"stride", 0}));
    FAILS("conv2d: w: a kernel between 1x1 and the padded picture expected", mn_call(conv2d, T(x, t(4, 8, 4, 9, 9))));
    FAILS("conv_transpose2d: w: expected [4,O,kh,kw]", mn_call(conv_transpose2d, T(x, w)));
    FAILS("conv_transpose2d: x [1,4,6,6] with w [4,2,3,3] and pad 7 leaves no output", mn_call(conv_transpose2d, T(x, t(4, 4, 2, 3, 3)), {"pad", 7}));
    FAILS("upfirdn2d: x: [1,4,6,6] is smaller than the 4 taps after padding", mn_call(upfirdn2d, T(x), {"padx0", -5}));
    FAILS("upfirdn2d: f: 1 to 64 taps expected", mn_call(upfirdn2d, T(x, t(1, 65, 0, 0, 0))));
    FAILS("bias_act: slope and gain must be > 0, got -1 and 1", mn_call(bias_act, T(x), {"act", 1}, {"slope", -1}));
    FAILS("bias_act: noise and strength come together, only noise is given", mn_call(bias_act, T(x, NULL, t(4, 1, 1, 6, 6))));
    FAILS("bias_act: noise: one channel of x [1,4,6,6] expected", mn_call(bias_act, T(x, NULL, t(4, 1, 4, 6, 6), t(1, 1, 0, 0, 0))));
    FAILS("modconv2d: s: expected [1,4] to match x [1,4,6,6], got [1,3]", mn_call(modconv2d, T(x, w, t(2, 1, 3, 0, 0))));
    FAILS("modconv2d: w: 3x3 kernels expected with up = 2, got [8,4,1,1]", mn_call(modconv2d, T(x, t(4, 8, 4, 1, 1), t(2, 1, 4, 0, 0)), {"up", 2}));
    FAILS("prelu: slope: expected [4], got [3]", mn_call(prelu, T(x, t(1, 3, 0, 0, 0))));
    FAILS("max_pool2d: pad: a whole number from 0 to 1 expected, got 2", mn_call(max_pool2d, T(x), {"pad", 2}));
    FAILS("avg_pool2d: x: a picture no smaller than the window of 7", mn_call(avg_pool2d, T(x), {"k", 7}));
    FAILS("attention: heads: must divide the width of q [2,5,6], got 4", mn_call(attention, T(seq, seq, seq), {"heads", 4}));
    FAILS("attention: k: as many keys as queries expected when causal", mn_call(attention, T(seq, t(3, 2, 4, 6, 0), t(3, 2, 4, 6, 0)), {"causal", 1}));
    mn_tensor *bytes = mn_zeros(MN_U8, 1, (int64_t[]){5}), *colours = t(4, 1, 2, 3, 4), *order = mn_zeros(MN_I32, 3, (int64_t[]){1, 2, 6});
    FAILS("layer_norm: w: f32 or f64 expected, got u8", mn_call(layer_norm, T(m, bytes)));
    FAILS("merge_samples: b: f32 or f64 expected, got i32", mn_call(merge_samples, T(colours, mn_zeros(MN_I32, 4, (int64_t[]){1, 2, 3, 4}), order)));
    FAILS("lbs: joints: f32 or f64 expected, got i32", mn_call(lbs, T(t(3, 1, 7, 3, 0), mn_zeros(MN_I32, 3, (int64_t[]){1, 2, 3}), t(3, 1, 2, 3, 0), t(2, 7, 2, 0, 0),
                                                                    mn_from(MN_I32, 1, (int64_t[]){2}, (int32_t[]){-1, 0}))));
    mn_tensor *rays = mn_zeros(MN_U8, 3, (int64_t[]){1, 2, 3});
    FAILS("render_rays: origins: f32 or f64 expected, got u8", mn_call(render_rays, T(mn_full(MN_F32, 5, (int64_t[]){1, 3, 4, 8, 8}, 1), rays, rays, t(3, 1, 2, 3, 0), t(2, 6, 4, 0, 0), t(1, 6, 0, 0, 0),
                                                                              t(2, 4, 6, 0, 0), t(1, 4, 0, 0, 0))));
    mn_scope_close(scope);
}

/* Rows of a table that has none. */
static void empty_table(void) {
    mn_scope scope = mn_scope_open();
    mn_tensor *table = mn_param(mn_zeros(MN_F32, 2, (int64_t[]){0, 3})), *rows = mn_call(gather, T(table, mn_zeros(MN_I32, 1, (int64_t[]){0})));
    CHECK_STATUS(MN_OK, mn_backward(mn_call(sum, T(rows)), NULL));
    mn_scope_close(scope);
}

/* A small generator block and an attention layer, forward and backward. */
static mn_status task(mn_dtype dtype) {
    mn_rng rng = mn_rng_seed(1, 0);
    mn_tensor *x = mn_param(mn_randn(dtype, 4, (int64_t[]){1, 4, 6, 6}, &rng)), *w = mn_param(mn_randn(dtype, 4, (int64_t[]){4, 4, 3, 3}, &rng));
    mn_tensor *s = mn_param(mn_randn(dtype, 2, (int64_t[]){1, 4}, &rng)), *b = mn_param(mn_randn(dtype, 1, (int64_t[]){4}, &rng));
    mn_tensor *y = mn_call(modconv2d, T(x, w, s), {"up", 2});
    y = mn_call(bias_act, T(y, b), {"act", 1});
    y = mn_call(max_pool2d, T(mn_call(conv2d, T(y, w, b), {"pad", 1})));
    y = mn_call(reshape, T(y), {"d0", 1}, {"d1", 4}, {"d2", 36});
    y = mn_call(attention, T(y, y, y), {"heads", 2});
    return mn_backward(mn_call(sum, T(mn_call(matmul, T(y, y), {"tb", 1}))), NULL);
}

static void memory_faults(mn_dtype dtype) {
    for (int64_t n = 1; n < 400; n++) {
        const int64_t alive = mn_memory_stats().tensors;
        mn_scope scope = mn_scope_open();
        mn_alloc_fail_after(n);
        mn_status s = task(dtype);
        mn_alloc_fail_after(0);
        mn_scope_close(scope);
        CHECK(mn_memory_stats().tensors == alive);
        CHECK(s == MN_OK || mn_errcode() != MN_OK);
        mn_error_clear();
        if (s == MN_OK) { CHECK(n > 20); return; }
    }
    CHECK(!"400 allocations were not enough");
}

int main(void) {
    messages();
    empty_table();
    memory_faults(MN_F32);
    memory_faults(MN_F64);
    return check_done("nn_errors");
}
