/* lattice.h -- smooth fields in the space around the skin; internal to engine/synth.
 *
 * A field is an average over the skin's vertices nearby,
 *     sum_i w_i f_i / sum_i w_i,    w_i = area_i (1 - |p - v_i|^2 / r^2)^2,   r = nearest + smoothing,
 * at the nodes of a lattice, and interpolated in between: hair_fit.h and skin_height.h. */
#ifndef MN_SYNTH_LATTICE_H
#define MN_SYNTH_LATTICE_H
#include "synth/curves.h"
#include "synth/head.h"
#include "synth/vec.h"

/* The template's skin, or every so many of its vertices. */
typedef struct mn_skin_points {
    int n;
    int32_t *vertex;                /* [n] of the head */
    float *at, *area;               /* [n,3]; [n] twice the area around */
    mn_grid *grid;
} mn_skin_points;

/* normals: of the template, as mn_head_skin_normals gives them. */
mn_status mn_skin_points_make(mn_skin_points *skin, const mn_head *head, const float *normals, int every);
void mn_skin_points_free(mn_skin_points *skin);
/* The vertices around p, at most `room`, their weights w_i and the sum of these; returns how many: 0 where none is within `reach`. */
int mn_skin_points_near(const mn_skin_points *skin, vec3 p, float reach, float smoothing, int room, int *vertex, float *weight, float *sum);

/* Nodes every `step` cm, x slowest. */
typedef struct mn_lattice { float lo[3], step; int size[3]; } mn_lattice;

/* Covers the skin and `around` cm beyond, with at most `most` steps a side: a freak of a head must not eat the memory. */
mn_lattice mn_lattice_over(const mn_skin_points *skin, float around, float step, int most);
int mn_lattice_nodes(const mn_lattice *l);
vec3 mn_lattice_place(const mn_lattice *l, int node);

/* The eight nodes around p and their shares.  Outside, false and those of the nearest place inside; where p is not a number, of some place. */
static inline bool mn_lattice_around(const mn_lattice *l, vec3 p, int node[8], float share[8]) {
    float x[3], f[3];
    int c[3];
    bool inside = true;
    v3_store(x, p);
    for (int k = 0; k < 3; k++) {
        float u = (x[k] - l->lo[k]) / l->step, end = (float)(l->size[k] - 1);
        inside = inside && u >= 0 && u < end;
        u = u > 0 ? minf(u, end) : 0;
        c[k] = (int)minf(u, end - 1);
        f[k] = u - (float)c[k];
    }
    for (int corner = 0; corner < 8; corner++) {
        int d[3] = {corner & 1, corner >> 1 & 1, corner >> 2}, at = 0;
        float w = 1;
        for (int k = 0; k < 3; k++) {
            at = at * l->size[k] + c[k] + d[k];
            w *= d[k] ? f[k] : 1 - f[k];
        }
        node[corner] = at;
        share[corner] = w;
    }
    return inside;
}
#endif
