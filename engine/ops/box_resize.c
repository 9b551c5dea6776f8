/* box_resize.c -- pictures resized out of and into boxes whose places are tensors, so that no size depends on a number of the GPU:
 * crop_resize, paste_resize, and mouth_box, which finds the generator's box.  A box is y0, y1, x0, x1, ends excluded.
 * The weights are those of resize with antialias, cut to the box: crop_resize is resize after crop2d, paste_resize is paste2d after resize. */
#include "nn.h"
#include "resample.h"

enum { H, W, RES = 0 };
enum { X, CROP_BOX, PATCH = 1, PASTE_BOX };

/* On the host boxes are looked at; on a GPU one that does not lie inside the picture counts as empty. */
static mn_status check_box(mn_op *op, int j, const mn_tensor *x) {
    const mn_tensor *box = op->in[j];
    if (box->dtype != MN_I32 || box->nd != 2 || box->shape[0] != x->shape[0] || box->shape[1] != 4)
        return mn_op_fail(op, MN_ESHAPE, "box: expected [%lld,4] of i32 to match x %s, got %s %s", (long long)x->shape[0], mn_shape_text(x), mn_dtype_name(box->dtype), mn_shape_text(box));
    for (int64_t n = 0; box->device == MN_CPU && n < box->shape[0]; n++) {
        const int32_t *b = (const int32_t *)box->data + 4 * n;
        if (!(0 <= b[0] && b[0] < b[1] && b[1] <= x->shape[2] && 0 <= b[2] && b[2] < b[3] && b[3] <= x->shape[3]))
            return mn_op_fail(op, MN_EARG, "box: rows %d..%d, columns %d..%d are no box inside x %s", b[0], b[1], b[2], b[3], mn_shape_text(x));
    }
    return MN_OK;
}

static mn_status crop_resize_shape(mn_op *op) {
    mn_tensor *x = op->in[X];
    mn_status s = need(op, X, "x", 4, "[N,C,H,W]");
    if (!s) s = check_box(op, CROP_BOX, x);
    if (!s) s = need_int(op, H, 1, 16384);
    if (!s) s = need_int(op, W, 1, 16384);
    return s ? s : mn_out(op, 0, x->dtype, 4, (int64_t[]){x->shape[0], x->shape[1], (int64_t)op->attr[H], (int64_t)op->attr[W]});
}
static mn_resampling crop(const mn_op *op, bool adjoint) {
    const mn_tensor *x = op->in[X];
    return (mn_resampling){.pictures = x->shape[0], .channels = x->shape[1], .in_h = x->shape[2], .in_w = x->shape[3], .out_h = (int64_t)op->attr[H],
                           .out_w = (int64_t)op->attr[W], .antialias = true, .adjoint = adjoint, .boxed = K_BOX_IN, .box = op->in[CROP_BOX]};
}
static mn_status crop_resize_forward(mn_op *op) {
    const mn_resampling r = crop(op, false);
    return mn_resample(op, &r, op->in[X]->data, op->out[0]->data, false);
}
static mn_status crop_resize_backward(mn_op *op) {
    mn_tensor *dx = mn_din(op, X);
    const mn_resampling r = crop(op, true);
    return dx ? mn_resample(op, &r, mn_dout(op, 0)->data, dx->data, true) : mn_errcode();
}
const mn_opdef mn_op_crop_resize = {
    .name = "crop_resize", .in = "x box", .saves = MN_SAVE_IN(CROP_BOX),
    .doc = "crop_resize(x [N,C,H,W], box [N,4] i32, {h, w}): [N,C,h,w], each picture's box (y0, y1, x0, x1, ends excluded) resized as resize does it",
    .attrs = {{"h", 0, "rows"}, {"w", 0, "columns"}}, .shape = crop_resize_shape, .forward = crop_resize_forward, .backward = crop_resize_backward};

static mn_status paste_resize_shape(mn_op *op) {
    mn_tensor *x = op->in[X], *patch = op->in[PATCH];
    mn_status s = need(op, X, "x", 4, "[N,C,H,W]");
    if (!s) s = need(op, PATCH, "patch", 4, "[N,C,h,w]");
    if (!s && (patch->shape[0] != x->shape[0] || patch->shape[1] != x->shape[1] || patch->n == 0))
        s = mn_op_fail(op, MN_ESHAPE, "patch: expected [%lld,%lld,h,w] to match x %s, got %s", (long long)x->shape[0], (long long)x->shape[1], mn_shape_text(x), mn_shape_text(patch));
    if (!s) s = check_box(op, PASTE_BOX, x);
    return s ? s : mn_out_like(op, x);
}
static mn_resampling paste(const mn_op *op, bool adjoint) {
    const mn_tensor *x = op->in[X], *patch = op->in[PATCH];
    return (mn_resampling){.pictures = x->shape[0], .channels = x->shape[1], .in_h = patch->shape[2], .in_w = patch->shape[3], .out_h = x->shape[2],
                           .out_w = x->shape[3], .antialias = true, .adjoint = adjoint, .boxed = K_BOX_OUT, .box = op->in[PASTE_BOX]};
}
static mn_status outside(mn_op *op, const mn_tensor *from, mn_tensor *to, bool add) {
    const int64_t *s = to->shape;
    struct k_box_outside p = {.n = s[0] * s[1] * s[2], .in = from->data, .out = to->data, .box = op->in[PASTE_BOX]->data, .h = s[2], .w = s[3], .channels = s[1], .add = add};
    return MN_LAUNCH(op, box_outside, &p);
}
static mn_status paste_resize_forward(mn_op *op) {
    const mn_resampling r = paste(op, false);
    mn_status s = outside(op, op->in[X], op->out[0], false);
    return s ? s : mn_resample(op, &r, op->in[PATCH]->data, op->out[0]->data, true);
}
static mn_status paste_resize_backward(mn_op *op) {
    mn_tensor *dy = mn_dout(op, 0), *dx = mn_wants(op, X) ? mn_din(op, X) : NULL, *dpatch = mn_wants(op, PATCH) ? mn_din(op, PATCH) : NULL;
    if (mn_errcode()) return mn_errcode();
    const mn_resampling r = paste(op, true);
    mn_status s = dx ? outside(op, dy, dx, true) : MN_OK;
    return s || !dpatch ? s : mn_resample(op, &r, dy->data, dpatch->data, true);
}
const mn_opdef mn_op_paste_resize = {
    .name = "paste_resize", .in = "x patch box", .saves = MN_SAVE_IN(PASTE_BOX),
    .doc = "paste_resize(x [N,C,H,W], patch [N,C,h,w], box [N,4] i32): x with patch, resized as resize does it, in place of each picture's box (y0, y1, x0, x1, ends excluded)",
    .shape = paste_resize_shape, .forward = paste_resize_forward, .backward = paste_resize_backward};

static mn_status mouth_box_shape(mn_op *op) {
    mn_tensor *lms = op->in[0];
    mn_status s = need(op, 0, "lms", 3, "[N,68,3]");
    if (!s && (lms->shape[1] != 68 || lms->shape[2] != 3)) s = mn_op_fail(op, MN_ESHAPE, "lms: expected [N,68,3], got %s", mn_shape_text(lms));
    if (!s) s = need_int(op, RES, 2, 16384);
    return s ? s : mn_out(op, 0, MN_I32, 2, (int64_t[]){lms->shape[0], 4});
}
static mn_status mouth_box_forward(mn_op *op) {
    struct k_mouth_box p = {.n = op->in[0]->shape[0], .lms = op->in[0]->data, .box = op->out[0]->data, .res = (int64_t)op->attr[RES]};
    return MN_LAUNCH(op, mouth_box, &p);
}
const mn_opdef mn_op_mouth_box = {
    .name = "mouth_box", .in = "lms",
    .doc = "mouth_box(lms [N,68,3], {res}): [N,4] i32, the square around the outer lips (points 48 to 59) in pixels of a picture of res, kept inside it; "
           "lms are (-column, -row, depth), the picture from -1 to 1",
    .attrs = {{"res", 256, "side of the picture"}}, .shape = mouth_box_shape, .forward = mouth_box_forward};
