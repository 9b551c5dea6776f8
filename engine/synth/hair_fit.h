/* hair_fit.h -- puts hair grown on the template onto a person's head; internal to engine/synth.
 *
 * Growth turns small differences of the head into large ones along a strand.  So hair grows on the template, and moves with
 * the skin under it: the displacement of the skin from the template, averaged over the vertices nearby,
 *     u(p) = sum_i w_i (v_i - template_i) / sum_i w_i,    w_i = area_i (1 - |p - template_i|^2 / r^2)^2,   r = nearest + 1.5 cm,
 * at the nodes of a lattice, interpolated in between, and beyond the lattice as at its border.  u is linear in the person's
 * shape.  Weights depend on the template alone. */
#ifndef MN_SYNTH_HAIR_FIT_H
#define MN_SYNTH_HAIR_FIT_H
#include "synth/head.h"
#include "synth/vec.h"

typedef struct mn_hair_fit {
    float lo[3];
    int size[3];
    int32_t *first, *vertex;        /* [nodes + 1] into vertex and weight; weights of a node sum to 1 */
    float *weight;
} mn_hair_fit;

/* normals: of the template, as mn_head_skin_normals gives them. */
mn_status mn_hair_fit_make(mn_hair_fit *fit, const mn_head *head, const float *normals);
void mn_hair_fit_free(mn_hair_fit *fit);
/* u at every node for the neutral face of a person; [nodes, 3], to be freed by the caller.  NULL: no memory. */
float *mn_hair_fit_person(const mn_hair_fit *fit, const mn_head *head, const float *neutral);
vec3 mn_hair_fit_at(const mn_hair_fit *fit, const float *shift, vec3 p);
#endif
