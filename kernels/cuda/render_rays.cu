/* render_rays.cu -- tri-plane lookup, decoder and march in one kernel: features and activations stay in registers, colours of the
 * samples in the block's memory, and only the picture, its depth and the weights of the march are written.
 * A block takes as many whole rays as have at most 256 samples together.  A thread does one sample: its C features, then hidden
 * unit after hidden unit, each added to all outputs at once; the decoder's weights are read by all threads alike.  Then a
 * thread per ray finds the march's weights and one per ray and colour the sum.  Formulas: kernels/tuned/render_rays.c. */
#include "../k.h"
#include "../render_rays.h"
#include "../triplane_at.h"
#include "../undeform_at.h"
#include "../raymarch_at.h"
#include "render_rays.h"

K_FN void render(const struct k_render_rays *a, float *memory, const int C, const int WIDE) {
    const int thread = (int)threadIdx.x, d = (int)a->d, hidden = (int)a->hidden, colours = (int)a->colours, per = K_THREADS / d;
    float *const w0 = memory, *const w1 = w0 + hidden * C, *const b0 = w1 + hidden * WIDE, *const b1 = b0 + hidden, *const sigma = b1 + WIDE,
          *const rgb = sigma + K_THREADS;
    for (int j = thread; j < hidden * C; j += K_THREADS) w0[j] = ((const float *)a->w0)[j];
    for (int j = thread; j < hidden * WIDE; j += K_THREADS) w1[j] = j % WIDE <= colours ? ((const float *)a->w1)[j % WIDE * hidden + j / WIDE] : 0;
    for (int j = thread; j < hidden; j += K_THREADS) b0[j] = ((const float *)a->b0)[j];
    for (int j = thread; j < WIDE; j += K_THREADS) b1[j] = j <= colours ? ((const float *)a->b1)[j] : 0;
    __syncthreads();
    const int64_t first = (int64_t)blockIdx.x * per, ray = first + thread / d;
    if (thread / d < per && ray < a->n) {
        float at[3], f[32], y[36];
        const float t = ((const float *)a->depths)[ray * d + thread % d];
        sample_at(a, ray, t, at);
        triplane_at((const float *)a->planes + ray / a->rays * 3 * a->h * a->w * C, a->axes, at, a->h, a->w, C, f);
        K_UNROLL
        for (int j = 0; j < WIDE; j++) y[j] = b1[j];
        for (int k = 0; k < hidden; k++) {
            float x = b0[k];
            K_UNROLL
            for (int j = 0; j < C; j++) x += f[j] * w0[k * C + j];
            x = k_softplus(x);
            K_UNROLL
            for (int j = 0; j < WIDE; j++) y[j] += x * w1[k * WIDE + j];
        }
        sigma[thread] = y[0];
        K_UNROLL
        for (int j = 0; j + 1 < WIDE; j++)
            if (j < colours) rgb[thread * KC_RENDER_STEP + j] = 1.002f * k_sigmoid(y[1 + j]) - 0.001f;
    }
    __syncthreads();
    const int64_t left = a->n - first;
    const int here = left < per ? (int)left : per;
    if (thread < here) {
        struct k_ray r;
        r.sigma = sigma + thread * d;
        r.rgb = rgb;
        r.t = (const float *)a->depths + (first + thread) * d;
        r.rgb_step = r.c = 0;                           /* the colours are summed below, by more threads */
        r.d = d;
        ray_forward(&r, (const float *)a->range, 0, (float *)a->depth + first + thread, (float *)a->weights + (first + thread) * (d - 1));
    }
    __syncthreads();
    for (int j = thread; j < here * colours; j += K_THREADS) {
        const int own = j / colours;
        const float *const w = (const float *)a->weights + (first + own) * (d - 1), *const q = rgb + own * d * KC_RENDER_STEP + j % colours;
        float sum = -1;
        for (int k = 0; k < d; k++) sum += share(w, k, d) * q[k * KC_RENDER_STEP];
        ((float *)a->out)[first * colours + j] = sum;
    }
}

#define RENDER(C, WIDE)                                             \
    K_GLOBAL(kc_render_rays_##C##_##WIDE, k_render_rays, K_THREADS) { \
        K_DYNAMIC(float, memory);                                   \
        render(&a, memory, C, WIDE);                                \
    }
RENDER(16, 4)
RENDER(16, 36)
RENDER(32, 4)
RENDER(32, 36)
