/* upfirdn.h -- arguments of the resampling filter. */
#ifndef K_UPFIRDN_H
#define K_UPFIRDN_H
#include <stdint.h>
/* z = x with up-1 zeros after every sample; out[o] = gain * sum over taps t of f[t] z[o*down - pad + t], along rows and
 * columns; z is 0 outside. */
struct k_upfirdn {
    int64_t n;                          /* planes * OH * OW: one call per output */
    int64_t planes, H, W, OH, OW;
    int64_t up, down, padx, pady;       /* padding before the first sample; negative: samples cut off */
    int64_t taps;
    const void *f;                      /* [taps], or NULL: [1,3,3,1] / 8 */
    int flip;                           /* 1: f is read backwards */
    int add;                            /* 1: add to out */
    double gain;
    const void *x;                      /* [planes,H,W] */
    void *out;                          /* [planes,OH,OW] */
};
#endif
