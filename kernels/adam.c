/* adam.c -- Adam over all parameters at once: sums of the squared gradient, what follows from them, the update. */
#include "k.h"
#include "adam.h"
#include "simd.h"

KERNEL_ROWS(adam_norm) {
    const struct k_adam_part *part = (const struct k_adam_part *)p->parts + i;
    const real *g = (const real *)part->g;
    k_acc sum = 0;
    K_SIMD_SUM(sum)
    K_LOOP(j, part->n) sum += (k_acc)g[j] * g[j];
    sum = K_SUM(sum);
    if (K_FIRST) ((real *)p->sums)[i] = (real)sum;
}

/* The loss scale doubles after 2000 steps without an overflow and is halved by one. */
KERNEL_ROWS(adam_plan) {
    const real *sums = (const real *)p->sums;
    real *state = (real *)p->state;
    k_acc sum = 0;
    K_LOOP(j, p->parts) sum += sums[j];
    sum = K_SUM(sum);
    if (!K_FIRST || i) return;
    const double scale = (double)state[K_ADAM_SCALE], norm = sqrt((double)sum) / scale;
    const int finite = norm <= 1e300;                    /* false for NaN, too */
    state[K_ADAM_NORM] = (real)norm;
    if (finite) {
        const double count = (double)state[K_ADAM_COUNT] + 1;
        state[K_ADAM_COUNT] = (real)count;
        state[K_ADAM_FACTOR] = (real)((p->clip > 0 && norm > p->clip ? p->clip / norm : 1) / scale);
        state[K_ADAM_STEP] = (real)((double)state[K_ADAM_LR] / (1 - pow(p->beta1, count)));
        state[K_ADAM_ROOT] = (real)(1 / sqrt(1 - pow(p->beta2, count)));
    } else state[K_ADAM_STEP] = -1;
    if (!p->scaling) return;
    state[K_ADAM_LASTED] = finite && state[K_ADAM_LASTED] < 2000 ? state[K_ADAM_LASTED] + 1 : 0;
    if (!finite && scale > 1) state[K_ADAM_SCALE] /= 2;
    else if (finite && state[K_ADAM_LASTED] == 0 && scale < 65536) state[K_ADAM_SCALE] *= 2;
}

KERNEL_ROWS(adam_update) {
    const struct k_adam_part *part = (const struct k_adam_part *)p->parts + i;
    const real *state = (const real *)p->state, *__restrict__ g = (const real *)part->g;
    real *__restrict__ x = (real *)part->x, *__restrict__ m = (real *)part->m, *__restrict__ v = (real *)part->v;
    const real b1 = (real)p->beta1, b2 = (real)p->beta2, eps = (real)p->eps, decay = (real)((double)state[K_ADAM_LR] * part->rate * p->weight_decay);
    const real factor = state[K_ADAM_FACTOR], step = state[K_ADAM_STEP] * (real)part->rate, root = state[K_ADAM_ROOT];
    if (step < 0) return;
    K_LOOP(j, part->n) {
        const real gj = g[j] * factor, mj = b1 * m[j] + (1 - b1) * gj, vj = b2 * v[j] + (1 - b2) * gj * gj;
        m[j] = mj;
        v[j] = vj;
        x[j] -= step * mj / (k_sqrt(vj) * root + eps) + decay * x[j];
    }
}

KERNEL(ema) {
    const real d = (real)p->decay;
    ((real *)p->ema)[i] = d * ((real *)p->ema)[i] + (1 - d) * ((const real *)p->x)[i];
}
