/* plan_reduce.h -- the planners of reduce.cu, for the argument structs of the plain kernels of those names. */
#ifndef KC_PLAN_REDUCE_H
#define KC_PLAN_REDUCE_H
#include "plan.h"
kc_planner kc_plan_sum_fwd, kc_plan_channel_sum, kc_plan_prelu_bwd_slope, kc_plan_column_sum, kc_plan_layer_norm_bwd_w, kc_plan_bias_act_bwd, kc_plan_row_dot,
    kc_plan_depth_range;
#endif
