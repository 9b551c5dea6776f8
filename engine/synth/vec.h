/* vec.h -- three-component vectors and the few scalar helpers the synthetic renderer shares. */
#ifndef MN_SYNTH_VEC_H
#define MN_SYNTH_VEC_H
#include <math.h>

typedef struct vec3 { float x, y, z; } vec3;

static inline vec3 v3(const float *p) { return (vec3){p[0], p[1], p[2]}; }
static inline void v3_store(float *p, vec3 a) { p[0] = a.x; p[1] = a.y; p[2] = a.z; }
static inline vec3 v3_add(vec3 a, vec3 b) { return (vec3){a.x + b.x, a.y + b.y, a.z + b.z}; }
static inline vec3 v3_sub(vec3 a, vec3 b) { return (vec3){a.x - b.x, a.y - b.y, a.z - b.z}; }
static inline vec3 v3_scale(vec3 a, float s) { return (vec3){a.x * s, a.y * s, a.z * s}; }
static inline vec3 v3_mad(vec3 a, vec3 b, float s) { return (vec3){a.x + b.x * s, a.y + b.y * s, a.z + b.z * s}; }  /* a + s b */
static inline float v3_dot(vec3 a, vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline vec3 v3_cross(vec3 a, vec3 b) {
    return (vec3){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
static inline vec3 v3_unit(vec3 a) {            /* the zero vector stays zero */
    float l = v3_dot(a, a);
    return v3_scale(a, l > 1e-20f ? 1 / sqrtf(l) : 0);
}
/* A x + b for a row-major 3x3 matrix. */
static inline vec3 v3_apply(const float A[9], vec3 p) {
    return (vec3){A[0] * p.x + A[1] * p.y + A[2] * p.z, A[3] * p.x + A[4] * p.y + A[5] * p.z, A[6] * p.x + A[7] * p.y + A[8] * p.z};
}

/* Not fminf and fmaxf: those must treat NaN specially and so are calls; these are one instruction. */
static inline float minf(float a, float b) { return a < b ? a : b; }
static inline float maxf(float a, float b) { return a > b ? a : b; }
static inline float clampf(float x, float lo, float hi) { return x < lo ? lo : x > hi ? hi : x; }
static inline float saturate(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
/* 0 at a, 1 at b (a > b turns it round), with flat ends. */
static inline float smoothstep(float a, float b, float x) {
    float t = saturate((x - a) / (b - a));
    return t * t * (3 - 2 * t);
}
/* exp(-sum ((p - c) / r)^2) */
static inline float blob(vec3 p, vec3 c, float rx, float ry, float rz) {
    float x = (p.x - c.x) / rx, y = (p.y - c.y) / ry, z = (p.z - c.z) / rz;
    return expf(-(x * x + y * y + z * z));
}
#endif
