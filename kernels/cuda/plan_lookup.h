/* plan_lookup.h -- the planners of lookup.cu, for the argument structs of kernels/grid_sample.h. */
#ifndef KC_PLAN_LOOKUP_H
#define KC_PLAN_LOOKUP_H
#include "plan.h"
kc_planner kc_plan_grid_sample_fwd, kc_plan_grid_sample_bwd_x, kc_plan_grid_sample_bwd_grid;
#endif
