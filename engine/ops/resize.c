/* resize.c -- pictures to another size, as torch's interpolate(align_corners=False) does it.
 * Each axis is a sparse matrix, kept as a table of weights that a kernel makes (kernels/resample.c); columns first, then rows; the gradient is the adjoint.
 * With scale = in/out and source position c = (i + 0.5) scale, the weights of output i are
 *   antialias      filter((j - c + 0.5) / f), f = max(scale, 1), over j from int(c - s + 0.5) to
 *                  int(c + s + 0.5) exclusive, cut to the picture, s = f * support, normalised
 *   otherwise      2 or 4 taps around c - 0.5, indices clamped to the picture (bilinear: c - 0.5 is at least 0)
 * with the triangle (support 1) or Keys' bicubic (support 2, a = -0.5 with antialias, else -0.75). */
#include "resample.h"

enum { H, W, MODE, ANTIALIAS };

/* Most weights of a place of the table.  A box may be as small as a pixel, so what it is the shorter side of has no better bound than the axis. */
static int64_t room(const mn_resampling *r, int64_t in, int64_t out) {
    const int64_t to = r->adjoint ? out : in, from = r->adjoint ? in : out;
    if ((r->boxed == K_BOX_IN) == r->adjoint && r->boxed != K_WHOLE) return to;
    int64_t most = r->bicubic ? 4 : 2;
    if (r->antialias) most = most * (in > out ? in : out) / from + 2;
    else if (r->adjoint) most = (r->bicubic ? 6 : 4) * out / in + 2;
    return most < to ? most : to;
}

typedef struct table { mn_tensor *weight, *first, *count; int64_t taps; } table;

/* of the columns, or of the rows */
static mn_status make_table(mn_op *op, const mn_resampling *r, bool columns, table *t) {
    const int64_t in = columns ? r->in_w : r->in_h, out = columns ? r->out_w : r->out_h, len = r->adjoint ? in : out, tables = r->boxed == K_WHOLE ? 1 : r->pictures;
    t->taps = room(r, in, out);
    t->weight = mn_empty(op->dtype, 3, (int64_t[]){tables, len, t->taps});
    t->first = mn_empty(MN_I32, 2, (int64_t[]){tables, len});
    t->count = mn_empty(MN_I32, 2, (int64_t[]){tables, len});
    if (mn_errcode()) return mn_errcode();
    struct k_resample_taps p = {.n = tables * len, .len = len, .in = in, .out = out, .box = r->box ? r->box->data : NULL, .boxed = r->boxed, .columns = columns,
                                .adjoint = r->adjoint, .bicubic = r->bicubic, .antialias = r->antialias, .taps = t->taps,
                                .weight = t->weight->data, .first = t->first->data, .count = t->count->data};
    return MN_LAUNCH(op, resample_taps, &p);
}

mn_status mn_resample(mn_op *op, const mn_resampling *r, const void *in, void *out, bool add) {
    const int64_t planes = r->pictures * r->channels, h = r->adjoint ? r->out_h : r->in_h, w = r->adjoint ? r->out_w : r->in_w;
    const int64_t to_h = r->adjoint ? r->in_h : r->out_h, to_w = r->adjoint ? r->in_w : r->out_w, share = r->boxed == K_WHOLE ? planes : r->channels;
    table rows, cols;
    if (planes == 0) return MN_OK;
    mn_status s = make_table(op, r, true, &cols);
    if (!s) s = make_table(op, r, false, &rows);
    mn_tensor *mid = s ? NULL : mn_empty(op->dtype, 3, (int64_t[]){planes, h, to_w});
    if (!mid) return mn_errcode();
    struct k_resample_cols c = {.n = planes * h, .in = in, .out = mid->data, .weight = cols.weight->data, .first = cols.first->data, .count = cols.count->data,
                                .in_len = w, .out_len = to_w, .taps = cols.taps, .share = share * h};
    struct k_resample_rows q = {.n = planes * to_h, .in = mid->data, .out = out, .weight = rows.weight->data, .first = rows.first->data, .count = rows.count->data,
                                .in_len = h, .out_len = to_h, .taps = rows.taps, .width = to_w, .share = share, .add = add};
    s = MN_LAUNCH(op, resample_cols, &c);
    return s ? s : MN_LAUNCH(op, resample_rows, &q);
}

static mn_status resize_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    const double h = op->attr[H], w = op->attr[W];
    if (x->nd != 4 || !mn_is_real(x->dtype) || x->shape[2] < 1 || x->shape[3] < 1)
        return mn_op_fail(op, MN_ESHAPE, "x: expected [N,C,H,W] of f32 or f64, got %s %s", mn_dtype_name(x->dtype), mn_shape_text(x));
    if (!(h >= 1 && w >= 1 && h <= 16384 && w <= 16384 && h == (int64_t)h && w == (int64_t)w))
        return mn_op_fail(op, MN_EARG, "h and w must be whole numbers from 1 to 16384, got %g and %g", h, w);
    if (op->attr[MODE] != 0 && op->attr[MODE] != 1) return mn_op_fail(op, MN_EARG, "mode must be 0 (bilinear) or 1 (bicubic), got %g", op->attr[MODE]);
    return mn_out(op, 0, x->dtype, 4, (int64_t[]){x->shape[0], x->shape[1], (int64_t)h, (int64_t)w});
}

static mn_resampling sizes(const mn_op *op, const mn_tensor *x, bool adjoint) {
    return (mn_resampling){.pictures = x->shape[0], .channels = x->shape[1], .in_h = x->shape[2], .in_w = x->shape[3], .out_h = (int64_t)op->attr[H],
                           .out_w = (int64_t)op->attr[W], .bicubic = op->attr[MODE] != 0, .antialias = op->attr[ANTIALIAS] != 0, .adjoint = adjoint};
}
static mn_status resize_forward(mn_op *op) {
    const mn_resampling r = sizes(op, op->in[0], false);
    return mn_resample(op, &r, op->in[0]->data, op->out[0]->data, false);
}
static mn_status resize_backward(mn_op *op) {
    mn_tensor *dx = mn_din(op, 0);
    const mn_resampling r = sizes(op, op->in[0], true);
    return dx ? mn_resample(op, &r, mn_dout(op, 0)->data, dx->data, true) : mn_errcode();
}

const mn_opdef mn_op_resize = {
    .name = "resize", .in = "x",
    .doc = "resize(x [N,C,H,W], {h, w, mode, antialias}): [N,C,h,w], bilinear (mode 0) or bicubic (1); antialias widens the filter when shrinking",
    .attrs = {{"h", 0, "rows"}, {"w", 0, "columns"}, {"mode", 0, "0 bilinear, 1 bicubic"}, {"antialias", 1, "1: filter over the whole source area"}},
    .shape = resize_shape, .forward = resize_forward, .backward = resize_backward};
