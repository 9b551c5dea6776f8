/* resample.c -- one axis of a separable resize: its tables, and what is done with them (resample.h).
 * With M = max(in, out), input j lies (num / 2 M) units of the filter from the middle of output i, where
 *     num = (2 j + 1) out - (2 i + 1) in
 * is a whole number: weights are exact to the rounding of one division, in f32 too.  Formulas: engine/ops/resize.c. */
#include "k.h"
#include "resample.h"

K_FN k_acc cubic(k_acc t, k_acc a) {
    t = t < 0 ? -t : t;
    if (t < 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? (((t - 5) * t + 8) * t - 4) * a : 0;
}
K_FN k_acc triangle(k_acc t) {
    t = t < 0 ? -t : t;
    return t < 1 ? 1 - t : 0;
}
K_FN int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }
K_FN int64_t within(int64_t v, int64_t n) { return v < 0 ? 0 : v < n ? v : n - 1; }

struct axis { int64_t in, out; int bicubic, antialias; };
/* Twice the support of the filter, in units of 1 / (2 out) of an input. */
K_FN int64_t reach(const struct axis *a) { return (a->bicubic ? 4 : 2) * (a->in > a->out ? a->in : a->out); }
/* Without antialias: the input at or before the output's middle, and how far behind it the middle is. */
K_FN int64_t base(const struct axis *a, int64_t i, k_acc *behind) {
    int64_t x = (2 * i + 1) * a->in - a->out;
    if (!a->bicubic && x < 0) x = 0;
    const int64_t b = floor_div(x, 2 * a->out);
    *behind = (k_acc)(x - b * 2 * a->out) / (k_acc)(2 * a->out);
    return b;
}
/* Inputs *from to *to - 1 are those that output i reads. */
K_FN void inputs_of(const struct axis *a, int64_t i, int64_t *from, int64_t *to) {
    const int64_t middle = (2 * i + 1) * a->in + a->out;
    k_acc unused;
    if (a->antialias) {
        *from = floor_div(middle - reach(a), 2 * a->out);
        *to = floor_div(middle + reach(a), 2 * a->out);
        if (*from < 0) *from = 0;
        if (*to > a->in) *to = a->in;
        return;
    }
    const int64_t b = base(a, i, &unused);
    *from = within(a->bicubic ? b - 1 : b, a->in);
    *to = within(a->bicubic ? b + 2 : b + 1, a->in) + 1;
}
/* Weight of input j in output i, before its weights are made to add up to 1. */
K_FN k_acc unscaled(const struct axis *a, int64_t i, int64_t j) {
    if (a->antialias) {
        const k_acc t = (k_acc)((2 * j + 1) * a->out - (2 * i + 1) * a->in) / (k_acc)(2 * (a->in > a->out ? a->in : a->out));
        return a->bicubic ? cubic(t, (k_acc)-0.5) : triangle(t);
    }
    k_acc behind, sum = 0;
    const int64_t b = base(a, i, &behind);
    for (int t = a->bicubic ? -1 : 0; t <= (a->bicubic ? 2 : 1); t++)
        if (within(b + t, a->in) == j) sum += a->bicubic ? cubic(behind - t, (k_acc)-0.75) : triangle(behind - t);
    return sum;
}
K_FN k_acc total(const struct axis *a, int64_t i) {
    int64_t from, to;
    k_acc sum = 0;
    inputs_of(a, i, &from, &to);
    for (int64_t j = from; j < to; j++) sum += unscaled(a, i, j);
    return sum;
}
/* Outputs *from to *to - 1 are those that may read input j. */
K_FN void outputs_of(const struct axis *a, int64_t j, int64_t *from, int64_t *to) {
    const int64_t far = a->antialias ? reach(a) : (a->bicubic ? 6 : 4) * a->out, middle = (2 * j + 1) * a->out - a->in;
    *from = -floor_div(far - middle, 2 * a->in);
    *to = floor_div(far + middle, 2 * a->in) + 1;
    if (*from < 0) *from = 0;
    if (*to > a->out) *to = a->out;
}

KERNEL(resample_taps) {
    const int64_t table = i / p->len;
    int64_t k = i % p->len, shift = 0, from = 0, to = 0;
    struct axis a = {p->in, p->out, p->bicubic, p->antialias};
    if (p->boxed != K_WHOLE) {
        const int32_t *const box = p->box + 4 * table + 2 * p->columns;
        const int64_t size = (int64_t)box[1] - box[0], side = p->boxed == K_BOX_IN ? p->in : p->out;
        const int ours = (p->boxed == K_BOX_IN) == (p->adjoint != 0);       /* the places of the table are the box's axis */
        if (box[0] < 0 || size < 1 || box[1] > side) { a.in = a.out = 0; k = -1; }       /* no box inside the picture: nothing is read */
        else if (p->boxed == K_BOX_IN) a.in = size;
        else a.out = size;
        if (ours) k -= box[0];
        else shift = box[0];
    }
    real *const weight = (real *)p->weight + i * p->taps;
    if (k >= 0 && k < (p->adjoint ? a.in : a.out)) {
        if (p->adjoint) outputs_of(&a, k, &from, &to);
        else inputs_of(&a, k, &from, &to);
        const k_acc sum = p->adjoint ? 1 : total(&a, k);
        for (int64_t t = from; t < to; t++) weight[t - from] = (real)(p->adjoint ? unscaled(&a, t, k) / total(&a, t) : unscaled(&a, k, t) / sum);
    }
    p->first[i] = (int32_t)(to > from ? from + shift : 0);
    p->count[i] = (int32_t)(to > from ? to - from : 0);
}

KERNEL_ROWS(resample_rows) {
    const int64_t width = p->width, plane = i / p->out_len, k = i % p->out_len, at = plane / p->share * p->out_len + k, count = p->count[at];
    const real *weight = (const real *)p->weight + at * p->taps;
    const real *in = (const real *)p->in + (plane * p->in_len + p->first[at]) * width;
    real *__restrict__ out = (real *)p->out + i * width;
#ifdef K_CUDA
    K_LOOP(j, width) {
        real s = 0;
        for (int64_t t = 0; t < count; t++) s += weight[t] * in[t * width + j];
        out[j] = p->add ? out[j] + s : s;
    }
#else
    if (!p->add) for (int64_t j = 0; j < width; j++) out[j] = 0;
    for (int64_t t = 0; t < count; t++) {
        const real w = weight[t], *__restrict__ line = in + t * width;
        for (int64_t j = 0; j < width; j++) out[j] += w * line[j];
    }
#endif
}

KERNEL_ROWS(resample_cols) {
    const real *in = (const real *)p->in + i * p->in_len;
    real *out = (real *)p->out + i * p->out_len;
    const int64_t table = i / p->share * p->out_len;
    K_LOOP(k, p->out_len) {
        const real *w = (const real *)p->weight + (table + k) * p->taps, *x = in + p->first[table + k];
        const int64_t count = p->count[table + k];
        real s = 0;
        for (int64_t t = 0; t < count; t++) s += w[t] * x[t];
        out[k] = p->add ? out[k] + s : s;
    }
}

KERNEL_SPREAD(box_outside, w) {
    const int64_t line = i % p->h;
    const int32_t *const box = p->box + i / p->h / p->channels * 4;
    const int64_t from = line >= box[0] && line < box[1] ? box[2] : 0, to = line >= box[0] && line < box[1] ? box[3] : 0;
    const real *in = (const real *)p->in + i * p->w;
    real *out = (real *)p->out + i * p->w;
    if (p->add) { K_LOOP(j, p->w) out[j] += j >= from && j < to ? 0 : in[j]; }
    else { K_LOOP(j, p->w) out[j] = j >= from && j < to ? 0 : in[j]; }
}

/* Rounded as the published code does it, in f32 whatever the type. */
KERNEL(mouth_box) {
    const real *lms = (const real *)p->lms + i * 68 * 3;
    const float half = (float)p->res / 2;
    float lo[2] = {INFINITY, INFINITY}, hi[2] = {-INFINITY, -INFINITY}, corner[2][2] = {{0, 0}, {0, 0}};
    for (int k = 48; k < 60; k++)
        for (int d = 0; d < 2; d++) {
            const float at = half - (float)lms[3 * k + d] * half;
            lo[d] = at < lo[d] ? at : lo[d];
            hi[d] = at > hi[d] ? at : hi[d];
            if (k == 48 || k == 54) corner[k == 54][d] = at;
        }
    const float wide = hi[0] - lo[0], high = hi[1] - lo[1], side = 1.2f * (wide > high ? wide : high);
    int64_t h = side > 0 && side < 4 * half ? (int64_t)side / 2 : 1;        /* 1 for landmarks that are not numbers, too */
    if (h < 1) h = 1;
    if (h > p->res / 2) h = p->res / 2;
    for (int d = 0; d < 2; d++) {
        const float centre = (corner[0][d] + corner[1][d]) / 2;
        int64_t from = (int64_t)(centre - (float)h), to = (int64_t)(centre + (float)h);
        if (!(centre > -4 * half && centre < 4 * half)) { from = 0; to = 2 * h; }
        const int64_t shift = from < 0 ? -from : to > p->res ? p->res - to : 0;
        p->box[4 * i + 2 * (1 - d)] = (int32_t)(from + shift);
        p->box[4 * i + 2 * (1 - d) + 1] = (int32_t)(to + shift);
    }
}
