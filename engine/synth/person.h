/* person.h -- what a person is made of; internal to engine/synth.
 *
 * A person is a function of z in R^80; z ~ N(0,I) gives the population.  u stands for Phi(z_i), the coordinate's
 * quantile.  Nothing here depends on age or gender: no wrinkles, no greying; make-up and beards exclude each other.
 *
 *    z        meaning
 *    0..39    identity modes 0..39: clip(z, +-2.2) * 0.9 standard deviations (the others are 0)
 *    40       skin tone: place u on the ramp from light (0) to deep (1); called t below
 *    41       skin brightness, factor exp(.06 z)
 *    42       undertone, pink below 0, olive above, clipped at +-1.5
 *    43       hair colour: quantile u on the ramp black .. pale blond, weighted by t
 *    44, 45   hair brightness exp(.18 z), hair warmth
 *    46       dyed hair: begins at z 1.75
 *    47       colour of the dye: rose, violet, blue
 *    48       iris colour: quantile u on the ramp dark brown .. blue, weighted by t
 *    49       iris brightness, factor exp(.2 z)
 *    50..58   hair style: the one (short, buzz, fringe, slick, bob, long, curly, afro, bald) with the largest z + b(t)
 *    59       make-up: begins at u .65, full at .8; called m below
 *    60, 61   lipstick: strength (times m), colour from plum to coral
 *    62       natural lip brightness, factor exp(.1 z)
 *    63       lip cover and gloss
 *    64       skin gloss
 *    65, 66   blush, dark skin under the eyes
 *    67       freckles: more often on light skin and with light hair
 *    68       eye liner (dark lash line)
 *    69, 70   eye shadow: strength (times m), colour from blue to bronze
 *    71       beard: on u > .5 without make-up, with styles that go with it
 *    72       beard kept to the chin and moustache: u from .65 to .75
 *    73..75   brows: thickness, darkness, density
 *    76       where the hair is cut: .8 .. 1.2 of the style's length
 *    77       mess of the hair, factor .8 .. 1.5; on bald heads how much scalp hair shows
 *    78       parting, -3 .. 3 cm
 *    79       curl: waves in bob and long hair from u .5; factor .7 .. 1.3 on curls
 */
#ifndef MN_SYNTH_PERSON_H
#define MN_SYNTH_PERSON_H
#include "synth/hair.h"
#include "synth/skin.h"

enum { MN_PERSON_MODES = 40, MN_IDENTITY_MAX = 60 };
#define MN_PERSON_LIMIT 2.2                 /* of z, for the identity modes */
#define MN_PERSON_SIGMA .9

/* Everything about a person before painting and growing. */
typedef struct mn_traits {
    float identity[MN_IDENTITY_MAX];    /* standard deviations */
    mn_skin_look look;
    float iris[3];                      /* linear RGB */
    int style;
    mn_hair_style hair;                 /* the style with this person's changes */
    /* for words */
    float tone;                         /* skin, 0 light .. 1 deep */
    float hair_place, iris_place;       /* index on the colour ramps, fractional */
    float dye, dye_place, make_up, lipstick;
} mn_traits;

void mn_traits_from_z(const float z[MN_PERSON_Z], mn_traits *traits);
/* Names of the entries on the hair, dye and iris ramps. */
const char *mn_hair_colour_name(float place);
const char *mn_dye_name(float place);
const char *mn_iris_name(float place);

struct mn_person {
    mn_traits traits;
    float *neutral, *rest_area;         /* [V,3]; [V] length of the skin's area-weighted normal at rest, 0 elsewhere */
    float blink[2];
    int texture_width, texture_height;
    float *texture;                     /* [h,w,4] */
    int n_strands, points;
    float steps;                        /* of a strand: its vertices but the root; the last step is a part of one */
    float *strands, *strand_colour;     /* [n,points,3], [n,3] */
};

mn_person *mn_person_build(const mn_synth *synth, const mn_traits *traits);
/* Posed vertices and skull motion from raw weights: blink scaled for this face, lids following the gaze. */
void mn_person_pose(const mn_synth *synth, const mn_person *person, const float expr[MN_EXPR_UNITS], const float head[3],
                    const float gaze[2], float *out, float skull[12]);

#endif
