/* unary.c -- the elementwise functions of unary.def, forward beside backward.  Backward ADDS into dx. */
#include "k.h"
#include "unary.h"
/* What a backward pass reads, known when compiling: a test of the pointer would keep loops from becoming vector code. */
enum { NONE, IN, OUT };
#define U(name, saves, an, ad, bn, bd, fwd, bwd, doc)                                              \
    KERNEL(name##_fwd) {                                                                           \
        const real x = ((const real *)p->x)[i], a = (real)p->a, b = (real)p->b;                     \
        (void)a; (void)b;                                                                          \
        ((real *)p->out)[i] = (fwd);                                                               \
    }                                                                                              \
    KERNEL(name##_bwd) {                                                                           \
        const real x = (saves) == IN ? ((const real *)p->x)[i] : 0;                                \
        const real y = (saves) == OUT ? ((const real *)p->y)[i] : 0;                               \
        const real dy = ((const real *)p->dy)[i], a = (real)p->a, b = (real)p->b;                   \
        (void)x; (void)y; (void)dy; (void)a; (void)b;                                                        \
        ((real *)p->out)[i] += (bwd);                                                              \
    }
#include "unary.def"
