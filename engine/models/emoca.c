/* emoca.c -- EMOCA's face encoders (Danecek et al., "EMOCA: Emotion Driven Monocular Face Capture and Animation",
 * CVPR 2022): two ResNet-50 with a head of two layers, names as in the released checkpoints.
 *
 *   E_flame       -> 236 numbers: shape 100, texture 50, expression 50, pose 6 (root 3, jaw 3), camera 3, light 9 x 3
 *   E_expression  -> 50 expression numbers; 53: jaw follows; 56: pose follows
 *
 * As released, the expression is E_expression's and all else, jaw included, E_flame's; with 53 rows the last three
 * replace the jaw, with 56 the last six the pose.  expression_rows 0: DECA's file, E_flame's own expression is used.
 * Input: 224 pixels, 0..1, no further normalisation. */
#include "face_crop.h"
#include "resnet.h"

static const char *const FLAME = "deca.E_flame", *const EXPRESSION = "deca.E_expression";
enum { INPUT = 224, SHAPE = 100, TEXTURE = 50, EXPR = 50, POSE = 6, CAMERA = 3, LIGHT = 27, CODES = SHAPE + TEXTURE + EXPR + POSE + CAMERA + LIGHT };
static const mn_resnet NET = {.blocks = {3, 4, 6, 3}, .width = 64, .bottleneck = true, .hidden = 1024, .norm = MN_NORM_BATCH};

static int64_t expression_rows(mn_model *m) {
    int64_t rows = mn_config_int(m, "expression_rows");
    if (rows && rows != EXPR && rows != EXPR + 3 && rows != EXPR + POSE)
        mn_fail(MN_EARG, "emoca: expression_rows: 0, 50, 53 or 56 expected, got %lld", (long long)rows);
    return rows;
}

static mn_status build(mn_model *m) {
    int64_t rows = expression_rows(m);
    if (mn_errcode()) return mn_errcode();
    mn_resnet_declare(m, &NET, FLAME, CODES);
    return rows ? mn_resnet_declare(m, &NET, EXPRESSION, rows) : mn_errcode();
}

static mn_status run_encode(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    if (mn_expect(m, "encode", "x", in[0], 4, (int64_t[]){-1, 3, INPUT, INPUT})) return mn_errcode();
    out[0] = mn_resnet_encode(m, &NET, FLAME, "flame", in[0]);
    out[1] = expression_rows(m) ? mn_resnet_encode(m, &NET, EXPRESSION, "expression", in[0]) : mn_columns(out[0], SHAPE + TEXTURE, EXPR);
    return mn_errcode();
}

static mn_status expect_codes(mn_model *m, const char *method, mn_tensor *flame) {
    return mn_expect(m, method, "flame", flame, 2, (int64_t[]){-1, CODES});
}

static mn_status run_split(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    int64_t rows = expression_rows(m), own = rows ? rows : EXPR, at = SHAPE + TEXTURE + EXPR;
    if (expect_codes(m, "split", in[0]) || mn_expect(m, "split", "expression", in[1], 2, (int64_t[]){in[0]->shape[0], own})) return mn_errcode();
    mn_tensor *root = mn_columns(in[0], at, 3), *jaw = mn_columns(in[0], at + 3, 3);
    if (own == EXPR + 3) jaw = mn_columns(in[1], EXPR, 3);
    out[0] = mn_columns(in[0], 0, SHAPE);
    out[1] = mn_columns(in[1], 0, EXPR);
    out[2] = own == EXPR + POSE ? mn_columns(in[1], EXPR, POSE) : mn_call(concat, T(root, jaw), {"axis", 1});
    out[3] = mn_columns(in[0], at + POSE, CAMERA);
    return mn_errcode();
}

static mn_status run_appearance(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    if (expect_codes(m, "appearance", in[0])) return mn_errcode();
    out[0] = mn_columns(in[0], SHAPE, TEXTURE);
    out[1] = mn_columns(in[0], CODES - LIGHT, LIGHT);
    return mn_errcode();
}

static mn_status run_prepare(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    mn_tensor *x = in[0];
    if (mn_expect(m, "prepare", "pictures", x, 4, (int64_t[]){-1, 3, -1, -1})) return mn_errcode();
    if (x->shape[2] != INPUT || x->shape[3] != INPUT) x = mn_call(resize, T(x), {"h", INPUT}, {"w", INPUT});
    out[0] = mn_call(affine, T(x), {"scale", 0.5}, {"shift", 0.5});
    return mn_errcode();
}

static mn_status run_crop(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)m, (void)attr;
    return mn_face_crop(in[0], in[1], INPUT, out);
}

static const mn_method methods[] = {
    {"encode", "x", "encode(x [N,3,224,224] in 0..1): E_flame's codes [N,236], E_expression's [N,rows]", {{0}}, 2, run_encode},
    {"split", "flame expression", "split(flame [N,236], expression [N,rows]): shape [N,100], expression [N,50], pose [N,6] (root, jaw), camera [N,3]", {{0}}, 4, run_split},
    {"appearance", "flame", "appearance(flame [N,236]): texture [N,50] and light [N,27] (9 harmonics, 3 colours each)", {{0}}, 2, run_appearance},
    {"crop", "picture landmarks", "crop(picture u8 [H,W,3], landmarks [68,2] in pixels): the face as encode takes it [1,3,224,224], the similarity from picture to crop [3,3], the crop's side in the picture [1]", {{0}}, 3, run_crop},
    {"prepare", "pictures", "prepare(pictures [N,3,H,W] of aligned faces, in -1..1): [N,3,224,224] in 0..1", {{0}}, 0, run_prepare},
    {0}};

const mn_modeldef mn_model_emoca = {
    .name = "emoca", .doc = "EMOCA's encoders: pictures of faces to the head model's numbers", .build = build, .methods = methods,
    .config = "{\"expression_rows\":50}"};
