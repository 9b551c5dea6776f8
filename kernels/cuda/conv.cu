/* conv.cu -- convolution as a product of tiles in shared memory (implicit GEMM).
 *
 * A block makes WM * 64 output channels by 8 x 16 (WM = 2) or 16 x 16 (WM = 1) pixels of one sample; each of its 8 warps
 * makes 64 x 32.  The sum runs over steps: KC_ROW bytes of channels at one tap.
 *     weights   packed beforehand, so a step's tile is one contiguous piece; copied in the background, KC_STAGES deep
 *     pixels    [pixel][channels] in shared memory.  For stride 1 the tile carries the margin that the taps reach, is loaded
 *               once per chunk of channels and read at shifted rows for each tap; otherwise it is loaded anew for each tap.
 *               The next tile is loaded in equal parts during the steps of this one: into registers before the product,
 *               scaled, rounded and stored after it.
 * Rows are 64 bytes of four 16-byte units; unit q of row r lies at q ^ (r / 2 % 4), so that eight rows one below the
 * other, which is what is written and read together, fall into different banks.
 *
 * The gradient to the input of a convolution with stride s is s * s convolutions with stride 1, one for each remainder
 * (row + pad) % s, (col + pad) % s, with the taps of that remainder in reverse: no products with inserted zeros. */
#include "device.h"
#include "conv.h"

#ifdef __CUDACC__
typedef uint4 unit;
#else
typedef struct unit { uint32_t x, y, z, w; } unit;
#endif

K_FN int place(int row, int q) { return row * KC_UNITS + (q ^ (row >> 1 & 3)); }
K_FN int wide(const int type) { return type == KC_F32 || type == KC_TF32; }        /* 4 numbers to a unit, else 8 */
K_FN int per_unit(const int type) { return wide(type) ? 4 : 8; }
K_FN uint32_t bits(float v) {
    union { float f; uint32_t i; } u;
    u.f = v;
    return u.i;
}
K_FN unit make_unit(const float *v, const int type) {
    unit u;
    if (type == KC_F32) { u.x = bits(v[0]); u.y = bits(v[1]); u.z = bits(v[2]); u.w = bits(v[3]); }
    else if (type == KC_TF32) { u.x = k_tf32(v[0]); u.y = k_tf32(v[1]); u.z = k_tf32(v[2]); u.w = k_tf32(v[3]); }
    else if (type == KC_BF16) { u.x = k_pack_bf16(v[0], v[1]); u.y = k_pack_bf16(v[2], v[3]); u.z = k_pack_bf16(v[4], v[5]); u.w = k_pack_bf16(v[6], v[7]); }
    else { u.x = k_pack_f16(v[0], v[1]); u.y = k_pack_f16(v[2], v[3]); u.z = k_pack_f16(v[4], v[5]); u.w = k_pack_f16(v[6], v[7]); }
    return u;
}

/* ---- the product of a tile of weights and a tile of pixels ---- */

/* A thread's sums: element (i, j) is row_of(i), col_of(j) of its warp's 64 x 32. */
K_FN int row_of(int i, int lane, const int type) { return type == KC_F32 ? (lane & 7) + 8 * i : (i >> 1) * 16 + (i & 1) * 8 + (lane >> 2); }
K_FN int col_of(int j, int lane, const int type) { return type == KC_F32 ? (lane >> 3) + 4 * j : (j >> 1) * 8 + (lane & 3) * 2 + (j & 1); }
#define SUM(acc, i, j) (acc)[(i) >> 1][(j) >> 1][((i) & 1) * 2 + ((j) & 1)]

/* rows: the row of `b` that each of this lane's columns reads: for f32 columns col_of(0..7), else what k_ldmatrix wants for
 * the first and the second half of the warp's columns. */
K_FN void multiply(float acc[4][4][4], const unit *a, const unit *b, int first_row, const int *rows, int lane, const int type) {
    if (type == KC_F32) {
        K_UNROLL
        for (int q = 0; q < KC_UNITS; q++) {
            union { unit u; float f[4]; } x[8], y;
            K_UNROLL
            for (int i = 0; i < 8; i++) x[i].u = a[place(first_row + row_of(i, lane, type), q)];
            K_UNROLL
            for (int j = 0; j < 8; j++) {
                y.u = b[place(rows[j], q)];
                K_UNROLL
                for (int i = 0; i < 8; i++) {
                    K_UNROLL
                    for (int k = 0; k < 4; k++) SUM(acc, i, j) += x[i].f[k] * y.f[k];
                }
            }
        }
        return;
    }
    K_UNROLL
    for (int half = 0; half < 2; half++) {
        uint32_t y[4][2];
        K_UNROLL
        for (int pair = 0; pair < 2; pair++) {
            uint32_t v[4];
            k_ldmatrix(v, &b[place(rows[pair], half * 2 + (lane >> 3 & 1))]);
            y[2 * pair][0] = v[0];
            y[2 * pair][1] = v[1];
            y[2 * pair + 1][0] = v[2];
            y[2 * pair + 1][1] = v[3];
        }
        K_UNROLL
        for (int mi = 0; mi < 4; mi++) {
            uint32_t x[4];
            k_ldmatrix(x, &a[place(first_row + mi * 16 + (lane & 15), half * 2 + (lane >> 4))]);
            K_UNROLL
            for (int ni = 0; ni < 4; ni++) {
                if (type == KC_TF32) k_mma_tf32(acc[mi][ni], x, y[ni]);
                else if (type == KC_BF16) k_mma_bf16(acc[mi][ni], x, y[ni]);
                else k_mma_f16(acc[mi][ni], x, y[ni]);
            }
        }
    }
}
/* The column (0..31 of the warp's) whose row of pixels lane `lane` names: k-th for f32, k-th k_ldmatrix otherwise. */
K_FN int column_read(int k, int lane, const int type) { return type == KC_F32 ? col_of(k, lane, type) : k * 16 + (lane >> 4) * 8 + (lane & 7); }
K_FN int columns_read(const int type) { return type == KC_F32 ? 8 : 2; }

/* ---- weights into tiles ---- */

K_FN void pack(const struct kc_pack *a, const int type) {
    const int numbers = per_unit(type);
    for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < a->n; i += (int64_t)gridDim.x * blockDim.x) {
        const int q = (int)(i % KC_UNITS), row = (int)(i / KC_UNITS % a->rows), chunk = (int)(i / KC_UNITS / a->rows % a->chunks);
        const int64_t rest = i / KC_UNITS / a->rows / a->chunks, group = rest / a->taps, tap = rest % a->taps;
        float v[8];
        K_UNROLL
        for (int k = 0; k < numbers; k++) {
            const int c = (chunk * KC_UNITS + q) * numbers + k;
            v[k] = row < a->real_rows && c < a->channels
                 ? ((const float *)a->w)[group * a->step_group + row * a->step_row + c * a->step_channel + tap] : 0;
        }
        ((unit *)a->out)[i] = make_unit(v, type);
    }
}
K_GLOBAL(kc_pack_f32, kc_pack, KC_CONV_THREADS) { pack(&a, KC_F32); }
K_GLOBAL(kc_pack_tf32, kc_pack, KC_CONV_THREADS) { pack(&a, KC_TF32); }
K_GLOBAL(kc_pack_bf16, kc_pack, KC_CONV_THREADS) { pack(&a, KC_BF16); }
K_GLOBAL(kc_pack_f16, kc_pack, KC_CONV_THREADS) { pack(&a, KC_F16); }

/* ---- convolution, and the gradient to its input ---- */

/* Sizes of one phase along one axis. */
struct axis { int taps, first, count, at, apart, lowest; };      /* tap a' is lowest + (taps-1-a') * apart going back, a' going forward */

K_FN struct axis phase_axis(int phase, int k, int stride, int pad, int out, int backward) {
    struct axis p;
    if (!backward) {
        p.taps = k; p.first = -pad; p.count = out; p.at = 0; p.apart = 1; p.lowest = 0;
        return p;
    }
    /* outputs at + i * stride, i < count, where (at + pad) % stride == phase; they meet rows q - j of dy for taps phase + j * stride */
    const int q = pad > phase ? (pad - phase + stride - 1) / stride : 0;
    p.taps = phase < k ? (k - phase + stride - 1) / stride : 0;
    p.at = q * stride + phase - pad;
    p.count = out > p.at ? (out - p.at + stride - 1) / stride : 0;
    p.first = q - (p.taps - 1);
    p.apart = stride;
    p.lowest = phase;
    return p;
}
K_FN int tap_of(const struct axis *p, int k, int backward) { return backward ? p->lowest + (p->taps - 1 - k) * p->apart : k; }

K_FN float finished(float v, const struct kc_epilogue *e, int64_t channel, int64_t o, int64_t noise_at) {
    if (e->d) v *= ((const float *)e->d)[channel];
    if (e->noise) v += *(const float *)e->strength * ((const float *)e->noise)[noise_at];
    if (e->b) v += ((const float *)e->b)[o];
    v *= v > 0 ? e->gain : e->gain * e->slope;
    return v > e->limit ? e->limit : v < -e->limit ? -e->limit : v;
}

/* Which pixels a thread fetches: units of 16 bytes, its k-th is number threadIdx.x + 256 k, the unit changing slowest. */
struct source { const float *x, *s; int H, W, step, channels, rows, across, reciprocal; };

K_FN int fetch(float *v, const struct source *p, int64_t plane, int k, int row0, int col0, int chunk, const int type, int *where) {
    const int numbers = per_unit(type), u = (int)threadIdx.x + KC_CONV_THREADS * k;
    const int q = (u >= p->rows) + (u >= 2 * p->rows) + (u >= 3 * p->rows), r = u - q * p->rows;
    if (u >= KC_UNITS * p->rows) return 0;
    const int i = r * p->reciprocal >> 16, j = r - i * p->across;        /* exact: r < 1024, across <= 64 */
    const int row = row0 + i * p->step, col = col0 + j * p->step, c = (chunk * KC_UNITS + q) * numbers;
    const int inside = row >= 0 && row < p->H && col >= 0 && col < p->W;
    const float *x = p->x + c * plane + (int64_t)row * p->W + col;
    *where = place(r, q);
    K_UNROLL
    for (int e = 0; e < numbers; e++) {
        v[e] = inside && c + e < p->channels ? x[e * plane] : 0;
        if (p->s && inside && c + e < p->channels) v[e] *= p->s[c + e];
    }
    return 1;
}

K_FN void conv(const struct kc_conv *a, const int type, const int wm) {
    enum { COLS = KC_TILE_COLS };
    const int bm = 64 * wm, tile_rows = 32 / wm / 2, ahead = 4 / wm;      /* pixels' rows of a tile; units a thread fetches in a step at most */
    K_DYNAMIC(unit, memory);
    unit *const weights = memory, *const pixels = memory + KC_STAGES * bm * KC_UNITS;
    const int lane = (int)threadIdx.x & 31, warp = (int)threadIdx.x >> 5;
    const int warp_m = wm == 2 ? warp >> 2 : 0, warp_n = wm == 2 ? warp & 3 : warp;
    const int phases = a->backward ? a->stride * a->stride : 1;
    const int split = (int)blockIdx.z % a->splits, phase = (int)blockIdx.z / a->splits % phases, n = (int)blockIdx.z / a->splits / phases;
    const int tiles_m = a->rows / bm, group = (int)blockIdx.y / tiles_m, o0 = (int)blockIdx.y % tiles_m * bm;
    const int i0 = (int)blockIdx.x / a->tiles_across * tile_rows, j0 = (int)blockIdx.x % a->tiles_across * COLS;
    const struct axis v = phase_axis(phase / a->stride, a->kh, a->stride, a->pad, a->OH, a->backward);
    const struct axis h = phase_axis(phase % a->stride, a->kw, a->stride, a->pad, a->OW, a->backward);
    if (i0 >= v.count || j0 >= h.count) return;                           /* phases may have a row or column less */
    const int taps = v.taps * h.taps, step = a->backward ? 1 : a->stride;
    const int64_t plane = (int64_t)a->H * a->W;

    /* Tiles of pixels in the order of the sum: one per chunk of channels, or one per chunk and tap. */
    const int steps = a->window ? taps : 1, tiles = a->chunks * (a->window ? 1 : taps);
    const int begin = (int)((int64_t)tiles * split / a->splits), end = (int)((int64_t)tiles * (split + 1) / a->splits);
    const int across = a->window ? COLS + h.taps - 1 : COLS;
    const struct source from = {(const float *)a->x + ((int64_t)n * a->groups + group) * a->C * plane,
                                a->s ? (const float *)a->s + ((int64_t)n * a->groups + group) * a->C : 0, a->H, a->W, step, a->C,
                                a->window ? (tile_rows + v.taps - 1) * across : tile_rows * COLS, across, (65536 + across - 1) / across};
    const int units = (KC_UNITS * from.rows + KC_CONV_THREADS - 1) / KC_CONV_THREADS, share = steps > 0 ? (units + steps - 1) / steps : 0;
    const int row0 = i0 * step + v.first, col0 = j0 * step + h.first;

    int rows[8];                                                          /* of the tile of pixels, for tap 0 */
    K_UNROLL
    for (int k = 0; k < columns_read(type); k++) {
        const int col = warp_n * 32 + column_read(k, lane, type);
        rows[k] = (col / COLS) * across + col % COLS;
    }
    float acc[4][4][4];
    K_UNROLL
    for (int e = 0; e < 64; e++) acc[e >> 4][e >> 2 & 3][e & 3] = 0;

    const unit *const packed = (const unit *)a->w + (int64_t)group * a->kh * a->kw * a->chunks * a->rows * KC_UNITS;
    const int total = (end - begin) * steps;
#define CHUNK(tile) (a->window || taps == 0 ? (tile) : (tile) / taps)
#define TAP(tile, s) (a->window || taps == 0 ? (s) : (tile) % taps)
#define COPY_WEIGHTS(number)                                                                                         \
    if ((number) < total) {                                                                                          \
        const int tile = begin + (number) / steps, tap = TAP(tile, (number) % steps);                                \
        const int at = tap_of(&v, tap / h.taps, a->backward) * a->kw + tap_of(&h, tap % h.taps, a->backward);        \
        const unit *const w = packed + (((int64_t)at * a->chunks + CHUNK(tile)) * a->rows + o0) * KC_UNITS;          \
        unit *const to = weights + (number) % KC_STAGES * bm * KC_UNITS;                                             \
        K_UNROLL                                                                                                     \
        for (int k = 0; k < wm; k++) {                                                                               \
            const int u = (int)threadIdx.x + KC_CONV_THREADS * k;                                                    \
            k_copy16(&to[place(u / KC_UNITS, u % KC_UNITS)], &w[u]);                                                 \
        }                                                                                                            \
    }                                                                                                                \
    k_copy_group()
#define TILE_ORIGIN(tile, r0, c0)                                                                                    \
    const int r0 = row0 + (a->window ? 0 : (tile) % taps / h.taps), c0 = col0 + (a->window ? 0 : (tile) % taps % h.taps)

    if (total > 0) {
        TILE_ORIGIN(begin, r0, c0);
        for (int k = 0; k < units; k++) {
            float x[8];
            int where;
            if (fetch(x, &from, plane, k, r0, c0, CHUNK(begin), type, &where)) pixels[where] = make_unit(x, type);
        }
    }
    for (int k = 0; k < KC_STAGES - 1; k++) { COPY_WEIGHTS(k); }
    for (int number = 0; number < total; number++) {
        const int tile = begin + number / steps, part = number % steps, tap = TAP(tile, part);
        const unit *const here = pixels + (tile - begin) % 2 * a->window_rows * KC_UNITS;
        unit *const next = pixels + (tile - begin + 1) % 2 * a->window_rows * KC_UNITS;
        k_copy_wait(KC_STAGES - 2);
        __syncthreads();                                                  /* this step's tiles are there, those before it are no longer read */
        COPY_WEIGHTS(number + KC_STAGES - 1);
        float x[4][8];
        int where[4], fetched[4];
        K_UNROLL
        for (int k = 0; k < ahead; k++) {
            fetched[k] = 0;
            if (tile + 1 < end && k < share) {
                TILE_ORIGIN(tile + 1, r0, c0);
                fetched[k] = fetch(x[k], &from, plane, part * share + k, r0, c0, CHUNK(tile + 1), type, &where[k]);
            }
        }
        const int shift = a->window ? tap / h.taps * across + tap % h.taps : 0;
        int at[8];
        K_UNROLL
        for (int k = 0; k < columns_read(type); k++) at[k] = rows[k] + shift;
        multiply(acc, weights + number % KC_STAGES * bm * KC_UNITS, here, warp_m * 64, at, lane, type);
        K_UNROLL
        for (int k = 0; k < ahead; k++)
            if (fetched[k]) next[where[k]] = make_unit(x[k], type);
    }
    k_copy_wait(0);

    const int64_t size = (int64_t)a->OH * a->OW;
    float *const out = (float *)a->out + split * a->out_size;
    K_UNROLL
    for (int i = 0; i < 8; i++) {
        const int in_group = o0 + warp_m * 64 + row_of(i, lane, type), o = group * a->O + in_group;
        if (in_group >= a->O) continue;
        const int64_t channel = (int64_t)n * a->groups * a->O + o;
        K_UNROLL
        for (int j = 0; j < 8; j++) {
            const int col = warp_n * 32 + col_of(j, lane, type), pi = i0 + col / COLS, pj = j0 + col % COLS;
            if (pi >= v.count || pj >= h.count) continue;
            const int stride = a->backward ? a->stride : 1;
            const int64_t pixel = (int64_t)(v.at + pi * stride) * a->OW + h.at + pj * stride;
            const float sum = SUM(acc, i, j);
            out[channel * size + pixel] = a->splits > 1 ? sum : finished(sum, &a->end, channel, o, n * a->end.noise_step + pixel);
        }
    }
}
K_GLOBAL(kc_conv_f32_1, kc_conv, KC_CONV_THREADS) { conv(&a, KC_F32, 1); }
K_GLOBAL(kc_conv_f32_2, kc_conv, KC_CONV_THREADS) { conv(&a, KC_F32, 2); }
K_GLOBAL(kc_conv_tf32_1, kc_conv, KC_CONV_THREADS) { conv(&a, KC_TF32, 1); }
K_GLOBAL(kc_conv_tf32_2, kc_conv, KC_CONV_THREADS) { conv(&a, KC_TF32, 2); }
K_GLOBAL(kc_conv_bf16_1, kc_conv, KC_CONV_THREADS) { conv(&a, KC_BF16, 1); }
K_GLOBAL(kc_conv_bf16_2, kc_conv, KC_CONV_THREADS) { conv(&a, KC_BF16, 2); }
K_GLOBAL(kc_conv_f16_1, kc_conv, KC_CONV_THREADS) { conv(&a, KC_F16, 1); }
K_GLOBAL(kc_conv_f16_2, kc_conv, KC_CONV_THREADS) { conv(&a, KC_F16, 2); }

K_GLOBAL(kc_finish, kc_finish, KC_CONV_THREADS) {
    for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < a.n; i += (int64_t)gridDim.x * blockDim.x) {
        float v = 0;
        for (int k = 0; k < a.splits; k++) v += ((const float *)a.parts)[k * a.n + i];
        const int64_t channel = i / a.S;
        ((float *)a.out)[i] = finished(v, &a.end, channel, channel % a.O, channel / a.O * a.end.noise_step + i % a.S);
    }
}

/* ---- gradient to the weights: rows are channels, the sum runs over pixels ---- */

/* `numbers` consecutive pixels of dy [channel], from pixel `first` on. */
K_FN void fetch_dy(float *v, const float *dy, int present, int first, int size, const int numbers) {
    K_UNROLL
    for (int e = 0; e < numbers; e++) v[e] = present && first + e < size ? dy[first + e] : 0;
}
/* The pixels of x that meet them at tap (ta, tb). */
K_FN void fetch_x(float *v, const struct kc_conv_dw *a, const float *x, int present, int first, int ta, int tb, const int numbers) {
    int u = first / a->OW, w = first - u * a->OW;
    K_UNROLL
    for (int e = 0; e < numbers; e++) {
        const int row = u * a->stride - a->pad + ta, col = w * a->stride - a->pad + tb;
        v[e] = present && u < a->OH && row >= 0 && row < a->H && col >= 0 && col < a->W ? x[(int64_t)row * a->W + col] : 0;
        if (++w == a->OW) { w = 0; u++; }
    }
}

K_FN void conv_dw(const struct kc_conv_dw *a, const int type) {
    enum { SIDE = 128, EACH = SIDE * KC_UNITS / KC_CONV_THREADS };        /* channels of a tile; its units per thread */
    K_SHARED(unit, tiles, [2][2][SIDE * KC_UNITS]);                       /* [stage][dy, x] */
    const int numbers = per_unit(type), span = KC_UNITS * numbers, size = a->OH * a->OW;
    const int lane = (int)threadIdx.x & 31, warp = (int)threadIdx.x >> 5, warp_m = warp >> 2, warp_n = warp & 3;
    const int tc = (int)blockIdx.x % a->tiles_c, to = (int)blockIdx.x / a->tiles_c % a->tiles_o, group = (int)blockIdx.x / a->tiles_c / a->tiles_o;
    const int ta = (int)blockIdx.y / a->kw, tb = (int)blockIdx.y % a->kw;
    const int per_sample = (size + span - 1) / span;
    const int64_t all = (int64_t)a->N * per_sample;
    const int64_t begin = all * blockIdx.z / a->splits, end = all * (blockIdx.z + 1) / a->splits;
    float acc[4][4][4];
    K_UNROLL
    for (int e = 0; e < 64; e++) acc[e >> 4][e >> 2 & 3][e & 3] = 0;
    int rows[8];
    K_UNROLL
    for (int k = 0; k < columns_read(type); k++) rows[k] = warp_n * 32 + column_read(k, lane, type);
    const int q = (int)threadIdx.x % KC_UNITS;
    float x[EACH][8], dy[EACH][8];
#define FETCH(step)                                                                                                  \
    K_UNROLL                                                                                                         \
    for (int k = 0; k < EACH; k++) {                                                                                 \
        const int n = (int)((step) / per_sample), first = (int)((step) % per_sample) * span + q * numbers;           \
        const int row = (int)threadIdx.x / KC_UNITS + k * (SIDE / EACH), o = to * SIDE + row, c = tc * SIDE + row;   \
        fetch_dy(dy[k], (const float *)a->dy + ((int64_t)(n * a->groups + group) * a->O + o) * size, o < a->O, first, size, numbers);                 \
        fetch_x(x[k], a, (const float *)a->x + ((int64_t)(n * a->groups + group) * a->C + c) * a->H * a->W, c < a->C, first, ta, tb, numbers);       \
    }
#define STORE(stage)                                                                                                 \
    K_UNROLL                                                                                                         \
    for (int k = 0; k < EACH; k++) {                                                                                 \
        const int row = (int)threadIdx.x / KC_UNITS + k * (SIDE / EACH);                                             \
        tiles[stage][0][place(row, q)] = make_unit(dy[k], type);                                                     \
        tiles[stage][1][place(row, q)] = make_unit(x[k], type);                                                      \
    }
    if (begin < end) {
        FETCH(begin);
        STORE(0);
    }
    for (int64_t step = begin; step < end; step++) {
        const int stage = (int)(step - begin) & 1;
        __syncthreads();
        if (step + 1 < end) { FETCH(step + 1); }
        multiply(acc, tiles[stage][0], tiles[stage][1], warp_m * 64, rows, lane, type);
        if (step + 1 < end) { STORE(stage ^ 1); }
    }
    float *const out = (float *)a->out + blockIdx.z * a->out_size + group * a->step_group + blockIdx.y;
    K_UNROLL
    for (int i = 0; i < 8; i++) {
        const int o = to * SIDE + warp_m * 64 + row_of(i, lane, type);
        if (o >= a->O) continue;
        K_UNROLL
        for (int j = 0; j < 8; j++) {
            const int c = tc * SIDE + warp_n * 32 + col_of(j, lane, type);
            if (c < a->C) out[o * a->step_row + c * a->step_channel] = SUM(acc, i, j);
        }
    }
}
K_GLOBAL(kc_conv_dw_f32, kc_conv_dw, KC_CONV_THREADS) { conv_dw(&a, KC_F32); }
K_GLOBAL(kc_conv_dw_tf32, kc_conv_dw, KC_CONV_THREADS) { conv_dw(&a, KC_TF32); }
K_GLOBAL(kc_conv_dw_bf16, kc_conv_dw, KC_CONV_THREADS) { conv_dw(&a, KC_BF16); }
K_GLOBAL(kc_conv_dw_f16, kc_conv_dw, KC_CONV_THREADS) { conv_dw(&a, KC_F16); }
