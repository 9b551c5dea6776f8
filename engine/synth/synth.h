/* synth.h -- pictures of people who do not exist: the data source of the pretraining recipes.
 *
 *     mn_synth *synth = mn_synth_open("head.safetensors", NULL);
 *     const mn_geometry *g = mn_synth_geometry(synth);
 *     mn_synth_neutral(synth, z, 40, neutral);              [V,3], this person at rest
 *     mn_expression_named("smile", 1, w);
 *     mn_synth_pose(synth, neutral, w, head, gaze, posed, NULL);
 *     mn_synth_close(synth);
 *
 * Threads.  An open mn_synth never changes, so threads may make and draw different people at once; a person
 * does not change either.  One picture is drawn by one thread.
 *
 * Units are centimetres and degrees; +x is the subject's left, +y up, +z out of the face; triangles wind
 * counter-clockwise seen from outside.  Left and right in names are the subject's.
 */
#ifndef MN_SYNTH_H
#define MN_SYNTH_H
#include "mien.h"

typedef struct mn_synth mn_synth;
typedef struct mn_person mn_person;

enum { MN_PERSON_Z = 80, MN_EXPR_UNITS = 57, MN_HEAD_JOINTS = 6, MN_HEAD_LANDMARKS = 68 };

/* ---- the head model ----------------------------------------------------- */

typedef struct mn_synth_options {
    int texture_width;      /* of a person's skin, twice the height; 1024 is enough for 256-pixel pictures */
    int strands;            /* hairs on a full head */
    uint32_t pattern;       /* seeds the patterns everybody shares: freckles, brow strokes, clumps, hair roots */
} mn_synth_options;

mn_synth_options mn_synth_options_default(void);
/* path: a head.safetensors (see docs of the head model's tensors in head.h).  options: NULL for the defaults. */
mn_synth *mn_synth_open(const char *path, const mn_synth_options *options);
void mn_synth_close(mn_synth *synth);           /* NULL is fine */

/* Vertex labels of mn_geometry.region. */
enum { MN_R_SKIN, MN_R_LIPS, MN_R_BROWS, MN_R_EYEBALL, MN_R_TEETH, MN_R_TONGUE, MN_R_GUMS, MN_R_CAVITY, MN_R_LASHES,
       MN_R_SCALP, MN_R_EARS, MN_R_SOCKET, MN_R_NECK, MN_REGIONS };
enum { MN_J_ROOT, MN_J_NECK, MN_J_HEAD, MN_J_JAW, MN_J_EYE_LEFT, MN_J_EYE_RIGHT };

/* The template as loaded; everything belongs to the mn_synth. */
typedef struct mn_geometry {
    int n_vertices, n_triangles, n_uv, n_modes;
    const float *vertices;          /* [V,3] rest positions */
    const int32_t *triangles;       /* [F,3] */
    const float *uv;                /* [T,2], v up; one tile per unit of u */
    const int32_t *uv_triangles;    /* [F,3] into uv */
    const uint8_t *region;          /* [V] MN_R_* */
    const int32_t *weld;            /* [V] first vertex at the same place (seams) */
    const int32_t *landmarks;       /* [68] vertices of the Multi-PIE landmarks */
    const float *joints;            /* [6,3] pivots of the template */
    const int32_t *joint_parents;   /* [6], -1 for the root */
    const float *weights;           /* [V,6] skinning weights */
    const float *modes;             /* [n_modes,V,3] identity offsets, one standard deviation each */
    const float *units;             /* [57,V,3] expression offsets */
} mn_geometry;
const mn_geometry *mn_synth_geometry(const mn_synth *synth);

/* out [V,3] = template + sum z_k mode_k. */
mn_status mn_synth_neutral(const mn_synth *synth, const float *z, int n, float *out);
/* Factors (left, right) on eyeBlink with which this neutral face's lids just meet. */
void mn_synth_blink_scale(const mn_synth *synth, const float *neutral, float scale[2]);
/* out [V,3] = neutral + effective expression, then the head turned (pitch down, yaw to the subject's left, roll)
 * and the eyeballs turned to gaze (yaw to the subject's left, pitch up).  effective may be NULL.  skull, if not
 * NULL, receives the skull's rigid motion as a row-major [3,4] matrix. */
void mn_synth_pose(const mn_synth *synth, const float *neutral, const float effective[MN_EXPR_UNITS],
                   const float head[3], const float gaze[2], float *out, float skull[12]);

/* ---- expressions -------------------------------------------------------- */

const char *mn_synth_unit_name(int unit);       /* NULL when out of range */
int mn_synth_unit(const char *name);            /* -1 when there is none */
/* Named expressions in order ("neutral" first), then action units ("AU1" ...); NULL at the end. */
const char *mn_expression_name(int i);
/* w = strength * the named expression, over the template (see mn_expression_effective). */
mn_status mn_expression_named(const char *name, float strength, float w[MN_EXPR_UNITS]);
/* A plausible mixture: per part of the face sometimes one action, a little left-right difference. */
void mn_expression_random(mn_rng *rng, float w[MN_EXPR_UNITS]);
/* What moves the vertices: blink times this face's blink scale, and the lids' share of the gaze added. */
void mn_expression_effective(const float blink_scale[2], const float gaze[2], const float w[MN_EXPR_UNITS], float out[MN_EXPR_UNITS]);

#endif
