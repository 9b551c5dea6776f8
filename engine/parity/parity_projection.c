/* parity_projection.c -- the projected and augmented target (ops/project_target.c) against the published code and the
 * formula, in f64: targets, losses and gradients for every number of prompts, power, text and picture of the golden.
 * The guard is off: these goldens hold the formula as it stands, blow-ups included. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "parity.h"
#include "../ops/shape.h"

typedef struct bench { mn_tensor *gammas, *texts, *pictures, *now; int64_t g, t, i, d; } bench;

static mn_tensor *row(mn_tensor *x, int64_t i) { return mn_view(x, 2, (int64_t[]){1, x->shape[1]}, i * x->shape[1]); }
static void store(mn_tensor *to, int64_t at, mn_tensor *from) {
    if (to && from) memcpy((double *)to->data + at, from->data, (size_t)from->n * sizeof(double));
}
static mn_tensor *cosine(mn_tensor *a, mn_tensor *b) {
    mn_tensor *ab = mn_call(sum, T(mn_call(mul, T(a, b)))), *aa = mn_call(sum, T(mn_call(square, T(a)))), *bb = mn_call(sum, T(mn_call(square, T(b))));
    return mn_call(mul, T(ab, mn_call(rsqrt, T(mn_call(mul, T(aa, bb))))));
}

/* loss = -cos(e'_I, target), and the gradient to e'_I for the first picture. */
static mn_status score(bench *b, mn_tensor *target, int64_t i, double *loss, double *grad) {
    mn_tensor *now = mn_param(mn_clone(row(b->now, i))), *l = mn_call(neg, T(cosine(now, target)));
    if (!l || mn_backward(l, NULL)) return mn_errcode();
    *loss = mn_item(l, 0);
    if (grad) memcpy(grad, mn_grad_of(now)->data, (size_t)b->d * sizeof *grad);
    return MN_OK;
}

/* All powers, texts and pictures for one basis; basis NULL: the plain sum e_I + gamma e_T. */
static mn_status targets(mn_parity *p, bench *b, mn_tensor *basis, double divisor, const char *prefix, const char *target_name) {
    if (!mn_parity_has(p, "%s.%s", prefix, target_name)) return mn_errcode();
    mn_tensor *all = mn_empty(MN_F64, MN_DIMS(b->g, b->t, b->i, b->d)), *losses = mn_empty(MN_F64, MN_DIMS(b->g, b->t, b->i)), *grads = mn_empty(MN_F64, MN_DIMS(b->g, b->t, b->d));
    for (int64_t k = 0; grads && k < b->g * b->t && !mn_errcode(); k++) {
        mn_tensor *text = row(b->texts, k % b->t);
        double gamma = ((const double *)b->gammas->data)[k / b->t];
        mn_tensor *y = basis ? mn_call(project_target, T(b->pictures, text, basis), {"gamma", gamma}, {"guard", -1}, {"divisor", divisor})
                             : mn_call(add, T(b->pictures, mn_call(affine, T(text), {"scale", gamma})));
        store(all, k * b->i * b->d, y);
        for (int64_t i = 0; y && i < b->i; i++)
            score(b, row(y, i), i, (double *)losses->data + k * b->i + i, i ? NULL : (double *)grads->data + k * b->d);
    }
    mn_parity_put(p, all, "%s.%s", prefix, target_name);
    mn_parity_put(p, losses, "%s.loss", prefix);
    return mn_parity_put(p, grads, "%s.grad_first_image", prefix);
}

/* loss = -cos(e'_I B, e_T B): both in the coordinates of the subspace. */
static mn_status direct(mn_parity *p, bench *b, mn_tensor *basis, const char *prefix) {
    if (!basis || !mn_parity_has(p, "%s.target", prefix)) return mn_errcode();
    int64_t k = basis->shape[0];
    mn_tensor *all = mn_empty(MN_F64, MN_DIMS(b->t, b->i, k)), *losses = mn_empty(MN_F64, MN_DIMS(b->t, b->i)), *grads = mn_empty(MN_F64, MN_DIMS(b->t, b->d));
    for (int64_t t = 0; grads && t < b->t && !mn_errcode(); t++)
        for (int64_t i = 0; i < b->i && !mn_errcode(); i++) {
            mn_tensor *y = mn_call(linear, T(row(b->texts, t), basis)), *now = mn_param(mn_clone(row(b->now, i)));
            mn_tensor *l = mn_call(neg, T(cosine(mn_call(linear, T(now, basis)), y)));
            if (!l || mn_backward(l, NULL)) break;
            store(all, (t * b->i + i) * k, y);
            store(losses, t * b->i + i, l);
            if (!i) store(grads, t * b->d, mn_grad_of(now));
        }
    mn_parity_put(p, all, "%s.target", prefix);
    mn_parity_put(p, losses, "%s.loss", prefix);
    mn_parity_put(p, grads, "%s.grad_first_image", prefix);
    return mn_parity_put(p, mn_permute(basis, 2, (int[]){1, 0}), "%s.space", prefix);
}

static mn_status coordinates(mn_parity *p, bench *b, mn_tensor *basis, const char *prefix) {
    mn_tensor *c = mn_call(linear, T(b->pictures, basis)), *d = mn_call(linear, T(b->texts, basis)), *projected = mn_call(matmul, T(c, basis));
    mn_parity_put(p, projected, "%s.projected", prefix);
    mn_parity_put(p, mn_call(sub, T(b->pictures, projected)), "%s.residual", prefix);
    mn_parity_put(p, c, "%s.c", prefix);
    mn_parity_put(p, d, "%s.d", prefix);
    return mn_parity_put(p, mn_call(sum, T(d), {"axis", 1}), "%s.sum_d", prefix);
}

static mn_status prompts(mn_parity *p, bench *b, int n) {
    char name[64];
    mn_tensor *unit = mn_parity_need(p, MN_F64, 2, "n%d.texts", n), *gs[2] = {NULL};
    b->texts = mn_parity_need(p, MN_F64, 2, "n%d.e_T", n);
    b->pictures = mn_parity_need(p, MN_F64, 2, "n%d.e_I", n);
    b->now = mn_parity_need(p, MN_F64, 2, "n%d.e_I_now", n);
    if (mn_errcode()) return mn_errcode();
    if (!mn_same_shape(b->pictures, b->now)) return mn_fail(MN_ESHAPE, "n%d.e_I_now: %s expected, got %s", n, mn_shape_text(b->pictures), mn_shape_text(b->now));
    b->g = b->gammas->n; b->t = b->texts->shape[0]; b->i = b->pictures->shape[0]; b->d = b->pictures->shape[1];
    if (mn_calln(gs, gram_schmidt, T(unit))) return mn_errcode();
    mn_tensor *svd = mn_parity_in(p, MN_F64, 2, "n%d.svd.basis", n), *pca = mn_parity_in(p, MN_F64, 2, "n%d.official.pca_basis", n);
    mn_parity_put(p, gs[0], "n%d.qr.basis", n);
    mn_parity_put(p, gs[1], "n%d.qr.kept", n);
    mn_parity_put(p, gs[0], "n%d.official.gs_basis", n);
    struct { mn_tensor *basis; double divisor; const char *prefix, *target; } cases[] = {
        {gs[0], 0, "qr", "augmented"}, {svd, 0, "svd", "augmented"}, {gs[0], 0, "official.paeGS+", "target"}, {pca, 0, "official.paePCA+", "target"},
        {unit, 1, "official.pae+", "target"}, {NULL, 0, "official.pae", "target"}};
    for (int k = 0; k < 6; k++) {
        snprintf(name, sizeof name, "n%d.%s", n, cases[k].prefix);
        if (k < 2 && cases[k].basis) coordinates(p, b, cases[k].basis, name);
        if (k == 5 || cases[k].basis) targets(p, b, cases[k].basis, cases[k].divisor, name, cases[k].target);
    }
    snprintf(name, sizeof name, "n%d.official.dpeGS", n);
    direct(p, b, gs[0], name);
    snprintf(name, sizeof name, "n%d.official.dpePCA", n);
    return direct(p, b, pca, name);
}

static mn_status run(mn_parity *p, mn_model *m) {
    (void)m;
    bench b = {.gammas = mn_parity_need(p, MN_F64, 1, "gammas")};
    int at = 0;
    for (const char *size; !mn_errcode() && (size = mn_parity_between(p, &at, "n", ".texts"));) {
        mn_scope scope = mn_scope_open();
        prompts(p, &b, atoi(size));
        mn_scope_close(scope);
    }
    return mn_errcode();
}

/* SVD and PCA are given: their bases are other people's choice of directions. */
static const char *const inputs[] = {"gammas", "*.texts_raw", "*.texts", "*.e_T", "*.e_I", "*.e_I_now", "*.svd.basis", "*.svd.singular_values", "*.pca_basis",
                                     "*.pca_exact_basis", "*.pca_exact_variance", NULL};
static const mn_parity_bar bars[] = {{"*.kept", 0}, {"*", 1e-9}, {0}};
const mn_parity_kind mn_parity_projection = {"projection", false, inputs, bars, run};
