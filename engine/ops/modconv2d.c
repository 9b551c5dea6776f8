/* modconv2d.c -- StyleGAN2's modulated convolution with weights shared by the batch (Karras et al. 2020, section 2.2).
 *     y[n,o] = d[n,o] * (w * (s[n] x[n]))[o],   d[n,o] = 1 / sqrt(sum_{c,k} (w[o,c,k] s[n,c])^2 + 1e-8)
 * Scaling the input by s and the output by d equals convolving with modulated, demodulated weights of each sample's own.
 * For a single sample the weights themselves are modulated where that touches fewer numbers than x and y have.
 * up = 2: a transposed convolution of stride 2 (kernel not flipped, no padding), then the [1,3,3,1] filter with pads 1
 * and gain 4.  Backward reads sum(dy y), since y is linear in d whichever way it was filtered. */
#include "conv.h"
#include "../../kernels/modconv.h"

enum { DEMODULATE, UP };                           /* order of .attrs below */
enum { X, W, S };
static const double EPS = 1e-8;

static bool up(const mn_op *op) { return op->attr[UP] == 2; }

/* The convolution inside.  Enlarging is the gradient to the input of a convolution with stride 2, with input and output
 * exchanged; w then has its first two axes the other way round. */
static struct k_conv sizes(const mn_op *op) {
    const int64_t *x = op->in[X]->shape, *w = op->in[W]->shape;
    if (up(op))
        return (struct k_conv){.N = x[0], .O = x[1], .OH = x[2], .OW = x[3], .C = w[0], .H = 2 * x[2] + 1, .W = 2 * x[3] + 1,
                               .kh = 3, .kw = 3, .stride = 2, .pad = 0, .groups = 1, .swapped = 1};
    return (struct k_conv){.N = x[0], .C = x[1], .H = x[2], .W = x[3], .O = w[0], .OH = x[2], .OW = x[3],
                           .kh = w[2], .kw = w[3], .stride = 1, .pad = w[2] / 2, .groups = 1};
}

static mn_status modconv2d_shape(mn_op *op) {
    const mn_tensor *x = op->in[X], *w = op->in[W], *sc = op->in[S];
    mn_status s = need(op, X, "x", 4, "[N,C,H,W]");
    if (!s) s = need(op, W, "w", 4, "[O,C,k,k]");
    if (!s) s = need(op, S, "s", 2, "[N,C]");
    if (!s) s = need_int(op, UP, 1, 2);
    if (s) return s;
    if (w->shape[1] != x->shape[1] || w->shape[2] != w->shape[3] || w->shape[2] % 2 == 0)
        return mn_op_fail(op, MN_ESHAPE, "w: expected [O,%lld,k,k] with odd k to match x %s, got %s", (long long)x->shape[1], mn_shape_text(x), mn_shape_text(w));
    if (up(op) && w->shape[2] != 3) return mn_op_fail(op, MN_ESHAPE, "w: 3x3 kernels expected with up = 2, got %s", mn_shape_text(w));
    if (sc->shape[0] != x->shape[0] || sc->shape[1] != x->shape[1])
        return mn_op_fail(op, MN_ESHAPE, "s: expected [%lld,%lld] to match x %s, got %s", (long long)x->shape[0], (long long)x->shape[1], mn_shape_text(x), mn_shape_text(sc));
    if (x->n == 0 || w->n == 0) return mn_op_fail(op, MN_ESHAPE, "x and w must have elements, got %s and %s", mn_shape_text(x), mn_shape_text(w));
    const int64_t f = (int64_t)op->attr[UP];
    return mn_out(op, 0, op->dtype, 4, (int64_t[]){x->shape[0], w->shape[0], f * x->shape[2], f * x->shape[3]});
}

/* x [N,C,...] times s [N,C], in place when out is x. */
static mn_status scale(mn_op *op, const mn_tensor *x, const mn_tensor *s, mn_tensor *out, int add) {
    if (!out) return mn_errcode();
    struct k_scale_rows p = {.n = s->n, .S = x->n / s->n, .x = x->data, .s = s->data, .out = out->data, .add = add};
    return MN_LAUNCH(op, scale_rows, &p);
}

/* [rows]: the sums of x * y, both of which consist of `rows` rows. */
static mn_tensor *dots(mn_op *op, const mn_tensor *x, const mn_tensor *y, int64_t d0, int64_t d1) {
    mn_tensor *out = mn_empty(op->dtype, 2, (int64_t[]){d0, d1});
    if (!out) return NULL;
    struct k_row_dot p = {.n = out->n, .S = x->n / out->n, .x = x->data, .y = y->data, .out = out->data};
    return MN_LAUNCH(op, row_dot, &p) ? NULL : out;
}

/* Scale the weights rather than the pictures? */
static bool on_weights(const mn_op *op, const mn_tensor *y) { return op->in[X]->shape[0] == 1 && op->in[W]->n < op->in[X]->n + y->n; }

/* w s d for one sample; s or d may be NULL; out may be w. */
static mn_status modulate(mn_op *op, const mn_tensor *w, const mn_tensor *s, const mn_tensor *d, mn_tensor *out) {
    if (!out) return mn_errcode();
    const int64_t *shape = op->in[W]->shape;
    struct k_modulate p = {.n = shape[0] * shape[1], .C = shape[1], .K = shape[2] * shape[3], .w = w->data, .s = s ? s->data : NULL, .d = d ? d->data : NULL, .out = out->data};
    return MN_LAUNCH(op, modulate, &p);
}

static struct k_modconv demod_args(const mn_op *op, const mn_tensor *w2) {
    const int64_t *w = op->in[W]->shape;
    return (struct k_modconv){.N = op->in[X]->shape[0], .O = w[0], .C = w[1], .K = w[2] * w[3], .w = op->in[W]->data,
                                    .w2 = w2 ? w2->data : NULL, .s = op->in[S]->data, .eps = EPS};
}

/* The convolution inside together with both scales (the filter after it lets d pass), where the device has that. */
static mn_status in_one_pass(mn_op *op, const struct k_conv *p, const mn_tensor *d, mn_tensor *y, bool *done) {
    *done = false;
    if (!mn_has_tuned(op, MN_T_modconv_fwd)) return MN_OK;
    struct k_modconv_fwd q = {.conv = *p, .up = up(op), .s = op->in[S]->data, .d = d ? d->data : NULL, .slope = 1, .gain = 1, .limit = INFINITY};
    *(up(op) ? &q.conv.y : &q.conv.x) = op->in[X]->data;
    q.conv.n = y->n;
    q.conv.w = op->in[W]->data;
    q.conv.out = y->data;
    return MN_TUNED(op, modconv_fwd, &q, done);
}

static mn_status modconv2d_forward(mn_op *op) {
    struct k_conv p = sizes(op);
    mn_tensor *x = op->in[X], *w = op->in[W], *y = op->out[0], *d = NULL;
    mn_status s = MN_OK;
    if (op->attr[DEMODULATE] != 0) {
        mn_tensor *w2 = dots(op, w, w, w->shape[0], w->shape[1]);
        d = mn_empty(op->dtype, 2, (int64_t[]){x->shape[0], w->shape[0]});
        if (!w2 || !d) return mn_errcode();
        struct k_modconv q = demod_args(op, w2);
        q.n = d->n;
        q.out = d->data;
        s = MN_LAUNCH(op, modconv_demod, &q);
        if (!s) s = mn_keep_aux(op, 0, d);
    }
    if (s) return s;
    mn_tensor *inner = up(op) ? mn_empty(op->dtype, 4, (int64_t[]){p.N, p.C, p.H, p.W}) : y;
    bool done;
    if (!inner) return mn_errcode();
    if ((s = in_one_pass(op, &p, d, inner, &done))) return s;
    const bool weights = !done && on_weights(op, y);
    if (!done) {
        mn_tensor *xs = x;
        if (weights) {
            mn_tensor *modulated = mn_empty(op->dtype, 4, w->shape);
            s = modulate(op, w, op->in[S], d, modulated);
            w = modulated;
        } else {
            xs = mn_empty(op->dtype, 4, x->shape);
            s = scale(op, x, op->in[S], xs, 0);
        }
        if (!s) s = up(op) ? conv_run(op, MN_K_conv_bwd_x, &p, NULL, w, xs, inner) : conv_run(op, MN_K_conv_fwd, &p, xs, w, NULL, inner);
        if (s) return s;
    }
    if (up(op)) {
        y = op->out[0] = mn_call(upfirdn2d, T(inner), {"padx0", 1}, {"padx1", 1}, {"pady0", 1}, {"pady1", 1}, {"gain", 4});
        if (!y) return mn_errcode();
    }
    return done || !d || weights ? MN_OK : scale(op, y, d, y, 0);
}

/* dx and ds, given the gradient dy of the convolution inside with weights w. */
static mn_status backward_input(mn_op *op, struct k_conv *p, mn_tensor *w, mn_tensor *dy, const mn_tensor *d, const mn_tensor *dot) {
    mn_tensor *x = op->in[X], *sc = op->in[S], *dxs = mn_empty(op->dtype, 4, x->shape);
    mn_status s = up(op) ? conv_run(op, MN_K_conv_fwd, p, dy, w, NULL, dxs) : conv_run(op, MN_K_conv_bwd_x, p, NULL, w, dy, dxs);
    if (s) return s;
    int add = 0;
    mn_tensor *dx = mn_wants(op, X) ? din_slot(op, X, &add) : NULL;
    if (mn_wants(op, X) && !dx) return mn_errcode();
    if (!mn_wants(op, S)) return scale(op, dxs, sc, dx, add);
    mn_tensor *ds = mn_empty(op->dtype, 2, sc->shape);
    if (!ds) return mn_errcode();
    struct k_row_dot r = {.n = ds->n, .S = x->n / ds->n, .x = dxs->data, .y = x->data, .s = sc->data, .out = ds->data, .dx = dx ? dx->data : NULL, .add = add};
    s = MN_LAUNCH(op, row_dot, &r);
    if (!s && d) {
        mn_tensor *w2 = dots(op, op->in[W], op->in[W], op->in[W]->shape[0], op->in[W]->shape[1]);
        if (!w2) return mn_errcode();
        struct k_modconv q = demod_args(op, w2);
        q.n = ds->n;
        q.d = d->data;
        q.dot = dot->data;
        q.out = ds->data;
        s = MN_LAUNCH(op, modconv_ds, &q);
    }
    return s ? s : mn_din_give(op, S, ds);
}

/* dw, given the gradient dy of the convolution inside; weights: dy and x are not scaled yet. */
static mn_status backward_weights(mn_op *op, struct k_conv *p, mn_tensor *dy, const mn_tensor *d, const mn_tensor *dot, bool weights) {
    mn_tensor *x = op->in[X], *dw = mn_empty(op->dtype, 4, op->in[W]->shape), *xs = x;
    mn_status s = MN_OK;
    if (!weights) {
        xs = mn_empty(op->dtype, 4, x->shape);
        s = scale(op, x, op->in[S], xs, 0);
    }
    if (!s) s = up(op) ? conv_run(op, MN_K_conv_bwd_w, p, dy, NULL, xs, dw) : conv_run(op, MN_K_conv_bwd_w, p, xs, NULL, dy, dw);
    if (!s && weights) s = modulate(op, dw, op->in[S], d, dw);
    if (!s && d) {
        struct k_modconv q = demod_args(op, NULL);
        q.n = op->in[W]->shape[0] * op->in[W]->shape[1];
        q.d = d->data;
        q.dot = dot->data;
        q.out = dw->data;
        s = MN_LAUNCH(op, modconv_dw, &q);
    }
    return s ? s : mn_din_give(op, W, dw);
}

static mn_status modconv2d_backward(mn_op *op) {
    struct k_conv p = sizes(op);
    mn_tensor *x = op->in[X], *w = op->in[W], *dy = mn_dout(op, 0), *d = op->aux[0], *dot = NULL;
    const bool weights = on_weights(op, op->out[0]);
    mn_status s = MN_OK;
    if (d && (mn_wants(op, S) || mn_wants(op, W)) && !(dot = dots(op, dy, op->out[0], x->shape[0], w->shape[0]))) return mn_errcode();
    if (d && weights) {
        mn_tensor *demodulated = mn_empty(op->dtype, 4, w->shape);
        s = modulate(op, w, NULL, d, demodulated);
        w = demodulated;
    } else if (d) {
        mn_tensor *scaled = mn_empty(op->dtype, 4, dy->shape);
        s = scale(op, dy, d, scaled, 0);
        dy = scaled;
    }
    if (!s && up(op)) {                            /* the filter is its own mirror image: its gradient has pads 2 */
        dy = mn_call(upfirdn2d, T(dy), {"padx0", 2}, {"padx1", 2}, {"pady0", 2}, {"pady1", 2}, {"gain", 4});
        if (!dy) s = mn_errcode();
    }
    if (!s && (mn_wants(op, X) || mn_wants(op, S))) s = backward_input(op, &p, w, dy, d, dot);
    if (!s && mn_wants(op, W)) s = backward_weights(op, &p, dy, d, dot, weights);
    return s;
}

const mn_opdef mn_op_modconv2d = {
    .name = "modconv2d", .in = "x w s", .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1) | MN_SAVE_IN(2) | MN_SAVE_OUT(0),
    .doc = "modconv2d(x, w, s, {demodulate, up}): convolution with w * s, padded to keep the size, scaled to unit variance per output channel; up = 2 doubles the size (3x3 only); x [N,C,H,W], w [O,C,k,k], s [N,C]",
    .attrs = {{"demodulate", 1, "0: leave the scale of w * s"}, {"up", 1, "1 or 2"}},
    .shape = modconv2d_shape, .forward = modconv2d_forward, .backward = modconv2d_backward};
