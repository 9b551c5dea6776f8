/* render_rays.c -- tri-plane lookup, decoder and march of one ray after the other, without storing per-sample
 * activations: they stay in a core's cache and are computed again in the backward pass.
 *     f = tri-plane(o + t d)          [D,C]         triplane_at.h
 *     h = softplus(f w0^T + b0)       [D,hidden]
 *     sigma, c = h w1^T + b1          [D,1+colours], colour = 1.002 sigmoid(c) - 0.001
 *     march                           raymarch_at.h
 * Rays are cut into at most 64 runs; the decoder's gradient is summed within a run, then over the runs in order,
 * so results do not depend on the number of threads.  The gradient to the planes leaves as one to the features;
 * triplane.c's kernel spreads it. */
#include <stdlib.h>
#include <string.h>
#include "../triplane_at.h"
#include "../raymarch_at.h"
#include "../vmath.h"
#include "tuned.h"

enum { RUNS = 64, MR = 6 };
typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
static int64_t padded(int64_t n) { return (n + 7) / 8 * 8; }

/* ---- small matrix products: c[m,n] = (add ? c : bias or 0) + sum_k a(m,k) b[k,n], n in blocks of 8 ---- */

typedef struct mat { const float *a; int64_t am, ak; const float *b; int64_t ldb; float *c; int64_t ldc; const float *bias; int add; } mat;

static inline __attribute__((always_inline)) void tile(const int mr, const int nr, int64_t K, const mat *p, int64_t m0, int64_t n0) {
    const float *a = p->a + m0 * p->am, *b = p->b + n0;
    float *c = p->c + m0 * p->ldc + n0;
    v8 acc[MR][2];
    for (int m = 0; m < mr; m++)
        for (int v = 0; v < nr; v++) acc[m][v] = p->add ? *(const v8 *)(c + m * p->ldc + 8 * v) : p->bias ? *(const v8 *)(p->bias + n0 + 8 * v) : (v8){0};
    for (int64_t k = 0; k < K; k++) {
        v8 row[2];
        for (int v = 0; v < nr; v++) row[v] = *(const v8 *)(b + k * p->ldb + 8 * v);
        for (int m = 0; m < mr; m++) {
            const float x = a[m * p->am + k * p->ak];
            for (int v = 0; v < nr; v++) acc[m][v] += x * row[v];
        }
    }
    for (int m = 0; m < mr; m++)
        for (int v = 0; v < nr; v++) *(v8 *)(c + m * p->ldc + 8 * v) = acc[m][v];
}

static inline __attribute__((always_inline)) void columns(const int nr, int64_t M, int64_t K, const mat *p, int64_t n0) {
    int64_t m = 0;
    for (; m + MR <= M; m += MR) tile(MR, nr, K, p, m, n0);
    switch (M - m) {
    case 5: tile(5, nr, K, p, m, n0); break;
    case 4: tile(4, nr, K, p, m, n0); break;
    case 3: tile(3, nr, K, p, m, n0); break;
    case 2: tile(2, nr, K, p, m, n0); break;
    case 1: tile(1, nr, K, p, m, n0); break;
    }
}

static void product(int64_t M, int64_t N, int64_t K, mat p) {
    int64_t n = 0;
    for (; n + 16 <= N; n += 16) columns(2, M, K, &p, n);
    if (n < N) columns(1, M, K, &p, n);
}

/* ---- decoder weights in the layouts the products want, columns padded with zeros ---- */

typedef struct decoder {
    int64_t cp, hp, op;                 /* padded C, hidden, 1 + colours */
    float *w0t, *b0;                    /* [C,hp], [hp] */
    float *w1t, *b1;                    /* [hidden,op], [op] */
    float *w0, *w1;                     /* [hidden,cp], [1+colours,hp]: backward */
} decoder;

static int prepare(const struct k_render_rays *p, decoder *q) {
    const int64_t c = p->c, h = p->hidden, o = p->colours + 1, cp = padded(c), hp = padded(h), op = padded(o);
    float *m = calloc((size_t)(c * hp + hp + h * op + op + h * cp + o * hp), sizeof *m);
    if (!m) return 1;
    *q = (decoder){cp, hp, op, m, m + c * hp, m + c * hp + hp, m + c * hp + hp + h * op, m + c * hp + hp + h * op + op, m + c * hp + hp + h * op + op + h * cp};
    const float *w0 = p->w0, *w1 = p->w1;
    for (int64_t j = 0; j < h; j++)
        for (int64_t k = 0; k < c; k++) q->w0t[k * hp + j] = q->w0[j * cp + k] = w0[j * c + k];
    for (int64_t j = 0; j < o; j++)
        for (int64_t k = 0; k < h; k++) q->w1t[k * op + j] = q->w1[j * hp + k] = w1[j * h + k];
    memcpy(q->b0, p->b0, (size_t)h * sizeof(float));
    memcpy(q->b1, p->b1, (size_t)o * sizeof(float));
    return 0;
}

/* ---- one ray ---- */

typedef struct scratch { float *f, *h, *o, *slope, *dout, *dh, *df; } scratch;   /* [d,cp] [d,hp] [d,op] [d,hp] [d,op] [d,hp] [d,cp] */

static float *scratch_new(const struct k_render_rays *p, const decoder *q, int backward, scratch *s) {
    const int64_t d = p->d;
    float *m = calloc((size_t)(d * (q->cp + q->hp + q->op) * (backward ? 2 : 1) + (backward ? d * q->hp : 0)), sizeof *m);
    s->f = m;
    s->h = m + d * q->cp;
    s->o = s->h + d * q->hp;
    s->slope = s->o + d * q->op;
    s->dout = s->slope + d * q->hp;
    s->dh = s->dout + d * q->op;
    s->df = s->dh + d * q->hp;
    return m;
}

/* Samples of ray i: s->o holds sigma and colours; with slope also softplus' derivative.  points may be NULL. */
static struct k_ray samples(const struct k_render_rays *p, const decoder *q, int64_t i, scratch *s, int slope, float *points) {
    const int64_t d = p->d;
    const float *t = (const float *)p->depths + i * d, *o = (const float *)p->origins + 3 * i, *dir = (const float *)p->dirs + 3 * i;
    const float *planes = (const float *)p->planes + i / p->rays * 3 * p->h * p->w * p->c;
    for (int64_t k = 0; k < d; k++) {
        const float at[3] = {o[0] + t[k] * dir[0], o[1] + t[k] * dir[1], o[2] + t[k] * dir[2]};
        triplane_at(planes, p->axes, at, p->h, p->w, p->c, s->f + k * q->cp);
        if (points) memcpy(points + 3 * k, at, sizeof at);
    }
    product(d, q->hp, p->c, (mat){s->f, q->cp, 1, q->w0t, q->hp, s->h, q->hp, q->b0, 0});
    if (slope)
        for (int64_t k = 0; k < d * q->hp; k++) {
            const float x = s->h[k], e = v_exp(x > 0 ? -x : x), one = 1 / (1 + e);
            s->h[k] = (x > 0 ? x : 0) + v_log1p_unit(e);
            s->slope[k] = x > 0 ? one : e * one;
        }
    else
        for (int64_t k = 0; k < d * q->hp; k++) s->h[k] = v_softplus(s->h[k]);
    product(d, q->op, p->hidden, (mat){s->h, q->hp, 1, q->w1t, q->op, s->o, q->op, q->b1, 0});
    for (int64_t k = 0; k < d; k++) {
        float *c = s->o + k * q->op + 1;
        for (int64_t j = 0; j < p->colours; j++) c[j] = 1.002f * v_sigmoid(c[j]) - 0.001f;
    }
    return (struct k_ray){s->o, s->o + 1, t, q->op, q->op, d, p->colours};
}

int kt_render_rays_fwd(const struct k_render_rays *p) {
    decoder q;
    int failed = 0;
    if (p->n == 0) return 0;
    if (prepare(p, &q)) return 1;
    #pragma omp parallel reduction(|: failed)
    {
        scratch s;
        float *m = scratch_new(p, &q, 0, &s);
        failed |= !m;
        #pragma omp for schedule(dynamic, 16)
        for (int64_t i = 0; i < p->n; i++) {
            if (!m) continue;
            const struct k_ray r = samples(p, &q, i, &s, 0, NULL);
            ray_forward(&r, p->range, (float *)p->out + i * p->colours, (float *)p->depth + i, (float *)p->weights + i * (p->d - 1));
        }
        free(m);
    }
    free(q.w0t);
    return failed;
}

/* ---- backward ---- */

typedef struct sums { float *w0, *b0, *w1, *b1; } sums;       /* [hidden,cp], [hp], [1+colours,hp], [op] */
static int64_t sums_size(const struct k_render_rays *p, const decoder *q) { return p->hidden * q->cp + q->hp + (p->colours + 1) * q->hp + q->op; }
static sums sums_at(const struct k_render_rays *p, const decoder *q, float *m) {
    return (sums){m, m + p->hidden * q->cp, m + p->hidden * q->cp + q->hp, m + p->hidden * q->cp + q->hp + (p->colours + 1) * q->hp};
}
static void add_rows(float *__restrict__ sum, const float *__restrict__ x, int64_t rows, int64_t cols) {
    for (int64_t k = 0; k < rows; k++)
        for (int64_t j = 0; j < cols; j++) sum[j] += x[k * cols + j];
}

static void backward_ray(const struct k_render_rays *p, const decoder *q, int64_t i, scratch *s, sums *g) {
    const int64_t d = p->d, c = p->c, hidden = p->hidden, colours = p->colours;
    const struct k_ray r = samples(p, q, i, s, 1, p->points ? (float *)p->points + i * d * 3 : NULL);
    memset(s->dout, 0, (size_t)(d * q->op) * sizeof(float));
    ray_backward(&r, p->range, p->dout ? (const float *)p->dout + i * colours : NULL, p->ddepth ? (const float *)p->ddepth + i : NULL,
                 p->dweights ? (const float *)p->dweights + i * (d - 1) : NULL, s->dout, s->dout + 1, NULL);
    for (int64_t k = 0; k < d; k++) {
        float *dc = s->dout + k * q->op + 1;
        const float *col = s->o + k * q->op + 1;
        for (int64_t j = 0; j < colours; j++) {
            const float v = (col[j] + 0.001f) * (1 / 1.002f);
            dc[j] *= 1.002f * v * (1 - v);
        }
    }
    product(d, q->hp, colours + 1, (mat){s->dout, q->op, 1, q->w1, q->hp, s->dh, q->hp, NULL, 0});
    for (int64_t k = 0; k < d * q->hp; k++) s->dh[k] *= s->slope[k];
    if (p->dw0) {
        product(hidden, q->cp, d, (mat){s->dh, 1, q->hp, s->f, q->cp, g->w0, q->cp, NULL, 1});
        product(colours + 1, q->hp, d, (mat){s->dout, 1, q->op, s->h, q->hp, g->w1, q->hp, NULL, 1});
        add_rows(g->b0, s->dh, d, q->hp);
        add_rows(g->b1, s->dout, d, q->op);
    }
    if (!p->dfeatures) return;
    product(d, q->cp, hidden, (mat){s->dh, q->hp, 1, q->w0, q->cp, s->df, q->cp, NULL, 0});
    for (int64_t k = 0; k < d; k++) memcpy((float *)p->dfeatures + (i * d + k) * c, s->df + k * q->cp, (size_t)c * sizeof(float));
}

/* out [rows,cols] += sum over the runs of part [rows,ld] */
static void collect(float *out, const float *part, int64_t rows, int64_t cols, int64_t ld, int64_t runs, int64_t size) {
    for (int64_t run = 0; run < runs; run++)
        for (int64_t k = 0; k < rows; k++)
            for (int64_t j = 0; j < cols; j++) out[k * cols + j] += part[run * size + k * ld + j];
}

int kt_render_rays_bwd(const struct k_render_rays *p) {
    decoder q;
    int failed = 0;
    if (p->n == 0) return 0;
    if (p->d > K_RAYMARCH_MAX || prepare(p, &q)) return 1;
    const int64_t runs = p->n < RUNS ? p->n : RUNS, size = p->dw0 ? sums_size(p, &q) : 1;
    float *parts = calloc((size_t)(runs * size), sizeof *parts);
    failed = !parts;
    #pragma omp parallel reduction(|: failed)
    {
        scratch s;
        float *m = scratch_new(p, &q, 1, &s);
        failed |= !m;
        #pragma omp for schedule(dynamic, 1)
        for (int64_t run = 0; run < runs; run++) {
            if (!m || !parts) continue;
            sums g = sums_at(p, &q, parts + run * size);
            for (int64_t i = p->n * run / runs; i < p->n * (run + 1) / runs; i++) backward_ray(p, &q, i, &s, &g);
        }
        free(m);
    }
    if (!failed && p->dw0) {
        const sums g = sums_at(p, &q, parts);
        collect(p->dw0, g.w0, p->hidden, p->c, q.cp, runs, size);
        collect(p->db0, g.b0, 1, p->hidden, q.hp, runs, size);
        collect(p->dw1, g.w1, p->colours + 1, p->hidden, q.hp, runs, size);
        collect(p->db1, g.b1, 1, p->colours + 1, q.op, runs, size);
    }
    free(parts);
    free(q.w0t);
    return failed;
}
