/* render_rays_bwd.cu -- backward pass of render_rays.cu: nothing of a sample outlives its block.
 * A thread has one sample: it finds its features, density and colour again, the block goes back through the march (march.h), and the thread through
 * the decoder, hidden unit after hidden unit.  The gradient to the planes is added where the features came from, a warp per sample
 * and a lane per channel (or, where sums must have one order, written for triplane.c's kernel); the decoder's is summed over the block's
 * samples unit by unit, then over its rays in its memory, then over blocks by kc_render_sum, always in the same order. */
#include "../k.h"
#include "../triplane_at.h"
#include "../undeform_at.h"
#include "march.h"
#include "render_rays.h"

K_FN void back(const struct kc_render_rays_bwd *g, float *memory, const int C, const int WIDE, const int THREADS, const int decoder) {
    const struct k_render_rays *const a = &g->p;
    const int thread = (int)threadIdx.x, d = (int)a->d, hidden = (int)a->hidden, colours = (int)a->colours, per = THREADS / d, unit = C + 1 + WIDE;
    float *const w0 = memory, *const w1 = w0 + hidden * C, *const b0 = w1 + hidden * WIDE, *const b1 = b0 + hidden, *const sigma = b1 + WIDE,
          *const march = sigma + THREADS, *const y = march + 4 * THREADS,          /* [samples,STEP]: colours, then gradients of y, then of features */
          *const f_all = y + THREADS * KC_RENDER_STEP, *const dh_all = f_all + THREADS * (C + 1), *const h_all = dh_all + THREADS * KC_RENDER_CHUNK,
          *const sums = h_all + THREADS * KC_RENDER_CHUNK;
    for (int j = thread; j < hidden * C; j += THREADS) w0[j] = ((const float *)a->w0)[j];
    for (int j = thread; j < hidden * WIDE; j += THREADS) w1[j] = j % WIDE <= colours ? ((const float *)a->w1)[j % WIDE * hidden + j / WIDE] : 0;
    for (int j = thread; j < hidden; j += THREADS) b0[j] = ((const float *)a->b0)[j];
    for (int j = thread; j < WIDE; j += THREADS) b1[j] = j <= colours ? ((const float *)a->b1)[j] : 0;
    for (int j = thread; decoder && j < hidden * unit + WIDE; j += THREADS) sums[j] = 0;
    const int own = thread / d, k = thread % d, start = own * d;                     /* the block's ray, the sample of it, the ray's first sample */
    const struct k_march m = {march + start, march + THREADS + start, march + 2 * THREADS + start, march + 3 * THREADS + start};
    for (int64_t first = (int64_t)blockIdx.x * per; first < a->n; first += (int64_t)gridDim.x * per) {
        const int64_t ray = first + own;
        const int here = own < per && ray < a->n;
        const float *const t = (const float *)a->depths + (here ? ray * d : 0), *const dout = here && a->dout ? (const float *)a->dout + ray * colours : 0;
        float f[32], dy[36], df[32];
        __syncthreads();
        K_UNROLL
        for (int j = 0; j < C; j++) f[j] = df[j] = 0;
        K_UNROLL
        for (int j = 0; j < WIDE; j++) dy[j] = b1[j];
        if (here) {
            float at[3];
            sample_at(a, ray, t[k], at);
            triplane_at((const float *)a->planes + ray / a->rays * 3 * a->h * a->w * C, a->axes, at, a->h, a->w, C, f);
        }
        for (int q = 0; q < hidden; q++) {
            float x = b0[q];
            K_UNROLL
            for (int j = 0; j < C; j++) x += f[j] * w0[q * C + j];
            x = k_softplus(x);
            K_UNROLL
            for (int j = 0; j < WIDE; j++) dy[j] += x * w1[q * WIDE + j];
        }
        sigma[thread] = dy[0];
        float dot = 0;
        K_UNROLL
        for (int j = 0; j + 1 < WIDE; j++) {
            const float s = k_sigmoid(dy[1 + j]), g_out = dout && j < colours ? dout[j] : 0;
            dot += g_out * (1.002f * s - 0.001f);
            dy[1 + j] = g_out * 1.002f * s * (1 - s);    /* but for the sample's share in the picture */
        }
        march[2 * THREADS + thread] = dot;
        __syncthreads();
        if (here && k + 1 < d) m.alpha[k] = march_alpha(sigma + start, t, k);
        __syncthreads();
        if (here && k == 0)
            march_back(&m, t, d, (const float *)a->range, a->ddepth ? (const float *)a->ddepth + ray : 0, a->dweights ? (const float *)a->dweights + ray * (d - 1) : 0);
        __syncthreads();
        const float part = here ? share(m.weight, k, d) : 0;
        dy[0] = here ? march_dsigma(&m, sigma + start, t, k, d) : 0;
        K_UNROLL
        for (int j = 1; j < WIDE; j++) dy[j] *= part;
        if (decoder) {
            K_UNROLL
            for (int j = 0; j < C; j++) f_all[thread * (C + 1) + j] = f[j];
            K_UNROLL
            for (int j = 0; j < WIDE; j++)
                if (j <= colours) y[thread * KC_RENDER_STEP + j] = dy[j];
        }
        for (int from = 0; from < hidden; from += KC_RENDER_CHUNK) {
            const int count = hidden - from < KC_RENDER_CHUNK ? hidden - from : KC_RENDER_CHUNK;
            for (int q = 0; q < count; q++) {
                const float *const row = w0 + (from + q) * C, *const col = w1 + (from + q) * WIDE;
                float x = b0[from + q], dh = 0;
                K_UNROLL
                for (int j = 0; j < C; j++) x += f[j] * row[j];
                K_UNROLL
                for (int j = 0; j < WIDE; j++) dh += dy[j] * col[j];
                dh *= k_sigmoid(x);
                K_UNROLL
                for (int j = 0; j < C; j++) df[j] += dh * row[j];
                if (decoder) {
                    dh_all[q * THREADS + thread] = dh;
                    h_all[q * THREADS + thread] = k_softplus(x);
                }
            }
            if (!decoder) continue;
            __syncthreads();
            for (int e = thread; e < count * unit; e += THREADS) {
                const int q = e / unit, j = e % unit, o = j - C - 1;
                float v = 0;
                if (j < C) for (int s = 0; s < THREADS; s++) v += dh_all[q * THREADS + s] * f_all[s * (C + 1) + j];
                else if (j == C) for (int s = 0; s < THREADS; s++) v += dh_all[q * THREADS + s];
                else if (o <= colours) for (int s = 0; s < THREADS; s++) v += h_all[q * THREADS + s] * y[s * KC_RENDER_STEP + o];
                sums[(from + q) * unit + j] += v;
            }
            __syncthreads();
        }
        if (decoder && thread <= colours) {
            float v = 0;
            for (int s = 0; s < THREADS; s++) v += y[s * KC_RENDER_STEP + thread];
            sums[hidden * unit + thread] += v;
        }
        if (here && a->dfeatures) {
            K_UNROLL
            for (int j = 0; j < C; j++) ((float *)a->dfeatures)[(ray * d + k) * C + j] = df[j];
            sample_at(a, ray, t[k], (float *)a->points + (ray * d + k) * 3);
        }
        if (!a->dplanes) continue;
        __syncthreads();                                 /* b1's sums have been read */
        K_UNROLL
        for (int j = 0; j < C; j++) y[thread * KC_RENDER_STEP + j] = df[j];
        __syncthreads();
        const int lane = thread % C;
        for (int s = thread / C; s < per * d; s += THREADS / C) {
            const int64_t that = first + s / d;
            if (that >= a->n) continue;
            float at[3];
            sample_at(a, that, ((const float *)a->depths)[that * d + s % d], at);
            const float v = y[s * KC_RENDER_STEP + lane] * (1.0f / 3);
            for (int p = 0; p < 3; p++) {
                const struct k_corners q = plane_corners(a->axes[p], at, a->h, a->w, C);
                float *const to = (float *)a->dplanes + (that / a->rays * 3 + p) * a->h * a->w * C + lane;
                if (q.y0 * q.x0 != 0) K_ATOMIC_ADD(to + q.o00, q.y0 * q.x0 * v);
                if (q.y0 * q.x1 != 0) K_ATOMIC_ADD(to + q.o01, q.y0 * q.x1 * v);
                if (q.y1 * q.x0 != 0) K_ATOMIC_ADD(to + q.o10, q.y1 * q.x0 * v);
                if (q.y1 * q.x1 != 0) K_ATOMIC_ADD(to + q.o11, q.y1 * q.x1 * v);
            }
        }
    }
    __syncthreads();
    for (int j = thread; decoder && j < hidden * unit + WIDE; j += THREADS) ((float *)g->parts)[blockIdx.x * g->size + j] = sums[j];
}

#define BACK(C, WIDE)                                                                             \
    K_GLOBAL(kc_render_rays_bwd_##C##_##WIDE, kc_render_rays_bwd, K_THREADS) {                    \
        K_DYNAMIC(float, memory);                                                                 \
        back(&a, memory, C, WIDE, K_THREADS, 0);                                                  \
    }                                                                                             \
    K_GLOBAL(kc_render_rays_bwd_all_##C##_##WIDE, kc_render_rays_bwd, KC_RENDER_DECODER_THREADS) { \
        K_DYNAMIC(float, memory);                                                                 \
        back(&a, memory, C, WIDE, KC_RENDER_DECODER_THREADS, 1);                                  \
    }
BACK(16, 4)
BACK(16, 36)
BACK(32, 4)
BACK(32, 36)

K_GLOBAL(kc_render_sum, kc_render_sum, K_THREADS) {
    const int64_t unit = a.c + 1 + a.wide;
    for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < a.n; i += (int64_t)gridDim.x * blockDim.x) {
        const int64_t q = i / unit, j = q < a.hidden ? i % unit : i - a.hidden * unit;
        float v = 0;
        for (int64_t s = 0; s < a.blocks; s++) v += ((const float *)a.parts)[s * a.n + i];
        if (q >= a.hidden) { if (j <= a.colours) ((float *)a.db1)[j] += v; }
        else if (j < a.c) ((float *)a.dw0)[q * a.c + j] += v;
        else if (j == a.c) ((float *)a.db0)[q] += v;
        else if (j - a.c - 1 <= a.colours) ((float *)a.dw1)[(j - a.c - 1) * a.hidden + q] += v;
    }
}
