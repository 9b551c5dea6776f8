/* lbs.c -- rotations from axis-angle vectors, and linear blend skinning of a mesh; formulas in kernels/lbs.c.
 * A parent must come before its children (FLAME: -1 0 1 1 1). */
#include "nn.h"
#include "../../kernels/lbs.h"

enum { VERTS, JOINTS, ROT, WEIGHTS, PARENTS };       /* lbs' inputs */
enum { AUX_CHAIN, AUX_BONES, AUX_ROT };

static mn_status rodrigues_shape(mn_op *op) {
    mn_tensor *r = op->in[0];
    int64_t shape[MN_MAXD];
    if (r->nd < 1 || r->nd >= MN_MAXD || r->shape[r->nd - 1] != 3 || !mn_is_real(r->dtype))
        return mn_op_fail(op, MN_ESHAPE, "r: expected [...,3] of f32 or f64, got %s %s", mn_dtype_name(r->dtype), mn_shape_text(r));
    for (int k = 0; k < r->nd; k++) shape[k] = r->shape[k];
    shape[r->nd] = 3;
    return mn_out(op, 0, r->dtype, r->nd + 1, shape);
}
static mn_status rodrigues_forward(mn_op *op) {
    struct k_rodrigues_fwd p = {.n = op->in[0]->n / 3, .r = op->in[0]->data, .out = op->out[0]->data};
    return MN_LAUNCH(op, rodrigues_fwd, &p);
}
static mn_status rodrigues_backward(mn_op *op) {
    mn_tensor *dr = mn_din(op, 0);
    if (!dr) return mn_errcode();
    struct k_rodrigues_bwd p = {.n = dr->n / 3, .r = op->in[0]->data, .dout = mn_dout(op, 0)->data, .dr = dr->data};
    return MN_LAUNCH(op, rodrigues_bwd, &p);
}
const mn_opdef mn_op_rodrigues = {
    .name = "rodrigues", .in = "r", .saves = MN_SAVE_IN(0),
    .doc = "rodrigues(r [...,3]): rotation matrices [...,3,3] of axis-angle vectors, theta = |r + 1e-8| as FLAME has it",
    .shape = rodrigues_shape, .forward = rodrigues_forward, .backward = rodrigues_backward};

static mn_status lbs_shape(mn_op *op) {
    mn_tensor *v = op->in[VERTS], *joints = op->in[JOINTS], *rot = op->in[ROT], *w = op->in[WEIGHTS], *parents = op->in[PARENTS];
    if (v->nd != 3 || v->shape[2] != 3 || !mn_is_real(v->dtype))
        return mn_op_fail(op, MN_ESHAPE, "v: expected [N,V,3] of f32 or f64, got %s %s", mn_dtype_name(v->dtype), mn_shape_text(v));
    if (joints->nd != 3 || joints->shape[0] != v->shape[0] || joints->shape[2] != 3)
        return mn_op_fail(op, MN_ESHAPE, "joints: expected [%lld,J,3] to match v %s, got %s", (long long)v->shape[0], mn_shape_text(v), mn_shape_text(joints));
    mn_status s = need(op, JOINTS, "joints", 0, "");
    if (!s) s = need(op, ROT, "rot", 0, "");
    if (s) return s;
    const int64_t j = joints->shape[1];
    const bool matrices = rot->nd == 4 && rot->shape[3] == 3;
    if ((rot->nd != 3 && !matrices) || rot->shape[0] != v->shape[0] || rot->shape[1] != j || rot->shape[2] != 3)
        return mn_op_fail(op, MN_ESHAPE, "rot: expected [%lld,%lld,3] or [%lld,%lld,3,3] to match joints %s, got %s", (long long)v->shape[0], (long long)j,
                          (long long)v->shape[0], (long long)j, mn_shape_text(joints), mn_shape_text(rot));
    if (w->nd != 2 || w->shape[0] != v->shape[1] || w->shape[1] != j || w->dtype != v->dtype)
        return mn_op_fail(op, MN_ESHAPE, "weights: expected [%lld,%lld] of %s, got %s %s", (long long)v->shape[1], (long long)j, mn_dtype_name(v->dtype), mn_dtype_name(w->dtype), mn_shape_text(w));
    if (parents->n != j || parents->dtype != MN_I32) return mn_op_fail(op, MN_ESHAPE, "parents: expected i32 [%lld], got %s %s", (long long)j, mn_dtype_name(parents->dtype), mn_shape_text(parents));
    for (int64_t k = 0; parents->device == MN_CPU && k < j; k++)
        if (mn_item(parents, k) < -1 || mn_item(parents, k) >= (double)k)
            return mn_op_fail(op, MN_EARG, "parents: joint %lld has parent %g, -1 or an earlier joint expected", (long long)k, mn_item(parents, k));
    s = mn_out_like(op, v);
    return s ? s : mn_out(op, 1, v->dtype, 3, joints->shape);
}

static mn_status lbs_forward(mn_op *op) {
    mn_tensor *v = op->in[VERTS], *joints = op->in[JOINTS], *w = op->in[WEIGHTS];
    const int64_t n = v->shape[0], j = joints->shape[1];
    mn_tensor *rot = op->in[ROT]->nd == 4 ? op->in[ROT] : mn_call(rodrigues, T(op->in[ROT]));
    mn_tensor *chain = mn_empty(v->dtype, 3, (int64_t[]){n, j, 12}), *bones = mn_empty(v->dtype, 3, (int64_t[]){n, j, 12});
    if (!rot || !chain || !bones) return mn_errcode();
    struct k_bones_fwd b = {.n = n, .joints = joints->data, .rot = rot->data, .parents = op->in[PARENTS]->data, .chain = chain->data,
                            .bones = bones->data, .posed = op->out[1]->data, .j = j};
    struct k_skin_fwd p = {.n = n * v->shape[1], .v = v->data, .weights = w->data, .bones = bones->data, .out = op->out[0]->data, .verts = v->shape[1], .j = j};
    mn_status s = MN_LAUNCH(op, bones_fwd, &b);
    if (!s) s = MN_LAUNCH(op, skin_fwd, &p);
    if (op->recording) {
        mn_keep_aux(op, AUX_CHAIN, chain);
        mn_keep_aux(op, AUX_BONES, bones);
        mn_keep_aux(op, AUX_ROT, rot);
    }
    return s;
}

/* Gradients of joints and rot from that of the bones. */
static mn_status backward_bones(mn_op *op, mn_tensor *dout) {
    mn_tensor *v = op->in[VERTS], *joints = op->in[JOINTS], *rot = op->in[ROT], *dposed = mn_dout(op, 1);
    const int64_t n = v->shape[0], j = joints->shape[1];
    const bool matrices = rot->nd == 4;
    mn_tensor *dbones = mn_zeros(v->dtype, 3, (int64_t[]){n, j, 12}), *djoints = mn_wants(op, JOINTS) ? mn_din(op, JOINTS) : NULL, *drot = NULL;
    if (mn_wants(op, ROT)) drot = matrices ? mn_din(op, ROT) : mn_zeros(v->dtype, 4, (int64_t[]){n, j, 3, 3});
    if (mn_errcode()) return mn_errcode();
    if (dout) {
        struct k_skin_bwd_bones p = {.n = n * j, .v = v->data, .weights = op->in[WEIGHTS]->data, .dout = dout->data, .dbones = dbones->data, .verts = v->shape[1], .j = j};
        mn_status s = MN_LAUNCH(op, skin_bwd_bones, &p);
        if (s) return s;
    }
    struct k_bones_bwd b = {.n = n, .joints = joints->data, .rot = op->aux[AUX_ROT]->data, .chain = op->aux[AUX_CHAIN]->data, .parents = op->in[PARENTS]->data,
                            .dbones = dbones->data, .dposed = dposed ? dposed->data : NULL, .djoints = djoints ? djoints->data : NULL,
                            .drot = drot ? drot->data : NULL, .j = j};
    mn_status s = MN_LAUNCH(op, bones_bwd, &b);
    if (s || !drot || matrices) return s;
    mn_tensor *dr = mn_din(op, ROT);
    if (!dr) return mn_errcode();
    struct k_rodrigues_bwd r = {.n = n * j, .r = rot->data, .dout = drot->data, .dr = dr->data};
    return MN_LAUNCH(op, rodrigues_bwd, &r);
}

static mn_status lbs_backward(mn_op *op) {
    mn_tensor *v = op->in[VERTS], *dout = mn_dout(op, 0);
    mn_status s = MN_OK;
    if (dout && mn_wants(op, VERTS)) {
        mn_tensor *dv = mn_din(op, VERTS);
        if (!dv) return mn_errcode();
        struct k_skin_bwd_v p = {.n = v->n / 3, .weights = op->in[WEIGHTS]->data, .bones = op->aux[AUX_BONES]->data, .dout = dout->data, .dv = dv->data,
                                 .verts = v->shape[1], .j = op->in[JOINTS]->shape[1]};
        s = MN_LAUNCH(op, skin_bwd_v, &p);
    }
    return !s && (mn_wants(op, JOINTS) || mn_wants(op, ROT)) ? backward_bones(op, dout) : s;
}

const mn_opdef mn_op_lbs = {
    .name = "lbs", .in = "v joints rot weights parents", .nout = 2,
    .saves = MN_SAVE_IN(VERTS) | MN_SAVE_IN(JOINTS) | MN_SAVE_IN(ROT) | MN_SAVE_IN(WEIGHTS) | MN_SAVE_IN(PARENTS),
    .doc = "lbs(v [N,V,3], joints [N,J,3], rot [N,J,3] or [N,J,3,3], weights [V,J], parents [J]): skinned v, and posed joints [N,J,3]; no gradient to weights",
    .shape = lbs_shape, .forward = lbs_forward, .backward = lbs_backward};
