/* box.c -- crop2d and paste2d: a rectangle of a picture, rows y0 .. y1-1, columns x0 .. x1-1. */
#include "../internal.h"
#include "../../kernels/box.h"

enum { Y0, Y1, X0, X1, PASTE_Y0 = 0, PASTE_X0 };

/* Copy an h x w rectangle of every plane; from and to are pictures with the rectangle's corner at (y,x) in them. */
typedef struct place { void *data; int64_t height, width, y, x; mn_dtype dtype; } place;
static void *corner(place p) { return (char *)p.data + (size_t)(p.y * p.width + p.x) * mn_dtype_size(p.dtype); }
static mn_status copy(mn_op *op, int64_t planes, int64_t h, int64_t w, const place *from, place to, bool add) {
    struct k_box p = {.n = planes * h, .in = from ? corner(*from) : NULL, .out = corner(to), .h = h, .w = w, .add = add,
                      .in_line = from ? from->width : 0, .in_plane = from ? from->height * from->width : 0,
                      .out_line = to.width, .out_plane = to.height * to.width};
    return MN_LAUNCH(op, box, &p);
}
static place whole(mn_tensor *t) { return (place){t->data, t->shape[2], t->shape[3], 0, 0, t->dtype}; }
static place inside(mn_tensor *t, double y, double x) { return (place){t->data, t->shape[2], t->shape[3], (int64_t)y, (int64_t)x, t->dtype}; }

static mn_status check_picture(mn_op *op, const char *name, mn_tensor *x) {
    if (x->nd == 4 && mn_is_real(x->dtype)) return MN_OK;
    return mn_op_fail(op, MN_ESHAPE, "%s: expected [N,C,H,W] of f32 or f64, got %s %s", name, mn_dtype_name(x->dtype), mn_shape_text(x));
}

static mn_status crop2d_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    const double *a = op->attr;
    mn_status s = check_picture(op, "x", x);
    if (s) return s;
    for (int k = 0; k < 4; k++) if (a[k] != (int64_t)a[k]) return mn_op_fail(op, MN_EARG, "the box must have whole numbers, got %g", a[k]);
    if (!(0 <= a[Y0] && a[Y0] < a[Y1] && a[Y1] <= (double)x->shape[2] && 0 <= a[X0] && a[X0] < a[X1] && a[X1] <= (double)x->shape[3]))
        return mn_op_fail(op, MN_EARG, "rows %g..%g, columns %g..%g are no box inside x %s", a[Y0], a[Y1], a[X0], a[X1], mn_shape_text(x));
    return mn_out(op, 0, x->dtype, 4, (int64_t[]){x->shape[0], x->shape[1], (int64_t)(a[Y1] - a[Y0]), (int64_t)(a[X1] - a[X0])});
}
static mn_status crop2d_forward(mn_op *op) {
    mn_tensor *x = op->in[0], *y = op->out[0];
    place from = inside(x, op->attr[Y0], op->attr[X0]);
    return copy(op, x->shape[0] * x->shape[1], y->shape[2], y->shape[3], &from, whole(y), false);
}
static mn_status crop2d_backward(mn_op *op) {
    mn_tensor *dy = mn_dout(op, 0), *dx = mn_din(op, 0);
    if (!dx) return mn_errcode();
    place from = whole(dy);
    return copy(op, dx->shape[0] * dx->shape[1], dy->shape[2], dy->shape[3], &from, inside(dx, op->attr[Y0], op->attr[X0]), true);
}
const mn_opdef mn_op_crop2d = {
    .name = "crop2d", .in = "x", .doc = "crop2d(x [N,C,H,W], {y0, y1, x0, x1}): rows y0 to y1 - 1 and columns x0 to x1 - 1",
    .attrs = {{"y0", 0, "first row"}, {"y1", 0, "row after the last"}, {"x0", 0, "first column"}, {"x1", 0, "column after the last"}},
    .shape = crop2d_shape, .forward = crop2d_forward, .backward = crop2d_backward};

static mn_status paste2d_shape(mn_op *op) {
    mn_tensor *x = op->in[0], *patch = op->in[1];
    const double y0 = op->attr[PASTE_Y0], x0 = op->attr[PASTE_X0];
    mn_status s = check_picture(op, "x", x);
    if (!s) s = check_picture(op, "patch", patch);
    if (s) return s;
    if (patch->shape[0] != x->shape[0] || patch->shape[1] != x->shape[1])
        return mn_op_fail(op, MN_ESHAPE, "patch: expected [%lld,%lld,h,w] to match x %s, got %s", (long long)x->shape[0], (long long)x->shape[1], mn_shape_text(x), mn_shape_text(patch));
    if (!(y0 >= 0 && x0 >= 0 && y0 == (int64_t)y0 && x0 == (int64_t)x0 && y0 + (double)patch->shape[2] <= (double)x->shape[2] && x0 + (double)patch->shape[3] <= (double)x->shape[3]))
        return mn_op_fail(op, MN_EARG, "a patch %s at row %g, column %g does not lie inside x %s", mn_shape_text(patch), y0, x0, mn_shape_text(x));
    return mn_out_like(op, x);
}
static mn_status paste2d_forward(mn_op *op) {
    mn_tensor *x = op->in[0], *patch = op->in[1], *y = op->out[0];
    const int64_t planes = x->shape[0] * x->shape[1];
    place from = whole(x), piece = whole(patch);
    mn_status s = copy(op, planes, x->shape[2], x->shape[3], &from, whole(y), false);
    return s ? s : copy(op, planes, patch->shape[2], patch->shape[3], &piece, inside(y, op->attr[PASTE_Y0], op->attr[PASTE_X0]), false);
}
static mn_status paste2d_backward(mn_op *op) {
    mn_tensor *dy = mn_dout(op, 0), *patch = op->in[1];
    const int64_t planes = patch->shape[0] * patch->shape[1], h = patch->shape[2], w = patch->shape[3];
    const place box = inside(dy, op->attr[PASTE_Y0], op->attr[PASTE_X0]);
    mn_status s = MN_OK;
    if (mn_wants(op, 1)) {
        mn_tensor *dpatch = mn_din(op, 1);
        s = dpatch ? copy(op, planes, h, w, &box, whole(dpatch), true) : mn_errcode();
    }
    if (!s && mn_wants(op, 0)) {
        mn_tensor *g = mn_clone(dy);
        s = g ? copy(op, planes, h, w, NULL, inside(g, op->attr[PASTE_Y0], op->attr[PASTE_X0]), false) : mn_errcode();
        if (!s) s = mn_din_give(op, 0, g);
    }
    return s;
}
const mn_opdef mn_op_paste2d = {
    .name = "paste2d", .in = "x patch", .doc = "paste2d(x [N,C,H,W], patch [N,C,h,w], {y0, x0}): x with patch in place of the box at row y0, column x0",
    .attrs = {{"y0", 0, "first row"}, {"x0", 0, "first column"}},
    .shape = paste2d_shape, .forward = paste2d_forward, .backward = paste2d_backward};
