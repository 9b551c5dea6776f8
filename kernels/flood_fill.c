/* flood_fill.c -- fill the holes of a coverage picture (Next3D's mouth filling).
 * A flood from the top left pixel, 4-connected, enters pixels with
 *     corner's value <= alpha and alpha * 255 <= 254;
 * what it reaches keeps its alpha, everything else becomes 1.
 * While it runs, out holds -1 where the flood has not been. */
#include "k.h"
#include "flood_fill.h"

/* Does the flood enter a pixel of value v? */
K_FN int open_to(real v, real corner) { return v * 255 <= 254 && v >= corner; }

#ifdef K_CUDA
/* One line of pixels, `step` apart: what a reached pixel touches is reached.  1 when something was. */
K_FN int sweep(const real *alpha, real *out, int64_t first, int64_t step, int64_t count) {
    int changed = 0, wet = 0;
    for (int64_t k = 0, at = first; k < count; k++, at += step) {
        if (out[at] >= 0) { wet = 1; continue; }
        wet = wet && open_to(alpha[at], alpha[0]);
        if (wet) { out[at] = 0; changed = 1; }
    }
    return changed;
}
/* Rows, then columns, in both directions, each a thread's own, until nothing changes. */
KERNEL_ROWS_HEAVY(flood_fill) {
    const int64_t h = p->h, w = p->w, size = h * w;
    const real *alpha = (const real *)p->alpha + i * size;
    real *out = (real *)p->out + i * size;
    K_LOOP(k, size) out[k] = k ? -1 : 0;
    for (int changed = 1; changed;) {
        changed = 0;
        __syncthreads();
        K_LOOP(y, h) changed |= sweep(alpha, out, y * w, 1, w) | sweep(alpha, out, y * w + w - 1, -1, w);
        __syncthreads();
        K_LOOP(x, w) changed |= sweep(alpha, out, x, w, h) | sweep(alpha, out, (h - 1) * w + x, -w, h);
        changed = K_MAX((k_acc)changed) > 0;
    }
    __syncthreads();
    K_LOOP(k, size) out[k] = out[k] < 0 ? 1 : alpha[k];
}
#else
KERNEL_ROWS_HEAVY(flood_fill) {
    const int64_t h = p->h, w = p->w, size = h * w;
    const real *alpha = (const real *)p->alpha + i * size;
    real *out = (real *)p->out + i * size;
    int32_t *todo = p->todo + i * size;
    if (!K_FIRST) return;
    for (int64_t k = 0; k < size; k++) out[k] = -1;
    int64_t top = 0;
    out[0] = 0;
    todo[top++] = 0;
    while (top) {
        const int64_t at = todo[--top], x = at % w, y = at / w;
        const int64_t near[4] = {y > 0 ? at - w : at, y + 1 < h ? at + w : at, x > 0 ? at - 1 : at, x + 1 < w ? at + 1 : at};
        for (int k = 0; k < 4; k++) {
            const real v = alpha[near[k]];
            if (out[near[k]] >= 0 || !open_to(v, alpha[0])) continue;
            out[near[k]] = 0;
            todo[top++] = (int32_t)near[k];
        }
    }
    for (int64_t k = 0; k < size; k++) out[k] = out[k] < 0 ? 1 : alpha[k];
}
#endif
