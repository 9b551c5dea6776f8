/* rng.c -- random numbers.
 *
 * Number i of a stream is a function of (key, i), so results do not depend on
 * threads, order or device (kernels/philox.h).
 *
 * mn_numpy_randn reproduces NumPy's RandomState(seed).randn: MT19937 seeded with
 * Knuth's multiplier, 53-bit doubles from two outputs, Marsaglia's polar method
 * with the second of each pair delivered first. */
#include <math.h>
#include <string.h>
#include "mien.h"
#include "../kernels/philox.h"

/* Seed and stream are mixed so that neighbouring pairs give unrelated keys. */
mn_rng mn_rng_seed(uint64_t seed, uint64_t stream) {
    uint64_t mixed[2];
    p_philox(seed, stream, mixed);
    return (mn_rng){mixed[0], 0};
}
uint64_t mn_rng_next(mn_rng *rng) {
    uint64_t out[2];
    p_philox(rng->key, rng->counter++, out);
    return out[0];
}
double mn_rng_uniform(mn_rng *rng) { return p_uniform(rng->key, rng->counter++); }
double mn_rng_normal(mn_rng *rng) { return p_normal(rng->key, rng->counter++); }
int64_t mn_rng_below(mn_rng *rng, int64_t n) { return n > 0 ? (int64_t)(((unsigned __int128)mn_rng_next(rng) * (uint64_t)n) >> 64) : 0; }

/* ---- NumPy ---- */

typedef struct { uint32_t s[624]; int at; } twister;
static uint32_t twist(twister *t) {
    if (t->at == 624) {
        for (int i = 0; i < 624; i++) {
            uint32_t y = (t->s[i] & 0x80000000u) | (t->s[(i + 1) % 624] & 0x7fffffffu);
            t->s[i] = t->s[(i + 397) % 624] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
        }
        t->at = 0;
    }
    uint32_t y = t->s[t->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}
static double twist_double(twister *t) {
    uint32_t a = twist(t) >> 5, b = twist(t) >> 6;
    return (a * 67108864.0 + b) / 9007199254740992.0;
}

mn_status mn_numpy_randn(uint32_t seed, int64_t n, double *out) {
    if (n < 0) return mn_fail(MN_EARG, "randn: %lld numbers asked for", (long long)n);
    twister t = {.at = 624};
    t.s[0] = seed;
    for (int i = 1; i < 624; i++) t.s[i] = 1812433253u * (t.s[i - 1] ^ (t.s[i - 1] >> 30)) + (uint32_t)i;
    for (int64_t i = 0; i < n; i += 2) {
        double x, y, r;
        do {
            x = 2 * twist_double(&t) - 1;
            y = 2 * twist_double(&t) - 1;
            r = x * x + y * y;
        } while (r >= 1 || r == 0);
        double f = sqrt(-2 * log(r) / r);
        out[i] = f * y;
        if (i + 1 < n) out[i + 1] = f * x;
    }
    return MN_OK;
}
