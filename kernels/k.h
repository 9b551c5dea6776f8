/* k.h -- one source for every device.
 *
 * A kernel file is compiled by gcc twice (K_REAL float, then double) and, where
 * nvcc is found, by nvcc as CUDA C++; bodies use the common subset of C11 and
 * CUDA C++.  The argument struct of kernel `foo` is `struct k_foo` and has a
 * field n, the number of elements or rows.
 *
 *   KERNEL(foo) { ... p->x[i] ... }        one call per element i in [0, p->n)
 *   KERNEL_ROWS(foo) { K_LOOP(j, p->len) ... s = K_SUM(s); }
 *                                          one call per row i; on a GPU one block
 *                                          per row shares the K_LOOP and K_SUM /
 *                                          K_MAX combine its threads' values.
 *
 * Pointers in argument structs are void*; bodies cast them to real.  A KERNEL
 * writes only elements that belong to its own i, except through K_ATOMIC_ADD. */
#ifndef K_H
#define K_H
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include "shapes.h"
#include "vmath.h"
#if defined(__CUDACC__) || defined(K_EMULATE)
#define K_CUDA                            /* the bodies become kernels for a GPU, real or emulated (cuda/device.h) */
#endif

#ifndef K_REAL
#define K_REAL float
#define K_SUFFIX f32
/* What a GPU needs to know to launch the kernel; there are GPU kernels for f32 alone.  len: the field with the length of a row, n where none is. */
#define K_DESCRIBE(op, kind, len)                                               \
  _Static_assert(offsetof(struct k_##op, n) == 0, "n comes first: the host reads it without knowing the struct"); \
  extern const struct k_shape k_shape_##op;                                     \
  const struct k_shape k_shape_##op = {kind, sizeof(struct k_##op), offsetof(struct k_##op, len)};
#else
#define K_DESCRIBE(op, kind, len)
#endif
typedef K_REAL real;
#define K_CAT_(d, op, s) k_##d##_##op##_##s
#define K_CAT(d, op, s) K_CAT_(d, op, s)

#ifdef K_CUDA
/* ------------------------------------------------------------------ CUDA */
#include "cuda/device.h"
#define K_ENTRY(op) K_CAT(cuda, op, K_SUFFIX)
typedef real k_acc;                       /* sums within a thread */
#define K_ATOMIC_ADD(p, v) atomicAdd((p), (real)(v))
/* Entries are found by name (engine/cuda/device.c), which also chooses the grid; loops allow for any. */
#define KERNEL(op)                                                              \
  K_FN void op##_at(const struct k_##op *, int64_t);                            \
  K_GLOBAL(K_ENTRY(op), k_##op, K_THREADS) {                                    \
    for (int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x; i < a.n;   \
         i += (int64_t)gridDim.x * blockDim.x) op##_at(&a, i); }                \
  K_FN void op##_at(const struct k_##op *p, int64_t i)
#define KERNEL_ROWS(op)                                                         \
  K_FN void op##_row(const struct k_##op *, int64_t);                           \
  K_GLOBAL(K_ENTRY(op), k_##op, K_THREADS) {                                    \
    for (int64_t i = blockIdx.x; i < a.n; i += gridDim.x) { op##_row(&a, i); __syncthreads(); } } \
  K_FN void op##_row(const struct k_##op *p, int64_t i)
#define K_LOOP(j, len) for (int64_t j = blockIdx.y * blockDim.x + threadIdx.x; j < (len); j += gridDim.y * blockDim.x)
#define K_FIRST (threadIdx.x == 0)        /* guards what one thread of the row does */
/* Combine over the row's threads; every thread gets the result. */
K_FN k_acc k_block(k_acc v, int take_max) {
    K_SHARED(k_acc, part, [K_THREADS / K_WARP]);
    v = take_max ? k_warp_max(v) : k_warp_sum(v);
    __syncthreads();
    if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
    __syncthreads();
    v = part[0];
    for (int k = 1; k < K_THREADS / K_WARP; k++) v = take_max ? (part[k] > v ? part[k] : v) : v + part[k];
    return v;
}
#define K_COLUMNS 1                       /* columns that one turn of a loop over columns takes together */
#define K_SUM(v) k_block((v), 0)
#define K_MAX(v) k_block((v), 1)

#else
/* ------------------------------------------------------------------- CPU */
#define K_FN static inline __attribute__((always_inline, unused))
#define K_ENTRY(op) K_CAT(cpu, op, K_SUFFIX)
typedef double k_acc;
/* Kernels that scatter run on one thread on the CPU (KERNEL_SERIAL), so sums have one order. */
#define K_ATOMIC_ADD(p, v) (*(p) += (real)(v))
#define K_GRAIN 16384                     /* below this many elements threads cost more than they bring */
#define K_BODY(op, kind, len, call, serial, grain)                              \
  K_DESCRIBE(op, kind, len)                                                     \
  K_FN void call(const struct k_##op *, int64_t);                               \
  int K_ENTRY(op)(const void *args, void *stream);                              \
  int K_ENTRY(op)(const void *args, void *stream) {                             \
    const struct k_##op p = *(const struct k_##op *)args;                       \
    const int64_t n = p.n;                                                      \
    const int64_t threads_from = (serial) ? INT64_MAX : (grain);  \
    (void)stream;                                                               \
    _Pragma("omp parallel for schedule(static) firstprivate(p) if (n >= threads_from)") \
    for (int64_t i = 0; i < n; i++) call(&p, i);                                \
    return 0; }                                                                 \
  K_FN void call(const struct k_##op *p, int64_t i)
#define KERNEL(op) K_BODY(op, K_ELEMENTS, n, op##_at, 0, K_GRAIN)
#define KERNEL_ROWS(op) K_BODY(op, K_ROWS, n, op##_row, 0, 16)
#define K_LOOP(j, len) for (int64_t j = 0; j < (len); j++)
#define K_FIRST 1
#define K_COLUMNS 16                      /* a cache line: summing single columns would fetch each line 16 times */
#define K_SUM(v) (v)
#define K_MAX(v) (v)
#endif

/* Variants.  KERNEL_SPREAD(op, len): rows of p->len elements without K_SUM, K_MAX or K_FIRST, so that several blocks may share a long one.
 * KERNEL_SERIAL and KERNEL_SCATTER: elements and rows that add where others add too (K_ATOMIC_ADD): one order on the CPU;
 * on a GPU one order when a row is one thread (MIEN_DETERMINISTIC=1).  _HEAVY: elements or rows that cost
 * thousands of operations each, so that threads pay from the second one on. */
#ifdef K_CUDA
#define KERNEL_SPREAD(op, len) KERNEL_ROWS(op)
#define KERNEL_SERIAL(op) KERNEL(op)
#define KERNEL_SCATTER(op) KERNEL_ROWS(op)
#define KERNEL_HEAVY(op) KERNEL(op)
#define KERNEL_ROWS_HEAVY(op) KERNEL_ROWS(op)
#else
#define KERNEL_SPREAD(op, len) K_BODY(op, K_SPREAD, len, op##_row, 0, 16)
#define KERNEL_SERIAL(op) K_BODY(op, K_SERIAL, n, op##_at, 1, 0)
#define KERNEL_SCATTER(op) K_BODY(op, K_SCATTER, n, op##_row, 0, 2)
#define KERNEL_HEAVY(op) K_BODY(op, K_ELEMENTS, n, op##_at, 0, 2)
#define KERNEL_ROWS_HEAVY(op) K_BODY(op, K_ROWS, n, op##_row, 0, 2)
#endif

/* Functions by precision.  In f32, exp and what is made of it come from vmath.h, so that loops become vector code. */
#define K_F32 (sizeof(real) == 4)
K_FN real k_exp(real x) { return K_F32 ? (real)v_exp((float)x) : (real)exp((double)x); }
K_FN real k_log(real x) { return K_F32 ? (real)logf((float)x) : (real)log((double)x); }
K_FN real k_log1p(real x) { return K_F32 ? (real)log1pf((float)x) : (real)log1p((double)x); }
K_FN real k_sqrt(real x) { return K_F32 ? (real)sqrtf((float)x) : (real)sqrt((double)x); }
K_FN real k_sin(real x) { return K_F32 ? (real)sinf((float)x) : (real)sin((double)x); }
K_FN real k_cos(real x) { return K_F32 ? (real)cosf((float)x) : (real)cos((double)x); }
K_FN real k_tanh(real x) { return K_F32 ? (real)tanhf((float)x) : (real)tanh((double)x); }
K_FN real k_floor(real x) { return K_F32 ? (real)floorf((float)x) : (real)floor((double)x); }
K_FN real k_abs(real x) { return x < 0 ? -x : x; }
K_FN real k_sigmoid(real x) { return 1 / (1 + k_exp(-x)); }
/* log(1 + e^x), linear above 20 as in the published decoder. */
K_FN real k_softplus(real x) { return K_F32 ? (real)v_softplus((float)x) : x > 20 ? x : k_log1p(k_exp(x)); }

#endif
