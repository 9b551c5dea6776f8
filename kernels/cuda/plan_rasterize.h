/* plan_rasterize.h -- the planner of rasterize.cu. */
#ifndef KC_PLAN_RASTERIZE_H
#define KC_PLAN_RASTERIZE_H
#include "plan.h"
kc_planner kc_plan_rasterize_fwd;
#endif
