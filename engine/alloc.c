/* alloc.c -- memory for tensors: blocks kept for reuse, one pool for each device and one for every recorded graph.
 *
 * Host memory of 256 KiB and more comes from a heap (heap.c).  Other
 * sizes are rounded up to a class (multiples of 64 bytes up to 1 KiB, then eight
 * classes per power of two, so at most 12.5 % is wasted); a freed block goes to
 * its class's list and the next request of that class takes it back, which
 * spares the page faults that dominate a training step otherwise, and on a GPU the
 * wait that the driver's own release implies.  All work on a GPU runs in the order of its launches, so a block may
 * be handed on while the kernels that used it last are still to run.
 *
 * Host: when all blocks together outgrow twice the peak of what was live (and 1 GiB), the cache is given back to the system.
 * GPU: the cache is given back when the driver has no more.
 * Either: what cannot be had is asked for again after the thread's reclaimer (Lua's collector) has run. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "heap.h"
#include "internal.h"
#include "cuda/cuda.h"

enum { CLASSES = 16 + 8 * 48, HEAP = -1, LARGE = 256 << 10 };

struct mn_pool {
    pthread_mutex_t lock;
    struct { void **block; int n, cap; } list[CLASSES];
    size_t live, peak, cached;
    int64_t fail_after;
    mn_device device;
    mn_pool *parent;                         /* where a graph's pool takes its blocks from, and leaves them in the end */
    int refs;                                /* of a graph's pool: the graph, and every buffer out of it */
};
static mn_pool pools[] = {[MN_CPU] = {.lock = PTHREAD_MUTEX_INITIALIZER, .device = MN_CPU},
                          [MN_CUDA] = {.lock = PTHREAD_MUTEX_INITIALIZER, .device = MN_CUDA}};
static mn_pool *recording;                   /* the pool of the graph that is being recorded */
static _Thread_local struct { void (*run)(void *); void *data; bool running; } reclaimer;

/* Class of a request, and the size every block of that class has; HEAP: none, a piece of the heap. */
static int size_class(const mn_pool *pool, size_t bytes, size_t *rounded) {
    if (pool->device == MN_CPU && bytes >= LARGE) {
        *rounded = (bytes + MN_HEAP_UNIT - 1) & ~(size_t)(MN_HEAP_UNIT - 1);
        return HEAP;
    }
    if (bytes < 64) bytes = 64;
    if (bytes <= 1024) {
        *rounded = (bytes + 63) & ~(size_t)63;
        return (int)(*rounded / 64) - 1;
    }
    int top = 63 - __builtin_clzll((unsigned long long)(bytes - 1));   /* 2^top < bytes <= 2^(top+1) */
    size_t step = (size_t)1 << (top - 3);
    *rounded = (bytes + step - 1) & ~(step - 1);
    return 16 + 8 * (top - 10) + (int)((*rounded - ((size_t)1 << top)) / step) - 1;
}

static void *fresh(const mn_pool *pool, size_t size) {
    if (pool->parent) return mn_pool_take(pool->parent, size);
    return pool->device == MN_CUDA ? mn_cuda_alloc(size) : aligned_alloc(64, size);
}
static void give_back(const mn_pool *pool, void *p, size_t size) {
    if (pool->parent) mn_pool_give(pool->parent, p, size);
    else if (pool->device == MN_CUDA) mn_cuda_free(p);
    else free(p);
}
static size_t class_size(int c) { return c < 16 ? 64 * (size_t)(c + 1) : ((size_t)1 << ((c - 16) / 8 + 10)) / 8 * (size_t)((c - 16) % 8 + 9); }

static void trim_locked(mn_pool *pool) {
    for (int c = 0; c < CLASSES; c++) {
        while (pool->list[c].n) give_back(pool, pool->list[c].block[--pool->list[c].n], class_size(c));
        free(pool->list[c].block);
        pool->list[c].block = NULL;
        pool->list[c].cap = 0;
    }
    pool->cached = 0;
    if (pool->device == MN_CPU) mn_heap_trim();
}
static size_t held(const mn_pool *pool) { return pool->cached + (pool->device == MN_CPU ? mn_heap_spare() : 0); }

static void *cached_or_fresh(mn_pool *pool, int c, size_t size) {
    if (c == HEAP) return mn_heap_take(size);
    if (!pool->list[c].n) return fresh(pool, size);
    pool->cached -= size;
    return pool->list[c].block[--pool->list[c].n];
}
static void keep(mn_pool *pool, int c, size_t size, void *p) {
    if (c == HEAP) { mn_heap_give(p, size); return; }
    if (pool->list[c].n == pool->list[c].cap) {
        int cap = pool->list[c].cap ? 2 * pool->list[c].cap : 8;
        void **block = realloc(pool->list[c].block, (size_t)cap * sizeof *block);
        if (!block) { give_back(pool, p, size); return; }
        pool->list[c].block = block;
        pool->list[c].cap = cap;
    }
    pool->list[c].block[pool->list[c].n++] = p;
    pool->cached += size;
}

/* A graph's pool belongs to the thread that records; it is not locked, since a shortage inside it may run the collector. */
static void lock(mn_pool *pool) { if (!pool->parent) pthread_mutex_lock(&pool->lock); }
static void unlock(mn_pool *pool) { if (!pool->parent) pthread_mutex_unlock(&pool->lock); }

/* A block, or NULL without a message. */
static void *take(mn_pool *pool, int c, size_t size) {
    lock(pool);
    const bool inject = pool->fail_after > 0 && --pool->fail_after == 0;
    void *p = inject ? NULL : cached_or_fresh(pool, c, size);
    if (!p && !inject && held(pool) && !recording) { trim_locked(pool); p = cached_or_fresh(pool, c, size); }
    if (p) {
        pool->live += size;
        if (pool->live > pool->peak) pool->peak = pool->live;
    }
    unlock(pool);
    return p;
}

void mn_on_shortage(void (*run)(void *), void *data) {
    reclaimer.run = run;
    reclaimer.data = data;
}

void *mn_pool_take(mn_pool *pool, size_t bytes) {
    size_t size;
    if (bytes > ((size_t)1 << 46)) { mn_fail(MN_ENOMEM, "out of memory: %zu bytes asked for at once", bytes); return NULL; }
    int c = size_class(pool, bytes, &size);
    void *p = take(pool, c, size);
    if (!p && !mn_errcode() && !pool->parent && reclaimer.run && !reclaimer.running) {
        reclaimer.running = true;
        reclaimer.run(reclaimer.data);
        reclaimer.running = false;
        p = take(pool, c, size);
    }
    if (p || pool->parent) return p;
    if (pool->device == MN_CUDA)
        mn_fail(MN_ENOMEM, "out of memory on cuda:%d: %zu bytes asked for, %zu free, %zu in use by tensors", mn_cuda_selected(), bytes, mn_cuda_free_bytes(), pool->live);
    else mn_fail(MN_ENOMEM, "out of memory: %zu bytes asked for, %zu in use by tensors", bytes, pool->live);
    return NULL;
}

void mn_pool_give(mn_pool *pool, void *p, size_t bytes) {
    if (!p) return;
    size_t size;
    int c = size_class(pool, bytes, &size);
    lock(pool);
    pool->live -= size;
    keep(pool, c, size, p);
    if (pool->device == MN_CPU && held(pool) > ((size_t)1 << 30) && pool->live + held(pool) > 2 * pool->peak) trim_locked(pool);
    unlock(pool);
}

void *mn_alloc(size_t bytes) { return mn_pool_take(&pools[MN_CPU], bytes); }
void mn_dealloc(void *p, size_t bytes) { mn_pool_give(&pools[MN_CPU], p, bytes); }

/* ---- the pools of graphs ---- */

mn_pool *mn_pool_shared(mn_device device) { return &pools[device]; }
mn_pool *mn_pool_of(mn_device device) { return device == MN_CUDA && recording ? recording : &pools[device]; }

mn_pool *mn_pool_record(void) {
    mn_pool *pool = calloc(1, sizeof *pool);
    if (!pool) { mn_fail(MN_ENOMEM, "graph: out of memory"); return NULL; }
    pool->device = MN_CUDA;
    pool->parent = &pools[MN_CUDA];
    pool->refs = 1;
    return recording = pool;
}
void mn_pool_recorded(void) { recording = NULL; }

mn_pool *mn_pool_retain(mn_pool *pool) { if (pool->parent) pool->refs++; return pool; }
void mn_pool_release(mn_pool *pool) {
    if (!pool->parent || --pool->refs) return;
    trim_locked(pool);
    free(pool);
}

/* ---- figures, tests ---- */

void mn_alloc_fail_after(int64_t n) {
    lock(&pools[MN_CPU]);
    pools[MN_CPU].fail_after = n;
    unlock(&pools[MN_CPU]);
}

extern int64_t mn_tensors_alive;
mn_memory mn_memory_on(mn_device device) {
    mn_pool *pool = &pools[device];
    lock(pool);
    mn_memory m = {pool->live, pool->peak, held(pool), mn_tensors_alive};
    unlock(pool);
    return m;
}
mn_memory mn_memory_stats(void) { return mn_memory_on(MN_CPU); }
void mn_memory_reset_peak(void) {
    for (int d = MN_CPU; d <= MN_CUDA; d++) {
        lock(&pools[d]);
        pools[d].peak = pools[d].live;
        unlock(&pools[d]);
    }
}
void mn_memory_trim(void) {
    for (int d = MN_CPU; d <= MN_CUDA; d++) {
        lock(&pools[d]);
        trim_locked(&pools[d]);
        unlock(&pools[d]);
    }
}
