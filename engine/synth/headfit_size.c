/* headfit_size.c -- how fine mesh and texture should be, over the skin.
 *
 * Near a feature line (lids, lips, nose, brows, fold of the cheek: polylines through landmarks) the wanted length is a
 * small constant; away from it, it grows with distance up to a cap that depends on the region.  A last pass limits the
 * growth along mesh edges so that neighbouring triangles are alike in size. */
#include <math.h>
#include <stdlib.h>
#include "synth/headfit.h"

typedef struct feature {
    double edge, texel;          /* wanted lengths on the line */
    int n, mark[13];             /* landmarks; a loop repeats its first */
} feature;

static const feature FEATURES[] = {
    { .20, .55, 7, { 36, 37, 38, 39, 40, 41, 36 } }, { .20, .55, 7, { 42, 43, 44, 45, 46, 47, 42 } },                /* lids */
    { .22, .60, 9, { 60, 61, 62, 63, 64, 65, 66, 67, 60 } },                                                         /* lips */
    { .26, .65, 13, { 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 48 } },
    { .24, .75, 6, { 30, 31, 32, 33, 34, 35 } }, { .24, .75, 2, { 30, 35 } }, { .44, .9, 4, { 27, 28, 29, 30 } },                                    /* nose */
    { .40, .80, 5, { 17, 18, 19, 20, 21 } }, { .40, .80, 5, { 22, 23, 24, 25, 26 } },                                /* brows */
    { .42, .90, 2, { 31, 48 } }, { .42, .90, 2, { 35, 54 } },                                                        /* folds */
    { .75, 1.2, 13, { 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 } },                                                /* jaw */
};
static const double EDGE_GROWTH = .16, TEXEL_GROWTH = .10, EDGE_GRADE = .35, TEXEL_GRADE = .60;

static double cap_of(int region, bool texel) {
    switch (region) {
    case MN_R_SCALP: return texel ? 6.0 : 2.6;
    case MN_R_NECK:  return texel ? 5.0 : 2.2;
    case MN_R_EARS:  return texel ? 2.8 : .52;
    default:    return texel ? 1.5 : .92;
    }
}

static double to_segment(const double p[3], const float *a, const float *b) {
    double ab = 0, ap = 0, d = 0;
    for (int k = 0; k < 3; k++) { ab += (b[k] - a[k]) * (b[k] - a[k]); ap += (p[k] - a[k]) * (b[k] - a[k]); }
    double t = ab > 0 ? fmin(1, fmax(0, ap / ab)) : 0;
    for (int k = 0; k < 3; k++) { double x = p[k] - a[k] - t * (b[k] - a[k]); d += x * x; }
    return sqrt(d);
}

/* Lower values until none exceeds a neighbour's by more than grade times the edge. */
static void grade(const mn_trimesh *m, double *value, double most) {
    for (int sweep = 0, changed = 1; changed && sweep < 200; sweep++) {
        changed = 0;
        for (int i = 0; i < m->nf; i++)
            for (int c = 0; c < 6; c++) {
                int a = m->f[i][c % 3], b = m->f[i][(c % 3 + (c < 3 ? 1 : 2)) % 3];
                double d = 0;
                for (int k = 0; k < 3; k++) d += (m->v[a][k] - m->v[b][k]) * (m->v[a][k] - m->v[b][k]);
                double limit = value[b] + most * sqrt(d);
                if (value[a] > limit * (1 + 1e-9)) { value[a] = limit; changed = 1; }
            }
    }
}

mn_status mn_headfit_sizes(const mn_geometry *s, const mn_trimesh *skin, double *edge, double *texel) {
    uint8_t *region = calloc((size_t)skin->nv + 1, 1);
    if (!region) return mn_fail(MN_ENOMEM, "no memory for the size field");
    for (int i = 0; i < skin->nf; i++)                       /* the region of the source vertex nearest to each skin vertex */
        for (int c = 0; c < 3; c++) {
            const int32_t *f = s->triangles + 3 * skin->tag[i];
            const double *p = skin->v[skin->f[i][c]];
            double best = 1e300;
            for (int j = 0; j < 3; j++) {
                const float *q = s->vertices + 3 * f[j];
                double d = (p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) + (p[2] - q[2]) * (p[2] - q[2]);
                if (d < best) { best = d; region[skin->f[i][c]] = s->region[f[j]]; }
            }
        }
    for (int i = 0; i < skin->nv; i++) {
        edge[i] = cap_of(region[i], false);
        texel[i] = cap_of(region[i], true);
        for (size_t j = 0; j < sizeof FEATURES / sizeof *FEATURES; j++) {
            double d = 1e300;
            for (int k = 0; k + 1 < FEATURES[j].n; k++)
                d = fmin(d, to_segment(skin->v[i], s->vertices + 3 * s->landmarks[FEATURES[j].mark[k]], s->vertices + 3 * s->landmarks[FEATURES[j].mark[k + 1]]));
            edge[i] = fmin(edge[i], FEATURES[j].edge + EDGE_GROWTH * d);
            texel[i] = fmin(texel[i], FEATURES[j].texel + TEXEL_GROWTH * d);
        }
    }
    grade(skin, edge, EDGE_GRADE);
    grade(skin, texel, TEXEL_GRADE);
    free(region);
    return MN_OK;
}
