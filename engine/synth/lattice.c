/* lattice.c -- averages over the skin nearby, and where the nodes of a lattice lie; see lattice.h. */
#include "synth/lattice.h"
#include <stdlib.h>
#include <string.h>

static const float CELL = 1.2f;                 /* cm: of the grid that finds the vertices near a place */

mn_status mn_skin_points_make(mn_skin_points *skin, const mn_head *head, const float *normals, int every) {
    size_t n = (size_t)(head->n_skin_vertices / every);
    *skin = (mn_skin_points){.n = (int)n};
    skin->vertex = malloc((n + 1) * sizeof *skin->vertex);
    skin->at = malloc((n + 1) * 3 * sizeof *skin->at);
    skin->area = malloc((n + 1) * sizeof *skin->area);
    if (!skin->vertex || !skin->at || !skin->area) {
        mn_skin_points_free(skin);
        return mn_fail(MN_ENOMEM, "hair: no memory for %zu vertices of the skin", n);
    }
    for (size_t i = 0; i < n; i++) {
        int v = skin->vertex[i] = head->skin_vertices[(size_t)every * i];
        memcpy(skin->at + 3 * i, head->g.vertices + 3 * v, 3 * sizeof *skin->at);
        skin->area[i] = sqrtf(v3_dot(v3(normals + 3 * v), v3(normals + 3 * v)));
    }
    skin->grid = mn_grid_new(skin->at, skin->n, CELL);
    if (skin->grid) return MN_OK;
    mn_skin_points_free(skin);
    return mn_errcode();
}

void mn_skin_points_free(mn_skin_points *skin) {
    mn_grid_free(skin->grid);
    free(skin->vertex);
    free(skin->at);
    free(skin->area);
    *skin = (mn_skin_points){0};
}

int mn_skin_points_near(const mn_skin_points *skin, vec3 p, float reach, float smoothing, int room, int *vertex, float *weight, float *sum) {
    float at[3];
    v3_store(at, p);
    int nearest = mn_grid_nearest(skin->grid, at, reach, -1);
    if (nearest < 0) return 0;
    vec3 gap = v3_sub(p, v3(skin->at + 3 * nearest));
    float r = sqrtf(v3_dot(gap, gap)) + smoothing;
    int n = mn_grid_within(skin->grid, at, r, vertex, room);
    *sum = 0;
    for (int k = 0; k < n; k++) {
        int i = vertex[k];
        vec3 d = v3_sub(p, v3(skin->at + 3 * i));
        float q = 1 - v3_dot(d, d) / (r * r);
        vertex[k] = skin->vertex[i];
        *sum += weight[k] = skin->area[i] * q * q;
    }
    return *sum > 0 ? n : 0;
}

mn_lattice mn_lattice_over(const mn_skin_points *skin, float around, float step, int most) {
    mn_lattice l = {.step = step, .size = {2, 2, 2}};
    for (int k = 0; skin->n && k < 3; k++) {
        float lo = INFINITY, hi = -INFINITY;
        for (int i = 0; i < skin->n; i++) { lo = minf(lo, skin->at[3 * i + k]); hi = maxf(hi, skin->at[3 * i + k]); }
        l.lo[k] = lo - around;
        l.size[k] = (int)minf((hi + around - l.lo[k]) / step, (float)most) + 2;
    }
    return l;
}

int mn_lattice_nodes(const mn_lattice *l) { return l->size[0] * l->size[1] * l->size[2]; }

vec3 mn_lattice_place(const mn_lattice *l, int node) {
    int z = node % l->size[2], y = node / l->size[2] % l->size[1], x = node / l->size[2] / l->size[1];
    return (vec3){l->lo[0] + l->step * (float)x, l->lo[1] + l->step * (float)y, l->lo[2] + l->step * (float)z};
}
