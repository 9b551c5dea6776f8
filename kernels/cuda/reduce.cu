/* reduce.cu -- sums that one block per row would leave to a few blocks, or one thread per column to a few threads.
 * Rows and columns are cut into pieces, a block sums a piece, and a warp adds a result's pieces, always in the same order.
 * Plain twins: kernels/{reduce,channel,matmul,norm,bias_act,modconv,raymarch}.c. */
#include "../k.h"
#include "reduce.h"

K_GLOBAL(kc_sum_rows, kc_sum_rows, K_THREADS) {
    const int64_t r = blockIdx.x % a.rows, piece = blockIdx.x / a.rows, first = piece % a.per * KC_PIECE, left = a.S - first;
    const int64_t at = (piece / a.per * a.rows + r) * a.S + first;
    const float *const x = (const float *)a.x + at, *const y = (const float *)a.y + (a.y ? at : 0);
    const int count = left < KC_PIECE ? (int)left : KC_PIECE;
    float sum = 0;
    if (a.term == KC_X) for (int j = (int)threadIdx.x; j < count; j += K_THREADS) sum += x[j];
    else if (a.term == KC_XY) for (int j = (int)threadIdx.x; j < count; j += K_THREADS) sum += x[j] * y[j];
    else for (int j = (int)threadIdx.x; j < count; j += K_THREADS) sum += x[j] > 0 ? 0 : x[j] * y[j];
    sum = K_SUM(sum);
    if (threadIdx.x == 0) ((float *)a.parts)[piece * a.rows + r] = sum;
}

K_GLOBAL(kc_sum_short, kc_sum_short, K_THREADS) {
    const int64_t r = (int64_t)blockIdx.x * (K_THREADS / K_WARP) + threadIdx.x / K_WARP;
    const float *const x = (const float *)a.x + r * a.S;
    float sum = 0;
    for (int j = (int)threadIdx.x % K_WARP; r < a.rows && j < a.S; j += K_WARP) sum += x[j];
    sum = k_warp_sum(sum);
    if (r < a.rows && threadIdx.x % K_WARP == 0) ((float *)a.out)[r] = sum * (float)a.scale;
}

K_GLOBAL(kc_sum_columns, kc_sum_columns, K_THREADS) {
    enum { LINES = K_THREADS / KC_COLUMNS };
    K_SHARED(float, box, [2][LINES][KC_COLUMNS]);
    const int col = (int)threadIdx.x % KC_COLUMNS, line = (int)threadIdx.x / KC_COLUMNS;
    const int64_t j = (int64_t)blockIdx.x * KC_COLUMNS + col, o = blockIdx.z, piece = blockIdx.y;
    const int64_t from = a.len * piece / a.pieces, to = a.len * (piece + 1) / a.pieces;
    const float *const x = (const float *)a.x + o * a.len * a.inner + j, *const y = (const float *)a.y + (a.y ? j : 0);
    float sum = 0, sum_y = 0;
    if (j < a.inner && !a.y) for (int64_t r = from + line; r < to; r += LINES) sum += x[r * a.inner];
    if (j < a.inner && a.y)
        for (int64_t r = from + line; r < to; r += LINES) {
            const float g = y[r * a.inner];
            sum += g * ((x[r * a.inner] - ((const float *)a.mean)[r]) * ((const float *)a.rstd)[r]);
            sum_y += g;
        }
    box[0][line][col] = sum;
    box[1][line][col] = sum_y;
    __syncthreads();
    if (line > 0 || j >= a.inner) return;
    for (int k = 1; k < LINES; k++) {
        sum += box[0][k][col];
        sum_y += box[1][k][col];
    }
    const int64_t at = (piece * a.outer + o) * a.inner + j;
    ((float *)a.parts)[at] = sum;
    if (a.y) ((float *)a.parts_y)[at] = sum_y;
}

K_GLOBAL(kc_sum_finish, kc_sum_finish, K_THREADS) {
    const int64_t i = (int64_t)blockIdx.x * (K_THREADS / K_WARP) + threadIdx.x / K_WARP;
    float sum = 0;
    for (int64_t k = threadIdx.x % K_WARP; i < a.n && k < a.pieces; k += K_WARP) sum += ((const float *)a.parts)[k * a.n + i];
    sum = k_warp_sum(sum) * (float)a.scale;
    if (i >= a.n || threadIdx.x % K_WARP != 0) return;
    float *const out = (float *)a.out + i;
    *out = a.add ? *out + sum : sum;
}

K_GLOBAL(kc_bias_act_bwd, kc_bias_act_bwd, K_THREADS) {
    const struct k_bias_act_bwd *const p = &a.p;
    const int64_t i = blockIdx.x, first = (int64_t)blockIdx.y * KC_PIECE, left = p->S - first;
    const float up = (float)p->gain, low = (float)(p->gain * p->slope), limit = (float)p->limit;
    const float *const y = (const float *)p->y + i * p->S + first, *const dy = (const float *)p->dy + i * p->S + first;
    const float *const noise = (const float *)p->noise + (p->row_s ? i / p->C * p->noise_step + first : 0);
    float *const dx = (float *)p->dx + (p->dx ? i * p->S + first : 0);
    const int count = left < KC_PIECE ? (int)left : KC_PIECE;
    float sum = 0, sum_noise = 0;
    for (int s = (int)threadIdx.x; s < count; s += K_THREADS) {
        const float v = y[s], g = k_abs(v) < limit ? dy[s] * (v > 0 ? up : low) : 0;
        if (p->dx) dx[s] = p->add ? dx[s] + g : g;
        sum += g;
        if (p->row_s) sum_noise += g * noise[s];
    }
    if (p->row_b) {
        sum = K_SUM(sum);
        if (threadIdx.x == 0) ((float *)p->row_b)[blockIdx.y * p->n + i] = sum;
    }
    if (p->row_s) {
        sum_noise = K_SUM(sum_noise);
        if (threadIdx.x == 0) ((float *)p->row_s)[blockIdx.y * p->n + i] = sum_noise;
    }
}

K_GLOBAL(kc_row_dot, kc_row_dot, K_THREADS) {
    const struct k_row_dot *const p = &a.p;
    const int64_t i = blockIdx.x, first = (int64_t)blockIdx.y * KC_PIECE, left = p->S - first;
    const float *const x = (const float *)p->x + i * p->S + first, *const y = (const float *)p->y + i * p->S + first;
    float *const dx = (float *)p->dx + (p->dx ? i * p->S + first : 0);
    const float f = p->dx ? ((const float *)p->s)[i] : 0;
    const int count = left < KC_PIECE ? (int)left : KC_PIECE;
    float sum = 0;
    for (int j = (int)threadIdx.x; j < count; j += K_THREADS) {
        const float v = x[j];
        sum += v * y[j];
        if (p->dx) dx[j] = p->add ? dx[j] + v * f : v * f;
    }
    sum = K_SUM(sum);
    if (threadIdx.x == 0) ((float *)p->out)[blockIdx.y * p->n + i] = sum;
}

/* Least and greatest of a block's share of the depths; then, in one block, of the blocks'. */
K_FN void range_of(const float *low, const float *high, int64_t step, int64_t from, int64_t n, int64_t stride, float *out) {
    float lo = low[0], hi = high[0];
    for (int64_t j = from; j < n; j += stride) {
        lo = low[j * step] < lo ? low[j * step] : lo;
        hi = high[j * step] > hi ? high[j * step] : hi;
    }
    lo = -K_MAX(-lo);
    hi = K_MAX(hi);
    if (threadIdx.x == 0) {
        out[0] = lo;
        out[1] = hi;
    }
}
K_GLOBAL(kc_depth_range, kc_depth_range, K_THREADS) {
    const float *const t = (const float *)a.depths;
    range_of(t, t, 1, blockIdx.x * (int64_t)K_THREADS + threadIdx.x, a.count, (int64_t)gridDim.x * K_THREADS, (float *)a.parts + 2 * blockIdx.x);
}
K_GLOBAL(kc_depth_range_end, kc_depth_range, K_THREADS) {
    const float *const t = (const float *)a.parts;
    range_of(t, t + 1, 2, threadIdx.x, a.blocks, K_THREADS, (float *)a.range);
}
