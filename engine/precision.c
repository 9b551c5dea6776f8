/* precision.c -- the process-wide choice of arithmetic; mien.h says what each means.  MIEN_PRECISION is what it is at first. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "internal.h"

static const char *const names[] = {[MN_STRICT] = "strict", [MN_BF16] = "bf16", [MN_TF32] = "tf32", [MN_HALF] = "f16"};
enum { KINDS = sizeof names / sizeof *names };
static _Atomic int current = -1;

const char *mn_precision_name(mn_precision precision) { return names[precision]; }
bool mn_precision_find(const char *name, mn_precision *precision) {
    for (int k = 0; k < KINDS; k++)
        if (!strcmp(names[k], name)) { *precision = (mn_precision)k; return true; }
    return false;
}

void mn_set_precision(mn_precision precision) { atomic_store_explicit(&current, precision, memory_order_relaxed); }
mn_precision mn_get_precision(void) {
    int now = atomic_load_explicit(&current, memory_order_relaxed);
    if (now >= 0) return (mn_precision)now;
    mn_precision first = MN_STRICT;
    const char *name = getenv("MIEN_PRECISION");
    if (name) mn_precision_find(name, &first);
    mn_set_precision(first);
    return first;
}
