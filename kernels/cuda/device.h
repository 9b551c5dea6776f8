/* device.h -- what kernel code sees of a GPU, in the common subset of C11 and CUDA C++.
 *
 * Under nvcc these are PTX instructions; otherwise the emulator's functions of the same names (tests/cuda/emulate.h), with which
 * gcc compiles the same kernels for the host and tests/cuda run them thread by thread.  Instructions that older generations
 * lack are replaced or, where no kernel may use them there, trap: the planners (plan_*.c) choose by generation.
 *
 *   K_GLOBAL(name, type, threads) { ... a.n ... }   a kernel whose one argument is struct type, for blocks of `threads`
 *   K_SHARED(type, name, [n])                       memory of the block
 *   K_DYNAMIC(type, name)                           the part of it whose size the launch names: a pointer
 *
 * Fragments of the matrix products: lane = 4 g + t of a warp holds
 *     16-bit, m16n8k16   A: a0 (g, 2t..) a1 (g+8, 2t..) a2 (g, 2t+8..) a3 (g+8, 2t+8..), B: b0 (2t.., g) b1 (2t+8.., g), two numbers each
 *     tf32, m16n8k8      A: a0 (g, t) a1 (g+8, t) a2 (g, t+4) a3 (g+8, t+4),              B: b0 (t, g) b1 (t+4, g)
 *     C, f32             c0, c1 (g, 2t..), c2, c3 (g+8, 2t..)
 * so that one k_ldmatrix of four 8 x 16-byte tiles fills A in either case. */
#ifndef K_DEVICE_H
#define K_DEVICE_H
#include <stdint.h>

enum { K_WARP = 32 };                                   /* lanes of a warp */

#ifdef __CUDACC__
#define K_FN static __device__ __forceinline__
#define K_GLOBAL(name, type, threads) extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ struct type a)
#define K_SHARED(type, name, size) __shared__ __align__(16) type name size
#define K_DYNAMIC(type, name) extern __shared__ __align__(128) unsigned char k_dynamic[]; type *const name = (type *)k_dynamic
#define K_UNROLL _Pragma("unroll")
typedef float4 k_float4;

K_FN float k_shuffle_xor(float v, int lanes) { return __shfl_xor_sync(0xffffffffu, v, lanes); }
K_FN float k_shuffle(float v, int lane) { return __shfl_sync(0xffffffffu, v, lane); }
K_FN unsigned k_ballot(int v) { return __ballot_sync(0xffffffffu, v); }

/* Two numbers in one register, `low` in the lower half. */
K_FN uint32_t k_pack_f16(float low, float high) {
    uint32_t v;
#if __CUDA_ARCH__ >= 800
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(v) : "f"(high), "f"(low));
#else
    asm("{.reg .f16 a, b; cvt.rn.f16.f32 a, %1; cvt.rn.f16.f32 b, %2; mov.b32 %0, {a, b};}" : "=r"(v) : "f"(low), "f"(high));
#endif
    return v;
}
K_FN uint32_t k_pack_bf16(float low, float high) {
#if __CUDA_ARCH__ >= 800
    uint32_t v;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(v) : "f"(high), "f"(low));
    return v;
#else
    __trap();
    return 0;
#endif
}
/* f32 rounded to the 10 bits of mantissa that the matrix units read. */
K_FN uint32_t k_tf32(float x) {
#if __CUDA_ARCH__ >= 800
    uint32_t v;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(v) : "f"(x));
    return v;
#else
    __trap();
    return 0;
#endif
}

/* Four 8 x 8 tiles of 16-bit numbers (or 8 x 4 of 32-bit): lane l names row l % 8 of tile l / 8; rows are 16 bytes. */
K_FN void k_ldmatrix(uint32_t v[4], const void *row) {
    const uint32_t at = (uint32_t)__cvta_generic_to_shared(row);
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];" : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3]) : "r"(at) : "memory");
}

/* c += a b */
K_FN void k_mma_f16(float c[4], const uint32_t a[4], const uint32_t b[2]) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    K_UNROLL
    for (int k = 0; k < 2; k++)
        asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%0,%1,%2,%3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[2 * k]), "r"(a[2 * k + 1]), "r"(b[k]));
#endif
}
K_FN void k_mma_bf16(float c[4], const uint32_t a[4], const uint32_t b[2]) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}
K_FN void k_mma_tf32(float c[4], const uint32_t a[4], const uint32_t b[2]) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
}

/* 16 bytes from global to shared memory, finished for this thread after k_copy_wait(n): all but its n latest groups.
 * Other threads see them after the barrier that follows. */
K_FN void k_copy16(void *shared, const void *global) {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"((uint32_t)__cvta_generic_to_shared(shared)), "l"(global) : "memory");
#else
    *(uint4 *)shared = *(const uint4 *)global;
#endif
}
K_FN void k_copy_group(void) {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
#if __CUDA_ARCH__ >= 800
#define k_copy_wait(n) asm volatile("cp.async.wait_group %0;" :: "n"(n) : "memory")
#else
#define k_copy_wait(n) ((void)0)
#endif
#else
#include "emulate.h"
#endif

/* Sum and maximum over the lanes of a warp; every lane gets it. */
K_FN float k_warp_sum(float v) {
    for (int o = 16; o; o >>= 1) v += k_shuffle_xor(v, o);
    return v;
}
K_FN float k_warp_max(float v) {
    for (int o = 16; o; o >>= 1) {
        const float w = k_shuffle_xor(v, o);
        v = w > v ? w : v;
    }
    return v;
}
#endif
