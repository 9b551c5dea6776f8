/* attention.c -- softmax(q k^T / sqrt(d)) v per head, plain version with the probabilities in memory.
 * The reference for kernels/tuned/attention_heads.c, and what f64 and devices without a tuned version run. */
#include "k.h"
#include "attention.h"

KERNEL_ROWS(attention_probs) {
    const int64_t l = i % p->L, h = i / p->L % p->heads, b = i / (p->L * p->heads), W = p->heads * p->d;
    const int64_t seen = p->causal ? l + 1 : p->M;
    const real *q = (const real *)p->q + (b * p->L + l) * W + h * p->d, *k = (const real *)p->k + b * p->M * W + h * p->d;
    real *out = (real *)p->p + i * p->M;
    real top = -(real)1e30;
    K_LOOP(j, seen) {
        k_acc dot = 0;
        for (int64_t c = 0; c < p->d; c++) dot += (k_acc)q[c] * k[j * W + c];
        out[j] = (real)(dot * p->scale);
        if (out[j] > top) top = out[j];
    }
    top = (real)K_MAX(top);
    k_acc sum = 0;
    K_LOOP(j, seen) { out[j] = k_exp(out[j] - top); sum += out[j]; }
    const real inverse = (real)(1 / K_SUM(sum));
    K_LOOP(j, p->M) out[j] = j < seen ? out[j] * inverse : 0;
}

/* dp[j] = dy . v[j];  ds = scale * p (dp - sum p dp) */
KERNEL_ROWS(attention_bwd) {
    const int64_t l = i % p->L, h = i / p->L % p->heads, b = i / (p->L * p->heads), W = p->heads * p->d;
    const real *dy = (const real *)p->dy + (b * p->L + l) * W + h * p->d, *v = (const real *)p->v + b * p->M * W + h * p->d;
    const real *prob = (const real *)p->p + i * p->M;
    real *ds = (real *)p->ds + i * p->M;
    k_acc sum = 0;
    K_LOOP(j, p->M) {
        k_acc dp = 0;
        for (int64_t c = 0; c < p->d; c++) dp += (k_acc)dy[c] * v[j * W + c];
        ds[j] = (real)dp;
        sum += dp * prob[j];
    }
    sum = K_SUM(sum);
    K_LOOP(j, p->M) ds[j] = (real)p->scale * prob[j] * (ds[j] - (real)sum);
}

KERNEL(attention_mix) {
    const int64_t W = p->heads * p->d, c = i % W, t = i / W % p->T, b = i / (W * p->T), h = c / p->d;
    const real *a = (const real *)p->a + (b * p->heads + h) * p->T * p->S + (p->swapped ? t : t * p->S);
    const int64_t step = p->swapped ? p->T : 1;
    const real *x = (const real *)p->x + b * p->S * W + c;
    k_acc sum = 0;
    for (int64_t s = 0; s < p->S; s++) sum += (k_acc)a[s * step] * x[s * W];
    real *out = (real *)p->out + i;
    *out = p->add ? *out + (real)sum : (real)sum;
}
