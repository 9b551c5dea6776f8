/* binary.h -- arguments of the broadcasting kernels of binary.def.  The result's shape is collapsed to
 * rows x inner: row i has the coordinates of i in dim[0..nd-1] (last fastest), and starts at
 * sum coordinate * step in a and b; inside a row the steps are ia and ib, 0 or 1. */
#ifndef K_BINARY_H
#define K_BINARY_H
#include <stdint.h>
#define BINARY_FIELDS { \
    int64_t n, inner;                    /* rows, elements of a row */ \
    const void *a, *b, *dy;              /* dy [n,inner], backward only */ \
    void *out;                           /* [n,inner]; backward ADDS */ \
    int nd; int64_t dim[6], step_a[6], step_b[6]; int ia, ib; }
struct k_binary BINARY_FIELDS;
#define B(name, saves, fwd, da, db, doc) \
    struct k_##name##_fwd BINARY_FIELDS; struct k_##name##_bwd_a BINARY_FIELDS; struct k_##name##_bwd_b BINARY_FIELDS;
#include "binary.def"
#undef B
#endif
