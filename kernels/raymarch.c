/* raymarch.c -- compositing along a ray (EG3D's mid-point march, as Next3D publishes it).
 * Over the D-1 intervals k between samples, with plain averages of neighbours:
 *     dens = softplus(sigma_mid - 1),  a_k = 1 - exp(-dens (t[k+1] - t[k]))
 *     T_k = prod_{l<k} f_l,  f_l = 1 - a_l + 1e-10,  w_k = a_k T_k
 *     out = 2 sum_k w_k c_mid - 1,  depth = sum w t_mid / sum w
 * depth is +inf where nothing absorbs, then limited to the range of all depths.
 *
 * Backward: with G_k = d loss / d w_k and S_k = sum_{j>k} G_j a_j prod_{k<l<j} f_l,
 *     d loss / d a_k = T_k (G_k - S_k),   S_{k-1} = G_k a_k + f_k S_k
 * (no division by f, which may be tiny).  The limits on depth pass no gradient. */
#include "k.h"
#include "raymarch.h"

KERNEL_ROWS(depth_range) {
    const real *t = (const real *)p->depths;
    real lo = i == 0 ? t[0] : 0, hi = lo;
#ifndef __CUDACC__
    #pragma omp simd reduction(min: lo) reduction(max: hi)
#endif
    K_LOOP(j, p->count) {
        lo = t[j] < lo ? t[j] : lo;
        hi = t[j] > hi ? t[j] : hi;
    }
    const real least = -(real)K_MAX(-lo), most = (real)K_MAX(hi);
    if (K_FIRST) {
        ((real *)p->range)[0] = least;
        ((real *)p->range)[1] = most;
    }
}

/* Density behind sigma_mid and how a follows from it, for interval k. */
K_FN real interval(const real *s, const real *t, int64_t k, real *dens, real *length) {
    *dens = k_softplus((s[k] + s[k + 1]) / 2 - 1);
    *length = t[k + 1] - t[k];
    return 1 - k_exp(-*dens * *length);
}

KERNEL_HEAVY(raymarch_fwd) {
    const int64_t d = p->d, c = p->c;
    const real *s = (const real *)p->sigma + i * d, *t = (const real *)p->depths + i * d, *rgb = (const real *)p->rgb + i * d * c;
    real *__restrict__ out = (real *)p->out + i * c, *w = (real *)p->weights + i * (d - 1);
    real through = 1, sum = 0, far = 0;
    for (int64_t k = 0; k + 1 < d; k++) {
        real dens, length;
        const real a = interval(s, t, k, &dens, &length);
        w[k] = a * through;
        through *= 1 - a + (real)1e-10;
        sum += w[k];
        far += w[k] * ((t[k] + t[k + 1]) / 2);
    }
    for (int64_t j = 0; j < c; j++) out[j] = -1;
    for (int64_t k = 0; k < d; k++) {        /* 2 sum w c_mid, gathered by sample */
        const real v = (k > 0 ? w[k - 1] : 0) + (k + 1 < d ? w[k] : 0);
        const real *__restrict__ q = rgb + k * c;
        for (int64_t j = 0; j < c; j++) out[j] += v * q[j];
    }
    const real lo = ((const real *)p->range)[0], hi = ((const real *)p->range)[1], depth = far / sum;
    ((real *)p->depth)[i] = depth < lo ? lo : depth < hi ? depth : hi;     /* NaN becomes hi */
}

KERNEL_HEAVY(raymarch_bwd) {
    const int64_t d = p->d, c = p->c;
    const real *s = (const real *)p->sigma + i * d, *t = (const real *)p->depths + i * d, *rgb = (const real *)p->rgb + i * d * c;
    real w[K_RAYMARCH_MAX], dw[K_RAYMARCH_MAX], a[K_RAYMARCH_MAX], dens[K_RAYMARCH_MAX], trans[K_RAYMARCH_MAX];
    real through = 1, sum = 0, far = 0;
    if (d > K_RAYMARCH_MAX) return;
    for (int64_t k = 0; k + 1 < d; k++) {
        real length;
        a[k] = interval(s, t, k, &dens[k], &length);
        trans[k] = through;
        w[k] = a[k] * through;
        through *= 1 - a[k] + (real)1e-10;
        sum += w[k];
        far += w[k] * ((t[k] + t[k + 1]) / 2);
    }
    for (int64_t k = 0; k + 1 < d; k++) dw[k] = p->dweights ? ((const real *)p->dweights)[i * (d - 1) + k] : 0;
    if (p->dout) {
        const real *__restrict__ g = (const real *)p->dout + i * c;
        for (int64_t k = 0; k < d; k++) {
            const real v = (k > 0 ? w[k - 1] : 0) + (k + 1 < d ? w[k] : 0);
            const real *__restrict__ q = rgb + k * c;
            real dot = 0;
            #pragma omp simd reduction(+: dot)
            for (int64_t j = 0; j < c; j++) dot += g[j] * q[j];
            if (k > 0) dw[k - 1] += dot;
            if (k + 1 < d) dw[k] += dot;
            if (p->drgb) {
                real *__restrict__ dq = (real *)p->drgb + (i * d + k) * c;
                for (int64_t j = 0; j < c; j++) dq[j] += v * g[j];
            }
        }
    }
    const real lo = ((const real *)p->range)[0], hi = ((const real *)p->range)[1], depth = far / sum;
    const real gd = p->ddepth && depth >= lo && depth <= hi ? ((const real *)p->ddepth)[i] / sum : 0;
    if (gd != 0) for (int64_t k = 0; k + 1 < d; k++) dw[k] += gd * ((t[k] + t[k + 1]) / 2 - depth);
    real *ds = p->dsigma ? (real *)p->dsigma + i * d : 0, *dt = p->ddepths ? (real *)p->ddepths + i * d : 0;
    real later = 0;
    for (int64_t k = d - 2; k >= 0; k--) {
        const real length = t[k + 1] - t[k], da = trans[k] * (dw[k] - later), keep = 1 - a[k];
        later = dw[k] * a[k] + (keep + (real)1e-10) * later;
        if (ds) {
            const real x = (s[k] + s[k + 1]) / 2 - 1, g = da * keep * length * (x > 20 ? 1 : k_sigmoid(x)) / 2;
            ds[k] += g;
            ds[k + 1] += g;
        }
        if (dt) {
            const real g = da * keep * dens[k], h = gd * w[k] / 2;
            dt[k] += h - g;
            dt[k + 1] += h + g;
        }
    }
}
