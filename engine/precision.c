/* precision.c -- the process-wide choice of arithmetic; mien.h says what each means. */
#include <stdatomic.h>
#include "internal.h"

static _Atomic int current = MN_STRICT;

void mn_set_precision(mn_precision precision) { atomic_store_explicit(&current, precision, memory_order_relaxed); }
mn_precision mn_get_precision(void) { return (mn_precision)atomic_load_explicit(&current, memory_order_relaxed); }
