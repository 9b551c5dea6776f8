/* skin_height.c -- the lattice of heights above the skin; see skin_height.h. */
#include "synth/skin_height.h"
#include <stdlib.h>

static const float NODE = .6f;                  /* cm between nodes: 0.006 cm off on a sphere of a head's size */
static const float SMOOTHING = 1;               /* cm: about the distance between vertices of the scalp */
enum { MOST_NEAR = 1024, MOST_STEPS = 200 };    /* a head has 45 */

typedef struct node { float height; vec3 normal; } node;

struct mn_skin_height {
    mn_lattice lattice;
    node *node;
};

static node measure(const mn_skin_points *skin, const mn_head *head, const float *normals, vec3 at) {
    int near[MOST_NEAR];
    float weight[MOST_NEAR], sum, height = 0;
    vec3 normal = {0, 0, 0};
    int n = mn_skin_points_near(skin, at, MN_SKIN_FAR, SMOOTHING, MOST_NEAR, near, weight, &sum);
    if (!n) return (node){MN_SKIN_FAR, normal};
    for (int k = 0; k < n; k++) {
        vec3 d = v3_sub(at, v3(head->g.vertices + 3 * near[k])), a = v3_unit(v3(normals + 3 * near[k]));
        height += weight[k] * v3_dot(d, a);
        normal = v3_mad(normal, a, weight[k]);
    }
    return (node){minf(height / sum, MN_SKIN_FAR), v3_unit(normal)};
}

mn_skin_height *mn_skin_height_new(const mn_head *head, const float *normals) {
    mn_skin_points skin;
    if (mn_skin_points_make(&skin, head, normals, 1)) return NULL;
    mn_lattice lattice = mn_lattice_over(&skin, MN_SKIN_FAR, NODE, MOST_STEPS);
    int nodes = mn_lattice_nodes(&lattice);
    mn_skin_height *s = malloc(sizeof *s);
    node *all = malloc((size_t)nodes * sizeof *all);
    if (s && all) {
        *s = (mn_skin_height){lattice, all};
        #pragma omp parallel for schedule(dynamic, 256)
        for (int at = 0; at < nodes; at++) all[at] = measure(&skin, head, normals, mn_lattice_place(&lattice, at));
    } else {
        mn_fail(MN_ENOMEM, "hair: no memory for %d heights above the skin", nodes);
        free(s);
        free(all);
        s = NULL;
    }
    mn_skin_points_free(&skin);
    return s;
}

void mn_skin_height_free(mn_skin_height *s) {
    if (!s) return;
    free(s->node);
    free(s);
}

float mn_skin_height_at(const mn_skin_height *s, vec3 p, vec3 *normal) {
    int node[8];
    float share[8], height = 0;
    *normal = (vec3){0, 0, 0};
    if (!mn_lattice_around(&s->lattice, p, node, share)) return MN_SKIN_FAR;
    for (int k = 0; k < 8; k++) {
        height += share[k] * s->node[node[k]].height;
        *normal = v3_mad(*normal, s->node[node[k]].normal, share[k]);
    }
    *normal = v3_unit(*normal);
    return height;
}
