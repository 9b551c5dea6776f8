/* flame.c -- the statistical head: FLAME (Li et al., "Learning a model of facial shape and
 * expression from 4D scans", SIGGRAPH Asia 2017), and mien's own head model in its form.
 *
 *   v_shaped = v_template + shapedirs shape + exprdirs expr
 *   J        = J_regressor v_shaped                    joints of the shaped, unposed mesh
 *   v_posed  = v_shaped + posedirs (R_1..R_4 - I)      when pose_correctives is on
 *   v        = linear blend skinning of v_posed        op lbs
 *
 * Metres, y up, face towards +z, the subject's left at +x.  Joints: root, neck, jaw, left eye,
 * right eye; rotations are axis-angle.  Codes may be shorter than the model's: what they leave out is zero (DECA and
 * EMOCA use the first 100 of FLAME's 300 shape and the first 50 of its 100 expression numbers).
 *
 * Landmarks: 68 in iBUG order, barycentric on faces.  The first 17 lie on the face's contour.  Heads with `contour` rows
 * have these points for every degree of yaw from -39 to 39, as DECA takes them: a head turned by yaw shows another outline.
 * `fixed_landmarks` says that there is a second table of 68, which does not depend on the pose. */
#include <math.h>
#include <string.h>
#include "model.h"
#include "trace.h"
#include "../ops/shape.h"

enum { POINTS = 68, OUTLINE = 17, ROWS = 79 };          /* landmarks; those of the contour; its table's rows */

static mn_status build(mn_model *m) {
    int64_t v = mn_config_int(m, "vertices"), f = mn_config_int(m, "faces"), t = mn_config_int(m, "uv"), s = mn_config_int(m, "shape"), e = mn_config_int(m, "expr");
    int64_t units = mn_config_int(m, "units"), ids = mn_config_int(m, "identity_modes");
    if (mn_errcode()) return mn_errcode();
    mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(v, 3), "v_template");
    mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(v, 3, s), "shapedirs");
    mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(v, 3, e), "exprdirs");
    if (mn_config(m, "pose_correctives")) mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(v, 3, 36), "posedirs");
    mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(5, v), "J_regressor");
    mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(v, 5), "weights");
    mn_declare_index(m, MN_DIMS(5), "parents");
    mn_declare_index(m, MN_DIMS(f, 3), "faces");
    mn_keep_on_host(m, "faces");
    if (t) {
        mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(t, 2), "uv");
        mn_declare_index(m, MN_DIMS(f, 3), "uv_faces");
    }
    if (mn_config(m, "landmarks")) {
        mn_declare_index(m, MN_DIMS(POINTS), "lmk_faces");
        mn_keep_on_host(m, "lmk_faces");
        mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(POINTS, 3), "lmk_bary");
        mn_keep_on_host(m, "lmk_bary");
    }
    if (mn_config(m, "contour")) {
        mn_declare_index(m, MN_DIMS(ROWS, OUTLINE), "lmk_contour_faces");
        mn_keep_on_host(m, "lmk_contour_faces");
        mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(ROWS, OUTLINE, 3), "lmk_contour_bary");
        mn_keep_on_host(m, "lmk_contour_bary");
    }
    if (mn_config(m, "fixed_landmarks")) {
        mn_declare_index(m, MN_DIMS(POINTS), "lmk_full_faces");
        mn_keep_on_host(m, "lmk_full_faces");
        mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(POINTS, 3), "lmk_full_bary");
        mn_keep_on_host(m, "lmk_full_bary");
    }
    if (units) mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(units, e), "units_to_expr");
    if (ids) mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(ids, s), "id_to_shape");
    return mn_errcode();
}

/* x [N,K] times the first K of dirs [V,3,D] -> [N,V,3] */
static mn_tensor *blend(mn_tensor *x, mn_tensor *dirs) {
    if (!x || !dirs) return NULL;
    int64_t n = x->shape[0], v = dirs->shape[0], short_of = dirs->shape[2] - x->shape[1];
    if (short_of) x = mn_call(concat, T(x, mn_zeros(x->dtype, 2, (int64_t[]){n, short_of})), {"axis", 1});
    mn_tensor *flat = mn_reshape(dirs, 2, (int64_t[]){3 * v, dirs->shape[2]});
    return mn_reshape(mn_call(linear, T(x, flat)), 3, (int64_t[]){n, v, 3});
}

/* Axis-angle of the five joints [N,5,3]; pose: root and jaw [N,6], or all five [N,15]. */
static mn_tensor *rotations(mn_tensor *pose, mn_tensor *eyes, int64_t n, mn_dtype dtype) {
    mn_tensor *zero = mn_zeros(dtype, 2, (int64_t[]){n, 3}), *root = zero, *jaw = zero;
    if (pose && pose->shape[1] == 15) return mn_reshape(pose, 3, (int64_t[]){n, 5, 3});
    if (pose) {
        root = mn_call(slice, T(pose), {"axis", 1}, {"stop", 3});
        jaw = mn_call(slice, T(pose), {"axis", 1}, {"start", 3});
    }
    return mn_reshape(mn_call(concat, T(root, zero, jaw, eyes ? eyes : mn_zeros(dtype, 2, (int64_t[]){n, 6})), {"axis", 1}), 3, (int64_t[]){n, 5, 3});
}

/* ---- landmarks ---- */

/* Row of the contour's table for a head turned by R = R_root R_neck: degrees of yaw, to the nearest; rows 0 to 39 are 0 to 39,
 * rows 40 to 78 are -1 to -39. */
static int64_t contour_row(const double *root, const double *neck) {
    double column[3];
    for (int i = 0; i < 3; i++) column[i] = root[3 * i] * neck[0] + root[3 * i + 1] * neck[3] + root[3 * i + 2] * neck[6];
    double yaw = nearbyint(fmin(atan2(-column[2], hypot(column[0], column[1])) * 180 / M_PI, 39));
    return yaw >= 0 ? (int64_t)yaw : yaw < -39 ? ROWS - 1 : 39 - (int64_t)yaw;
}

/* Points of the vertices v [N,V,3] at barycentric places on faces: at [P] or [N,P], bary likewise with three weights more -> [N,P,3]. */
static mn_tensor *on_faces(mn_model *m, mn_tensor *v, mn_tensor *at, mn_tensor *bary) {
    mn_tensor *faces = mn_weight(m, "faces");
    if (!v || !faces || !at || !bary) return NULL;
    int64_t n = v->shape[0], p = at->shape[at->nd - 1];
    mn_tensor *corner = mn_empty_host(MN_I32, 1, (int64_t[]){n * p * 3});
    for (int64_t k = 0; corner && k < n * p; k++) {
        int32_t f = ((int32_t *)at->data)[k % at->n];
        if (f < 0 || f >= faces->shape[0]) {
            mn_fail(MN_EFORMAT, "flame: landmark %lld lies on face %d of %lld", (long long)(k % p) + 1, f, (long long)faces->shape[0]);
            return NULL;
        }
        for (int c = 0; c < 3; c++) ((int32_t *)corner->data)[3 * k + c] = (int32_t)(k / p * v->shape[1]) + ((int32_t *)faces->data)[3 * f + c];
    }
    mn_tensor *points = mn_call(gather, T(mn_reshape(v, 2, (int64_t[]){n * v->shape[1], 3}), mn_to(corner, v->device)));
    points = mn_call(mul, T(mn_reshape(points, 4, (int64_t[]){n, p, 3, 3}), mn_reshape(mn_to(bary, v->device), 4, (int64_t[]){bary->n / (3 * p), p, 3, 1})));
    return mn_call(sum, T(points), {"axis", 2});
}

/* The 68 of each head; rot [N,5,3] (NULL: heads that look ahead) chooses the contour, and no gradient passes through the choice. */
static mn_tensor *landmarks(mn_model *m, mn_tensor *v, mn_tensor *rot) {
    mn_tensor *at = mn_weight(m, "lmk_faces"), *bary = mn_weight(m, "lmk_bary");
    if (!v || !at || !bary || !mn_config(m, "contour")) return on_faces(m, v, at, bary);
    int64_t n = v->shape[0];
    mn_tensor *row_at = mn_weight(m, "lmk_contour_faces"), *row_bary = mn_weight(m, "lmk_contour_bary");
    mn_tensor *all_at = mn_empty_host(MN_I32, 2, (int64_t[]){n, POINTS}), *all_bary = mn_empty_host(MN_F32, 3, (int64_t[]){n, POINTS, 3});
    bool was = mn_tape_enable(false);
    mn_tensor *r = rot ? mn_call(rodrigues, T(mn_cast(mn_to(rot, MN_CPU), MN_F64))) : NULL;   /* the host chooses the rows */
    mn_tape_enable(was);
    if (mn_errcode() || !row_at || !row_bary || !all_at || !all_bary) return NULL;
    for (int64_t i = 0; i < n; i++) {
        int64_t row = r ? contour_row((double *)r->data + 45 * i, (double *)r->data + 45 * i + 9) : 0;
        int32_t *a = (int32_t *)all_at->data + i * POINTS;
        float *b = (float *)all_bary->data + i * POINTS * 3;
        memcpy(a, at->data, POINTS * sizeof *a);
        memcpy(b, bary->data, POINTS * 3 * sizeof *b);
        memcpy(a, (int32_t *)row_at->data + row * OUTLINE, OUTLINE * sizeof *a);
        memcpy(b, (float *)row_bary->data + row * OUTLINE * 3, OUTLINE * 3 * sizeof *b);
    }
    mn_noted(all_at, "landmark_faces");
    return on_faces(m, v, all_at, mn_to(mn_cast(all_bary, v->dtype), v->device));
}

/* ---- methods ---- */

static mn_status expect_codes(mn_model *m, mn_tensor *const *in) {
    int64_t s = mn_config_int(m, "shape"), e = mn_config_int(m, "expr");
    if (mn_expect(m, "forward", "shape", in[0], 2, (int64_t[]){-1, -1}) || mn_expect(m, "forward", "expr", in[1], 2, (int64_t[]){in[0]->shape[0], -1})) return mn_errcode();
    int64_t n = in[0]->shape[0];
    if (in[0]->shape[1] > s || in[1]->shape[1] > e)
        return mn_fail(MN_ESHAPE, "flame.forward: at most %lld shape and %lld expression numbers expected, got %s and %s", (long long)s, (long long)e, mn_shape_text(in[0]), mn_shape_text(in[1]));
    if (in[2] && (mn_expect(m, "forward", "pose", in[2], 2, (int64_t[]){n, -1}) || (in[2]->shape[1] != 6 && in[2]->shape[1] != 15)))
        return mn_errcode() ? mn_errcode() : mn_fail(MN_ESHAPE, "flame.forward: pose: 6 numbers (root, jaw) or 15 (all joints) expected, got %s", mn_shape_text(in[2]));
    if (in[2] && in[3] && in[2]->shape[1] == 15) return mn_fail(MN_EARG, "flame.forward: eyes: a pose of 15 numbers has them already");
    return in[3] ? mn_expect(m, "forward", "eyes", in[3], 2, (int64_t[]){n, 6}) : MN_OK;
}

enum { DETACH };
static mn_status run_forward(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    mn_tensor *shape = in[0], *expr = in[1], *posed[2] = {NULL};
    if (expect_codes(m, in)) return mn_errcode();
    mn_tensor *v = mn_call(add, T(mn_call(add, T(blend(shape, mn_weight(m, "shapedirs")), blend(expr, mn_weight(m, "exprdirs")))), mn_weight(m, "v_template")));
    mn_tensor *j = mn_call(matmul, T(mn_weight(m, "J_regressor"), v));
    mn_tensor *rot = rotations(in[2], in[3], shape->shape[0], shape->dtype);
    if (mn_has_weight(m, "posedirs")) {
        mn_tensor *r = mn_call(rodrigues, T(mn_call(slice, T(rot), {"axis", 1}, {"start", 1})));       /* [N,4,3,3] */
        mn_tensor *unit = mn_cast(mn_from(MN_F32, MN_DIMS(3, 3), (float[]){1, 0, 0, 0, 1, 0, 0, 0, 1}), shape->dtype);
        mn_tensor *feature = mn_reshape(mn_call(sub, T(r, unit)), 2, (int64_t[]){shape->shape[0], 36});
        v = mn_call(add, T(v, blend(attr[DETACH] != 0 ? mn_detach(feature) : feature, mn_weight(m, "posedirs"))));
    }
    if (mn_calln(posed, lbs, T(v, j, rot, mn_weight(m, "weights"), mn_weight(m, "parents")))) return mn_errcode();
    out[0] = posed[0];
    out[1] = mn_config(m, "landmarks") ? landmarks(m, posed[0], in[2] ? rot : NULL) : NULL;
    out[2] = posed[1];
    return mn_errcode();
}

/* What the generator takes: vertices, then the landmarks, [N,V+68,3]. */
static mn_status run_mesh(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    mn_tensor *r[3] = {NULL};
    if (run_forward(m, in, attr, r)) return mn_errcode();
    if (!r[1]) return mn_fail(MN_EARG, "flame.mesh: this head has no landmarks; import it together with its landmark file");
    out[0] = mn_call(concat, T(r[0], r[1]), {"axis", 1});
    return mn_errcode();
}

static mn_status run_fixed(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    if (mn_expect(m, "fixed_landmarks", "vertices", in[0], 3, (int64_t[]){-1, mn_config_int(m, "vertices"), 3})) return mn_errcode();
    if (!mn_config(m, "fixed_landmarks")) return mn_fail(MN_EARG, "flame.fixed_landmarks: this head has no table of them");
    out[0] = on_faces(m, in[0], mn_weight(m, "lmk_full_faces"), mn_weight(m, "lmk_full_bary"));
    return mn_errcode();
}

/* DECA's camera (scale, tx, ty): s (X + tx, Y + ty, Z), then y and z negated. */
static mn_status run_project(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    if (mn_expect(m, "project", "points", in[0], 3, (int64_t[]){-1, -1, 3}) || mn_expect(m, "project", "camera", in[1], 2, (int64_t[]){in[0]->shape[0], 3})) return mn_errcode();
    int64_t n = in[0]->shape[0];
    mn_dtype d = in[0]->dtype;
    mn_tensor *scale = mn_call(slice, T(in[1]), {"axis", 1}, {"stop", 1}), *move = mn_call(slice, T(in[1]), {"axis", 1}, {"start", 1});
    mn_tensor *shift = mn_call(concat, T(move, mn_zeros(d, 2, (int64_t[]){n, 1})), {"axis", 1});
    mn_tensor *flip = mn_cast(mn_from(MN_F32, MN_DIMS(3), (float[]){1, -1, -1}), d);
    mn_tensor *p = mn_call(mul, T(mn_call(add, T(in[0], mn_reshape(shift, 3, (int64_t[]){n, 1, 3}))), mn_reshape(scale, 3, (int64_t[]){n, 1, 1})));
    out[0] = mn_call(mul, T(p, flip));
    return mn_errcode();
}

#define DETACH_CORRECTIVES {{"detach_correctives", 0, "1: no gradient through the pose correctives, as EMOCA trains"}}
static const mn_method methods[] = {
    {"forward", "shape expr pose? eyes?", "forward(shape [N,<=S], expr [N,<=E], pose [N,6] (root, jaw) or [N,15] (all joints), eyes [N,6], {detach_correctives}): vertices [N,V,3], landmarks [N,68,3], posed joints [N,5,3]; axis-angle, metres",
     DETACH_CORRECTIVES, 3, run_forward},
    {"mesh", "shape expr pose? eyes?", "mesh(shape, expr, pose, eyes, {detach_correctives}): vertices followed by landmarks [N,V+68,3], the generator's input", DETACH_CORRECTIVES, 0, run_mesh},
    {"fixed_landmarks", "vertices", "fixed_landmarks(vertices [N,V,3]): the 68 landmarks with a contour that does not follow the pose, [N,68,3]", {{0}}, 0, run_fixed},
    {"project", "points camera", "project(points [N,K,3], camera [N,3] (scale, x, y)): where DECA's camera sees them, -1..1 across its crop, y down; z scaled alike", {{0}}, 0, run_project},
    {0}};

const mn_modeldef mn_model_flame = {
    .name = "flame", .doc = "statistical head: shape, expression, jaw, neck and eyes to vertices", .build = build, .methods = methods,
    .config = "{\"vertices\":5023,\"faces\":9976,\"uv\":0,\"shape\":100,\"expr\":50,\"pose_correctives\":true,\"units\":0,\"identity_modes\":0,"
              "\"unit_names\":[],\"landmarks\":true,\"contour\":false,\"fixed_landmarks\":false}"};
