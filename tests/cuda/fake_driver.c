/* fake_driver.c -- NVIDIA's driver and cuBLAS in a few hundred lines, on host memory, so that everything around the kernels can be tested
 * on any machine: MIEN_CUDA_DRIVER=.../fake_driver.so MIEN_CUDA_BLAS=.../fake_driver.so.
 *
 * GPU memory is a mapping that may be touched only while a copy or a kernel of this driver runs, so host code that reads a
 * tensor of the GPU dies at once.  A kernel is found by name in the program: as the emulator's build of the CUDA source (emulate.h), which then
 * runs with the grid and blocks it was launched with, else as the CPU build of the plain kernel.  Its arguments are
 * copied at the launch, and work waits in a queue until something synchronises: a host that reads too early, or reuses
 * a staging buffer too early, gets wrong numbers.  Blocks have guard bytes at both ends, looked at when they are freed and at exit.
 *
 * FAKE_CUDA=word,...  what is to go wrong (read at cuInit):
 *   devices=N   N GPUs (default 1)       memory=BYTES  of each
 *   oom=K       the K-th allocation and the next few fail, as often as times=N says (default 1)
 *   fault=NAME  the kernel k_cuda_NAME_f32 fails with an illegal address when it runs; from=K: not before its K-th run
 *   refuse=NAME its launch is refused */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "emulate.h"
#include "../../kernels/shapes.h"

typedef unsigned long long cu_ptr;
enum { OK = 0, INVALID = 1, NO_MEMORY = 2, NOT_INITIALISED = 3, NO_DEVICE = 100, NOT_FOUND = 500, ILLEGAL_ADDRESS = 700, REFUSED = 701, CAPTURE = 900 };
static const char *const NAMES[] = {[OK] = "CUDA_SUCCESS", [INVALID] = "CUDA_ERROR_INVALID_VALUE", [NO_MEMORY] = "CUDA_ERROR_OUT_OF_MEMORY",
    [NOT_INITIALISED] = "CUDA_ERROR_NOT_INITIALIZED", [NO_DEVICE] = "CUDA_ERROR_NO_DEVICE", [NOT_FOUND] = "CUDA_ERROR_NOT_FOUND",
    [ILLEGAL_ADDRESS] = "CUDA_ERROR_ILLEGAL_ADDRESS", [REFUSED] = "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", [CAPTURE] = "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"};

static struct {
    bool ready;
    int devices, sticky;
    size_t memory, used;
    long oom, times, from;
    char fault[64], refuse[64];
} fake;

/* ---- memory: an arena that is closed to everyone else ---- */

enum { GUARD = 256, BLOCKS = 1 << 16 };
static const size_t ARENA = (size_t)1 << 36;
static unsigned char *arena;
static struct { size_t at, bytes; bool live; } block[BLOCKS];
static int blocks;
static size_t next_at;

static void check_guards(int k) {
    for (int side = 0; side < 2; side++) {
        const unsigned char *g = arena + block[k].at + (side ? (ptrdiff_t)block[k].bytes : -GUARD);
        for (int i = 0; i < GUARD; i++)
            if (g[i] != 0xA5) { fprintf(stderr, "fake driver: a kernel wrote %s a block of %zu bytes\n", side ? "behind" : "before", block[k].bytes); abort(); }
    }
}
static void open_arena(void) { if (arena) mprotect(arena, next_at, PROT_READ | PROT_WRITE); }
static void close_arena(void) { if (arena) mprotect(arena, next_at, PROT_NONE); }

/* Every byte of [p, p + bytes) lies in one live block. */
static bool inside(cu_ptr p, size_t bytes) {
    const size_t at = (size_t)((unsigned char *)(uintptr_t)p - arena);
    for (int k = 0; k < blocks; k++)
        if (block[k].live && at >= block[k].at && at + bytes <= block[k].at + block[k].bytes) return true;
    return false;
}

/* ---- work that waits ---- */

enum what { KERNEL, COPY, SET8, SET32, GEMM };
typedef struct function {
    char name[64];                                       /* without k_cuda_ and _f32 */
    int (*kernel)(const void *, void *);
    const struct k_emulated_kernel *emulated;
    size_t bytes;
} function;
typedef struct job {
    enum what what;
    const function *f;
    struct k_emulated_dim grid, block;
    unsigned shared;
    _Alignas(16) unsigned char args[1024];
    void *to;
    const void *from;
    size_t n;
    unsigned value;
    struct gemm { int ta, tb, m, n, k, lda, ldb, ldc, batch; const float *a, *b; float *c; float alpha, beta; long long sa, sb, sc; } g;
} job;
typedef struct list { job *items; size_t n, cap; } list;
typedef struct stream { list queue; bool capturing; list recorded; } stream;
typedef struct event { stream *on; size_t unused; } event;
static stream *streams[16];
static int n_streams;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int push(list *l, const job *j) {
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 256;
        job *items = realloc(l->items, l->cap * sizeof *items);
        if (!items) return NO_MEMORY;
        l->items = items;
    }
    l->items[l->n++] = *j;
    return OK;
}

static float get(const float *x, int t, int ld, int row, int col) { return t ? x[(size_t)row * ld + col] : x[(size_t)col * ld + row]; }   /* column-major */
static void gemm(const struct gemm *g) {
    for (int s = 0; s < g->batch; s++)
        for (int j = 0; j < g->n; j++)
            for (int i = 0; i < g->m; i++) {
                double v = 0;
                for (int k = 0; k < g->k; k++) v += (double)get(g->a + s * g->sa, g->ta, g->lda, i, k) * get(g->b + s * g->sb, g->tb, g->ldb, k, j);
                float *c = g->c + s * g->sc + (size_t)j * g->ldc + i;
                *c = g->alpha * (float)v + (g->beta == 0 ? 0 : g->beta * *c);
            }
}

static long runs_of_fault;
static int run_kernel(const job *j) {
    if (*fake.fault && !strcmp(j->f->name, fake.fault) && ++runs_of_fault >= fake.from) return 1;
    if (!j->f->emulated) return j->f->kernel(j->args, NULL);
    int (*emulate)(const struct k_emulated_kernel *, struct k_emulated_dim, struct k_emulated_dim, size_t, const void *);
    unsigned *order = dlsym(RTLD_DEFAULT, "k_emulate_order");
    *(void **)&emulate = dlsym(RTLD_DEFAULT, "k_emulate");
    *order = (*order + 1) % 3;
    if (!emulate(j->f->emulated, j->grid, j->block, j->shared, j->args)) return 0;
    fprintf(stderr, "%s: %s\n", j->f->name, (const char *)dlsym(RTLD_DEFAULT, "k_emulate_fault"));
    return 1;
}
static int run(const job *j) {
    switch (j->what) {
    case KERNEL: return run_kernel(j) ? fake.sticky = ILLEGAL_ADDRESS : OK;
    case COPY: memmove(j->to, j->from, j->n); return OK;
    case SET8: memset(j->to, (int)j->value, j->n); return OK;
    case SET32: for (size_t i = 0; i < j->n; i++) memcpy((char *)j->to + 4 * i, &j->value, 4); return OK;
    case GEMM: gemm(&j->g); return OK;
    }
    return INVALID;
}
static int drain(stream *s) {
    int e = fake.sticky;
    open_arena();
    for (size_t k = 0; k < s->queue.n && !e; k++) e = run(&s->queue.items[k]);
    s->queue.n = 0;
    close_arena();
    return e;
}
static int enqueue(stream *s, const job *j) {
    pthread_mutex_lock(&lock);
    int e = fake.sticky;
    if (!e) e = push(s->capturing ? &s->recorded : &s->queue, j);
    pthread_mutex_unlock(&lock);
    return e;
}

/* ---- the driver ---- */

static void leave(void) {
    open_arena();
    for (int k = 0; k < blocks; k++) if (block[k].live) check_guards(k);
}
static void word(const char *text, const char *name, char *out, size_t size) {
    const size_t len = strlen(name);
    for (const char *p = text; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (!strncmp(p, name, len) && p[len] == '=') snprintf(out, size, "%.*s", (int)strcspn(p + len + 1, ","), p + len + 1);
}
static long number(const char *text, const char *name, long otherwise) {
    char value[32] = "";
    word(text, name, value, sizeof value);
    return *value ? atol(value) : otherwise;
}
int cuInit(unsigned flags) {
    const char *text = getenv("FAKE_CUDA");
    if (flags) return INVALID;
    fake.devices = (int)number(text, "devices", 1);
    fake.memory = (size_t)number(text, "memory", 1L << 32);
    fake.oom = number(text, "oom", 0);
    fake.times = number(text, "times", 1);
    fake.from = number(text, "from", 1);
    word(text, "fault", fake.fault, sizeof fake.fault);
    word(text, "refuse", fake.refuse, sizeof fake.refuse);
    if (!fake.ready) atexit(leave);
    fake.ready = true;
    return fake.devices ? OK : NO_DEVICE;
}
int cuDriverGetVersion(int *v) { *v = 13000; return OK; }
int cuGetErrorName(int e, const char **text) { *text = e >= 0 && e < (int)(sizeof NAMES / sizeof *NAMES) ? NAMES[e] : NULL; return *text ? OK : INVALID; }
int cuGetErrorString(int e, const char **text) { *text = e == ILLEGAL_ADDRESS ? "an illegal memory access was encountered" : e == NO_MEMORY ? "out of memory" : "it went wrong"; return OK; }
int cuDeviceGetCount(int *n) { *n = fake.devices; return fake.ready ? OK : NOT_INITIALISED; }
int cuDeviceGet(int *d, int ordinal) { *d = ordinal; return ordinal >= 0 && ordinal < fake.devices ? OK : INVALID; }
int cuDeviceGetName(char *name, int size, int d) { snprintf(name, (size_t)size, "Fake GPU %d", d); return OK; }
int cuDeviceTotalMem_v2(size_t *bytes, int d) { (void)d; *bytes = fake.memory; return OK; }
int cuDeviceGetAttribute(int *v, int attribute, int d) {
    (void)d;
    *v = attribute == 16 ? 132 : attribute == 75 ? 9 : attribute == 97 ? 232448 : 0;
    return OK;
}
int cuDevicePrimaryCtxRetain(void **context, int d) { static char contexts[16]; *context = &contexts[d]; return OK; }
int cuCtxSetCurrent(void *context) { return context ? OK : INVALID; }
int cuMemGetInfo_v2(size_t *left, size_t *total) { *left = fake.memory - fake.used; *total = fake.memory; return OK; }

int cuMemAlloc_v2(cu_ptr *p, size_t bytes) {
    pthread_mutex_lock(&lock);
    int e = fake.sticky;
    if (!e && fake.oom > 0 && --fake.oom == 0 && fake.times-- > 0) { e = NO_MEMORY; fake.oom = fake.times > 0; }
    if (!e && (fake.used + bytes > fake.memory || blocks == BLOCKS)) e = NO_MEMORY;
    if (!arena) arena = mmap(NULL, ARENA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!e) {
        const size_t at = next_at + GUARD;
        next_at = (at + bytes + GUARD + 4095) & ~(size_t)4095;
        if (next_at > ARENA) e = NO_MEMORY;
        else {
            open_arena();
            memset(arena + at - GUARD, 0xA5, GUARD);
            memset(arena + at, 0xFF, bytes);             /* NaN: numbers that nobody wrote are noticed */
            memset(arena + at + bytes, 0xA5, GUARD);
            close_arena();
            block[blocks].at = at;
            block[blocks].bytes = bytes;
            block[blocks++].live = true;
            fake.used += bytes;
            *p = (cu_ptr)(uintptr_t)(arena + at);
        }
    }
    pthread_mutex_unlock(&lock);
    return e;
}
int cuMemFree_v2(cu_ptr p) {
    for (int k = 0; k < n_streams; k++) drain(streams[k]);      /* the driver waits, too */
    for (int k = 0; k < blocks; k++)
        if (block[k].live && arena + block[k].at == (unsigned char *)(uintptr_t)p) {
            open_arena();
            check_guards(k);
            madvise(arena + ((block[k].at + 4095) & ~(size_t)4095), block[k].bytes & ~(size_t)4095, MADV_DONTNEED);
            close_arena();
            block[k].live = false;
            fake.used -= block[k].bytes;
            return OK;
        }
    return INVALID;
}
int cuMemHostAlloc(void **p, size_t bytes, unsigned flags) { (void)flags; *p = malloc(bytes); return *p ? OK : NO_MEMORY; }

static int copy(void *to, const void *from, size_t n, stream *s) { return enqueue(s, &(job){.what = COPY, .to = to, .from = from, .n = n}); }
int cuMemcpyHtoDAsync_v2(cu_ptr to, const void *from, size_t n, stream *s) { return inside(to, n) ? copy((void *)(uintptr_t)to, from, n, s) : INVALID; }
int cuMemcpyDtoHAsync_v2(void *to, cu_ptr from, size_t n, stream *s) { return inside(from, n) && !s->capturing ? copy(to, (const void *)(uintptr_t)from, n, s) : INVALID; }
int cuMemcpyDtoDAsync_v2(cu_ptr to, cu_ptr from, size_t n, stream *s) {
    return inside(to, n) && inside(from, n) ? copy((void *)(uintptr_t)to, (const void *)(uintptr_t)from, n, s) : INVALID;
}
int cuMemsetD8Async(cu_ptr p, unsigned char v, size_t n, stream *s) { return inside(p, n) ? enqueue(s, &(job){.what = SET8, .to = (void *)(uintptr_t)p, .value = v, .n = n}) : INVALID; }
int cuMemsetD32Async(cu_ptr p, unsigned v, size_t n, stream *s) { return inside(p, 4 * n) ? enqueue(s, &(job){.what = SET32, .to = (void *)(uintptr_t)p, .value = v, .n = n}) : INVALID; }

int cuStreamCreate(stream **s, unsigned flags) {
    (void)flags;
    if (n_streams == 16 || !(*s = calloc(1, sizeof **s))) return NO_MEMORY;
    streams[n_streams++] = *s;
    return OK;
}
int cuStreamSynchronize(stream *s) {
    if (s->capturing) return CAPTURE;
    pthread_mutex_lock(&lock);
    const int e = drain(s);
    pthread_mutex_unlock(&lock);
    return e;
}
int cuEventCreate(event **e, unsigned flags) { (void)flags; *e = calloc(1, sizeof **e); return *e ? OK : NO_MEMORY; }
int cuEventRecord(event *e, stream *s) { e->on = s; return s->capturing ? CAPTURE : fake.sticky; }
int cuEventSynchronize(event *e) { return e->on && !e->on->capturing ? cuStreamSynchronize(e->on) : fake.sticky; }

int cuModuleLoadData(void **module, const void *image) { static char one; *module = &one; return image ? OK : INVALID; }
int cuModuleGetFunction(function **out, void *module, const char *name) {
    char symbol[96];
    (void)module;
    function f = {.emulated = dlsym(RTLD_DEFAULT, name)};
    const bool plain = !strncmp(name, "k_cuda_", 7);
    snprintf(f.name, sizeof f.name, "%.*s", (int)strlen(name) - (plain ? 11 : 0), name + (plain ? 7 : 0));
    if (plain) {
        snprintf(symbol, sizeof symbol, "k_cpu_%s_f32", f.name);
        *(void **)&f.kernel = dlsym(RTLD_DEFAULT, symbol);
        snprintf(symbol, sizeof symbol, "k_shape_%s", f.name);
        const struct k_shape *shape = dlsym(RTLD_DEFAULT, symbol);
        f.bytes = shape ? shape->bytes : 0;
    }
    if (f.emulated) f.bytes = f.emulated->bytes;
    if (!f.bytes || f.bytes > 1024 || (!f.emulated && !f.kernel)) return NOT_FOUND;
    if (!(*out = malloc(sizeof f))) return NO_MEMORY;
    **out = f;
    return OK;
}
int cuFuncSetAttribute(function *f, int attribute, int value) { (void)f; return attribute == 8 && value <= 232448 ? OK : INVALID; }

int cuLaunchKernel(const function *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, stream *s, void **params, void **extra) {
    job j = {.what = KERNEL, .f = f, .grid = {gx, gy, gz}, .block = {bx, by, bz}, .shared = shared};
    (void)extra;
    if (!gx || !gy || !gz || !bx || gx > 0x7fffffffu || gy > 65535 || gz > 65535 || bx * by * bz > 1024 || shared > 232448) return INVALID;
    if (*fake.refuse && !strcmp(f->name, fake.refuse)) return REFUSED;
    memcpy(j.args, params[0], f->bytes);
    return enqueue(s, &j);
}

/* ---- graphs ---- */

typedef struct graph { list jobs; } graph;
int cuStreamBeginCapture_v2(stream *s, int mode) {
    if (s->capturing || mode != 2) return CAPTURE;
    s->capturing = true;
    s->recorded = (list){0};
    return OK;
}
int cuStreamEndCapture(stream *s, graph **g) {
    if (!s->capturing || !(*g = calloc(1, sizeof **g))) return CAPTURE;
    s->capturing = false;
    (*g)->jobs = s->recorded;
    return OK;
}
int cuGraphInstantiateWithFlags(graph **exec, graph *g, unsigned long long flags) {
    if (flags || !(*exec = calloc(1, sizeof **exec))) return NO_MEMORY;
    for (size_t k = 0; k < g->jobs.n; k++) if (push(&(*exec)->jobs, &g->jobs.items[k])) return NO_MEMORY;
    return OK;
}
int cuGraphGetNodes(graph *g, void **nodes, size_t *n) { if (nodes) return INVALID; *n = g->jobs.n; return OK; }
int cuGraphLaunch(graph *exec, stream *s) {
    int e = s->capturing ? CAPTURE : OK;
    for (size_t k = 0; k < exec->jobs.n && !e; k++) e = enqueue(s, &exec->jobs.items[k]);
    return e;
}
int cuGraphDestroy(graph *g) { free(g->jobs.items); free(g); return OK; }
int cuGraphExecDestroy(graph *g) { return cuGraphDestroy(g); }

/* ---- cuBLAS ---- */

typedef struct handle { stream *s; } handle;
int cublasCreate_v2(handle **h) { static handle one; *h = &one; return OK; }
int cublasSetStream_v2(handle *h, stream *s) { h->s = s; return OK; }
int cublasSetWorkspace_v2(handle *h, void *p, size_t bytes) { (void)h; return p && bytes && inside((cu_ptr)(uintptr_t)p, bytes) ? OK : INVALID; }
int cublasGemmStridedBatchedEx(handle *h, int ta, int tb, int m, int n, int k, const void *alpha, const void *a, int a_type, int lda, long long sa,
                               const void *b, int b_type, int ldb, long long sb, const void *beta, void *c, int c_type, int ldc, long long sc, int batch, int compute, int algorithm) {
    if (a_type || b_type || c_type || algorithm != -1 || (compute != 68 && compute != 74 && compute != 75 && compute != 77)) return 7;
    if (m < 1 || n < 1 || k < 1 || batch < 1 || lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return 7;
    return enqueue(h->s, &(job){.what = GEMM, .g = {ta, tb, m, n, k, lda, ldb, ldc, batch, a, b, c, *(const float *)alpha, *(const float *)beta, sa, sb, sc}});
}
