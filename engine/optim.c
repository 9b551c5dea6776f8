/* optim.c -- Adam (Kingma & Ba 2015) with bias correction, decoupled weight decay
 * (Loshchilov & Hutter 2019) and clipping of the global gradient norm; EMA of weights.
 *     m = b1 m + (1-b1) g,  v = b2 v + (1-b2) g^2,
 *     x -= lr ( m/(1-b1^t) / (sqrt(v/(1-b2^t)) + eps) + weight_decay x )
 * Each parameter may have a rate of its own, which multiplies lr.  A parameter without a gradient this step is left alone, moments included.
 * With a loss scale S the gradients are S times too large, which keeps those of half precision from vanishing: they are divided by S,
 * and a step whose gradient overflowed is left out and S halved. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "internal.h"
#include "cuda/cuda.h"
#include "../kernels/adam.h"

struct mn_adam {
    int n;
    mn_tensor **params, **m, **v;
    double *rates;                      /* [n] */
    mn_adam_options options;
    mn_tensor *state;                   /* [K_ADAM_STATE], beside the parameters */
    mn_device device;
    bool scaling;
};

void mn_adam_free(mn_adam *adam) {
    if (!adam) return;
    for (int i = 0; i < adam->n; i++) {
        if (adam->params) mn_release(adam->params[i]);
        if (adam->m) mn_release(adam->m[i]);
        if (adam->v) mn_release(adam->v[i]);
    }
    mn_release(adam->state);
    free(adam->params); free(adam->m); free(adam->v); free(adam->rates); free(adam);
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
    adam->options.rates = NULL;
    adam->params = calloc(slots, sizeof *adam->params);
    adam->m = calloc(slots, sizeof *adam->m);
    adam->v = calloc(slots, sizeof *adam->v);
    adam->rates = calloc(slots, sizeof *adam->rates);
    mn_scope scope = mn_scope_open();
    const mn_device made = mn_device_use(MN_CPU);
    for (int i = 0; i < n && adam->params && adam->m && adam->v && adam->rates; i++) {
        mn_tensor *p = params[i];
        if (!p || !p->wants_grad || p->dtype != MN_F32) {
            mn_fail(MN_EARG, "adam: parameter %d: an f32 tensor that wants a gradient expected", i + 1);
            break;
        }
        if (i && p->device != adam->device) {
            mn_fail(MN_EDEVICE, "adam: parameter %d is not where the others are", i + 1);
            break;
        }
        adam->rates[i] = options->rates ? options->rates[i] : 1;
        if (!(adam->rates[i] >= 0 && adam->rates[i] <= DBL_MAX)) {
            mn_fail(MN_EARG, "adam: rate %d: a number from 0 on expected, got %g", i + 1, adam->rates[i]);
            break;
        }
        mn_device_use(adam->device = p->device);
        adam->params[i] = mn_retain(p);
        if ((adam->m[i] = mn_zeros(MN_F32, p->nd, p->shape))) mn_retain(adam->m[i]);
        if ((adam->v[i] = mn_zeros(MN_F32, p->nd, p->shape))) mn_retain(adam->v[i]);
    }
    float state[K_ADAM_STATE] = {[K_ADAM_LR] = (float)options->lr, [K_ADAM_SCALE] = 1};
    if ((adam->state = mn_from(MN_F32, 1, (int64_t[]){K_ADAM_STATE}, state))) mn_retain(adam->state);
    mn_device_use(made);
    mn_scope_close(scope);
    if (!adam->params || !adam->m || !adam->v || !adam->rates) mn_fail(MN_ENOMEM, "adam: out of memory");
    if (mn_errcode()) { mn_adam_free(adam); return NULL; }
    return adam;
}

static mn_status set_state(mn_adam *adam, int which, double value) {
    mn_scope scope = mn_scope_open();
    mn_tensor *place = mn_view(adam->state, 1, (int64_t[]){1}, which);
    mn_tensor *number = mn_from(MN_F32, 1, (int64_t[]){1}, &(float){(float)value});
    mn_status s = place && number ? mn_copy(place, number) : mn_errcode();
    mn_scope_close(scope);
    return s;
}

/* The table of parts of the parameters that have a gradient, where they are; its length in *n. */
static mn_tensor *parts(const mn_adam *adam, int64_t *n) {
    *n = 0;
    for (int i = 0; i < adam->n; i++) if (adam->params[i]->grad) *n += (adam->params[i]->n + K_ADAM_PART - 1) / K_ADAM_PART;
    mn_tensor *table = mn_empty_host(MN_U8, 1, (int64_t[]){*n * (int64_t)sizeof(struct k_adam_part)});
    struct k_adam_part *part = table ? table->data : NULL;
    for (int i = 0; table && i < adam->n; i++) {
        const mn_tensor *p = adam->params[i];
        for (int64_t at = 0; p->grad && at < p->n; at += K_ADAM_PART)
            *part++ = (struct k_adam_part){(float *)p->data + at, (float *)adam->m[i]->data + at, (float *)adam->v[i]->data + at, (float *)p->grad->data + at,
                                           p->n - at < K_ADAM_PART ? p->n - at : K_ADAM_PART, adam->rates[i]};
    }
    return mn_to(table, adam->device);
}

static mn_status launches(mn_adam *adam) {
    const mn_adam_options o = adam->options;
    int64_t n;
    mn_tensor *table = parts(adam, &n), *sums = mn_empty(MN_F32, 1, (int64_t[]){n});
    if (!table || !sums) return mn_errcode();
    struct k_adam_norm norm = {.n = n, .parts = table->data, .sums = sums->data};
    struct k_adam_plan plan = {.n = 1, .parts = n, .sums = sums->data, .state = adam->state->data, .beta1 = o.beta1, .beta2 = o.beta2, .clip = o.clip, .scaling = adam->scaling};
    struct k_adam_update update = {.n = n, .parts = table->data, .state = adam->state->data, .beta1 = o.beta1, .beta2 = o.beta2, .eps = o.eps, .weight_decay = o.weight_decay};
    mn_status s = mn_launch_on("adam", adam->device, MN_F32, MN_K_adam_norm, &norm);
    if (!s) s = mn_launch_on("adam", adam->device, MN_F32, MN_K_adam_plan, &plan);
    return s ? s : mn_launch_on("adam", adam->device, MN_F32, MN_K_adam_update, &update);
}

mn_status mn_adam_step(mn_adam *adam, double lr, double *grad_norm) {
    if (mn_errcode()) return mn_errcode();
    if (lr >= 0 && set_state(adam, K_ADAM_LR, lr)) return mn_errcode();
    mn_scope scope = mn_scope_open();
    const mn_device made = mn_device_use(adam->device);
    mn_status s = launches(adam);
    mn_device_use(made);
    mn_scope_close(scope);
    for (int i = 0; i < adam->n; i++) mn_grad_zero(adam->params[i]);
    if (s || !grad_norm) return s;
    *grad_norm = mn_item(adam->state, K_ADAM_NORM);
    if (!mn_errcode() && !isfinite(*grad_norm) && !adam->scaling) mn_fail(MN_EARG, "adam: the gradient is not finite; the step was not taken");
    return mn_errcode();
}

mn_status mn_adam_rate(mn_adam *adam, double lr) { return set_state(adam, K_ADAM_LR, lr); }
mn_tensor *mn_adam_scale(mn_adam *adam, double scale) {
    if (scale >= 1) {
        adam->scaling = true;
        if (set_state(adam, K_ADAM_SCALE, scale)) return NULL;
    }
    return mn_view(adam->state, 1, (int64_t[]){1}, K_ADAM_SCALE);
}

mn_tensor *mn_adam_state(mn_adam *adam, int i, int which) {
    if (i < 0 || i >= adam->n) { mn_fail(MN_EARG, "adam: parameter %d of %d", i + 1, adam->n); return NULL; }
    return which ? adam->v[i] : adam->m[i];
}
int64_t mn_adam_count(mn_adam *adam) { return (int64_t)mn_item(adam->state, K_ADAM_COUNT); }
mn_status mn_adam_set_count(mn_adam *adam, int64_t count) { return set_state(adam, K_ADAM_COUNT, (double)count); }

mn_status mn_ema_update(mn_tensor *ema, mn_tensor *t, double decay) {
    if (ema->n != t->n || ema->dtype != MN_F32 || t->dtype != MN_F32 || ema->device != t->device)
        return mn_fail(MN_ESHAPE, "ema: two f32 tensors of one shape in one place expected, got %s and %s", mn_shape_text(ema), mn_shape_text(t));
    struct k_ema p = {.n = t->n, .x = t->data, .ema = ema->data, .decay = decay};
    return mn_launch_on("ema", t->device, MN_F32, MN_K_ema, &p);
}
