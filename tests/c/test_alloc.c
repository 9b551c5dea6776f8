/* test_alloc.c -- large blocks: none lies on another, sizes share the same memory, what is trimmed comes back usable. */
#include <string.h>
#include "internal.h"
#include "check.h"

enum { BLOCKS = 24, TURNS = 600 };
static struct { unsigned char *p; size_t size; unsigned char mark; } held[BLOCKS];

/* Every block carries its mark at both ends and in the middle. */
static void put(int k, size_t size, unsigned char mark) {
    unsigned char *p = mn_alloc(size);
    CHECK(p && (size_t)p % 64 == 0);
    if (!p) return;
    held[k].p = p;
    held[k].size = size;
    p[0] = p[size / 2] = p[size - 1] = held[k].mark = mark;
}
static void drop(int k) {
    const unsigned char *p = held[k].p;
    if (!p) return;
    CHECK(p[0] == held[k].mark && p[held[k].size / 2] == held[k].mark && p[held[k].size - 1] == held[k].mark);
    mn_dealloc(held[k].p, held[k].size);
    held[k].p = NULL;
}

int main(void) {
    mn_rng rng = mn_rng_seed(1, 0);
    for (int i = 0; i < TURNS; i++) {
        const int k = (int)mn_rng_below(&rng, BLOCKS);
        drop(k);
        put(k, (size_t)mn_rng_below(&rng, 8 << 20) + 1, (unsigned char)(i % 255));
        if (i % 100 == 50) { mn_memory_trim(); CHECK(mn_memory_stats().cached == 0); }
    }
    for (int k = 0; k < BLOCKS; k++) drop(k);
    mn_memory m = mn_memory_stats();
    CHECK(m.live == 0 && m.peak + m.cached < 3 * m.peak);
    /* Memory of many small pieces serves one large block. */
    mn_memory_trim();
    for (int k = 0; k < BLOCKS; k++) put(k, 4 << 20, 1);
    for (int k = 0; k < BLOCKS; k++) drop(k);
    const size_t before = mn_memory_stats().cached;
    CHECK(before >= (size_t)BLOCKS * (4 << 20));
    put(0, (size_t)BLOCKS * (4 << 20), 2);
    CHECK(mn_memory_stats().cached + (size_t)BLOCKS * (4 << 20) == before);
    drop(0);
    return check_done("alloc");
}
