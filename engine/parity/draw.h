/* draw.h -- the random numbers of goldens that name a draw instead of storing it:
 * numpy.random.Generator(PCG64([seed, crc32(name)])), single precision. */
#ifndef MN_PARITY_DRAW_H
#define MN_PARITY_DRAW_H
#include "mien.h"

/* standard_normal(float32): n numbers of that name. */
void mn_draw_normal(uint32_t seed, const char *name, int64_t n, float *out);
/* random(float32) * (hi - lo) + lo. */
void mn_draw_uniform(uint32_t seed, const char *name, float lo, float hi, int64_t n, float *out);
#endif
