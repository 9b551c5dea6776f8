/* unary.h -- arguments of the elementwise kernels of unary.def. */
#ifndef K_UNARY_H
#define K_UNARY_H
#include <stdint.h>
#define UNARY_FIELDS { int64_t n; const void *x, *y, *dy; /* [n] each; forward writes y, backward ADDS to dx */ void *out; double a, b; }
struct k_unary UNARY_FIELDS;
#define U(name, saves, an, ad, bn, bd, fwd, bwd, doc) struct k_##name##_fwd UNARY_FIELDS; struct k_##name##_bwd UNARY_FIELDS;
#include "unary.def"
#undef U
#endif
