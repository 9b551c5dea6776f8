/* optim.c -- Adam (Kingma & Ba 2015) with bias correction, decoupled weight decay
 * (Loshchilov & Hutter 2019) and clipping of the global gradient norm; EMA of weights.
 *     m = b1 m + (1-b1) g,  v = b2 v + (1-b2) g^2,
 *     x -= lr ( m/(1-b1^t) / (sqrt(v/(1-b2^t)) + eps) + weight_decay x )
 * A parameter without a gradient this step is left alone, moments included. */
#include <math.h>
#include <stdlib.h>
#include "internal.h"

struct mn_adam {
    int n;
    mn_tensor **params, **m, **v;
    mn_adam_options options;
    int64_t count;
};

void mn_adam_free(mn_adam *adam) {
    if (!adam) return;
    for (int i = 0; i < adam->n; i++) {
        if (adam->params) mn_release(adam->params[i]);
        if (adam->m) mn_release(adam->m[i]);
        if (adam->v) mn_release(adam->v[i]);
    }
    free(adam->params); free(adam->m); free(adam->v); free(adam);
}

mn_adam *mn_adam_new(mn_tensor *const *params, int n, const mn_adam_options *options) {
    if (!(options->beta1 >= 0 && options->beta1 < 1 && options->beta2 >= 0 && options->beta2 < 1 && options->eps > 0)) {
        mn_fail(MN_EARG, "adam: beta1 and beta2 in [0,1) and eps > 0 expected, got %g, %g, %g", options->beta1, options->beta2, options->eps);
        return NULL;
    }
    mn_adam *adam = calloc(1, sizeof *adam);
    if (!adam) { mn_fail(MN_ENOMEM, "adam: out of memory"); return NULL; }
    size_t slots = (size_t)(n ? n : 1);
    adam->n = n;
    adam->options = *options;
    adam->params = calloc(slots, sizeof *adam->params);
    adam->m = calloc(slots, sizeof *adam->m);
    adam->v = calloc(slots, sizeof *adam->v);
    mn_scope scope = mn_scope_open();
    for (int i = 0; i < n && adam->params && adam->m && adam->v; i++) {
        mn_tensor *p = params[i];
        if (!p || !p->wants_grad || p->dtype != MN_F32) {
            mn_fail(MN_EARG, "adam: parameter %d: an f32 tensor that wants a gradient expected", i + 1);
            break;
        }
        adam->params[i] = mn_retain(p);
        if ((adam->m[i] = mn_zeros(MN_F32, p->nd, p->shape))) mn_retain(adam->m[i]);
        if ((adam->v[i] = mn_zeros(MN_F32, p->nd, p->shape))) mn_retain(adam->v[i]);
    }
    mn_scope_close(scope);
    if (!adam->params || !adam->m || !adam->v) mn_fail(MN_ENOMEM, "adam: out of memory");
    if (mn_errcode()) { mn_adam_free(adam); return NULL; }
    return adam;
}

mn_status mn_adam_step(mn_adam *adam, double lr, double *grad_norm) {
    const mn_adam_options o = adam->options;
    if (mn_errcode()) return mn_errcode();
    double norm2 = 0;
    for (int i = 0; i < adam->n; i++) {
        mn_tensor *g = adam->params[i]->grad;
        if (!g) continue;
        const float *x = g->data;
        double sum = 0;
        for (int64_t k = 0; k < g->n; k++) sum += (double)x[k] * x[k];
        norm2 += sum;
    }
    double norm = sqrt(norm2);
    if (grad_norm) *grad_norm = norm;
    if (!isfinite(norm)) {
        for (int i = 0; i < adam->n; i++) mn_grad_zero(adam->params[i]);
        return mn_fail(MN_EARG, "adam: the gradient is not finite; the step was not taken");
    }
    if (lr < 0) lr = o.lr;
    adam->count++;
    float clip = o.clip > 0 && norm > o.clip ? (float)(o.clip / norm) : 1;
    float b1 = (float)o.beta1, b2 = (float)o.beta2, decay = (float)(lr * o.weight_decay), eps = (float)o.eps;
    float step = (float)(lr / (1 - pow(o.beta1, (double)adam->count)));
    float root = (float)(1 / sqrt(1 - pow(o.beta2, (double)adam->count)));
    for (int i = 0; i < adam->n; i++) {
        mn_tensor *p = adam->params[i];
        if (!p->grad) continue;
        float *x = p->data, *m = adam->m[i]->data, *v = adam->v[i]->data;
        const float *g = p->grad->data;
        int64_t n = p->n;
        #pragma omp parallel for simd if (n > 65536)
        for (int64_t k = 0; k < n; k++) {
            float gk = g[k] * clip;
            m[k] = b1 * m[k] + (1 - b1) * gk;
            v[k] = b2 * v[k] + (1 - b2) * gk * gk;
            x[k] -= step * m[k] / (sqrtf(v[k]) * root + eps) + decay * x[k];
        }
        mn_grad_zero(p);
    }
    return MN_OK;
}

mn_tensor *mn_adam_state(mn_adam *adam, int i, int which) {
    if (i < 0 || i >= adam->n) { mn_fail(MN_EARG, "adam: parameter %d of %d", i + 1, adam->n); return NULL; }
    return which ? adam->v[i] : adam->m[i];
}
int64_t mn_adam_count(const mn_adam *adam) { return adam->count; }
void mn_adam_set_count(mn_adam *adam, int64_t count) { adam->count = count; }

mn_status mn_ema_update(mn_tensor *ema, mn_tensor *t, double decay) {
    if (ema->n != t->n || ema->dtype != MN_F32 || t->dtype != MN_F32)
        return mn_fail(MN_ESHAPE, "ema: two f32 tensors of one shape expected, got %s and %s", mn_shape_text(ema), mn_shape_text(t));
    float *e = ema->data, d = (float)decay;
    const float *x = t->data;
    for (int64_t i = 0; i < t->n; i++) e[i] = d * e[i] + (1 - d) * x[i];
    return MN_OK;
}
