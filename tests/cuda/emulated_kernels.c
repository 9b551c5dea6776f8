/* emulated_kernels.c -- the plain kernels' entries for the processor, k_cpu_*_f32, replaced by their CUDA form in the emulator:
 * whatever engine code is linked with this runs on the emulated GPU.  kt_*, the fast versions, go to the plain kernels as well.
 * Memory for tensors has guards on both sides. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../engine/internal.h"
#include "../../kernels/tuned/tuned.h"
#include "emulate.h"

static int run_plain(const struct k_emulated_kernel *kernel, int rows, const void *args) {
    const int64_t n = *(const int64_t *)args, most = 1 << 20, blocks = rows ? n : (n + kernel->threads - 1) / kernel->threads;
    if (n < 1) return 0;
    const struct k_emulated_dim grid = {(unsigned)(blocks < most ? blocks : most), 1, 1}, block = {kernel->threads, 1, 1};
    k_emulate_order = (k_emulate_order + 1) % 3;
    const int bad = k_emulate(kernel, grid, block, 0, args);
    if (bad) fprintf(stderr, "%s: %s\n", kernel->name, k_emulate_fault);
    return bad;
}
#define K(name)                                                                                           \
    extern const struct k_emulated_kernel k_cuda_##name##_f32;                                            \
    extern const char k_rows_##name;                                                                      \
    int k_cpu_##name##_f32(const void *args, void *stream);                                               \
    int k_cpu_##name##_f32(const void *args, void *stream) { (void)stream; return run_plain(&k_cuda_##name##_f32, k_rows_##name, args); }
#include "../../kernels/kernels.def"
#undef K

/* ---- the fast versions' names ---- */

#define PLAIN(name, args) k_cpu_##name##_f32((args), NULL)
int kt_matmul(const struct k_matmul *p) { return PLAIN(matmul, p); }
int kt_conv_fwd(const struct k_conv *p) { return PLAIN(conv_fwd, p); }
int kt_conv_bwd_x(const struct k_conv *p) { return PLAIN(conv_bwd_x, p); }
int kt_conv_bwd_w(const struct k_conv *p) { return PLAIN(conv_bwd_w, p); }
int kt_upfirdn_fits(const struct k_upfirdn *p) { (void)p; return 0; }

static int mix(const struct k_attention *p, const void *a, int swapped, const void *x, void *out, int add) {
    struct k_attention_mix m = {.heads = p->heads, .d = p->d, .T = swapped ? p->M : p->L, .S = swapped ? p->L : p->M,
                                .swapped = swapped, .add = add, .a = a, .x = x, .out = out};
    m.n = p->B * m.T * p->heads * p->d;
    return PLAIN(attention_mix, &m);
}
/* As engine/ops/attention.c does without a fast version. */
static int attention(const struct k_attention *given, int backward) {
    struct k_attention p = *given;
    p.n = p.B * p.heads * p.L;
    float *scratch = malloc((size_t)(2 * p.n * p.M) * sizeof *scratch);
    if (!scratch) return 1;
    p.p = scratch;
    p.ds = scratch + p.n * p.M;
    int bad = PLAIN(attention_probs, &p);
    if (!backward) bad |= mix(&p, p.p, 0, p.v, p.y, 0);
    else {
        bad |= PLAIN(attention_bwd, &p);
        if (p.dq) bad |= mix(&p, p.ds, 0, p.k, p.dq, p.add_q);
        if (p.dk) bad |= mix(&p, p.ds, 1, p.q, p.dk, p.add_k);
        if (p.dv) bad |= mix(&p, p.p, 1, p.dy, p.dv, p.add_v);
    }
    free(scratch);
    return bad;
}
int kt_attention_fwd(const struct k_attention *p) { return attention(p, 0); }
int kt_attention_bwd(const struct k_attention *p) { return attention(p, 1); }

/* ---- guarded memory in place of engine/alloc.c's cache ---- */

enum { GUARD = 256, PATTERN = 0xa5 };
void *mn_alloc(size_t bytes) {
    unsigned char *p = aligned_alloc(64, (bytes + 63) / 64 * 64 + 2 * GUARD);
    if (!p) { mn_fail(MN_ENOMEM, "out of memory: %zu bytes asked for", bytes); return NULL; }
    memset(p, PATTERN, GUARD);
    memset(p + GUARD, 0xff, bytes);
    memset(p + GUARD + bytes, PATTERN, GUARD);
    return p + GUARD;
}
void mn_dealloc(void *memory, size_t bytes) {
    unsigned char *p = memory;
    if (!p) return;
    for (int k = 0; k < GUARD; k++)
        if (p[-1 - k] != PATTERN || p[bytes + (size_t)k] != PATTERN) {
            fprintf(stderr, "a kernel wrote outside a tensor of %zu bytes\n", bytes);
            exit(1);
        }
    free(p - GUARD);
}
