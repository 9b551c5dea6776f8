/* tuned.h -- fast f32 versions for the CPU of kernels that exist in plain form too.
 * Each takes the plain kernel's argument struct and returns 0, 1 when it failed (out of memory, or the library refused), or
 * -1 when it is not made for these arguments and the plain way has to be taken.
 * Tests compare each with its plain twin: tests/c/test_ops.c through f64, tests/c/test_attention.c and test_conv.c directly. */
#ifndef K_TUNED_H
#define K_TUNED_H
#include "../attention.h"
#include "../conv.h"
#include "../matmul.h"
#include "../pool.h"
#include "../render_rays.h"
#include "../upfirdn.h"

#define COMPOSE(name) int kt_##name(const void *args);
#define REPLACE(name) COMPOSE(name)
#include "tuned.def"
#undef COMPOSE
#undef REPLACE

#endif
