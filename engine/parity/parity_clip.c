/* parity_clip.c -- CLIP against published numbers: features, their steps, similarities, gradients to the picture,
 * 8-bit and differentiable preprocessing. */

#include "parity.h"
#include "../models/clip_picture.h"
#include "../ops/shape.h"

static void keep(void *p, const char *name, mn_tensor *t) { mn_parity_put(p, t, "%s", name); }

static mn_tensor *one(mn_tensor *x, int64_t i) {                   /* picture i of x, a new tensor */
    int64_t shape[MN_MAXD];
    for (int d = 0; d < x->nd; d++) shape[d] = x->shape[d];
    shape[0] = 1;
    return mn_clone(mn_view(x, x->nd, shape, i * (x->n / x->shape[0])));
}

static mn_tensor *features(mn_model *m, const char *method, mn_tensor *x) {
    mn_tensor *y = NULL;
    mn_parity_call(m, method, &x, &y);
    return y;
}

static mn_tensor *unit(mn_tensor *x) {
    return mn_call(mul, T(x, mn_call(rsqrt, T(mn_call(sum, T(mn_call(square, T(x))), {"axis", -1}, {"keep", 1})))));
}

/* Gradient of cos(picture, text) to the preprocessed picture, one row a pair. */
static mn_status cosine_gradients(mn_parity *p, mn_model *m, mn_tensor *image, mn_tensor *text) {
    mn_tensor *pairs = mn_to(mn_parity_in(p, MN_I32, 2, "grad_pairs"), MN_CPU), *rows = NULL;
    for (int64_t k = 0; pairs && k < pairs->shape[0] && !mn_errcode(); k++) {
        const int32_t *pair = (const int32_t *)pairs->data + 2 * k;
        if (pairs->shape[1] != 2 || pair[0] < 0 || pair[0] >= image->shape[0] || pair[1] < 0 || pair[1] >= text->shape[0])
            return mn_fail(MN_EFORMAT, "grad_pairs: row %lld: a picture and a text expected", (long long)k + 1);
        mn_tensor *x = one(image, pair[0]);
        if (!x) return mn_errcode();
        mn_param(x);
        mn_backward(mn_call(sum, T(mn_call(mul, T(unit(features(m, "image", x)), unit(one(text, pair[1])))))), NULL);
        rows = rows ? mn_call(concat, T(rows, mn_grad_of(x)), {"axis", 0}) : mn_grad_of(x);
    }
    return mn_parity_put(p, rows, "grad_cosine_wrt_image");
}

static mn_status vjp(mn_parity *p, mn_model *m, mn_tensor *image) {
    mn_tensor *cot = mn_parity_in(p, MN_F32, 1, "vjp_cotangent");
    if (!cot || mn_errcode()) return mn_errcode();
    mn_tensor *x = mn_param(one(image, 0));
    if (mn_backward(features(m, "image", x), mn_view(cot, 2, (int64_t[]){1, cot->n}, 0))) return mn_errcode();
    mn_tensor *g = mn_grad_of(x);
    return mn_parity_put(p, mn_view(g, 3, g->shape + 1, 0), "vjp_image");
}

/* srcK -> cropK. */
static mn_status crops(mn_parity *p, mn_tensor *image) {
    for (int k = 0; mn_parity_has(p, "src%d", k) && !mn_errcode(); k++) {
        mn_tensor *crop = mn_clip_crop(mn_parity_in(p, MN_U8, 3, "src%d", k), image->shape[2]);
        mn_parity_put(p, crop, "crop%d", k);
    }
    return mn_errcode();
}

static mn_status tower_goldens(mn_parity *p, mn_model *m) {
    mn_tensor *image = mn_parity_need(p, MN_F32, 4, "image"), *tokens = mn_parity_need(p, MN_I32, 2, "tokens"), *sim[2] = {NULL};
    if (!image || !tokens) return mn_errcode();
    mn_parity_listen(keep, p);
    mn_tensor *f = features(m, "image", image), *t = features(m, "text", tokens);
    mn_parity_listen(NULL, NULL);
    if (mn_errcode() || crops(p, image) || mn_parity_call(m, "similarity", (mn_tensor *[]){f, t}, sim)) return mn_errcode();
    mn_parity_put(p, f, "image_features");
    mn_parity_put(p, t, "text_features");
    mn_parity_put(p, unit(f), "image_features_normed");
    mn_parity_put(p, unit(t), "text_features_normed");
    mn_parity_put(p, sim[0], "cosine");
    mn_parity_put(p, sim[1], "logits_per_image");
    mn_tensor *scale = mn_weight(m, "logit_scale");
    mn_parity_put(p, scale, "logit_scale");
    mn_parity_put(p, mn_call(exp, T(scale)), "logit_scale_exp");
    return cosine_gradients(p, m, image, t) || vjp(p, m, image) ? mn_errcode() : MN_OK;
}

/* pK.tensor01 in 0..1 -> both ways of preprocessing, and their gradients for pK.cotangent. */
static mn_status preprocess_goldens(mn_parity *p) {
    static const char *const made[2] = {"clip_pae_preprocessed", "antialias_preprocessed"}, *const grad[2] = {"vjp", "antialias_vjp"};
    for (int k = 0; mn_parity_has(p, "p%d.tensor01", k) && !mn_errcode(); k++)
        for (int a = 0; a < 2; a++) {
            mn_tensor *x = mn_clone(mn_parity_in(p, MN_F32, 4, "p%d.tensor01", k)), *cot = mn_parity_in(p, MN_F32, 4, "p%d.cotangent", k);
            if (!x || !cot) return mn_errcode();
            mn_param(x);
            mn_tensor *y = mn_clip_preprocess(mn_call(affine, T(x), {"scale", 2}, {"shift", -1}), cot->shape[2], a);
            mn_parity_put(p, y, "p%d.%s", k, made[a]);
            if (!mn_backward(y, cot)) mn_parity_put(p, mn_grad_of(x), "p%d.%s", k, grad[a]);
        }
    return mn_errcode();
}

static mn_status run(mn_parity *p, mn_model *m) {
    if (mn_parity_has(p, "p0.tensor01")) return preprocess_goldens(p);
    if (!m) return mn_fail(MN_EARG, "this golden needs a model file, got '-'");
    return tower_goldens(p, m);
}

/* Measured in f32: features 1e-6 (ViT-B/32), gradients 1e-6 to 1e-5. */
static const mn_parity_bar bars[] = {{"crop*", 0}, {"grad*", 1e-4}, {"vjp*", 1e-4}, {"p*vjp", 1e-4}, {"*", 1e-5}, {0}};
static const char *const inputs[] = {"image", "tokens", "src*", "grad_pairs", "vjp_cotangent", "prompt_count", "p*.tensor01", "p*.cotangent", NULL};
const mn_parity_kind mn_parity_clip = {"clip", false, inputs, bars, run};
