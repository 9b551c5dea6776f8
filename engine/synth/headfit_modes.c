/* headfit_modes.c -- shape and expression modes from samples of the source head.
 *
 * Identity: clipped normal coefficients on the source's first 40 modes, as person.h draws people.  Expression: random
 * mixtures, the named expressions and action units, single units, each for a random person (whose lids need their own
 * blink weight) and often with a gaze (which moves the lids).  Every sampled mesh is a combination of the source's rows
 * taken at our vertices, so pca.h works on the coefficients; the modes are those of the meshes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "synth/headfit.h"
#include "synth/pca.h"
#include "synth/person.h"

enum { FACES_FOR_BLINK = 128 };

void mn_headmodes_free(mn_headmodes *modes) {
    free(modes->shape);
    free(modes->expr);
    free(modes->id_to_shape);
    free(modes->units_to_expr);
    memset(modes, 0, sizeof *modes);
}

static double sampled_z(mn_rng *rng) { return MN_PERSON_SIGMA * fmin(MN_PERSON_LIMIT, fmax(-MN_PERSON_LIMIT, mn_rng_normal(rng))); }

static void sample_rows(const mn_geometry *g, const mn_headmesh *head, const float *field, int rows, double *out) {
    for (int k = 0; k < rows; k++)
        mn_headmesh_sample(g, head, field + (size_t)k * 3 * (size_t)g->n_vertices, 3, out + (size_t)k * 3 * (size_t)head->mesh.nv);
}

static mn_status learn_shape(const mn_geometry *g, const mn_headmesh *head, int people, mn_rng *rng, mn_headmodes *modes) {
    size_t D = 3 * (size_t)head->mesh.nv;
    double *z = malloc((size_t)people * HEADFIT_SHAPE * sizeof *z), *rows = malloc(HEADFIT_SHAPE * D * sizeof *rows);
    mn_status status = z && rows ? MN_OK : mn_fail(MN_ENOMEM, "no memory for %d sampled people", people);
    if (!status) {
        for (int i = 0; i < people * HEADFIT_SHAPE; i++) z[i] = sampled_z(rng);
        sample_rows(g, head, g->modes, HEADFIT_SHAPE, rows);
        status = mn_pca(people, HEADFIT_SHAPE, (int64_t)D, z, rows, HEADFIT_SHAPE, modes->shape, modes->id_to_shape, NULL);
    }
    free(z);
    free(rows);
    return status;
}

/* Blink scales (left, right) of random people. */
static mn_status sample_blinks(const mn_synth *synth, int n_vertices, mn_rng *rng, float (*scale)[2]) {
    float *neutral = malloc(3 * (size_t)n_vertices * sizeof *neutral), z[HEADFIT_SHAPE];
    mn_status status = neutral ? MN_OK : mn_fail(MN_ENOMEM, "no memory for a face");
    for (int i = 0; i < FACES_FOR_BLINK && !status; i++) {
        for (int k = 0; k < HEADFIT_SHAPE; k++) z[k] = (float)sampled_z(rng);
        status = mn_synth_neutral(synth, z, HEADFIT_SHAPE, neutral);
        if (!status) mn_synth_blink_scale(synth, neutral, scale[i]);
    }
    free(neutral);
    return status;
}

/* Sample i of expression weights; the kinds take turns. */
static mn_status sample_expression(int i, mn_rng *rng, float (*blink)[2], float w[MN_EXPR_UNITS]) {
    float gaze[2] = { 10 * (float)mn_rng_normal(rng), 7 * (float)mn_rng_normal(rng) };
    int kind = i % 4, names = 0;
    memset(w, 0, MN_EXPR_UNITS * sizeof *w);
    if (kind < 2) mn_expression_random(rng, w);
    else if (kind == 2) {
        while (mn_expression_name(names)) names++;
        const char *name = mn_expression_name((int)mn_rng_below(rng, names));
        if (mn_expression_named(name, .3f + .9f * (float)mn_rng_uniform(rng), w)) return mn_errcode();
    } else w[mn_rng_below(rng, MN_EXPR_UNITS)] = .3f + .9f * (float)mn_rng_uniform(rng);
    mn_expression_effective(blink[mn_rng_below(rng, FACES_FOR_BLINK)], i % 3 ? gaze : (float[]){ 0, 0 }, w, w);
    return MN_OK;
}

/* How far the code of each unit misses its offsets. */
static void measure_units(const double *rows, size_t D, mn_headmodes *modes) {
    for (int u = 0; u < MN_EXPR_UNITS; u++) {
        double worst = 0;
        for (size_t i = 0; i < D; i += 3) {
            double d = 0;
            for (size_t k = 0; k < 3; k++) {
                double x = rows[(size_t)u * D + i + k];
                for (int j = 0; j < HEADFIT_EXPR; j++) x -= modes->units_to_expr[u * HEADFIT_EXPR + j] * modes->expr[(size_t)j * D + i + k];
                d += x * x;
            }
            worst = fmax(worst, d);
        }
        modes->unit_error[u] = sqrt(worst);
    }
}

static mn_status learn_expression(const mn_synth *synth, const mn_headmesh *head, int samples, mn_rng *rng, mn_headmodes *modes) {
    const mn_geometry *g = mn_synth_geometry(synth);
    size_t D = 3 * (size_t)head->mesh.nv;
    double *w = malloc((size_t)samples * MN_EXPR_UNITS * sizeof *w), *rows = malloc(MN_EXPR_UNITS * D * sizeof *rows);
    float blink[FACES_FOR_BLINK][2], one[MN_EXPR_UNITS];
    mn_status status = w && rows ? sample_blinks(synth, g->n_vertices, rng, blink) : mn_fail(MN_ENOMEM, "no memory for %d expressions", samples);
    for (int i = 0; i < samples && !status; i++) {
        status = sample_expression(i, rng, blink, one);
        for (int k = 0; k < MN_EXPR_UNITS; k++) w[i * MN_EXPR_UNITS + k] = one[k];
    }
    if (!status) {
        sample_rows(g, head, g->units, MN_EXPR_UNITS, rows);
        status = mn_pca(samples, MN_EXPR_UNITS, (int64_t)D, w, rows, HEADFIT_EXPR, modes->expr, modes->units_to_expr, NULL);
    }
    if (!status) measure_units(rows, D, modes);
    free(w);
    free(rows);
    return status;
}

mn_status mn_headmodes_learn(const mn_synth *synth, const mn_headmesh *head, int people, int expressions, uint64_t seed, mn_headmodes *modes) {
    const mn_geometry *g = mn_synth_geometry(synth);
    size_t D = 3 * (size_t)head->mesh.nv;
    mn_rng of_people = mn_rng_seed(seed, 1), of_expressions = mn_rng_seed(seed, 2);
    memset(modes, 0, sizeof *modes);
    if (g->n_modes < HEADFIT_SHAPE) return mn_fail(MN_EARG, "headfit: the source head has %d identity modes, expected at least %d", g->n_modes, HEADFIT_SHAPE);
    if (people < HEADFIT_SHAPE || expressions < MN_EXPR_UNITS)
        return mn_fail(MN_EARG, "headfit: %d people and %d expressions are too few samples, expected at least %d and %d", people, expressions, HEADFIT_SHAPE, MN_EXPR_UNITS);
    modes->shape = malloc(HEADFIT_SHAPE * D * sizeof(double));
    modes->expr = malloc(HEADFIT_EXPR * D * sizeof(double));
    modes->id_to_shape = malloc(HEADFIT_SHAPE * HEADFIT_SHAPE * sizeof(double));
    modes->units_to_expr = malloc(MN_EXPR_UNITS * HEADFIT_EXPR * sizeof(double));
    mn_status status = modes->shape && modes->expr && modes->id_to_shape && modes->units_to_expr ? MN_OK : mn_fail(MN_ENOMEM, "no memory for the head's modes");
    if (!status) status = learn_shape(g, head, people, &of_people, modes);
    if (!status) status = learn_expression(synth, head, expressions, &of_expressions, modes);
    if (status) mn_headmodes_free(modes);
    return status;
}
