/* emulated_plan.h -- runs what a planner (kernels/cuda/plan.h) decides on the emulated GPU. */
#ifndef EMULATED_PLAN_H
#define EMULATED_PLAN_H
#include "../../kernels/cuda/plan.h"
/* 1: done; 0: the planner declined; -1: a kernel broke a rule, is unknown, or wrote outside its workspace (said on stderr). */
int k_emulate_plan(kc_planner *planner, const void *args, const struct kc_gpu *gpu);
#endif
