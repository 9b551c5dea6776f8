/* ict.c -- the head model straight from an ICT-FaceKit checkout (github ICT-VGL/ICT-FaceKit, MIT licence, copyright 2020
 * USC Institute for Creative Technologies): FaceXModel/generic_neutral_mesh.obj, identity000.obj ..., one OBJ per unit.
 *
 * Which vertices are what, and the landmarks, are the tables of its README.  Left out are the inner irises, tear fluid, eye
 * blend and occlusion shells and the second and third molars.  Identity modes and expression units are the published meshes
 * minus the neutral one.  The README says nothing of joints; ours turn the neck and head about points inside the neck and
 * skull, the jaw about the axis that best fits the lower teeth under jawOpen, and each eyeball about its centre:
 *     root = s(-10.5, -15.5, y)      neck = s(-5, -11, y) (1 - root) (1 - chin)      s: smoothstep
 *     jaw  = the share of the rigid jaw's motion that jawOpen gives a vertex, of what is left; head = the rest
 * where chin keeps the neck's turn away from the throat below the jaw. */
#include "io/mesh.h"
#include "synth/hair.h"
#include "synth/head.h"
#include "synth/ict.h"
#include "synth/vec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_ROOM = 4096 };

const mn_ict_part mn_ict_parts[MN_ICT_PARTS] = {
    {0, 11247, MN_R_SKIN}, {11248, 13293, MN_R_CAVITY}, {13294, 14061, MN_R_SOCKET}, {14062, 17038, MN_R_GUMS},    /* and tongue */
    {17416, 18869, MN_R_TEETH}, {19602, 21095, MN_R_TEETH}, {21451, 22220, MN_R_EYEBALL}, {23021, 23790, MN_R_EYEBALL}, {25351, 26718, MN_R_LASHES}};

const int32_t mn_ict_landmarks[MN_HEAD_LANDMARKS] = {
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088, 3443, 268, 493, 1914, 2044, 1401, 3615,
    4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140, 2075, 1147, 4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756,
    3721, 3725, 3732, 5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216, 6207, 6470, 5517, 5966};

const float mn_ict_joints[MN_HEAD_JOINTS][3] = {{0, -19, -1.5f}, {0, -13, -1}, {0, -4.5f, -.3f}, {0, -.552f, 1.840f},
                                                {3.0944f, 3.6143f, 7.8657f}, {-3.0944f, 3.6143f, 7.8657f}};
const int32_t mn_ict_parents[MN_HEAD_JOINTS] = {-1, MN_J_ROOT, MN_J_NECK, MN_J_HEAD, MN_J_HEAD, MN_J_HEAD};
static const float JAW_OPENS = 25.4f;           /* degrees about x under jawOpen; the lower teeth fit within 0.015 cm */
static const float BALL_RADIUS = (float)MN_ICT_BALL_RADIUS;

bool mn_head_is_folder(const char *path) {
    struct stat info;
    return !stat(path, &info) && S_ISDIR(info.st_mode);
}

/* Vertices of FOLDER/FaceXModel/NAME.obj that are kept, [V,3]; mesh, if not NULL, receives the whole mesh (caller's scope). */
static mn_status read_shape(const char *folder, const char *name, const int32_t *kept, int n, float *out, mn_mesh *mesh) {
    char path[PATH_ROOM];
    mn_mesh own;
    if (snprintf(path, sizeof path, "%s/FaceXModel/%s.obj", folder, name) >= (int)sizeof path)
        return mn_fail(MN_EARG, "head model %.200s...: the path is too long", folder);
    mn_scope scope = mn_scope_open();
    mn_status status = mn_obj_read(path, mesh ? mesh : &own);
    const mn_mesh *read = mesh ? mesh : &own;
    if (!status && mn_dim(read->v, 0) != MN_ICT_VERTICES)
        status = mn_fail(MN_EFORMAT, "head model %s: %d vertices expected, found %lld", path, MN_ICT_VERTICES, (long long)mn_dim(read->v, 0));
    if (!status && mesh && !mesh->uv) status = mn_fail(MN_EFORMAT, "head model %s: texture coordinates expected, found none", path);
    for (int i = 0; !status && i < n; i++) memcpy(out + 3 * i, (float *)mn_data(read->v) + 3 * (size_t)kept[i], 3 * sizeof *out);
    if (mesh && !status)
        for (mn_tensor **t = (mn_tensor *[]){mesh->v, mesh->f, mesh->uv, mesh->fuv, NULL}; *t; t++) mn_retain(*t);
    mn_scope_close(scope);
    return status;
}

/* FOLDER/FaceXModel/NAME.obj minus the neutral face. */
static mn_status read_offsets(const char *folder, const char *name, const int32_t *kept, int n, const float *neutral, float *out) {
    mn_status status = read_shape(folder, name, kept, n, out, NULL);
    for (int i = 0; !status && i < 3 * n; i++) out[i] -= neutral[i];
    return status;
}

/* Triangles of which all corners are kept, renumbered. */
static void take_triangles(mn_geometry *g, const mn_mesh *mesh, const int32_t *place, int32_t *triangles, int32_t *uv_triangles) {
    const int32_t *f = mn_data(mesh->f), *t = mn_data(mesh->fuv);
    for (int64_t i = 0; i < mn_dim(mesh->f, 0); i++) {
        if (place[f[3 * i]] < 0 || place[f[3 * i + 1]] < 0 || place[f[3 * i + 2]] < 0) continue;
        for (int k = 0; k < 3; k++) triangles[3 * g->n_triangles + k] = place[f[3 * i + k]];
        memcpy(uv_triangles + 3 * g->n_triangles++, t + 3 * i, 3 * sizeof *t);
    }
}

/* Lips and brows stay plain skin: nothing asks for them. */
static uint8_t skin_region(const float *p) {
    if (mn_ear_box(p)) return MN_R_EARS;
    if (mn_hairline_distance(p, NULL) > 0) return MN_R_SCALP;
    return p[1] < -6 - .6f * p[2] ? MN_R_NECK : MN_R_SKIN;
}

static void pull_in_eyeballs(mn_geometry *g, float *vertices) {
    for (int i = 0; i < g->n_vertices; i++) {
        if (g->region[i] != MN_R_EYEBALL) continue;
        vec3 pivot = v3(mn_ict_joints[vertices[3 * i] > 0 ? MN_J_EYE_LEFT : MN_J_EYE_RIGHT]), d = v3_sub(v3(vertices + 3 * i), pivot);
        float r = sqrtf(v3_dot(d, d));
        if (r > BALL_RADIUS) v3_store(vertices + 3 * i, v3_mad(pivot, d, BALL_RADIUS / r));
    }
}

static void set_weights(const mn_geometry *g, float *weights) {
    float angle = JAW_OPENS * .017453292519943295f, c = cosf(angle), s = sinf(angle);
    const float *open = g->units + (size_t)mn_synth_unit("jawOpen") * 3 * (size_t)g->n_vertices;
    for (int i = 0; i < g->n_vertices; i++) {
        float *w = weights + MN_HEAD_JOINTS * (size_t)i;
        vec3 p = v3(g->vertices + 3 * i), d = v3_sub(p, v3(mn_ict_joints[MN_J_JAW]));
        memset(w, 0, MN_HEAD_JOINTS * sizeof *w);
        if (g->region[i] == MN_R_EYEBALL) { w[p.x > 0 ? MN_J_EYE_LEFT : MN_J_EYE_RIGHT] = 1; continue; }
        vec3 rigid = {0, d.y * (c - 1) - d.z * s, d.y * s + d.z * (c - 1)};
        float jaw = saturate(v3_dot(v3(open + 3 * i), rigid) / maxf(v3_dot(rigid, rigid), 1e-6f));
        bool inner = g->region[i] >= MN_R_TEETH && g->region[i] <= MN_R_CAVITY;
        float chin = inner ? 1 : smoothstep(3.8f, maxf(4.6f, -.6f - .9f * p.y), p.z);
        w[MN_J_ROOT] = smoothstep(-10.5f, -15.5f, p.y);
        w[MN_J_NECK] = smoothstep(-5, -11, p.y) * (1 - w[MN_J_ROOT]) * (1 - chin);
        float left = 1 - w[MN_J_ROOT] - w[MN_J_NECK];
        w[MN_J_JAW] = jaw * left;
        w[MN_J_HEAD] = (1 - jaw) * left;
    }
}

/* Kept vertices in their published order; place[published] = ours or -1. */
static int keep(int32_t *kept, int32_t *place, uint8_t *region) {
    int n = 0;
    for (int i = 0; i < MN_ICT_VERTICES; i++) place[i] = -1;
    for (int k = 0; k < MN_ICT_PARTS; k++)
        for (int i = mn_ict_parts[k].first; i <= mn_ict_parts[k].last; i++) {
            region[n] = mn_ict_parts[k].region;
            place[i] = n;
            kept[n++] = i;
        }
    return n;
}

static void *room(size_t n, size_t size) {
    void *p = calloc(n, size);
    if (!p) mn_fail(MN_ENOMEM, "head model: no memory for %zu x %zu bytes", n, size);
    return p;
}

static mn_status read_neutral(mn_geometry *g, const char *folder, const int32_t *kept, const int32_t *place) {
    mn_mesh mesh = {0};
    if (!(g->vertices = room((size_t)g->n_vertices, 3 * sizeof(float)))
        || read_shape(folder, "generic_neutral_mesh", kept, g->n_vertices, (float *)g->vertices, &mesh)) return mn_errcode();
    size_t F = (size_t)mn_dim(mesh.f, 0), T = (size_t)mn_dim(mesh.uv, 0);
    int32_t *triangles = room(F, 3 * sizeof *triangles), *uv_triangles = room(F, 3 * sizeof *uv_triangles);
    g->triangles = triangles;
    g->uv_triangles = uv_triangles;
    g->uv = room(T, 2 * sizeof(float));
    g->n_uv = (int)T;
    if (triangles && uv_triangles && g->uv) {
        memcpy((float *)g->uv, mn_data(mesh.uv), T * 2 * sizeof(float));
        take_triangles(g, &mesh, place, triangles, uv_triangles);
    }
    for (mn_tensor **t = (mn_tensor *[]){mesh.v, mesh.f, mesh.uv, mesh.fuv, NULL}; *t; t++) mn_release(*t);
    return mn_errcode();
}

static mn_status read_all(mn_geometry *g, const char *folder, const int32_t *kept, const int32_t *place) {
    size_t V = (size_t)g->n_vertices;
    float *units = room(MN_EXPR_UNITS * V, 3 * sizeof *units), *modes = room(MN_ICT_MODES * V, 3 * sizeof *modes), *weights = room(V, MN_HEAD_JOINTS * sizeof *weights);
    int32_t *weld = room(V, sizeof *weld), *landmarks = room(MN_HEAD_LANDMARKS, sizeof *landmarks), *parents = room(MN_HEAD_JOINTS, sizeof *parents);
    g->units = units;
    g->modes = modes;
    g->weights = weights;
    g->weld = weld;
    g->landmarks = landmarks;
    g->joint_parents = parents;
    g->joints = room(MN_HEAD_JOINTS, 3 * sizeof(float));
    g->n_modes = MN_ICT_MODES;
    if (!units || !modes || !weights || !weld || !landmarks || !parents || !g->joints || read_neutral(g, folder, kept, place)) return mn_errcode();
    for (int k = 0; k < MN_EXPR_UNITS; k++)
        if (read_offsets(folder, mn_synth_unit_name(k), kept, g->n_vertices, g->vertices, units + 3 * V * (size_t)k)) return mn_errcode();
    for (int k = 0; k < MN_ICT_MODES; k++) {
        char name[32];
        snprintf(name, sizeof name, "identity%03d", k);
        if (read_offsets(folder, name, kept, g->n_vertices, g->vertices, modes + 3 * V * (size_t)k)) return mn_errcode();
    }
    memcpy((float *)g->joints, mn_ict_joints, sizeof mn_ict_joints);
    memcpy(parents, mn_ict_parents, sizeof mn_ict_parents);
    for (int k = 0; k < MN_HEAD_LANDMARKS; k++) landmarks[k] = place[mn_ict_landmarks[k]];
    for (size_t i = 0; i < V; i++) {
        weld[i] = (int32_t)i;                           /* the published mesh has no seams */
        if (g->region[i] == MN_R_SKIN) ((uint8_t *)g->region)[i] = skin_region(g->vertices + 3 * i);
    }
    set_weights(g, weights);
    pull_in_eyeballs(g, (float *)g->vertices);
    return MN_OK;
}

mn_status mn_head_load_folder(mn_head *head, const char *folder) {
    memset(head, 0, sizeof *head);
    int32_t *kept = room(MN_ICT_VERTICES, sizeof *kept), *place = room(MN_ICT_VERTICES, sizeof *place);
    uint8_t *region = room(MN_ICT_VERTICES, 1);
    head->g.region = region;
    mn_status status = kept && place && region ? MN_OK : mn_errcode();
    if (!status) {
        head->g.n_vertices = keep(kept, place, region);
        status = read_all(&head->g, folder, kept, place);
    }
    if (!status) status = mn_head_prepare(head);
    if (!status) status = mn_head_prepare_lashes(head);
    free(kept);
    free(place);
    if (status) mn_head_free(head);
    return status;
}
