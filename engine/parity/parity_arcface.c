/* parity_arcface.c -- IR-SE50 against published numbers: steps, embeddings, the identity loss and its gradients.
 * Goldens hold every 16th channel of the maps, and of large maps every 4th or 8th row and column. */
#include "parity.h"
#include "../ops/shape.h"

static void keep(void *p, const char *name, mn_tensor *t) {
    int64_t side = t->nd == 4 ? t->shape[2] : 0, step = side > 56 ? 8 : side > 14 ? 4 : 1;
    mn_parity_put(p, t->nd == 4 ? mn_parity_every(t, (int64_t[]){1, 16, step, step}) : t, "%s", name);
}

static mn_tensor *embed(mn_model *m, const char *method, mn_tensor *x) {
    mn_tensor *y = NULL;
    mn_parity_call(m, method, &x, &y);
    return y;
}
static mn_tensor *part(mn_tensor *x, int64_t i) {
    return x ? mn_view(x, 4, (int64_t[]){1, x->shape[1], x->shape[2], x->shape[3]}, i * (x->n / x->shape[0])) : NULL;
}
static mn_tensor *dot(mn_tensor *a, mn_tensor *b) { return mn_reshape(mn_call(sum, T(mn_call(mul, T(a, b)))), 1, (int64_t[]){1}); }

/* Crops of 112: embeddings, their cosine, its gradient to both pictures. */
static mn_status crops(mn_parity *p, mn_model *m) {
    mn_tensor *x = mn_parity_floats(mn_parity_in(p, MN_U8, 4, "in.x112"), 1 / 127.5, -1);
    if (!x) return mn_errcode();
    mn_param(x);
    mn_parity_listen(keep, p);
    mn_tensor *e = embed(m, "embed", x);
    mn_parity_listen(NULL, NULL);
    mn_parity_put(p, e, "embedding");
    mn_tensor *cos = dot(mn_call(slice, T(e), {"stop", 1}), mn_call(slice, T(e), {"start", 1}));
    mn_parity_put(p, cos, "cos");
    return mn_backward(cos, NULL) ? mn_errcode() : mn_parity_put(p, mn_grad_of(x), "grad_cos_x112");
}

/* Whole pictures, hat = first, ref = second: 1 - <f(hat), f(ref)>; names start with `name`. */
static mn_status identity(mn_parity *p, mn_model *m, const char *input, const char *name) {
    mn_tensor *x = mn_parity_floats(mn_parity_in(p, MN_U8, 4, "%s", input), 1 / 127.5, -1);
    if (!x) return mn_errcode();
    mn_tensor *hat = mn_param(mn_clone(part(x, 0))), *crop = embed(m, "prepare", hat), *f = embed(m, "embed", crop);
    mn_tensor *ref = mn_detach(embed(m, "embed", embed(m, "prepare", part(x, 1))));
    mn_tensor *loss = mn_call(affine, T(dot(f, ref)), {"scale", -1}, {"shift", 1});
    mn_parity_put(p, mn_parity_every(crop, (int64_t[]){1, 1, 7, 7}), "%scrop112", name);
    mn_parity_put(p, f, "%sfeat_hat", name);
    mn_parity_put(p, ref, "%sfeat", name);
    mn_parity_put(p, loss, "%sloss", name);
    if (mn_backward(loss, NULL)) return mn_errcode();
    mn_tensor *g = mn_grad_of(hat);
    mn_parity_put(p, g, "%sgrad", name);
    mn_tensor *norm = mn_call(sqrt, T(dot(g, g)));
    mn_parity_put(p, norm, "%sgrad_norm", name);
    /* [:, :, 3::16, 5::16] */
    mn_tensor *cut = mn_call(crop2d, T(g), {"y0", 3}, {"y1", g->shape[2]}, {"x0", 5}, {"x1", g->shape[3]});
    return mn_parity_put(p, mn_parity_every(cut, (int64_t[]){1, 1, 16, 16}), "%sgrad_strided", name);
}

static mn_status run(mn_parity *p, mn_model *m) {
    if (crops(p, m)) return mn_errcode();
    /* the smooth goldens have only this picture pair, without a prefix */
    if (identity(p, m, "in.y256", mn_parity_has(p, "id256_loss") ? "id256_" : "")) return mn_errcode();
    return identity(p, m, "in.z512", "id512_");
}

/* Of millions of PReLU inputs one or so lands on the other side of 0 for any f32 summation order, which moves gradients
 * by up to 1e-2; the smooth goldens (all slopes 1) have no such kink and name their gradient plainly `grad`. */
static const mn_parity_bar bars[] = {{"grad", 1e-4}, {"*grad*", 2e-2}, {"*", 1e-5}, {0}};
static const char *const inputs[] = {"in.*", NULL};
const mn_parity_kind mn_parity_arcface = {"arcface", true, inputs, bars, run};
