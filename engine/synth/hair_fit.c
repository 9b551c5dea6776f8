/* hair_fit.c -- the lattice of displacements that hair follows; see hair_fit.h. */
#include "synth/hair_fit.h"
#include <stdlib.h>

static const float NODE = 1.5f, SMOOTHING = 1.5f, AROUND = 4;      /* cm */
enum { EVERY = 3, MOST_NEAR = 2048, MOST_STEPS = 40 };              /* vertices are much denser than the nodes: a third will do; a head has 27 steps */

static mn_status fill(mn_hair_fit *fit, const mn_skin_points *skin) {
    static const int ROOM = 1 << 16;
    int near[MOST_NEAR], used = 0, room = 0, nodes = mn_lattice_nodes(&fit->lattice);
    float weight[MOST_NEAR], sum;
    for (int node = 0; node < nodes; node++) {
        int n = mn_skin_points_near(skin, mn_lattice_place(&fit->lattice, node), 1000, SMOOTHING, MOST_NEAR, near, weight, &sum);
        if (used + n > room) {
            room = used + n + ROOM;
            int32_t *vertex = realloc(fit->vertex, (size_t)room * sizeof *vertex);
            if (vertex) fit->vertex = vertex;
            float *grown = realloc(fit->weight, (size_t)room * sizeof *grown);
            if (grown) fit->weight = grown;
            if (!vertex || !grown) return mn_fail(MN_ENOMEM, "hair: no memory for %d weights", room);
        }
        for (int k = 0; k < n; k++, used++) {
            fit->vertex[used] = near[k];
            fit->weight[used] = weight[k] / sum;
        }
        fit->first[node + 1] = used;
    }
    return MN_OK;
}

mn_status mn_hair_fit_make(mn_hair_fit *fit, const mn_head *head, const float *normals) {
    mn_skin_points skin;
    mn_status status = mn_skin_points_make(&skin, head, normals, EVERY);
    if (status) return status;
    fit->lattice = mn_lattice_over(&skin, AROUND, NODE, MOST_STEPS);
    int nodes = mn_lattice_nodes(&fit->lattice);
    fit->first = calloc((size_t)nodes + 1, sizeof *fit->first);
    status = fit->first ? fill(fit, &skin) : mn_fail(MN_ENOMEM, "hair: no memory for %d nodes", nodes);
    mn_skin_points_free(&skin);
    return status;
}

void mn_hair_fit_free(mn_hair_fit *fit) {
    free(fit->first);
    free(fit->vertex);
    free(fit->weight);
    *fit = (mn_hair_fit){0};
}

float *mn_hair_fit_person(const mn_hair_fit *fit, const mn_head *head, const float *neutral) {
    int nodes = mn_lattice_nodes(&fit->lattice);
    float *shift = malloc((size_t)nodes * 3 * sizeof *shift);
    for (int at = 0; shift && at < nodes; at++) {
        vec3 u = {0, 0, 0};
        for (int k = fit->first[at]; k < fit->first[at + 1]; k++) {
            int v = 3 * fit->vertex[k];
            u = v3_mad(u, v3_sub(v3(neutral + v), v3(head->g.vertices + v)), fit->weight[k]);
        }
        v3_store(shift + 3 * at, u);
    }
    if (!shift) mn_fail(MN_ENOMEM, "hair: no memory for %d nodes", nodes);
    return shift;
}

vec3 mn_hair_fit_at(const mn_hair_fit *fit, const float *shift, vec3 p) {
    int node[8];
    float share[8];
    vec3 u = {0, 0, 0};
    mn_lattice_around(&fit->lattice, p, node, share);
    for (int k = 0; k < 8; k++) u = v3_mad(u, v3(shift + 3 * node[k]), share[k]);
    return u;
}
