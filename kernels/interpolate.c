/* interpolate.c -- attributes of a triangle's corners at a pixel:
 *     out[p,:] = w0 a0 + w1 a1 + w2 a2, zero where no triangle is seen
 * Backward to the attributes scatters; a row owns one attribute table and a block of
 * its columns, so every entry adds its pixels in their order. */
#include "k.h"
#include "interpolate.h"

/* Rows of the attribute table for the corners of face f; 0 where nothing is seen or an index is corrupt. */
K_FN int corners(const int32_t *faces, int64_t f, int64_t nf, int64_t v, int64_t at[3]) {
    if (f < 0 || f >= nf) return 0;
    for (int k = 0; k < 3; k++) {
        at[k] = faces ? faces[3 * f + k] : 3 * f + k;
        if (faces && (at[k] < 0 || at[k] >= v)) return 0;
    }
    return 1;
}

KERNEL(interpolate_fwd) {
    const int64_t d = p->d;
    real *__restrict__ out = (real *)p->out + i * d;
    int64_t at[3];
    if (!corners(p->faces, p->index[i], p->f, p->v, at)) {
        for (int64_t j = 0; j < d; j++) out[j] = 0;
        return;
    }
    const real *w = (const real *)p->w + 3 * i, *attr = (const real *)p->attr + i / p->per * p->stride;
    const real *a = attr + at[0] * d, *b = attr + at[1] * d, *c = attr + at[2] * d;
    for (int64_t j = 0; j < d; j++) out[j] = w[0] * a[j] + w[1] * b[j] + w[2] * c[j];
}

KERNEL(interpolate_bwd_w) {
    const int64_t d = p->d;
    int64_t at[3];
    if (!corners(p->faces, p->index[i], p->f, p->v, at)) return;
    const real *g = (const real *)p->dout + i * d, *attr = (const real *)p->attr + i / p->per * p->stride;
    for (int k = 0; k < 3; k++) {
        const real *a = attr + at[k] * d;
        real s = 0;
        for (int64_t j = 0; j < d; j++) s += a[j] * g[j];
        ((real *)p->dw)[3 * i + k] += s;
    }
}

KERNEL_SCATTER(interpolate_bwd_attr) {
    const int64_t d = p->d, b = i / (p->blocks * p->chunks), q = i / p->chunks % p->blocks * p->block;
    const int64_t first = i % p->chunks * p->chunk, left = p->points - first, len = d - q < p->block ? d - q : p->block;
    real *dattr = (real *)p->dattr + b * p->stride + q;
    K_LOOP(j, left < p->chunk ? left : p->chunk) {
        const int64_t pixel = b * p->points + first + j;
        int64_t at[3];
        if (!corners(p->faces, p->index[pixel], p->f, p->v, at)) continue;
        const real *w = (const real *)p->w + 3 * pixel, *__restrict__ g = (const real *)p->dout + pixel * d + q;
        for (int k = 0; k < 3; k++) {
            real *__restrict__ out = dattr + at[k] * d;
            for (int64_t c = 0; c < len; c++) K_ATOMIC_ADD(&out[c], w[k] * g[c]);
        }
    }
}
