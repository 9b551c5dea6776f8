/* rays.c -- camera rays, and the depths at which they are sampled (EG3D's scheme as
 * Next3D publishes it, its two off-by-one bins included).
 *
 * Ray (i,j) of R x R: x = (j+.5)/R, y = (i+.5)/R; through the intrinsics
 *     xl = (x - cx + cy sk/fy - sk y/fy)/fx, yl = (y - cy)/fy
 * the point (xl, yl, 1) in camera space is moved to the world; the direction is unit.
 *
 * Importance depths draw from the coarse weights w[0..D-2] smoothed by
 *     m[k] = max(w[k-1], w[k]),  s[k] = (m[k] + m[k+1])/2 + 0.01
 * through the inverse of the cdf of s[1..D-3]; bin k reaches from b[k] to b[k+1],
 * b[k] = (t[k]+t[k+1])/2, although its probability belongs to interval k+1. */
#include "k.h"
#include "rays.h"

KERNEL(rays) {
    const int64_t res = p->res, ray = i % (res * res);
    const real *m = (const real *)p->cam + i / (res * res) * 25, *q = m + 16;
    const real fx = q[0], sk = q[1], cx = q[2], fy = q[4], cy = q[5];
    const real x = ((real)(ray % res) + (real)0.5) / (real)res, y = ((real)(ray / res) + (real)0.5) / (real)res;
    const real xl = (x - cx + cy * sk / fy - sk * y / fy) / fx, yl = (y - cy) / fy;
    real d[3], len = 0;
    for (int r = 0; r < 3; r++) {
        d[r] = m[4 * r] * xl + m[4 * r + 1] * yl + m[4 * r + 2];
        len += d[r] * d[r];
    }
    len = k_sqrt(len);
    for (int r = 0; r < 3; r++) {
        ((real *)p->origins)[3 * i + r] = m[4 * r + 3];
        ((real *)p->dirs)[3 * i + r] = d[r] / (len > 0 ? len : 1);
    }
}

KERNEL_HEAVY(depths_coarse) {
    const int64_t n = p->steps;
    const real first = (real)p->first, last = (real)p->last, step = n > 1 ? (last - first) / (real)(n - 1) : 0;
    const real jitter = n > 1 ? (real)((p->last - p->first) / (double)(n - 1)) : 0;
    real *out = (real *)p->out + i * n;
    for (int64_t k = 0; k < n; k++) {
        const real u = p->u ? ((const real *)p->u)[i * n + k] : (real)0.5;
        const real t = k < n / 2 ? first + step * (real)k : last - step * (real)(n - 1 - k);     /* torch's linspace */
        out[k] = t + u * jitter;
    }
}

/* s[k], k = 0..d-2, from the weights. */
K_FN real smoothed(const real *w, int64_t k, int64_t d) {
    const real m0 = k > 0 && w[k - 1] > w[k] ? w[k - 1] : w[k];
    const real m1 = k + 1 < d - 1 && w[k + 1] > w[k] ? w[k + 1] : w[k];
    return (m0 + m1) / 2 + (real)0.01;
}

KERNEL_HEAVY(depths_importance) {
    const int64_t d = p->d, bins = d - 3;
    const real *w = (const real *)p->weights + i * (d - 1), *t = (const real *)p->depths + i * d;
    real *out = (real *)p->out + i * p->steps;
    real cdf[K_DEPTHS_MAX], sum = 0;                         /* [bins + 1] */
    if (d > K_DEPTHS_MAX) return;
    for (int64_t k = 0; k < bins; k++) sum += cdf[k + 1] = smoothed(w, k + 1, d) + (real)1e-5;
    cdf[0] = 0;
    for (int64_t k = 0; k < bins; k++) cdf[k + 1] = cdf[k] + cdf[k + 1] / sum;
    for (int64_t q = 0; q < p->steps; q++) {
        const real u = p->u ? ((const real *)p->u)[i * p->steps + q] : ((real)q + (real)0.5) / (real)p->steps;
        int64_t lo = 0;                                      /* the last entry <= u */
        while (lo < bins && cdf[lo + 1] <= u) lo++;
        const int64_t hi = lo < bins ? lo + 1 : bins;
        const real blo = (t[lo] + t[lo + 1]) / 2, bhi = (t[hi] + t[hi + 1]) / 2;
        real den = cdf[hi] - cdf[lo];
        if (den < (real)1e-5) den = 1;
        out[q] = blo + (u - cdf[lo]) / den * (bhi - blo);
    }
}

/* Depths and order of a, then b, by insertion: both lists arrive nearly sorted.  Equal depths keep their order. */
KERNEL_HEAVY(depths_merge) {
    const int64_t da = p->da, n = da + p->db;
    real *out = (real *)p->out + i * n;
    int32_t *order = p->order + i * n;
    for (int64_t k = 0; k < n; k++) {
        const real v = k < da ? ((const real *)p->a)[i * da + k] : ((const real *)p->b)[i * p->db + k - da];
        int64_t at = k;
        for (; at > 0 && out[at - 1] > v; at--) {
            out[at] = out[at - 1];
            order[at] = order[at - 1];
        }
        out[at] = v;
        order[at] = (int32_t)k;
    }
}

KERNEL_HEAVY(merge_samples) {
    const int64_t n = p->da + p->db, c = p->c;
    for (int64_t k = 0; k < n; k++) {
        const int64_t from = p->order[i * n + k];
        real *__restrict__ out = (real *)p->out + (i * n + k) * c;
        if (from < 0 || from >= n) {
            for (int64_t j = 0; j < c; j++) out[j] = 0;
            continue;
        }
        const real *in = from < p->da ? (const real *)p->a + (i * p->da + from) * c : (const real *)p->b + (i * p->db + from - p->da) * c;
        for (int64_t j = 0; j < c; j++) out[j] = in[j];
    }
}

KERNEL_HEAVY(merge_samples_bwd) {
    const int64_t n = p->da + p->db, c = p->c;
    for (int64_t k = 0; k < n; k++) {
        const int64_t from = p->order[i * n + k];
        if (from < 0 || from >= n) continue;
        real *to = from < p->da ? (real *)p->da_out : (real *)p->db_out;
        if (!to) continue;
        to += (from < p->da ? i * p->da + from : i * p->db + from - p->da) * c;
        const real *__restrict__ g = (const real *)p->dout + (i * n + k) * c;
        for (int64_t j = 0; j < c; j++) to[j] += g[j];
    }
}
