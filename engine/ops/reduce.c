/* reduce.c -- sum and mean over a run of neighbouring axes. */
#include <math.h>
#include "shape.h"
#include "../../kernels/reduce.h"

enum { AXIS, LAST, KEEP };

mn_status mn_axis(const mn_op *op, int attr, int nd, int *axis) {
    double v = op->attr[attr];
    if (v != floor(v) || v < -nd || v >= nd)
        return mn_op_fail(op, MN_EARG, "%s: an axis of a tensor with %d axes expected, got %g", op->def->attrs[attr].name, nd, v);
    *axis = (int)(v < 0 ? v + nd : v);
    return MN_OK;
}

/* The axes asked for: none given means all, only `axis` means that one. */
static mn_status range(const mn_op *op, const mn_tensor *x, int *first, int *last) {
    *first = 0;
    *last = x->nd - 1;
    if (isnan(op->attr[AXIS])) return MN_OK;
    mn_status s = mn_axis(op, AXIS, x->nd, first);
    *last = *first;
    if (!s && !isnan(op->attr[LAST])) s = mn_axis(op, LAST, x->nd, last);
    if (!s && *last < *first) s = mn_op_fail(op, MN_EARG, "last: axis %d lies before axis %d", *last, *first);
    return s;
}

static void split(const mn_tensor *x, int first, int last, int64_t *outer, int64_t *len, int64_t *inner) {
    *outer = *len = *inner = 1;
    for (int d = 0; d < x->nd; d++) *(d < first ? outer : d <= last ? len : inner) *= x->shape[d];
}

static mn_status reduce_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    int first, last, nd = 0;
    int64_t shape[MN_MAXD];
    if (!mn_is_real(x->dtype)) return mn_op_fail(op, MN_EDTYPE, "x: f32 or f64 expected, got %s", mn_dtype_name(x->dtype));
    mn_status s = range(op, x, &first, &last);
    if (s) return s;
    for (int d = 0; d < x->nd; d++) {
        if (d < first || d > last) shape[nd++] = x->shape[d];
        else if (op->attr[KEEP]) shape[nd++] = 1;
    }
    return mn_out(op, 0, x->dtype, nd, shape);
}

static mn_status run(mn_op *op, bool mean, bool back) {
    mn_tensor *x = op->in[0];
    int first = 0, last = 0;
    int64_t outer, len, inner;
    mn_status s = range(op, x, &first, &last);
    if (s) return s;
    split(x, first, last, &outer, &len, &inner);
    double scale = mean && len ? 1.0 / (double)len : 1;
    if (back) {
        mn_tensor *dx = mn_din(op, 0);
        if (!dx) return mn_errcode();
        struct k_sum_bwd p = {outer * len, len, inner, mn_dout(op, 0)->data, dx->data, scale};
        if (inner == 1) {                              /* rows of one element: turn them into rows of len */
            struct k_sum_bwd q = {outer, 1, len, mn_dout(op, 0)->data, dx->data, scale};
            return mn_launch(op, MN_K_spread_bwd, &q);
        }
        return MN_LAUNCH(op, sum_bwd, &p);
    }
    int64_t chunks = inner == 1 ? 1 : (inner + K_REDUCE_CHUNK - 1) / K_REDUCE_CHUNK;
    struct k_sum_fwd p = {outer * chunks, len, inner, chunks, x->data, op->out[0]->data, scale};
    return MN_LAUNCH(op, sum_fwd, &p);
}

static mn_status sum_forward(mn_op *op) { return run(op, false, false); }
static mn_status sum_backward(mn_op *op) { return run(op, false, true); }
static mn_status mean_forward(mn_op *op) { return run(op, true, false); }
static mn_status mean_backward(mn_op *op) { return run(op, true, true); }

#define REDUCE_ATTRS {{"axis", NAN, "first axis, all when absent"}, {"last", NAN, "last axis, the first when absent"}, {"keep", 0, "1 keeps reduced axes as size 1"}}
const mn_opdef mn_op_sum = {.name = "sum", .in = "x", .doc = "sum(x, {axis, last, keep}): sum over the axes axis..last",
    .attrs = REDUCE_ATTRS, .shape = reduce_shape, .forward = sum_forward, .backward = sum_backward};
const mn_opdef mn_op_mean = {.name = "mean", .in = "x", .doc = "mean(x, {axis, last, keep}): mean over the axes axis..last",
    .attrs = REDUCE_ATTRS, .shape = reduce_shape, .forward = mean_forward, .backward = mean_backward};

mn_tensor *mn_sum_to(mn_tensor *t, int nd, const int64_t *shape) {
    while (t && t->nd > nd) t = mn_call(sum, T(t), {"axis", 0});
    for (int d = 0; t && d < nd; d++) {
        int last = d;
        while (last < nd && shape[last] == 1 && t->shape[last] != 1) last++;
        if (last > d) t = mn_call(sum, T(t), {"axis", d}, {"last", last - 1}, {"keep", 1});
    }
    return t;
}
