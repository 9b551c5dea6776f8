/* emulate.h -- a GPU for tests: gcc compiles kernels (-DK_EMULATE) against this header, and k_emulate runs a grid of them,
 * block after block, every thread of a block with a stack of its own.
 *
 * What it shows that a run on the processor does not: threads go on until they meet a barrier or an instruction of the whole
 * warp, in an order that can be chosen, so that a missing barrier changes results; memory of the block begins as NaNs;
 * copies that run in the background arrive when they are waited for and not before; a barrier that not every thread reaches, and
 * warps whose lanes part, are errors. */
#ifndef K_EMULATE_H
#define K_EMULATE_H
#include <stddef.h>
#include <stdint.h>

struct k_emulated_dim { unsigned x, y, z; };
struct k_emulated_kernel { const char *name; void (*thread)(const void *args); size_t bytes; unsigned threads; };

/* 0, or 1 with a sentence in k_emulate_fault when the kernel broke a rule. */
int k_emulate(const struct k_emulated_kernel *kernel, struct k_emulated_dim grid, struct k_emulated_dim block, size_t shared, const void *args);
extern char k_emulate_fault[256];
/* Order of the threads, and of the blocks: 0 ascending, 1 descending, others shuffle. */
extern unsigned k_emulate_order;

/* ---- what kernels use ---- */

extern struct k_emulated_place { struct k_emulated_dim thread, block, threads, grid; } k_emulated;
#define threadIdx k_emulated.thread
#define blockIdx k_emulated.block
#define blockDim k_emulated.threads
#define gridDim k_emulated.grid
#define K_FN static inline __attribute__((always_inline, unused))
#define K_UNROLL
typedef struct k_float4 { float x, y, z, w; } k_float4 __attribute__((aligned(16)));
#define K_SHARED(type, name, size) static type name size __attribute__((section("k_shared"), aligned(16)))
#define K_GLOBAL(name, type, threads) K_GLOBAL_(name, type, threads)
#define K_GLOBAL_(name, type, threads)                                                              \
  static void name##_body(const struct type a);                                                     \
  static void name##_thread(const void *args) { name##_body(*(const struct type *)args); }          \
  extern const struct k_emulated_kernel name;                                                       \
  const struct k_emulated_kernel name = {#name, name##_thread, sizeof(struct type), (threads)};     \
  static void name##_body(const struct type a)

void k_emulated_barrier(int line);
#define __syncthreads() k_emulated_barrier(__LINE__)
void __syncwarp(void);
void *k_emulated_dynamic(void);
#define K_DYNAMIC(type, name) type *const name = (type *)k_emulated_dynamic()

float k_shuffle_xor(float v, int lanes);
float k_shuffle(float v, int lane);
unsigned k_ballot(int v);
uint32_t k_pack_f16(float low, float high);
uint32_t k_pack_bf16(float low, float high);
uint32_t k_tf32(float x);
void k_ldmatrix(uint32_t v[4], const void *row);
void k_mma_f16(float c[4], const uint32_t a[4], const uint32_t b[2]);
void k_mma_bf16(float c[4], const uint32_t a[4], const uint32_t b[2]);
void k_mma_tf32(float c[4], const uint32_t a[4], const uint32_t b[2]);
void k_copy16(void *shared, const void *global);
void k_copy_group(void);
void k_copy_wait(int latest);

static inline float atomicAdd(float *p, float v) { const float was = *p; *p = was + v; return was; }
static inline int atomicAddInt(int *p, int v) { const int was = *p; *p = was + v; return was; }
static inline float __fmul_rn(float a, float b) { return a * b; }    /* emulated kernels are compiled without contraction */
static inline float __ldg(const float *p) { return *p; }
static inline int __popc(unsigned v) { return __builtin_popcount(v); }
#endif
