/* vmath.h -- exp, log1p, sigmoid and softplus of f32 without branches or calls, so that loops over them become
 * vector code.  Written from the textbook reductions:
 *     exp     n = round(x / ln 2), r = x - n ln 2 (in two parts), e^x = 2^n e^r, e^r by its Taylor series to r^7
 *     log1p   for 0 <= z <= 1: s = z / (2 + z), log(1+z) = 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...), s <= 1/3
 * Largest errors over all inputs, measured by tests/c/test_vmath.c: exp 2 units in the last place, log1p 3. */
#ifndef K_VMATH_H
#define K_VMATH_H
#include <math.h>
#include <stdint.h>
#ifdef __CUDACC__
#define V_FN static __device__ __forceinline__
#else
#define V_FN static inline __attribute__((always_inline, unused))
#endif

/* 0 below -87.3 (where the result would be subnormal), infinite above 88.7, NaN stays NaN. */
V_FN float v_exp(float x) {
    const float magic = 12582912.0f;                    /* 1.5 * 2^23: adding it rounds to a whole number */
    const float c = x < -87.3f ? -87.3f : x > 88.7f ? 88.7f : x;
    const float shifted = c * 1.44269504f + magic, n = shifted - magic;
    const float r = (c - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    union { float f; int32_t i; uint32_t u; } bits, half;    /* 2^n in two steps: n may be 128; unsigned, for NaN's n is anything */
    bits.f = shifted;
    const int32_t whole = bits.i - 0x4b400000, lower = whole >> 1;
    bits.u = (uint32_t)(lower + 127) << 23;
    half.u = (uint32_t)(whole - lower + 127) << 23;
    p = p * bits.f * half.f;
    return x < -87.3f ? 0.0f : x > 88.7f ? INFINITY : p;
}

/* log(1 + z), 0 <= z <= 1. */
V_FN float v_log1p_unit(float z) {
    const float s = z / (2.0f + z), q = s * s;
    float p = 1.0f / 15;
    p = p * q + 1.0f / 13;
    p = p * q + 1.0f / 11;
    p = p * q + 1.0f / 9;
    p = p * q + 1.0f / 7;
    p = p * q + 1.0f / 5;
    p = p * q + 1.0f / 3;
    return 2.0f * (s + s * q * p);
}

/* e^x for x <= 0 in fewer steps: below -87 it stays at e^-87. */
V_FN float v_exp_negative(float x) {
    const float magic = 12582912.0f, c = x < -87.0f ? -87.0f : x, shifted = c * 1.44269504f + magic, n = shifted - magic;
    const float r = (c - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r + 1.0f;
    p = p * r + 1.0f;
    union { float f; uint32_t u; } bits;
    bits.f = shifted;
    bits.u = (bits.u - 0x4b400000u + 127) << 23;
    return p * bits.f;
}

V_FN float v_sigmoid(float x) { return 1.0f / (1.0f + v_exp(-x)); }
/* log(1 + e^x) = max(x, 0) + log1p(e^-|x|); above 20 the second term is below half a unit of x. */
V_FN float v_softplus(float x) { return (x > 0 ? x : 0) + v_log1p_unit(v_exp_negative(x > 0 ? -x : x)); }
#endif
