/* transpose.c -- out[b][j][i] = in[b][i][j], in tiles: pictures to channels-last and back.
 * Within a tile the inner loop runs along the longer side of the matrix: lines a
 * large power of two apart fall into one cache set, so few of them may be in use. */
#include "k.h"
#include "transpose.h"

KERNEL_ROWS(transpose) {
    const int64_t T = K_TRANSPOSE_TILE, rows = p->rows, cols = p->cols;
    const int64_t tr = (rows + T - 1) / T, tc = (cols + T - 1) / T;
    const int64_t b = i / (tr * tc), r0 = i / tc % tr * T, c0 = i % tc * T;
    const int64_t nr = rows - r0 < T ? rows - r0 : T, nc = cols - c0 < T ? cols - c0 : T;
    const real *__restrict__ in = (const real *)p->in + (b * rows + r0) * cols + c0;
    real *__restrict__ out = (real *)p->out + (b * cols + c0) * rows + r0;
    if (p->add) {
        K_LOOP(c, nc) for (int64_t r = 0; r < nr; r++) out[c * rows + r] += in[r * cols + c];
    } else if (cols > rows) {
        K_LOOP(r, nr) for (int64_t c = 0; c < nc; c++) out[c * rows + r] = in[r * cols + c];
    } else {
        K_LOOP(c, nc) for (int64_t r = 0; r < nr; r++) out[c * rows + r] = in[r * cols + c];
    }
}
