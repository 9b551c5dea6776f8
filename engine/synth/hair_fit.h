/* hair_fit.h -- puts hair grown on the template onto a person's head; internal to engine/synth.
 *
 * Growth turns small differences of the head into large ones along a strand.  So hair grows on the template, and moves with
 * the skin under it: with the displacement v_i - template_i of the skin, averaged over the vertices nearby, with the nearest
 * one's distance and 1.5 cm more as r (lattice.h), and beyond the lattice as at its border.  It is linear in the person's shape;
 * weights depend on the template alone. */
#ifndef MN_SYNTH_HAIR_FIT_H
#define MN_SYNTH_HAIR_FIT_H
#include "synth/lattice.h"

typedef struct mn_hair_fit {
    mn_lattice lattice;
    int32_t *first, *vertex;        /* [nodes + 1] into vertex and weight; weights of a node sum to 1 */
    float *weight;
} mn_hair_fit;

/* normals: of the template, as mn_head_skin_normals gives them. */
mn_status mn_hair_fit_make(mn_hair_fit *fit, const mn_head *head, const float *normals);
void mn_hair_fit_free(mn_hair_fit *fit);
/* The displacement at every node for the neutral face of a person; [nodes, 3], to be freed by the caller.  NULL: no memory. */
float *mn_hair_fit_person(const mn_hair_fit *fit, const mn_head *head, const float *neutral);
vec3 mn_hair_fit_at(const mn_hair_fit *fit, const float *shift, vec3 p);
#endif
