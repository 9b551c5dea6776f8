/* emulate.c -- see emulate.h.  A thread of a block is a fiber: it runs until it blocks, then the next one does.
 * Switching is setjmp/longjmp between stacks that makecontext prepared once. */
#define _GNU_SOURCE
#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include "emulate.h"
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

enum { THREADS = 1024, WARP = 32, STACK = 256 << 10, GROUPS = 8, COPIES = 64 };
enum state { READY, AT_WARP, AT_BLOCK, DONE };

struct copy { void *to; const void *from; int group; };
typedef struct fiber {
    jmp_buf at;
    ucontext_t start;
    void *stack;
    int started, state, line;
    unsigned id;
    struct copy copies[COPIES];
    int ncopies, group;
    void *fake;                                         /* the address sanitizer's side */
} fiber;

typedef void (*instruction)(void *const in[WARP], void *const out[WARP]);
struct warp { instruction what; unsigned arrived; void *in[WARP], *out[WARP]; };

struct k_emulated_place k_emulated;
char k_emulate_fault[256];
unsigned k_emulate_order;

static fiber fibers[THREADS], *current;
static struct warp warps[THREADS / WARP];
static jmp_buf home;
static ucontext_t home_context;
static void (*body)(const void *);
static const void *arguments;
static int faulty;
static void *dynamic;

static void fault(const char *text) {
    if (!faulty) snprintf(k_emulate_fault, sizeof k_emulate_fault, "block (%u,%u,%u), thread %u: %s", k_emulated.block.x, k_emulated.block.y,
                          k_emulated.block.z, current ? current->id : 0, text);
    faulty = 1;
}

/* ---- switching ---- */

#ifdef __SANITIZE_ADDRESS__
static void *home_fake;
static const void *home_stack;
static size_t home_size;
static void to_home(fiber *f) { __sanitizer_start_switch_fiber(&f->fake, home_stack, home_size); }
static void at_home(void) { __sanitizer_finish_switch_fiber(home_fake, NULL, NULL); }
static void to_fiber(fiber *f) { __sanitizer_start_switch_fiber(&home_fake, f->stack, STACK); }
static void at_fiber(fiber *f) { __sanitizer_finish_switch_fiber(f->fake, &home_stack, &home_size); }
#else
static void to_home(fiber *f) { (void)f; }
static void at_home(void) {}
static void to_fiber(fiber *f) { (void)f; }
static void at_fiber(fiber *f) { (void)f; }
#endif

static __attribute__((noinline)) void pause_fiber(void) {
    if (!_setjmp(current->at)) {
        to_home(current);
        _longjmp(home, 1);
    }
    at_fiber(current);
}
static void fiber_main(void) {
    at_fiber(current);
    for (;;) {
        body(arguments);
        current->state = DONE;
        pause_fiber();
    }
}
static __attribute__((noinline)) void resume(fiber *f) {
    const struct k_emulated_dim n = k_emulated.threads;
    k_emulated.thread = (struct k_emulated_dim){f->id % n.x, f->id / n.x % n.y, f->id / (n.x * n.y)};
    current = f;
    if (!_setjmp(home)) {
        to_fiber(f);
        if (f->started) _longjmp(f->at, 1);
        f->started = 1;
        f->fake = NULL;
        getcontext(&f->start);
        f->start.uc_stack.ss_sp = f->stack;
        f->start.uc_stack.ss_size = STACK;
        f->start.uc_link = NULL;
        makecontext(&f->start, fiber_main, 0);
        swapcontext(&home_context, &f->start);
    }
    at_home();
}

/* ---- barriers ---- */

void k_emulated_barrier(int line) {
    current->state = AT_BLOCK;
    current->line = line;
    pause_fiber();
}
/* All lanes of the warp meet here; the last one to come does the work. */
static void meet(instruction what, void *in, void *out) {
    struct warp *w = &warps[current->id / WARP];
    const unsigned lane = current->id % WARP;
    if (w->arrived && w->what != what) fault("lanes of a warp wait in different instructions");
    w->what = what;
    w->in[lane] = in;
    w->out[lane] = out;
    w->arrived |= 1u << lane;
    if (w->arrived != 0xffffffffu) {
        current->state = AT_WARP;
        pause_fiber();
        return;
    }
    w->arrived = 0;
    what(w->in, w->out);
    for (int l = 0; l < WARP; l++) fibers[current->id / WARP * WARP + l].state = READY;
}
static void nothing(void *const in[WARP], void *const out[WARP]) { (void)in; (void)out; }
void __syncwarp(void) { meet(nothing, NULL, NULL); }

/* ---- instructions of a warp ---- */

struct shuffled { float v; int lane; };
static void shuffle(void *const in[WARP], void *const out[WARP]) {
    for (int l = 0; l < WARP; l++) *(float *)out[l] = ((struct shuffled *)in[((struct shuffled *)in[l])->lane & 31])->v;
}
float k_shuffle(float v, int lane) {
    struct shuffled s = {v, lane};
    float r;
    meet(shuffle, &s, &r);
    return r;
}
float k_shuffle_xor(float v, int lanes) { return k_shuffle(v, (int)(current->id % WARP) ^ lanes); }
static void ballot(void *const in[WARP], void *const out[WARP]) {
    unsigned v = 0;
    for (int l = 0; l < WARP; l++) v |= (unsigned)(*(int *)in[l] != 0) << l;
    for (int l = 0; l < WARP; l++) *(unsigned *)out[l] = v;
}
unsigned k_ballot(int v) {
    unsigned r;
    meet(ballot, &v, &r);
    return r;
}

static void load_tiles(void *const in[WARP], void *const out[WARP]) {
    for (int l = 0; l < WARP; l++) {
        if ((uintptr_t)in[l] % 16) fault("ldmatrix: a row does not begin at a multiple of 16 bytes");
        for (int m = 0; m < 4; m++) memcpy((uint32_t *)out[l] + m, (char *)in[8 * m + l / 4] + l % 4 * 4, 4);
    }
}
void k_ldmatrix(uint32_t v[4], const void *row) { meet(load_tiles, (void *)row, v); }

static float bf16(uint32_t v) { v <<= 16; float f; memcpy(&f, &v, 4); return f; }
static float f16(uint32_t v) { uint16_t h = (uint16_t)v; _Float16 f; memcpy(&f, &h, 2); return (float)f; }
static float tf32(uint32_t v) { v &= 0xffffe000u; float f; memcpy(&f, &v, 4); return f; }
uint32_t k_pack_f16(float low, float high) {
    const _Float16 h[2] = {(_Float16)low, (_Float16)high};
    uint32_t v;
    memcpy(&v, h, 4);
    return v;
}
static uint32_t round_bf16(float x) {
    uint32_t v;
    memcpy(&v, &x, 4);
    return x != x ? 0x7fff : (v + 0x7fff + (v >> 16 & 1)) >> 16;
}
uint32_t k_pack_bf16(float low, float high) { return round_bf16(low) | round_bf16(high) << 16; }
uint32_t k_tf32(float x) {                              /* to nearest, ties away from zero */
    uint32_t v;
    memcpy(&v, &x, 4);
    return isfinite(x) ? (v + 0x1000) & 0xffffe000u : v;
}

struct operands { float *c; const uint32_t *a, *b; };
/* k: the depth of the product, two numbers to a register when it is 16. */
static void product(void *const in[WARP], int depth, float (*number)(uint32_t)) {
    float a[16][16], b[16][8];
    const int pair = depth == 16 ? 2 : 1;
    for (int l = 0; l < WARP; l++) {
        const struct operands *o = in[l];
        const int g = l / 4, t = l % 4;
        for (int h = 0; h < pair; h++) {
            const int first = pair * t + h, second = first + depth / 2, shift = 16 * h;
            a[g][first] = number(o->a[0] >> shift);
            a[g + 8][first] = number(o->a[1] >> shift);
            a[g][second] = number(o->a[2] >> shift);
            a[g + 8][second] = number(o->a[3] >> shift);
            b[first][g] = number(o->b[0] >> shift);
            b[second][g] = number(o->b[1] >> shift);
        }
    }
    for (int l = 0; l < WARP; l++) {
        float *c = ((const struct operands *)in[l])->c;
        for (int e = 0; e < 4; e++) {
            const int row = l / 4 + 8 * (e / 2), col = l % 4 * 2 + e % 2;
            for (int k = 0; k < depth; k++) c[e] += a[row][k] * b[k][col];
        }
    }
}
static float low_f16(uint32_t v) { return f16(v & 0xffff); }
static float low_bf16(uint32_t v) { return bf16(v & 0xffff); }
static void product_f16(void *const in[WARP], void *const out[WARP]) { (void)out; product(in, 16, low_f16); }
static void product_bf16(void *const in[WARP], void *const out[WARP]) { (void)out; product(in, 16, low_bf16); }
static void product_tf32(void *const in[WARP], void *const out[WARP]) { (void)out; product(in, 8, tf32); }
void k_mma_f16(float c[4], const uint32_t a[4], const uint32_t b[2]) { meet(product_f16, &(struct operands){c, a, b}, NULL); }
void k_mma_bf16(float c[4], const uint32_t a[4], const uint32_t b[2]) { meet(product_bf16, &(struct operands){c, a, b}, NULL); }
void k_mma_tf32(float c[4], const uint32_t a[4], const uint32_t b[2]) { meet(product_tf32, &(struct operands){c, a, b}, NULL); }

/* ---- copies in the background ---- */

void k_copy16(void *shared, const void *global) {
    if ((uintptr_t)shared % 16 || (uintptr_t)global % 16) fault("a copy of 16 bytes does not begin at a multiple of 16");
    if (current->ncopies == COPIES) { fault("too many copies under way for the emulator"); return; }
    current->copies[current->ncopies++] = (struct copy){shared, global, current->group};
}
void k_copy_group(void) { current->group++; }
void k_copy_wait(int latest) {
    int kept = 0;
    for (int k = 0; k < current->ncopies; k++) {
        const struct copy c = current->copies[k];
        if (c.group < current->group - latest) memcpy(c.to, c.from, 16);
        else current->copies[kept++] = c;
    }
    current->ncopies = kept;
}

/* ---- grids ---- */

static unsigned order[THREADS];
static void choose_order(unsigned n, unsigned salt) {
    uint64_t seed = k_emulate_order * 0x9E3779B97F4A7C15u + salt;
    for (unsigned k = 0; k < n; k++) order[k] = k_emulate_order == 1 ? n - 1 - k : k;
    for (unsigned k = n; k_emulate_order > 1 && k > 1; k--) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        const unsigned j = (unsigned)(seed >> 33) % k, was = order[k - 1];
        order[k - 1] = order[j];
        order[j] = was;
    }
}

static void run_block(unsigned threads) {
    for (unsigned t = 0; t < threads; t++) {
        fiber *f = &fibers[t];
        if (!f->stack) f->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        f->id = t;
        f->state = READY;
        f->ncopies = f->group = 0;
    }
    memset(warps, 0, sizeof warps);
    for (unsigned pass = 0; !faulty; pass++) {
        unsigned ran = 0, done = 0, waiting = 0;
        choose_order(threads, pass);
        for (unsigned k = 0; k < threads && !faulty; k++) {
            fiber *f = &fibers[order[k]];
            if (f->state != READY) continue;
            ran++;
            resume(f);
        }
        for (unsigned t = 0; t < threads; t++) {
            done += fibers[t].state == DONE;
            waiting += fibers[t].state == AT_BLOCK && fibers[t].line == fibers[0].line;
        }
        if (done == threads) return;
        if (waiting == threads) for (unsigned t = 0; t < threads; t++) fibers[t].state = READY;
        else if (!ran) fault("a barrier that not every thread reaches");
    }
    for (unsigned t = 0; t < threads; t++) fibers[t].started = 0;       /* their stacks are in the middle of something */
}

extern char __start_k_shared[] __attribute__((weak)), __stop_k_shared[] __attribute__((weak));

int k_emulate(const struct k_emulated_kernel *kernel, struct k_emulated_dim grid, struct k_emulated_dim block, size_t shared, const void *args) {
    const unsigned threads = block.x * block.y * block.z;
    const uint64_t blocks = (uint64_t)grid.x * grid.y * grid.z;
    faulty = 0;
    current = NULL;
    k_emulated.grid = grid;
    k_emulated.threads = block;
    if (threads < 1 || threads > kernel->threads || threads % WARP || !blocks) fault("a launch with no threads, with too many or with part of a warp");
    if (!faulty && shared && !(dynamic = aligned_alloc(128, (shared + 127) / 128 * 128))) fault("out of memory");
    body = kernel->thread;
    arguments = args;
    for (uint64_t k = 0; k < blocks && !faulty; k++) {
        const uint64_t b = k_emulate_order & 1 ? blocks - 1 - k : k;
        k_emulated.block = (struct k_emulated_dim){(unsigned)(b % grid.x), (unsigned)(b / grid.x % grid.y), (unsigned)(b / ((uint64_t)grid.x * grid.y))};
        if (__start_k_shared) memset(__start_k_shared, 0xff, (size_t)(__stop_k_shared - __start_k_shared));
        if (shared) memset(dynamic, 0xff, shared);
        run_block(threads);
    }
    free(dynamic);
    dynamic = NULL;
    return faulty;
}
void *k_emulated_dynamic(void) { return dynamic; }
