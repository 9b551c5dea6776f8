/* traits.c -- from z to a person's traits; the table of coordinates is in person.h.
 *
 * Colours in the tables are sRGB as one would pick them on a screen.  Palettes are ordered ramps: a quantile picks a
 * place, colours are interpolated between neighbours, so a small step in z is a small step in the picture. */
#include "synth/composite.h"
#include "synth/curves.h"
#include "synth/person.h"
#include "synth/vec.h"
#include <string.h>

enum { TONE = 40, SKIN_BRIGHT, UNDERTONE, HAIR, HAIR_BRIGHT, HAIR_WARM, DYE, DYE_COLOUR, EYES, EYES_BRIGHT, STYLE,
       MAKE_UP = STYLE + MN_HAIR_STYLES, LIPSTICK, LIPSTICK_COLOUR, LIP_BRIGHT, LIP_COVER, GLOSS, BLUSH, TIRED, FRECKLES, LINER,
       SHADOW, SHADOW_COLOUR, BEARD, GOATEE, BROW_THICK, BROW_DARK, BROW_COVER, LENGTH, MESS, PART, CURL, USED };
_Static_assert((int)USED == (int)MN_PERSON_Z, "every coordinate of z is used once");

static const float LIMIT = (float)MN_PERSON_LIMIT, SIGMA = (float)MN_PERSON_SIGMA;

static const uint32_t SKIN_RAMP[] = {0xe2bfab, 0xdeb49c, 0xd8a98e, 0xd09d81, 0xc79274, 0xbd876a, 0xae795b, 0x9c6a4e, 0x875a43, 0x714838, 0x5c3a2c, 0x482d22};
static const uint32_t LIP_RAMP[] = {0xcb7f78, 0xc4706a, 0xbc6a63, 0xb06860, 0xa35a50, 0x975249, 0x8a4b44, 0x7d4540, 0x6e3a36, 0x5e2f2c, 0x502826, 0x432220};
static const uint32_t LIPSTICKS[] = {0x7a2b3f, 0x8d1f3c, 0xb3202e, 0xa34a3a, 0xc2566b, 0xd0786a};
static const uint32_t SHADOWS[] = {0x3c4c66, 0x6b4a5c, 0x7a3f55, 0x5a4632, 0x8a5a3a};
#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

/* Weights on the lightest skin, on middle skin and on the deepest. */
typedef struct shade { const char *name; uint32_t colour; float weight[3]; } shade;
static const shade HAIR_RAMP[] = {
    {"black", 0x120e0d, {1, 4, 6}}, {"dark brown", 0x2a1a12, {2.5f, 4, 2}}, {"brown", 0x4b3120, {3, 1.5f, .5f}},
    {"auburn", 0x5f2817, {.8f, .5f, .3f}}, {"red", 0x9a4f26, {1, .1f, .1f}}, {"light brown", 0x7a5635, {2.2f, .4f, .15f}},
    {"dark blond", 0x967145, {1.6f, .15f, .1f}}, {"blond", 0xb9925a, {1.8f, .1f, .15f}}, {"light blond", 0xd4b483, {.8f, .05f, .05f}}};
static const shade IRIS_RAMP[] = {
    {"dark brown", 0x341d10, {.6f, 4, 6}}, {"brown", 0x5a3720, {1.5f, 3, 1.5f}}, {"hazel", 0x7a5a30, {1.5f, .8f, .2f}},
    {"green", 0x5c7d4c, {1.2f, .2f, .05f}}, {"grey", 0x6b7c85, {1.2f, .1f, .02f}}, {"blue", 0x5f86a8, {2, .1f, .02f}}};
static const shade DYE_RAMP[] = {{"pink", 0xb45a78, {1, 1, 1}}, {"purple", 0x5a3478, {1, 1, 1}}, {"blue", 0x2d4d86, {1, 1, 1}}};

/* b_k(t) at t = 0, .5, 1: offsets for which the largest of nine z + b is style k as often as the weights
 *     short 3 2 .8, buzz .8 1 2, fringe 1.5 2 .3, slick 1.2 1.2 .5, bob 1.8 2 .6, long 2.2 2 .6, curly 1.2 1.2 2,
 *     afro .15 .4 2.2, bald .3 .3 .5
 * say; solved by numeric integration of prod Phi(x - b_j) phi(x - b_k). */
static const float STYLE_OFFSET[MN_HAIR_STYLES][3] = {
    [MN_HAIR_SHORT] = {.665f, .334f, -.048f}, [MN_HAIR_BUZZ] = {-.159f, -.088f, .527f}, [MN_HAIR_FRINGE] = {.206f, .334f, -.567f},
    [MN_HAIR_SLICK] = {.072f, .018f, -.307f}, [MN_HAIR_BOB] = {.321f, .334f, -.209f}, [MN_HAIR_LONG] = {.451f, .334f, -.209f},
    [MN_HAIR_CURLY] = {.072f, .018f, .527f}, [MN_HAIR_AFRO] = {-.970f, -.572f, .593f}, [MN_HAIR_BALD] = {-.658f, -.710f, -.307f}};

static float at_tone(const float weight[3], float t) {
    static const float AT[3] = {0, .5f, 1};
    return mn_interp(t, 3, AT, weight);
}

static float quantile(float z) { return .5f * erfcf(-z * .70710678f); }
static float between(float u, float lo, float hi) { return lo + (hi - lo) * u; }

static void linear_colour(uint32_t hex, float out[3]) {
    for (int k = 0; k < 3; k++) out[k] = mn_srgb_linear((float)(hex >> (16 - 8 * k) & 255) / 255);
}

/* Linear colour at place 0 .. n - 1 along a list. */
static void blend(uint32_t a, uint32_t b, float w, float out[3]) {
    float p[3], q[3];
    linear_colour(a, p);
    linear_colour(b, q);
    for (int k = 0; k < 3; k++) out[k] = p[k] + (q[k] - p[k]) * w;
}
static void ramp(const uint32_t *list, int n, float place, float out[3]) {
    place = clampf(place, 0, (float)(n - 1));
    int i = (int)place < n - 2 ? (int)place : n - 2;
    blend(list[i], list[i + 1], place - (float)i, out);
}
static void shade_ramp(const shade *list, int n, float place, float out[3]) {
    place = clampf(place, 0, (float)(n - 1));
    int i = (int)place < n - 2 ? (int)place : n - 2;
    blend(list[i].colour, list[i + 1].colour, place - (float)i, out);
}

/* The place whose cumulated weight is u: an entry's own colour lies in the middle of its share. */
static float weighted_place(const shade *list, int n, float u, float t) {
    enum { MOST = 16 };
    float middle[MOST], index[MOST], total = 0;
    for (int k = 0; k < n; k++) {
        float w = at_tone(list[k].weight, t);
        middle[k] = total + .5f * w;
        index[k] = (float)k;
        total += w;
    }
    return mn_interp(u * total, n, middle, index);
}

static int pick_style(const float *z, float t) {
    int best = 0;
    float top = -INFINITY;
    for (int k = 0; k < MN_HAIR_STYLES; k++) {
        float score = z[k] + at_tone(STYLE_OFFSET[k], t);
        if (score > top) { top = score; best = k; }
    }
    return best;
}

static void set_skin(const float *z, mn_traits *p) {
    float bright = expf(.06f * z[SKIN_BRIGHT]), olive = clampf(z[UNDERTONE], -1.5f, 1.5f);
    const float tint[3] = {1 - .025f * olive, 1 + .012f * olive, 1 - .035f * olive};
    p->tone = quantile(z[TONE]);
    ramp(SKIN_RAMP, COUNT(SKIN_RAMP), p->tone * (COUNT(SKIN_RAMP) - 1), p->look.skin);
    for (int k = 0; k < 3; k++) p->look.skin[k] = clampf(p->look.skin[k] * bright * tint[k], 0, .9f);
}

static void set_hair_and_eyes(const float *z, mn_traits *p) {
    float dye[3], bright = expf(.18f * z[HAIR_BRIGHT]), warm = .045f * clampf(z[HAIR_WARM], -3, 3), iris_bright = expf(.2f * z[EYES_BRIGHT]);
    p->hair_place = weighted_place(HAIR_RAMP, COUNT(HAIR_RAMP), quantile(z[HAIR]), p->tone);
    p->dye = smoothstep(1.75f, 1.95f, z[DYE]);
    p->dye_place = quantile(z[DYE_COLOUR]) * (COUNT(DYE_RAMP) - 1);
    shade_ramp(HAIR_RAMP, COUNT(HAIR_RAMP), p->hair_place, p->look.hair);
    shade_ramp(DYE_RAMP, COUNT(DYE_RAMP), p->dye_place, dye);
    const float tint[3] = {1 + warm, 1, 1 - warm};
    for (int k = 0; k < 3; k++) p->look.hair[k] = saturate((p->look.hair[k] + p->dye * (dye[k] - p->look.hair[k])) * bright * tint[k]);
    p->iris_place = weighted_place(IRIS_RAMP, COUNT(IRIS_RAMP), quantile(z[EYES]), p->tone);
    shade_ramp(IRIS_RAMP, COUNT(IRIS_RAMP), p->iris_place, p->iris);
    for (int k = 0; k < 3; k++) p->iris[k] = saturate(p->iris[k] * iris_bright);
}

static void set_make_up(const float *z, mn_traits *p) {
    mn_skin_look *look = &p->look;
    float m = p->make_up = smoothstep(.65f, .8f, quantile(z[MAKE_UP])), u = quantile(z[LIP_COVER]), stick[3];
    p->lipstick = m * smoothstep(.3f, .5f, quantile(z[LIPSTICK]));
    ramp(LIP_RAMP, COUNT(LIP_RAMP), p->tone * (COUNT(LIP_RAMP) - 1), look->lips);
    ramp(LIPSTICKS, COUNT(LIPSTICKS), quantile(z[LIPSTICK_COLOUR]) * (COUNT(LIPSTICKS) - 1), stick);
    for (int k = 0; k < 3; k++) {
        float natural = look->lips[k] * expf(.1f * z[LIP_BRIGHT]), painted = stick[k] * (1.1f - .6f * p->tone);
        look->lips[k] = saturate(natural + .65f * p->lipstick * (painted - natural));
    }
    look->lip_cover = between(m, between(u, .6f, .85f), .92f);
    look->lip_gloss = between(m, between(u, .9f, 1.5f), between(u, 1.6f, 2.2f));
    u = quantile(z[LINER]);
    look->liner = between(m, between(u, .25f, .5f), between(u, .6f, .85f));
    look->eye_shadow = .6f * m * smoothstep(.35f, .75f, quantile(z[SHADOW]));
    ramp(SHADOWS, COUNT(SHADOWS), quantile(z[SHADOW_COLOUR]) * (COUNT(SHADOWS) - 1), look->eye_shadow_colour);
    for (int k = 0; k < 3; k++) look->eye_shadow_colour[k] *= 2;
}

static void set_details(const float *z, mn_traits *p) {
    mn_skin_look *look = &p->look;
    float t = p->tone, light_hair = smoothstep(.06f, .10f, (look->hair[0] + look->hair[1] + look->hair[2]) / 3);
    look->gloss = between(quantile(z[GLOSS]), .75f, 1.1f) * (1 + .25f * t);
    look->blush = between(quantile(z[BLUSH]), .5f, 1.3f) * (1 + .2f * p->make_up);
    look->tired = between(quantile(z[TIRED]), .3f, 1.3f);
    float chance = .45f * powf(1 - t, 1.5f) + .25f * light_hair * smoothstep(.35f, .25f, t);
    look->freckles = .9f * saturate((quantile(z[FRECKLES]) - (1 - chance)) / (.6f * chance + 1e-4f));
    bool may = p->style != MN_HAIR_BOB && p->style != MN_HAIR_LONG;
    look->beard = may ? (1 - p->make_up) * saturate(2.4f * (quantile(z[BEARD]) - .5f)) : 0;
    look->goatee = smoothstep(.65f, .75f, quantile(z[GOATEE]));
    look->brow_thickness = between(quantile(z[BROW_THICK]), .7f, 1.25f);
    float dark = quantile(z[BROW_DARK]);
    look->brow_darkness = between(light_hair, between(dark, .55f, .95f), between(dark, .3f, .5f));
    look->brow_cover = between(quantile(z[BROW_COVER]), .75f, .97f);
    look->scalp_specks = p->style == MN_HAIR_BUZZ ? .45f : .12f;
    look->scalp_cover = p->style == MN_HAIR_BALD ? between(quantile(z[MESS]), 0, .35f) : 1;
}

static void set_style(const float *z, mn_traits *p) {
    mn_hair_style *s = &p->hair;
    *s = *mn_hair_style_of(p->style);
    s->cut = between(quantile(z[LENGTH]), MN_HAIR_SHORTEST, MN_HAIR_LONGEST);
    s->mess *= between(quantile(z[MESS]), .8f, 1.5f);
    if (s->parted) s->part = between(quantile(z[PART]), -3, 3);
    float u = quantile(z[CURL]), wave = saturate(2 * u - 1);
    if (p->style == MN_HAIR_BOB || p->style == MN_HAIR_LONG) {
        s->curl_rate = between(wave, .18f, .4f);
        s->curl = between(wave, s->curl, .5f);
    } else if (s->curl > 0) s->curl *= between(u, .7f, 1.3f);
}

void mn_traits_from_z(const float z[MN_PERSON_Z], mn_traits *p) {
    memset(p, 0, sizeof *p);
    for (int k = 0; k < MN_PERSON_MODES; k++) p->identity[k] = SIGMA * clampf(z[k], -LIMIT, LIMIT);
    set_skin(z, p);
    set_hair_and_eyes(z, p);
    p->style = pick_style(z + STYLE, p->tone);
    set_make_up(z, p);
    set_details(z, p);
    set_style(z, p);
}

static const char *nearest_name(const shade *list, int n, float place) { return list[(int)clampf(place + .5f, 0, (float)(n - 1))].name; }
const char *mn_hair_colour_name(float place) { return nearest_name(HAIR_RAMP, COUNT(HAIR_RAMP), place); }
const char *mn_dye_name(float place) { return nearest_name(DYE_RAMP, COUNT(DYE_RAMP), place); }
const char *mn_iris_name(float place) { return nearest_name(IRIS_RAMP, COUNT(IRIS_RAMP), place); }
