/* resample.h -- arguments of the separable resampling kernels.  Output k of an axis is
 *     sum_{t < taps} weight[k,t] * in[first[k] + t],   first[k] + taps <= length of the axis */
#ifndef K_RESAMPLE_H
#define K_RESAMPLE_H
#include <stdint.h>
#define RESAMPLE_FIELDS {                                                                          \
    int64_t n;              /* resample_rows: planes * out_len; resample_cols: lines */            \
    const void *in;         /* rows: [planes,in_len,width]; cols: [lines,in_len] */                \
    void *out;              /* rows: [planes,out_len,width]; cols: [lines,out_len] */              \
    const void *weight;     /* [out_len,taps] */                                                   \
    const int32_t *first;   /* [out_len] */                                                        \
    int64_t in_len, out_len, taps, width;                                                          \
    int32_t add; }          /* 1: add to out */
struct k_resample_rows RESAMPLE_FIELDS;
struct k_resample_cols RESAMPLE_FIELDS;
#endif
