/* upfirdn.cu -- resampling by a filter of four taps: the picture as it is, twice as large, or half as large (kernels/upfirdn.h).
 * A thread has a column of four outputs: each row of x that they meet is filtered across once, from the first-level cache, and added to
 * all of them.  No divisions: the plain kernel makes eight of 64 bits for an output, more than all its arithmetic. */
#include "../k.h"
#include "../upfirdn.h"
#include "upfirdn.h"

/* odd: 1 where the window of the first output begins between two samples (UP 2). */
K_FN void column(const struct k_upfirdn *p, const float *f, const int UP, const int DOWN, const int odd, int row, int col) {
    const int H = (int)p->H, W = (int)p->W, across = KC_FIR_TAPS / UP, lines = UP == 2 ? 4 : (KC_FIR_ROWS - 1) * DOWN + KC_FIR_TAPS;
    const int start = col * DOWN - (int)p->padx, between = UP == 2 ? start & 1 : 0, left = (start + between) / UP, top = (row * DOWN - (int)p->pady - odd) / UP;
    const float *const x = (const float *)p->x + (int64_t)blockIdx.z * H * W;
    float w[KC_FIR_TAPS], sum[KC_FIR_ROWS] = {0, 0, 0, 0};
    K_UNROLL
    for (int b = 0; b < across; b++) w[b] = UP == 1 ? f[b] : between ? f[2 * b + 1] : f[2 * b];
    K_UNROLL
    for (int l = 0; l < lines; l++) {
        const int y = top + l, inside = y >= 0 && y < H;
        float line = 0;
        K_UNROLL
        for (int b = 0; b < across; b++)
            if (inside && left + b >= 0 && left + b < W) line += x[y * W + left + b] * w[b];
        K_UNROLL
        for (int r = 0; r < KC_FIR_ROWS; r++) {
            const int t = UP * l - odd - r * DOWN;
            if (t >= 0 && t < KC_FIR_TAPS) sum[r] += line * f[t];
        }
    }
    float *const out = (float *)p->out + ((int64_t)blockIdx.z * p->OH + row) * p->OW + col;
    K_UNROLL
    for (int r = 0; r < KC_FIR_ROWS; r++)
        if (row + r < p->OH) {
            const float v = sum[r] * (float)p->gain;
            out[r * p->OW] = p->add ? out[r * p->OW] + v : v;
        }
}

K_FN void filter(const struct k_upfirdn *p, const int UP, const int DOWN) {
    const int col = (int)blockIdx.x * KC_FIR_COLUMNS + (int)threadIdx.x % KC_FIR_COLUMNS;
    const int row = ((int)blockIdx.y * KC_FIR_LINES + (int)threadIdx.x / KC_FIR_COLUMNS) * KC_FIR_ROWS;
    float f[KC_FIR_TAPS];
    K_UNROLL
    for (int t = 0; t < KC_FIR_TAPS; t++) f[t] = p->f ? ((const float *)p->f)[p->flip ? KC_FIR_TAPS - 1 - t : t] : t == 0 || t == 3 ? 0.125f : 0.375f;
    if (col >= p->OW || row >= p->OH) return;
    if (UP == 2 && ((row * DOWN - (int)p->pady) & 1)) column(p, f, UP, DOWN, 1, row, col);
    else column(p, f, UP, DOWN, 0, row, col);
}
K_GLOBAL(kc_upfirdn_1_1, k_upfirdn, K_THREADS) { filter(&a, 1, 1); }
K_GLOBAL(kc_upfirdn_2_1, k_upfirdn, K_THREADS) { filter(&a, 2, 1); }
K_GLOBAL(kc_upfirdn_1_2, k_upfirdn, K_THREADS) { filter(&a, 1, 2); }
