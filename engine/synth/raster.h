/* raster.h -- depth buffers and the triangles drawn into them; internal to engine/synth.
 *
 * A drawn point is (x in pixels, y in pixels, key); the smaller key wins.  With key = -1/z, which is affine on the
 * picture plane, depth interpolates exactly. */
#ifndef MN_SYNTH_RASTER_H
#define MN_SYNTH_RASTER_H
#include "mien.h"

#define MN_RASTER_FAR 1e9f              /* key of a pixel nothing was drawn to */
#define MN_RASTER_BEHIND 1e8f           /* key of a point behind the camera: its triangles are left out */

typedef struct mn_raster {
    int width, height;
    float *depth;
    int32_t *id;                        /* -1: nothing; NULL in a raster without ids */
    float *farthest;                    /* largest key of every tile when mn_raster_occlude was last called; NULL before */
} mn_raster;

mn_status mn_raster_new(mn_raster *r, int width, int height, bool with_ids);
void mn_raster_free(mn_raster *r);
/* cull: leave out triangles whose signed area in (x, y) is negative. */
void mn_raster_triangle(mn_raster *r, const float *p0, const float *p1, const float *p2, int32_t id, bool cull);
/* What is drawn so far hides ribbons from here on, tile by tile: quicker where much of the hair is behind the head or other hair. */
mn_status mn_raster_occlude(mn_raster *r);
/* A ribbon from a to b, half0 and half1 samples to either side of the ends. */
void mn_raster_ribbon(mn_raster *r, const float *a, const float *b, float half0, float half1, int32_t id);

#endif
