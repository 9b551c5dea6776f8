/* rays.c -- camera rays, coarse and importance depths, and the merge of two sets of samples.
 * None but merge_samples is differentiable: published renderers let no gradient through. */
#include "nn.h"
#include "../../kernels/rays.h"

enum { RES, NEAR = 0, FAR, STEPS, IMPORTANCE_STEPS = 0 };

static mn_status rays_shape(mn_op *op) {
    mn_tensor *cam = op->in[0];
    const double res = op->attr[RES];
    if (cam->nd != 2 || cam->shape[1] != 25 || !mn_is_real(cam->dtype))
        return mn_op_fail(op, MN_ESHAPE, "cam: expected [N,25] of f32 or f64, got %s %s", mn_dtype_name(cam->dtype), mn_shape_text(cam));
    if (!(res >= 1 && res <= 4096 && res == (int64_t)res)) return mn_op_fail(op, MN_EARG, "res must be a whole number from 1 to 4096, got %g", res);
    const int64_t shape[3] = {cam->shape[0], (int64_t)res * (int64_t)res, 3};
    mn_status s = mn_out(op, 0, cam->dtype, 3, shape);
    return s ? s : mn_out(op, 1, cam->dtype, 3, shape);
}
static mn_status rays_forward(mn_op *op) {
    struct k_rays p = {.n = op->out[0]->n / 3, .cam = op->in[0]->data, .origins = op->out[0]->data, .dirs = op->out[1]->data, .res = (int64_t)op->attr[RES]};
    return MN_LAUNCH(op, rays, &p);
}
const mn_opdef mn_op_rays = {
    .name = "rays", .in = "cam", .nout = 2, .attrs = {{"res", 64, "rays per side"}},
    .doc = "rays(cam [N,25], {res}): origins [N,res*res,3] and unit directions, row by row; cam is camera-to-world 4x4 and intrinsics 3x3",
    .shape = rays_shape, .forward = rays_forward};

static mn_status depths_coarse_shape(mn_op *op) {
    mn_tensor *origins = op->in[0], *u = op->nin > 1 ? op->in[1] : NULL;
    const double steps = op->attr[STEPS];
    if (origins->nd != 3 || origins->shape[2] != 3 || !mn_is_real(origins->dtype))
        return mn_op_fail(op, MN_ESHAPE, "origins: expected [N,R,3] of f32 or f64, got %s %s", mn_dtype_name(origins->dtype), mn_shape_text(origins));
    if (!(steps >= 2 && steps <= 4096 && steps == (int64_t)steps)) return mn_op_fail(op, MN_EARG, "steps must be a whole number from 2 to 4096, got %g", steps);
    if (!(op->attr[NEAR] < op->attr[FAR])) return mn_op_fail(op, MN_EARG, "near must be < far, got %g and %g", op->attr[NEAR], op->attr[FAR]);
    const int64_t shape[3] = {origins->shape[0], origins->shape[1], (int64_t)steps};
    if (u && (u->nd != 3 || u->n != shape[0] * shape[1] * shape[2] || u->shape[2] != shape[2] || u->dtype != origins->dtype))
        return mn_op_fail(op, MN_ESHAPE, "u: expected [N,R,%lld] of %s to match origins %s, got %s %s", (long long)shape[2], mn_dtype_name(origins->dtype),
                          mn_shape_text(origins), mn_dtype_name(u->dtype), mn_shape_text(u));
    return mn_out(op, 0, origins->dtype, 3, shape);
}
static mn_status depths_coarse_forward(mn_op *op) {
    mn_tensor *u = op->nin > 1 ? op->in[1] : NULL;
    struct k_depths_coarse p = {.n = op->in[0]->n / 3, .u = u ? u->data : NULL, .out = op->out[0]->data, .steps = (int64_t)op->attr[STEPS],
                                .first = op->attr[NEAR], .last = op->attr[FAR]};
    return MN_LAUNCH(op, depths_coarse, &p);
}
const mn_opdef mn_op_depths_coarse = {
    .name = "depths_coarse", .in = "origins u?",
    .doc = "depths_coarse(origins [N,R,3], u? [N,R,steps], {near, far, steps}): [N,R,steps], evenly spaced from near to far plus u (0.5 if absent) of one step",
    .attrs = {{"near", 2.25, "nearest depth"}, {"far", 3.3, "depth of the last step"}, {"steps", 48, "samples along a ray"}},
    .shape = depths_coarse_shape, .forward = depths_coarse_forward};

static mn_status depths_importance_shape(mn_op *op) {
    mn_tensor *w = op->in[0], *t = op->in[1], *u = op->nin > 2 ? op->in[2] : NULL;
    const double steps = u && u->nd == 3 ? (double)u->shape[2] : op->attr[IMPORTANCE_STEPS];
    if (t->nd != 3 || t->shape[2] < 4 || t->shape[2] > K_DEPTHS_MAX || !mn_is_real(t->dtype))
        return mn_op_fail(op, MN_ESHAPE, "depths: expected [N,R,D] of f32 or f64 with D from 4 to %d, got %s %s", K_DEPTHS_MAX, mn_dtype_name(t->dtype), mn_shape_text(t));
    if (w->nd != 3 || w->shape[0] != t->shape[0] || w->shape[1] != t->shape[1] || w->shape[2] != t->shape[2] - 1 || w->dtype != t->dtype)
        return mn_op_fail(op, MN_ESHAPE, "weights: expected [N,R,%lld] to match depths %s, got %s", (long long)t->shape[2] - 1, mn_shape_text(t), mn_shape_text(w));
    if (u && (u->nd != 3 || u->shape[0] != t->shape[0] || u->shape[1] != t->shape[1] || u->dtype != t->dtype))
        return mn_op_fail(op, MN_ESHAPE, "u: expected [N,R,K] to match depths %s, got %s", mn_shape_text(t), mn_shape_text(u));
    if (!(steps >= 1 && steps <= 4096 && steps == (int64_t)steps)) return mn_op_fail(op, MN_EARG, "steps must be a whole number from 1 to 4096, got %g", steps);
    return mn_out(op, 0, t->dtype, 3, (int64_t[]){t->shape[0], t->shape[1], (int64_t)steps});
}
static mn_status depths_importance_forward(mn_op *op) {
    mn_tensor *t = op->in[1], *u = op->nin > 2 ? op->in[2] : NULL;
    struct k_depths_importance p = {.n = t->n / t->shape[2], .weights = op->in[0]->data, .depths = t->data, .u = u ? u->data : NULL,
                                    .out = op->out[0]->data, .d = t->shape[2], .steps = op->out[0]->shape[2]};
    return MN_LAUNCH(op, depths_importance, &p);
}
const mn_opdef mn_op_depths_importance = {
    .name = "depths_importance", .in = "weights depths u?",
    .doc = "depths_importance(weights [N,R,D-1], depths [N,R,D], u? [N,R,K], {steps}): [N,R,K] depths drawn where weights are large; u absent: K = steps even draws",
    .attrs = {{"steps", 48, "samples when u is absent"}},
    .shape = depths_importance_shape, .forward = depths_importance_forward};

static mn_status depths_merge_shape(mn_op *op) {
    mn_tensor *a = op->in[0], *b = op->in[1];
    if (a->nd != 3 || b->nd != 3 || !mn_is_real(a->dtype) || a->dtype != b->dtype || a->shape[0] != b->shape[0] || a->shape[1] != b->shape[1])
        return mn_op_fail(op, MN_ESHAPE, "a and b: expected [N,R,Da] and [N,R,Db], got %s and %s", mn_shape_text(a), mn_shape_text(b));
    const int64_t shape[3] = {a->shape[0], a->shape[1], a->shape[2] + b->shape[2]};
    mn_status s = mn_out(op, 0, a->dtype, 3, shape);
    return s ? s : mn_out(op, 1, MN_I32, 3, shape);
}
static mn_status depths_merge_forward(mn_op *op) {
    mn_tensor *a = op->in[0], *b = op->in[1];
    struct k_depths_merge p = {.n = a->shape[0] * a->shape[1], .a = a->data, .b = b->data, .out = op->out[0]->data, .order = op->out[1]->data,
                               .da = a->shape[2], .db = b->shape[2]};
    return MN_LAUNCH(op, depths_merge, &p);
}
const mn_opdef mn_op_depths_merge = {
    .name = "depths_merge", .in = "a b", .nout = 2,
    .doc = "depths_merge(a [N,R,Da], b [N,R,Db]): all depths ascending [N,R,Da+Db], and the place each had in (a, b) for merge_samples",
    .shape = depths_merge_shape, .forward = depths_merge_forward};

static mn_status merge_samples_shape(mn_op *op) {
    mn_tensor *a = op->in[0], *b = op->in[1], *order = op->in[2];
    if (a->nd != 4 || b->nd != 4 || !mn_is_real(a->dtype) || a->shape[0] != b->shape[0] || a->shape[1] != b->shape[1] || a->shape[3] != b->shape[3])
        return mn_op_fail(op, MN_ESHAPE, "a and b: expected [N,R,Da,C] and [N,R,Db,C], got %s and %s", mn_shape_text(a), mn_shape_text(b));
    mn_status s = need(op, 1, "b", 0, "");
    if (s) return s;
    const int64_t n = a->shape[2] + b->shape[2];
    if (order->nd != 3 || order->dtype != MN_I32 || order->shape[0] != a->shape[0] || order->shape[1] != a->shape[1] || order->shape[2] != n)
        return mn_op_fail(op, MN_ESHAPE, "order: expected i32 [N,R,%lld] to match a %s and b %s, got %s", (long long)n, mn_shape_text(a), mn_shape_text(b), mn_shape_text(order));
    return mn_out(op, 0, a->dtype, 4, (int64_t[]){a->shape[0], a->shape[1], n, a->shape[3]});
}
static mn_status merge_samples_forward(mn_op *op) {
    mn_tensor *a = op->in[0], *b = op->in[1];
    struct k_merge_samples p = {.n = a->shape[0] * a->shape[1], .a = a->data, .b = b->data, .order = op->in[2]->data, .out = op->out[0]->data,
                                .da = a->shape[2], .db = b->shape[2], .c = a->shape[3]};
    return MN_LAUNCH(op, merge_samples, &p);
}
static mn_status merge_samples_backward(mn_op *op) {
    mn_tensor *a = op->in[0], *b = op->in[1], *da = mn_wants(op, 0) ? mn_din(op, 0) : NULL, *db = mn_wants(op, 1) ? mn_din(op, 1) : NULL;
    if (mn_errcode()) return mn_errcode();
    struct k_merge_samples_bwd p = {.n = a->shape[0] * a->shape[1], .da_out = da ? da->data : NULL, .db_out = db ? db->data : NULL, .order = op->in[2]->data,
                                    .dout = mn_dout(op, 0)->data, .da = a->shape[2], .db = b->shape[2], .c = a->shape[3]};
    return MN_LAUNCH(op, merge_samples_bwd, &p);
}
const mn_opdef mn_op_merge_samples = {
    .name = "merge_samples", .in = "a b order", .saves = MN_SAVE_IN(2),
    .doc = "merge_samples(a [N,R,Da,C], b [N,R,Db,C], order [N,R,Da+Db]): what was computed at two sets of depths, in depths_merge's order",
    .shape = merge_samples_shape, .forward = merge_samples_forward, .backward = merge_samples_backward};
