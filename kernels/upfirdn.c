/* upfirdn.c -- upsample, filter, downsample: plain version, one output per call, reading only samples that are not the
 * inserted zeros.  The reference for kernels/tuned/upfirdn_rows.c. */
#include "k.h"
#include "upfirdn.h"

K_FN real tap(const struct k_upfirdn *p, int64_t t) {
    if (p->flip) t = p->taps - 1 - t;
    if (p->f) return ((const real *)p->f)[t];
    return t == 0 || t == 3 ? (real)0.125 : (real)0.375;
}

/* The first tap that meets a sample, for the output whose window begins at z[start]. */
K_FN int64_t first_tap(int64_t start, int64_t up) {
    const int64_t r = start % up;
    return r == 0 ? 0 : r > 0 ? up - r : -r;
}

KERNEL(upfirdn) {
    const int64_t col = i % p->OW * p->down - p->padx, row = i / p->OW % p->OH * p->down - p->pady;
    const real *x = (const real *)p->x + i / (p->OW * p->OH) * p->H * p->W;
    const int64_t a0 = first_tap(row, p->up), b0 = first_tap(col, p->up);
    k_acc sum = 0;
    for (int64_t a = a0; a < p->taps; a += p->up) {
        const int64_t y = (row + a) / p->up;
        if (row + a < 0 || y >= p->H) continue;
        k_acc line = 0;
        for (int64_t b = b0; b < p->taps; b += p->up) {
            const int64_t c = (col + b) / p->up;
            if (col + b >= 0 && c < p->W) line += (k_acc)x[y * p->W + c] * tap(p, b);
        }
        sum += line * tap(p, a);
    }
    real *out = (real *)p->out + i;
    const real v = (real)(sum * p->gain);
    *out = p->add ? *out + v : v;
}
