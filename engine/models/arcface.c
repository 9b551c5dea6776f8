/* arcface.c -- face recognition: an improved ResNet with squeeze and excitation, trained with an angular
 * margin (Deng et al., "ArcFace", CVPR 2019; IR-SE50 as published).  Unit vectors; the same face gives
 * nearly the same vector.  Sizes and normalisation come from the configuration, names are the published ones.
 *
 *   input_layer   conv 3x3, norm, prelu
 *   body.K        x' = shortcut(x) + se(norm(conv3x3/s(prelu(conv3x3(norm(x))))))      first of a group: s = 2
 *   output_layer  norm, flatten (channel, row, column), linear, norm, divide by the length
 *
 * The shortcut is plain subsampling where the channels stay, else a 1x1 convolution and norm. */
#include <math.h>
#include "layers.h"
#include "../ops/shape.h"

static const double EPS = 1e-5;
enum { MAX_GROUPS = 8 };

typedef struct plan {                    /* what build and embed both walk through */
    int groups;
    int units[MAX_GROUPS], widths[MAX_GROUPS];
    int64_t input, embed, last;          /* last: side of the final map */
    mn_norm norm;
} plan;

static mn_status plan_of(mn_model *m, plan *p) {
    *p = (plan){.input = mn_config_int(m, "input"), .embed = mn_config_int(m, "embed")};
    p->groups = mn_config_ints(m, "units", 1, 256, p->units, MAX_GROUPS);
    int widths = mn_config_ints(m, "widths", 1, 1 << 16, p->widths, MAX_GROUPS);
    if (mn_errcode() || mn_norm_of(m, &p->norm)) return mn_errcode();
    if (p->groups < 1 || widths != p->groups) return mn_fail(MN_EARG, "arcface: units and widths: lists of equal length expected, got %d and %d numbers", p->groups, widths);
    if (p->input < 1 || p->input > 8192) return mn_fail(MN_EARG, "arcface: input: 1 to 8192 pixels expected, got %lld", (long long)p->input);
    p->last = p->input;
    for (int g = 0; g < p->groups; g++) p->last = (p->last + 1) / 2;
    return MN_OK;
}

static mn_status declare_unit(mn_model *m, const plan *p, int k, int64_t in, int64_t out, int64_t reduction) {
    int64_t squeezed = out / reduction;
    if (squeezed < 1) squeezed = 1;
    mn_name r = mn_join("body.%d.res_layer", k), s = mn_join("body.%d.shortcut_layer", k);
    if (in != out) {
        mn_declare_conv(m, in, out, 1, 1, mn_join("%s.0", s.text).text);
        mn_declare_norm(m, p->norm, out, 1, mn_join("%s.1", s.text).text);
    }
    mn_declare_norm(m, p->norm, in, 1, mn_join("%s.0", r.text).text);
    mn_declare_conv(m, in, out, 3, 3, mn_join("%s.1", r.text).text);
    mn_declare(m, MN_INIT_CONST, 0.25, true, MN_DIMS(out), "%s.2.weight", r.text);
    mn_declare_conv(m, out, out, 3, 3, mn_join("%s.3", r.text).text);
    mn_declare_norm(m, p->norm, out, 0.5, mn_join("%s.4", r.text).text);
    mn_declare_conv(m, out, squeezed, 1, 1, mn_join("%s.5.fc1", r.text).text);
    return mn_declare_conv(m, squeezed, out, 1, 1, mn_join("%s.5.fc2", r.text).text);
}

static mn_status build(mn_model *m) {
    plan p;
    int64_t reduction = mn_config_int(m, "se_reduction");
    if (plan_of(m, &p)) return mn_errcode();
    if (reduction < 1) return mn_fail(MN_EARG, "arcface: se_reduction: at least 1 expected, got %lld", (long long)reduction);
    int64_t width = p.widths[0];
    mn_declare_conv(m, 3, width, 3, 3, "input_layer.0");
    mn_declare_norm(m, p.norm, width, 1, "input_layer.1");
    mn_declare(m, MN_INIT_CONST, 0.25, true, MN_DIMS(width), "input_layer.2.weight");
    int k = 0;
    for (int g = 0; g < p.groups; g++)
        for (int u = 0; u < p.units[g] && !mn_errcode(); u++, k++) {
            declare_unit(m, &p, k, width, p.widths[g], reduction);
            width = p.widths[g];
        }
    int64_t flat = width * p.last * p.last;
    mn_declare_norm(m, p.norm, width, 1, "output_layer.0");
    mn_declare_linear(m, flat, p.embed, 1 / sqrt((double)flat), "output_layer.3");
    return mn_declare_norm(m, p.norm == MN_NORM_BATCH ? MN_NORM_BATCH : MN_NORM_LAYER, p.embed, 1, "output_layer.4");
}

static mn_tensor *prelu(mn_model *m, const char *p, mn_tensor *x) { return mn_call(prelu, T(x, mn_weight(m, "%s.weight", p))); }

/* Channels scaled by sigmoid(fc2(relu(fc1(mean)))). */
static mn_tensor *squeeze(mn_model *m, const char *p, mn_tensor *x) {
    if (!x) return NULL;
    mn_tensor *a = mn_weight(m, "%s.fc1.weight", p), *b = mn_weight(m, "%s.fc2.weight", p);
    if (!a || !b) return NULL;
    mn_tensor *s = mn_call(mean, T(x), {"axis", 2}, {"last", 3});
    s = mn_call(relu, T(mn_call(linear, T(s, mn_reshape(a, 2, a->shape)))));
    s = mn_call(sigmoid, T(mn_call(linear, T(s, mn_reshape(b, 2, b->shape)))));
    return mn_call(mul, T(x, mn_reshape(s, 4, (int64_t[]){x->shape[0], x->shape[1], 1, 1})));
}

static mn_tensor *unit(mn_model *m, const plan *p, int k, mn_tensor *x, int stride) {
    mn_scope scope = mn_scope_open();
    mn_name r = mn_join("body.%d.res_layer", k), s = mn_join("body.%d.shortcut_layer", k);
    mn_tensor *pass = x;
    if (mn_has_weight(m, "%s.0.weight", s.text)) {
        pass = mn_use_conv(m, mn_join("%s.0", s.text).text, x, stride, 0);
        pass = mn_use_norm(m, p->norm, mn_join("%s.1", s.text).text, pass, EPS);
    } else if (stride > 1) {
        pass = mn_call(max_pool2d, T(x), {"k", 1}, {"stride", stride});
    }
    mn_tensor *y = mn_use_norm(m, p->norm, mn_join("%s.0", r.text).text, x, EPS);
    y = prelu(m, mn_join("%s.2", r.text).text, mn_use_conv(m, mn_join("%s.1", r.text).text, y, 1, 1));
    y = mn_use_conv(m, mn_join("%s.3", r.text).text, y, stride, 1);
    y = squeeze(m, mn_join("%s.5", r.text).text, mn_use_norm(m, p->norm, mn_join("%s.4", r.text).text, y, EPS));
    return mn_scope_leave(scope, mn_noted(mn_call(add, T(y, pass)), "body%d", k));
}

static mn_status run_embed(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    plan p;
    if (plan_of(m, &p) || mn_expect(m, "embed", "x", in[0], 4, (int64_t[]){-1, 3, p.input, p.input})) return mn_errcode();
    mn_scope scope = mn_scope_open();
    mn_tensor *x = mn_use_norm(m, p.norm, "input_layer.1", mn_use_conv(m, "input_layer.0", in[0], 1, 1), EPS);
    x = mn_noted(prelu(m, "input_layer.2", x), "stem");
    int k = 0;
    for (int g = 0; g < p.groups; g++)
        for (int u = 0; u < p.units[g] && x; u++, k++) x = unit(m, &p, k, x, u ? 1 : 2);
    x = mn_use_norm(m, p.norm, "output_layer.0", x, EPS);
    if (x) x = mn_use_linear(m, "output_layer.3", mn_reshape(x, 2, (int64_t[]){x->shape[0], x->n / x->shape[0]}));
    x = mn_noted(mn_use_norm(m, p.norm == MN_NORM_BATCH ? MN_NORM_BATCH : MN_NORM_LAYER, "output_layer.4", x, EPS), "prenorm");
    out[0] = mn_scope_leave(scope, mn_unit_length(x));
    return mn_errcode();
}

/* As the identity loss of StyleCLIP prepares pictures: to `crop_of` pixels, cropped, to `input`. */
static mn_status run_prepare(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    double box[4];
    int n = mn_config_list(m, "crop", box, 4);
    int64_t of = mn_config_int(m, "crop_of"), input = mn_config_int(m, "input");
    if (mn_expect(m, "prepare", "pictures", in[0], 4, (int64_t[]){-1, 3, -1, -1})) return mn_errcode();
    if (n && n != 4) return mn_fail(MN_EARG, "arcface: crop: [row, row after the last, column, column after the last] or [] expected, got %d numbers", n);
    mn_scope scope = mn_scope_open();
    mn_tensor *x = in[0];
    if (n && (x->shape[2] != of || x->shape[3] != of)) x = mn_call(adaptive_avg_pool2d, T(x), {"out", of});
    if (n) x = mn_call(crop2d, T(x), {"y0", box[0]}, {"y1", box[1]}, {"x0", box[2]}, {"x1", box[3]});
    if (x && (x->shape[2] != input || x->shape[3] != input)) x = mn_call(adaptive_avg_pool2d, T(x), {"out", input});
    out[0] = mn_scope_leave(scope, x);
    return mn_errcode();
}

static const mn_method methods[] = {
    {"embed", "x", "embed(x [N,3,n,n] in -1..1): unit vectors [N,E]", {{0}}, 0, run_embed},
    {"prepare", "pictures", "prepare(pictures [N,3,H,W]): the crop that embed takes, [N,3,n,n]", {{0}}, 0, run_prepare},
    {0}};

const mn_modeldef mn_model_arcface = {
    .name = "arcface", .doc = "faces to unit vectors that tell people apart", .build = build, .methods = methods,
    .config = "{\"units\":[3,4,14,3],\"widths\":[64,128,256,512],\"input\":112,\"embed\":512,\"se_reduction\":16,\"norm\":\"batch\","
              "\"crop\":[35,223,32,220],\"crop_of\":256}"};
