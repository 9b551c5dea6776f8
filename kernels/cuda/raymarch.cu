/* raymarch.cu -- backward pass of the march, a block per ray (march.h).  The plain kernel keeps six arrays of the longest ray per thread. */
#include "../k.h"
#include "../raymarch.h"
#include "march.h"
#include "raymarch.h"

K_GLOBAL(kc_raymarch_bwd, k_raymarch_bwd, KC_MARCH_THREADS) {
    K_SHARED(float, arrays, [5][K_RAYMARCH_MAX]);
    K_SHARED(float, depth_factor, [1]);
    const int thread = (int)threadIdx.x, d = (int)a.d, c = (int)a.c;
    const struct k_march m = {arrays[0], arrays[1], arrays[2], arrays[3]};
    float *const sigma = arrays[4];
    for (int64_t i = blockIdx.x; i < a.n; i += gridDim.x) {
        const float *const t = (const float *)a.depths + i * d, *const rgb = (const float *)a.rgb + i * d * c, *const dout = (const float *)a.dout + (a.dout ? i * c : 0);
        for (int k = thread; k < d; k += KC_MARCH_THREADS) {
            sigma[k] = ((const float *)a.sigma)[i * d + k];
            float dot = 0;
            for (int j = 0; a.dout && j < c; j++) dot += dout[j] * rgb[(int64_t)k * c + j];
            m.dot[k] = dot;
        }
        __syncthreads();
        for (int k = thread; k + 1 < d; k += KC_MARCH_THREADS) m.alpha[k] = march_alpha(sigma, t, k);
        __syncthreads();
        if (thread == 0)
            depth_factor[0] = march_back(&m, t, d, (const float *)a.range, a.ddepth ? (const float *)a.ddepth + i : 0,
                                         a.dweights ? (const float *)a.dweights + i * (d - 1) : 0);
        __syncthreads();
        for (int k = thread; k < d; k += KC_MARCH_THREADS) {
            if (a.dsigma) ((float *)a.dsigma)[i * d + k] += march_dsigma(&m, sigma, t, k, d);
            if (a.ddepths) ((float *)a.ddepths)[i * d + k] += march_dt(&m, sigma, depth_factor[0], k, d);
        }
        for (int64_t e = thread; a.drgb && a.dout && e < (int64_t)d * c; e += KC_MARCH_THREADS)
            ((float *)a.drgb)[i * d * c + e] += share(m.weight, e / c, d) * dout[e % c];
        __syncthreads();
    }
}
