/* plan_upfirdn.h -- the planner of upfirdn.cu. */
#ifndef KC_PLAN_UPFIRDN_H
#define KC_PLAN_UPFIRDN_H
#include "plan.h"
kc_planner kc_plan_upfirdn;
#endif
