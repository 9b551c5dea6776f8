/* interpolate.c -- attributes of triangle corners at pixels, from rasterize's index and barycentrics. */
#include "layout.h"
#include "../../kernels/interpolate.h"

/* How attr is read: its number of tables A, rows per table, and numbers between tables. */
static void table(const mn_op *op, int64_t *a, int64_t *v, int64_t *stride) {
    const mn_tensor *attr = op->in[2];
    const bool faces = op->nin > 3 && op->in[3];
    *a = faces && attr->nd == 3 ? attr->shape[0] : 1;
    *v = faces ? attr->shape[attr->nd - 2] : 0;
    *stride = *a == 1 ? 0 : *v * attr->shape[2];
}

static mn_status interpolate_shape(mn_op *op) {
    mn_tensor *w = op->in[0], *index = op->in[1], *attr = op->in[2], *faces = op->nin > 3 ? op->in[3] : NULL;
    if (w->nd != 4 || w->shape[3] != 3 || !mn_is_real(w->dtype))
        return mn_op_fail(op, MN_ESHAPE, "w: expected [N,H,W,3] of f32 or f64, got %s %s", mn_dtype_name(w->dtype), mn_shape_text(w));
    if (index->nd != 3 || index->dtype != MN_I32 || index->n * 3 != w->n || index->shape[0] != w->shape[0] || index->shape[1] != w->shape[1])
        return mn_op_fail(op, MN_ESHAPE, "index: expected i32 [N,H,W] to match w %s, got %s %s", mn_shape_text(w), mn_dtype_name(index->dtype), mn_shape_text(index));
    if (faces && (faces->nd != 2 || faces->shape[1] != 3 || faces->dtype != MN_I32))
        return mn_op_fail(op, MN_ESHAPE, "faces: expected [F,3] of i32, got %s %s", mn_dtype_name(faces->dtype), mn_shape_text(faces));
    const bool fits = faces ? attr->nd == 2 || (attr->nd == 3 && (attr->shape[0] == 1 || attr->shape[0] == w->shape[0])) : attr->nd == 3 && attr->shape[1] == 3;
    if (!fits || attr->dtype != w->dtype)
        return mn_op_fail(op, MN_ESHAPE, "attr: expected %s of %s, got %s %s", faces ? "[V,D] or [N,V,D] to go with faces" : "[F,3,D]",
                          mn_dtype_name(w->dtype), mn_dtype_name(attr->dtype), mn_shape_text(attr));
    return mn_out(op, 0, w->dtype, 4, (int64_t[]){w->shape[0], w->shape[1], w->shape[2], attr->shape[attr->nd - 1]});
}

static mn_status interpolate_forward(mn_op *op) {
    mn_tensor *w = op->in[0], *attr = op->in[2], *faces = op->nin > 3 ? op->in[3] : NULL;
    struct k_interpolate_fwd p = {.n = w->n / 3, .w = w->data, .attr = attr->data, .index = op->in[1]->data, .faces = faces ? faces->data : NULL,
                                  .out = op->out[0]->data, .d = attr->shape[attr->nd - 1], .f = faces ? faces->shape[0] : attr->shape[0],
                                  .per = w->shape[1] * w->shape[2]};
    int64_t tables;
    table(op, &tables, &p.v, &p.stride);
    return MN_LAUNCH(op, interpolate_fwd, &p);
}

static mn_status backward_w(mn_op *op) {
    mn_tensor *w = op->in[0], *attr = op->in[2], *faces = op->nin > 3 ? op->in[3] : NULL, *dw = mn_din(op, 0);
    if (!dw) return mn_errcode();
    struct k_interpolate_bwd_w p = {.n = w->n / 3, .attr = attr->data, .dout = mn_dout(op, 0)->data, .index = op->in[1]->data,
                                    .faces = faces ? faces->data : NULL, .dw = dw->data, .d = attr->shape[attr->nd - 1],
                                    .f = faces ? faces->shape[0] : attr->shape[0], .per = w->shape[1] * w->shape[2]};
    int64_t tables;
    table(op, &tables, &p.v, &p.stride);
    return MN_LAUNCH(op, interpolate_bwd_w, &p);
}

static mn_status backward_attr(mn_op *op) {
    mn_tensor *w = op->in[0], *attr = op->in[2], *faces = op->nin > 3 ? op->in[3] : NULL, *dattr = mn_din(op, 2);
    if (!dattr) return mn_errcode();
    struct k_interpolate_bwd_attr p = {.w = w->data, .dout = mn_dout(op, 0)->data, .index = op->in[1]->data, .faces = faces ? faces->data : NULL,
                                       .dattr = dattr->data, .d = attr->shape[attr->nd - 1], .f = faces ? faces->shape[0] : attr->shape[0]};
    int64_t tables;
    table(op, &tables, &p.v, &p.stride);
    p.points = tables ? w->n / 3 / tables : 0;
    const mn_scatter s = mn_scatter_plan(op, tables, p.d, p.points);
    p.n = tables * s.blocks * s.chunks;
    p.block = s.block;
    p.blocks = s.blocks;
    p.chunk = s.chunk;
    p.chunks = s.chunks;
    return MN_LAUNCH(op, interpolate_bwd_attr, &p);
}

static mn_status interpolate_backward(mn_op *op) {
    mn_status s = mn_wants(op, 0) ? backward_w(op) : MN_OK;
    return !s && mn_wants(op, 2) ? backward_attr(op) : s;
}

const mn_opdef mn_op_interpolate = {
    .name = "interpolate", .in = "w index attr faces?", .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1) | MN_SAVE_IN(2) | MN_SAVE_IN(3), .scatters = true,
    .doc = "interpolate(w [N,H,W,3], index [N,H,W], attr, faces? [F,3]): [N,H,W,D]; attr is [F,3,D], or [V,D] or [N,V,D] with faces; 0 where index is -1",
    .shape = interpolate_shape, .forward = interpolate_forward, .backward = interpolate_backward};
