/* hair_style.c -- the hair styles as numbers, the hairline, and the random choices of each style (hair.h). */
#include "synth/curves.h"
#include "synth/hair.h"
#include "synth/vec.h"
#include <stdlib.h>
#include <string.h>

#define COMMON .points = 12, .cut = 1, .lift = .5f, .gravity = .1f, .mess = .12f, .wobble = .04f, .coherence = .5f, .clump = .45f, .clumps = 350, \
               .curl_rate = 2, .margin = .12f, .volume = 1, .crown = {0, 9.5f, -3.5f}, .part_forward = .1f, .clear_top = 4

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"        /* a style overrides what COMMON sets */
static const mn_hair_style STYLE[MN_HAIR_STYLES] = {
    [MN_HAIR_SHORT] = {COMMON, .name = "short", .length = 3.2f, .points = 8, .lift = .55f, .clump = .5f, .coherence = .6f, .follow = .05f,
        .parted = true, .part = 2.2f, .part_forward = .3f, .clear = .9f, .clear_top = 3.5f,
        .n_elevation = 4, .elevation = {-30, 0, 25, 50}, .elevation_factor = {.35f, .45f, .8f, 1.25f}},
    [MN_HAIR_BUZZ] = {COMMON, .name = "buzz", .length = .7f, .points = 8, .lift = .8f, .gravity = .02f, .clump = .1f, .coherence = .2f,
        .n_elevation = 3, .elevation = {-30, 0, 40}, .elevation_factor = {.5f, .6f, 1}},
    [MN_HAIR_FRINGE] = {COMMON, .name = "fringe", .length = 6, .lift = .35f, .gravity = .2f, .clump = .55f, .coherence = .6f, .follow = .08f,
        .crown = {0, 9.5f, -5}, .margin = .2f, .front_z = 3, .front_factor = 1 / .85f},
    [MN_HAIR_SLICK] = {COMMON, .name = "slick", .length = 6, .lift = .35f, .gravity = .06f, .clump = .5f, .coherence = .7f, .mess = .06f,
        .wobble = .03f, .crown = {0, 6.5f, 8.5f}, .follow = .25f, .margin = .15f},
    [MN_HAIR_BOB] = {COMMON, .name = "bob", .length = 15, .points = 18, .lift = .25f, .gravity = .22f, .clumps = 260, .coherence = .7f,
        .parted = true, .part = .3f, .part_forward = 0, .mess = .06f, .wobble = .02f, .margin = .35f, .volume = 1.8f, .follow = .05f,
        .tuck = .25f, .clear = .8f},
    [MN_HAIR_LONG] = {COMMON, .name = "long", .length = 27, .points = 18, .lift = .3f, .gravity = .2f, .clump = .5f, .clumps = 260,
        .coherence = .7f, .parted = true, .part = -2, .part_forward = -.1f, .mess = .07f, .wobble = .03f, .margin = .4f, .volume = 2,
        .follow = .05f, .tuck = .3f, .curl = .25f, .curl_rate = .18f, .clear = .8f},
    [MN_HAIR_CURLY] = {COMMON, .name = "curly", .length = 9, .points = 18, .lift = .55f, .gravity = .16f, .clump = .75f, .clumps = 380,
        .coherence = .6f, .mess = .2f, .curl = .55f, .curl_rate = .9f, .follow = .03f, .clear = .85f, .clear_top = 3,
        .front_z = 4.5f, .front_factor = .45f},
    [MN_HAIR_AFRO] = {COMMON, .name = "afro", .length = 5.5f, .points = 18, .lift = 1, .gravity = 0, .clump = .35f, .clumps = 900,
        .coherence = .3f, .mess = .35f, .wobble = .25f, .curl = .35f, .curl_rate = 2.2f, .volume = .2f},
    [MN_HAIR_BALD] = {COMMON, .name = "bald", .points = 8},
};
#pragma GCC diagnostic pop

const mn_hair_style *mn_hair_style_of(int style) { return &STYLE[style]; }

/* Elevation of the hairline above the head centre, degrees, by |azimuth| from the front. */
static const float AZIMUTH[] = {0, 15, 30, 42, 52, 60, 66, 74, 84, 92, 100, 110, 125, 150, 180};
static const float HAIRLINE[] = {41, 41.5f, 42, 40, 33, 20, 8, -8, -4, 10, 12, -6, -30, -37, -38};

float mn_hairline_distance(const float p[3], float *elevation) {
    static const float DEGREES = 57.29577951f;
    float x = p[0] - mn_head_centre[0], y = p[1] - mn_head_centre[1], z = p[2] - mn_head_centre[2];
    float up = DEGREES * atan2f(y, hypotf(x, z));
    if (elevation) *elevation = up;
    return up - mn_interp(DEGREES * fabsf(atan2f(x, z)), sizeof AZIMUTH / sizeof *AZIMUTH, AZIMUTH, HAIRLINE);
}

bool mn_ear_box(const float p[3]) {
    return fabsf(p[0]) > 7.55f && p[1] < 5.6f && p[1] > -3.6f && p[2] < 2.5f && p[2] > -4.2f;
}

float mn_ear_soft(const float p[3]) {
    return smoothstep(7.5f, 8.1f, fabsf(p[0])) * smoothstep(6.2f, 5.2f, p[1]) * smoothstep(-4.4f, -3.4f, p[1])
         * smoothstep(2.6f, 1.6f, p[2]) * smoothstep(-4.4f, -3.4f, p[2]);
}

/* ---- plans -------------------------------------------------------------- */

typedef struct ranked { double key; int index; } ranked;
static int by_key(const void *a, const void *b) {
    const ranked *p = a, *q = b;
    return p->key < q->key ? -1 : p->key > q->key ? 1 : p->index - q->index;
}

/* Scalp triangles with their area summed up to and including each; returns their number. */
static int scalp_triangles(const mn_head *head, int *list, double *area) {
    const float *v = head->g.vertices;
    int n = 0;
    for (int i = 0; i < head->n_skin_triangles; i++) {
        const int32_t *t = head->skin_triangles + 3 * i;
        vec3 a = v3(v + 3 * t[0]), b = v3(v + 3 * t[1]), c = v3(v + 3 * t[2]);
        float middle[3];
        v3_store(middle, v3_scale(v3_add(a, v3_add(b, c)), 1 / 3.f));
        if (mn_hairline_distance(middle, NULL) <= 0 || mn_ear_box(middle)) continue;
        vec3 normal = v3_cross(v3_sub(b, a), v3_sub(c, a));
        area[n] = (n ? area[n - 1] : 0) + sqrtf(v3_dot(normal, normal));
        list[n++] = i;
    }
    return n;
}

/* Roots evenly over the scalp's area, at random places in their triangle. */
static mn_status choose_roots(mn_hair_plan *plan, const mn_head *head, mn_stream *rng) {
    int *list = malloc((size_t)head->n_skin_triangles * sizeof *list);
    double *area = malloc((size_t)head->n_skin_triangles * sizeof *area);
    mn_status status = MN_OK;
    int n = list && area ? scalp_triangles(head, list, area) : 0;
    if (!list || !area) status = mn_fail(MN_ENOMEM, "hair: no memory for the scalp");
    else if (!n && plan->count) status = mn_fail(MN_EFORMAT, "hair: the head has no skin above the hairline");
    for (int i = 0; !status && i < plan->count; i++) {
        double at = mn_stream_uniform(rng) * area[n - 1];
        int lo = 0, hi = n - 1;
        while (lo < hi) {                               /* first triangle whose sum reaches `at` */
            int mid = (lo + hi) / 2;
            if (area[mid] < at) lo = mid + 1; else hi = mid;
        }
        memcpy(plan->corner + 3 * i, head->skin_triangles + 3 * list[lo], 3 * sizeof(int32_t));
    }
    for (int i = 0; !status && i < plan->count; i++) {
        float u = (float)mn_stream_uniform(rng), v = (float)mn_stream_uniform(rng), *b = plan->bary + 3 * i;
        if (u + v > 1) { u = 1 - u; v = 1 - v; }
        b[0] = 1 - u - v; b[1] = u; b[2] = v;
        vec3 p = {0, 0, 0};
        for (int k = 0; k < 3; k++) p = v3_mad(p, v3(head->g.vertices + 3 * plan->corner[3 * i + k]), b[k]);
        v3_store(plan->rest + 3 * i, p);
        mn_hairline_distance(plan->rest + 3 * i, &plan->elevation[i]);
    }
    free(list);
    free(area);
    return status;
}

/* `clumps` random strands lead; every strand follows the nearest of them. */
static mn_status choose_leads(mn_hair_plan *plan, int clumps, mn_stream *rng) {
    int n = plan->count, leads = clumps < n ? clumps : n;
    ranked *order = malloc(((size_t)n + 1) * sizeof *order);
    float *roots = malloc(((size_t)leads + 1) * 3 * sizeof *roots);
    mn_grid *grid = NULL;
    if (order && roots) {
        for (int i = 0; i < n; i++) order[i] = (ranked){mn_stream_uniform(rng), i};
        qsort(order, (size_t)n, sizeof *order, by_key);
        for (int k = 0; k < leads; k++) memcpy(roots + 3 * k, plan->rest + 3 * order[k].index, 3 * sizeof *roots);
        grid = mn_grid_new(roots, leads, 1.5f);
    } else mn_fail(MN_ENOMEM, "hair: no memory for %d clumps", leads);
    bool made = grid != NULL;
    for (int i = 0; made && i < n; i++) {
        int lead = mn_grid_nearest(grid, plan->rest + 3 * i, 1000, -1);
        if (lead < 0) {
            mn_fail(MN_EFORMAT, "hair: the head is more than 10 metres large");
            made = false;
        } else plan->lead[i] = order[lead].index;
    }
    mn_grid_free(grid);
    free(order);
    free(roots);
    return made ? MN_OK : mn_errcode();
}

mn_status mn_hair_plan_make(mn_hair_plan *plan, const mn_head *head, int style, int count, uint32_t pattern) {
    const mn_hair_style *s = &STYLE[style];
    if (style == MN_HAIR_BALD) count = 0;
    size_t n = (size_t)count + 1;
    *plan = (mn_hair_plan){.count = count, .steps = (int)ceilf(MN_HAIR_LONGEST * (float)(s->points - 1))};
    plan->corner = malloc(n * 3 * sizeof(int32_t));
    plan->bary = malloc(n * 3 * sizeof(float));
    plan->rest = malloc(n * 3 * sizeof(float));
    plan->elevation = malloc(n * sizeof(float));
    plan->lead = malloc(n * sizeof(int32_t));
    plan->length = malloc(n * sizeof(float));
    plan->direction = malloc(n * 3 * sizeof(float));
    plan->wobble = malloc(n * 3 * sizeof(float) * (size_t)plan->steps);
    plan->phase = malloc(n * sizeof(float));
    plan->axis = malloc(n * 3 * sizeof(float));
    plan->shade = malloc(n * sizeof(float));
    double *uniform = malloc(n * sizeof *uniform);
    float *own = malloc(n * sizeof *own);
    mn_status status = MN_OK;
    if (!plan->corner || !plan->bary || !plan->rest || !plan->elevation || !plan->lead || !plan->length || !plan->direction
        || !plan->wobble || !plan->phase || !plan->axis || !plan->shade || !uniform || !own)
        status = mn_fail(MN_ENOMEM, "hair: no memory for %d strands", count);
    mn_stream rng = mn_stream_new(pattern, 77), shades = mn_stream_new(pattern, 78);
    if (!status) status = choose_roots(plan, head, &rng);
    if (!status) status = choose_leads(plan, s->clumps, &rng);
    if (!status) {
        mn_stream_fill(&rng, count, uniform);
        for (int i = 0; i < count; i++) plan->length[i] = .8f + .4f * (float)uniform[i];
        mn_stream_normals(&rng, 3 * count, plan->direction);
        for (int j = 0; j < plan->steps; j++) mn_stream_normals(&rng, 3 * count, plan->wobble + (size_t)j * 3 * (size_t)count);
        mn_stream_fill(&rng, count, uniform);
        for (int i = 0; i < count; i++) plan->phase[i] = .8f * (float)uniform[i];
        mn_stream_fill(&rng, count, uniform);           /* most of the phase is the clump's */
        for (int i = 0; i < count; i++) plan->phase[i] += 6.28f * (float)uniform[plan->lead[i]];
        mn_stream_normals(&rng, 3 * count, plan->axis);
        mn_stream_normals(&shades, count, own);
        for (int i = 0; i < count; i++) plan->shade[i] = .16f * own[i];
        mn_stream_normals(&shades, count, own);
        for (int i = 0; i < count; i++) plan->shade[i] += .18f * own[plan->lead[i]];
    }
    free(uniform);
    free(own);
    if (status) mn_hair_plan_free(plan);
    return status;
}

void mn_hair_plan_free(mn_hair_plan *plan) {
    void *all[] = {plan->corner, plan->bary, plan->rest, plan->elevation, plan->lead, plan->length, plan->direction, plan->wobble,
                   plan->phase, plan->axis, plan->shade};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
    *plan = (mn_hair_plan){0};
}
