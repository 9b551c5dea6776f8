/* synth.h -- pictures of people who do not exist: the data source of the pretraining recipes.
 *
 *     mn_synth *synth = mn_synth_open("head.safetensors", NULL);
 *     mn_person *person = mn_person_seeded(synth, 7);         or mn_person_new(synth, z)
 *     mn_shot shot = mn_shot_default();
 *     mn_expression_named("smile", 1, shot.expr);
 *     uint8_t rgba[128 * 128 * 4], rgb[128 * 128 * 3];
 *     mn_person_draw(synth, person, &shot, rgba);
 *     mn_composite(rgba, 128, top, bottom, rgb);              (composite.h)
 *     mn_person_free(person); mn_synth_close(synth);
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

#define MN_WORLD_ORIGIN {0, 3.5f, .5f}          /* cm: where cameras look (camera.h), and the fitted head's own origin (headfit.h) */

enum { MN_PERSON_Z = 80, MN_EXPR_UNITS = 57, MN_HEAD_JOINTS = 6, MN_HEAD_LANDMARKS = 68 };

/* ---- the head model ----------------------------------------------------- */

typedef struct mn_synth_options {
    int texture_width;      /* of a person's skin, twice the height; 1024 is enough for 256-pixel pictures */
    int strands;            /* hairs on a full head */
    uint32_t pattern;       /* seeds the patterns everybody shares: freckles, brow strokes, clumps, hair roots */
} mn_synth_options;

mn_synth_options mn_synth_options_default(void);
/* path: a head.safetensors (layout in head.h) or the folder of an ICT-FaceKit checkout (read by ict.c, some seconds).
 * options: NULL for the defaults. */
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
/* A plausible mixture: per part of the face sometimes one action, now and then on one side only, else with a little
 * left-right difference. */
void mn_expression_random(mn_rng *rng, float w[MN_EXPR_UNITS]);
/* What moves the vertices: blink times this face's blink scale, and the lids' share of the gaze added. */
void mn_expression_effective(const float blink_scale[2], const float gaze[2], const float w[MN_EXPR_UNITS], float out[MN_EXPR_UNITS]);

/* ---- people ------------------------------------------------------------- */

/* z: N(0,1) numbers; what each one means is in person.h.  Paints the skin and grows the hair. */
mn_person *mn_person_new(const mn_synth *synth, const float z[MN_PERSON_Z]);
/* z = the first MN_PERSON_Z numbers of mn_numpy_randn(seed). */
mn_person *mn_person_seeded(const mn_synth *synth, uint32_t seed);
void mn_person_free(mn_person *person);         /* NULL is fine */

/* What can be said of a person; strings are static. */
typedef struct mn_look {
    const char *skin;               /* "very light", "light", "medium", "brown", "dark" */
    const char *hair;               /* "black" ... "light blond", or "pink", "purple", "blue" when dyed */
    const char *style;              /* "short", "buzz", "fringe", "slick", "bob", "long", "curly", "afro", "bald" */
    const char *eyes;               /* "dark brown", "brown", "hazel", "green", "grey", "blue" */
    bool bald, wavy;
    float beard, goatee, freckles, make_up, lipstick;   /* 0 none .. 1 */
    float brows;                    /* thickness, .7 .. 1.25 */
} mn_look;
mn_look mn_person_look(const mn_person *person);
mn_look mn_look_from_z(const float z[MN_PERSON_Z]);      /* the same without making the person */

/* What shows of a person apart from the shape of the face, as numbers around 0..1 (colours as their square roots, of skin, hair, lips, irises
 * and eye shadow; 14 strengths; how hair is cut, curled, ruffled and parted; one number per hair style, 1 for the one there is): what a network that
 * is given z should be able to say. */
enum { MN_PERSON_TRAITS = 42 };
void mn_person_traits(const float z[MN_PERSON_Z], float out[MN_PERSON_TRAITS]);

/* mn_expression_effective for this person's face; gaze may be NULL. */
void mn_person_effective(const mn_person *person, const float gaze[2], const float w[MN_EXPR_UNITS], float out[MN_EXPR_UNITS]);

/* ---- pictures ----------------------------------------------------------- */

typedef struct mn_shot {
    float expr[MN_EXPR_UNITS];      /* weights over the template, as mn_expression_named gives them */
    float gaze[2];                  /* yaw to the subject's left, pitch up */
    float head[3];                  /* pitch (down), yaw (to the subject's left), roll (crown to the subject's right) */
    float camera[25];               /* camera.h */
    int light;                      /* 0: the studio light, else the seed of a random one */
    int size, supersample;          /* pixels; samples per pixel and axis */
} mn_shot;

/* Neutral, straight ahead, studio light, 128 pixels, 5 x 5 samples, the default orbit camera. */
mn_shot mn_shot_default(void);
/* rgba [size,size,4], sRGB over mid grey with coverage in A; composite.h puts another background behind. */
mn_status mn_person_draw(const mn_synth *synth, const mn_person *person, const mn_shot *shot, uint8_t *rgba);

#endif
