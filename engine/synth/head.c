/* head.c -- loads the head model and prepares what drawing needs; layout in head.h.
 *
 * Everything read is checked: shapes against each other, indices and numbers against their range,
 * because a wrong index in a file would otherwise be a wild read in the rasteriser. */
#include "synth/head.h"
#include "synth/vec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const float mn_head_centre[3] = {0, 5.2f, .8f};
static const float LARGEST = 1e5f;                                  /* of all numbers in a file; centimetres and the like */

/* A malloc'ed copy of one tensor, converted to dtype; shape entries < 0 accept any length and receive it. */
static void *fetch(mn_st *st, const char *path, const char *name, mn_dtype dtype, int nd, int64_t *shape) {
    mn_scope scope = mn_scope_open();
    void *copy = NULL;
    mn_tensor *t = mn_st_get(st, name);
    if (!t) goto done;
    bool fits = mn_ndim(t) == nd;
    for (int k = 0; fits && k < nd; k++) fits = shape[k] < 0 || shape[k] == mn_dim(t, k);
    if (!fits) {
        mn_fail(MN_ESHAPE, "head model %s: tensor '%s' has shape %s, which does not fit the tensors before it", path, name, mn_shape_text(t));
        goto done;
    }
    bool integer = dtype == MN_I32 || dtype == MN_U8;
    if (integer ? mn_dtype_of(t) != dtype : mn_dtype_of(t) == MN_I32 || mn_dtype_of(t) == MN_U8) {
        mn_fail(MN_EDTYPE, "head model %s: tensor '%s' should hold %s, found %s", path, name, mn_dtype_name(dtype), mn_dtype_name(mn_dtype_of(t)));
        goto done;
    }
    if (!(t = mn_cast(t, dtype))) goto done;
    for (int k = 0; k < nd; k++) shape[k] = mn_dim(t, k);
    size_t bytes = (size_t)mn_count(t) * mn_dtype_size(dtype);
    if (!(copy = malloc(bytes ? bytes : 1))) { mn_fail(MN_ENOMEM, "head model %s: no memory for '%s' (%zu bytes)", path, name, bytes); goto done; }
    memcpy(copy, mn_data(t), bytes);
    if (dtype == MN_F32)
        for (size_t i = 0; i < bytes / sizeof(float); i++)
            if (!(fabsf(((float *)copy)[i]) <= LARGEST)) {
                mn_fail(MN_EFORMAT, "head model %s: tensor '%s' holds %g at %zu, numbers from -%g to %g expected", path, name, (double)((float *)copy)[i], i,
                        (double)LARGEST, (double)LARGEST);
                free(copy);
                copy = NULL;
                break;
            }
done:
    mn_scope_close(scope);
    return copy;
}

static mn_status check_range(const char *path, const char *name, const int32_t *a, int64_t n, int limit) {
    for (int64_t i = 0; i < n; i++)
        if (a[i] < 0 || a[i] >= limit)
            return mn_fail(MN_EFORMAT, "head model %s: '%s' holds %d at %lld, expected 0..%d", path, name, a[i], (long long)i, limit - 1);
    return MN_OK;
}

/* The units must be ours, in our order: recipes address them by number. */
static mn_status check_unit_names(mn_st *st, const char *path) {
    const char *at = mn_st_meta(st, "expr_names");
    if (!at) return mn_fail(MN_EFORMAT, "head model %s: metadata 'expr_names' is missing", path);
    for (int k = 0; k < MN_EXPR_UNITS; k++) {
        char quoted[64];
        snprintf(quoted, sizeof quoted, "\"%s\"", mn_synth_unit_name(k));
        const char *next = strchr(at, '"');
        if (!next || strncmp(next, quoted, strlen(quoted)))
            return mn_fail(MN_EFORMAT, "head model %s: expr_names: entry %d should be %s, found %.24s", path, k, quoted, next ? next : "the end");
        at = next + strlen(quoted);
    }
    return MN_OK;
}

mn_status mn_head_load(mn_head *head, const char *path) {
    memset(head, 0, sizeof *head);
    mn_st *st = mn_st_open(path);
    if (!st) return mn_errcode();
    mn_geometry *g = &head->g;
    int64_t V[] = {-1, 3}, F[] = {-1, 3}, T[] = {-1, 2}, K[] = {-1}, J[] = {MN_HEAD_JOINTS, 3};
    float *std = NULL;
    if (!(g->vertices = fetch(st, path, "v_template", MN_F32, 2, V)) || !(g->triangles = fetch(st, path, "faces", MN_I32, 2, F))
        || !(g->uv = fetch(st, path, "uv", MN_F32, 2, T)) || !(g->uv_triangles = fetch(st, path, "uv_faces", MN_I32, 2, F))
        || !(g->region = fetch(st, path, "region", MN_U8, 1, V)) || !(g->weld = fetch(st, path, "weld", MN_I32, 1, V))
        || !(g->landmarks = fetch(st, path, "lmk68", MN_I32, 1, (int64_t[]){MN_HEAD_LANDMARKS}))
        || !(g->joints = fetch(st, path, "joints", MN_F32, 2, J)) || !(g->joint_parents = fetch(st, path, "joint_parents", MN_I32, 1, J))
        || !(g->weights = fetch(st, path, "lbs_weights", MN_F32, 2, (int64_t[]){V[0], MN_HEAD_JOINTS}))
        || !(std = fetch(st, path, "id_std", MN_F32, 1, K))
        || !(g->modes = fetch(st, path, "id_basis", MN_F32, 3, (int64_t[]){K[0], V[0], 3}))
        || !(g->units = fetch(st, path, "expr_basis", MN_F32, 3, (int64_t[]){MN_EXPR_UNITS, V[0], 3}))
        || check_unit_names(st, path)) goto failed;
    if (V[0] > INT32_MAX / (3 * MN_HEAD_JOINTS) || F[0] > INT32_MAX / 9 || T[0] > INT32_MAX / 2 || V[0] < 1 || F[0] < 1) {
        mn_fail(MN_EFORMAT, "head model %s: %lld vertices and %lld triangles are out of range", path, (long long)V[0], (long long)F[0]);
        goto failed;
    }
    g->n_vertices = (int)V[0];
    g->n_triangles = (int)F[0];
    g->n_uv = (int)T[0];
    g->n_modes = (int)K[0];
    for (int k = 0; k < g->n_modes; k++)
        for (int64_t i = 0; i < 3 * V[0]; i++) ((float *)g->modes)[k * 3 * V[0] + i] *= std[k];
    if (check_range(path, "faces", g->triangles, 3 * F[0], g->n_vertices) || check_range(path, "uv_faces", g->uv_triangles, 3 * F[0], g->n_uv)
        || check_range(path, "weld", g->weld, V[0], g->n_vertices) || check_range(path, "lmk68", g->landmarks, MN_HEAD_LANDMARKS, g->n_vertices))
        goto failed;
    for (int i = 0; i < g->n_vertices; i++)
        if (g->region[i] >= MN_REGIONS) { mn_fail(MN_EFORMAT, "head model %s: 'region' holds %d at %d, expected 0..%d", path, g->region[i], i, MN_REGIONS - 1); goto failed; }
    for (int j = 0; j < MN_HEAD_JOINTS; j++)
        if (g->joint_parents[j] >= j || g->joint_parents[j] < -1) { mn_fail(MN_EFORMAT, "head model %s: joint %d has parent %d, expected an earlier joint", path, j, g->joint_parents[j]); goto failed; }
    if (mn_head_prepare(head) || mn_head_prepare_lashes(head)) goto failed;
    free(std);
    mn_st_close(st);
    return MN_OK;
failed:
    free(std);
    mn_st_close(st);
    mn_head_free(head);
    return mn_errcode();
}

void mn_head_free(mn_head *head) {
    mn_geometry *g = &head->g;
    const void *all[] = {g->vertices, g->triangles, g->uv, g->uv_triangles, g->region, g->weld, g->landmarks, g->joints, g->joint_parents,
                         g->weights, g->modes, g->units, head->triangles, head->material, head->corner_uv, head->skin_triangles,
                         head->skin_vertices, head->inner_colour, head->eye_coord, head->ball[0], head->ball[1], head->lash,
                         head->lash_pair, head->lash_length};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free((void *)all[k]);
    memset(head, 0, sizeof *head);
}

/* ---- what drawing needs ------------------------------------------------- */

static uint8_t material_of(const uint8_t *region, const int32_t *t) {
    uint8_t first = region[t[0]];
    if (first == MN_R_EYEBALL) return MN_MAT_EYE;
    if (first == MN_R_TEETH) return MN_MAT_TEETH;
    if (first == MN_R_GUMS || first == MN_R_TONGUE) return MN_MAT_FLESH;
    bool cavity = first == MN_R_CAVITY && region[t[1]] == MN_R_CAVITY && region[t[2]] == MN_R_CAVITY;
    return cavity ? MN_MAT_FLESH : MN_MAT_SKIN;     /* the lip's inner rim still shades as skin */
}

/* Mouth and teeth: one colour per region, darker the further behind the lips. */
static void paint_inner_parts(mn_head *head) {
    static const float CAVITY[3] = {.1177f, .0182f, .0165f}, GUMS[3] = {.6038f, .1706f, .1626f}, TEETH[3] = {.8481f, .7874f, .6559f};
    const mn_geometry *g = &head->g;
    float lips = 0;
    for (int k = 48; k < 60; k++) lips += g->vertices[3 * g->landmarks[k] + 2] / 12;
    for (int i = 0; i < g->n_vertices; i++) {
        uint8_t r = g->region[i];
        const float *c = r == MN_R_CAVITY ? CAVITY : r == MN_R_GUMS || r == MN_R_TONGUE ? GUMS : r == MN_R_TEETH ? TEETH : NULL;
        float light = .12f + .88f * smoothstep(-6.5f, -1.2f, g->vertices[3 * i + 2] - lips);
        for (int k = 0; c && k < 3; k++) head->inner_colour[3 * i + k] = c[k] * light;
    }
}

mn_status mn_head_prepare(mn_head *head) {
    mn_geometry *g = &head->g;
    size_t V = (size_t)g->n_vertices, F = (size_t)g->n_triangles;
    head->triangles = malloc(F * 3 * sizeof(int32_t));
    head->material = malloc(F);
    head->corner_uv = malloc(F * 6 * sizeof(float));
    head->skin_triangles = malloc(F * 3 * sizeof(int32_t));
    head->skin_vertices = malloc(V * sizeof(int32_t));
    head->inner_colour = calloc(V * 3, sizeof(float));
    head->eye_coord = calloc(V * 3, sizeof(float));
    for (int side = 0; side < 2; side++) head->ball[side] = malloc(V * sizeof(int32_t));
    uint8_t *used = calloc(V, 1);
    if (!head->triangles || !head->material || !head->corner_uv || !head->skin_triangles || !head->skin_vertices || !head->inner_colour
        || !head->eye_coord || !head->ball[0] || !head->ball[1] || !used) {
        free(used);
        return mn_fail(MN_ENOMEM, "head model: no memory for a mesh of %zu vertices", V);
    }
    for (size_t i = 0; i < F; i++) {
        const int32_t *t = g->triangles + 3 * i;
        if (g->region[t[0]] == MN_R_LASHES) continue;               /* lashes are drawn as strands */
        int n = head->n_triangles++;
        memcpy(head->triangles + 3 * n, t, 3 * sizeof *t);
        head->material[n] = material_of(g->region, t);
        for (int k = 0; k < 3; k++) {
            const float *uv = g->uv + 2 * g->uv_triangles[3 * i + k];
            /* tiles beyond the second (gums, teeth) are not textured */
            head->corner_uv[6 * n + 2 * k] = uv[0] * .5f > 1 ? 0 : uv[0] * .5f;
            head->corner_uv[6 * n + 2 * k + 1] = uv[1];
        }
        if (head->material[n] != MN_MAT_SKIN) continue;
        memcpy(head->skin_triangles + 3 * head->n_skin_triangles++, t, 3 * sizeof *t);
        for (int k = 0; k < 3; k++) used[t[k]] = 1;
    }
    for (int i = 0; i < g->n_vertices; i++) {
        if (used[i]) head->skin_vertices[head->n_skin_vertices++] = i;
        if (g->region[i] != MN_R_EYEBALL || g->vertices[3 * i] == 0) continue;
        int side = g->vertices[3 * i] < 0;
        head->ball[side][head->n_ball[side]++] = i;
        vec3 pivot = v3(g->joints + 3 * (MN_J_EYE_LEFT + side));
        v3_store(head->eye_coord + 3 * i, v3_unit(v3_sub(v3(g->vertices + 3 * i), pivot)));
    }
    free(used);
    if (!head->n_ball[0] || !head->n_ball[1] || !head->n_skin_triangles)
        return mn_fail(MN_EFORMAT, "head model: expected skin and two eyeballs, found %d skin triangles and %d + %d eyeball vertices",
                       head->n_skin_triangles, head->n_ball[0], head->n_ball[1]);
    paint_inner_parts(head);
    return MN_OK;
}
