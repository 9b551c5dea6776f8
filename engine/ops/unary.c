/* unary.c -- the elementwise functions of kernels/unary.def as ops: one table line is the whole registration. */
#include "../internal.h"
#include "../../kernels/unary.h"

enum { NONE = 0, IN = MN_SAVE_IN(0), OUT = MN_SAVE_OUT(0) };

static mn_status unary_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    if (!mn_is_real(x->dtype)) return mn_op_fail(op, MN_EDTYPE, "x: f32 or f64 expected, got %s", mn_dtype_name(x->dtype));
    if (op->def == &mn_op_lrelu && !(op->attr[0] > 0 && op->attr[1] > 0))       /* backward reads the sign of y */
        return mn_op_fail(op, MN_EARG, "slope and gain must be > 0, got %g and %g", op->attr[0], op->attr[1]);
    if (op->def == &mn_op_clamp && !(op->attr[0] <= op->attr[1]))
        return mn_op_fail(op, MN_EARG, "lo must be <= hi, got %g and %g", op->attr[0], op->attr[1]);
    return mn_out_like(op, x);
}

static mn_status forward(mn_op *op, enum mn_kernel_id kernel) {
    struct k_unary p = {.n = op->in[0]->n, .x = op->in[0]->data, .out = op->out[0]->data, .a = op->attr[0], .b = op->attr[1]};
    return mn_launch(op, kernel, &p);
}

static mn_status backward(mn_op *op, enum mn_kernel_id kernel) {
    mn_tensor *dx = mn_din(op, 0);
    if (!dx) return mn_errcode();
    struct k_unary p = {.n = dx->n, .dy = mn_dout(op, 0)->data, .out = dx->data, .a = op->attr[0], .b = op->attr[1],
                        .x = op->def->saves & IN ? op->in[0]->data : NULL, .y = op->def->saves & OUT ? op->out[0]->data : NULL};
    return mn_launch(op, kernel, &p);
}

/* An absent attribute has the name "" in the table and NULL in the op. */
#define NAME(s) (sizeof(s) > 1 ? s : (const char *)0)
#define U(op_name, saved, an, ad, bn, bd, fwd, bwd, text)                                                   \
    static mn_status op_name##_forward(mn_op *op) { return forward(op, MN_K_##op_name##_fwd); }              \
    static mn_status op_name##_backward(mn_op *op) { return backward(op, MN_K_##op_name##_bwd); }            \
    const mn_opdef mn_op_##op_name = {                                                                       \
        .name = #op_name, .in = "x", .doc = text, .attrs = {{NAME(an), ad, 0}, {NAME(bn), bd, 0}}, .saves = saved, \
        .shape = unary_shape, .forward = op_name##_forward, .backward = op_name##_backward};
#include "../../kernels/unary.def"
