/* heap.c -- large blocks of host memory: pieces of one range of addresses, of which the part below `top` is in use.
 * A freed piece melts into free neighbours, and a request takes the smallest free piece that holds it, so memory passes
 * from one size to another and the heap stays little larger than the most that was ever in use at once.  A cache by
 * size classes kept three times of what a generator's pass uses, or asked the system for it again and again; fresh pages
 * cost more than most of what is computed in them (docs/bench/ops.md).  A free piece begins with its own description. */
#define _GNU_SOURCE
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "heap.h"

enum { HUGE_PAGE = 2 << 20 };
typedef struct piece { size_t size; struct piece *next; } piece;
static struct {
    char *top, *end;
    piece *free;                                   /* in the order of addresses; no two touch */
    size_t spare;
} heap;

static size_t whole_pages(size_t bytes) { return (bytes + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1); }

/* Reserves addresses: more than there is memory, since free pieces lie between used ones; half of what a limit leaves. */
static bool reserve(void) {
    struct rlimit limit;
    size_t size = 4 * (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    if (!getrlimit(RLIMIT_AS, &limit) && limit.rlim_cur / 2 < size) size = limit.rlim_cur / 2;
    for (; size >= 2 * HUGE_PAGE; size /= 2) {
        char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) continue;
        madvise(p, size, MADV_HUGEPAGE);           /* a few page faults instead of thousands */
        heap.top = (char *)whole_pages((size_t)p);
        heap.end = p + size;
        return true;
    }
    return false;
}

static void insert(void *p, size_t size) {
    piece *before = NULL, *after = heap.free, *mine = p;
    while (after && (char *)after < (char *)p) { before = after; after = after->next; }
    if (after && (char *)p + size == (char *)after) *mine = (piece){size + after->size, after->next};
    else *mine = (piece){size, after};
    if (!before) heap.free = mine;
    else if ((char *)before + before->size == (char *)p) *before = (piece){before->size + mine->size, mine->next};
    else before->next = mine;
}

/* Moves the top until a piece of this size lies free below it. */
static bool grow(size_t size) {
    if (!heap.end && !reserve()) return false;
    piece *last = heap.free;
    while (last && last->next) last = last->next;
    const size_t there = last && (char *)last + last->size == heap.top ? last->size : 0, more = whole_pages(size - there);
    if (more > (size_t)(heap.end - heap.top) || mprotect(heap.top, more, PROT_READ | PROT_WRITE)) return false;
    heap.top += more;
    heap.spare += more;
    insert(heap.top - more, more);
    return true;
}

void *mn_heap_take(size_t size) {
    for (;;) {
        piece **best = NULL;
        for (piece **at = &heap.free; *at; at = &(*at)->next)
            if ((*at)->size >= size && (!best || (*at)->size < (*best)->size)) best = at;
        if (best) {
            piece *p = *best, *rest = (piece *)((char *)p + size);
            if (p->size > size) *rest = (piece){p->size - size, p->next};
            *best = p->size > size ? rest : p->next;
            heap.spare -= size < heap.spare ? size : heap.spare;   /* less than size: part of it had been given back */
            return p;
        }
        if (!grow(size)) return NULL;
    }
}

void mn_heap_give(void *p, size_t size) {
    heap.spare += size;
    insert(p, size);
}

size_t mn_heap_spare(void) { return heap.spare; }

void mn_heap_trim(void) {
    for (piece *p = heap.free; p; p = p->next)     /* all but the page with its description */
        madvise((char *)p + MN_HEAP_UNIT, p->size - MN_HEAP_UNIT, MADV_DONTNEED);
    heap.spare = 0;
}
