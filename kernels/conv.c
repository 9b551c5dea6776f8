/* conv.c -- the plain two-dimensional convolution, forward and both gradients, each output gathered by one call.
 * The reference for kernels/tuned/conv_dnnl.c, and what f64 and devices without a tuned version run. */
#include "k.h"
#include "conv.h"

/* Where the kernel of output channel o and its group's c-th input channel begins. */
K_FN int64_t taps_at(int64_t o, int64_t c, int64_t O, int64_t cg, int64_t size, int64_t swapped) {
    return (swapped ? c * O + o : o * cg + c) * size;
}

KERNEL(conv_fwd) {
    const int64_t v = i % p->OW, u = i / p->OW % p->OH, o = i / (p->OW * p->OH) % p->O, n = i / (p->OW * p->OH * p->O);
    const int64_t cg = p->C / p->groups, c0 = o / (p->O / p->groups) * cg;
    const real *x = (const real *)p->x + (n * p->C + c0) * p->H * p->W;
    k_acc sum = 0;
    for (int64_t c = 0; c < cg; c++, x += p->H * p->W) {
        const real *w = (const real *)p->w + taps_at(o, c, p->O, cg, p->kh * p->kw, p->swapped);
        for (int64_t a = 0; a < p->kh; a++) {
            const int64_t row = u * p->stride - p->pad + a;
            for (int64_t b = 0; b < p->kw; b++, w++) {
                const int64_t col = v * p->stride - p->pad + b;
                if (row >= 0 && row < p->H && col >= 0 && col < p->W) sum += (k_acc)x[row * p->W + col] * *w;
            }
        }
    }
    ((real *)p->out)[i] = (real)sum;
}

KERNEL(conv_bwd_x) {
    const int64_t col = i % p->W, row = i / p->W % p->H, c = i / (p->W * p->H) % p->C, n = i / (p->W * p->H * p->C);
    const int64_t cg = p->C / p->groups, og = p->O / p->groups, o0 = c / cg * og;
    k_acc sum = 0;
    for (int64_t o = o0; o < o0 + og; o++) {
        const real *dy = (const real *)p->y + (n * p->O + o) * p->OH * p->OW;
        const real *w = (const real *)p->w + taps_at(o, c % cg, p->O, cg, p->kh * p->kw, p->swapped);
        for (int64_t a = 0; a < p->kh; a++) {
            const int64_t u = row + p->pad - a;
            if (u < 0 || u % p->stride || u / p->stride >= p->OH) continue;
            for (int64_t b = 0; b < p->kw; b++) {
                const int64_t v = col + p->pad - b;
                if (v < 0 || v % p->stride || v / p->stride >= p->OW) continue;
                sum += (k_acc)dy[u / p->stride * p->OW + v / p->stride] * w[a * p->kw + b];
            }
        }
    }
    ((real *)p->out)[i] = (real)sum;
}

KERNEL_ROWS(conv_bwd_w) {
    const int64_t cg = p->C / p->groups;
    const int64_t b = i % p->kw, a = i / p->kw % p->kh, pair = i / (p->kw * p->kh);
    const int64_t c = p->swapped ? pair / p->O : pair % cg, o = p->swapped ? pair % p->O : pair / cg;
    const int64_t channel = o / (p->O / p->groups) * cg + c;
    k_acc sum = 0;
    for (int64_t n = 0; n < p->N; n++) {
        const real *x = (const real *)p->x + (n * p->C + channel) * p->H * p->W;
        const real *dy = (const real *)p->y + (n * p->O + o) * p->OH * p->OW;
        K_LOOP(uv, p->OH * p->OW) {
            const int64_t row = uv / p->OW * p->stride - p->pad + a, col = uv % p->OW * p->stride - p->pad + b;
            if (row >= 0 && row < p->H && col >= 0 && col < p->W) sum += (k_acc)x[row * p->W + col] * dy[uv];
        }
    }
    sum = K_SUM(sum);
    if (K_FIRST) ((real *)p->out)[i] = (real)sum;
}
