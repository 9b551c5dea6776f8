/* upfirdn2d.c -- enlarge by inserting zeros, filter, reduce by skipping, with the same separable filter on both axes.
 *     z = x with up-1 zeros after every sample, padded;  y[o] = gain * sum_t f[t] z[o*down - pad0 + t]
 * StyleGAN2's filter [1,3,3,1]/8 is the default.  Enlarging a picture twofold: up 2, pads 2 and 1, gain 4; halving it:
 * down 2, pads 1 and 1.  The gradient is the same operation with up and down exchanged, f reversed and pad0 = taps-1-pad0. */
#include "nn.h"
#include "../../kernels/upfirdn.h"

enum { UP, DOWN, PADX0, PADX1, PADY0, PADY1, GAIN };    /* order of .attrs below */

static struct k_upfirdn sizes(const mn_op *op) {
    const mn_tensor *x = op->in[0], *f = op->in[1];
    struct k_upfirdn p = {.planes = x->shape[0] * x->shape[1], .H = x->shape[2], .W = x->shape[3], .up = (int64_t)op->attr[UP],
                          .down = (int64_t)op->attr[DOWN], .padx = (int64_t)op->attr[PADX0], .pady = (int64_t)op->attr[PADY0],
                          .taps = f ? f->n : 4, .f = f ? f->data : NULL, .gain = op->attr[GAIN]};
    const int64_t h = p.H * p.up + p.pady + (int64_t)op->attr[PADY1] - p.taps, w = p.W * p.up + p.padx + (int64_t)op->attr[PADX1] - p.taps;
    p.OH = h < 0 ? 0 : h / p.down + 1;
    p.OW = w < 0 ? 0 : w / p.down + 1;
    return p;
}

static mn_status run(mn_op *op, struct k_upfirdn *p) {
    p->n = p->planes * p->OH * p->OW;
    return MN_LAUNCH(op, upfirdn, p);
}

static mn_status upfirdn2d_shape(mn_op *op) {
    mn_status s = need(op, 0, "x", 4, "[N,C,H,W]");
    if (!s) s = need_int(op, UP, 1, 64);
    if (!s) s = need_int(op, DOWN, 1, 64);
    for (int a = PADX0; a <= PADY1 && !s; a++) s = need_int(op, a, -1000, 1000);
    if (!s && op->in[1]) s = need(op, 1, "f", 1, "[taps]");
    if (!s && op->in[1] && (op->in[1]->n < 1 || op->in[1]->n > 64)) s = mn_op_fail(op, MN_ESHAPE, "f: 1 to 64 taps expected, got %s", mn_shape_text(op->in[1]));
    if (s) return s;
    const struct k_upfirdn p = sizes(op);
    if (p.OH < 1 || p.OW < 1)
        return mn_op_fail(op, MN_ESHAPE, "x: %s is smaller than the %lld taps after padding", mn_shape_text(op->in[0]), (long long)p.taps);
    return mn_out(op, 0, op->dtype, 4, (int64_t[]){op->in[0]->shape[0], op->in[0]->shape[1], p.OH, p.OW});
}

static mn_status upfirdn2d_forward(mn_op *op) {
    struct k_upfirdn p = sizes(op);
    p.x = op->in[0]->data;
    p.out = op->out[0]->data;
    return run(op, &p);
}

static mn_status upfirdn2d_backward(mn_op *op) {
    if (!mn_wants(op, 0)) return MN_OK;
    const struct k_upfirdn q = sizes(op);
    struct k_upfirdn p = {.planes = q.planes, .H = q.OH, .W = q.OW, .OH = q.H, .OW = q.W, .up = q.down, .down = q.up,
                          .padx = q.taps - 1 - q.padx, .pady = q.taps - 1 - q.pady, .taps = q.taps, .f = q.f, .flip = 1, .gain = q.gain};
    mn_tensor *dx = din_slot(op, 0, &p.add);
    if (!dx) return mn_errcode();
    p.x = mn_dout(op, 0)->data;
    p.out = dx->data;
    return run(op, &p);
}

const mn_opdef mn_op_upfirdn2d = {
    .name = "upfirdn2d", .in = "x f?", .saves = MN_SAVE_IN(1),
    .doc = "upfirdn2d(x, f?, {up, down, padx0, padx1, pady0, pady1, gain}): insert zeros, pad, correlate with f along rows and columns, keep every down-th; f [taps], default [1,3,3,1]/8, takes no gradient",
    .attrs = {{"up", 1, "samples are up apart after zeros are inserted"}, {"down", 1, "every down-th result is kept"},
              {"padx0", 0, "zeros before each row; negative cuts"}, {"padx1", 0, "after each row"},
              {"pady0", 0, "zero rows above"}, {"pady1", 0, "below"}, {"gain", 1, "factor on the result; up*up keeps brightness"}},
    .shape = upfirdn2d_shape, .forward = upfirdn2d_forward, .backward = upfirdn2d_backward};
