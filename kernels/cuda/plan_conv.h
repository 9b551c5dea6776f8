/* plan_conv.h -- the planners of conv.cu.  conv_*: struct k_conv (kernels/conv.h); modconv_fwd: struct k_modconv_fwd (kernels/modconv.h). */
#ifndef KC_PLAN_CONV_H
#define KC_PLAN_CONV_H
#include "plan.h"
kc_planner kc_plan_conv_fwd, kc_plan_conv_bwd_x, kc_plan_conv_bwd_w, kc_plan_modconv_fwd;
#endif
