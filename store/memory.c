/* memory.c -- allocation pools: everything a result points to goes at once.
 * A pool is a list of malloc'ed blocks, newest first. */
#include <stdlib.h>
#include <string.h>
#include "store/db.h"

struct block { struct block *next; max_align_t data[]; };
struct mn_store_memory { struct block *blocks; };

mn_store_memory *mn_db_memory(void) {
    mn_store_memory *m = calloc(1, sizeof *m);
    if (!m) mn_fail(MN_ENOMEM, "library: out of memory");
    return m;
}

void mn_db_memory_free(mn_store_memory *m) {
    if (!m) return;
    for (struct block *b = m->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(m);
}

void *mn_db_alloc(mn_store_memory *m, size_t size) {
    struct block *b = size < SIZE_MAX - sizeof *b ? calloc(1, sizeof *b + size) : NULL;
    if (!b) {
        mn_fail(MN_ENOMEM, "library: out of memory (%zu bytes)", size);
        return NULL;
    }
    b->next = m->blocks;
    m->blocks = b;
    return b->data;
}

char *mn_db_text(mn_store_memory *m, sqlite3_stmt *st, int column) {
    if (sqlite3_column_type(st, column) == SQLITE_NULL) return NULL;
    const void *text = sqlite3_column_text(st, column);
    if (!text) {
        mn_fail(MN_ENOMEM, "library: out of memory");
        return NULL;
    }
    size_t size = (size_t)sqlite3_column_bytes(st, column);
    char *copy = mn_db_alloc(m, size + 1);
    if (copy) memcpy(copy, text, size);
    return copy;
}

/* Doubling at powers of two leaves the old arrays in the pool: at most as much again. */
void *mn_db_grow(mn_store_memory *m, void *array, int n, size_t element) {
    if (n > 0 && (n & (n - 1)) != 0) return array;
    void *bigger = mn_db_alloc(m, (n ? 2 * (size_t)n : 1) * element);
    if (bigger && n) memcpy(bigger, array, (size_t)n * element);
    return bigger;
}
