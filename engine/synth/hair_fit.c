/* hair_fit.c -- the lattice of displacements that hair follows; see hair_fit.h. */
#include "synth/hair_fit.h"
#include "synth/curves.h"
#include <stdlib.h>
#include <string.h>

static const float NODE = 1.5f, SMOOTHING = 1.5f, AROUND = 4;      /* cm: between nodes; added to the nearest vertex's distance; beyond the skin */
enum { EVERY = 3, MOST_NEAR = 2048 };                               /* vertices are much denser than the lattice: a third will do */

static int nodes_of(const mn_hair_fit *fit) { return fit->size[0] * fit->size[1] * fit->size[2]; }

static void lay_out(mn_hair_fit *fit, const float *points, int n) {
    for (int k = 0; k < 3; k++) {
        float lo = INFINITY, hi = -INFINITY;
        for (int i = 0; i < n; i++) { lo = minf(lo, points[3 * i + k]); hi = maxf(hi, points[3 * i + k]); }
        fit->lo[k] = n ? lo - AROUND : 0;
        fit->size[k] = n ? (int)minf((hi - lo + 2 * AROUND) / NODE, 40) + 2 : 2;      /* a head has 29; a freak must not eat the memory */
    }
}

/* Weights of one node, not yet divided by their sum; returns how many. */
static int weigh(const mn_grid *grid, const float *points, const float *area, const float at[3], int *near, float *weight, float *sum) {
    int nearest = mn_grid_nearest(grid, at, 1000, -1);
    if (nearest < 0) return 0;
    vec3 gap = v3_sub(v3(at), v3(points + 3 * nearest));
    float r = sqrtf(v3_dot(gap, gap)) + SMOOTHING;
    int n = mn_grid_within(grid, at, r, near, MOST_NEAR);
    *sum = 0;
    for (int k = 0; k < n; k++) {
        vec3 d = v3_sub(v3(at), v3(points + 3 * near[k]));
        float q = 1 - v3_dot(d, d) / (r * r);
        *sum += weight[k] = area[near[k]] * q * q;
    }
    return *sum > 0 ? n : 0;
}

static mn_status fill(mn_hair_fit *fit, const mn_head *head, const mn_grid *grid, const float *points, const float *area) {
    static const int ROOM = 1 << 16;
    int near[MOST_NEAR], used = 0, room = 0, node = 0;
    float weight[MOST_NEAR], sum;
    for (int x = 0; x < fit->size[0]; x++)
        for (int y = 0; y < fit->size[1]; y++)
            for (int z = 0; z < fit->size[2]; z++, node++) {
                float at[3] = {fit->lo[0] + NODE * (float)x, fit->lo[1] + NODE * (float)y, fit->lo[2] + NODE * (float)z};
                int n = weigh(grid, points, area, at, near, weight, &sum);
                if (used + n > room) {
                    room = used + n + ROOM;
                    int32_t *vertex = realloc(fit->vertex, (size_t)room * sizeof *vertex);
                    if (vertex) fit->vertex = vertex;
                    float *grown = realloc(fit->weight, (size_t)room * sizeof *grown);
                    if (grown) fit->weight = grown;
                    if (!vertex || !grown) return mn_fail(MN_ENOMEM, "hair: no memory for %d weights", room);
                }
                for (int k = 0; k < n; k++, used++) {
                    fit->vertex[used] = head->skin_vertices[EVERY * near[k]];
                    fit->weight[used] = weight[k] / sum;
                }
                fit->first[node + 1] = used;
            }
    return MN_OK;
}

mn_status mn_hair_fit_make(mn_hair_fit *fit, const mn_head *head, const float *normals) {
    int n = head->n_skin_vertices / EVERY;
    float *points = malloc(((size_t)n * 3 + 1) * sizeof *points), *area = malloc(((size_t)n + 1) * sizeof *area);
    mn_grid *grid = NULL;
    mn_status status = MN_OK;
    if (!points || !area) status = mn_fail(MN_ENOMEM, "hair: no memory for %d vertices", n);
    else {
        for (int i = 0; i < n; i++) {
            int v = head->skin_vertices[EVERY * i];
            memcpy(points + 3 * i, head->g.vertices + 3 * v, 3 * sizeof *points);
            area[i] = sqrtf(v3_dot(v3(normals + 3 * v), v3(normals + 3 * v)));
        }
        lay_out(fit, points, n);
        fit->first = calloc((size_t)nodes_of(fit) + 1, sizeof *fit->first);
        if (!fit->first) status = mn_fail(MN_ENOMEM, "hair: no memory for %d nodes", nodes_of(fit));
        else if (!(grid = mn_grid_new(points, n, 1.5f))) status = mn_errcode();
        else status = fill(fit, head, grid, points, area);
    }
    mn_grid_free(grid);
    free(points);
    free(area);
    return status;
}

void mn_hair_fit_free(mn_hair_fit *fit) {
    free(fit->first);
    free(fit->vertex);
    free(fit->weight);
    *fit = (mn_hair_fit){0};
}

float *mn_hair_fit_person(const mn_hair_fit *fit, const mn_head *head, const float *neutral) {
    int nodes = nodes_of(fit);
    float *shift = malloc(((size_t)nodes * 3 + 1) * sizeof *shift);
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
    float x[3], f[3];
    int c[3];
    v3_store(x, p);
    for (int k = 0; k < 3; k++) {
        float u = (x[k] - fit->lo[k]) / NODE;
        u = u > 0 ? minf(u, (float)(fit->size[k] - 1)) : 0;         /* 0 where it is not a number, too: a freak's hair */
        c[k] = (int)minf(u, (float)(fit->size[k] - 2));
        f[k] = u - (float)c[k];
    }
    vec3 u = {0, 0, 0};
    for (int corner = 0; corner < 8; corner++) {
        int d[3] = {corner & 1, corner >> 1 & 1, corner >> 2}, at = 0;
        float w = 1;
        for (int k = 0; k < 3; k++) {
            at = at * fit->size[k] + c[k] + d[k];
            w *= d[k] ? f[k] : 1 - f[k];
        }
        u = v3_mad(u, v3(shift + 3 * at), w);
    }
    return u;
}
