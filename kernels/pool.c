/* pool.c -- maxima and means over windows.  Windows are k wide and `stride` apart, or, with k = 0, cell o of O covers
 * the samples from floor(o H / O) up to ceil((o+1) H / O), so neighbouring cells may share samples (torch's adaptive
 * pooling).  Backward gathers: each sample visits the windows that contain it. */
#include "k.h"
#include "pool.h"
#include "simd.h"

/* Window o of `count` as [lo, hi), cut to the `size` samples. */
K_FN void window(int64_t k, int64_t stride, int64_t pad, int64_t o, int64_t size, int64_t count, int64_t *lo, int64_t *hi) {
    if (k) { *lo = o * stride - pad; *hi = *lo + k; }
    else { *lo = o * size / count; *hi = ((o + 1) * size + count - 1) / count; }
    if (*lo < 0) *lo = 0;
    if (*hi > size) *hi = size;
}

/* The windows [lo, hi) that contain sample r. */
K_FN void windows_over(int64_t k, int64_t stride, int64_t pad, int64_t r, int64_t size, int64_t count, int64_t *lo, int64_t *hi) {
    if (k) {
        const int64_t first = r + pad - k + 1;
        *lo = first <= 0 ? 0 : (first + stride - 1) / stride;
        *hi = (r + pad) / stride + 1;
    } else { *lo = r * count / size; *hi = ((r + 1) * count + size - 1) / size; }
    if (*hi > count) *hi = count;
}

/* 1 / samples of a window; one that reaches into the padding still counts all its samples, as torch does. */
K_FN real share(int64_t k, int64_t y0, int64_t y1, int64_t x0, int64_t x1) { return 1 / (real)(k ? k * k : (y1 - y0) * (x1 - x0)); }

/* The same of window [u,v]. */
K_FN real weight(int64_t k, int64_t u, int64_t v, int64_t H, int64_t W, int64_t OH, int64_t OW) {
    int64_t y0 = 0, y1 = 0, x0 = 0, x1 = 0;
    if (!k) {
        window(0, 0, 0, u, H, OH, &y0, &y1);
        window(0, 0, 0, v, W, OW, &x0, &x1);
    }
    return share(k, y0, y1, x0, x1);
}

KERNEL(max_pool_fwd) {
    const real *x = (const real *)p->x + i / (p->OW * p->OH) * p->H * p->W;
    int64_t y0, y1, x0, x1;
    window(p->k, p->stride, p->pad, i / p->OW % p->OH, p->H, p->OH, &y0, &y1);
    window(p->k, p->stride, p->pad, i % p->OW, p->W, p->OW, &x0, &x1);
    int64_t at = y0 * p->W + x0;
    for (int64_t y = y0; y < y1; y++)
        for (int64_t c = x0; c < x1; c++)
            if (x[y * p->W + c] > x[at]) at = y * p->W + c;
    ((real *)p->out)[i] = x[at];
    if (p->index) p->index[i] = (int32_t)at;
}

KERNEL(max_pool_bwd) {
    const int64_t at = i % (p->H * p->W), plane = i / (p->H * p->W);
    const real *dy = (const real *)p->x + plane * p->OH * p->OW;
    const int32_t *index = p->index + plane * p->OH * p->OW;
    int64_t u0, u1, v0, v1;
    windows_over(p->k, p->stride, p->pad, at / p->W, p->H, p->OH, &u0, &u1);
    windows_over(p->k, p->stride, p->pad, at % p->W, p->W, p->OW, &v0, &v1);
    real sum = 0;
    for (int64_t u = u0; u < u1; u++)
        for (int64_t v = v0; v < v1; v++)
            if (index[u * p->OW + v] == at) sum += dy[u * p->OW + v];
    real *out = (real *)p->out + i;
    *out = p->add ? *out + sum : sum;
}

KERNEL(avg_pool_fwd) {
    const int64_t u = i / p->OW % p->OH, v = i % p->OW;
    const real *x = (const real *)p->x + i / (p->OW * p->OH) * p->H * p->W;
    int64_t y0, y1, x0, x1;
    window(p->k, p->stride, p->pad, u, p->H, p->OH, &y0, &y1);
    window(p->k, p->stride, p->pad, v, p->W, p->OW, &x0, &x1);
    k_acc sum = 0;
    if (x1 - x0 == p->W) {              /* whole rows, most often the whole picture */
        K_SIMD_SUM(sum)
        for (int64_t c = y0 * p->W; c < y1 * p->W; c++) sum += x[c];
    } else
        for (int64_t y = y0; y < y1; y++)
            for (int64_t c = x0; c < x1; c++) sum += x[y * p->W + c];
    ((real *)p->out)[i] = (real)(sum * share(p->k, y0, y1, x0, x1));
}

KERNEL(avg_pool_bwd) {
    const int64_t at = i % (p->H * p->W);
    const real *dy = (const real *)p->x + i / (p->H * p->W) * p->OH * p->OW;
    int64_t u0, u1, v0, v1;
    windows_over(p->k, p->stride, p->pad, at / p->W, p->H, p->OH, &u0, &u1);
    windows_over(p->k, p->stride, p->pad, at % p->W, p->W, p->OW, &v0, &v1);
    real sum = 0;
    for (int64_t u = u0; u < u1; u++)
        for (int64_t v = v0; v < v1; v++) sum += dy[u * p->OW + v] * weight(p->k, u, v, p->H, p->W, p->OH, p->OW);
    real *out = (real *)p->out + i;
    *out = p->add ? *out + sum : sum;
}
