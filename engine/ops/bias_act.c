/* bias_act.c -- noise, bias, activation, gain and clamp in one pass, in StyleGAN2's order:
 *     v = x + strength * noise + b;   y = clamp(gain * act(v))
 * Backward reads only y: with slope and gain > 0 the sign of y is the sign of v, and |y| = clamp marks what was cut. */
#include "nn.h"
#include "shape.h"
#include "../../kernels/bias_act.h"
#include "../../kernels/matmul.h"

enum { ACT, SLOPE, GAIN, CLAMP };                  /* order of .attrs below */
enum { X, B, NOISE, STRENGTH };

static mn_status bias_act_shape(mn_op *op) {
    const mn_tensor *x = op->in[X], *noise = op->in[NOISE];
    mn_status s = need(op, X, "x", 0, "");
    if (s) return s;
    if (x->nd < 2) return mn_op_fail(op, MN_ESHAPE, "x: expected [N,C,...], got %s", mn_shape_text(x));
    if ((s = need_vector(op, B, "b", x->shape[1]))) return s;
    if ((s = need_int(op, ACT, 0, 1))) return s;
    if (!(op->attr[SLOPE] > 0 && op->attr[GAIN] > 0))
        return mn_op_fail(op, MN_EARG, "slope and gain must be > 0, got %g and %g", op->attr[SLOPE], op->attr[GAIN]);
    if (!noise != !op->in[STRENGTH]) return mn_op_fail(op, MN_EARG, "noise and strength come together, only %s is given", noise ? "noise" : "strength");
    if (noise) {
        bool fits = noise->nd == x->nd && noise->shape[1] == 1 && (noise->shape[0] == 1 || noise->shape[0] == x->shape[0]);
        for (int d = 2; fits && d < x->nd; d++) fits = noise->shape[d] == x->shape[d];
        if ((s = need(op, NOISE, "noise", 0, ""))) return s;
        if (!fits) return mn_op_fail(op, MN_ESHAPE, "noise: one channel of x %s expected, for one sample or all, got %s", mn_shape_text(x), mn_shape_text(noise));
        if ((s = need(op, STRENGTH, "strength", 0, ""))) return s;
        if (op->in[STRENGTH]->n != 1) return mn_op_fail(op, MN_ESHAPE, "strength: one number expected, got %s", mn_shape_text(op->in[STRENGTH]));
    }
    return mn_out_like(op, x);
}

static double slope_of(const mn_op *op) { return op->attr[ACT] != 0 ? op->attr[SLOPE] : 1; }
static double limit_of(const mn_op *op) { return op->attr[CLAMP] > 0 ? op->attr[CLAMP] : (double)INFINITY; }

static mn_status bias_act_forward(mn_op *op) {
    const mn_tensor *x = op->in[X], *b = op->in[B], *noise = op->in[NOISE];
    struct k_bias_act_fwd p = {.n = x->shape[0] * x->shape[1], .C = x->shape[1], .S = inner_size(x), .x = x->data, .b = b ? b->data : NULL,
                               .slope = slope_of(op), .gain = op->attr[GAIN], .limit = limit_of(op), .out = op->out[0]->data};
    if (noise) {
        p.noise = noise->data;
        p.strength = op->in[STRENGTH]->data;
        p.noise_step = noise->shape[0] == 1 ? 0 : p.S;
    }
    return MN_LAUNCH(op, bias_act_fwd, &p);
}

/* Adds the sums of the rows of x [rows,cols] over the rows to input j's gradient. */
static mn_status add_columns(mn_op *op, int j, const mn_tensor *x, int64_t rows, int64_t cols) {
    mn_tensor *d = mn_din(op, j);
    if (!d) return mn_errcode();
    struct k_column_sum p = {.n = (cols + 63) / 64, .rows = rows, .cols = cols, .x = x->data, .out = d->data};
    return MN_LAUNCH(op, column_sum, &p);
}

static mn_status bias_act_backward(mn_op *op) {
    const mn_tensor *x = op->in[X], *noise = op->in[NOISE];
    const int64_t N = x->shape[0], C = x->shape[1];
    mn_tensor *row_b = NULL, *row_s = NULL, *before = NULL;      /* before: gradient before the activation, which noise adds up */
    struct k_bias_act_bwd p = {.n = N * C, .C = C, .S = inner_size(x), .y = op->out[0]->data, .dy = mn_dout(op, 0)->data,
                               .slope = slope_of(op), .gain = op->attr[GAIN], .limit = limit_of(op)};
    if (mn_wants(op, NOISE)) {
        if (!(before = mn_empty(op->dtype, x->nd, x->shape))) return mn_errcode();
        p.dx = before->data;
    } else if (mn_wants(op, X)) {
        mn_tensor *dx = din_slot(op, X, &p.add);
        if (!dx) return mn_errcode();
        p.dx = dx->data;
    }
    if (mn_wants(op, B)) {
        if (!(row_b = mn_empty(op->dtype, 2, (int64_t[]){N, C}))) return mn_errcode();
        p.row_b = row_b->data;
    }
    if (mn_wants(op, STRENGTH)) {
        if (!(row_s = mn_empty(op->dtype, 2, (int64_t[]){N, C}))) return mn_errcode();
        p.row_s = row_s->data;
        p.noise = noise->data;
        p.noise_step = noise->shape[0] == 1 ? 0 : p.S;
    }
    mn_status s = MN_LAUNCH(op, bias_act_bwd, &p);
    if (!s && row_b) s = add_columns(op, B, row_b, N, C);
    if (!s && row_s) s = add_columns(op, STRENGTH, row_s, N * C, 1);
    if (!s && before) {
        mn_tensor *sum = mn_sum_to(before, noise->nd, noise->shape);
        s = mn_din_give(op, NOISE, sum ? mn_call(mul, T(sum, op->in[STRENGTH])) : NULL);
        if (!s && mn_wants(op, X)) s = mn_din_give(op, X, before);
    }
    return s;
}

const mn_opdef mn_op_bias_act = {
    .name = "bias_act", .in = "x b? noise? strength?", .saves = MN_SAVE_OUT(0) | MN_SAVE_IN(2) | MN_SAVE_IN(3),
    .doc = "bias_act(x, b?, noise?, strength?, {act, slope, gain, clamp}): gain * act(x + strength*noise + b) limited to +-clamp; x [N,C,...], b [C], noise [1 or N,1,...], strength [1]",
    .attrs = {{"act", 0, "0 linear, 1 leaky ReLU"}, {"slope", 0.2, "of the leaky ReLU below 0"}, {"gain", 1, "factor after the activation"}, {"clamp", 0, "limit of the result; <= 0: none"}},
    .shape = bias_act_shape, .forward = bias_act_forward, .backward = bias_act_backward};
