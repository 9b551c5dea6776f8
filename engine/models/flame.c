/* flame.c -- the statistical head: FLAME (Li et al., "Learning a model of facial shape and
 * expression from 4D scans", SIGGRAPH Asia 2017), and mien's own head model in its form.
 *
 *   v_shaped = v_template + shapedirs shape + exprdirs expr
 *   J        = J_regressor v_shaped                    joints of the shaped, unposed mesh
 *   v_posed  = v_shaped + posedirs (R_1..R_4 - I)      when pose_correctives is on
 *   v        = linear blend skinning of v_posed        op lbs
 *
 * Metres, y up, face towards +z, the subject's left at +x.  Joints: root, neck, jaw, left eye,
 * right eye; rotations are axis-angle.  Landmarks: 68 in iBUG order, barycentric on faces. */
#include <string.h>
#include "model.h"
#include "../ops/shape.h"

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
    if (t) {
        mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(t, 2), "uv");
        mn_declare_index(m, MN_DIMS(f, 3), "uv_faces");
    }
    mn_declare_index(m, MN_DIMS(68), "lmk_faces");
    mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(68, 3), "lmk_bary");
    if (units) mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(units, e), "units_to_expr");
    if (ids) mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(ids, s), "id_to_shape");
    return mn_errcode();
}

/* x [N,K] times dirs [V,3,K] -> [N,V,3] */
static mn_tensor *blend(mn_tensor *x, mn_tensor *dirs) {
    if (!x || !dirs) return NULL;
    int64_t v = dirs->shape[0];
    mn_tensor *flat = mn_reshape(dirs, 2, (int64_t[]){3 * v, dirs->shape[2]});
    return mn_reshape(mn_call(linear, T(x, flat)), 3, (int64_t[]){x->shape[0], v, 3});
}

static mn_tensor *rotations(mn_model *m, mn_tensor *pose, mn_tensor *eyes, int64_t n, mn_dtype dtype) {
    mn_tensor *zero = mn_zeros(dtype, 2, (int64_t[]){n, 3});
    mn_tensor *root = zero, *jaw = zero;
    (void)m;
    if (pose) {
        root = mn_call(slice, T(pose), {"axis", 1}, {"stop", 3});
        jaw = mn_call(slice, T(pose), {"axis", 1}, {"start", 3});
    }
    return mn_reshape(mn_call(concat, T(root, zero, jaw, eyes ? eyes : mn_zeros(dtype, 2, (int64_t[]){n, 6})), {"axis", 1}), 3, (int64_t[]){n, 5, 3});
}

static mn_tensor *landmarks(mn_model *m, mn_tensor *v) {
    mn_tensor *faces = mn_weight(m, "faces"), *at = mn_weight(m, "lmk_faces"), *bary = mn_weight(m, "lmk_bary");
    if (!v || !faces || !at || !bary) return NULL;
    int64_t n = v->shape[0];
    mn_tensor *corner = mn_empty(MN_I32, 1, (int64_t[]){68 * 3});
    for (int k = 0; corner && k < 68 * 3; k++) {
        int32_t f = ((int32_t *)at->data)[k / 3];
        if (f < 0 || f >= faces->shape[0]) { mn_fail(MN_EFORMAT, "flame: landmark %d lies on face %d of %lld", k / 3 + 1, f, (long long)faces->shape[0]); return NULL; }
        ((int32_t *)corner->data)[k] = ((int32_t *)faces->data)[3 * f + k % 3];
    }
    mn_tensor *p = mn_call(gather, T(mn_permute(v, 3, (int[]){1, 0, 2}), corner));            /* [204,N,3] */
    p = mn_call(mul, T(mn_reshape(p, 4, (int64_t[]){68, 3, n, 3}), mn_reshape(bary, 4, (int64_t[]){68, 3, 1, 1})));
    return mn_permute(mn_call(sum, T(p), {"axis", 1}), 3, (int[]){1, 0, 2});                  /* [N,68,3] */
}

static mn_status run_forward(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    mn_tensor *shape = in[0], *expr = in[1];
    if (mn_expect(m, "forward", "shape", shape, 2, (int64_t[]){-1, mn_config_int(m, "shape")}) || mn_expect(m, "forward", "expr", expr, 2, (int64_t[]){shape->shape[0], mn_config_int(m, "expr")})
        || (in[2] && mn_expect(m, "forward", "pose", in[2], 2, (int64_t[]){shape->shape[0], 6})) || (in[3] && mn_expect(m, "forward", "eyes", in[3], 2, (int64_t[]){shape->shape[0], 6})))
        return mn_errcode();
    mn_tensor *v = mn_call(add, T(mn_call(add, T(blend(shape, mn_weight(m, "shapedirs")), blend(expr, mn_weight(m, "exprdirs")))), mn_weight(m, "v_template")));
    mn_tensor *j = mn_call(matmul, T(mn_weight(m, "J_regressor"), v));
    mn_tensor *rot = rotations(m, in[2], in[3], shape->shape[0], shape->dtype);
    if (mn_has_weight(m, "posedirs")) {
        mn_tensor *r = mn_call(rodrigues, T(mn_call(slice, T(rot), {"axis", 1}, {"start", 1})));       /* [N,4,3,3] */
        mn_tensor *unit = mn_cast(mn_from(MN_F32, MN_DIMS(3, 3), (float[]){1, 0, 0, 0, 1, 0, 0, 0, 1}), shape->dtype);
        mn_tensor *feature = mn_reshape(mn_call(sub, T(r, unit)), 2, (int64_t[]){shape->shape[0], 36});
        v = mn_call(add, T(v, blend(feature, mn_weight(m, "posedirs"))));
    }
    out[0] = mn_call(lbs, T(v, j, rot, mn_weight(m, "weights"), mn_weight(m, "parents")));
    out[1] = landmarks(m, out[0]);
    return mn_errcode();
}
/* What the generator takes: vertices, then the landmarks, [N,V+68,3]. */
static mn_status run_mesh(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    mn_tensor *r[2] = {NULL};
    if (run_forward(m, in, attr, r)) return mn_errcode();
    out[0] = mn_call(concat, T(r[0], r[1]), {"axis", 1});
    return mn_errcode();
}

static const mn_method methods[] = {
    {"forward", "shape expr pose? eyes?", "forward(shape [N,S], expr [N,E], pose [N,6] (root, jaw), eyes [N,6]): vertices [N,V,3], landmarks [N,68,3]; axis-angle, metres", {{0}}, 2, run_forward},
    {"mesh", "shape expr pose? eyes?", "mesh(shape, expr, pose, eyes): vertices followed by landmarks [N,V+68,3], the generator's input", {{0}}, 0, run_mesh},
    {0}};

const mn_modeldef mn_model_flame = {
    .name = "flame", .doc = "statistical head: shape, expression, jaw, neck and eyes to vertices", .build = build, .methods = methods,
    .config = "{\"vertices\":5023,\"faces\":9976,\"uv\":0,\"shape\":100,\"expr\":50,\"pose_correctives\":true,\"units\":0,\"identity_modes\":0,"
              "\"unit_names\":[]}"};
