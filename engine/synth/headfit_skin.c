/* headfit_skin.c -- the outer skin of the source head, resampled with an own topology.
 *
 * Skin, lips up to the inner edge, lids, brows, scalp, ears and neck are taken as one welded surface, cut below the neck,
 * halved at x = 0, remeshed (remesh.h) and mirrored: the result is symmetric and its middle line is a chain of edges.
 * Every vertex knows its place on the source (triangle and barycentric coordinates), so any shape of the source can be
 * sampled at it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "synth/headfit.h"

enum { ROUNDS = 12 };
static const double NECK_PLANE[4] = { 0, .98893635, .14834045, -13.894 };   /* slopes down to the front: the shoulders' tops stay outside */

void mn_headmesh_free(mn_headmesh *head) {
    mn_trimesh_free(&head->mesh);
    free(head->place);
    free(head->uv);
    free(head->uv_faces);
    memset(head, 0, sizeof *head);
}

void mn_headmesh_sample(const mn_geometry *source, const mn_headmesh *head, const float *field, int width, double *out) {
    for (int i = 0; i < head->mesh.nv; i++) {
        const int32_t *f = source->triangles + 3 * head->place[i].face;
        const double *b = head->place[i].bary;
        for (int k = 0; k < width; k++)
            out[i * width + k] = b[0] * field[f[0] * width + k] + b[1] * field[f[1] * width + k] + b[2] * field[f[2] * width + k];
    }
}

mn_status mn_headfit_source_mesh(const mn_geometry *source, mn_trimesh *mesh) {
    if (mn_trimesh_alloc(mesh, source->n_vertices, source->n_triangles, false)) return mn_errcode();
    for (int i = 0; i < source->n_vertices; i++)
        for (int k = 0; k < 3; k++) mesh->v[i][k] = source->vertices[3 * i + k];
    for (int i = 0; i < source->n_triangles; i++)
        for (int k = 0; k < 3; k++) mesh->f[i][k] = source->triangles[3 * i + k];
    return MN_OK;
}

static bool outer(int region) { return region <= MN_R_BROWS || region == MN_R_SCALP || region == MN_R_EARS || region == MN_R_NECK; }

/* The outer skin, welded; tags are source triangles. */
static mn_status take_skin(const mn_geometry *s, mn_trimesh *skin) {
    int *row = malloc((size_t)(s->n_vertices + 1) * sizeof *row), nv = 0, nf = 0;
    if (!row || mn_trimesh_alloc(skin, s->n_vertices, s->n_triangles, true)) {
        free(row);
        return mn_fail(MN_ENOMEM, "no memory for the skin of the source head");
    }
    for (int i = 0; i < s->n_vertices; i++) row[i] = -1;
    for (int i = 0; i < s->n_triangles; i++) {
        const int32_t *f = s->triangles + 3 * i;
        if (!outer(s->region[f[0]]) || !outer(s->region[f[1]]) || !outer(s->region[f[2]])) continue;
        for (int c = 0; c < 3; c++) {
            int v = s->weld[f[c]];
            if (row[v] < 0) {
                row[v] = nv;
                for (int k = 0; k < 3; k++) skin->v[nv][k] = s->vertices[3 * v + k];
                nv++;
            }
            skin->f[nf][c] = row[v];
        }
        skin->tag[nf++] = i;
    }
    skin->nv = nv;
    skin->nf = nf;
    free(row);
    return MN_OK;
}

/* Edge lengths for about `vertices` vertices on this half: an equilateral triangle of edge L covers sqrt(3)/4 L^2, and
 * there are two triangles to a vertex. */
static void scale_sizes(const mn_trimesh *half, double *size, double vertices) {
    double faces = 0;
    for (int i = 0; i < half->nf; i++) {
        const int *f = half->f[i];
        double l = (size[f[0]] + size[f[1]] + size[f[2]]) / 3;
        faces += mn_trimesh_area(half, i) / (sqrt(3) / 4 * l * l);
    }
    double factor = sqrt(faces / 2 / vertices);
    for (int i = 0; i < half->nv; i++) size[i] *= factor;
}

static mn_status remesh_half(const mn_geometry *s, const mn_trimesh *half, int vertices, mn_trimesh *out) {
    size_t n = (size_t)half->nv + 1;
    double *edge = malloc(n * sizeof *edge), *texel = malloc(n * sizeof *texel);
    unsigned char *corner = calloc(n, 1);
    int *next = malloc(n * sizeof *next);
    mn_place *places = NULL;
    mn_status status = !edge || !texel || !corner || !next ? mn_fail(MN_ENOMEM, "no memory to remesh the skin")
                                                           : mn_headfit_sizes(s, half, edge, texel);
    if (!status) status = mn_trimesh_border(half, next, NULL);
    if (!status) {
        for (int i = 0; i < half->nv; i++)                   /* corners: where the middle line meets another border */
            if (next[i] >= 0 && (half->v[i][0] == 0) != (half->v[next[i]][0] == 0))
                corner[half->v[i][0] == 0 ? i : next[i]] = 1;
        double wanted = vertices / 2.;
        for (int attempt = 0; attempt < 3 && !status; attempt++) {      /* the count is met by correcting the lengths */
            mn_trimesh_free(out);
            free(places);
            places = NULL;
            scale_sizes(half, edge, wanted);
            status = mn_remesh(half, edge, corner, ROUNDS, out, &places);
            if (!status) wanted *= vertices / 2. / out->nv;
        }
    }
    free(edge);
    free(texel);
    free(corner);
    free(next);
    free(places);
    return status;
}

static mn_status mirror(const mn_trimesh *half, mn_trimesh *out) {
    int *twin = malloc((size_t)(half->nv + 1) * sizeof *twin), nv = half->nv;
    if (!twin) return mn_fail(MN_ENOMEM, "no memory to mirror the skin");
    for (int i = 0; i < half->nv; i++) twin[i] = fabs(half->v[i][0]) < 1e-9 ? i : nv++;
    mn_status status = mn_trimesh_alloc(out, nv, 2 * half->nf, false);
    for (int i = 0; i < half->nv && !status; i++) {
        memcpy(out->v[i], half->v[i], sizeof out->v[i]);
        memcpy(out->v[twin[i]], half->v[i], sizeof out->v[i]);
        out->v[twin[i]][0] = twin[i] == i ? 0 : -half->v[i][0];
    }
    for (int i = 0; i < half->nf && !status; i++)
        for (int c = 0; c < 3; c++) {
            out->f[i][c] = half->f[i][c];
            out->f[half->nf + i][c] = twin[half->f[i][2 - c]];
        }
    free(twin);
    return status;
}

/* Every vertex's place on the source's triangles; positions become exact samples. */
static mn_status find_places(const mn_geometry *s, const mn_trimesh *skin, mn_headmesh *head) {
    mn_trimesh *m = &head->mesh, whole = { 0 };
    double (*normal)[3] = malloc((size_t)(m->nv + 1) * sizeof *normal);
    int *next = malloc((size_t)(m->nv + 1) * sizeof *next), euler;
    mn_near *near = mn_near_new(skin);
    head->place = calloc((size_t)m->nv + 1, sizeof *head->place);
    mn_status status = !normal || !next || !near || !head->place ? mn_fail(MN_ENOMEM, "no memory to place %d vertices", m->nv)
                                                                 : mn_trimesh_border(m, next, &euler);
    if (!status && euler != -2)
        status = mn_fail(MN_EFORMAT, "source head: the skin has Euler number %d, expected -2 (two eyes, a mouth and a neck)", euler);
    if (!status) status = mn_headfit_source_mesh(s, &whole);
    if (!status) {
        mn_trimesh_normals(m, normal);
        for (int i = 0; i < m->nv; i++) {
            mn_place on = mn_near_find(near, m->v[i], next[i] < 0 ? normal[i] : NULL);
            head->place[i] = mn_place_on_face(&whole, skin->tag[on.face], m->v[i]);
            mn_place_point(&whole, &head->place[i], m->v[i]);
        }
    }
    mn_trimesh_free(&whole);
    mn_near_free(near);
    free(normal);
    free(next);
    return status;
}

mn_status mn_headmesh_build(const mn_geometry *source, int vertices, mn_headmesh *head) {
    mn_trimesh skin = { 0 }, half = { 0 }, fine = { 0 };
    memset(head, 0, sizeof *head);
    mn_status status = take_skin(source, &skin);
    if (!status) status = mn_trimesh_clip(&skin, NECK_PLANE);
    if (!status) status = mn_trimesh_alloc(&half, skin.nv, skin.nf, true);
    if (!status) {
        memcpy(half.v, skin.v, (size_t)skin.nv * sizeof *half.v);
        memcpy(half.f, skin.f, (size_t)skin.nf * sizeof *half.f);
        memcpy(half.tag, skin.tag, (size_t)skin.nf * sizeof *half.tag);
        status = mn_trimesh_clip(&half, (double[]){ 1, 0, 0, 0 });
    }
    if (!status) status = remesh_half(source, &half, vertices, &fine);
    if (!status) status = mirror(&fine, &head->mesh);
    if (!status) status = find_places(source, &skin, head);
    if (!status) {
        head->n_skin = head->mesh.nv;
        head->n_skin_faces = head->mesh.nf;
        status = mn_headmesh_add_eyes(source, head);
    }
    mn_trimesh_free(&skin);
    mn_trimesh_free(&half);
    mn_trimesh_free(&fine);
    if (status) mn_headmesh_free(head);
    return status;
}
