/* simd.h -- allows a K_LOOP that adds to v (one variable or more) to keep several partial sums: K_SIMD_SUM(v) K_LOOP(j, len) v += ...
 * K_SIMD_MAX likewise for a greatest value.
 * The compiler fixes their number and order, so results do not change from run to run. */
#ifndef K_SIMD_H
#define K_SIMD_H
#ifdef K_CUDA
#define K_SIMD_SUM(...)
#define K_SIMD_MAX(v)
#else
#define K_SIMD_PRAGMA(text) _Pragma(#text)
#define K_SIMD_SUM(...) K_SIMD_PRAGMA(omp simd reduction(+ : __VA_ARGS__))
#define K_SIMD_MAX(v) K_SIMD_PRAGMA(omp simd reduction(max : v))
#endif
#endif
