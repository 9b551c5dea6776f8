/* render_rays.c -- tri-plane lookup, decoder and march of one ray after the other, without storing per-sample
 * activations: they stay in a core's cache and are computed again in the backward pass.
 *     p = o + t d - deformation       [D,3]         trilinear between its nodes
 *     f = tri-plane(p)                [D,C]         as triplane.c
 *     h = softplus(f w0^T + b0)       [D,hidden]
 *     sigma, c = h w1^T + b1          [D,1+colours], colour = 1.002 sigmoid(c) - 0.001
 *     march                           raymarch_at.h
 * Rays are cut into at most 64 runs; the decoder's gradient is summed within a run, then over the runs in order,
 * so results do not depend on the number of threads.  The gradient to the planes leaves as one to the features;
 * triplane.c's kernel spreads it. */
#include <stdlib.h>
#include <string.h>
#include "../raymarch_at.h"
#include "../undeform_at.h"
#include "../vmath.h"
#include "tuned.h"

enum { RUNS = 64 };
typedef float v8 __attribute__((vector_size(32), aligned(4), may_alias));
/* Vectors of the products, and rows of their tiles: two vectors a row, the accumulators fill all registers but four. */
#ifdef __AVX512F__
enum { LANES = 16, MR = 14 };
#else
enum { LANES = 8, MR = 6 };
#endif
typedef float vl __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
static int64_t padded(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

/* ---- small matrix products: c[m,n] = (add ? c : bias or 0) + sum_k a(m,k) b[k,n], n in blocks of LANES ---- */

typedef struct mat { const float *a; int64_t am, ak; const float *b; int64_t ldb; float *c; int64_t ldc; const float *bias; int add; } mat;

static inline __attribute__((always_inline)) void tile(const int mr, const int nr, int64_t K, const mat *p, int64_t m0, int64_t n0) {
    const float *a = p->a + m0 * p->am, *b = p->b + n0;
    float *c = p->c + m0 * p->ldc + n0;
    vl acc[MR][2];
    for (int m = 0; m < mr; m++)
        for (int v = 0; v < nr; v++) acc[m][v] = p->add ? *(const vl *)(c + m * p->ldc + LANES * v) : p->bias ? *(const vl *)(p->bias + n0 + LANES * v) : (vl){0};
    for (int64_t k = 0; k < K; k++) {
        vl row[2];
        for (int v = 0; v < nr; v++) row[v] = *(const vl *)(b + k * p->ldb + LANES * v);
        for (int m = 0; m < mr; m++) {
            const float x = a[m * p->am + k * p->ak];
            for (int v = 0; v < nr; v++) acc[m][v] += x * row[v];
        }
    }
    for (int m = 0; m < mr; m++)
        for (int v = 0; v < nr; v++) *(vl *)(c + m * p->ldc + LANES * v) = acc[m][v];
}

static inline __attribute__((always_inline)) void columns(const int nr, int64_t M, int64_t K, const mat *p, int64_t n0) {
    int64_t m = 0;
    for (; m + MR <= M; m += MR) tile(MR, nr, K, p, m, n0);
    for (; m + 4 <= M; m += 4) tile(4, nr, K, p, m, n0);
    for (; m < M; m++) tile(1, nr, K, p, m, n0);
}

static void product(int64_t M, int64_t N, int64_t K, mat p) {
    int64_t n = 0;
    for (; n + 2 * LANES <= N; n += 2 * LANES) columns(2, M, K, &p, n);
    if (n < N) columns(1, M, K, &p, n);
}

/* The i-th ray to do.  Rays of a square picture go tile by tile (8 x 8): neighbours read the same texels in all three
 * planes, where a whole row of rays would sweep one plane and find it gone from the cache in the next row. */
enum { TILE = 8 };
static int64_t side_of(int64_t rays) {
    int64_t side = 0;
    while ((side + TILE) * (side + TILE) <= rays) side += TILE;
    return side * side == rays ? side : 0;
}
static int64_t nth_ray(const struct k_render_rays *p, int64_t side, int64_t i) {
    const int64_t k = i % p->rays, tile = k / (TILE * TILE), in = k % (TILE * TILE);
    if (!side) return i;
    return i - k + (tile / (side / TILE) * TILE + in / TILE) * side + tile % (side / TILE) * TILE + in % TILE;
}

/* ---- decoder weights in the layouts the products want, columns padded with zeros ---- */

typedef struct decoder {
    int64_t cp, hp, op;                 /* padded C, hidden, colours */
    float *w0t, *b0;                    /* [C,hp], [hp] */
    float *w1t, *b1;                    /* [hidden,op], [op]: colours */
    float *ws, bs;                      /* [hp], and its bias: sigma, one product less wide than colours and sigma together */
    float *w0, *w1;                     /* [hidden,cp], [colours,hp]: backward */
    int64_t side;
} decoder;

static int prepare(const struct k_render_rays *p, decoder *q) {
    const int64_t c = p->c, h = p->hidden, o = p->colours, cp = padded(c), hp = padded(h), op = padded(o);
    float *m = calloc((size_t)(c * hp + hp + h * op + op + hp + h * cp + o * hp), sizeof *m);
    if (!m) return 1;
    q->cp = cp;
    q->hp = hp;
    q->op = op;
    q->b0 = (q->w0t = m) + c * hp;
    q->w1t = q->b0 + hp;
    q->b1 = q->w1t + h * op;
    q->ws = q->b1 + op;
    q->w0 = q->ws + hp;
    q->w1 = q->w0 + h * cp;
    const float *w0 = p->w0, *w1 = p->w1, *b1 = p->b1;
    for (int64_t j = 0; j < h; j++)
        for (int64_t k = 0; k < c; k++) q->w0t[k * hp + j] = q->w0[j * cp + k] = w0[j * c + k];
    for (int64_t j = 0; j < o; j++)
        for (int64_t k = 0; k < h; k++) q->w1t[k * op + j] = q->w1[j * hp + k] = w1[(j + 1) * h + k];
    memcpy(q->ws, w1, (size_t)h * sizeof(float));
    memcpy(q->b0, p->b0, (size_t)h * sizeof(float));
    memcpy(q->b1, b1 + 1, (size_t)o * sizeof(float));
    q->bs = b1[0];
    q->side = side_of(p->rays);
    return 0;
}

/* ---- features of one ray ---- */

enum { CORNERS = 12 };                  /* four of each plane */

/* Offsets and weights (a third of the bilinear ones) of plane k's corners at the samples: o and w are [4,dp].  at: columns and rows
 * of the samples [2,dp], in pixels.  As in bilinear.h a corner outside has weight 0 and an offset inside. */
static void corners(const float *__restrict__ at, int64_t dp, const struct k_render_rays *p, int k, int32_t *__restrict__ o, float *__restrict__ wt) {
    const int32_t h = (int32_t)p->h, w = (int32_t)p->w, c = (int32_t)p->c, base = k * h * w * c;
    const float fw = (float)w, fh = (float)h, third = 1.0f / 3;
    #pragma omp simd
    for (int64_t i = 0; i < dp; i++) {
        float x = at[i], y = at[dp + i];
        x = x > -1 ? x : -1;                            /* also NaN */
        y = y > -1 ? y : -1;
        x = x < fw ? x : fw;
        y = y < fh ? y : fh;
        const float fx = floorf(x), fy = floorf(y), rx = x - fx, ry = y - fy;
        /* Texel fx counts from 0 to w - 1, texel fx + 1 (never below 0) up to w - 1. */
        const float x0 = (fx >= 0) & (fx < fw) ? 1 - rx : 0, x1 = fx < fw - 1 ? rx : 0;
        const float y0 = (fy >= 0) & (fy < fh) ? (1 - ry) * third : 0, y1 = fy < fh - 1 ? ry * third : 0;
        const int32_t xi = (int32_t)fx, yi = (int32_t)fy;
        const int32_t cl = xi > 0 ? xi : 0, c0 = cl < w - 1 ? cl : w - 1, c1 = xi + 1 < w - 1 ? xi + 1 : w - 1;
        const int32_t rl = yi > 0 ? yi : 0, r0 = rl < h - 1 ? rl : h - 1, r1 = yi + 1 < h - 1 ? yi + 1 : h - 1;
        o[i] = base + (r0 * w + c0) * c;
        o[dp + i] = base + (r0 * w + c1) * c;
        o[2 * dp + i] = base + (r1 * w + c0) * c;
        o[3 * dp + i] = base + (r1 * w + c1) * c;
        wt[i] = y0 * x0;
        wt[dp + i] = y0 * x1;
        wt[2 * dp + i] = y1 * x0;
        wt[3 * dp + i] = y1 * x1;
    }
}

/* Channels j .. j + 8 nv of sample i. */
static inline __attribute__((always_inline)) void blend(const int nv, const float *planes, const int32_t *o, const float *w, int64_t dp, float *out) {
    v8 acc[2] = {{0}, {0}};
    for (int q = 0; q < CORNERS; q++)
        for (int v = 0; v < nv; v++) acc[v] += w[q * dp] * *(const v8 *)(planes + o[q * dp] + 8 * v);
    for (int v = 0; v < nv; v++) *(v8 *)(out + 8 * v) = acc[v];
}

/* ---- one ray ---- */

typedef struct scratch {
    float *t, *w;                       /* [dp] depths, the last one repeated; [12,dp] */
    float *at, *bent;                   /* [2,dp] columns and rows in a plane; [3,dp] points, where there is a deformation */
    int32_t *corner;                    /* [12,dp] */
    float *f, *h, *o, *sigma;           /* [d,cp] [d,hp] [d,op] [d] */
    float *slope, *dout, *dsigma, *dh, *df;   /* backward: [d,hp] [d,op] [d] [d,hp] [d,cp] */
} scratch;

static float *scratch_new(const struct k_render_rays *p, const decoder *q, int backward, scratch *s) {
    const int64_t d = p->d, dp = padded(d), once = d * (q->cp + q->hp + q->op + 1);
    float *m = calloc((size_t)((2 * CORNERS + 6) * dp + once + (backward ? once + d * q->hp : 0)), sizeof *m);
    if (!m) return NULL;
    s->w = (s->t = m) + dp;
    s->corner = (int32_t *)(s->w + CORNERS * dp);
    s->at = s->w + 2 * CORNERS * dp;
    s->bent = s->at + 2 * dp;
    s->f = s->bent + 3 * dp;
    s->h = s->f + d * q->cp;
    s->o = s->h + d * q->hp;
    s->sigma = s->o + d * q->op;
    if (!backward) return m;
    s->slope = s->sigma + d;
    s->dout = s->slope + d * q->hp;
    s->dsigma = s->dout + d * q->op;
    s->dh = s->dsigma + d;
    s->df = s->dh + d * q->hp;
    return m;
}

/* The samples of a ray where the planes have them: s->bent. */
static void bend(const struct k_render_rays *p, int64_t i, int64_t dp, scratch *s) {
    #pragma omp simd
    for (int64_t k = 0; k < dp; k++) {
        float q[3];
        sample_at(p, i, s->t[k], q);
        for (int e = 0; e < 3; e++) s->bent[e * dp + k] = q[e];
    }
}

static void features(const struct k_render_rays *p, const decoder *q, int64_t i, scratch *s) {
    const int64_t d = p->d, dp = padded(d), c = p->c;
    const float *t = (const float *)p->depths + i * d, *o = (const float *)p->origins + 3 * i, *dir = (const float *)p->dirs + 3 * i;
    const float *planes = (const float *)p->planes + i / p->rays * 3 * p->h * p->w * c;
    for (int64_t k = 0; k < dp; k++) s->t[k] = t[k < d ? k : d - 1];
    if (p->deformation) bend(p, i, dp, s);
    for (int k = 0; k < 3; k++) {
        const double half[2] = {(double)p->w / 2, (double)p->h / 2};
        for (int e = 0; e < 2; e++) {
            const double *axis = p->axes[k] + 3 * e;
            float *__restrict__ at = s->at + e * dp;
            if (p->deformation) {
                const float x = (float)(axis[0] * half[e]), y = (float)(axis[1] * half[e]), z = (float)(axis[2] * half[e]), middle = (float)(half[e] - 0.5);
                const float *__restrict__ bent = s->bent;
                for (int64_t j = 0; j < dp; j++) at[j] = bent[j] * x + bent[dp + j] * y + bent[2 * dp + j] * z + middle;
            } else {
                const float start = (float)(((double)o[0] * axis[0] + (double)o[1] * axis[1] + (double)o[2] * axis[2] + 1) * half[e] - 0.5);
                const float step = (float)(((double)dir[0] * axis[0] + (double)dir[1] * axis[1] + (double)dir[2] * axis[2]) * half[e]);
                const float *__restrict__ depth = s->t;
                for (int64_t j = 0; j < dp; j++) at[j] = start + depth[j] * step;
            }
        }
        corners(s->at, dp, p, k, s->corner + 4 * k * dp, s->w + 4 * k * dp);
    }
    for (int64_t k = 0; k < d; k++) {
        float *out = s->f + k * q->cp;
        int64_t j = 0;
        for (; j + 16 <= c; j += 16) blend(2, planes + j, s->corner + k, s->w + k, dp, out + j);
        for (; j + 8 <= c; j += 8) blend(1, planes + j, s->corner + k, s->w + k, dp, out + j);
        for (; j < c; j++) {
            out[j] = 0;
            for (int e = 0; e < CORNERS; e++) out[j] += s->w[e * dp + k] * planes[s->corner[e * dp + k] + j];
        }
    }
}

/* Samples of ray i: s->sigma and s->o hold sigma and colours; with slope also softplus' derivative. */
static struct k_ray samples(const struct k_render_rays *p, const decoder *q, int64_t i, scratch *s, int slope) {
    const int64_t d = p->d, hp = q->hp;
    features(p, q, i, s);
    product(d, hp, p->c, (mat){s->f, q->cp, 1, q->w0t, hp, s->h, hp, q->b0, 0});
    float *__restrict__ x = s->h, *__restrict__ dx = s->slope;
    if (slope)
        for (int64_t k = 0; k < d * hp; k++) {
            const float e = v_exp_negative(x[k] > 0 ? -x[k] : x[k]), one = 1 / (1 + e);
            dx[k] = x[k] > 0 ? one : e * one;
            x[k] = (x[k] > 0 ? x[k] : 0) + v_log1p_unit(e);
        }
    else
        for (int64_t k = 0; k < d * hp; k++) x[k] = v_softplus(x[k]);
    for (int64_t k = 0; k < d; k++) {
        v8 sum = {0};
        for (int64_t j = 0; j < hp; j += 8) sum += *(const v8 *)(s->h + k * hp + j) * *(const v8 *)(q->ws + j);
        s->sigma[k] = ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7])) + q->bs;
    }
    product(d, q->op, p->hidden, (mat){s->h, hp, 1, q->w1t, q->op, s->o, q->op, q->b1, 0});
    for (int64_t k = 0; k < d * q->op; k++) s->o[k] = 1.002f * v_sigmoid(s->o[k]) - 0.001f;
    return (struct k_ray){s->sigma, s->o, (const float *)p->depths + i * d, q->op, d, p->colours};
}

int kt_render_rays_fwd(const void *args) {
    const struct k_render_rays *p = args;
    decoder q;
    int failed = 0;
    if (p->n == 0) return 0;
    if (prepare(p, &q)) return 1;
    #pragma omp parallel reduction(|: failed)
    {
        scratch s;
        float *m = scratch_new(p, &q, 0, &s);
        failed |= !m;
        #pragma omp for schedule(dynamic, TILE * TILE)
        for (int64_t k = 0; k < p->n; k++) {
            if (!m) continue;
            const int64_t i = nth_ray(p, q.side, k);
            const struct k_ray r = samples(p, &q, i, &s, 0);
            ray_forward(&r, p->range, (float *)p->out + i * p->colours, (float *)p->depth + i, (float *)p->weights + i * (p->d - 1));
        }
        free(m);
    }
    free(q.w0t);
    return failed;
}

/* ---- backward ---- */

typedef struct sums { float *w0, *b0, *w1, *b1, *ws, *bs; } sums;       /* [hidden,cp] [hp] [colours,hp] [op] [hp] [1] */
static int64_t sums_size(const struct k_render_rays *p, const decoder *q) { return p->hidden * q->cp + (p->colours + 2) * q->hp + q->op + 1; }
static sums sums_at(const struct k_render_rays *p, const decoder *q, float *m) {
    sums g = {.w0 = m, .b0 = m + p->hidden * q->cp};
    g.w1 = g.b0 + q->hp;
    g.b1 = g.w1 + p->colours * q->hp;
    g.ws = g.b1 + q->op;
    g.bs = g.ws + q->hp;
    return g;
}
static void add_rows(float *__restrict__ sum, const float *__restrict__ x, int64_t rows, int64_t cols) {
    for (int64_t k = 0; k < rows; k++)
        for (int64_t j = 0; j < cols; j++) sum[j] += x[k * cols + j];
}

/* Ray i, the turn-th to be done. */
static void backward_ray(const struct k_render_rays *p, const decoder *q, int64_t i, int64_t turn, scratch *s, sums *g) {
    const int64_t d = p->d, c = p->c, hidden = p->hidden, colours = p->colours;
    const struct k_ray r = samples(p, q, i, s, 1);
    memset(s->dout, 0, (size_t)(d * (q->op + 1)) * sizeof(float));        /* dsigma follows */
    ray_backward(&r, p->range, p->dout ? (const float *)p->dout + i * colours : NULL, p->ddepth ? (const float *)p->ddepth + i : NULL,
                 p->dweights ? (const float *)p->dweights + i * (d - 1) : NULL, s->dsigma, s->dout, NULL);
    for (int64_t k = 0; k < d * q->op; k++) {
        const float v = (s->o[k] + 0.001f) * (1 / 1.002f);
        s->dout[k] *= 1.002f * v * (1 - v);
    }
    for (int64_t k = 0; k < d; k++)
        for (int64_t j = 0; j < q->hp; j++) s->dh[k * q->hp + j] = s->dsigma[k] * q->ws[j];
    product(d, q->hp, colours, (mat){s->dout, q->op, 1, q->w1, q->hp, s->dh, q->hp, NULL, 1});
    for (int64_t k = 0; k < d * q->hp; k++) s->dh[k] *= s->slope[k];
    if (p->dw0) {
        product(hidden, q->cp, d, (mat){s->dh, 1, q->hp, s->f, q->cp, g->w0, q->cp, NULL, 1});
        product(colours, q->hp, d, (mat){s->dout, 1, q->op, s->h, q->hp, g->w1, q->hp, NULL, 1});
        product(1, q->hp, d, (mat){s->dsigma, 1, 1, s->h, q->hp, g->ws, q->hp, NULL, 1});
        add_rows(g->b0, s->dh, d, q->hp);
        add_rows(g->b1, s->dout, d, q->op);
        for (int64_t k = 0; k < d; k++) *g->bs += s->dsigma[k];
    }
    if (!p->dfeatures) return;
    product(d, q->cp, hidden, (mat){s->dh, q->hp, 1, q->w0, q->cp, s->df, q->cp, NULL, 0});
    const float *t = (const float *)p->depths + i * d;
    for (int64_t k = 0; k < d; k++)
        sample_at(p, i, t[k], (float *)p->points + (turn * d + k) * 3);
    for (int64_t k = 0; k < d; k++) memcpy((float *)p->dfeatures + (turn * d + k) * c, s->df + k * q->cp, (size_t)c * sizeof(float));
}

/* out [rows,cols] += sum over the runs of part [rows,ld] */
static void collect(float *out, const float *part, int64_t rows, int64_t cols, int64_t ld, int64_t runs, int64_t size) {
    for (int64_t run = 0; run < runs; run++)
        for (int64_t k = 0; k < rows; k++)
            for (int64_t j = 0; j < cols; j++) out[k * cols + j] += part[run * size + k * ld + j];
}

int kt_render_rays_bwd(const void *args) {
    const struct k_render_rays *p = args;
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
            for (int64_t i = p->n * run / runs; i < p->n * (run + 1) / runs; i++) backward_ray(p, &q, nth_ray(p, q.side, i), i, &s, &g);
        }
        free(m);
    }
    if (!failed && p->dw0) {
        const sums g = sums_at(p, &q, parts);
        collect(p->dw0, g.w0, p->hidden, p->c, q.cp, runs, size);
        collect(p->db0, g.b0, 1, p->hidden, q.hp, runs, size);
        collect(p->dw1, g.ws, 1, p->hidden, q.hp, runs, size);                           /* row 0 is sigma's */
        collect((float *)p->dw1 + p->hidden, g.w1, p->colours, p->hidden, q.hp, runs, size);
        collect(p->db1, g.bs, 1, 1, 1, runs, size);
        collect((float *)p->db1 + 1, g.b1, 1, p->colours, q.op, runs, size);
    }
    free(parts);
    free(q.w0t);
    return failed;
}
