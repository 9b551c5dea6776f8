/* sha256.c -- the Secure Hash Algorithm SHA-256, FIPS 180-4 sections 4.1.2, 4.2.2, 5 and 6.2.
 *
 * Processors with instructions for it (Intel, "SHA Extensions", 2013) do ten times as many bytes a second: chosen when the
 * program runs, and compared with the plain form in tests.
 *
 * The constants are the first 32 fractional bits of the cube roots of the first 64 primes (k) and of the square
 * roots of the first 8 (h). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif
#include "sha256.h"

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void compress(uint32_t h[8], const unsigned char *block) {
    uint32_t w[64], v[8];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 | (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    for (int t = 16; t < 64; t++) {
        uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
        uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
        w[t] = s1 + w[t - 7] + s0 + w[t - 16];
    }
    memcpy(v, h, sizeof v);                              /* a..h of the standard */
    for (int t = 0; t < 64; t++) {
        uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25), choose = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22), majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        uint32_t t1 = v[7] + s1 + choose + k[t] + w[t], t2 = s0 + majority;
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++) h[i] += v[i];
}

void mn_sha256_plain(uint32_t h[8], const unsigned char *blocks, size_t n) {
    for (size_t i = 0; i < n; i++) compress(h, blocks + 64 * i);
}

#if defined(__x86_64__)
static bool has_instructions(void) {
    unsigned a, b = 0, c, d;
    return __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
}

/* The instructions hold the state as (f e b a) and (h g d c), four words of the schedule to a register, two rounds a step. */
__attribute__((target("sha,sse4.1"))) static void compress_fast(uint32_t h[8], const unsigned char *blocks, size_t n) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bll, 0x0405060700010203ll);
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)h), 0xb1), high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(h + 4)), 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0);
    for (; n; n--, blocks += 64) {
        const __m128i before_abef = abef, before_cdgh = cdgh;
        __m128i w[4];
        for (int i = 0; i < 4; i++) w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(blocks + 16 * i)), swap);
        for (int t = 0; t < 16; t++) {                   /* four rounds each */
            __m128i now = w[t & 3], kw = _mm_add_epi32(now, _mm_loadu_si128((const __m128i *)(k + 4 * t)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, kw);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(kw, 0x0e));
            if (t >= 12) continue;                       /* words 4(t + 4) to 4(t + 4) + 3 take the place of these */
            __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(now, w[(t + 1) & 3]), _mm_alignr_epi8(w[(t + 3) & 3], w[(t + 2) & 3], 4));
            w[t & 3] = _mm_sha256msg2_epu32(next, w[(t + 3) & 3]);
        }
        abef = _mm_add_epi32(abef, before_abef);
        cdgh = _mm_add_epi32(cdgh, before_cdgh);
    }
    low = _mm_shuffle_epi32(abef, 0x1b);
    high = _mm_shuffle_epi32(cdgh, 0xb1);
    _mm_storeu_si128((__m128i *)h, _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128((__m128i *)(h + 4), _mm_alignr_epi8(high, low, 8));
}
#else
static bool has_instructions(void) { return false; }
static void compress_fast(uint32_t h[8], const unsigned char *blocks, size_t n) { mn_sha256_plain(h, blocks, n); }
#endif

void mn_sha256_blocks(uint32_t h[8], const unsigned char *blocks, size_t n) {
    static int fast = -1;                                /* the same answer whichever thread asks first */
    if (fast < 0) fast = has_instructions();
    if (fast) compress_fast(h, blocks, n);
    else mn_sha256_plain(h, blocks, n);
}

void mn_sha256_begin(mn_sha256 *s) {
    *s = (mn_sha256){.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void mn_sha256_add(mn_sha256 *s, const void *bytes, size_t size) {
    const unsigned char *p = bytes;
    while (size) {
        size_t at = s->size % 64, whole = at ? 0 : size / 64, take = whole ? 64 * whole : 64 - at < size ? 64 - at : size;
        if (whole) mn_sha256_blocks(s->h, p, whole);
        else {
            memcpy(s->block + at, p, take);
            if (at + take == 64) mn_sha256_blocks(s->h, s->block, 1);
        }
        s->size += take;
        p += take;
        size -= take;
    }
}

void mn_sha256_end(mn_sha256 *s, char hex[65]) {
    uint64_t bits = s->size * 8;
    unsigned char tail[8];
    for (int i = 0; i < 8; i++) tail[i] = (unsigned char)(bits >> (56 - 8 * i));
    mn_sha256_add(s, "\x80", 1);
    while (s->size % 64 != 56) mn_sha256_add(s, "", 1);
    mn_sha256_add(s, tail, 8);
    for (int i = 0; i < 8; i++) snprintf(hex + 8 * i, 9, "%08x", s->h[i]);
}

mn_status mn_sha256_fd(int fd, const char *path, char hex[65]) {
    static _Thread_local unsigned char bytes[1 << 16];
    mn_sha256 s;
    off_t at = 0;
    ssize_t got;
    mn_sha256_begin(&s);
    while (!mn_interrupted() && (got = pread(fd, bytes, sizeof bytes, at)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return mn_fail(MN_EIO, "cannot read %s: %s", path, strerror(errno));
        mn_sha256_add(&s, bytes, (size_t)got);
        at += got;
    }
    if (mn_interrupted()) return mn_fail(MN_EINTR, "interrupted while reading %s", path);
    mn_sha256_end(&s, hex);
    return MN_OK;
}

mn_status mn_sha256_file(const char *path, char hex[65]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return mn_fail(errno == ENOENT ? MN_ENOTFOUND : MN_EIO, "cannot open %s: %s", path, strerror(errno));
    mn_status s = mn_sha256_fd(fd, path, hex);
    close(fd);
    return s;
}
