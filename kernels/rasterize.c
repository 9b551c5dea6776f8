/* rasterize.c -- which triangle each pixel sees, and its barycentric coordinates, by the rule of rasterize_at.h.
 *
 * Backward: coverage is constant, w_k follows from the quotient, depth = sum w_k d_k.
 *
 * One row is one scanline; binning lists the faces whose bounding box meets it. */
#include "k.h"
#include "rasterize.h"
#include "rasterize_at.h"

/* Pixels first..last of a scanline; on a GPU thread j keeps pixel j, so no two threads touch one pixel. */
#ifdef K_CUDA
#define SPAN(j, first, last) K_LOOP(j, (last) + 1) if (j >= (first))
#else
#define SPAN(j, first, last) for (int64_t j = (first); j <= (last); j++)
#endif

KERNEL_ROWS_HEAVY(rasterize_bin) {
    const real *pos = (const real *)p->pos + i * p->v * 3;
    int32_t *start = p->start + i * (p->size + 1);
    if (!K_FIRST) return;
    struct tri t;
    int64_t first, last;
    if (!p->list) {
        for (int64_t r = 0; r <= p->size; r++) start[r] = 0;
        for (int64_t f = 0; f < p->f; f++)
            if (fetch(pos, p->faces, p->v, f, &t) && pixel_span(least(t.y), most(t.y), p->size, &first, &last))
                for (int64_t r = first; r <= last; r++) start[r + 1]++;
        for (int64_t r = 0; r < p->size; r++) start[r + 1] += start[r];
        return;
    }
    /* start[r] is used as scanline r's next free place, which leaves it at scanline r+1's start: shifted back at the end */
    for (int64_t f = 0; f < p->f; f++)
        if (fetch(pos, p->faces, p->v, f, &t) && pixel_span(least(t.y), most(t.y), p->size, &first, &last))
            for (int64_t r = first; r <= last; r++) p->list[i * p->capacity + start[r]++] = (int32_t)f;
    for (int64_t r = p->size; r > 0; r--) start[r] = start[r - 1];
    start[0] = 0;
}

KERNEL_ROWS(rasterize_fwd) {
    const int64_t s = p->size, b = i / s;
    const real *pos = (const real *)p->pos + b * p->v * 3;
    const real py = centre(i % s, s);
    int32_t *index = p->index + i * s;
    real *w = (real *)p->w + i * s * 3, *depth = (real *)p->depth + i * s;
    K_LOOP(j, s) {
        index[j] = -1;
        depth[j] = -1;
        w[3 * j] = w[3 * j + 1] = w[3 * j + 2] = 0;
    }
    const int32_t *start = p->start ? p->start + b * (s + 1) + i % s : 0, *list = p->list ? p->list + b * p->capacity : 0;
    const int64_t from = list ? start[0] : 0, to = list ? start[1] : p->f;
    for (int64_t q = from; q < to; q++) {
        const int64_t f = list ? list[q] : q;
        struct tri t;
        int64_t first, last;
        if (!fetch(pos, p->faces, p->v, f, &t)) continue;
        if (!(py >= least(t.y) && py <= most(t.y)) || !pixel_span(least(t.x), most(t.x), s, &first, &last)) continue;
        const struct span row = span_at(&t, py);
        SPAN(j, first, last) {
            real at[3], d;
            if (!covers(&t, &row, centre(j, s), at, &d) || (index[j] >= 0 && !(d < depth[j]))) continue;
            index[j] = (int32_t)f;
            depth[j] = d;
            w[3 * j] = at[0];
            w[3 * j + 1] = at[1];
            w[3 * j + 2] = at[2];
        }
    }
}

KERNEL_SCATTER(rasterize_bwd) {
    const int64_t s = p->size, b = i / p->chunks, begin = i % p->chunks * p->chunk, left = s * s - begin;
    const real *pos = (const real *)p->pos + b * p->v * 3;
    real *dpos = (real *)p->dpos + b * p->v * 3;
    K_LOOP(j, left < p->chunk ? left : p->chunk) {
        const int64_t pixel = begin + j, at = b * s * s + pixel, f = p->index[at];
        struct tri t;
        if (f < 0 || f >= p->f || !fetch(pos, p->faces, p->v, f, &t)) continue;
        const real px = centre(pixel % s, s), py = centre(pixel / s, s), area = area_of(&t);
        const real w[3] = {edge(px, py, t.x[1], t.y[1], t.x[2], t.y[2]) / area, edge(px, py, t.x[2], t.y[2], t.x[0], t.y[0]) / area,
                           edge(px, py, t.x[0], t.y[0], t.x[1], t.y[1]) / area};
        real g[3] = {0, 0, 0}, dx[3] = {0, 0, 0}, dy[3] = {0, 0, 0}, dz = 0, sum = 0;
        if (p->dw) for (int k = 0; k < 3; k++) g[k] = ((const real *)p->dw)[at * 3 + k];
        if (p->ddepth) dz = ((const real *)p->ddepth)[at];
        for (int k = 0; k < 3; k++) {
            g[k] = (g[k] + dz * t.z[k]) / area;             /* d loss / d e_k */
            sum += g[k] * w[k];                             /* - d loss / d area */
        }
        for (int k = 0; k < 3; k++) {                       /* e_k = edge(p; t_a, t_c) */
            const int a = (k + 1) % 3, c = (k + 2) % 3;
            dx[a] += g[k] * (py - t.y[c]);                  /* d/d sx = -(ty-sy) + (py-sy) */
            dy[a] += g[k] * (t.x[c] - px);
            dx[c] -= g[k] * (py - t.y[a]);
            dy[c] += g[k] * (px - t.x[a]);
        }
        for (int k = 0; k < 3; k++) {                       /* area: each vertex sees the side across from it */
            const int a = (k + 1) % 3, c = (k + 2) % 3;
            dx[k] -= sum * (t.y[c] - t.y[a]);
            dy[k] -= sum * (t.x[a] - t.x[c]);
        }
        for (int k = 0; k < 3; k++) {
            real *out = dpos + 3 * (int64_t)p->faces[3 * f + k];
            K_ATOMIC_ADD(&out[0], dx[k]);
            K_ATOMIC_ADD(&out[1], dy[k]);
            K_ATOMIC_ADD(&out[2], dz * w[k]);
        }
    }
}
