/* rasterize_at.h -- the coverage rule, shared by rasterize.c and the GPU's tiled version (cuda/rasterize.cu).
 * pytorch3d's rule, operation by operation in the element type, because the released
 * generators' pictures depend on its rounding.  Vertices are (a,b,d): a to the left,
 * b up, d the depth; pixel (row i, column j) is at (1-(2j+1)/S, 1-(2i+1)/S).  With
 *     edge(p; s,t) = (px-sx)(ty-sy) - (py-sy)(tx-sx)
 * a triangle t0,t1,t2 is left out if edge(t0; t1,t2) < 0 (it faces away), if it is at
 * most 1e-8 in size, or if it is wholly behind (d < 0); a pixel in its bounding box has
 *     w0 = edge(p; t1,t2)/A, w1 = edge(p; t2,t0)/A, w2 = edge(p; t0,t1)/A, A = edge(t2; t0,t1) + 1e-8
 * and is inside if all w > 0.  The smallest depth >= 0 wins, then the lower index. */
#ifndef K_RASTERIZE_AT_H
#define K_RASTERIZE_AT_H
#include "k.h"

/* No fused multiply-add here: it would round differently. */
#ifdef K_CUDA
#define MUL(a, b) __fmul_rn((a), (b))
#else
#pragma GCC optimize("fp-contract=off")
#define MUL(a, b) ((a) * (b))
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

/* What a triangle's tests along a scanline have in common. */
struct span { real left, right, area, n0, n1, n2; };
K_FN struct span span_at(const struct tri *t, real py) {
    struct span s;
    s.left = least(t->x);
    s.right = most(t->x);
    s.area = area_of(t);
    s.n0 = MUL(py - t->y[1], t->x[2] - t->x[1]);
    s.n1 = MUL(py - t->y[2], t->x[0] - t->x[2]);
    s.n2 = MUL(py - t->y[0], t->x[1] - t->x[0]);
    return s;
}
/* Whether the pixel at px is inside and not behind; then its barycentric coordinates and depth. */
K_FN int covers(const struct tri *t, const struct span *s, real px, real w[3], real *d) {
    const real e0 = MUL(px - t->x[1], t->y[2] - t->y[1]) - s->n0, e1 = MUL(px - t->x[2], t->y[0] - t->y[2]) - s->n1,
               e2 = MUL(px - t->x[0], t->y[1] - t->y[0]) - s->n2;
    if (s->area > 0 && !(e0 > 0 && e1 > 0 && e2 > 0)) return 0;
    if (!(px >= s->left && px <= s->right)) return 0;
    w[0] = e0 / s->area;
    w[1] = e1 / s->area;
    w[2] = e2 / s->area;
    if (!(w[0] > 0 && w[1] > 0 && w[2] > 0)) return 0;
    *d = MUL(w[0], t->z[0]) + MUL(w[1], t->z[1]) + MUL(w[2], t->z[2]);
    return *d >= 0;
}
#endif
