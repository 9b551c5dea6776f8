/* skin_fields.c -- masks and noise of every texel of the skin texture, the same for all people (skin.h).
 *
 * Lips and lid rims are distances to Catmull-Rom curves through landmarks, brows have coordinates (across, along) a
 * landmark polyline, redder and darker places are Gaussian blobs, the beard is bounded by curves below the nose. */
#include "synth/curves.h"
#include "synth/hair.h"
#include "synth/noise.h"
#include "synth/skin.h"
#include "synth/vec.h"
#include <stdlib.h>
#include <string.h>

enum { GUTTER = 6, STEPS = 6 };         /* texels painted beyond the UV islands; curve points per landmark */

/* The template's landmarks and the curves made from them. */
typedef struct face_map {
    vec3 mark[MN_HEAD_LANDMARKS];
    float lips[2 * 12 * STEPS], lid[2][2 * 6 * STEPS], brow[2][2 * (4 * STEPS + 1)];
    vec3 eye[2], cheek[2];
    float mouth_y, mouth_z, parting_y;
} face_map;

static void map_curve(const face_map *m, int first, int step, int n, bool closed, float *out) {
    float flat[2 * 12];
    for (int k = 0; k < n; k++) {
        flat[2 * k] = m->mark[first + k * step].x;
        flat[2 * k + 1] = m->mark[first + k * step].y;
    }
    mn_catmull_rom(flat, n, STEPS, closed, out);
}

static vec3 mean_mark(const face_map *m, int first, int n) {
    vec3 sum = {0, 0, 0};
    for (int k = 0; k < n; k++) sum = v3_mad(sum, m->mark[first + k], 1.f / (float)n);
    return sum;
}

static void make_map(face_map *m, const mn_head *head) {
    for (int k = 0; k < MN_HEAD_LANDMARKS; k++) m->mark[k] = v3(head->g.vertices + 3 * head->g.landmarks[k]);
    map_curve(m, 48, 1, 12, true, m->lips);
    map_curve(m, 36, 1, 6, true, m->lid[0]);
    map_curve(m, 42, 1, 6, true, m->lid[1]);
    map_curve(m, 17, 1, 5, false, m->brow[0]);          /* both from the temple inwards */
    map_curve(m, 26, -1, 5, false, m->brow[1]);
    m->eye[0] = mean_mark(m, 36, 4);
    m->eye[1] = mean_mark(m, 42, 4);
    m->mouth_y = mean_mark(m, 48, 12).y;
    m->mouth_z = (m->mark[48].z + m->mark[54].z) / 2;
    m->parting_y = (m->mark[60].y + m->mark[64].y) / 2;
    float between = fabsf(m->mark[36].x - m->mark[45].x);
    for (int side = 0; side < 2; side++)
        m->cheek[side] = (vec3){(side ? .53f : -.53f) * between, (m->mark[33].y + m->mark[29].y) / 2 - .2f, m->mark[48].z - .6f};
}

/* ---- the texels' places ------------------------------------------------- */

static void raster_uv(const mn_head *head, int width, int height, float *place, uint8_t *covered) {
    for (int i = 0; i < head->n_triangles; i++) {
        if (head->material[i] != MN_MAT_SKIN) continue;
        const float *uv = head->corner_uv + 6 * i;
        float x[3], y[3];
        for (int k = 0; k < 3; k++) {
            x[k] = uv[2 * k] * (float)width - .5f;
            y[k] = (1 - uv[2 * k + 1]) * (float)height - .5f;
        }
        float area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0]);
        if (!(fabsf(area) > 0)) continue;
        float right = (float)width, down = (float)height;               /* clamped before the conversion to int, which is undefined for large floats */
        int x0 = (int)clampf(ceilf(minf(x[0], minf(x[1], x[2]))), 0, right), x1 = (int)clampf(floorf(maxf(x[0], maxf(x[1], x[2]))), -1, right - 1);
        int y0 = (int)clampf(ceilf(minf(y[0], minf(y[1], y[2]))), 0, down), y1 = (int)clampf(floorf(maxf(y[0], maxf(y[1], y[2]))), -1, down - 1);
        for (int v = y0; v <= y1; v++)
            for (int u = x0; u <= x1; u++) {
                float a = ((x[1] - (float)u) * (y[2] - (float)v) - (y[1] - (float)v) * (x[2] - (float)u)) / area;
                float b = ((x[2] - (float)u) * (y[0] - (float)v) - (y[2] - (float)v) * (x[0] - (float)u)) / area, c = 1 - a - b;
                if (a < 0 || b < 0 || c < 0) continue;
                const int32_t *t = head->triangles + 3 * i;
                vec3 p = v3_scale(v3(head->g.vertices + 3 * t[0]), a);
                p = v3_mad(v3_mad(p, v3(head->g.vertices + 3 * t[1]), b), v3(head->g.vertices + 3 * t[2]), c);
                v3_store(place + 3 * (v * width + u), p);
                covered[v * width + u] = 1;
            }
    }
}

/* Spreads the islands by one texel in one direction; NEW marks what was added, so that a pass adds one texel only. */
static void spread(int width, int height, int dx, int dy, float *place, uint8_t *covered) {
    enum { NEW = 2 };
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int u = x - dx, v = y - dy, to = y * width + x, from = v * width + u;
            if (covered[to] || u < 0 || v < 0 || u >= width || v >= height || covered[from] != 1) continue;
            memcpy(place + 3 * to, place + 3 * from, 3 * sizeof *place);
            covered[to] = NEW;
        }
    for (int i = 0; i < width * height; i++) if (covered[i]) covered[i] = 1;
}

/* ---- masks -------------------------------------------------------------- */

static float lip_depth(const face_map *m, vec3 p) {
    if (p.z <= 4 || fabsf(p.x) >= 6 || fabsf(p.y - m->mouth_y) >= 4 || p.z <= m->mouth_z - 1.6f) return -9;
    float d = mn_polyline_distance(m->lips, 12 * STEPS, true, p.x, p.y, NULL, NULL);
    return mn_inside_polygon(m->lips, 12 * STEPS, p.x, p.y) ? d : -d;
}

/* Distance from the nearer lid rim (0 inside it, 9 far away); *up: height over that eye's middle. */
static float lid_distance(const face_map *m, vec3 p, float *up) {
    float best = 9;
    *up = 0;
    for (int side = 0; side < 2 && p.z > 4; side++) {
        vec3 middle = mean_mark(m, side ? 42 : 36, 6);
        if (fabsf(p.x - middle.x) >= 3.2f || fabsf(p.y - middle.y) >= 2.4f) continue;
        float d = mn_polyline_distance(m->lid[side], 6 * STEPS, true, p.x, p.y, NULL, NULL);
        best = mn_inside_polygon(m->lid[side], 6 * STEPS, p.x, p.y) ? 0 : minf(best, d);
        *up = p.y - middle.y;
    }
    return best;
}

static float beard_mask(const face_map *m, vec3 p, float lip, bool ear) {
    float x = fabsf(p.x), chin = m->mark[8].y;
    /* drops around the mouth, rises to the sideburns */
    float upper = m->mark[33].y - .5f + .42f * clampf(x - 2.2f, 0, 9) - expf(-((x - 4.6f) / 1.5f) * ((x - 4.6f) / 1.5f));
    float mask = smoothstep(.6f, -.5f, p.y - upper) * smoothstep(chin - 3.5f, chin - 1.5f, p.y);
    return ear ? 0 : mask * smoothstep(m->mark[2].z - 1.6f, m->mark[2].z + .2f, p.z) * (1 - lip);
}

static void fill_texel(const face_map *m, const float at[3], uint32_t pattern, mn_texel *t) {
    static const float TINT[3][3] = {{.88f, .84f, .82f}, {1.02f, .90f, .88f}, {.96f, .91f, .89f}}, AMOUNT[3] = {.35f, .5f, .5f};
    vec3 p = v3(at);
    bool ear = mn_ear_box(at);
    float depth = lip_depth(m, p), up, lid = lid_distance(m, p, &up);
    /* from blotches (4 cm) to pores (0.06 cm) */
    float mottle[5] = {mn_noise3(at, .25f, 0, 3), mn_noise3(at, 1.2f, 1, 3), mn_noise3(at, 4, 2, 2), mn_noise3(at, 9, 3, 2), mn_noise3(at, 16, 4, 1)};
    for (int c = 0; c < 3; c++) {
        t->mottle[c] = 1;
        for (int k = 0; k < 3; k++) t->mottle[c] *= 1 - AMOUNT[k] * mottle[k] * (1 - TINT[k][c]);
    }
    t->pores = 1 - .05f * (mottle[4] - .5f);
    /* places with more or less blood */
    vec3 chin = v3_add(m->mark[8], (vec3){0, .6f, 0});
    float cheek = blob(p, m->cheek[0], 2.3f, 1.8f, 4) + blob(p, m->cheek[1], 2.3f, 1.8f, 4);
    t->cheek = cheek * (.6f + .8f * mottle[1]);
    t->nose = blob(p, m->mark[30], 1.4f, 1.2f, 1.6f);
    t->chin = blob(p, chin, 1.8f, 1.2f, 2.5f);
    t->ears = mn_ear_soft(at);
    for (int side = 0; side < 2; side++) {
        t->under_eye += blob(p, v3_add(m->eye[side], (vec3){0, -1.35f, 0}), 1.9f, .7f, 2.5f);
        t->socket += blob(p, v3_add(m->eye[side], (vec3){0, .8f, 0}), 2.1f, 1, 2.5f);
    }
    t->shadow = (up > 0 ? 1 : .15f) * smoothstep(.95f, .1f, lid);
    t->rim = smoothstep(.22f, 0, lid) * (up > 0 ? 1 : .55f);
    t->lid_flush = smoothstep(.55f, .15f, lid);
    t->freckle = smoothstep(.68f, .78f, mn_noise3(at, 6.5f, pattern + 50, 1)) * smoothstep(.35f, .55f, mottle[1])
               * (saturate(cheek * 1.3f + t->nose * 1.2f) + .1f);
    t->lip = smoothstep(-.05f, .14f, depth);
    t->lip_shade = (p.y > m->parting_y ? .82f : 1) * (1 - .28f * smoothstep(.18f, 0, depth)) * (.93f + .14f * mottle[2]);
    t->beard = beard_mask(m, p, t->lip, ear);
    t->moustache = saturate(blob(p, v3_add(m->mark[33], (vec3){0, -1, 0}), 2.8f, .9f, 2.5f) + .9f * blob(p, chin, 1.9f, 1.6f, 3));
    const float squeezed[3] = {at[0], .6f * at[1], at[2]};
    t->stubble = saturate(smoothstep(.40f, .66f, mn_noise3(squeezed, 17, pattern + 9, 1)) * .5f + .42f) * (.5f + .5f * smoothstep(.3f, .6f, mottle[2]));
    float above = mn_hairline_distance(at, NULL) + 6 * (mn_noise3(at, .9f, 5, 1) - .5f) + 4 * (mn_noise3(at, 4, 6, 1) - .5f);  /* ragged edge */
    t->scalp = ear ? 0 : smoothstep(-3, 5, above);
    t->specks = smoothstep(.25f, .6f, mn_noise3(at, 14, pattern + 1, 1));
    t->gloss = .45f + .25f * t->nose + .2f * smoothstep(.3f, .6f, mottle[0]) - .25f * t->scalp;
    t->gloss_grain = .75f + .5f * mottle[3];
    t->lip_grain = .7f + .6f * mottle[2];
}

/* Strokes: noise in brow coordinates, sheared so that hairs rise at the inner end and lie flat outside. */
static bool fill_brow(const face_map *m, vec3 p, uint32_t pattern, mn_brow_texel *b) {
    static const float WIDTH_AT[] = {0, .15f, .45f, .8f, 1}, WIDTH[] = {.16f, .45f, .80f, 1, .9f};
    static const float SHEAR_AT[] = {0, .5f, .85f, 1}, SHEAR[] = {-14, -12, -4, 4};
    int side = p.x > 0;
    vec3 middle = mean_mark(m, side ? 22 : 17, 5);
    if (p.z <= 4 || fabsf(p.x - middle.x) >= 5 || fabsf(p.y - middle.y) >= 3) return false;
    float along = 0, sign = 0, distance = mn_polyline_distance(m->brow[side], 4 * STEPS + 1, false, p.x, p.y, &along, &sign);
    float across = (side ? -1 : 1) * sign * distance;                       /* up is positive on both sides */
    b->across = distance / (.5f * mn_interp(along, 5, WIDTH_AT, WIDTH));
    if (b->across > 2) return false;                                        /* the thickest brow ends at 1.25 * 1.2 */
    float fray = mn_noise3((float[3]){across * 6, 0, 0}, 1, pattern, 1) - .5f;
    b->ends = smoothstep(0, .06f, along) * smoothstep(1, .93f, along + .05f * fray);
    float q[3] = {along * 84 + across * mn_interp(along, 4, SHEAR_AT, SHEAR), across * 1.6f, 0}, fine[3] = {q[0] * 2.3f, q[1] * 1.5f, 0};
    b->stroke = .5f * mn_noise3(q, 1, pattern + 3, 1) + .5f * mn_noise3(fine, 1, pattern + 4, 1);
    return true;
}

mn_status mn_skin_fields_make(mn_skin_fields *f, const mn_head *head, int width, int height, uint32_t pattern) {
    size_t all = (size_t)width * (size_t)height;
    float *place = malloc(all * 3 * sizeof *place);
    uint8_t *covered = calloc(all, 1);
    face_map map;
    *f = (mn_skin_fields){.width = width, .height = height};
    if (!place || !covered) goto no_memory;
    make_map(&map, head);
    raster_uv(head, width, height, place, covered);
    for (int k = 0; k < GUTTER; k++) {
        spread(width, height, 0, 1, place, covered);
        spread(width, height, 0, -1, place, covered);
        spread(width, height, 1, 0, place, covered);
        spread(width, height, -1, 0, place, covered);
    }
    for (size_t i = 0; i < all; i++) f->n_texels += covered[i];
    f->texel = calloc((size_t)f->n_texels + 1, sizeof *f->texel);
    f->brow = malloc(((size_t)f->n_texels + 1) * sizeof *f->brow);
    if (!f->texel || !f->brow) goto no_memory;
    int n = 0;
    for (size_t i = 0; i < all; i++) if (covered[i]) f->texel[n++].at = (int32_t)i;
    #pragma omp parallel for schedule(dynamic, 4096)
    for (int k = 0; k < n; k++) fill_texel(&map, place + 3 * (size_t)f->texel[k].at, pattern, &f->texel[k]);
    for (int k = 0; k < n; k++) {
        f->brow[f->n_brow].texel = k;
        f->n_brow += fill_brow(&map, v3(place + 3 * (size_t)f->texel[k].at), pattern, &f->brow[f->n_brow]);
    }
    free(place);
    free(covered);
    return MN_OK;
no_memory:
    free(place);
    free(covered);
    mn_skin_fields_free(f);
    return mn_fail(MN_ENOMEM, "skin: no memory for a %d x %d texture", width, height);
}

void mn_skin_fields_free(mn_skin_fields *f) {
    free(f->texel);
    free(f->brow);
    *f = (mn_skin_fields){0};
}
