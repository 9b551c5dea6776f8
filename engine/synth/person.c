/* person.c -- makes a person ready for drawing: neutral face, painted skin, grown hair; and what can be said of them. */
#include "synth/internal.h"
#include "synth/vec.h"
#include <stdlib.h>
#include <string.h>

/* The hair of this person; bald heads have none. */
static mn_status grow_hair(const mn_synth *synth, mn_person *p) {
    const mn_hair_plan *plan = &synth->plan[p->traits.style];
    size_t n = (size_t)plan->count + 1;
    int32_t *kept = malloc(n * sizeof *kept);
    p->points = mn_hair_points(&p->traits.hair);
    p->steps = mn_hair_steps(&p->traits.hair);
    p->strands = malloc(n * 3 * (size_t)p->points * sizeof(float));
    p->strand_colour = malloc(n * 3 * sizeof(float));
    if (!kept || !p->strands || !p->strand_colour) {
        free(kept);
        return mn_fail(MN_ENOMEM, "person: no memory for %d strands", plan->count);
    }
    p->n_strands = plan->count ? mn_hair_grow(synth, p->traits.style, &p->traits.hair, p->neutral, p->strands, kept) : 0;
    for (int i = 0; i < p->n_strands; i++) {
        float bright = expf(plan->shade[kept[i]]);
        for (int k = 0; k < 3; k++) p->strand_colour[3 * i + k] = p->traits.look.hair[k] * bright;
    }
    free(kept);
    return p->n_strands < 0 ? mn_errcode() : MN_OK;
}

static mn_status set_rest_area(const mn_synth *synth, mn_person *p) {
    const mn_head *h = &synth->head;
    size_t V = (size_t)h->g.n_vertices;
    float *normals = malloc(V * 3 * sizeof *normals);
    if (!normals) return mn_fail(MN_ENOMEM, "person: no memory for %zu normals", V);
    mn_head_skin_normals(h, p->neutral, normals);
    for (int k = 0; k < h->n_skin_vertices; k++) {
        int i = h->skin_vertices[k];
        p->rest_area[i] = sqrtf(v3_dot(v3(normals + 3 * i), v3(normals + 3 * i)));
    }
    free(normals);
    return MN_OK;
}

mn_person *mn_person_build(const mn_synth *synth, const mn_traits *traits) {
    size_t V = (size_t)synth->head.g.n_vertices;
    mn_person *p = calloc(1, sizeof *p);
    if (!p) {
        mn_fail(MN_ENOMEM, "person: no memory");
        return NULL;
    }
    p->traits = *traits;
    p->neutral = malloc(V * 3 * sizeof(float));
    p->rest_area = calloc(V, sizeof(float));
    p->texture_width = synth->skin.width;
    p->texture_height = synth->skin.height;
    if (!p->neutral || !p->rest_area) {
        mn_fail(MN_ENOMEM, "person: no memory for %zu vertices", V);
        goto failed;
    }
    mn_head_neutral(&synth->head, traits->identity, MN_IDENTITY_MAX, p->neutral);
    mn_head_blink_scale(&synth->head, p->neutral, p->blink);
    if (set_rest_area(synth, p) || !(p->texture = mn_skin_paint(&synth->skin, &traits->look)) || grow_hair(synth, p)) goto failed;
    return p;
failed:
    mn_person_free(p);
    return NULL;
}

mn_person *mn_person_new(const mn_synth *synth, const float z[MN_PERSON_Z]) {
    for (int k = 0; k < MN_PERSON_Z; k++)
        if (!isfinite(z[k])) {
            mn_fail(MN_EARG, "person_new: z should be %d finite numbers, number %d is %g", MN_PERSON_Z, k, (double)z[k]);
            return NULL;
        }
    mn_traits traits;
    mn_traits_from_z(z, &traits);
    return mn_person_build(synth, &traits);
}

mn_person *mn_person_seeded(const mn_synth *synth, uint32_t seed) {
    double wide[MN_PERSON_Z];
    float z[MN_PERSON_Z];
    if (mn_numpy_randn(seed, MN_PERSON_Z, wide)) return NULL;
    for (int k = 0; k < MN_PERSON_Z; k++) z[k] = (float)wide[k];
    return mn_person_new(synth, z);
}

void mn_person_free(mn_person *p) {
    if (!p) return;
    void *all[] = {p->neutral, p->rest_area, p->texture, p->strands, p->strand_colour};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
    free(p);
}

void mn_person_effective(const mn_person *p, const float gaze[2], const float expr[MN_EXPR_UNITS], float out[MN_EXPR_UNITS]) {
    mn_expression_effective(p->blink, gaze, expr, out);
}

void mn_person_pose(const mn_synth *synth, const mn_person *p, const float expr[MN_EXPR_UNITS], const float head[3],
                    const float gaze[2], float *out, float skull[12]) {
    float w[MN_EXPR_UNITS];
    mn_expression_effective(p->blink, gaze, expr, w);
    mn_head_pose(&synth->head, p->neutral, w, head, gaze, out, skull);
}

static mn_look look_of(const mn_traits *t) {
    static const char *const TONE[] = {"very light", "light", "medium", "brown", "dark"};
    int tone = (int)(t->tone * 5);
    return (mn_look){
        .skin = TONE[tone < 0 ? 0 : tone > 4 ? 4 : tone],
        .hair = t->dye > .5f ? mn_dye_name(t->dye_place) : mn_hair_colour_name(t->hair_place),
        .style = t->hair.name, .eyes = mn_iris_name(t->iris_place), .bald = t->style == MN_HAIR_BALD, .wavy = t->hair.curl > .3f,
        .beard = t->look.beard, .goatee = t->look.goatee, .freckles = t->look.freckles, .make_up = t->make_up,
        .lipstick = t->lipstick, .brows = t->look.brow_thickness,
    };
}
mn_look mn_person_look(const mn_person *p) { return look_of(&p->traits); }
mn_look mn_look_from_z(const float z[MN_PERSON_Z]) {
    mn_traits t;
    mn_traits_from_z(z, &t);
    return look_of(&t);
}

void mn_person_traits(const float z[MN_PERSON_Z], float out[MN_PERSON_TRAITS]) {
    mn_traits t;
    mn_traits_from_z(z, &t);
    const mn_skin_look *k = &t.look;
    const float *const colours[] = {k->skin, k->hair, k->lips, t.iris, k->eye_shadow_colour};
    const float numbers[] = {k->lip_cover, k->lip_gloss, k->gloss, k->blush, k->tired, k->freckles, k->liner, k->eye_shadow, k->beard, k->beard * k->goatee,
                             k->brow_thickness, k->brow_darkness, k->brow_cover, k->scalp_cover,
                             t.hair.cut * t.hair.length / 20, t.hair.curl, t.hair.mess, t.hair.parted ? t.hair.part / 3 : 0};
    enum { COLOURS = sizeof colours / sizeof *colours, NUMBERS = sizeof numbers / sizeof *numbers };
    _Static_assert(3 * COLOURS + NUMBERS + MN_HAIR_STYLES == MN_PERSON_TRAITS, "one place per trait");
    for (int i = 0; i < COLOURS; i++)
        for (int c = 0; c < 3; c++) *out++ = sqrtf(colours[i][c]);
    for (int i = 0; i < NUMBERS; i++) *out++ = numbers[i];
    for (int i = 0; i < MN_HAIR_STYLES; i++) *out++ = i == t.style;
}
