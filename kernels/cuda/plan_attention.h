/* plan_attention.h -- the planners of attention.cu, for struct k_attention (kernels/attention.h). */
#ifndef KC_PLAN_ATTENTION_H
#define KC_PLAN_ATTENTION_H
#include "plan.h"
kc_planner kc_plan_attention_fwd, kc_plan_attention_bwd;
#endif
