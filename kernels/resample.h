/* resample.h -- arguments of the separable resampling kernels.  Output k of an axis is
 *     sum_{t < count[k]} weight[k,t] in[first[k] + t],   first[k] + count[k] <= length of the axis
 * The tables are made where they are used (resample_taps), so that a box found on a GPU can be resampled there. */
#ifndef K_RESAMPLE_H
#define K_RESAMPLE_H
#include <stdint.h>
#define RESAMPLE_FIELDS {                                                                          \
    int64_t n;              /* resample_rows: planes * out_len; resample_cols: lines */            \
    const void *in;         /* rows: [planes,in_len,width]; cols: [lines,in_len] */                \
    void *out;              /* rows: [planes,out_len,width]; cols: [lines,out_len] */              \
    const void *weight;     /* [tables,out_len,taps] */                                            \
    const int32_t *first, *count;   /* [tables,out_len] */                                         \
    int64_t in_len, out_len, taps, width;                                                          \
    int64_t share;          /* planes (cols: lines) that one table serves */                       \
    int32_t add; }          /* 1: add to out */
struct k_resample_rows RESAMPLE_FIELDS;
struct k_resample_cols RESAMPLE_FIELDS;

/* What of the axes is resized into what: all of the input into all of the output, a box of the input into all of the output,
 * or all of the input into a box of the output, and nothing outside it. */
enum k_boxed { K_WHOLE, K_BOX_IN, K_BOX_OUT };
struct k_resample_taps {
    int64_t n;              /* tables * len */
    int64_t len;            /* places of an axis: outputs, or with adjoint inputs */
    int64_t in, out;        /* lengths of the axes */
    const int32_t *box;     /* [tables,4]: y0, y1, x0, x1, ends excluded; NULL with K_WHOLE */
    int32_t boxed, columns; /* enum k_boxed; 1: the box's columns, 0: its rows */
    int32_t adjoint;        /* 1: tables of the adjoint, from the outputs' axis to the inputs' */
    int32_t bicubic, antialias;
    int64_t taps;           /* room for the weights of a place */
    void *weight;           /* [tables,len,taps] */
    int32_t *first, *count; /* [tables,len] */
};
/* out = in outside the box, 0 inside */
struct k_box_outside {
    int64_t n;              /* planes * h lines */
    const void *in;         /* [planes,h,w] */
    void *out;
    const int32_t *box;     /* [pictures,4] */
    int64_t h, w, channels; /* channels planes have one box */
    int32_t add;            /* 1: add to out */
};
struct k_mouth_box {
    int64_t n;              /* pictures */
    const void *lms;        /* [n,68,3] */
    int32_t *box;           /* [n,4] */
    int64_t res;
};
#endif
