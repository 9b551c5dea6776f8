/* skin_height.c -- the lattice of heights above the skin; see skin_height.h. */
#include "synth/skin_height.h"
#include "synth/curves.h"
#include <stdlib.h>
#include <string.h>

static const float NODE = .6f;                  /* cm between nodes: 0.006 cm off on a sphere of a head's size */
static const float SMOOTHING = 1;               /* cm: about the distance between vertices of the scalp */
enum { MOST_NEAR = 1024 };

typedef struct node { float height; vec3 normal; } node;

struct mn_skin_height {
    mn_grid *grid;
    int n;
    float *points, *normals, *area;             /* [n,3] skin vertices, unit normals; [n] */
    float lo[3];
    int size[3];
    node *node;
};

static node measure(const mn_skin_height *s, vec3 at) {
    float p[3];
    int near[MOST_NEAR];
    v3_store(p, at);
    int nearest = mn_grid_nearest(s->grid, p, MN_SKIN_FAR, -1);
    if (nearest < 0) return (node){MN_SKIN_FAR, {0, 0, 0}};
    vec3 gap = v3_sub(at, v3(s->points + 3 * nearest)), normal = {0, 0, 0};
    float r = sqrtf(v3_dot(gap, gap)) + SMOOTHING, sum = 0, height = 0;
    int n = mn_grid_within(s->grid, p, r, near, MOST_NEAR);
    for (int k = 0; k < n; k++) {
        vec3 d = v3_sub(at, v3(s->points + 3 * near[k])), a = v3(s->normals + 3 * near[k]);
        float q = 1 - v3_dot(d, d) / (r * r), w = s->area[near[k]] * q * q;
        sum += w;
        height += w * v3_dot(d, a);
        normal = v3_mad(normal, a, w);
    }
    return sum > 0 ? (node){minf(height / sum, MN_SKIN_FAR), v3_unit(normal)} : (node){MN_SKIN_FAR, {0, 0, 0}};
}

static void fill(mn_skin_height *s) {
    #pragma omp parallel for schedule(dynamic)
    for (int x = 0; x < s->size[0]; x++)
        for (int y = 0, at = x * s->size[1] * s->size[2]; y < s->size[1]; y++)
            for (int z = 0; z < s->size[2]; z++, at++)
                s->node[at] = measure(s, (vec3){s->lo[0] + NODE * (float)x, s->lo[1] + NODE * (float)y, s->lo[2] + NODE * (float)z});
}

mn_skin_height *mn_skin_height_new(const mn_head *head, const float *normals) {
    size_t n = (size_t)head->n_skin_vertices;
    mn_skin_height *s = calloc(1, sizeof *s);
    if (!s) { mn_fail(MN_ENOMEM, "hair: no memory"); return NULL; }
    s->n = (int)n;
    s->points = malloc(n * 3 * sizeof(float));
    s->normals = malloc(n * 3 * sizeof(float));
    s->area = malloc(n * sizeof(float));
    if (!s->points || !s->normals || !s->area) goto no_memory;
    float hi[3] = {-INFINITY, -INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++) s->lo[k] = INFINITY;
    for (size_t i = 0; i < n; i++) {
        const float *p = head->g.vertices + 3 * head->skin_vertices[i], *a = normals + 3 * head->skin_vertices[i];
        memcpy(s->points + 3 * i, p, 3 * sizeof *p);
        s->area[i] = sqrtf(v3_dot(v3(a), v3(a)));
        v3_store(s->normals + 3 * i, v3_unit(v3(a)));
        for (int k = 0; k < 3; k++) { s->lo[k] = minf(s->lo[k], p[k] - MN_SKIN_FAR); hi[k] = maxf(hi[k], p[k] + MN_SKIN_FAR); }
    }
    size_t nodes = 1;
    for (int k = 0; k < 3; k++) {
        s->size[k] = (int)minf((hi[k] - s->lo[k]) / NODE, 200) + 2;     /* a head has 45; a freak must not eat the memory */
        nodes *= (size_t)s->size[k];
    }
    s->node = malloc(nodes * sizeof *s->node);
    if (!s->node) goto no_memory;
    if (!(s->grid = mn_grid_new(s->points, s->n, 1.2f))) { mn_skin_height_free(s); return NULL; }
    fill(s);
    return s;
no_memory:
    mn_skin_height_free(s);
    mn_fail(MN_ENOMEM, "hair: no memory for heights above %zu vertices", n);
    return NULL;
}

void mn_skin_height_free(mn_skin_height *s) {
    if (!s) return;
    mn_grid_free(s->grid);
    free(s->points);
    free(s->normals);
    free(s->area);
    free(s->node);
    free(s);
}

float mn_skin_height_at(const mn_skin_height *s, vec3 p, vec3 *normal) {
    float x[3], f[3], height = 0;
    int c[3];
    v3_store(x, p);
    *normal = (vec3){0, 0, 0};
    for (int k = 0; k < 3; k++) {
        float u = (x[k] - s->lo[k]) / NODE;
        if (!(u >= 0 && u < (float)(s->size[k] - 1))) return MN_SKIN_FAR;
        c[k] = (int)u;
        f[k] = u - (float)c[k];
    }
    for (int corner = 0; corner < 8; corner++) {
        int d[3] = {corner & 1, corner >> 1 & 1, corner >> 2}, at = 0;
        float w = 1;
        for (int k = 0; k < 3; k++) {
            at = at * s->size[k] + c[k] + d[k];
            w *= d[k] ? f[k] : 1 - f[k];
        }
        height += w * s->node[at].height;
        *normal = v3_mad(*normal, s->node[at].normal, w);
    }
    *normal = v3_unit(*normal);
    return height;
}
