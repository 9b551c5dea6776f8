/* lashes.c -- finds the rows of the lash cards, and draws them as strands on a posed head.
 *
 * The published mesh carries lashes as strips of quads, six vertices from root to tip, one column of the strip
 * per COLUMN_WIDTH of u in the lash tile (u 6..7).  Each column becomes a strand; more are interpolated between
 * neighbours. */
#include "synth/hair.h"
#include "synth/vec.h"
#include <stdlib.h>

static const float LASH_TILE = 6, COLUMN_WIDTH = .02654f;

typedef struct lash_vertex { int strip, column, vertex; float v; } lash_vertex;

static int by_place(const void *a, const void *b) {
    const lash_vertex *p = a, *q = b;
    if (p->strip != q->strip) return p->strip < q->strip ? -1 : 1;
    if (p->column != q->column) return p->column < q->column ? -1 : 1;
    if (p->v != q->v) return p->v < q->v ? -1 : 1;
    return p->vertex - q->vertex;
}

static int strip_of(int *parent, int i) {
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

static float distance_to_skin(const mn_head *head, int vertex) {
    const mn_geometry *g = &head->g;
    vec3 p = v3(g->vertices + 3 * vertex);
    float best = INFINITY;
    for (int k = 0; k < head->n_skin_vertices; k++) {
        vec3 d = v3_sub(v3(g->vertices + 3 * head->skin_vertices[k]), p);
        best = fminf(best, v3_dot(d, d));
    }
    return best;
}

/* The lash vertices, one entry each, in order of strip, column and height on the card; returns their number. */
static int collect(const mn_head *head, int *parent, lash_vertex *list) {
    const mn_geometry *g = &head->g;
    int n = 0;
    for (int i = 0; i < g->n_vertices; i++) parent[i] = i;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < g->n_triangles; i++) {
            const int32_t *t = g->triangles + 3 * i;
            if (g->region[t[0]] != MN_R_LASHES) continue;
            for (int k = 0; k < 3; k++) {
                if (pass == 0) {                        /* connected strips, named by their smallest vertex */
                    int a = strip_of(parent, t[k]), b = strip_of(parent, t[(k + 1) % 3]);
                    parent[a > b ? a : b] = a > b ? b : a;
                } else {
                    const float *uv = g->uv + 2 * g->uv_triangles[3 * i + k];
                    list[n++] = (lash_vertex){strip_of(parent, t[k]), (int)lrintf((uv[0] - LASH_TILE) / COLUMN_WIDTH), t[k], uv[1]};
                }
            }
        }
    qsort(list, (size_t)n, sizeof *list, by_place);
    int kept = 0;
    for (int i = 0; i < n; i++)
        if (!kept || list[i].vertex != list[kept - 1].vertex) list[kept++] = list[i];
    return kept;
}

mn_status mn_head_prepare_lashes(mn_head *head) {
    const mn_geometry *g = &head->g;
    size_t corners = 0;
    for (int i = 0; i < g->n_triangles; i++) corners += 3 * (g->region[g->triangles[3 * i]] == MN_R_LASHES);
    int *parent = malloc((size_t)g->n_vertices * sizeof *parent);
    lash_vertex *list = malloc((corners + 1) * sizeof *list);
    head->lash = malloc((corners + 1) * sizeof *head->lash);
    head->lash_pair = malloc((corners + 1) * sizeof *head->lash_pair);
    head->lash_length = malloc((corners + 1) * sizeof *head->lash_length);
    if (!parent || !list || !head->lash || !head->lash_pair || !head->lash_length) {
        free(parent);
        free(list);
        return mn_fail(MN_ENOMEM, "head model: no memory for %zu lash corners", corners);
    }
    int n = collect(head, parent, list), previous = -1;          /* previous: list index of the last good column */
    for (int i = 0, end; i < n; i = end) {
        for (end = i; end < n && list[end].strip == list[i].strip && list[end].column == list[i].column; end++) {}
        if (end - i != MN_LASH_POINTS) { previous = -1; continue; }
        int at = head->n_lashes++;
        bool flip = distance_to_skin(head, list[i].vertex) > distance_to_skin(head, list[end - 1].vertex);
        for (int k = 0; k < MN_LASH_POINTS; k++) head->lash[at][k] = list[flip ? end - 1 - k : i + k].vertex;
        float root = g->vertices[3 * head->lash[at][0] + 1], tip = g->vertices[3 * head->lash[at][MN_LASH_POINTS - 1] + 1];
        head->lash_length[at] = tip > root ? .6f : .32f;          /* upper, lower lid: full cards look false */
        if (previous >= 0 && list[previous].strip == list[i].strip && list[previous].column == list[i].column - 1) {
            head->lash_pair[head->n_lash_pairs][0] = at - 1;
            head->lash_pair[head->n_lash_pairs++][1] = at;
        }
        previous = i;
    }
    free(parent);
    free(list);
    return MN_OK;
}

int mn_lash_count(const mn_head *head) { return head->n_lashes + MN_LASH_COPIES * head->n_lash_pairs; }

/* Point j of `points` along lash column c. */
static vec3 along_lash(const mn_head *head, const float *posed, int c, int j, int points) {
    float t = head->lash_length[c] * (MN_LASH_POINTS - 1) * (float)j / (float)(points - 1);
    int k = (int)t < MN_LASH_POINTS - 2 ? (int)t : MN_LASH_POINTS - 2;
    float w = t - (float)k;
    vec3 a = v3(posed + 3 * head->lash[c][k]), b = v3(posed + 3 * head->lash[c][k + 1]);
    return v3_add(v3_scale(a, 1 - w), v3_scale(b, w));
}

void mn_lashes(const mn_head *head, const float *posed, int points, float *out) {
    for (int c = 0; c < head->n_lashes; c++)
        for (int j = 0; j < points; j++, out += 3) v3_store(out, along_lash(head, posed, c, j, points));
    mn_stream place = mn_stream_new(0, 0);
    for (int k = 0; k < MN_LASH_COPIES * head->n_lash_pairs; k++) {
        const int32_t *pair = head->lash_pair[k % head->n_lash_pairs];
        float w = (float)mn_stream_uniform(&place);
        for (int j = 0; j < points; j++, out += 3)
            v3_store(out, v3_add(v3_scale(along_lash(head, posed, pair[0], j, points), 1 - w), v3_scale(along_lash(head, posed, pair[1], j, points), w)));
    }
}
