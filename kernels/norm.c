/* norm.c -- softmax, log-softmax and layer normalisation over rows.  Backward ADDS. */
#include "k.h"
#include "norm.h"
#include "simd.h"

KERNEL_ROWS(softmax_fwd) {
    const real *x = (const real *)p->x + i * p->len;
    real *y = (real *)p->y + i * p->len;
    k_acc top = -INFINITY, sum = 0;
    K_SIMD_MAX(top) K_LOOP(j, p->len) top = x[j] > top ? x[j] : top;
    top = K_MAX(top);
    if (p->log) {
        K_SIMD_SUM(sum) K_LOOP(j, p->len) sum += k_exp(x[j] - (real)top);
        sum = K_SUM(sum);
        real shift = (real)top + k_log((real)sum);
        K_LOOP(j, p->len) y[j] = x[j] - shift;
    } else {
        K_LOOP(j, p->len) y[j] = k_exp(x[j] - (real)top);
        K_SIMD_SUM(sum) K_LOOP(j, p->len) sum += y[j];
        sum = K_SUM(sum);
        real inv = (real)(1 / sum);
        K_LOOP(j, p->len) y[j] *= inv;
    }
}
KERNEL_ROWS(softmax_bwd) {
    const real *y = (const real *)p->y + i * p->len, *dy = (const real *)p->dy + i * p->len;
    real *dx = (real *)p->dx + i * p->len;
    k_acc s = 0;
    if (p->log) {
        K_SIMD_SUM(s) K_LOOP(j, p->len) s += dy[j];
        s = K_SUM(s);
        K_LOOP(j, p->len) dx[j] += dy[j] - k_exp(y[j]) * (real)s;
    } else {
        K_SIMD_SUM(s) K_LOOP(j, p->len) s += dy[j] * y[j];
        s = K_SUM(s);
        K_LOOP(j, p->len) dx[j] += y[j] * (dy[j] - (real)s);
    }
}

KERNEL_ROWS(layer_norm_fwd) {
    const real *x = (const real *)p->x + i * p->len, *w = (const real *)p->w, *b = (const real *)p->b;
    real *y = (real *)p->y + i * p->len;
    k_acc s = 0, q = 0;
    K_SIMD_SUM(s) K_LOOP(j, p->len) s += x[j];
    k_acc mean = K_SUM(s) / p->len;
    K_SIMD_SUM(q) K_LOOP(j, p->len) q += (x[j] - mean) * (x[j] - mean);
    k_acc rstd = 1 / sqrt(K_SUM(q) / p->len + p->eps);
    K_LOOP(j, p->len) {
        real v = (real)((x[j] - mean) * rstd);
        y[j] = (w ? v * w[j] : v) + (b ? b[j] : 0);
    }
    if (K_FIRST) { ((real *)p->mean)[i] = (real)mean; ((real *)p->rstd)[i] = (real)rstd; }
}
KERNEL_ROWS(layer_norm_bwd) {
    const real *x = (const real *)p->x + i * p->len, *dy = (const real *)p->dy + i * p->len, *w = (const real *)p->w;
    real *dx = (real *)p->dx + i * p->len, mean = ((const real *)p->mean)[i], rstd = ((const real *)p->rstd)[i];
    k_acc s = 0, q = 0;
    K_SIMD_SUM(s, q) K_LOOP(j, p->len) {
        real g = w ? dy[j] * w[j] : dy[j];
        s += g;
        q += g * ((x[j] - mean) * rstd);
    }
    real a = (real)(K_SUM(s) / p->len), b = (real)(K_SUM(q) / p->len);
    K_LOOP(j, p->len) {
        real g = w ? dy[j] * w[j] : dy[j];
        dx[j] += rstd * (g - a - (x[j] - mean) * rstd * b);
    }
}
K_FN void layer_norm_columns(const struct k_layer_norm_bwd_w *p, int64_t from, int m) {
    const real *x = (const real *)p->x + from, *dy = (const real *)p->dy + from, *mean = (const real *)p->mean, *rstd = (const real *)p->rstd;
    k_acc dw[K_COLUMNS] = {0}, db[K_COLUMNS] = {0};
    for (int64_t r = 0; r < p->rows; r++)
        for (int j = 0; j < m; j++) {
            const real g = dy[r * p->len + j];
            dw[j] += g * ((x[r * p->len + j] - mean[r]) * rstd[r]);
            db[j] += g;
        }
    for (int j = 0; j < m; j++) {
        if (p->dw) ((real *)p->dw)[from + j] += (real)dw[j];
        if (p->db) ((real *)p->db)[from + j] += (real)db[j];
    }
}
KERNEL_ROWS_HEAVY(layer_norm_bwd_w) {
    const int64_t first = i * 64, width = p->len - first < 64 ? p->len - first : 64;
    K_LOOP(g, (width + K_COLUMNS - 1) / K_COLUMNS) {
        const int64_t from = first + g * K_COLUMNS, left = p->len - from;
        if (left >= K_COLUMNS) layer_norm_columns(p, from, K_COLUMNS);
        else layer_norm_columns(p, from, (int)left);
    }
}
