/* noise.c -- counter-based streams and lattice value noise; see noise.h. */
#include "synth/noise.h"
#include <math.h>

static const uint64_t GOLDEN = 0x9E3779B97F4A7C15u;

static uint64_t splitmix64(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

mn_stream mn_stream_new(uint64_t seed, uint64_t which) {
    uint64_t key = splitmix64((seed * 2 + 1) * GOLDEN);
    return (mn_stream){splitmix64(key + (which * 2 + 1) * GOLDEN), 0};
}

double mn_stream_uniform(mn_stream *s) { return (double)(splitmix64(++s->count * GOLDEN + s->key) >> 11) * 0x1p-53; }

void mn_stream_fill(mn_stream *s, int n, double *out) {
    for (int i = 0; i < n; i++) out[i] = mn_stream_uniform(s);
}

void mn_stream_normals(mn_stream *s, int n, float *out) {
    mn_stream second = {s->key, s->count + (uint64_t)n};        /* the angles follow the n radii */
    for (int i = 0; i < n; i++) {
        double u = mn_stream_uniform(s), v = mn_stream_uniform(&second);
        out[i] = sqrtf(-2 * logf((float)(1 - u))) * cosf((float)(6.283185307179586 * v));
    }
    s->count += (uint64_t)n;
}

/* 32-bit finaliser by xor-shift and multiplication (constants: Wellons, "hash-prospector", 2018). */
uint32_t mn_hash32(uint32_t x) {
    x ^= x >> 16; x *= 0x7feb352du;
    x ^= x >> 15; x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

static float corner3(uint32_t hx, int y, int z) {
    uint32_t h = mn_hash32(hx ^ ((uint32_t)y * 0x85ebca6bu));
    h = mn_hash32(h ^ ((uint32_t)z * 0xc2b2ae35u));
    return (float)(h >> 8) * (1 / 16777216.0f);
}

static float lattice(const float p[3], float frequency, uint32_t seed) {
    float f[3], v[2][2];
    int c[3];
    for (int k = 0; k < 3; k++) {
        float x = p[k] * frequency, low = floorf(x);
        c[k] = (int)low;
        f[k] = x - low;
    }
    uint32_t h0 = mn_hash32((uint32_t)c[0] + 0x9e3779b9u * seed), h1 = mn_hash32((uint32_t)c[0] + 1 + 0x9e3779b9u * seed);
    for (int dy = 0; dy < 2; dy++)
        for (int dz = 0; dz < 2; dz++)
            v[dy][dz] = corner3(h0, c[1] + dy, c[2] + dz) * (1 - f[0]) + corner3(h1, c[1] + dy, c[2] + dz) * f[0];
    float a = v[0][0] * (1 - f[1]) + v[1][0] * f[1], b = v[0][1] * (1 - f[1]) + v[1][1] * f[1];
    return a * (1 - f[2]) + b * f[2];
}

float mn_noise3(const float p[3], float frequency, uint32_t seed, int octaves) {
    float sum = 0, total = 0, gain = 1;
    for (int k = 0; k < octaves; k++, gain *= .5f, frequency *= 2.03f) {
        sum += gain * lattice(p, frequency, seed * 16 + (uint32_t)k);
        total += gain;
    }
    return sum / total;
}

static float corner2(int x, int y) {
    return (float)(mn_hash32((uint32_t)x * 73856093u ^ (uint32_t)y * 19349663u) >> 8) * (1 / 16777216.0f);
}

float mn_noise2(float x, float y) {
    float x0 = floorf(x), y0 = floorf(y), u = x - x0, v = y - y0;
    int xi = (int)x0, yi = (int)y0;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    float a = corner2(xi, yi), b = corner2(xi + 1, yi), c = corner2(xi, yi + 1), d = corner2(xi + 1, yi + 1);
    return a + (b - a) * u + (c - a) * v + (a - b - c + d) * u * v;
}
