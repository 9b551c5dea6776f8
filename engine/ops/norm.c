/* norm.c -- softmax, log_softmax, layer_norm over the last axis. */
#include "nn.h"
#include "shape.h"
#include "../../kernels/norm.h"

static mn_status rows_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    if (!mn_is_real(x->dtype) || x->nd < 1 || !x->n) return mn_op_fail(op, MN_ESHAPE, "x: real rows expected, got %s %s", mn_dtype_name(x->dtype), mn_shape_text(x));
    return mn_out_like(op, x);
}

static mn_status softmax_run(mn_op *op, int log) {
    int64_t len = mn_dim(op->in[0], -1);
    struct k_softmax_fwd p = {op->in[0]->n / len, len, op->in[0]->data, op->out[0]->data, log};
    return MN_LAUNCH(op, softmax_fwd, &p);
}
static mn_status softmax_back(mn_op *op, int log) {
    mn_tensor *dx = mn_din(op, 0);
    if (!dx) return mn_errcode();
    int64_t len = mn_dim(dx, -1);
    struct k_softmax_bwd p = {dx->n / len, len, op->out[0]->data, mn_dout(op, 0)->data, dx->data, log};
    return MN_LAUNCH(op, softmax_bwd, &p);
}
static mn_status softmax_forward(mn_op *op) { return softmax_run(op, 0); }
static mn_status softmax_backward(mn_op *op) { return softmax_back(op, 0); }
static mn_status log_softmax_forward(mn_op *op) { return softmax_run(op, 1); }
static mn_status log_softmax_backward(mn_op *op) { return softmax_back(op, 1); }
const mn_opdef mn_op_softmax = {.name = "softmax", .in = "x", .doc = "softmax(x): e^x / sum e^x over the last axis",
    .saves = MN_SAVE_OUT(0), .shape = rows_shape, .forward = softmax_forward, .backward = softmax_backward};
const mn_opdef mn_op_log_softmax = {.name = "log_softmax", .in = "x", .doc = "log_softmax(x): x - log sum e^x over the last axis",
    .saves = MN_SAVE_OUT(0), .shape = rows_shape, .forward = log_softmax_forward, .backward = log_softmax_backward};

static mn_status layer_norm_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    for (int j = 1; j < op->nin; j++) {
        mn_status s = need(op, j, j == 1 ? "w" : "b", 0, "");
        if (s) return s;
        if (op->in[j] && (op->in[j]->nd != 1 || op->in[j]->n != mn_dim(x, -1)))
            return mn_op_fail(op, MN_ESHAPE, "%s: expected [%lld] to match x %s, got %s", j == 1 ? "w" : "b", (long long)mn_dim(x, -1), mn_shape_text(x), mn_shape_text(op->in[j]));
    }
    return rows_shape(op);
}
static mn_status layer_norm_forward(mn_op *op) {
    mn_tensor *x = op->in[0];
    int64_t len = mn_dim(x, -1), rows = x->n / len;
    mn_tensor *mean = mn_empty(x->dtype, 1, &rows), *rstd = mn_empty(x->dtype, 1, &rows);
    if (!rstd || mn_keep_aux(op, 0, mean) || mn_keep_aux(op, 1, rstd)) return mn_errcode();
    struct k_layer_norm_fwd p = {rows, len, x->data, op->in[1] ? op->in[1]->data : NULL, op->in[2] ? op->in[2]->data : NULL,
                                 op->out[0]->data, mean->data, rstd->data, op->attr[0]};
    return MN_LAUNCH(op, layer_norm_fwd, &p);
}
static mn_status layer_norm_backward(mn_op *op) {
    mn_tensor *x = op->in[0], *dy = mn_dout(op, 0);
    int64_t len = mn_dim(x, -1), rows = x->n / len;
    if (mn_wants(op, 0)) {
        mn_tensor *dx = mn_din(op, 0);
        if (!dx) return mn_errcode();
        struct k_layer_norm_bwd p = {rows, len, x->data, op->in[1] ? op->in[1]->data : NULL, dy->data, op->aux[0]->data, op->aux[1]->data, dx->data};
        mn_status s = MN_LAUNCH(op, layer_norm_bwd, &p);
        if (s) return s;
    }
    if (!mn_wants(op, 1) && !mn_wants(op, 2)) return MN_OK;
    struct k_layer_norm_bwd_w p = {(len + 63) / 64, len, rows, x->data, dy->data, op->aux[0]->data, op->aux[1]->data, NULL, NULL};
    mn_tensor *dw = mn_wants(op, 1) ? mn_din(op, 1) : NULL, *db = mn_wants(op, 2) ? mn_din(op, 2) : NULL;
    if (mn_errcode()) return mn_errcode();
    p.dw = dw ? dw->data : NULL;
    p.db = db ? db->data : NULL;
    return MN_LAUNCH(op, layer_norm_bwd_w, &p);
}
const mn_opdef mn_op_layer_norm = {.name = "layer_norm", .in = "x w? b?", .doc = "layer_norm(x, w, b, {eps}): (x - mean) / sqrt(var + eps) * w + b over the last axis",
    .attrs = {{"eps", 1e-5, 0}}, .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1), .shape = layer_norm_shape, .forward = layer_norm_forward, .backward = layer_norm_backward};
