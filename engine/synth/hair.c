/* hair.c -- grows a style's strands on the template and puts them on a person's neutral face; the method is in hair.h. */
#include "synth/curves.h"
#include "synth/internal.h"
#include "synth/vec.h"
#include <stdlib.h>
#include <string.h>

static const float UNDER = -.15f;           /* cm: where a strand begins under the skin */
static const float ROOTED = 4;              /* vertices after which a strand has forgotten its own root */

/* What growing needs besides the plan; arrays are per strand. */
typedef struct growth {
    const mn_synth *synth;
    const mn_hair_plan *plan;
    const mn_hair_style *style;
    int points;                             /* vertices per strand */
    float *length, *tangent, *d, *start;    /* [count], [count,3] ...; d: where it starts towards, later how it lies where all still grow */
} growth;

/* Unit tangent along which the hair lies: away from the crown, or from the parting on top. */
static vec3 combing(const mn_hair_style *s, const float rest[3], float elevation, vec3 normal) {
    vec3 crown = v3_add(v3(mn_head_centre), v3(s->crown)), flow = v3_sub(v3(rest), crown);
    if (s->parted) {
        float top = smoothstep(25, 55, elevation);
        vec3 across = v3_unit((vec3){rest[0] > s->part ? 1 : -1, -.15f, s->part_forward});
        flow = v3_add(v3_scale(v3_unit(flow), 1 - top), v3_scale(across, top));
    }
    flow = v3_unit(flow);
    return v3_unit(v3_mad(flow, normal, -v3_dot(flow, normal)));
}

static float strand_length(const growth *g, int i) {
    const mn_hair_style *s = g->style;
    float length = s->length * g->plan->length[i];
    if (s->n_elevation) length *= mn_interp(g->plan->elevation[i], s->n_elevation, s->elevation, s->elevation_factor);
    if (s->front_factor > 0 && g->plan->rest[3 * i + 2] - mn_head_centre[2] > s->front_z) length *= s->front_factor;
    return length;
}

/* Roots, lengths and starting directions; writes the first vertex of every strand (a little under the skin). */
static void plant(growth *g, float *strands) {
    const mn_hair_plan *plan = g->plan;
    const mn_hair_style *s = g->style;
    float *own = g->start;                                          /* directions before clumps agree */
    for (int i = 0; i < plan->count; i++) {
        vec3 root = v3(plan->rest + 3 * i), normal = {0, 0, 0};
        for (int k = 0; k < 3; k++) normal = v3_mad(normal, v3_unit(v3(g->synth->skin_normals + 3 * plan->corner[3 * i + k])), plan->bary[3 * i + k]);
        normal = v3_unit(normal);
        vec3 tangent = combing(s, plan->rest + 3 * i, plan->elevation[i], normal);
        vec3 d = v3_add(v3_scale(normal, s->lift), v3_scale(tangent, 1 - s->lift * .5f));
        v3_store(own + 3 * i, v3_unit(v3_mad(d, v3(plan->direction + 3 * i), s->mess)));
        v3_store(g->tangent + 3 * i, tangent);
        v3_store(strands + 3 * (size_t)i * (size_t)g->points, v3_mad(root, normal, UNDER));
    }
    for (int i = 0; i < plan->count; i++) {
        int lead = plan->lead[i];
        v3_store(g->d + 3 * i, v3_unit(v3_add(v3_scale(v3(own + 3 * i), 1 - s->coherence), v3_scale(v3(own + 3 * lead), s->coherence))));
        g->length[i] = .5f * strand_length(g, i) + .5f * strand_length(g, lead);
    }
}

/* Lets strand i grow to as many vertices as are worn. */
static void grow_strand(growth *g, int i, float *strand) {
    const mn_hair_style *s = g->style;
    const mn_hair_plan *plan = g->plan;
    float step = g->length[i] / (float)(s->points - 1);
    float brow = g->synth->head.g.vertices[3 * g->synth->head.g.landmarks[19] + 1];
    int shared = (int)(MN_HAIR_SHORTEST * (float)(s->points - 1));
    vec3 d = v3(g->d + 3 * i), tangent = v3(g->tangent + 3 * i), last = v3(strand), p = last;
    for (int j = 1; j < g->points; j++) {
        const float *noise = plan->wobble + 3 * ((size_t)(j - 1) * (size_t)plan->count + (size_t)i);
        float front = s->tuck > 0 ? smoothstep(2, 6, p.z) * smoothstep(brow + 2, brow - 1, p.y) : 0;
        d.y -= s->gravity * step * .9f;
        d.z -= s->tuck * front;
        d = v3_unit(v3_mad(v3_mad(d, tangent, s->follow), v3(noise), s->wobble));
        p = v3_mad(p, d, step);
        float margin = s->margin + .18f * minf(1, (float)j / 4) * s->volume;
        for (int pass = 0; pass < 2; pass++) {          /* the skin is curved: one push may fall short */
            vec3 n;
            float height = mn_skin_height_at(g->synth->skin_height, p, &n);
            if (height < margin) p = v3_mad(p, n, margin - height);
        }
        d = v3_unit(v3_sub(p, last));                   /* slides along the skin that pushed it */
        v3_store(strand + 3 * j, p);
        last = p;
        if (j == shared) v3_store(g->d + 3 * i, d);
    }
}

/* Tips towards the clump's lead, more so for strands that start near it. */
static void gather(const growth *g, const float *grown, float *strands) {
    int points = g->points;
    for (int i = 0; i < g->plan->count; i++) {
        const float *own = grown + 3 * (size_t)i * (size_t)points, *lead = grown + 3 * (size_t)g->plan->lead[i] * (size_t)points;
        vec3 apart = v3_sub(v3(lead), v3(own));
        float near = expf(-sqrtf(v3_dot(apart, apart)) / 2.5f) * g->style->clump;
        for (int j = 0; j < points; j++) {
            float share = near * powf((float)j / (float)(g->style->points - 1), 1.2f);
            for (int k = 0; k < 3; k++) strands[3 * (i * points + j) + k] = own[3 * j + k] + share * (lead[3 * j + k] - own[3 * j + k]);
        }
    }
}

static void curl(const growth *g, float *strands) {
    const mn_hair_style *s = g->style;
    int points = g->points;
    for (int i = 0; i < g->plan->count; i++) {
        vec3 d = v3(g->d + 3 * i), a = v3_unit(v3_cross(d, v3(g->plan->axis + 3 * i))), b = v3_unit(v3_cross(d, a));
        for (int j = 0; j < points; j++) {
            float t = (float)j / (float)(s->points - 1), radius = s->curl * minf(1, 4 * t), *p = strands + 3 * (i * points + j);
            float angle = t * s->curl_rate * g->length[i] * 6.28f / 3 + g->plan->phase[i];
            v3_store(p, v3_mad(v3_mad(v3(p), a, radius * cosf(angle)), b, radius * sinf(angle)));
        }
    }
}

/* Takes off what the last step has too much. */
static void cut(const growth *g, float *strands) {
    float part = mn_hair_steps(g->style) - (float)(g->points - 2);
    for (int i = 0; i < g->plan->count; i++) {
        float *end = strands + 3 * ((size_t)(i + 1) * (size_t)g->points - 1), *before = end - 3;
        for (int k = 0; k < 3; k++) end[k] = before[k] + part * (end[k] - before[k]);
    }
}

/* Would this strand hang in front of the face? */
static bool covers_face(const growth *g, const float *strand) {
    const mn_geometry *h = &g->synth->head.g;
    const float *bridge = h->vertices + 3 * h->landmarks[27];
    float half_width = fabsf(h->vertices[3 * h->landmarks[0]]) * g->style->clear;
    float behind = h->vertices[3 * h->landmarks[36] + 2] - 3.2f;
    for (int j = 0; j < g->points; j++) {
        const float *p = strand + 3 * j;
        if (fabsf(p[0]) < half_width && p[1] - bridge[1] < g->style->clear_top && p[2] > behind) return true;
    }
    return false;
}

float mn_hair_steps(const mn_hair_style *style) { return style->cut * (float)(style->points - 1); }
int mn_hair_points(const mn_hair_style *style) { return (int)ceilf(mn_hair_steps(style)) + 1; }

/* Moves a strand with the skin; at its root it stays exactly where it is rooted. */
static void fit_strand(const growth *g, const float *shift, const float *neutral, int i, float *strand) {
    const int32_t *corner = g->plan->corner + 3 * i;
    const mn_hair_fit *fit = &g->synth->fit;
    const float *template = g->synth->head.g.vertices, *rest = g->plan->rest + 3 * i;
    vec3 own = v3_scale(mn_hair_fit_at(fit, shift, v3(rest)), -1);
    for (int k = 0; k < 3; k++) own = v3_mad(own, v3_sub(v3(neutral + 3 * corner[k]), v3(template + 3 * corner[k])), g->plan->bary[3 * i + k]);
    for (int j = 0; j < g->points; j++) {
        vec3 p = v3(strand + 3 * j);
        v3_store(strand + 3 * j, v3_mad(v3_add(p, mn_hair_fit_at(fit, shift, p)), own, maxf(0, 1 - (float)j / ROOTED)));
    }
}

int mn_hair_grow(const mn_synth *synth, int style, const mn_hair_style *changed, const float *neutral, float *strands, int32_t *kept) {
    const mn_hair_plan *plan = &synth->plan[style];
    growth g = {.synth = synth, .plan = plan, .style = changed, .points = mn_hair_points(changed)};
    size_t row = 3 * (size_t)g.points, n = (size_t)plan->count + 1;
    float *grown = malloc(n * row * sizeof *grown), *shift = mn_hair_fit_person(&synth->fit, &synth->head, neutral);
    g.length = malloc(n * sizeof(float));
    g.tangent = malloc(n * 3 * sizeof(float));
    g.d = malloc(n * 3 * sizeof(float));
    g.start = malloc(n * 3 * sizeof(float));
    int left = -1;
    if (!grown || !shift || !g.length || !g.tangent || !g.d || !g.start) mn_fail(MN_ENOMEM, "hair: no memory to grow %d strands", plan->count);
    else {
        plant(&g, grown);
        for (int i = 0; i < plan->count; i++) grow_strand(&g, i, grown + (size_t)i * row);
        gather(&g, grown, strands);
        if (changed->curl > 0) curl(&g, strands);
        cut(&g, strands);
        left = 0;
        for (int i = 0; i < plan->count; i++) {
            if (changed->clear > 0 && covers_face(&g, strands + (size_t)i * row)) continue;
            if (left != i) memcpy(strands + (size_t)left * row, strands + (size_t)i * row, row * sizeof *strands);
            fit_strand(&g, shift, neutral, i, strands + (size_t)left * row);
            kept[left++] = i;
        }
    }
    void *all[] = {grown, shift, g.length, g.tangent, g.d, g.start};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
    return left;
}
