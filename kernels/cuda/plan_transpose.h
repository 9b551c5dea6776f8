/* plan_transpose.h -- the planner of transpose.cu. */
#ifndef KC_PLAN_TRANSPOSE_H
#define KC_PLAN_TRANSPOSE_H
#include "plan.h"
kc_planner kc_plan_transpose;
#endif
