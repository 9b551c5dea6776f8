/* synth.c -- opening and closing a synthesiser, and its view of the head model.  See synth.h. */
#include "synth/internal.h"
#include <stdlib.h>

static const mn_synth_options DEFAULTS = {.texture_width = 1024, .strands = 6500, .pattern = 20};

/* What hair grows on, and how it gets from there to a person's head. */
static mn_status prepare_hair(mn_synth *synth) {
    const mn_head *head = &synth->head;
    const mn_synth_options *o = &synth->options;
    mn_status status = MN_OK;
    for (int k = 0; !status && k < MN_HAIR_STYLES; k++) status = mn_hair_plan_make(&synth->plan[k], head, k, o->strands, o->pattern);
    if (status) return status;
    synth->skin_normals = malloc((size_t)head->g.n_vertices * 3 * sizeof(float));
    if (!synth->skin_normals) return mn_fail(MN_ENOMEM, "synth: no memory for %d normals", head->g.n_vertices);
    mn_head_skin_normals(head, head->g.vertices, synth->skin_normals);
    synth->skin_height = mn_skin_height_new(head, synth->skin_normals);
    return synth->skin_height ? mn_hair_fit_make(&synth->fit, head, synth->skin_normals) : mn_errcode();
}

mn_synth *mn_synth_open(const char *path, const mn_synth_options *options) {
    const mn_synth_options o = options ? *options : DEFAULTS;
    if (o.texture_width < 64 || o.texture_width > 8192 || o.texture_width % 2) {
        mn_fail(MN_EARG, "synth: texture_width should be even, 64..8192, found %d", o.texture_width);
        return NULL;
    }
    if (o.strands < 0 || o.strands > 200000) {
        mn_fail(MN_EARG, "synth: strands should be 0..200000, found %d", o.strands);
        return NULL;
    }
    mn_synth *synth = calloc(1, sizeof *synth);
    if (!synth) {
        mn_fail(MN_ENOMEM, "synth: no memory to open %s", path);
        return NULL;
    }
    synth->options = o;
    mn_status status = mn_head_is_folder(path) ? mn_head_load_folder(&synth->head, path) : mn_head_load(&synth->head, path);
    if (!status) status = mn_skin_fields_make(&synth->skin, &synth->head, o.texture_width, o.texture_width / 2, o.pattern);
    if (!status) status = prepare_hair(synth);
    if (status) {
        mn_synth_close(synth);
        return NULL;
    }
    return synth;
}

void mn_synth_close(mn_synth *synth) {
    if (!synth) return;
    mn_head_free(&synth->head);
    mn_skin_fields_free(&synth->skin);
    for (int k = 0; k < MN_HAIR_STYLES; k++) mn_hair_plan_free(&synth->plan[k]);
    mn_hair_fit_free(&synth->fit);
    mn_skin_height_free(synth->skin_height);
    free(synth->skin_normals);
    free(synth);
}

mn_synth_options mn_synth_options_default(void) { return DEFAULTS; }

const mn_geometry *mn_synth_geometry(const mn_synth *synth) { return &synth->head.g; }

mn_status mn_synth_neutral(const mn_synth *synth, const float *z, int n, float *out) {
    if (n < 0 || n > synth->head.g.n_modes)
        return mn_fail(MN_EARG, "synth: the head has %d identity modes, %d numbers given", synth->head.g.n_modes, n);
    mn_head_neutral(&synth->head, z, n, out);
    return MN_OK;
}

void mn_synth_blink_scale(const mn_synth *synth, const float *neutral, float scale[2]) {
    mn_head_blink_scale(&synth->head, neutral, scale);
}

void mn_synth_pose(const mn_synth *synth, const float *neutral, const float effective[MN_EXPR_UNITS],
                   const float head[3], const float gaze[2], float *out, float skull[12]) {
    mn_head_pose(&synth->head, neutral, effective, head, gaze, out, skull);
}
