/* resize.c -- pictures to another size, as torch's interpolate(align_corners=False) does it.
 * Each axis is a sparse matrix; columns first, then rows; the gradient is the adjoint.
 * With scale = in/out and source position c = (i + 0.5) scale, the weights of output i are
 *   antialias      filter((j - c + 0.5) / f), f = max(scale, 1), over j from int(c - s + 0.5) to
 *                  int(c + s + 0.5) exclusive, cut to the picture, s = f * support, normalised
 *   otherwise      2 or 4 taps around c - 0.5, indices clamped to the picture (bilinear: c - 0.5 is at least 0)
 * with the triangle (support 1) or Keys' bicubic (support 2, a = -0.5 with antialias, else -0.75). */
#include <math.h>
#include <stdlib.h>
#include "../internal.h"
#include "../../kernels/resample.h"

enum { H, W, MODE, ANTIALIAS };

static double cubic(double t, double a) {
    t = fabs(t);
    if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}
static double triangle(double t) { t = fabs(t); return t < 1 ? 1 - t : 0; }

/* Weights of output i on all inputs, into w (zero on entry). */
static void weights(int64_t in, int64_t out, int64_t i, bool bicubic, bool antialias, double *w) {
    const double scale = (double)in / (double)out, c = ((double)i + 0.5) * scale;
    if (antialias) {
        const double f = scale > 1 ? scale : 1, s = f * (bicubic ? 2 : 1);
        const int64_t lo = (int64_t)fmax(c - s + 0.5, 0), hi = (int64_t)fmin(c + s + 0.5, (double)in);
        double sum = 0;
        for (int64_t j = lo; j < hi; j++) sum += w[j] = bicubic ? cubic(((double)j - c + 0.5) / f, -0.5) : triangle(((double)j - c + 0.5) / f);
        for (int64_t j = lo; j < hi; j++) w[j] /= sum;
        return;
    }
    const double x = bicubic ? c - 0.5 : fmax(c - 0.5, 0), base = floor(x);
    for (int t = bicubic ? -1 : 0; t <= (bicubic ? 2 : 1); t++) {
        const int64_t j = (int64_t)base + t;
        w[j < 0 ? 0 : j >= in ? in - 1 : j] += bicubic ? cubic(x - base - t, -0.75) : triangle(x - base - t);
    }
}

typedef struct axis { mn_tensor *first, *weight; int64_t in, out, taps; } axis;

/* The nonzero stretch of each row of an out x in matrix; m[k * row_step + j * step] is entry (k,j). */
static mn_status pack(mn_op *op, const double *m, int64_t row_step, int64_t step, int64_t in, int64_t out, axis *a) {
    int32_t *lo = malloc((size_t)out * sizeof *lo);
    if (!lo) return mn_op_fail(op, MN_ENOMEM, "out of memory");
    *a = (axis){.in = in, .out = out, .taps = 1};
    for (int64_t k = 0; k < out; k++) {
        const double *row = m + k * row_step;
        int64_t from = 0, to = in;
        while (from < in - 1 && row[from * step] == 0) from++;
        while (to > from + 1 && row[(to - 1) * step] == 0) to--;
        if (to - from > a->taps) a->taps = to - from;
        lo[k] = (int32_t)from;
    }
    a->first = mn_empty_host(MN_I32, 1, &out);
    a->weight = mn_empty_host(op->dtype, 2, (int64_t[]){out, a->taps});
    for (int64_t k = 0; a->weight && a->first && k < out; k++) {
        const int64_t from = lo[k] < in - a->taps ? lo[k] : in - a->taps;
        ((int32_t *)a->first->data)[k] = (int32_t)from;
        for (int64_t t = 0; t < a->taps; t++) {
            const double v = m[k * row_step + (from + t) * step];
            if (op->dtype == MN_F32) ((float *)a->weight->data)[k * a->taps + t] = (float)v;
            else ((double *)a->weight->data)[k * a->taps + t] = v;
        }
    }
    free(lo);
    a->first = mn_to(a->first, op->device);
    a->weight = mn_to(a->weight, op->device);
    return mn_errcode();
}

/* Taps of one axis, or of its adjoint.  The matrix is dense for a moment: a few hundred squared. */
static mn_status axis_of(mn_op *op, int64_t in, int64_t out, bool adjoint, axis *a) {
    double *m = calloc((size_t)(in * out), sizeof *m);
    if (!m) return mn_op_fail(op, MN_ENOMEM, "out of memory");
    for (int64_t k = 0; k < out; k++) weights(in, out, k, op->attr[MODE] != 0, op->attr[ANTIALIAS] != 0, m + k * in);
    mn_status s = adjoint ? pack(op, m, 1, in, out, in, a) : pack(op, m, in, 1, in, out, a);
    free(m);
    return s;
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

/* [planes,h0,w0] -> [planes,h1,w1] through the two axes; adds to out with add. */
static mn_status resample(mn_op *op, int64_t planes, const axis *rows, const axis *cols, const void *in, void *out, bool add) {
    mn_tensor *mid = mn_empty(op->dtype, 3, (int64_t[]){planes, rows->in, cols->out});
    if (!mid) return mn_errcode();
    struct k_resample_cols c = {.n = planes * rows->in, .in = in, .out = mid->data, .weight = cols->weight->data, .first = cols->first->data,
                                .in_len = cols->in, .out_len = cols->out, .taps = cols->taps};
    struct k_resample_rows r = {.n = planes * rows->out, .in = mid->data, .out = out, .weight = rows->weight->data, .first = rows->first->data,
                                .in_len = rows->in, .out_len = rows->out, .taps = rows->taps, .width = cols->out, .add = add};
    mn_status s = MN_LAUNCH(op, resample_cols, &c);
    return s ? s : MN_LAUNCH(op, resample_rows, &r);
}

static mn_status resize_forward(mn_op *op) {
    mn_tensor *x = op->in[0], *y = op->out[0];
    axis rows, cols;
    mn_status s = axis_of(op, x->shape[2], y->shape[2], false, &rows);
    if (!s) s = axis_of(op, x->shape[3], y->shape[3], false, &cols);
    return s ? s : resample(op, x->shape[0] * x->shape[1], &rows, &cols, x->data, y->data, false);
}

static mn_status resize_backward(mn_op *op) {
    mn_tensor *x = op->in[0], *dx = mn_din(op, 0);
    axis rows, cols;
    mn_status s = dx ? axis_of(op, x->shape[2], (int64_t)op->attr[H], true, &rows) : mn_errcode();
    if (!s) s = axis_of(op, x->shape[3], (int64_t)op->attr[W], true, &cols);
    return s ? s : resample(op, x->shape[0] * x->shape[1], &rows, &cols, mn_dout(op, 0)->data, dx->data, true);
}

const mn_opdef mn_op_resize = {
    .name = "resize", .in = "x",
    .doc = "resize(x [N,C,H,W], {h, w, mode, antialias}): [N,C,h,w], bilinear (mode 0) or bicubic (1); antialias widens the filter when shrinking",
    .attrs = {{"h", 0, "rows"}, {"w", 0, "columns"}, {"mode", 0, "0 bilinear, 1 bicubic"}, {"antialias", 1, "1: filter over the whole source area"}},
    .shape = resize_shape, .forward = resize_forward, .backward = resize_backward};
