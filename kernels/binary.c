/* binary.c -- the broadcasting functions of binary.def: forward, and the gradient of either side at full shape
 * (the op sums it down to the side's own shape).  Backward ADDS. */
#include "k.h"
#include "binary.h"

/* One row in the three inner patterns that occur (both dense, one side constant), so each loop vectorises. */
#define ROW(expr, assign)                                                                           \
    int64_t oa = 0, ob = 0, rest = i;                                                               \
    for (int d = p->nd - 1; d >= 0; d--) {                                                          \
        int64_t c = rest % p->dim[d];                                                               \
        rest /= p->dim[d];                                                                          \
        oa += c * p->step_a[d];                                                                     \
        ob += c * p->step_b[d];                                                                     \
    }                                                                                               \
    const real *pa = (const real *)p->a + oa, *pb = (const real *)p->b + ob;                         \
    const real *pd = p->dy ? (const real *)p->dy + i * p->inner : pa;                                \
    real *out = (real *)p->out + i * p->inner;                                                      \
    if (p->ia && p->ib) { K_LOOP(j, p->inner) { real a = pa[j], b = pb[j], dy = pd[j]; (void)a; (void)b; (void)dy; out[j] assign (expr); } }       \
    else if (p->ia) { real b = *pb; K_LOOP(j, p->inner) { real a = pa[j], dy = pd[j]; (void)a; (void)b; (void)dy; out[j] assign (expr); } }        \
    else if (p->ib) { real a = *pa; const real *q = p->dy ? pd : pb; K_LOOP(j, p->inner) { real b = pb[j], dy = q[j]; (void)a; (void)b; (void)dy; out[j] assign (expr); } } \
    else { real a = *pa, b = *pb; K_LOOP(j, p->inner) { real dy = p->dy ? pd[j] : 0; (void)a; (void)b; (void)dy; out[j] assign (expr); } }

#define B(name, saves, fwd, da, db, doc)            \
    KERNEL_SPREAD(name##_fwd, inner) { ROW(fwd, =) }         \
    KERNEL_SPREAD(name##_bwd_a, inner) { ROW(da, +=) }       \
    KERNEL_SPREAD(name##_bwd_b, inner) { ROW(db, +=) }
#include "binary.def"
