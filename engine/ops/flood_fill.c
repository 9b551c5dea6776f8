/* flood_fill.c -- holes of a coverage picture become covered; not differentiable, as published. */
#include "../internal.h"
#include "../../kernels/flood_fill.h"

static mn_status flood_fill_shape(mn_op *op) {
    mn_tensor *a = op->in[0];
    if (a->nd != 4 || a->shape[1] != 1 || a->shape[2] < 1 || a->shape[3] < 1 || a->shape[2] * a->shape[3] > INT32_MAX || !mn_is_real(a->dtype))
        return mn_op_fail(op, MN_ESHAPE, "alpha: expected [N,1,H,W] of f32 or f64, got %s %s", mn_dtype_name(a->dtype), mn_shape_text(a));
    return mn_out_like(op, a);
}
static mn_status flood_fill_forward(mn_op *op) {
    mn_tensor *a = op->in[0], *todo = mn_empty(MN_I32, 4, a->shape);
    if (!todo) return mn_errcode();
    struct k_flood_fill p = {.n = a->shape[0], .alpha = a->data, .out = op->out[0]->data, .todo = todo->data, .h = a->shape[2], .w = a->shape[3]};
    return MN_LAUNCH(op, flood_fill, &p);
}
const mn_opdef mn_op_flood_fill = {
    .name = "flood_fill", .in = "alpha",
    .doc = "flood_fill(alpha [N,1,H,W]): alpha where a flood from the top left corner arrives through alpha*255 <= 254, else 1",
    .shape = flood_fill_shape, .forward = flood_fill_forward};
