/* march.h -- the backward pass of the march (formulas: kernels/raymarch_at.h) for a block: threads find what belongs to a sample, and one
 * thread per ray the two recurrences.  Everything of a ray is in the block's memory, nothing in a thread's own. */
#ifndef KC_MARCH_H
#define KC_MARCH_H
#include "../raymarch_at.h"

/* Of one ray: a and, in turn, transmittance and weight of the intervals; dout . colour of the samples; d loss / d a. */
struct k_march { float *alpha, *weight, *dot, *da; };

K_FN float march_density(const float *sigma, int k) { return k_softplus((sigma[k] + sigma[k + 1]) / 2 - 1); }
K_FN float march_alpha(const float *sigma, const float *t, int k) { return 1 - k_exp(-march_density(sigma, k) * (t[k + 1] - t[k])); }

/* alpha and dot in, weight and da out.  Returns d loss / d (weighted depth), 0 where the depth was limited. */
K_FN float march_back(const struct k_march *m, const float *t, int d, const float *range, const float *ddepth, const float *dweights) {
    float through = 1, sum = 0, far = 0, later = 0;
    for (int k = 0; k + 1 < d; k++) {
        const float w = m->alpha[k] * through;
        m->weight[k] = through;
        through *= 1 - m->alpha[k] + 1e-10f;
        sum += w;
        far += w * ((t[k] + t[k + 1]) / 2);
    }
    const float depth = far / sum, gd = ddepth && depth >= range[0] && depth <= range[1] ? *ddepth / sum : 0;
    for (int k = d - 2; k >= 0; k--) {
        const float a = m->alpha[k], before = m->weight[k];
        float g = m->dot[k] + m->dot[k + 1];
        if (dweights) g += dweights[k];
        if (gd != 0) g += gd * ((t[k] + t[k + 1]) / 2 - depth);
        m->da[k] = before * (g - later);
        later = g * a + (1 - a + 1e-10f) * later;
        m->weight[k] = a * before;
    }
    return gd;
}

/* Sample k's gradients: to its density before the softplus, and to its depth. */
K_FN float march_dsigma(const struct k_march *m, const float *sigma, const float *t, int k, int d) {
    float g = 0;
    for (int j = k > 0 ? k - 1 : 0; j <= k && j + 1 < d; j++)
        g += m->da[j] * (1 - m->alpha[j]) * (t[j + 1] - t[j]) * k_sigmoid((sigma[j] + sigma[j + 1]) / 2 - 1) / 2;
    return g;
}
K_FN float march_dt(const struct k_march *m, const float *sigma, float gd, int k, int d) {
    float g = 0;
    for (int j = k > 0 ? k - 1 : 0; j <= k && j + 1 < d; j++) {
        const float v = m->da[j] * (1 - m->alpha[j]) * march_density(sigma, j);
        g += gd * m->weight[j] / 2 + (j < k ? v : -v);
    }
    return g;
}
#endif
