/* winograd.c -- 3x3 convolutions of stride 1 by Winograd's method F(4x4,3x3) (Lavin and Gray, "Fast Algorithms for Convolutional
 * Neural Networks", 2015): 36 multiplications for 16 results instead of 144.
 *     y tile = A [ sum over c of (G w G') (B x tile B') ] A',   tiles of x are 6x6, of y 4x4
 * A convolution is a product of polynomials; G and B take their values at the points 0, P, -P, Q, -Q and infinity, A interpolates.
 * The sum over channels is a matrix product for each of the 36 positions.  Points near 1 keep the error small: with 1 and 2 it is four
 * times as large.
 *
 * A strip of tile rows is done at a time, so that its transformed tiles V and products M stay near the processor; nothing is
 * reordered outside of it.  Neighbouring tiles lie side by side in a vector: a row of pixels is first parted into its columns
 * 0, 1, 2, 3 modulo 4.  Where a width is no multiple of the vector's, the last vector begins earlier and does some tiles again.
 * Each product stays on one thread, so results do not depend on the number of threads.
 *
 * Errors are 2e-6 to 3e-6 of the largest result, of direct sums 4e-7 (tests/c/test_conv.c).  Times: docs/bench/conv.md. */
#include <dnnl.h>
#include "internal.h"
#include "tuned.h"
#include "winograd.h"

enum { TILE = 4, REACH = 6, POINTS = REACH * REACH, LANES = 8, CHUNK = 128 };
static const int64_t STRIP = 5 << 20;                        /* numbers in V and M together, about */
typedef float vec __attribute__((vector_size(4 * LANES), aligned(4)));
#define VEC(p) (*(vec *)(p))
#define P (5 / 8.0f)
#define Q (3 / 2.0f)
#define P2 (P * P)
#define Q2 (Q * Q)

/* x [N,C,H,W] to y [N,O,OH,OW] with `pad` zeros before.  The kernels lie as [outer][inner][3][3]; inner is O when by_output, else C;
 * turned: each by half a turn. */
struct job {
    int64_t N, C, H, W, O, OH, OW, pad, down, across;        /* down, across: tiles in a picture */
    bool by_output, turned;
    const float *x, *w;
    float *y;
};

/* ---- kernels: U [36][outer][inner] ---- */

/* Values at the points of a polynomial of three numbers, divided by what Lagrange's formula wants. */
static void widen(const vec g[3], vec u[REACH]) {
    const float near = 1 / (2 * P2 * (P2 - Q2)), far = 1 / (2 * Q2 * (Q2 - P2));
    const vec a = near * (g[0] + P2 * g[2]), b = near * P * g[1], c = far * (g[0] + Q2 * g[2]), d = far * Q * g[1];
    u[0] = 1 / (P2 * Q2) * g[0];
    u[1] = a + b;
    u[2] = a - b;
    u[3] = c + d;
    u[4] = c - d;
    u[5] = g[2];
}

static void transform_kernels(const struct job *b, float *u) {
    const int64_t outer = b->by_output ? b->C : b->O, inner = b->by_output ? b->O : b->C;
    #pragma omp parallel for
    for (int64_t o = 0; o < outer; o++)
        for (int64_t j = 0; j < inner; j += LANES) {
            const int64_t at = j + LANES > inner ? inner - LANES : j;
            const float *w = b->w + (o * inner + at) * 9;
            vec g[3][3], s[3][REACH], t[3], out[REACH];
            for (int k = 0; k < 9; k++)
                for (int l = 0; l < LANES; l++) g[k / 3][k % 3][l] = w[9 * l + (b->turned ? 8 - k : k)];
            for (int k = 0; k < 3; k++) widen(g[k], s[k]);                   /* rows, then columns */
            for (int k = 0; k < REACH; k++) {
                for (int i = 0; i < 3; i++) t[i] = s[i][k];
                widen(t, out);
                for (int i = 0; i < REACH; i++) VEC(u + ((i * REACH + k) * outer + o) * inner + at) = out[i];
            }
        }
}

/* ---- pixels: V [36][C][T] ---- */

/* The transpose of interpolation: coefficients of the points' polynomials, times six numbers. */
static void spread(const vec d[REACH], vec v[REACH]) {
    const vec a = d[4] - Q2 * d[2], b = P * (d[3] - Q2 * d[1]), c = d[4] - P2 * d[2], e = Q * (d[3] - P2 * d[1]);
    v[0] = P2 * Q2 * d[0] - (P2 + Q2) * d[2] + d[4];
    v[1] = a + b;
    v[2] = a - b;
    v[3] = c + e;
    v[4] = c - e;
    v[5] = P2 * Q2 * d[1] - (P2 + Q2) * d[3] + d[5];
}

/* Columns of a row from `first` on, which may lie outside: part[q][j] = row[first + 4j + q].  row NULL: zeros. */
static void part_row(const float *row, int64_t W, int64_t first, int64_t n, float part[TILE][CHUNK + 1]) {
    int64_t from = first < 0 ? (TILE - 1 - first) / TILE : 0, to = (W - first) / TILE;      /* tiles wholly inside */
    if (to > n) to = n;
    if (!row || to < from) to = from = n;
    for (int64_t j = from; j < to; j++)
        for (int q = 0; q < TILE; q++) part[q][j] = row[first + TILE * j + q];
    for (int64_t j = 0; j < n; j = j + 1 == from ? to : j + 1)
        for (int q = 0; q < TILE && (j < from || j >= to); q++) {
            const int64_t at = first + TILE * j + q;
            part[q][j] = row && at >= 0 && at < W ? row[at] : 0;
        }
}

/* One row of tiles of one channel, n tiles from tile `left` on; v: position 0, step from position to position. */
static void transform_pixels(const struct job *b, const float *x, int64_t top, int64_t left, int64_t n, float *v, int64_t step) {
    float part[REACH][TILE][CHUNK + 1];
    for (int i = 0; i < REACH; i++) {
        const int64_t row = top + i;
        part_row(row >= 0 && row < b->H ? x + row * b->W : NULL, b->W, TILE * left - b->pad, n + 1, part[i]);
    }
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t at = j + LANES > n ? n - LANES : j;
        vec d[REACH], t[REACH][REACH], s[REACH], out[REACH];
        for (int k = 0; k < REACH; k++) {
            for (int i = 0; i < REACH; i++) d[i] = VEC(&part[i][k % TILE][at + k / TILE]);
            spread(d, s);
            for (int i = 0; i < REACH; i++) t[i][k] = s[i];
        }
        for (int i = 0; i < REACH; i++) {
            spread(t[i], out);
            for (int k = 0; k < REACH; k++) VEC(v + (i * REACH + k) * step + at) = out[k];
        }
    }
}

/* ---- results: from M [36][O][T] ---- */

/* Sums of the six weighted by powers 0 to 3 of their points. */
static void gather(const vec m[REACH], vec y[TILE]) {
    const vec a = m[1] + m[2], b = P * (m[1] - m[2]), c = m[3] + m[4], d = Q * (m[3] - m[4]);
    y[0] = m[0] + a + c;
    y[1] = b + d;
    y[2] = P2 * a + Q2 * c;
    y[3] = P2 * b + Q2 * d + m[5];
}

static void transform_results(const struct job *b, const float *m, int64_t step, float *y, int64_t top, int64_t left, int64_t n) {
    float part[TILE][TILE][CHUNK];
    for (int64_t j = 0; j < n; j += LANES) {
        const int64_t at = j + LANES > n ? n - LANES : j;
        vec d[REACH], t[TILE][REACH], s[TILE], out[TILE];
        for (int k = 0; k < REACH; k++) {
            for (int i = 0; i < REACH; i++) d[i] = VEC(m + (i * REACH + k) * step + at);
            gather(d, s);
            for (int i = 0; i < TILE; i++) t[i][k] = s[i];
        }
        for (int i = 0; i < TILE; i++) {
            gather(t[i], out);
            for (int k = 0; k < TILE; k++) VEC(&part[i][k][at]) = out[k];
        }
    }
    const int64_t whole = (b->OW - TILE * left) / TILE < n ? (b->OW - TILE * left) / TILE : n;
    for (int i = 0; i < TILE && top + i < b->OH; i++) {
        float *row = y + (top + i) * b->OW + TILE * left;
        for (int64_t j = 0; j < whole; j++)
            for (int k = 0; k < TILE; k++) row[TILE * j + k] = part[i][k][j];
        for (int64_t k = 0; whole < n && k < (b->OW - TILE * left) % TILE; k++) row[TILE * whole + k] = part[i][k][whole];
    }
}

/* ---- a strip of tile rows, counted through all pictures ---- */

static int strip(const struct job *b, const float *u, float *v, float *m, int64_t first, int64_t rows) {
    const int64_t T = rows * b->across, width = b->across < CHUNK ? b->across : CHUNK;
    int failed = 0;
    #pragma omp parallel reduction(| : failed)
    {
        #pragma omp for
        for (int64_t c = 0; c < b->C; c++)
            for (int64_t r = 0; r < rows; r++)
                for (int64_t j = 0; j < b->across; j += width) {
                    const int64_t left = j + width > b->across ? b->across - width : j, n = (first + r) / b->down, top = (first + r) % b->down * TILE - b->pad;
                    transform_pixels(b, b->x + (n * b->C + c) * b->H * b->W, top, left, width, v + c * T + r * b->across + left, b->C * T);
                }
        #pragma omp for schedule(dynamic)
        for (int k = 0; k < POINTS; k++)
            failed |= dnnl_sgemm(b->by_output ? 'T' : 'N', 'N', b->O, T, b->C, 1, u + k * b->O * b->C, b->by_output ? b->O : b->C, v + k * b->C * T, T, 0,
                                 m + k * b->O * T, T) != dnnl_success;
        #pragma omp for
        for (int64_t o = 0; o < b->O; o++)
            for (int64_t r = 0; r < rows; r++)
                for (int64_t j = 0; j < b->across; j += width) {
                    const int64_t left = j + width > b->across ? b->across - width : j, n = (first + r) / b->down, top = (first + r) % b->down * TILE;
                    transform_results(b, m + o * T + r * b->across + left, b->O * T, b->y + (n * b->O + o) * b->OH * b->OW, top, left, width);
                }
    }
    return failed;
}

static int run(const struct job *b) {
    const int64_t all = b->N * b->down;
    int64_t rows = STRIP / (POINTS * (b->C + b->O) * b->across);
    if (rows < 1) rows = 1;
    if (rows > all) rows = all;
    const size_t nu = (size_t)(POINTS * b->O * b->C) * 4, nv = (size_t)(POINTS * b->C * rows * b->across) * 4, nm = (size_t)(POINTS * b->O * rows * b->across) * 4;
    float *u = mn_alloc(nu), *v = u ? mn_alloc(nv) : NULL, *m = v ? mn_alloc(nm) : NULL;
    int failed = !m;
    if (!failed) transform_kernels(b, u);
    for (int64_t r = 0; r < all && !failed; r += rows) failed = strip(b, u, v, m, r, r + rows < all ? rows : all - r);
    if (u) mn_dealloc(u, nu);
    if (v) mn_dealloc(v, nv);
    if (m) mn_dealloc(m, nm);
    return failed;
}

/* The transforms cost per channel and per kernel what the products save per pair of channels and per tile. */
static bool pays(const struct job *b) { return b->across >= LANES && b->C >= 32 && b->O >= 32 && b->N * b->down * b->across >= 64; }

int winograd(const struct k_conv *p, int backward) {
    if (p->kh != 3 || p->kw != 3 || p->stride != 1 || p->groups != 1 || p->pad > 2) return -1;
    struct job b = {.N = p->N, .C = p->C, .H = p->H, .W = p->W, .O = p->O, .OH = p->OH, .OW = p->OW, .pad = p->pad, .by_output = p->swapped, .x = p->x, .w = p->w, .y = p->out};
    if (backward)
        b = (struct job){.N = p->N, .C = p->O, .H = p->OH, .W = p->OW, .O = p->C, .OH = p->H, .OW = p->W, .pad = 2 - p->pad, .by_output = !p->swapped, .turned = true,
                         .x = p->y, .w = p->w, .y = p->out};
    b.down = (b.OH + TILE - 1) / TILE;
    b.across = (b.OW + TILE - 1) / TILE;
    return pays(&b) ? run(&b) : -1;
}
