/* render.h -- what the rendering ops share. */
#ifndef MN_OPS_RENDER_H
#define MN_OPS_RENDER_H
#include "../internal.h"

/* For each plane the column and row directions of a point, 2 / box_warp included (triplane_sample.c);
 * axes [3,3,3] may be NULL for the published ones. */
mn_status mn_plane_axes(const mn_op *op, mn_tensor *axes, double box_warp, double out[3][6]);
/* [2]: least and greatest of t (raymarch.c). */
mn_tensor *mn_depth_range(mn_op *op, mn_tensor *t);
/* Points [N,M,3] less the deformation [N,G,G,G,3] (z, y, x) there: trilinear between nodes in the centres of the G x G x G cells of a
 * cube around the origin, beyond them the outermost (render_rays.c).  Gradients flow to the points. */
mn_tensor *mn_undeformed(mn_tensor *points, mn_tensor *deformation, double cube);
#endif
