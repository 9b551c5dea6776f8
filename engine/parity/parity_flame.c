/* parity_flame.c -- the head against published numbers: vertices, joints, landmarks, DECA's camera, what Next3D feeds its
 * generator, and gradients.  X_head holds every 50th vertex. */
#include <string.h>
#include "parity.h"
#include "../models/next3d.h"
#include "../ops/shape.h"

enum { SHAPE, EXPR, POSE, EYES, CODES };
enum { VERTS, MARKS, JOINTS, RESULTS };
static const char *const names[CODES] = {"shape", "exp", "pose", "eye"};

static mn_tensor *head(mn_tensor *v) { return v ? mn_parity_every(v, (int64_t[]){1, 50, 1}) : NULL; }

static mn_status forward(mn_model *m, mn_tensor *const *code, bool detach, mn_tensor **r) {
    for (const mn_method *k = m->def->methods; k->name; k++)
        if (!strcmp(k->name, "forward")) return k->run(m, code, (double[MN_MAX_ATTR]){detach}, r);
    return mn_fail(MN_EINTERNAL, "flame has no method forward");
}

static void keep(void *p, const char *name, mn_tensor *t) {
    if (!strcmp(name, "landmark_faces")) mn_parity_put(p, mn_call(slice, T(mn_cast(t, MN_F32)), {"axis", 1}, {"stop", 17}), "dynamic_row_faces");
}

static mn_tensor *dot(mn_tensor *x, mn_tensor *y) { return mn_call(sum, T(mn_call(mul, T(x, y)))); }

/* Gradients of sum(verts cot) and, where `marks`, of the landmarks' as well: NAME_shape and so on. */
static mn_status gradients(mn_parity *p, mn_model *m, mn_tensor *const *code, bool marks, bool detach, const char *name) {
    mn_tensor *x[CODES], *r[RESULTS] = {NULL}, *fixed = NULL, *cot = mn_parity_in(p, MN_F32, 3, "in.cot_verts");
    if (!cot) return mn_errcode();
    for (int k = 0; k < CODES; k++) if (!(x[k] = mn_clone(code[k])) || !mn_param(x[k])) return mn_errcode();
    if (forward(m, x, detach, r)) return mn_errcode();
    mn_tensor *loss = dot(r[VERTS], cot);
    if (marks) {
        if (mn_parity_call(m, "fixed_landmarks", &r[VERTS], &fixed)) return mn_errcode();
        loss = mn_call(add, T(loss, dot(r[MARKS], mn_parity_need(p, MN_F32, 3, "in.cot_landmarks2d"))));
        loss = mn_call(add, T(loss, dot(fixed, mn_parity_need(p, MN_F32, 3, "in.cot_landmarks3d"))));
    }
    if (!loss || mn_backward(loss, NULL)) return mn_errcode();
    for (int k = 0; k < CODES; k++) mn_parity_put(p, mn_grad_of(x[k]), "%s_%s%s", name, names[k], detach ? "_detached" : "");
    return mn_errcode();
}

/* (column, row) of a point in a view's frame is the negative of its first two numbers; vertices keep their depth. */
static mn_status views(mn_parity *p, mn_tensor *v, mn_tensor *marks) {
    static const double shift[3] = {0, -0.01, -0.01};
    mn_tensor *flip = mn_from(MN_F32, MN_DIMS(3), (float[]){-1, -1, 1});
    for (int k = 0; k < 4 && !mn_errcode(); k++) {
        mn_parity_put(p, head(mn_call(mul, T(mn_next3d_view(v, 5, shift, k), flip))), "view%d_verts_head", k);
        mn_parity_put(p, mn_call(slice, T(mn_call(mul, T(mn_next3d_view(marks, 5, shift, k), flip))), {"axis", 2}, {"stop", 2}), "view%d_landmarks", k);
    }
    return mn_errcode();
}

/* Next3D takes heads whose root does not turn. */
static mn_status canonical(mn_parity *p, mn_model *m, mn_tensor *const *code) {
    mn_tensor *x[CODES] = {code[SHAPE], code[EXPR], mn_clone(mn_to(code[POSE], MN_CPU)), code[EYES]}, *r[RESULTS] = {NULL};
    for (int64_t i = 0; x[POSE] && i < x[POSE]->n; i++) if (i % 6 < 3) ((float *)x[POSE]->data)[i] = 0;
    x[POSE] = mn_to(x[POSE], m->device);
    if (!x[POSE] || forward(m, x, false, r)) return mn_errcode();
    mn_parity_put(p, head(r[VERTS]), "canonical_verts_head");
    mn_parity_put(p, r[MARKS], "canonical_landmarks2d");
    return views(p, r[VERTS], r[MARKS]);
}

/* All 400 numbers of shape and expression, all five joints. */
static mn_status whole(mn_parity *p, mn_model *m) {
    mn_tensor *betas = mn_parity_in(p, MN_F32, 2, "in.betas400"), *pose = mn_parity_in(p, MN_F32, 2, "in.pose15"), *r[RESULTS] = {NULL};
    if (!betas || !pose) return mn_errcode();
    betas = mn_param(mn_clone(betas));
    pose = mn_param(mn_clone(pose));
    mn_tensor *code[CODES] = {mn_call(slice, T(betas), {"axis", 1}, {"stop", 300}), mn_call(slice, T(betas), {"axis", 1}, {"start", 300}), pose, NULL};
    if (mn_errcode() || forward(m, code, false, r)) return mn_errcode();
    mn_parity_put(p, r[VERTS], "full_verts");
    mn_parity_put(p, r[JOINTS], "full_joints");
    mn_tensor *loss = dot(r[VERTS], mn_parity_need(p, MN_F32, 3, "in.cot_full"));
    if (!loss || mn_backward(loss, NULL)) return mn_errcode();
    mn_parity_put(p, mn_grad_of(betas), "full_grad_betas");
    return mn_parity_put(p, mn_grad_of(pose), "full_grad_pose");
}

static mn_status run(mn_parity *p, mn_model *m) {
    mn_tensor *code[CODES] = {mn_parity_need(p, MN_F32, 2, "in.shape"), mn_parity_need(p, MN_F32, 2, "in.exp"), mn_parity_need(p, MN_F32, 2, "in.pose"), mn_parity_need(p, MN_F32, 2, "in.eye_pose")};
    mn_tensor *r[RESULTS] = {NULL}, *fixed = NULL, *cam = mn_parity_need(p, MN_F32, 2, "in.cam"), *seen = NULL;
    if (mn_errcode()) return mn_errcode();
    mn_tensor *cot = mn_parity_in(p, MN_F32, 3, "in.cot_verts");
    if (cot && cot->shape[1] != mn_config_int(m, "vertices"))
        return mn_fail(MN_ESHAPE, "made with a head of %lld vertices, this one has %lld", (long long)cot->shape[1], (long long)mn_config_int(m, "vertices"));
    mn_parity_listen(keep, p);
    forward(m, code, false, r);
    mn_parity_listen(NULL, NULL);
    if (!mn_errcode() && !r[MARKS]) return mn_fail(MN_EARG, "this head was imported without its landmarks");
    if (mn_errcode() || mn_parity_call(m, "fixed_landmarks", &r[VERTS], &fixed)) return mn_errcode();
    mn_parity_put(p, r[VERTS], "verts");
    mn_parity_put(p, head(r[VERTS]), "verts_head");
    mn_parity_put(p, r[MARKS], "landmarks2d");
    mn_parity_put(p, fixed, "landmarks3d");
    mn_parity_put(p, r[JOINTS], "joints");
    if (mn_parity_call(m, "project", (mn_tensor *[]){r[VERTS], cam}, &seen)) return mn_errcode();
    mn_parity_put(p, head(seen), "trans_verts_head");
    if (mn_parity_call(m, "project", (mn_tensor *[]){r[MARKS], cam}, &seen)) return mn_errcode();
    mn_parity_put(p, mn_call(slice, T(seen), {"axis", 2}, {"stop", 2}), "landmarks2d_proj");
    if (canonical(p, m, code) || gradients(p, m, code, true, false, "grad") || gradients(p, m, code, false, false, "gradv")) return mn_errcode();
    return gradients(p, m, code, false, true, "gradv") ? mn_errcode() : whole(p, m);
}

/* Measured in f32 against f64: vertices 1e-7, gradients 3e-7 (eyes 6e-6: small differences of large numbers). */
static const mn_parity_bar bars[] = {{"dynamic_row_faces", 0}, {"*verts*", 1e-6}, {"*", 1e-5}, {0}};
static const char *const inputs[] = {"in.*", NULL};
const mn_parity_kind mn_parity_flame = {"flame", true, inputs, bars, run};
