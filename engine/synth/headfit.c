/* headfit.c -- fits the head model and writes its file (layout in headfit.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "synth/headfit.h"

static const double ORIGIN[3] = MN_WORLD_ORIGIN, METRE = 100;     /* centimetres */
enum { MAX_TENSORS = 20 };

mn_headfit_options mn_headfit_options_default(void) {
    return (mn_headfit_options){ .vertices = 4300, .people = 3000, .expressions = 4000, .seed = 1 };
}

/* The tensors of the file, in order; they belong to the caller's scope. */
typedef struct sheaf { int n; const char *name[MAX_TENSORS]; mn_tensor *tensor[MAX_TENSORS]; } sheaf;

static mn_tensor *add(sheaf *s, const char *name, mn_tensor *t) {
    s->name[s->n] = name;
    s->tensor[s->n++] = t;
    return t;
}

static void add_doubles(sheaf *s, const char *name, mn_dtype dtype, int nd, const int64_t *shape, const double *src) {
    mn_tensor *t = mn_empty(MN_F32, nd, shape);
    for (int64_t i = 0; t && i < mn_count(t); i++) ((float *)mn_data(t))[i] = (float)src[i];
    add(s, name, t ? mn_cast(t, dtype) : NULL);
}

static void add_ints(sheaf *s, const char *name, int nd, const int64_t *shape, const int *src) {
    add(s, name, mn_from(MN_I32, nd, shape, src));
}

/* modes [m,V,3] in centimetres -> [V,3,m] in metres */
static void add_modes(sheaf *s, const char *name, int64_t nv, int m, const double *modes) {
    mn_tensor *t = mn_empty(MN_F32, 3, (int64_t[]){ nv, 3, m });
    for (int64_t i = 0; t && i < 3 * nv; i++)
        for (int j = 0; j < m; j++) ((float *)mn_data(t))[i * m + j] = (float)(modes[j * 3 * nv + i] / METRE);
    add(s, name, t ? mn_cast(t, MN_F16) : NULL);
}

static void add_mesh(sheaf *s, const mn_headmesh *head) {
    int64_t nv = head->mesh.nv, nf = head->mesh.nf, nt = head->nt;
    mn_tensor *v = add(s, "v_template", mn_empty(MN_F32, 2, (int64_t[]){ nv, 3 }));
    for (int64_t i = 0; v && i < 3 * nv; i++) ((float *)mn_data(v))[i] = (float)((head->mesh.v[i / 3][i % 3] - ORIGIN[i % 3]) / METRE);
    add_ints(s, "faces", 2, (int64_t[]){ nf, 3 }, head->mesh.f[0]);
    add_doubles(s, "uv", MN_F32, 2, (int64_t[]){ nt, 2 }, head->uv[0]);
    add_ints(s, "uv_faces", 2, (int64_t[]){ nf, 3 }, head->uv_faces[0]);
    add_ints(s, "eye_ranges", 2, (int64_t[]){ 2, 2 }, (int[]){ head->n_skin, head->n_eye, head->n_skin + head->n_eye, head->n_eye });
}

static mn_status add_rig(sheaf *s, const mn_geometry *source, const mn_headmesh *head) {
    int64_t nv = head->mesh.nv;
    double *numbers = malloc((size_t)nv * HEADFIT_JOINTS * sizeof *numbers), bary[MN_HEAD_LANDMARKS * 3];
    mn_place lmk[MN_HEAD_LANDMARKS];
    int face[MN_HEAD_LANDMARKS];
    mn_status status = !numbers ? mn_fail(MN_ENOMEM, "no memory for the rig") : mn_headmesh_joints(source, head, numbers);
    if (!status) {
        add_doubles(s, "J_regressor", MN_F16, 2, (int64_t[]){ HEADFIT_JOINTS, nv }, numbers);
        add_ints(s, "parents", 1, (int64_t[]){ HEADFIT_JOINTS }, (int[]){ -1, 0, 1, 1, 1 });
        status = mn_headmesh_weights(source, head, numbers);
    }
    if (!status) {
        add_doubles(s, "weights", MN_F16, 2, (int64_t[]){ nv, HEADFIT_JOINTS }, numbers);
        status = mn_headmesh_landmarks(source, head, lmk);
    }
    if (!status) {
        for (int i = 0; i < MN_HEAD_LANDMARKS; i++) {
            face[i] = lmk[i].face;
            memcpy(bary + 3 * i, lmk[i].bary, sizeof lmk[i].bary);
        }
        add_ints(s, "lmk_faces", 1, (int64_t[]){ MN_HEAD_LANDMARKS }, face);
        add_doubles(s, "lmk_bary", MN_F32, 2, (int64_t[]){ MN_HEAD_LANDMARKS, 3 }, bary);
    }
    free(numbers);
    return status;
}

/* The 57 unit names as a JSON list. */
static void unit_names(char *out, size_t size) {
    size_t n = 0;
    for (int i = 0; i < MN_EXPR_UNITS && n < size; i++)
        n += (size_t)snprintf(out + n, size - n, "%s\"%s\"%s", i ? ", " : "[", mn_synth_unit_name(i), i + 1 < MN_EXPR_UNITS ? "" : "]");
}

static mn_status save(const mn_geometry *source, const mn_headmesh *head, const mn_headmodes *modes, const mn_headfit_options *o, const char *path) {
    sheaf s = { 0 };
    mn_scope mark = mn_scope_open();
    char names[2048], samples[96];
    unit_names(names, sizeof names);
    snprintf(samples, sizeof samples, "%d people, %d expressions, seed %llu", o->people, o->expressions, (unsigned long long)o->seed);
    add_mesh(&s, head);
    add_modes(&s, "shapedirs", head->mesh.nv, HEADFIT_SHAPE, modes->shape);
    add_modes(&s, "exprdirs", head->mesh.nv, HEADFIT_EXPR, modes->expr);
    add_doubles(&s, "id_to_shape", MN_F32, 2, (int64_t[]){ HEADFIT_SHAPE, HEADFIT_SHAPE }, modes->id_to_shape);
    add_doubles(&s, "units_to_expr", MN_F32, 2, (int64_t[]){ MN_EXPR_UNITS, HEADFIT_EXPR }, modes->units_to_expr);
    mn_status status = add_rig(&s, source, head);
    for (int i = 0; i < s.n && !status; i++)
        if (!s.tensor[i]) status = mn_errcode();
    const char *meta[] = { "format", "mien head model 1", "units", "metre", "axes", "+x subject's left, +y up, +z out of the face", "unit_names", names,
                           "learned_from", samples, "source", "samples of ICT-FaceKit (MIT licence, copyright 2020 USC Institute for Creative Technologies)" };
    if (!status) status = mn_st_save(path, s.n, s.name, s.tensor, (int)(sizeof meta / sizeof *meta / 2), meta);
    mn_scope_close(mark);
    return status;
}

mn_status mn_headfit(const mn_synth *synth, const mn_headfit_options *options, const char *out_path, mn_headfit_report *report) {
    mn_headfit_options o = options ? *options : mn_headfit_options_default();
    if (o.vertices < 500 || o.vertices > 40000) return mn_fail(MN_EARG, "headfit: vertices should be 500..40000, found %d", o.vertices);
    const mn_geometry *source = mn_synth_geometry(synth);
    mn_headmesh head = { 0 };
    mn_headmodes modes = { 0 };
    mn_status status = mn_headmesh_build(source, o.vertices, &head);
    if (!status) status = mn_headmesh_unwrap(source, &head);
    if (!status) status = mn_headmodes_learn(synth, &head, o.people, o.expressions, o.seed, &modes);
    if (!status) status = save(source, &head, &modes, &o, out_path);
    if (!status && report) {
        *report = (mn_headfit_report){ .vertices = head.mesh.nv, .triangles = head.mesh.nf, .texture_vertices = head.nt, .stretch = head.stretch };
        memcpy(report->unit_error, modes.unit_error, sizeof report->unit_error);
    }
    mn_headmesh_free(&head);
    mn_headmodes_free(&modes);
    return status ? mn_fail_context("fitting the head model") : MN_OK;
}
