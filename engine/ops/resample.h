/* resample.h -- separable resizing for the ops that do it: resize.c, and box_resize.c with boxes that only the device knows. */
#ifndef MN_OPS_RESAMPLE_H
#define MN_OPS_RESAMPLE_H
#include "../internal.h"
#include "../../kernels/resample.h"

/* [pictures,channels,in_h,in_w] -> [pictures,channels,out_h,out_w], or the other way round for the adjoint. */
typedef struct mn_resampling {
    int64_t pictures, channels, in_h, in_w, out_h, out_w;
    bool bicubic, antialias, adjoint;
    enum k_boxed boxed;
    mn_tensor *box;                     /* [pictures,4] i32, NULL with K_WHOLE */
} mn_resampling;
mn_status mn_resample(mn_op *op, const mn_resampling *r, const void *in, void *out, bool add);
#endif
