/* next3d.h -- the generator's stages, for callers in C (the methods table serves Lua). */
#ifndef MN_NEXT3D_H
#define MN_NEXT3D_H
#include "model.h"
#include "trace.h"

mn_tensor *mn_next3d_note(const char *name, mn_tensor *t);       /* reports t (trace.h) and returns it */
mn_tensor *mn_next3d_texture(mn_model *m, mn_tensor *ws);        /* [N,C,P,P] from the texture rows of ws [N,rows,w] */
mn_tensor *mn_next3d_static(mn_model *m, mn_tensor *ws);         /* [N,3C,P,P] from the static rows */
/* Points [N,K,3] of a mesh in the frame of view 0 (front), 1, 2 (profiles) or 3 (top): (-column, -row, depth), the picture from -1 to 1.
 * scale and orth_shift[3]: the checkpoint's orth_scale and orth_shift. */
mn_tensor *mn_next3d_view(mn_tensor *points, double scale, const double *orth_shift, int view);
/* Tri-planes [N,3,C,P,P] of mesh v [N,V+68,3] (metres; 68 landmarks after the vertices); *deformation: [N,G,G,G,3] for rendering, NULL
 * where planes do not follow the head. */
mn_tensor *mn_next3d_planes(mn_model *m, mn_tensor *texture, mn_tensor *fixed, mn_tensor *ws, mn_tensor *v, mn_tensor **deformation);
/* Is this what planes gave for n pictures? */
mn_status mn_next3d_expect_deformation(mn_model *m, const char *method, mn_tensor *deformation, int64_t n);
/* out[0] features [N,C,R,R], out[1] depth [N,1,R,R], out[2] coverage [N,1,R,R] (the sum of a ray's weights).  coarse [N,R*R,D] and fine [N,R*R,K]: the random draws, NULL for bin centres. */
mn_status mn_next3d_render(mn_model *m, mn_tensor *planes, mn_tensor *cam, mn_tensor *coarse, mn_tensor *fine, mn_tensor *deformation, mn_tensor **out);
mn_tensor *mn_next3d_superres(mn_model *m, mn_tensor *features, mn_tensor *ws);   /* [N,3,S,S] */
#endif
