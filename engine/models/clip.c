/* clip.c -- CLIP: a vision transformer and a text transformer whose features meet in one space (Radford et
 * al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021).  Tensor names
 * are those of the published ViT checkpoints; sizes come from the configuration.
 *
 *   block:  x += attention(ln_1(x));  x += c_proj(quick_gelu(c_fc(ln_2(x))))
 *   image:  patches, class token first, + positions, ln_pre, blocks, ln_post of token 0, times visual.proj
 *   text:   tokens + positions, causal blocks, ln_final at the end token, times text_projection
 *
 * Small towers see little through one linear map of each patch.  With the setting `stem`, numbers of residual blocks, the picture first goes
 * through a small residual network (resnet.c, `stem_width` channels at first), and patches are cut from what comes out (Xiao et al., "Early
 * Convolutions Help Transformers See Better", NeurIPS 2021).  The published towers have none.
 *
 * Features are not normalised.  The end token is where the ids are largest (published vocabulary), or the
 * first `eot` where the setting names one.  Positions after the last end token are not computed: the causal
 * mask keeps them from mattering. */
#include <math.h>
#include "clip_picture.h"
#include "resnet.h"
#include "../ops/shape.h"

static const char *const VISUAL = "visual.transformer", *const TEXT = "transformer";

/* ---- declaration ---- */

static mn_status declare_norm(mn_model *m, int64_t width, const char *p) {
    mn_declare(m, MN_INIT_CONST, 1, true, MN_DIMS(width), "%s.weight", p);
    return mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(width), "%s.bias", p);
}

/* Initial spreads as published: residual branches shrink with the depth of the tower. */
static mn_status declare_tower(mn_model *m, const char *tower, int64_t width, int layers) {
    double in = 1 / sqrt((double)width), out = in / sqrt(2.0 * layers);
    for (int k = 0; k < layers; k++) {
        mn_name p = mn_join("%s.resblocks.%d", tower, k);
        mn_declare(m, MN_INIT_NORMAL, in, true, MN_DIMS(3 * width, width), "%s.attn.in_proj_weight", p.text);
        mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(3 * width), "%s.attn.in_proj_bias", p.text);
        mn_declare_linear(m, width, width, out, mn_join("%s.attn.out_proj", p.text).text);
        declare_norm(m, width, mn_join("%s.ln_1", p.text).text);
        mn_declare_linear(m, width, 4 * width, in / sqrt(2), mn_join("%s.mlp.c_fc", p.text).text);
        mn_declare_linear(m, 4 * width, width, out, mn_join("%s.mlp.c_proj", p.text).text);
        declare_norm(m, width, mn_join("%s.ln_2", p.text).text);
    }
    return mn_errcode();
}

static int64_t heads_of(int64_t width, int64_t head) { return width >= 2 * head ? width / head : 1; }

/* ---- the picture's way to patches ---- */

/* stem: without blocks in its first group there is none.  patch: pixels of what patches are cut from; side: patches in a row. */
typedef struct geometry { mn_resnet stem; int64_t patch, side; } geometry;

static mn_status geometry_of(mn_model *m, geometry *g) {
    int64_t n = mn_config_int(m, "image_resolution"), patch = mn_config_int(m, "patch"), stride = 1;
    *g = (geometry){.stem = {.width = mn_config_int(m, "stem_width"), .norm = MN_NORM_GROUP}};
    int groups = mn_config_ints(m, "stem", 1, 64, g->stem.blocks, 4);
    if (mn_errcode()) return mn_errcode();
    if (patch < 1 || n % patch) return mn_fail(MN_EARG, "clip: patch: a divisor of image_resolution %lld expected, got %lld", (long long)n, (long long)patch);
    if (groups) {
        if (g->stem.width < 1 || g->stem.width > 4096) return mn_fail(MN_EARG, "clip: stem_width: 1 to 4096 channels expected, got %lld", (long long)g->stem.width);
        stride = mn_resnet_stride(&g->stem);
    }
    if (patch % stride) return mn_fail(MN_EARG, "clip: patch: a multiple of the stem's stride %lld expected, got %lld", (long long)stride, (long long)patch);
    g->patch = patch / stride;
    g->side = n / patch;
    return MN_OK;
}

static mn_status build(mn_model *m) {
    geometry g;
    if (geometry_of(m, &g)) return mn_errcode();
    int64_t vw = mn_config_int(m, "vision_width"), in = 3;
    int64_t tw = mn_config_int(m, "text_width"), e = mn_config_int(m, "embed_dim"), head = mn_config_int(m, "head_width");
    int64_t context = mn_config_int(m, "context"), vocab = mn_config_int(m, "vocab");
    if (mn_errcode()) return mn_errcode();
    if (head < 1 || vw % heads_of(vw, head) || tw % heads_of(tw, head))
        return mn_fail(MN_EARG, "clip: head_width: heads of this width, or one, should fill widths %lld and %lld; got %lld", (long long)vw, (long long)tw, (long long)head);
    double v = 1 / sqrt((double)vw);
    mn_declare(m, MN_INIT_NORMAL, 0.01, true, MN_DIMS(context, tw), "positional_embedding");
    mn_declare(m, MN_INIT_NORMAL, 1 / sqrt((double)tw), true, MN_DIMS(tw, e), "text_projection");
    mn_declare(m, MN_INIT_CONST, log(1 / 0.07), true, 0, NULL, "logit_scale");
    mn_declare(m, MN_INIT_NORMAL, v, true, MN_DIMS(vw), "visual.class_embedding");
    mn_declare(m, MN_INIT_NORMAL, v, true, MN_DIMS(g.side * g.side + 1, vw), "visual.positional_embedding");
    mn_declare(m, MN_INIT_NORMAL, v, true, MN_DIMS(vw, e), "visual.proj");
    if (g.stem.blocks[0]) mn_resnet_declare_trunk(m, &g.stem, "visual.stem", &in);
    mn_declare(m, MN_INIT_NORMAL, 1 / sqrt((double)(in * g.patch * g.patch)), true, MN_DIMS(vw, in, g.patch, g.patch), "visual.conv1.weight");
    declare_norm(m, vw, "visual.ln_pre");
    declare_tower(m, VISUAL, vw, (int)mn_config_int(m, "vision_layers"));
    declare_norm(m, vw, "visual.ln_post");
    declare_tower(m, TEXT, tw, (int)mn_config_int(m, "text_layers"));
    mn_declare(m, MN_INIT_NORMAL, 0.02, true, MN_DIMS(vocab, tw), "token_embedding.weight");
    return declare_norm(m, tw, "ln_final");
}

/* ---- transformer ---- */

static mn_tensor *norm(mn_model *m, const char *p, mn_tensor *x) {
    return mn_call(layer_norm, T(x, mn_weight(m, "%s.weight", p), mn_weight(m, "%s.bias", p)));
}

static mn_tensor *attention(mn_model *m, const char *p, mn_tensor *x, bool causal) {
    if (!x) return NULL;
    int64_t w = x->shape[2], head = mn_config_int(m, "head_width");
    mn_tensor *qkv = mn_call(linear, T(x, mn_weight(m, "%s.in_proj_weight", p), mn_weight(m, "%s.in_proj_bias", p))), *part[3];
    for (int k = 0; k < 3; k++) part[k] = mn_call(slice, T(qkv), {"axis", 2}, {"start", k * w}, {"stop", (k + 1) * w});
    mn_tensor *y = mn_call(attention, T(part[0], part[1], part[2]), {"heads", heads_of(w, head)}, {"causal", causal});
    return mn_use_linear(m, mn_join("%s.out_proj", p).text, y);
}

/* letter: stands for the tower in reported names ("v", "t"). */
static mn_tensor *tower(mn_model *m, const char *name, const char *letter, mn_tensor *x, int layers, bool causal) {
    for (int k = 0; k < layers && x; k++) {
        mn_scope scope = mn_scope_open();
        mn_name p = mn_join("%s.resblocks.%d", name, k);
        mn_tensor *h = mn_noted(norm(m, mn_join("%s.ln_1", p.text).text, x), "%s.block%d.ln_1", letter, k);
        h = mn_noted(attention(m, mn_join("%s.attn", p.text).text, h, causal), "%s.block%d.attn", letter, k);
        x = mn_call(add, T(x, h));
        h = mn_use_linear(m, mn_join("%s.mlp.c_fc", p.text).text, norm(m, mn_join("%s.ln_2", p.text).text, x));
        h = mn_noted(mn_call(quick_gelu, T(mn_noted(h, "%s.block%d.c_fc", letter, k))), "%s.block%d.gelu", letter, k);
        x = mn_call(add, T(x, mn_use_linear(m, mn_join("%s.mlp.c_proj", p.text).text, h)));
        x = mn_scope_leave(scope, mn_noted(x, "%s.block%d", letter, k));
    }
    return x;
}

/* ---- image ---- */

/* conv1 has kernel = stride = patch: a linear map of each patch flattened as (channel, row, column). */
static mn_tensor *patches(mn_model *m, mn_tensor *x) {
    mn_tensor *w = mn_weight(m, "visual.conv1.weight");
    if (!x || !w) return NULL;
    int64_t n = x->shape[0], c = x->shape[1], p = w->shape[2], g = x->shape[2] / p, in = c * p * p;
    x = mn_permute(mn_reshape(x, 6, (int64_t[]){n, c, g, p, g, p}), 6, (int[]){0, 2, 4, 1, 3, 5});
    return mn_call(linear, T(mn_reshape(x, 3, (int64_t[]){n, g * g, in}), mn_reshape(w, 2, (int64_t[]){w->shape[0], in})));
}

static mn_status run_image(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    geometry g;
    int64_t size = mn_config_int(m, "image_resolution"), width = mn_config_int(m, "vision_width");
    if (geometry_of(m, &g) || mn_expect(m, "image", "pixels", in[0], 4, (int64_t[]){-1, 3, size, size})) return mn_errcode();
    mn_scope scope = mn_scope_open();
    int64_t n = in[0]->shape[0];
    mn_tensor *x = patches(m, g.stem.blocks[0] ? mn_resnet_trunk(m, &g.stem, "visual.stem", "v.stem", in[0]) : in[0]);
    if (mn_trace.note) mn_noted(mn_reshape(mn_permute(x, 3, (int[]){0, 2, 1}), 4, (int64_t[]){n, width, g.side, g.side}), "v.conv1");
    mn_tensor *first = mn_call(expand, T(mn_weight(m, "visual.class_embedding")), {"d0", n}, {"d1", 1}, {"d2", width});
    x = mn_call(add, T(mn_call(concat, T(first, x), {"axis", 1}), mn_weight(m, "visual.positional_embedding")));
    x = mn_noted(norm(m, "visual.ln_pre", x), "v.ln_pre");
    x = tower(m, VISUAL, "v", x, (int)mn_config_int(m, "vision_layers"), false);
    x = mn_call(slice, T(x), {"axis", 1}, {"stop", 1});
    if (x) x = mn_noted(norm(m, "visual.ln_post", mn_reshape(x, 2, (int64_t[]){n, width})), "v.ln_post");
    out[0] = mn_scope_leave(scope, mn_call(matmul, T(x, mn_weight(m, "visual.proj"))));
    return mn_errcode();
}

static mn_status run_preprocess(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    if (mn_expect(m, "preprocess", "pictures", in[0], 4, (int64_t[]){-1, 3, -1, -1})) return mn_errcode();
    mn_tensor *x = mn_crop_of(m, in[0]);
    out[0] = x ? mn_clip_preprocess(x, mn_config_int(m, "image_resolution"), mn_config(m, "antialias") != 0) : NULL;
    return mn_errcode();
}

static mn_status run_picture(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    out[1] = mn_clip_crop(in[0], mn_config_int(m, "image_resolution"));
    out[0] = mn_clip_pixels(out[1]);
    return mn_errcode();
}

/* ---- text ---- */

/* Where each row of ids ends: the rows of [N*T, width] to take, and how many positions are needed. */
static mn_tensor *ends(mn_model *m, mn_tensor *ids, int64_t *used) {
    int64_t n = ids->shape[0], t = ids->shape[1], eot = mn_config_int(m, "eot");
    mn_tensor *at = mn_empty_host(MN_I32, 1, &n);
    if (!at || mn_errcode()) return NULL;
    int32_t *end = at->data;
    *used = 1;
    for (int64_t i = 0; i < n; i++) {
        const int32_t *id = (const int32_t *)ids->data + i * t;
        int64_t best = 0;
        for (int64_t k = 1; k < t && (eot < 0 || id[best] != eot); k++)
            if (eot < 0 ? id[k] > id[best] : id[k] == eot) best = k;
        if (eot >= 0 && id[best] != eot) {
            mn_fail(MN_EARG, "clip.text: ids: row %lld holds no end token %lld", (long long)i + 1, (long long)eot);
            return NULL;
        }
        end[i] = (int32_t)best;
        if (best + 1 > *used) *used = best + 1;
    }
    if (mn_trace.note) *used = t;                        /* listeners see whole rows */
    for (int64_t i = 0; i < n; i++) end[i] += (int32_t)(i * *used);
    return mn_to(at, m->device);
}

static mn_tensor *cut(mn_model *m, mn_tensor *ids, int64_t used) {
    int64_t n = ids->shape[0], t = ids->shape[1];
    if (used == t) return mn_to(ids, m->device);
    mn_tensor *short_ids = mn_empty_host(MN_I32, 2, (int64_t[]){n, used});
    for (int64_t i = 0; short_ids && i < n; i++)
        for (int64_t k = 0; k < used; k++) ((int32_t *)short_ids->data)[i * used + k] = ((int32_t *)ids->data)[i * t + k];
    return mn_to(short_ids, m->device);
}

static mn_status run_text(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    mn_tensor *ids = in[0], *table = mn_weight(m, "token_embedding.weight");
    int64_t context = mn_config_int(m, "context"), width = mn_config_int(m, "text_width"), t = 0;
    if (!ids || ids->dtype != MN_I32 || ids->nd != 2 || ids->shape[1] != context)
        return mn_fail(MN_ESHAPE, "clip.text: ids: expected i32 [N,%lld], got %s %s", (long long)context, ids ? mn_dtype_name(ids->dtype) : "", mn_shape_text(ids));
    mn_scope scope = mn_scope_open();
    ids = mn_to(ids, MN_CPU);                              /* what the host encodes and asks for once per prompt */
    mn_tensor *at = ids ? ends(m, ids, &t) : NULL, *y = NULL;
    if (at && (ids = cut(m, ids, t))) {
        int64_t n = ids->shape[0];
        mn_tensor *where = mn_call(slice, T(mn_weight(m, "positional_embedding")), {"axis", 0}, {"stop", t});
        mn_tensor *x = mn_noted(mn_call(add, T(mn_call(gather, T(table, ids)), where)), "t.embed");
        x = tower(m, TEXT, "t", x, (int)mn_config_int(m, "text_layers"), true);
        if (mn_trace.note) mn_noted(norm(m, "ln_final", x), "t.ln_final");
        x = mn_call(gather, T(mn_reshape(x, 2, (int64_t[]){n * t, width}), at));
        y = mn_call(matmul, T(norm(m, "ln_final", x), mn_weight(m, "text_projection")));
    }
    out[0] = mn_scope_leave(scope, y);
    return mn_errcode();
}

static mn_status run_similarity(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    int64_t e = mn_config_int(m, "embed_dim");
    if (mn_expect(m, "similarity", "image", in[0], 2, (int64_t[]){-1, e}) || mn_expect(m, "similarity", "text", in[1], 2, (int64_t[]){-1, e})) return mn_errcode();
    out[0] = mn_call(linear, T(mn_unit_length(in[0]), mn_unit_length(in[1])));
    out[1] = mn_call(mul, T(out[0], mn_call(exp, T(mn_weight(m, "logit_scale")))));
    return mn_errcode();
}

static const mn_method methods[] = {
    {"image", "pixels", "image(pixels [N,3,n,n], preprocessed): features [N,E], not normalised", {{0}}, 0, run_image},
    {"text", "ids", "text(ids [N,context] i32): features [N,E], not normalised", {{0}}, 0, run_text},
    {"preprocess", "pictures", "preprocess(pictures [N,3,H,W] in -1..1): cropped if set, bicubic to n, the middle square, CLIP's mean and spread: [N,3,n,n]", {{0}}, 0, run_preprocess},
    {"picture", "picture", "picture(picture [H,W,3] u8): pixels [1,3,n,n] as the published preprocessing makes them, and the 8-bit crop [n,n,3]", {{0}}, 2, run_picture},
    {"similarity", "image text", "similarity(image [N,E], text [M,E]): cosines [N,M], and the logits exp(logit_scale) * cosine", {{0}}, 2, run_similarity},
    {0}};

const mn_modeldef mn_model_clip = {
    .name = "clip", .doc = "pictures and texts to features in one space", .build = build, .methods = methods,
    .config = "{\"image_resolution\":224,\"patch\":32,\"stem\":[],\"stem_width\":24,\"vision_width\":768,\"vision_layers\":12,\"embed_dim\":512,\"context\":77,\"vocab\":49408,"
              "\"text_width\":512,\"text_layers\":12,\"head_width\":64,\"eot\":-1,\"antialias\":0,\"crop\":[0,1,0,1]}"};
