/* draw.c -- NumPy's generator (draw.h): SeedSequence (O'Neill, "Developing a seed_seq alternative", 2015), PCG64 XSL-RR
 * (O'Neill, "PCG: A family of simple fast space-efficient statistically good algorithms", 2014), and normal numbers by the
 * ziggurat of 256 layers (Doornik, "An improved ziggurat method to generate normal random samples", 2005) in single
 * precision: 8 bits choose the layer, one the sign, 23 the place in it. */
#include <math.h>
#include <string.h>
#include <zlib.h>
#include "draw.h"

typedef unsigned __int128 u128;
typedef struct pcg { u128 state, inc; uint32_t spare; bool has_spare; } pcg;

/* ---- seeding: two 32-bit words of entropy, mixed into four, spread over eight ---- */

static uint32_t hash_in(uint32_t v, uint32_t *k) {
    v ^= *k;
    *k *= 0x931e8875u;
    v *= *k;
    return v ^ v >> 16;
}
static uint32_t mix(uint32_t x, uint32_t y) {
    uint32_t r = 0xca01f9ddu * x - 0x4973f715u * y;
    return r ^ r >> 16;
}

static void step(pcg *g) { g->state = g->state * (((u128)0x2360ED051FC65DA4u << 64) | 0x4385DF649FCCF645u) + g->inc; }

static pcg seeded(uint32_t a, uint32_t b) {
    uint32_t entropy[4] = {a, b, 0, 0}, pool[4], k = 0x43b0d7e5u, out[8];
    for (int i = 0; i < 4; i++) pool[i] = hash_in(entropy[i], &k);
    for (int from = 0; from < 4; from++)
        for (int to = 0; to < 4; to++)
            if (to != from) pool[to] = mix(pool[to], hash_in(pool[from], &k));
    k = 0x8b51f9ddu;
    for (int i = 0; i < 8; i++) {
        uint32_t v = pool[i % 4] ^ k;
        k *= 0x58f38dedu;
        v *= k;
        out[i] = v ^ v >> 16;
    }
    uint64_t w[4];
    for (int i = 0; i < 4; i++) w[i] = (uint64_t)out[2 * i + 1] << 32 | out[2 * i];
    pcg g = {.inc = (((u128)w[2] << 64) | w[3]) << 1 | 1};
    step(&g);
    g.state += ((u128)w[0] << 64) | w[1];
    step(&g);
    return g;
}

/* Halves of a 64-bit word, the low one first. */
static uint32_t next32(pcg *g) {
    if (g->has_spare) { g->has_spare = false; return g->spare; }
    step(g);
    uint64_t x = (uint64_t)(g->state >> 64) ^ (uint64_t)g->state;
    unsigned turn = (unsigned)(g->state >> 122);
    x = x >> turn | x << (-turn & 63);
    g->spare = (uint32_t)(x >> 32);
    g->has_spare = true;
    return (uint32_t)x;
}
static float next_float(pcg *g) { return (float)(next32(g) >> 8) * 0x1p-24f; }

/* ---- ziggurat ---- */

static const double R = 3.6541528853610088, V = 0.00492867323399;    /* where the tail begins; area of a layer */
enum { LAYERS = 256 };
typedef struct ziggurat { uint32_t k[LAYERS]; float w[LAYERS], f[LAYERS]; } ziggurat;

/* Layer edges x_i with f(x_i) = exp(-x_i^2 / 2): x_255 = R, each layer of area V. */
static void build(ziggurat *z) {
    const double scale = 0x1p23;
    double x = R, last = R, q = V / exp(-R * R / 2);
    z->k[0] = (uint32_t)(R / q * scale);
    z->k[1] = 0;
    z->w[0] = (float)(q / scale);
    z->w[LAYERS - 1] = (float)(R / scale);
    z->f[0] = 1;
    z->f[LAYERS - 1] = (float)exp(-R * R / 2);
    for (int i = LAYERS - 2; i >= 1; i--) {
        x = sqrt(-2 * log(V / x + exp(-x * x / 2)));
        z->k[i + 1] = (uint32_t)(x / last * scale);
        last = x;
        z->f[i] = (float)exp(-x * x / 2);
        z->w[i] = (float)(x / scale);
    }
}

static float normal(pcg *g, const ziggurat *z) {
    for (;;) {
        uint32_t r = next32(g), layer = r & 255, place = r >> 9 & 0x7fffff;
        float x = (float)place * z->w[layer];
        if (r >> 8 & 1) x = -x;
        if (place < z->k[layer]) return x;
        if (layer) {
            if ((z->f[layer - 1] - z->f[layer]) * next_float(g) + z->f[layer] < expf(-0.5f * x * x)) return x;
            continue;
        }
        for (;;) {                                       /* the tail beyond R */
            float a = (float)(-1 / R) * log1pf(-next_float(g)), b = -log1pf(-next_float(g));
            if (b + b > a * a) return place >> 8 & 1 ? -((float)R + a) : (float)R + a;
        }
    }
}

static pcg named(uint32_t seed, const char *name) { return seeded(seed, (uint32_t)crc32(0, (const unsigned char *)name, (unsigned)strlen(name))); }

void mn_draw_normal(uint32_t seed, const char *name, int64_t n, float *out) {
    pcg g = named(seed, name);
    ziggurat z;
    build(&z);
    for (int64_t i = 0; i < n; i++) out[i] = normal(&g, &z);
}

void mn_draw_uniform(uint32_t seed, const char *name, float lo, float hi, int64_t n, float *out) {
    pcg g = named(seed, name);
    for (int64_t i = 0; i < n; i++) {
        volatile float scaled = next_float(&g) * (hi - lo);      /* rounded before lo is added: no fused step */
        out[i] = scaled + lo;
    }
}
