/* rasterize.c -- which triangle each pixel sees, and its barycentric coordinates.
 *
 * pytorch3d's rule, operation by operation in the element type, because the released
 * generators' pictures depend on its rounding.  Vertices are (a,b,d): a to the left,
 * b up, d the depth; pixel (row i, column j) is at (1-(2j+1)/S, 1-(2i+1)/S).  With
 *     edge(p; s,t) = (px-sx)(ty-sy) - (py-sy)(tx-sx)
 * a triangle t0,t1,t2 is left out if edge(t0; t1,t2) < 0 (it faces away), if it is at
 * most 1e-8 in size, or if it is wholly behind (d < 0); a pixel in its bounding box has
 *     w0 = edge(p; t1,t2)/A, w1 = edge(p; t2,t0)/A, w2 = edge(p; t0,t1)/A, A = edge(t2; t0,t1) + 1e-8
 * and is inside if all w > 0.  The smallest depth >= 0 wins, then the lower index.
 *
 * Backward: coverage is constant, w_k follows from the quotient, depth = sum w_k d_k.
 *
 * One row is one scanline; binning lists the faces whose bounding box meets it. */
#include "k.h"
#include "rasterize.h"

/* No fused multiply-add here: it would round differently. */
#ifdef K_CUDA
#define MUL(a, b) __fmul_rn((a), (b))
#else
#pragma GCC optimize("fp-contract=off")
#define MUL(a, b) ((a) * (b))
#endif

/* Pixels first..last of a scanline; on a GPU thread j keeps pixel j, so no two threads touch one pixel. */
#ifdef K_CUDA
#define SPAN(j, first, last) K_LOOP(j, (last) + 1) if (j >= (first))
#else
#define SPAN(j, first, last) for (int64_t j = (first); j <= (last); j++)
#endif

struct tri { real x[3], y[3], z[3]; };

K_FN real edge(real px, real py, real sx, real sy, real tx, real ty) { return MUL(px - sx, ty - sy) - MUL(py - sy, tx - sx); }
K_FN real least(const real *v) { real m = v[0] < v[1] ? v[0] : v[1]; return v[2] < m ? v[2] : m; }
K_FN real most(const real *v) { real m = v[0] > v[1] ? v[0] : v[1]; return v[2] > m ? v[2] : m; }
K_FN real area_of(const struct tri *t) {
    return (real)((double)edge(t->x[2], t->y[2], t->x[0], t->y[0], t->x[1], t->y[1]) + 1e-8);
}
/* Where the centre of pixel k lies on an axis. */
K_FN real centre(int64_t k, int64_t size) { return (real)(1 - (double)(2 * k + 1) / (double)size); }

/* Fetch face f; 0 when it is left out or an index is corrupt. */
K_FN int fetch(const real *pos, const int32_t *faces, int64_t v, int64_t f, struct tri *t) {
    for (int k = 0; k < 3; k++) {
        const int64_t j = faces[3 * f + k];
        if (j < 0 || j >= v) return 0;
        t->x[k] = pos[3 * j];
        t->y[k] = pos[3 * j + 1];
        t->z[k] = pos[3 * j + 2];
    }
    const real e = edge(t->x[0], t->y[0], t->x[1], t->y[1], t->x[2], t->y[2]);
    return (double)e > 1e-8 && most(t->z) >= 0;
}

/* First and last pixel that [lo,hi] may contain, one too many on either side at most; 0 when none. */
K_FN int pixel_span(real lo, real hi, int64_t size, int64_t *first, int64_t *last) {
    const double a = (1 - (double)hi) * (double)size / 2 - 1, b = (1 - (double)lo) * (double)size / 2;
    if (!(a < (double)size) || !(b >= 0)) return 0;
    *first = a < 0 ? 0 : (int64_t)a;
    *last = b >= (double)size ? size - 1 : (int64_t)b;
    return 1;
}

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
        const real left = least(t.x), right = most(t.x), area = area_of(&t);
        const real n0 = MUL(py - t.y[1], t.x[2] - t.x[1]), n1 = MUL(py - t.y[2], t.x[0] - t.x[2]), n2 = MUL(py - t.y[0], t.x[1] - t.x[0]);
        SPAN(j, first, last) {
            const real px = centre(j, s);
            const real e0 = MUL(px - t.x[1], t.y[2] - t.y[1]) - n0, e1 = MUL(px - t.x[2], t.y[0] - t.y[2]) - n1, e2 = MUL(px - t.x[0], t.y[1] - t.y[0]) - n2;
            if (area > 0 && !(e0 > 0 && e1 > 0 && e2 > 0)) continue;
            if (!(px >= left && px <= right)) continue;
            const real w0 = e0 / area, w1 = e1 / area, w2 = e2 / area;
            if (!(w0 > 0 && w1 > 0 && w2 > 0)) continue;
            const real d = MUL(w0, t.z[0]) + MUL(w1, t.z[1]) + MUL(w2, t.z[2]);
            if (!(d >= 0) || (index[j] >= 0 && !(d < depth[j]))) continue;
            index[j] = (int32_t)f;
            depth[j] = d;
            w[3 * j] = w0;
            w[3 * j + 1] = w1;
            w[3 * j + 2] = w2;
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
