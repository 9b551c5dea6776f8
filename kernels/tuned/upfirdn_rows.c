/* upfirdn_rows.c -- the resampling filter for the CPU, when it only enlarges or only reduces.
 * Separable: for each output row the input rows under the taps are combined into one line, with zeros on both sides
 * so that the second pass, along the line, needs no bounds.  The passes of a 4-tap filter (StyleGAN2's) are written
 * out so that the compiler turns them into vector code. */
#include <string.h>
#include "tuned.h"

enum { LINE = 4096, TAPS = 64 };

struct pass { int64_t up, down, pad, taps; float f[TAPS]; };

static int64_t first_tap(int64_t start, int64_t up) { int64_t r = start % up; return r == 0 ? 0 : r > 0 ? up - r : -r; }

/* line[0..W) = the rows under output row o, weighted.  False when no row is. */
static int combine_rows(const struct k_upfirdn *p, const struct pass *v, const float *x, int64_t o, float *restrict line) {
    const float *row[TAPS];
    float f[TAPS];
    int count = 0;
    const int64_t start = o * v->down - v->pad, W = p->W;
    for (int64_t t = first_tap(start, v->up); t < v->taps; t += v->up) {
        const int64_t y = (start + t) / v->up;
        if (start + t < 0 || y >= p->H) continue;
        row[count] = x + y * W;
        f[count++] = v->f[t];
    }
    if (!count) return 0;
    if (count == 2) {
        const float *r0 = row[0], *r1 = row[1], f0 = f[0], f1 = f[1];
        for (int64_t c = 0; c < W; c++) line[c] = f0 * r0[c] + f1 * r1[c];
    } else if (count == 4) {
        const float *r0 = row[0], *r1 = row[1], *r2 = row[2], *r3 = row[3], f0 = f[0], f1 = f[1], f2 = f[2], f3 = f[3];
        for (int64_t c = 0; c < W; c++) line[c] = f0 * r0[c] + f1 * r1[c] + f2 * r2[c] + f3 * r3[c];
    } else {
        for (int64_t c = 0; c < W; c++) line[c] = f[0] * row[0][c];
        for (int k = 1; k < count; k++)
            for (int64_t c = 0; c < W; c++) line[c] += f[k] * row[k][c];
    }
    return 1;
}

/* out[o] from the line; `add` is a constant wherever this is called. */
static inline __attribute__((always_inline)) void along(const struct pass *h, const float *restrict line, float *restrict out, int64_t OW, int add) {
    const float f0 = h->f[0], f1 = h->f[1], f2 = h->f[2], f3 = h->f[3];
    if (h->taps == 4 && h->up == 1 && h->down == 1) {
        const float *z = line - h->pad;
        for (int64_t o = 0; o < OW; o++) {
            const float v = f0 * z[o] + f1 * z[o + 1] + f2 * z[o + 2] + f3 * z[o + 3];
            out[o] = add ? out[o] + v : v;
        }
    } else if (h->taps == 4 && h->up == 1 && h->down == 2) {
        const float *z = line - h->pad;
        for (int64_t o = 0; o < OW; o++) {
            const float v = f0 * z[2 * o] + f1 * z[2 * o + 1] + f2 * z[2 * o + 2] + f3 * z[2 * o + 3];
            out[o] = add ? out[o] + v : v;
        }
    } else if (h->taps == 4 && h->up == 2) {       /* even outputs meet one pair of taps, odd outputs the other */
        const int64_t even = first_tap(-h->pad, 2), odd = 1 - even;
        const float *z0 = line + (even - h->pad) / 2, *z1 = line + (1 - h->pad + odd) / 2;
        const float e0 = h->f[even], e1 = h->f[even + 2], o0 = h->f[odd], o1 = h->f[odd + 2];
        for (int64_t m = 0; m < OW / 2; m++) {
            const float a = e0 * z0[m] + e1 * z0[m + 1], b = o0 * z1[m] + o1 * z1[m + 1];
            out[2 * m] = add ? out[2 * m] + a : a;
            out[2 * m + 1] = add ? out[2 * m + 1] + b : b;
        }
        if (OW % 2) {
            const float a = e0 * z0[OW / 2] + e1 * z0[OW / 2 + 1];
            out[OW - 1] = add ? out[OW - 1] + a : a;
        }
    } else {
        for (int64_t o = 0; o < OW; o++) {
            const int64_t start = o * h->down - h->pad;
            float v = 0;
            for (int64_t t = first_tap(start, h->up); t < h->taps; t += h->up) v += h->f[t] * line[(start + t) / h->up];
            out[o] = add ? out[o] + v : v;
        }
    }
}

static int fits(const struct k_upfirdn *p) {
    const int64_t end = (p->OW - 1) * p->down + p->taps - p->padx;   /* where the last window ends, zeros not inserted */
    return (p->up == 1 || p->down == 1) && p->taps <= TAPS && p->padx < LINE / 4 && p->W <= LINE && end < 2 * LINE;
}

int kt_upfirdn(const void *args) {
    const struct k_upfirdn *p = args;
    if (!fits(p)) return -1;
    static const float usual[] = {0.125f, 0.375f, 0.375f, 0.125f};
    const float *f = p->f ? p->f : usual;
    struct pass h = {.up = p->up, .down = p->down, .pad = p->padx, .taps = p->taps}, v = h;
    v.pad = p->pady;
    for (int64_t t = 0; t < p->taps; t++) {
        h.f[t] = f[p->flip ? p->taps - 1 - t : t];
        v.f[t] = h.f[t] * (float)p->gain;
    }
    const int64_t rows = p->planes * p->OH, margin = LINE / 4;
    #pragma omp parallel for schedule(static) if (p->n > 16384)
    for (int64_t chunk = 0; chunk < (rows + 63) / 64; chunk++) {
        float line[LINE / 4 + 2 * LINE];            /* zeros, the line, zeros as far as any window reaches */
        memset(line, 0, sizeof line);
        for (int64_t r = chunk * 64; r < rows && r < chunk * 64 + 64; r++) {
            float *out = (float *)p->out + r * p->OW;
            const float *x = (const float *)p->x + r / p->OH * p->H * p->W;
            if (!combine_rows(p, &v, x, r % p->OH, line + margin)) {
                if (!p->add) memset(out, 0, (size_t)p->OW * sizeof *out);
            } else if (p->add) along(&h, line + margin, out, p->OW, 1);
            else along(&h, line + margin, out, p->OW, 0);
        }
    }
    return 0;
}
