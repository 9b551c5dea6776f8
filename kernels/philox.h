/* philox.h -- Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011), for engine/rng.c and the GPU. */
#ifndef K_PHILOX_H
#define K_PHILOX_H
#include <math.h>
#include <stdint.h>
#ifdef __CUDACC__
#define P_FN static __device__ __forceinline__
#else
#define P_FN static inline
#endif

P_FN void p_philox(uint64_t key, uint64_t counter, uint64_t out[2]) {
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = 0, c3 = 0, k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int r = 0; r < 10; r++) {
        const uint64_t p = 0xD2511F53ull * c0, q = 0xCD9E8D57ull * c2;
        const uint32_t n0 = (uint32_t)(q >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)q;
        c3 = (uint32_t)p;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0 | (uint64_t)c1 << 32;
    out[1] = c2 | (uint64_t)c3 << 32;
}
P_FN double p_unit(uint64_t bits) { return (double)(bits >> 11) * 1.1102230246251565e-16; }          /* 2^-53 */
P_FN double p_uniform(uint64_t key, uint64_t counter) {
    uint64_t out[2];
    p_philox(key, counter, out);
    return p_unit(out[0]);
}
/* Box-Muller, cosine branch.  In double on every device: libraries that differ in the last place of log and cos then
 * agree in f32 except for one draw in about 2^27. */
P_FN double p_normal(uint64_t key, uint64_t counter) {
    uint64_t out[2];
    p_philox(key, counter, out);
    return sqrt(-2 * log(1 - p_unit(out[0]))) * cos(6.283185307179586477 * p_unit(out[1]));
}
#endif
