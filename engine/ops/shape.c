/* shape.c -- reshape, permute, slice, concat, expand: the same numbers in another arrangement. */
#include <math.h>
#include <stdio.h>
#include "shape.h"
#include "../../kernels/shape.h"

#define AXES6 {"d0", NAN, 0}, {"d1", NAN, 0}, {"d2", NAN, 0}, {"d3", NAN, 0}, {"d4", NAN, 0}, {"d5", NAN, 0}

static int given(const mn_op *op) {
    int n = 0;
    while (n < MN_MAXD && !isnan(op->attr[n])) n++;
    return n;
}

/* ---- reshape ---- */

static mn_status reshape_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    int nd = given(op), open = -1;
    int64_t shape[MN_MAXD], n = 1;
    for (int d = 0; d < nd; d++) {
        double v = op->attr[d];
        if (v == -1 && open < 0) { open = d; shape[d] = 1; continue; }
        if (v != floor(v) || v < 0 || v > 1e12) return mn_op_fail(op, MN_EARG, "axis %d: a size, or -1 once, expected, got %g", d + 1, v);
        shape[d] = (int64_t)v;
        n *= shape[d];
    }
    if (open >= 0) shape[open] = n ? x->n / n : 0;
    if (n * (open >= 0 ? shape[open] : 1) != x->n) {
        char text[96] = "", *at = text;
        for (int d = 0; d < nd; d++) at += snprintf(at, 16, d ? ",%g" : "%g", op->attr[d]);
        return mn_op_fail(op, MN_ESHAPE, "%s has %lld elements, they do not fit [%s]", mn_shape_text(x), (long long)x->n, text);
    }
    return mn_out_alias(op, 0, x, nd, shape);
}
static mn_status nothing(mn_op *op) { (void)op; return MN_OK; }
static mn_status reshape_backward(mn_op *op) {
    mn_tensor *dy = mn_dout(op, 0), *x = op->in[0];
    return mn_din_give(op, 0, mn_view(dy, x->nd, x->shape, 0));
}
const mn_opdef mn_op_reshape = {.name = "reshape", .in = "x", .doc = "reshape(x, {d0, d1, ...}): other sizes, same numbers in the same order; one may be -1",
    .attrs = {AXES6}, .shape = reshape_shape, .forward = nothing, .backward = reshape_backward};

mn_tensor *mn_reshape(mn_tensor *t, int nd, const int64_t *shape) {
    static const char *const name[MN_MAXD] = {"d0", "d1", "d2", "d3", "d4", "d5"};
    mn_attr a[MN_MAXD];
    for (int d = 0; d < nd; d++) a[d] = (mn_attr){name[d], (double)shape[d]};
    return mn_apply1(&mn_op_reshape, 1, &t, nd, a);
}

/* ---- permute ---- */

static mn_status permute_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    int nd = given(op);
    int64_t shape[MN_MAXD];
    unsigned seen = 0;
    if (!mn_is_real(x->dtype)) return mn_op_fail(op, MN_EDTYPE, "x: f32 or f64 expected, got %s", mn_dtype_name(x->dtype));
    for (int d = 0; d < nd; d++) {
        int k = (int)op->attr[d];
        if (k < 0 || k >= x->nd || seen >> k & 1 || op->attr[d] != k)
            return mn_op_fail(op, MN_EARG, "axis %d: a new axis of %s expected, got %g", d + 1, mn_shape_text(x), op->attr[d]);
        seen |= 1u << k;
        shape[d] = x->shape[k];
    }
    if (nd != x->nd) return mn_op_fail(op, MN_EARG, "%d axes given for x %s", nd, mn_shape_text(x));
    return mn_out(op, 0, x->dtype, nd, shape);
}

/* y (shape out) = x with axis order[d] of x as axis d; add: y += */
static mn_status permute_run(mn_op *op, const mn_tensor *x, mn_tensor *y, const int *order, int add) {
    int64_t step[MN_MAXD], s = 1;
    for (int d = x->nd - 1; d >= 0; d--) { step[d] = s; s *= x->shape[d]; }
    struct k_permute p = {.x = x->data, .y = y->data, .inner = 1, .inner_step = 1, .n = 1, .add = add};
    if (!y->n) return MN_OK;
    int last = y->nd - 1;
    if (y->nd) { p.inner = y->shape[last]; p.inner_step = step[order[last]]; }
    for (int d = 0; d < last; d++) {
        p.dim[p.nd] = y->shape[d];
        p.step[p.nd++] = step[order[d]];
        p.n *= y->shape[d];
    }
    return MN_LAUNCH(op, permute, &p);
}
static mn_status permute_forward(mn_op *op) {
    int order[MN_MAXD];
    for (int d = 0; d < op->in[0]->nd; d++) order[d] = (int)op->attr[d];
    return permute_run(op, op->in[0], op->out[0], order, 0);
}
static mn_status permute_backward(mn_op *op) {
    int inverse[MN_MAXD];
    mn_tensor *dx = mn_din(op, 0);
    if (!dx) return mn_errcode();
    for (int d = 0; d < dx->nd; d++) inverse[(int)op->attr[d]] = d;
    return permute_run(op, mn_dout(op, 0), dx, inverse, 1);
}
const mn_opdef mn_op_permute = {.name = "permute", .in = "x", .doc = "permute(x, {d0, d1, ...}): axis d_k of x becomes axis k",
    .attrs = {AXES6}, .shape = permute_shape, .forward = permute_forward, .backward = permute_backward};

mn_tensor *mn_permute(mn_tensor *t, int nd, const int *order) {
    static const char *const name[MN_MAXD] = {"d0", "d1", "d2", "d3", "d4", "d5"};
    mn_attr a[MN_MAXD];
    for (int d = 0; d < nd; d++) a[d] = (mn_attr){name[d], order[d]};
    return mn_apply1(&mn_op_permute, 1, &t, nd, a);
}

/* ---- slice and concat: blocks along one axis ---- */

static void around(const mn_tensor *x, int axis, int64_t *outer, int64_t *inner) {
    *outer = *inner = 1;
    for (int d = 0; d < x->nd; d++) if (d != axis) *(d < axis ? outer : inner) *= x->shape[d];
}

enum { SLICE_AXIS, START, STOP };
static mn_status slice_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    int axis;
    mn_status s = mn_axis(op, SLICE_AXIS, x->nd, &axis);
    if (s) return s;
    int64_t size = x->shape[axis], shape[MN_MAXD];
    if (isnan(op->attr[STOP])) op->attr[STOP] = (double)size;
    if (op->attr[START] < 0) op->attr[START] += (double)size;
    if (op->attr[STOP] < 0) op->attr[STOP] += (double)size;
    if (!(op->attr[START] >= 0 && op->attr[START] <= op->attr[STOP] && op->attr[STOP] <= (double)size))
        return mn_op_fail(op, MN_EARG, "[%g,%g) does not lie in axis %d of %s", op->attr[START], op->attr[STOP], axis, mn_shape_text(x));
    if (!mn_is_real(x->dtype)) return mn_op_fail(op, MN_EDTYPE, "x: f32 or f64 expected, got %s", mn_dtype_name(x->dtype));
    for (int d = 0; d < x->nd; d++) shape[d] = x->shape[d];
    shape[axis] = (int64_t)op->attr[STOP] - (int64_t)op->attr[START];
    return mn_out(op, 0, x->dtype, x->nd, shape);
}
static mn_status slice_run(mn_op *op, const mn_tensor *x, mn_tensor *y, bool back) {
    const mn_tensor *whole = back ? y : x, *part = back ? x : y;
    int axis = (int)op->attr[SLICE_AXIS];
    if (axis < 0) axis += whole->nd;
    int64_t outer, inner, start = (int64_t)op->attr[START];
    around(whole, axis, &outer, &inner);
    int64_t big = whole->shape[axis] * inner, small = part->shape[axis] * inner;
    size_t skip = (size_t)(start * inner) * mn_dtype_size(whole->dtype);
    struct k_block p = {outer, small, back ? small : big, back ? big : small, x->data, y->data, back};
    if (back) p.y = (char *)y->data + skip; else p.x = (const char *)x->data + skip;
    return small ? MN_LAUNCH(op, block, &p) : MN_OK;
}
static mn_status slice_forward(mn_op *op) { return slice_run(op, op->in[0], op->out[0], false); }
static mn_status slice_backward(mn_op *op) {
    mn_tensor *dx = mn_din(op, 0);
    return dx ? slice_run(op, mn_dout(op, 0), dx, true) : mn_errcode();
}
const mn_opdef mn_op_slice = {.name = "slice", .in = "x", .doc = "slice(x, {axis, start, stop}): elements start..stop-1 of one axis, counted from 0, negative from the end; x:slice(axis, first, last): from 1, both ends included",
    .attrs = {{"axis", 0, 0}, {"start", 0, 0}, {"stop", NAN, "the axis's size when absent"}}, .shape = slice_shape, .forward = slice_forward, .backward = slice_backward};

static mn_status concat_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    int axis;
    mn_status s = mn_axis(op, 0, x->nd, &axis);
    if (s) return s;
    int64_t shape[MN_MAXD];
    for (int d = 0; d < x->nd; d++) shape[d] = x->shape[d];
    if (!mn_is_real(x->dtype)) return mn_op_fail(op, MN_EDTYPE, "x: f32 or f64 expected, got %s", mn_dtype_name(x->dtype));
    for (int j = 1; j < op->nin; j++) {
        mn_tensor *y = op->in[j];
        bool fits = y && y->nd == x->nd && y->dtype == x->dtype;
        for (int d = 0; fits && d < x->nd; d++) fits = d == axis || y->shape[d] == x->shape[d];
        if (!fits) return mn_op_fail(op, MN_ESHAPE, "input %d: %s does not fit %s along axis %d", j + 1, mn_shape_text(y), mn_shape_text(x), axis);
        shape[axis] += y->shape[axis];
    }
    op->attr[0] = axis;
    return mn_out(op, 0, x->dtype, x->nd, shape);
}
static mn_status concat_run(mn_op *op, mn_tensor *whole, bool back) {
    int axis = (int)op->attr[0];
    int64_t outer, inner, at = 0;
    around(whole, axis, &outer, &inner);
    for (int j = 0; j < op->nin; j++) {
        int64_t part = op->in[j]->shape[axis] * inner, big = whole->shape[axis] * inner;
        char *place = (char *)whole->data + (size_t)at * mn_dtype_size(whole->dtype);
        at += part;
        if (!part || (back && !mn_wants(op, j))) continue;
        mn_tensor *dx = back ? mn_din(op, j) : NULL;
        if (back && !dx) return mn_errcode();
        struct k_block p = {outer, part, back ? big : part, back ? part : big, back ? place : op->in[j]->data, back ? dx->data : place, back};
        mn_status s = MN_LAUNCH(op, block, &p);
        if (s) return s;
    }
    return MN_OK;
}
static mn_status concat_forward(mn_op *op) { return concat_run(op, op->out[0], false); }
static mn_status concat_backward(mn_op *op) { return concat_run(op, mn_dout(op, 0), true); }
const mn_opdef mn_op_concat = {.name = "concat", .in = "x...", .doc = "concat(x, y, ..., {axis}): tensors one after the other along one axis",
    .attrs = {{"axis", 0, 0}}, .shape = concat_shape, .forward = concat_forward, .backward = concat_backward};

/* ---- expand: axes of size 1 repeated ---- */

static mn_status expand_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    int nd = given(op);
    int64_t shape[MN_MAXD];
    if (nd < x->nd) return mn_op_fail(op, MN_ESHAPE, "%d sizes given for x %s", nd, mn_shape_text(x));
    for (int d = 0; d < nd; d++) {
        int k = d - (nd - x->nd);
        shape[d] = (int64_t)op->attr[d];
        if (shape[d] < 0 || (k >= 0 && x->shape[k] != shape[d] && x->shape[k] != 1))
            return mn_op_fail(op, MN_ESHAPE, "x %s does not expand to size %g at axis %d", mn_shape_text(x), op->attr[d], d + 1);
    }
    return mn_out(op, 0, x->dtype, nd, shape);
}
static mn_status expand_forward(mn_op *op) {
    mn_tensor *x = op->in[0], *y = op->out[0];
    int64_t step[MN_MAXD] = {0}, s = 1;
    struct k_permute p = {.x = x->data, .y = y->data, .n = 1, .inner = 1, .inner_step = 1};
    for (int d = y->nd - 1; d >= 0; d--) {
        int k = d - (y->nd - x->nd);
        int64_t size = k < 0 ? 1 : x->shape[k];
        step[d] = size == 1 ? 0 : s;
        s *= size;
    }
    if (y->nd) { p.inner = y->shape[y->nd - 1]; p.inner_step = step[y->nd - 1]; }
    for (int d = 0; d < y->nd - 1; d++) { p.dim[d] = y->shape[d]; p.step[d] = step[d]; p.n *= y->shape[d]; p.nd++; }
    return y->n ? MN_LAUNCH(op, permute, &p) : MN_OK;
}
static mn_status expand_backward(mn_op *op) {
    return mn_din_give(op, 0, mn_sum_to(mn_dout(op, 0), op->in[0]->nd, op->in[0]->shape));
}
const mn_opdef mn_op_expand = {.name = "expand", .in = "x", .doc = "expand(x, {d0, d1, ...}): axes of size 1 repeated to these sizes",
    .attrs = {AXES6}, .shape = expand_shape, .forward = expand_forward, .backward = expand_backward};
