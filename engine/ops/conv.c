/* conv.c -- conv2d and conv_transpose2d: correlation as networks use the word (the kernel is not flipped), zero padding.
 *     y[n,o,u,v] = b[o] + sum x[n,c, u*stride-pad+i, v*stride-pad+j] w[o,c,i,j]
 * The transposed convolution with w [C,O,kh,kw] is the gradient to x of a convolution that maps O channels to C, so
 * the two ops share three kernels with the roles of x and y exchanged. */
#include "conv.h"

enum { STRIDE, PAD, GROUPS };                      /* order of .attrs below */

mn_status conv_run(mn_op *op, enum mn_kernel_id kernel, struct k_conv *p, const mn_tensor *x, const mn_tensor *w, const mn_tensor *y, mn_tensor *out) {
    if (!out) return mn_errcode();
    p->x = x ? x->data : NULL;
    p->w = w ? w->data : NULL;
    p->y = y ? y->data : NULL;
    p->out = out->data;
    p->n = out->n;
    if (!out->n) return MN_OK;
    if (!p->N) return mn_fill(out, 0);              /* the weights' gradient of an empty batch */
    return mn_launch(op, kernel, p);
}

static mn_status add_bias(mn_op *op) {
    mn_tensor *y = op->out[0];
    if (!op->in[2]) return MN_OK;
    struct k_channel_affine p = {.n = y->shape[0] * y->shape[1], .C = y->shape[1], .S = y->shape[2] * y->shape[3],
                                 .x = y->data, .shift = op->in[2]->data, .out = y->data};
    return MN_LAUNCH(op, channel_affine, &p);
}

static mn_status bias_gradient(mn_op *op, const mn_tensor *dy) {
    mn_tensor *db = mn_din(op, 2);
    if (!db) return mn_errcode();
    struct k_channel_sum p = {.n = dy->shape[1], .N = dy->shape[0], .C = dy->shape[1], .S = dy->shape[2] * dy->shape[3], .x = dy->data, .out = db->data};
    return MN_LAUNCH(op, channel_sum, &p);
}

static mn_status check(const mn_op *op) {
    mn_status s = need(op, 0, "x", 4, "[N,C,H,W]");
    if (!s) s = need(op, 1, "w", 4, op->def == &mn_op_conv2d ? "[O,C/groups,kh,kw]" : "[C,O,kh,kw]");
    if (!s) s = need_int(op, STRIDE, 1, 1024);
    if (!s) s = need_int(op, PAD, 0, 1024);
    return s;
}

/* ---- conv2d ---- */

static struct k_conv sizes(const mn_op *op) {
    const int64_t *x = op->in[0]->shape, *w = op->in[1]->shape;
    struct k_conv p = {.N = x[0], .C = x[1], .H = x[2], .W = x[3], .O = w[0], .kh = w[2], .kw = w[3],
                       .stride = (int64_t)op->attr[STRIDE], .pad = (int64_t)op->attr[PAD], .groups = (int64_t)op->attr[GROUPS]};
    p.OH = (p.H + 2 * p.pad - p.kh) / p.stride + 1;
    p.OW = (p.W + 2 * p.pad - p.kw) / p.stride + 1;
    return p;
}

static mn_status conv2d_shape(mn_op *op) {
    mn_status s = check(op);
    if (!s) s = need_int(op, GROUPS, 1, 1 << 20);
    if (s) return s;
    const mn_tensor *x = op->in[0], *w = op->in[1];
    const int64_t groups = (int64_t)op->attr[GROUPS];
    if (x->shape[1] % groups || w->shape[0] % groups)
        return mn_op_fail(op, MN_EARG, "groups: must divide the channels of x %s and w %s, got %lld", mn_shape_text(x), mn_shape_text(w), (long long)groups);
    if (w->shape[1] != x->shape[1] / groups)
        return mn_op_fail(op, MN_ESHAPE, "w: expected [O,%lld,kh,kw] to match x %s, got %s", (long long)(x->shape[1] / groups), mn_shape_text(x), mn_shape_text(w));
    const struct k_conv p = sizes(op);
    if (p.kh < 1 || p.kw < 1 || p.kh > p.H + 2 * p.pad || p.kw > p.W + 2 * p.pad || p.C < 1)
        return mn_op_fail(op, MN_ESHAPE, "w: a kernel between 1x1 and the padded picture expected, got %s for x %s", mn_shape_text(w), mn_shape_text(x));
    if ((s = need_vector(op, 2, "b", p.O))) return s;
    return mn_out(op, 0, op->dtype, 4, (int64_t[]){p.N, p.O, p.OH, p.OW});
}

static mn_status conv2d_forward(mn_op *op) {
    struct k_conv p = sizes(op);
    mn_status s = conv_run(op, MN_K_conv_fwd, &p, op->in[0], op->in[1], NULL, op->out[0]);
    return s ? s : add_bias(op);
}

static mn_status conv2d_backward(mn_op *op) {
    struct k_conv p = sizes(op);
    mn_tensor *x = op->in[0], *w = op->in[1], *dy = mn_dout(op, 0);
    mn_status s = MN_OK;
    if (mn_wants(op, 0)) {
        mn_tensor *dx = mn_empty(op->dtype, 4, x->shape);
        s = conv_run(op, MN_K_conv_bwd_x, &p, NULL, w, dy, dx);
        if (!s) s = mn_din_give(op, 0, dx);
    }
    if (!s && mn_wants(op, 1)) {
        mn_tensor *dw = mn_empty(op->dtype, 4, w->shape);
        s = conv_run(op, MN_K_conv_bwd_w, &p, x, NULL, dy, dw);
        if (!s) s = mn_din_give(op, 1, dw);
    }
    if (!s && mn_wants(op, 2)) s = bias_gradient(op, dy);
    return s;
}

const mn_opdef mn_op_conv2d = {
    .name = "conv2d", .in = "x w b?", .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1),
    .doc = "conv2d(x, w, b?, {stride, pad, groups}): correlation; x [N,C,H,W], w [O,C/groups,kh,kw], b [O], y [N,O,(H+2pad-kh)/stride+1,...]",
    .attrs = {{"stride", 1, "step between windows"}, {"pad", 0, "zeros on every side"}, {"groups", 1, "channels are split into this many independent groups"}},
    .shape = conv2d_shape, .forward = conv2d_forward, .backward = conv2d_backward};

/* ---- conv_transpose2d: in the kernels' terms its x is y and its y is x ---- */

static struct k_conv transposed_sizes(const mn_op *op) {
    const int64_t *x = op->in[0]->shape, *w = op->in[1]->shape;
    struct k_conv p = {.N = x[0], .O = x[1], .OH = x[2], .OW = x[3], .C = w[1], .kh = w[2], .kw = w[3],
                       .stride = (int64_t)op->attr[STRIDE], .pad = (int64_t)op->attr[PAD], .groups = 1};
    p.H = (p.OH - 1) * p.stride - 2 * p.pad + p.kh;
    p.W = (p.OW - 1) * p.stride - 2 * p.pad + p.kw;
    return p;
}

static mn_status conv_transpose2d_shape(mn_op *op) {
    mn_status s = check(op);
    if (s) return s;
    const mn_tensor *x = op->in[0], *w = op->in[1];
    if (w->shape[0] != x->shape[1])
        return mn_op_fail(op, MN_ESHAPE, "w: expected [%lld,O,kh,kw] to match x %s, got %s", (long long)x->shape[1], mn_shape_text(x), mn_shape_text(w));
    const struct k_conv p = transposed_sizes(op);
    if (p.kh < 1 || p.kw < 1 || p.OH < 1 || p.OW < 1 || p.O < 1 || p.H < 1 || p.W < 1)
        return mn_op_fail(op, MN_ESHAPE, "x %s with w %s and pad %lld leaves no output", mn_shape_text(x), mn_shape_text(w), (long long)p.pad);
    if ((s = need_vector(op, 2, "b", p.C))) return s;
    return mn_out(op, 0, op->dtype, 4, (int64_t[]){p.N, p.C, p.H, p.W});
}

static mn_status conv_transpose2d_forward(mn_op *op) {
    struct k_conv p = transposed_sizes(op);
    mn_status s = conv_run(op, MN_K_conv_bwd_x, &p, NULL, op->in[1], op->in[0], op->out[0]);
    return s ? s : add_bias(op);
}

static mn_status conv_transpose2d_backward(mn_op *op) {
    struct k_conv p = transposed_sizes(op);
    mn_tensor *x = op->in[0], *w = op->in[1], *dy = mn_dout(op, 0);
    mn_status s = MN_OK;
    if (mn_wants(op, 0)) {
        mn_tensor *dx = mn_empty(op->dtype, 4, x->shape);
        s = conv_run(op, MN_K_conv_fwd, &p, dy, w, NULL, dx);
        if (!s) s = mn_din_give(op, 0, dx);
    }
    if (!s && mn_wants(op, 1)) {
        mn_tensor *dw = mn_empty(op->dtype, 4, w->shape);
        s = conv_run(op, MN_K_conv_bwd_w, &p, dy, NULL, x, dw);
        if (!s) s = mn_din_give(op, 1, dw);
    }
    if (!s && mn_wants(op, 2)) s = bias_gradient(op, dy);
    return s;
}

const mn_opdef mn_op_conv_transpose2d = {
    .name = "conv_transpose2d", .in = "x w b?", .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1),
    .doc = "conv_transpose2d(x, w, b?, {stride, pad}): every x adds its copy of the kernel to y; x [N,C,H,W], w [C,O,kh,kw], b [O], y [N,O,(H-1)stride-2pad+kh,...]",
    .attrs = {{"stride", 1, "step between the copies"}, {"pad", 0, "rows and columns cut off on every side"}},
    .shape = conv_transpose2d_shape, .forward = conv_transpose2d_forward, .backward = conv_transpose2d_backward};
