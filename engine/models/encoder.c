/* encoder.c -- the embedded avatar's face encoder: what a picture shows, as the numbers that draw it again:
 * shape, expression, pose and camera.  The role EMOCA has for FLAME (emoca.c), at small size and trained here;
 * the network is resnet.c.
 *
 * `outputs` says how many numbers each of the four has.  `crop` is the part of the picture that prepare keeps, [top,
 * bottom, left, right] in 0..1; without `pool` the head reads the whole final map, so that it knows where things are. */
#include "resnet.h"

static mn_status outputs_of(mn_model *m, int n[4], int64_t *sum) {
    int k = mn_config_ints(m, "outputs", 0, 1 << 16, n, 4);
    if (mn_errcode()) return mn_errcode();
    if (k != 4) return mn_fail(MN_EARG, "encoder: outputs: four numbers (shape, expression, pose, camera) expected, got %d", k);
    *sum = 0;
    for (int i = 0; i < 4; i++) *sum += n[i];
    return MN_OK;
}

static mn_status network_of(mn_model *m, mn_resnet *r) {
    mn_status s = mn_resnet_of(m, r);
    r->side = 0;
    if (!s && !mn_config(m, "pool")) {                   /* five halvings, rounded up */
        r->side = mn_config_int(m, "input");
        for (int i = 0; i < 5; i++) r->side = (r->side + 1) / 2;
    }
    return s ? s : mn_errcode();
}

static mn_status build(mn_model *m) {
    mn_resnet r;
    int n[4];
    int64_t sum = 0;
    if (network_of(m, &r) || outputs_of(m, n, &sum)) return mn_errcode();
    return mn_resnet_declare(m, &r, "", sum);
}

static mn_status run_encode(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    mn_resnet r;
    int64_t n = mn_config_int(m, "input");
    if (network_of(m, &r) || mn_expect(m, "encode", "x", in[0], 4, (int64_t[]){-1, 3, n, n})) return mn_errcode();
    out[0] = mn_resnet_encode(m, &r, "", "encoder", in[0]);
    return mn_errcode();
}

static mn_status run_split(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    int n[4];
    int64_t sum = 0, at = 0;
    if (outputs_of(m, n, &sum) || mn_expect(m, "split", "codes", in[0], 2, (int64_t[]){-1, sum})) return mn_errcode();
    for (int i = 0; i < 4; i++) {
        out[i] = mn_columns(in[0], at, n[i]);
        at += n[i];
    }
    return mn_errcode();
}

static mn_status run_prepare(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    int64_t n = mn_config_int(m, "input");
    if (mn_expect(m, "prepare", "pictures", in[0], 4, (int64_t[]){-1, 3, -1, -1})) return mn_errcode();
    mn_tensor *x = mn_crop_of(m, in[0]);
    out[0] = x && x->shape[2] == n && x->shape[3] == n ? x : mn_call(resize, T(x), {"h", n}, {"w", n}, {"antialias", 1});
    return mn_errcode();
}

static const mn_method methods[] = {
    {"encode", "x", "encode(x [N,3,n,n] in -1..1): all codes [N,C]", {{0}}, 0, run_encode},
    {"split", "codes", "split(codes [N,C]): shape, expression, pose, camera", {{0}}, 4, run_split},
    {"prepare", "pictures", "prepare(pictures [N,3,H,W] in -1..1): cropped and resized for encode, [N,3,n,n]", {{0}}, 0, run_prepare},
    {0}};

const mn_modeldef mn_model_encoder = {
    .name = "encoder", .doc = "pictures of faces to shape, expression, pose and camera", .build = build, .methods = methods,
    .config = "{\"input\":128,\"blocks\":[2,2,2,2],\"width\":32,\"bottleneck\":false,\"hidden\":256,\"norm\":\"group\",\"outputs\":[40,50,6,3],\"pool\":true,\"crop\":[0,1,0,1]}"};
