/* conv.h -- the three convolution kernels as conv2d, conv_transpose2d and modconv2d call them. */
#ifndef MN_OPS_CONV_H
#define MN_OPS_CONV_H
#include "nn.h"
#include "../../kernels/channel.h"
#include "../../kernels/conv.h"

/* kernel is MN_K_conv_fwd, _bwd_x or _bwd_w; p holds the sizes; the operand being computed is NULL and overwritten in
 * `out` (which may be NULL after a failed allocation: the pending error is returned). */
mn_status conv_run(mn_op *op, enum mn_kernel_id kernel, struct k_conv *p, const mn_tensor *x, const mn_tensor *w, const mn_tensor *y, mn_tensor *out);
#endif
