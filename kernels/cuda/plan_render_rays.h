/* plan_render_rays.h -- the planners of render_rays.cu and render_rays_bwd.cu, for struct k_render_rays (kernels/render_rays.h). */
#ifndef KC_PLAN_RENDER_RAYS_H
#define KC_PLAN_RENDER_RAYS_H
#include "plan.h"
kc_planner kc_plan_render_rays_fwd, kc_plan_render_rays_bwd;
#endif
