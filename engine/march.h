/* march.h -- the surface where a sampled scalar field crosses a level, as a triangle mesh. */
#ifndef MIEN_MARCH_H
#define MIEN_MARCH_H
#include "io/mesh.h"

/* grid: [D,H,W] f32, finite; sample (d,h,w) lies at origin + step * (w,h,d), components x, y, z.  NULL origin: 0; NULL
 * step: 1; negative steps are fine.  The mesh has shared vertices, f counter-clockwise seen from where the field is
 * lower, and unit normals from the field's gradient.  It is closed except where the surface leaves the grid.
 * A level that nothing crosses is an error that tells the field's range. */
mn_status mn_march(mn_tensor *grid, double level, const double origin[3], const double step[3], mn_mesh *out);

/* A level that parts the field's values into two groups as distinct as possible (Otsu 1979): the greatest variance
 * between the groups, over up to 2^18 evenly spread samples, without the lowest and highest 0.1 %.  A first guess for
 * densities, whose scale depends on the model. */
mn_status mn_march_level(mn_tensor *grid, double *level);

#endif
