/* alloc.c -- host memory for tensors: 64-byte aligned blocks, kept for reuse.
 *
 * Sizes are rounded up to a class (multiples of 64 bytes up to 1 KiB, then eight
 * classes per power of two, so at most 12.5 % is wasted); a freed block goes to
 * its class's list and the next request of that class takes it back, which
 * spares the page faults that dominate a training step otherwise.  When all
 * blocks together outgrow twice the peak of what was live (and 1 GiB), the cache is given back to the system: the
 * classes reach their peaks at different moments, so the sum of a training step's blocks exceeds its live peak. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "internal.h"

enum { CLASSES = 16 + 8 * 48 };
typedef struct block { struct block *next; } block;

static struct {
    pthread_mutex_t lock;
    block *free_list[CLASSES];
    size_t live, peak, cached;
    int64_t fail_after;
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Class of a request, and the size every block of that class has. */
static int size_class(size_t bytes, size_t *rounded) {
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

/* Memory from the system.  Large blocks are aligned and marked for 2 MiB pages: a fresh one then costs a few page
 * faults instead of thousands, which halves the time of large layers (docs/bench/ops.md). */
static void *fresh(size_t size) {
    enum { HUGE_PAGE = 2 << 20 };
    if (size < 2 * HUGE_PAGE) return aligned_alloc(64, size);
    size_t whole = (size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    void *p = aligned_alloc(HUGE_PAGE, whole);
    if (p) madvise(p, whole, MADV_HUGEPAGE);
    return p;
}

static void trim_locked(void) {
    for (int c = 0; c < CLASSES; c++)
        while (pool.free_list[c]) {
            block *b = pool.free_list[c];
            pool.free_list[c] = b->next;
            free(b);
        }
    pool.cached = 0;
}

void *mn_alloc(size_t bytes) {
    size_t size;
    if (bytes > ((size_t)1 << 46)) { mn_fail(MN_ENOMEM, "out of memory: %zu bytes asked for at once", bytes); return NULL; }
    int c = size_class(bytes, &size);
    pthread_mutex_lock(&pool.lock);
    bool inject = pool.fail_after > 0 && --pool.fail_after == 0;
    block *b = inject ? NULL : pool.free_list[c];
    if (b) {
        pool.free_list[c] = b->next;
        pool.cached -= size;
    } else if (!inject) {
        b = fresh(size);
        if (!b && pool.cached) { trim_locked(); b = fresh(size); }
    }
    if (b) {
        pool.live += size;
        if (pool.live > pool.peak) pool.peak = pool.live;
    }
    size_t live = pool.live;
    pthread_mutex_unlock(&pool.lock);
    if (!b) mn_fail(MN_ENOMEM, "out of memory: %zu bytes asked for, %zu in use by tensors", bytes, live);
    return b;
}

void mn_dealloc(void *p, size_t bytes) {
    if (!p) return;
    size_t size;
    int c = size_class(bytes, &size);
    pthread_mutex_lock(&pool.lock);
    pool.live -= size;
    block *b = p;
    b->next = pool.free_list[c];
    pool.free_list[c] = b;
    pool.cached += size;
    if (pool.cached > ((size_t)1 << 30) && pool.live + pool.cached > 2 * pool.peak) trim_locked();
    pthread_mutex_unlock(&pool.lock);
}

void mn_alloc_fail_after(int64_t n) {
    pthread_mutex_lock(&pool.lock);
    pool.fail_after = n;
    pthread_mutex_unlock(&pool.lock);
}

extern int64_t mn_tensors_alive;
mn_memory mn_memory_stats(void) {
    pthread_mutex_lock(&pool.lock);
    mn_memory m = {pool.live, pool.peak, pool.cached, mn_tensors_alive};
    pthread_mutex_unlock(&pool.lock);
    return m;
}
void mn_memory_reset_peak(void) {
    pthread_mutex_lock(&pool.lock);
    pool.peak = pool.live;
    pthread_mutex_unlock(&pool.lock);
}
void mn_memory_trim(void) {
    pthread_mutex_lock(&pool.lock);
    trim_locked();
    pthread_mutex_unlock(&pool.lock);
}
