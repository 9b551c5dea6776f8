/* shape.h -- helpers that ops share: axes, reductions to a shape. */
#ifndef MN_OPS_SHAPE_H
#define MN_OPS_SHAPE_H
#include "../internal.h"
/* Reads a zero-based axis attribute (negative counts from the end); fails naming it. */
mn_status mn_axis(const mn_op *op, int attr, int nd, int *axis);
/* Sums t down to a shape it was broadcast from. */
mn_tensor *mn_sum_to(mn_tensor *t, int nd, const int64_t *shape);
/* reshape as an op call, so gradients pass. */
mn_tensor *mn_reshape(mn_tensor *t, int nd, const int64_t *shape);
mn_tensor *mn_permute(mn_tensor *t, int nd, const int *order);
#endif
