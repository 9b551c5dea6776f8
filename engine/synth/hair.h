/* hair.h -- strand hair and lashes; internal to engine/synth.
 *
 * A strand is a polyline of `points` vertices.  Growth, per strand and step of length h (cm):
 *     d <- unit(d + gravity * h * down + follow * tangent + wobble * noise),   p <- p + h d,
 * then p is pushed out to a margin above the skin (skin_height.h) and d turned along the way taken.  Afterwards strands are drawn towards their
 * clump's lead strand (more at the tip), curled, cut, and those that would cover the face are dropped.
 *
 * Hair grows on the template and is then put on the person's head (hair_fit.h).  All random choices of a style (roots,
 * clumps, directions) are taken once: two people with the same style differ by their head and by the style's numbers, so a
 * picture is a smooth function of the person, which a network can learn from a few thousand of them. */
#ifndef MN_SYNTH_HAIR_H
#define MN_SYNTH_HAIR_H
#include "synth/head.h"
#include "synth/noise.h"

#define MN_HAIR_SHORTEST .8f
#define MN_HAIR_LONGEST 1.2f
enum { MN_LASH_COPIES = 2 };                    /* strands added between two neighbouring lash columns */

enum { MN_HAIR_SHORT, MN_HAIR_BUZZ, MN_HAIR_FRINGE, MN_HAIR_SLICK, MN_HAIR_BOB, MN_HAIR_LONG, MN_HAIR_CURLY, MN_HAIR_AFRO,
       MN_HAIR_BALD, MN_HAIR_STYLES };

typedef struct mn_hair_style {
    const char *name;
    float length;                   /* cm, along `points` vertices */
    int points;
    float cut;                      /* share of the length that is worn, MN_HAIR_SHORTEST .. LONGEST; what is left of a strand stays where it was */
    float lift;                     /* 0 lies flat, 1 stands up */
    float gravity;                  /* per cm */
    float follow;                   /* pull along the combing direction, per step */
    float mess;                     /* spread of root directions */
    float wobble;                   /* noise per step */
    float coherence;                /* strands of a clump start in the same direction */
    float clump;                    /* tips drawn together */
    int clumps;
    float curl, curl_rate;          /* radius of the curl, cm; turns per 3 cm */
    float margin, volume;           /* cm above the skin at the root; further along + 0.18 cm * volume */
    float crown[3];                 /* combing starts here, from the head centre */
    bool parted;
    float part, part_forward;       /* x of the parting, cm */
    float tuck;                     /* pull backwards per step, in front of the ears and below the brows */
    float clear, clear_top;         /* keep |x| < clear * half the face width free, below clear_top over the nose bridge; 0: off */
    int n_elevation;                /* length factor by elevation above the head centre, degrees */
    float elevation[4], elevation_factor[4];
    float front_z, front_factor;    /* length factor in front of this z from the head centre; factor 0: off */
} mn_hair_style;

const mn_hair_style *mn_hair_style_of(int style);   /* bald is there too, with no strands to grow */

/* The random choices of one style. */
typedef struct mn_hair_plan {
    int count, steps;               /* strands; the most steps one grows */
    int32_t *corner;                /* [count,3] vertices of the root's triangle */
    float *bary;                    /* [count,3] */
    float *rest, *elevation;        /* [count,3], [count]: root on the template */
    int32_t *lead;                  /* [count] the strand that leads this one's clump */
    float *length;                  /* [count] factor 0.8..1.2 */
    float *direction;               /* [count,3] normals */
    float *wobble;                  /* [steps, count, 3] normals */
    float *phase, *axis;            /* [count] radians, [count,3] normals: curl */
    float *shade;                   /* [count] log brightness */
} mn_hair_plan;

mn_status mn_hair_plan_make(mn_hair_plan *plan, const mn_head *head, int style, int count, uint32_t pattern);
void mn_hair_plan_free(mn_hair_plan *plan);

/* Steps of a strand as it is worn: the last one is cut short.  It has this many vertices, rounded up, and one for the root. */
float mn_hair_steps(const mn_hair_style *style);
int mn_hair_points(const mn_hair_style *style);

/* Grows a style, as `changed` in cut, mess, part or curl, and puts it on a person's neutral face.  strands [count, mn_hair_points, 3];
 * those over the face are left out; kept [count] receives the plan's index of each; returns their number, -1 on failure. */
int mn_hair_grow(const mn_synth *synth, int style, const mn_hair_style *changed, const float *neutral, float *strands, int32_t *kept);

/* Degrees above the hairline of a template point, and the boxes that take the ears out of the scalp. */
float mn_hairline_distance(const float p[3], float *elevation);
bool mn_ear_box(const float p[3]);
float mn_ear_soft(const float p[3]);

int mn_lash_count(const mn_head *head);
/* Lash strands of a posed head, [mn_lash_count, points, 3]. */
void mn_lashes(const mn_head *head, const float *posed, int points, float *out);

#endif
