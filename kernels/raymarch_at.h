/* raymarch_at.h -- compositing along a ray (EG3D's mid-point march, as Next3D publishes it).
 * Over the D-1 intervals k between samples, with plain averages of neighbours:
 *     dens = softplus(sigma_mid - 1),  a_k = 1 - exp(-dens (t[k+1] - t[k]))
 *     T_k = prod_{l<k} f_l,  f_l = 1 - a_l + 1e-10,  w_k = a_k T_k
 *     out = 2 sum_k w_k c_mid - 1,  depth = sum w t_mid / sum w
 * depth is +inf where nothing absorbs, then limited to the range of all depths.
 *
 * Backward: with G_k = d loss / d w_k and S_k = sum_{j>k} G_j a_j prod_{k<l<j} f_l,
 *     d loss / d a_k = T_k (G_k - S_k),   S_{k-1} = G_k a_k + f_k S_k
 * (no division by f, which may be tiny).  The limits on depth pass no gradient. */
#ifndef K_RAYMARCH_AT_H
#define K_RAYMARCH_AT_H
#include "k.h"
#include "raymarch.h"

/* The samples of one ray; the colours of two samples are rgb_step numbers apart. */
struct k_ray {
    const real *sigma, *rgb, *t;
    int64_t rgb_step, d, c;
};

/* a and, for the backward pass, the density of every interval: apart from the running product, so that it becomes vector code. */
K_FN void intervals(const struct k_ray *r, real *__restrict__ a, real *__restrict__ dens) {
    const real *__restrict__ s = r->sigma, *__restrict__ t = r->t;
    for (int64_t k = 0; k + 1 < r->d; k++) {
        const real e = k_softplus((s[k] + s[k + 1]) / 2 - 1);
        a[k] = 1 - k_exp(-e * (t[k + 1] - t[k]));
        if (dens) dens[k] = e;
    }
}
/* Weight of sample k in 2 sum w c_mid. */
K_FN real share(const real *w, int64_t k, int64_t d) { return (k > 0 ? w[k - 1] : 0) + (k + 1 < d ? w[k] : 0); }
K_FN real limited(real depth, const real *range) { return depth < range[0] ? range[0] : depth < range[1] ? depth : range[1]; }  /* NaN becomes range[1] */

/* out [c], *depth and w [d-1]. */
K_FN void ray_forward(const struct k_ray *r, const real *range, real *__restrict__ out, real *depth, real *w) {
    const int64_t d = r->d, c = r->c;
    real through = 1, sum = 0, far = 0;
    intervals(r, w, 0);
    for (int64_t k = 0; k + 1 < d; k++) {
        const real a = w[k];
        w[k] = a * through;
        through *= 1 - a + (real)1e-10;
        sum += w[k];
        far += w[k] * ((r->t[k] + r->t[k + 1]) / 2);
    }
    for (int64_t j = 0; j < c; j++) out[j] = -1;
    for (int64_t k = 0; k < d; k++) {
        const real v = share(w, k, d), *__restrict__ q = r->rgb + k * r->rgb_step;
        for (int64_t j = 0; j < c; j++) out[j] += v * q[j];
    }
    *depth = limited(far / sum, range);
}

/* Gradients of the three outputs (NULL: none) in; gradients of the samples out, added to: dsigma [d],
 * drgb with the ray's step, dt [d]; NULL where not wanted.  d at most K_RAYMARCH_MAX. */
K_FN void ray_backward(const struct k_ray *r, const real *range, const real *__restrict__ dout, const real *ddepth, const real *dweights,
                       real *dsigma, real *drgb, real *dt) {
    const int64_t d = r->d, c = r->c;
    const real *t = r->t;
    real w[K_RAYMARCH_MAX], dw[K_RAYMARCH_MAX], a[K_RAYMARCH_MAX], dens[K_RAYMARCH_MAX], trans[K_RAYMARCH_MAX], slope[K_RAYMARCH_MAX];
    real through = 1, sum = 0, far = 0;
    intervals(r, a, dens);
    for (int64_t k = 0; k + 1 < d; k++) {
        trans[k] = through;
        w[k] = a[k] * through;
        through *= 1 - a[k] + (real)1e-10;
        sum += w[k];
        far += w[k] * ((t[k] + t[k + 1]) / 2);
        dw[k] = dweights ? dweights[k] : 0;
    }
    for (int64_t k = 0; dout && k < d; k++) {
        const real v = share(w, k, d), *__restrict__ q = r->rgb + k * r->rgb_step;
        real dot = 0;
        #pragma omp simd reduction(+: dot)
        for (int64_t j = 0; j < c; j++) dot += dout[j] * q[j];
        if (k > 0) dw[k - 1] += dot;
        if (k + 1 < d) dw[k] += dot;
        if (drgb) {
            real *__restrict__ dq = drgb + k * r->rgb_step;
            for (int64_t j = 0; j < c; j++) dq[j] += v * dout[j];
        }
    }
    const real depth = far / sum;
    const real gd = ddepth && depth >= range[0] && depth <= range[1] ? *ddepth / sum : 0;
    if (gd != 0) for (int64_t k = 0; k + 1 < d; k++) dw[k] += gd * ((t[k] + t[k + 1]) / 2 - depth);
    const real *s = r->sigma;
    if (dsigma) for (int64_t k = 0; k + 1 < d; k++) slope[k] = k_sigmoid((s[k] + s[k + 1]) / 2 - 1) / 2;
    real later = 0;
    for (int64_t k = d - 2; k >= 0; k--) {
        const real length = t[k + 1] - t[k], da = trans[k] * (dw[k] - later), keep = 1 - a[k];
        later = dw[k] * a[k] + (keep + (real)1e-10) * later;
        if (dsigma) {
            const real g = da * keep * length * slope[k];
            dsigma[k] += g;
            dsigma[k + 1] += g;
        }
        if (dt) {
            const real g = da * keep * dens[k], h = gd * w[k] / 2;
            dt[k] += h - g;
            dt[k + 1] += h + g;
        }
    }
}
#endif
