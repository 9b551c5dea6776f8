/* rasterize.cu -- which triangle each pixel sees: a block has 16 x 16 pixels, a thread one of them.
 * The faces are gone through 256 at a time.  Each thread looks whether one face's box meets the tile; those that do are
 * gathered in shared memory, in the order of their numbers, and every thread tries them on its pixel.  So nothing is sorted or
 * stored, and of two equal depths the lower number wins as on the CPU (the rule: rasterize_at.h). */
#include "../k.h"
#include "../rasterize.h"
#include "../rasterize_at.h"
#include "rasterize.h"

K_GLOBAL(kc_rasterize, k_rasterize_fwd, K_THREADS) {
    enum { SIDE = KC_RASTER_TILE, WARPS = K_THREADS / K_WARP };
    K_SHARED(struct tri, found, [K_THREADS]);
    K_SHARED(int32_t, number, [K_THREADS]);
    K_SHARED(int, counts, [WARPS]);
    const int64_t s = a.size, b = blockIdx.z, thread = threadIdx.x, warp = thread / K_WARP;
    const int64_t row = blockIdx.y * SIDE + thread / SIDE, col = blockIdx.x * SIDE + thread % SIDE, last = s - 1;
    const int64_t row_end = blockIdx.y * SIDE + SIDE - 1, col_end = blockIdx.x * SIDE + SIDE - 1;
    const real px = centre(col, s), py = centre(row, s);
    const real right = centre(blockIdx.x * SIDE, s), left = centre(col_end < last ? col_end : last, s);       /* axes run to the left and up */
    const real top = centre(blockIdx.y * SIDE, s), bottom = centre(row_end < last ? row_end : last, s);
    const real *const pos = (const real *)a.pos + b * a.v * 3;
    int32_t index = -1;
    real depth = -1, w[3] = {0, 0, 0};
    for (int64_t first = 0; first < a.f; first += K_THREADS) {
        const int64_t f = first + thread;
        struct tri t;
        const int meets = f < a.f && fetch(pos, a.faces, a.v, f, &t)
                       && most(t.x) >= left && least(t.x) <= right && most(t.y) >= bottom && least(t.y) <= top;
        const unsigned those = k_ballot(meets);
        if (thread % K_WARP == 0) counts[warp] = __popc(those);
        __syncthreads();
        int at = __popc(those & ((1u << thread % K_WARP) - 1)), total = 0;
        for (int k = 0; k < WARPS; k++) {
            if (k < warp) at += counts[k];
            total += counts[k];
        }
        if (meets) {
            found[at] = t;
            number[at] = (int32_t)f;
        }
        __syncthreads();
        for (int k = 0; k < total; k++) {
            const struct tri *const q = &found[k];
            if (!(py >= least(q->y) && py <= most(q->y))) continue;
            const struct span line = span_at(q, py);
            real v[3], d;
            if (!covers(q, &line, px, v, &d) || (index >= 0 && !(d < depth))) continue;
            index = number[k];
            depth = d;
            for (int e = 0; e < 3; e++) w[e] = v[e];
        }
    }
    if (row >= s || col >= s) return;
    const int64_t at = (b * s + row) * s + col;
    a.index[at] = index;
    ((real *)a.depth)[at] = depth;
    for (int e = 0; e < 3; e++) ((real *)a.w)[3 * at + e] = w[e];
}
