/* raymarch.c -- volume rendering along rays: colour, depth and weights; formulas in kernels/raymarch_at.h.
 * The depth picture is limited to the range of all depths of the batch, as published. */
#include "render.h"
#include "../../kernels/raymarch.h"

static mn_status raymarch_shape(mn_op *op) {
    mn_tensor *rgb = op->in[0], *sigma = op->in[1], *depths = op->in[2];
    if (rgb->nd != 4 || !mn_is_real(rgb->dtype) || rgb->shape[2] < 2 || rgb->shape[2] > K_RAYMARCH_MAX)
        return mn_op_fail(op, MN_ESHAPE, "rgb: expected [N,R,D,C] of f32 or f64 with D from 2 to %d, got %s %s", K_RAYMARCH_MAX, mn_dtype_name(rgb->dtype), mn_shape_text(rgb));
    const int64_t *s = rgb->shape, rays = s[0] * s[1];
    if (sigma->nd != 4 || sigma->shape[3] != 1 || sigma->shape[2] != s[2] || sigma->n != rays * s[2] || sigma->dtype != rgb->dtype)
        return mn_op_fail(op, MN_ESHAPE, "sigma: expected [N,R,D,1] to match rgb %s, got %s", mn_shape_text(rgb), mn_shape_text(sigma));
    if (depths->nd != 3 || depths->shape[2] != s[2] || depths->n != rays * s[2] || depths->dtype != rgb->dtype)
        return mn_op_fail(op, MN_ESHAPE, "depths: expected [N,R,D] to match rgb %s, got %s", mn_shape_text(rgb), mn_shape_text(depths));
    mn_status st = mn_out(op, 0, rgb->dtype, 3, (int64_t[]){s[0], s[1], s[3]});
    if (!st) st = mn_out(op, 1, rgb->dtype, 3, (int64_t[]){s[0], s[1], 1});
    return st ? st : mn_out(op, 2, rgb->dtype, 3, (int64_t[]){s[0], s[1], s[2] - 1});
}

mn_tensor *mn_depth_range(mn_op *op, mn_tensor *t) {
    mn_tensor *range = mn_zeros(t->dtype, 1, (int64_t[]){2});
    struct k_depth_range p = {.n = t->n ? 1 : 0, .depths = t->data, .range = range ? range->data : NULL, .count = t->n};
    return range && !MN_LAUNCH(op, depth_range, &p) ? range : NULL;
}

static mn_status raymarch_forward(mn_op *op) {
    mn_tensor *rgb = op->in[0], *range = mn_depth_range(op, op->in[2]);
    if (!range) return mn_errcode();
    if (op->recording) mn_keep_aux(op, 0, range);
    struct k_raymarch_fwd p = {.n = rgb->shape[0] * rgb->shape[1], .rgb = rgb->data, .sigma = op->in[1]->data, .depths = op->in[2]->data, .range = range->data,
                               .out = op->out[0]->data, .depth = op->out[1]->data, .weights = op->out[2]->data, .d = rgb->shape[2], .c = rgb->shape[3]};
    return MN_LAUNCH(op, raymarch_fwd, &p);
}

static mn_status raymarch_backward(mn_op *op) {
    mn_tensor *rgb = op->in[0], *d[3] = {NULL}, *g[3];
    for (int j = 0; j < 3; j++) {
        if (mn_wants(op, j) && !(d[j] = mn_din(op, j))) return mn_errcode();
        g[j] = mn_dout(op, j);
    }
    struct k_raymarch_bwd p = {.n = rgb->shape[0] * rgb->shape[1], .rgb = rgb->data, .sigma = op->in[1]->data, .depths = op->in[2]->data, .range = op->aux[0]->data,
                               .dout = g[0] ? g[0]->data : NULL, .ddepth = g[1] ? g[1]->data : NULL, .dweights = g[2] ? g[2]->data : NULL,
                               .drgb = d[0] ? d[0]->data : NULL, .dsigma = d[1] ? d[1]->data : NULL, .ddepths = d[2] ? d[2]->data : NULL,
                               .d = rgb->shape[2], .c = rgb->shape[3]};
    return MN_LAUNCH(op, raymarch_bwd, &p);
}

const mn_opdef mn_op_raymarch = {
    .name = "raymarch", .in = "rgb sigma depths", .nout = 3, .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1) | MN_SAVE_IN(2),
    .doc = "raymarch(rgb [N,R,D,C], sigma [N,R,D,1], depths [N,R,D]): colour 2*sum(w*rgb)-1 [N,R,C], depth [N,R,1], weights w [N,R,D-1]",
    .shape = raymarch_shape, .forward = raymarch_forward, .backward = raymarch_backward};
