/* frame.h -- one picture in the making: what shadow.c, shade.c and draw.c share; internal to engine/synth. */
#ifndef MN_SYNTH_FRAME_H
#define MN_SYNTH_FRAME_H
#include "synth/internal.h"
#include "synth/light.h"
#include "synth/raster.h"
#include "synth/vec.h"

enum { MN_TURNS = 256 };                        /* directions by which pixels turn the sampling disc */

typedef struct mn_frame {
    const mn_head *head;
    const mn_person *person;
    mn_light light;
    vec3 key_dir, fill_dir, rim_dir;            /* unit */
    /* geometry, posed */
    float *vertices, *normals, *tension;        /* [V,3], [V,3], [V]: posed area / rest area, below 1 in creases */
    int n_strands, n_hairs, points;             /* hairs first, then lashes */
    float hair_steps;                           /* the last step of a hair is a part of one */
    float *strands;                             /* [n_strands, points, 3] */
    float *seen, *seen_strands;                 /* the same projected: x, y, key */
    vec3 head_centre;
    /* camera: Xc = R X + t, x right, y down, z away; pixel = (fx x/z + skew y/z + cx, fy y/z + cy) */
    float R[9], t[3], fx, fy, skew, cx, cy;
    vec3 eye;                                   /* the camera's place */
    mn_raster screen, shadow;
    vec3 shadow_x, shadow_y;                    /* axes of the shadow map */
    float shadow_lo[2], shadow_scale;
    float turn[MN_TURNS][2];                    /* cos, sin */
} mn_frame;

/* Steps of hairs and lashes, of which `points` vertices are the ends. */
static inline float mn_strand_steps(const mn_frame *f, int strand) { return strand < f->n_hairs ? f->hair_steps : (float)(f->points - 1); }

/* One surface point to shade. */
typedef struct mn_point {
    int material, x, y;
    float depth, gloss, colour[3];
    const float *turn;
    vec3 p, n, view, tangent, eye;
} mn_point;

/* Orthographic depth from the key light: triangles, and hairs as one-texel lines (lashes cast none). */
mn_status mn_frame_shadow(mn_frame *f, int size);
float mn_frame_key_visible(const mn_frame *f, const mn_point *q);          /* share of the key light that arrives */
float mn_frame_open(const mn_frame *f, const mn_point *q);                 /* share of the surroundings that is seen */
/* Linear colour of the sample at (x, y), which something was drawn to. */
void mn_frame_shade(const mn_frame *f, int x, int y, float out[3]);

#endif
