/* channel.c -- per-channel functions of x [N,C,...]: scale and shift, and parametric ReLU.
 * Batch normalisation with fixed statistics is channel_affine with scale = weight / sqrt(var + eps) and
 * shift = bias - mean * scale. */
#include "nn.h"
#include "../../kernels/channel.h"

static mn_status channel_shape(mn_op *op) {
    const mn_tensor *x = op->in[0];
    mn_status s = need(op, 0, "x", 0, "");
    if (s) return s;
    if (x->nd < 2) return mn_op_fail(op, MN_ESHAPE, "x: expected [N,C,...], got %s", mn_shape_text(x));
    s = need_vector(op, 1, op->def == &mn_op_prelu ? "slope" : "scale", x->shape[1]);
    if (!s) s = need_vector(op, 2, "shift", x->shape[1]);
    return s ? s : mn_out_like(op, x);
}

static mn_status channel_affine_forward(mn_op *op) {
    const mn_tensor *x = op->in[0], *shift = op->in[2];
    struct k_channel_affine p = {.n = x->shape[0] * x->shape[1], .C = x->shape[1], .S = inner_size(x), .x = x->data,
                                 .scale = op->in[1]->data, .shift = shift ? shift->data : NULL, .out = op->out[0]->data};
    return MN_LAUNCH(op, channel_affine, &p);
}

static mn_status channel_affine_backward(mn_op *op) {
    const mn_tensor *x = op->in[0], *dy = mn_dout(op, 0);
    const int64_t N = x->shape[0], C = x->shape[1], S = inner_size(x);
    mn_status s = MN_OK;
    if (mn_wants(op, 0)) {
        struct k_channel_affine p = {.n = N * C, .C = C, .S = S, .x = dy->data, .scale = op->in[1]->data};
        mn_tensor *dx = din_slot(op, 0, &p.add);
        if (!dx) return mn_errcode();
        p.out = dx->data;
        s = MN_LAUNCH(op, channel_affine, &p);
    }
    for (int j = 1; j <= 2 && !s; j++) {
        if (!mn_wants(op, j)) continue;
        mn_tensor *d = mn_din(op, j);
        if (!d) return mn_errcode();
        struct k_channel_sum p = {.n = C, .N = N, .C = C, .S = S, .x = dy->data, .y = j == 1 ? x->data : NULL, .out = d->data};
        s = MN_LAUNCH(op, channel_sum, &p);
    }
    return s;
}

const mn_opdef mn_op_channel_affine = {
    .name = "channel_affine", .in = "x scale shift?", .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1),
    .doc = "channel_affine(x, scale, shift?): x * scale + shift per channel; x [N,C,...], scale [C], shift [C]",
    .shape = channel_shape, .forward = channel_affine_forward, .backward = channel_affine_backward};

static struct k_prelu prelu_args(const mn_op *op) {
    const mn_tensor *x = op->in[0];
    return (struct k_prelu){.n = x->shape[0] * x->shape[1], .N = x->shape[0], .C = x->shape[1], .S = inner_size(x), .x = x->data, .slope = op->in[1]->data};
}

static mn_status prelu_forward(mn_op *op) {
    struct k_prelu p = prelu_args(op);
    p.out = op->out[0]->data;
    return MN_LAUNCH(op, prelu_fwd, &p);
}

static mn_status prelu_backward(mn_op *op) {
    struct k_prelu p = prelu_args(op);
    mn_status s = MN_OK;
    p.dy = mn_dout(op, 0)->data;
    if (mn_wants(op, 0)) {
        mn_tensor *dx = din_slot(op, 0, &p.add);
        if (!dx) return mn_errcode();
        p.out = dx->data;
        s = MN_LAUNCH(op, prelu_bwd, &p);
    }
    if (!s && mn_wants(op, 1)) {
        mn_tensor *d = mn_din(op, 1);
        if (!d) return mn_errcode();
        p.n = p.C;
        p.out = d->data;
        s = MN_LAUNCH(op, prelu_bwd_slope, &p);
    }
    return s;
}

const mn_opdef mn_op_prelu = {
    .name = "prelu", .in = "x slope", .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1),
    .doc = "prelu(x, slope): x where x > 0, slope * x elsewhere, one slope per channel; x [N,C,...], slope [C]",
    .shape = channel_shape, .forward = prelu_forward, .backward = prelu_backward};
