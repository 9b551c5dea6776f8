/* import_ict_facekit.c -- a checkout of ICT-FaceKit (the light ICT face model) as the head that synthetic people are made
 * from.  Layout written: engine/synth/head.h.  Units stay centimetres, +x the subject's left, +y up, +z forward.
 *
 * Read: FaceXModel/generic_neutral_mesh.obj, identity000..099.obj, and one OBJ for each expression unit; all share one
 * numbering.  Bases are differences to the neutral mesh.  Left out: inner iris discs, tear fluid, eye blend and occlusion
 * shells, second and third molars.  What the published files do not say is decided here:
 *
 *   eyes      pivot = middle of the sclera's bounding box in x and y, its back plus the mean of the half widths in z; the
 *             cornea bulges to 1.79 cm from there and would pierce closed lids: vertices are pulled in to 1.55 cm.
 *   jaw       rigid rotation about x that best moves the lower teeth to where jawOpen has them (25.4 degrees, 0.02 cm
 *             left over); a vertex's share s = <d,r> / <r,r>, clamped to 0..1, for its offset d under jawOpen and r
 *             under that rotation.
 *   neck      root to neck: smoothstep of y from -15.5 to -10.5; neck to head: smoothstep of y + 0.9 max(0, z - 4)
 *             from -11 to -5 (the chin overhangs the neck); the mouth's inside belongs to the head.
 *             The head's share is divided into jaw (s) and head (1 - s).
 *   regions   a label for each vertex, ict_regions.inc. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/import_internal.h"
#include "io/mesh.h"
#include "synth/ict.h"

static const struct { int first, label; } region_runs[] = {
#include "io/ict_regions.inc"
};

typedef struct head {
    int n;                              /* vertices kept */
    int32_t place[MN_ICT_VERTICES];     /* published number -> ours, or -1 */
    uint8_t region[MN_ICT_VERTICES];    /* by published number */
    mn_mesh neutral;
    mn_tensor *open;                    /* jawOpen's vertices */
    double pivot[2][3], jaw[2], turn;   /* eyes; the jaw's y and z, and its angle in jawOpen */
} head;

static void place_vertices(head *h) {
    memset(h->place, -1, sizeof h->place);
    for (int k = 0; k < MN_ICT_PARTS; k++)
        for (int i = mn_ict_parts[k].first; i <= mn_ict_parts[k].last; i++) h->place[i] = h->n++;
    for (int i = 0, run = 0; i < MN_ICT_VERTICES; i++) {
        while (run + 1 < (int)(sizeof region_runs / sizeof *region_runs) && region_runs[run + 1].first <= i) run++;
        h->region[i] = (uint8_t)region_runs[run].label;
    }
}

static mn_status read_mesh(import_job *job, const char *name, mn_mesh *mesh) {
    char path[1200];
    snprintf(path, sizeof path, "%.1000s/FaceXModel/%.80s.obj", job->files[0], name);
    if (mn_interrupted()) return mn_fail(MN_EINTR, "reading %s was interrupted", path);
    if (mn_obj_read(path, mesh)) return mn_errcode();
    if (mn_dim(mesh->v, 0) != MN_ICT_VERTICES) return mn_fail(MN_ESHAPE, "%s: expected the %d vertices of the light ICT face model, found %lld", path, MN_ICT_VERTICES, (long long)mn_dim(mesh->v, 0));
    return MN_OK;
}

/* Rows of the kept triangles, renumbered by `map`. */
static mn_tensor *kept_triangles(const head *h, mn_tensor *indices, const int32_t *map) {
    const int32_t *f = mn_data(h->neutral.f), *from = mn_data(indices);
    int64_t n = mn_dim(h->neutral.f, 0), m = 0;
    for (int64_t i = 0; i < n; i++) m += h->place[f[3 * i]] >= 0 && h->place[f[3 * i + 1]] >= 0 && h->place[f[3 * i + 2]] >= 0;
    mn_tensor *out = mn_empty(MN_I32, DIMS(m, 3));
    int32_t *to = out ? mn_data(out) : NULL;
    for (int64_t i = 0; out && i < n; i++)
        if (h->place[f[3 * i]] >= 0 && h->place[f[3 * i + 1]] >= 0 && h->place[f[3 * i + 2]] >= 0)
            for (int c = 0; c < 3; c++) *to++ = map[from[3 * i + c]];
    return out;
}

/* Texture points that no kept triangle uses are dropped. */
static mn_status add_surface(import_job *job, const head *h) {
    mn_tensor *uv = h->neutral.uv, *fuv = h->neutral.fuv;
    if (!uv || !fuv) return mn_fail(MN_EFORMAT, "generic_neutral_mesh.obj: expected texture coordinates, found none");
    int64_t n = mn_dim(uv, 0), m = 0;
    int32_t *map = malloc((size_t)(n + 1) * sizeof *map);
    if (!map) return mn_fail(MN_ENOMEM, "no memory for %lld texture points", (long long)n);
    const int32_t *f = mn_data(h->neutral.f), *t = mn_data(fuv);
    for (int64_t i = 0; i < n; i++) map[i] = -1;
    for (int64_t i = 0; i < mn_dim(h->neutral.f, 0); i++)
        for (int c = 0; c < 3 && h->place[f[3 * i]] >= 0; c++) map[t[3 * i + c]] = 0;
    for (int64_t i = 0; i < n; i++)
        if (!map[i]) map[i] = (int32_t)m++;
    mn_tensor *points = mn_empty(MN_F32, DIMS(m, 2));
    for (int64_t i = 0; points && i < n; i++)
        if (map[i] >= 0) memcpy((float *)mn_data(points) + 2 * map[i], (const float *)mn_data(uv) + 2 * i, 2 * sizeof(float));
    import_add(job, kept_triangles(h, h->neutral.f, h->place), "faces");
    import_add(job, points, "uv");
    mn_status s = import_add(job, kept_triangles(h, fuv, map), "uv_faces");
    free(map);
    return s;
}

static void find_eyes(head *h) {
    const float *v = mn_data(h->neutral.v);
    for (int e = 0; e < 2; e++) {
        double lo[3] = { 1e9, 1e9, 1e9 }, hi[3] = { -1e9, -1e9, -1e9 };
        for (int i = mn_ict_parts[MN_ICT_EYE_LEFT + e].first; i <= mn_ict_parts[MN_ICT_EYE_LEFT + e].last; i++)
            for (int c = 0; c < 3; c++) lo[c] = fmin(lo[c], v[3 * i + c]), hi[c] = fmax(hi[c], v[3 * i + c]);
        h->pivot[e][0] = (lo[0] + hi[0]) / 2, h->pivot[e][1] = (lo[1] + hi[1]) / 2;
        h->pivot[e][2] = lo[2] + (hi[0] - lo[0] + hi[1] - lo[1]) / 4;
    }
}

/* Least squares rotation in the plane x = 0 between the lower teeth at rest (a) and open (b), and its fixed point. */
static mn_status find_jaw(head *h) {
    const float *a = mn_data(h->neutral.v), *b = mn_data(h->open);
    const mn_ict_part *teeth = &mn_ict_parts[MN_ICT_LOWER_TEETH];
    double ca[2] = { 0 }, cb[2] = { 0 }, cross = 0, dot = 0, n = teeth->last - teeth->first + 1;
    for (int i = teeth->first; i <= teeth->last; i++)
        for (int c = 0; c < 2; c++) ca[c] += a[3 * i + 1 + c] / n, cb[c] += b[3 * i + 1 + c] / n;
    for (int i = teeth->first; i <= teeth->last; i++) {
        double ay = a[3 * i + 1] - ca[0], az = a[3 * i + 2] - ca[1], by = b[3 * i + 1] - cb[0], bz = b[3 * i + 2] - cb[1];
        cross += ay * bz - az * by, dot += ay * by + az * bz;
    }
    h->turn = atan2(cross, dot);
    double c = cos(h->turn), s = sin(h->turn), ty = cb[0] - (c * ca[0] - s * ca[1]), tz = cb[1] - (s * ca[0] + c * ca[1]), det = 2 - 2 * c;
    if (!(fabs(h->turn) > 0.05)) return mn_fail(MN_EFORMAT, "jawOpen.obj: expected the lower teeth to turn by about 25 degrees, found %.3f", h->turn * 180 / M_PI);
    h->jaw[0] = ((1 - c) * ty - s * tz) / det;                      /* (I - R) p = t */
    h->jaw[1] = (s * ty + (1 - c) * tz) / det;
    return MN_OK;
}

static double smoothstep(double from, double to, double x) {
    double t = fmin(1, fmax(0, (x - from) / (to - from)));
    return t * t * (3 - 2 * t);
}

static double jaw_share(const head *h, const float *v, const float *open) {
    double c = cos(h->turn), s = sin(h->turn), y = v[1] - h->jaw[0], z = v[2] - h->jaw[1];
    double ry = c * y - s * z - y, rz = s * y + c * z - z, len = ry * ry + rz * rz;
    double along = (open[1] - v[1]) * ry + (open[2] - v[2]) * rz;
    return len > 0 ? fmin(1, fmax(0, along / len)) : 0;
}

/* Rest vertices, labels, joints (root, neck, head, jaw, left and right eye) and their weights. */
static mn_status add_rest(import_job *job, const head *h) {
    const float *all = mn_data(h->neutral.v), *open = mn_data(h->open);
    float joints[MN_HEAD_JOINTS][3];
    memcpy(joints, mn_ict_joints, sizeof joints);
    for (int c = 0; c < 2; c++) joints[MN_J_JAW][1 + c] = (float)h->jaw[c];
    for (int c = 0; c < 3; c++) joints[MN_J_EYE_LEFT][c] = (float)h->pivot[0][c], joints[MN_J_EYE_RIGHT][c] = (float)h->pivot[1][c];
    mn_tensor *rest = mn_empty(MN_F32, DIMS(h->n, 3)), *region = mn_empty(MN_U8, DIMS(h->n)), *weights = mn_zeros(MN_F32, DIMS(h->n, MN_HEAD_JOINTS));
    mn_tensor *weld = mn_empty(MN_I32, DIMS(h->n)), *index = mn_empty(MN_I32, DIMS(h->n)), *lmk = mn_empty(MN_I32, DIMS(MN_HEAD_LANDMARKS));
    if (mn_errcode()) return mn_errcode();
    for (int i = 0; i < MN_ICT_VERTICES; i++) {
        int k = h->place[i], r = h->region[i];
        if (k < 0) continue;
        float *to = (float *)mn_data(rest) + 3 * k, *w = (float *)mn_data(weights) + MN_HEAD_JOINTS * k;
        memcpy(to, all + 3 * i, 3 * sizeof *to);
        ((uint8_t *)mn_data(region))[k] = (uint8_t)r;
        ((int32_t *)mn_data(index))[k] = i;
        ((int32_t *)mn_data(weld))[k] = k;          /* the kept surfaces have no seams: only lash roots touch the lids */
        if (r == MN_R_EYEBALL) {
            int e = i >= mn_ict_parts[MN_ICT_EYE_RIGHT].first;
            double d[3], len = 0;
            for (int c = 0; c < 3; c++) d[c] = all[3 * i + c] - h->pivot[e][c], len += d[c] * d[c];
            for (int c = 0; c < 3 && sqrt(len) > MN_ICT_BALL_RADIUS; c++) to[c] = (float)(h->pivot[e][c] + d[c] * MN_ICT_BALL_RADIUS / sqrt(len));
            w[4 + e] = 1;
            continue;
        }
        bool inside = r >= MN_R_TEETH && r <= MN_R_CAVITY;
        double x = jaw_share(h, all + 3 * i, open + 3 * i), y = all[3 * i + 1], z = all[3 * i + 2];
        double neck = inside ? 1 : smoothstep(-15.5, -10.5, y), top = inside ? 1 : smoothstep(-11, -5, y + 0.9 * fmax(0, z - 4));
        w[0] = (float)(1 - neck), w[1] = (float)(neck * (1 - top)), w[2] = (float)(neck * top * (1 - x)), w[3] = (float)(neck * top * x);
    }
    for (int i = 0; i < MN_HEAD_LANDMARKS; i++) ((int32_t *)mn_data(lmk))[i] = h->place[mn_ict_landmarks[i]];
    import_add(job, rest, "v_template");
    import_add(job, region, "region");
    import_add(job, weld, "weld");
    import_add(job, lmk, "lmk68");
    import_add(job, index, "orig_index");
    import_add(job, mn_from(MN_F32, DIMS(MN_HEAD_JOINTS, 3), joints), "joints");
    import_add(job, mn_from(MN_I32, DIMS(MN_HEAD_JOINTS), mn_ict_parents), "joint_parents");
    return import_add(job, mn_cast(weights, MN_F16), "lbs_weights");
}

/* Offsets of n meshes from the neutral one, [n,V,3] f16. */
static mn_tensor *offsets(import_job *job, const head *h, int n, const char *(*name)(int)) {
    mn_tensor *out = mn_empty(MN_F32, DIMS(n, h->n, 3));
    const float *neutral = mn_data(h->neutral.v);
    for (int k = 0; out && k < n && !mn_errcode(); k++) {
        mn_scope scope = mn_scope_open();
        mn_mesh mesh;
        if (!read_mesh(job, name(k), &mesh)) {
            const float *v = mn_data(mesh.v);
            float *to = (float *)mn_data(out) + 3 * (size_t)k * (size_t)h->n;
            for (int i = 0; i < MN_ICT_VERTICES; i++)
                for (int c = 0; c < 3 && h->place[i] >= 0; c++) to[3 * h->place[i] + c] = v[3 * i + c] - neutral[3 * i + c];
        }
        mn_scope_close(scope);
    }
    return mn_errcode() ? NULL : mn_cast(out, MN_F16);
}

static const char *identity_name(int k) {
    static _Thread_local char name[16];
    snprintf(name, sizeof name, "identity%03d", k);
    return name;
}

static mn_status add_names(import_job *job) {
    mn_text list = { 0 };
    for (int k = 0; k < MN_EXPR_UNITS; k++) mn_text_addf(&list, "%s\"%s\"", k ? ", " : "[", mn_synth_unit_name(k));
    mn_text_addf(&list, "]");
    mn_status s = list.failed ? mn_errcode() : import_meta(job, "expr_names", list.s);
    mn_text_free(&list);
    if (!s) s = import_meta(job, "region_names", "[\"skin\", \"lips\", \"brows\", \"eyeball\", \"teeth\", \"tongue\", \"gums\", \"mouth_cavity\", \"lashes\", \"scalp\", \"ears\", \"eye_socket\", \"neck_shoulders\"]");
    if (!s) s = import_meta(job, "joint_names", "[\"root\", \"neck\", \"head\", \"jaw\", \"eye_l\", \"eye_r\"]");
    if (!s) s = import_meta(job, "units", "cm");
    if (!s) s = import_meta(job, "axes", "+x subject left, +y up, +z forward (out of the face)");
    if (!s) s = import_meta(job, "source", "ICT-FaceKit, light ICT face model");
    return s ? s : import_meta(job, "licence", "MIT, Copyright (c) 2020 USC Institute for Creative Technologies");
}

static mn_status run(import_job *job) {
    head *h = calloc(1, sizeof *h);
    mn_mesh open;
    if (!h) return mn_fail(MN_ENOMEM, "no memory for a head");
    place_vertices(h);
    mn_status s = read_mesh(job, "generic_neutral_mesh", &h->neutral);
    if (!s) s = read_mesh(job, "jawOpen", &open);
    if (!s) {
        h->open = open.v;
        find_eyes(h);
        s = find_jaw(h);
    }
    if (!s) s = add_rest(job, h);
    if (!s) s = add_surface(job, h);
    if (!s) import_note(job, "reading %d identity modes and %d expressions", MN_ICT_MODES, MN_EXPR_UNITS);
    if (!s) s = import_add(job, offsets(job, h, MN_ICT_MODES, identity_name), "id_basis");
    if (!s) s = import_add(job, mn_full(MN_F32, DIMS(MN_ICT_MODES), 1), "id_std");         /* the modes are scaled to one standard deviation */
    if (!s) s = import_add(job, offsets(job, h, MN_EXPR_UNITS, mn_synth_unit_name), "expr_basis");
    free(h);
    return s ? s : add_names(job);
}

const mn_importer mn_importer_ict_facekit = { "ict-facekit", "a folder with a checkout of ICT-FaceKit", "the head that synthetic people are made from", 1, 1, run, NULL };
