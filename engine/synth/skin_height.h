/* skin_height.h -- height above the template's skin as a smooth function of place; internal to engine/synth.
 *
 * Hair is pushed out of the skin at every step of its growth.  Were the skin the nearest vertex's tangent plane, a strand's
 * course would jump where the nearest vertex changes, the jumps would add up along it, and two people whose hair is parted a
 * thousandth of a millimetre apart would have different hair.  So the heights n_i . (p - v_i) over the planes of all vertices
 * nearby are averaged, with the nearest one's distance and 1 cm more as r (lattice.h). */
#ifndef MN_SYNTH_SKIN_HEIGHT_H
#define MN_SYNTH_SKIN_HEIGHT_H
#include "synth/lattice.h"

typedef struct mn_skin_height mn_skin_height;
/* normals: area-weighted, as mn_head_skin_normals gives them. */
mn_skin_height *mn_skin_height_new(const mn_head *head, const float *normals);
void mn_skin_height_free(mn_skin_height *s);
/* Height in cm (MN_SKIN_FAR or so where no skin is near) and the unit normal. */
float mn_skin_height_at(const mn_skin_height *s, vec3 p, vec3 *normal);
#define MN_SKIN_FAR 2.f
#endif
