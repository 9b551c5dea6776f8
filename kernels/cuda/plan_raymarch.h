/* plan_raymarch.h -- the planner of raymarch.cu. */
#ifndef KC_PLAN_RAYMARCH_H
#define KC_PLAN_RAYMARCH_H
#include "plan.h"
kc_planner kc_plan_raymarch_bwd;
#endif
