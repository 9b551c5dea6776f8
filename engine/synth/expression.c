/* expression.c -- expressions as weights over the 57 units of the head model: twelve named ones, action units,
 * random mixtures, and what a face makes of them (blink scale, lids following the gaze).
 *
 * Units are ARKit's blend shapes plus a few of ICT-FaceKit's own; action units follow Ekman & Friesen's FACS as
 * far as the units allow.  In the tables a name without _L or _R sets both sides. */
#include "synth/synth.h"
#include <math.h>

#include <string.h>

static const char *const UNIT[MN_EXPR_UNITS] = {
    "PupilDilate_L", "PupilDilate_R", "browDown_L", "browDown_R", "browInnerUp_L", "browInnerUp_R", "browOuterUp_L", "browOuterUp_R",
    "cheekPuff_L", "cheekPuff_R", "cheekRaiser_L", "cheekRaiser_R", "cheekSquint_L", "cheekSquint_R", "eyeBlink_L", "eyeBlink_R",
    "eyeLookDown_L", "eyeLookDown_R", "eyeLookIn_L", "eyeLookIn_R", "eyeLookOut_L", "eyeLookOut_R", "eyeLookUp_L", "eyeLookUp_R",
    "eyeSquint_L", "eyeSquint_R", "eyeWide_L", "eyeWide_R", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose",
    "mouthDimple_L", "mouthDimple_R", "mouthFrown_L", "mouthFrown_R", "mouthFunnel", "mouthLeft", "mouthLowerDown_L",
    "mouthLowerDown_R", "mouthPress_L", "mouthPress_R", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthSmile_L", "mouthSmile_R", "mouthStretch_L", "mouthStretch_R", "mouthUpperUp_L",
    "mouthUpperUp_R", "noseSneer_L", "noseSneer_R",
};

enum { PARTS = 10 };
typedef struct recipe { const char *name; struct { const char *unit; float weight; } part[PARTS]; } recipe;

static const recipe RECIPE[] = {
    {"neutral", {{NULL, 0}}},
    {"smile", {{"mouthSmile", .9f}, {"cheekSquint", .6f}, {"eyeSquint", .2f}, {"mouthDimple", .15f}}},
    {"angry", {{"browDown", 1.8f}, {"browOuterUp", .2f}, {"eyeWide", 1}, {"eyeSquint", .7f}, {"noseSneer", .5f}, {"mouthPress", .9f},
               {"mouthRollLower", .35f}, {"mouthRollUpper", .35f}, {"mouthFrown", .5f}, {"mouthShrugLower", .35f}}},     /* AU 4 5 7 9 23 */
    {"sad", {{"browInnerUp", 1.6f}, {"browDown", 1}, {"eyeLookDown", .3f}, {"eyeSquint", .25f}, {"mouthFrown", 1.2f},
             {"mouthShrugLower", .45f}}},                                                                               /* AU 1 4 15 17 */
    {"close eyes", {{"eyeBlink", 1.125f}}},
    {"raise brow", {{"browInnerUp", 1.1f}, {"browOuterUp", 1}, {"eyeWide", .4f}}},
    {"frown brow", {{"browDown", 1.7f}, {"browOuterUp", .2f}, {"eyeSquint", .3f}}},
    {"mouth stretch", {{"jawOpen", .8f}, {"mouthStretch", .45f}, {"mouthLowerDown", .2f}, {"eyeWide", .15f}}},
    {"mouth left", {{"mouthLeft", 1}, {"jawLeft", .15f}}},
    {"mouth right", {{"mouthRight", 1}, {"jawRight", .15f}}},
    {"dimpler", {{"mouthDimple", 1.15f}, {"mouthPress", .75f}, {"cheekSquint", .15f}}},
    {"lip funneler", {{"mouthFunnel", 1}, {"jawOpen", .12f}}},
    {"grin", {{"mouthSmile", .75f}, {"mouthLowerDown", .75f}, {"cheekSquint", .65f}, {"mouthUpperUp", .45f}, {"mouthStretch", .35f},
              {"eyeSquint", .25f}, {"jawOpen", .03f}}},
    {"AU1", {{"browInnerUp", 1}}},
    {"AU2", {{"browOuterUp", 1}}},
    {"AU4", {{"browDown", 1.5f}}},
    {"AU5", {{"eyeWide", 1}}},
    {"AU6", {{"cheekSquint", 1}, {"cheekRaiser", .4f}}},
    {"AU7", {{"eyeSquint", 1}}},
    {"AU9", {{"noseSneer", 1}}},
    {"AU10", {{"mouthUpperUp", 1}}},
    {"AU12", {{"mouthSmile", 1}}},
    {"AU14", {{"mouthDimple", 1}, {"mouthPress", .5f}}},
    {"AU15", {{"mouthFrown", 1.1f}}},
    {"AU16", {{"mouthLowerDown", 1}}},
    {"AU17", {{"mouthShrugLower", 1}}},
    {"AU18", {{"mouthPucker", 1}}},
    {"AU20", {{"mouthStretch", 1}}},
    {"AU22", {{"mouthFunnel", 1}, {"jawOpen", .1f}}},
    {"AU23", {{"mouthPress", .6f}, {"mouthRollLower", .35f}, {"mouthRollUpper", .35f}}},
    {"AU24", {{"mouthPress", 1.2f}, {"mouthShrugLower", .15f}}},
    {"AU25", {{"mouthLowerDown", .5f}, {"mouthUpperUp", .2f}}},
    {"AU26", {{"jawOpen", .35f}}},
    {"AU27", {{"jawOpen", .85f}, {"mouthStretch", .2f}}},
    {"AU28", {{"mouthRollLower", 1}, {"mouthRollUpper", 1}}},
    {"AU29", {{"jawForward", 1}}},
    {"AU30L", {{"jawLeft", 1}}},
    {"AU30R", {{"jawRight", 1}}},
    {"AU33", {{"cheekPuff", 1}}},
    {"AU43", {{"eyeBlink", 1.125f}}},
    {"AU45", {{"eyeBlink", 1.125f}}},
    {"AU46", {{"eyeBlink_L", 1.125f}, {"cheekSquint_L", .4f}}},
};
enum { RECIPES = sizeof RECIPE / sizeof *RECIPE };

const char *mn_synth_unit_name(int unit) { return unit >= 0 && unit < MN_EXPR_UNITS ? UNIT[unit] : NULL; }

int mn_synth_unit(const char *name) {
    for (int k = 0; k < MN_EXPR_UNITS; k++) if (!strcmp(UNIT[k], name)) return k;
    return -1;
}

const char *mn_expression_name(int i) { return i >= 0 && i < RECIPES ? RECIPE[i].name : NULL; }

/* Does `name` of a recipe mean this unit? */
static bool names_unit(const char *name, const char *unit) {
    size_t n = strlen(name);
    return !strncmp(unit, name, n) && (!unit[n] || !strcmp(unit + n, "_L") || !strcmp(unit + n, "_R"));
}

static void add_recipe(const recipe *r, float strength, float w[MN_EXPR_UNITS]) {
    for (int p = 0; p < PARTS && r->part[p].unit; p++)
        for (int k = 0; k < MN_EXPR_UNITS; k++)
            if (names_unit(r->part[p].unit, UNIT[k])) w[k] = fmaxf(w[k], strength * r->part[p].weight);
}

static const recipe *find_recipe(const char *name) {
    for (int i = 0; i < RECIPES; i++) if (!strcmp(RECIPE[i].name, name)) return &RECIPE[i];
    return NULL;
}

mn_status mn_expression_named(const char *name, float strength, float w[MN_EXPR_UNITS]) {
    const recipe *r = find_recipe(name);
    memset(w, 0, MN_EXPR_UNITS * sizeof *w);
    if (!r) return mn_fail(MN_ENOTFOUND, "expression '%s': expected 'neutral', 'smile', 'angry', ... 'grin' or an action unit such as 'AU12'", name);
    if (!(strength >= 0 && strength <= 3)) return mn_fail(MN_EARG, "expression '%s': strength should be 0..3, found %g", name, (double)strength);
    add_recipe(r, strength, w);
    return MN_OK;
}

/* ---- random mixtures ---------------------------------------------------- */

/* Actions of one row pull the same part of the face, so a mixture takes at most one of each row. */
enum { OPTIONS = 18, UNITS_PER_OPTION = 2 };
static const struct face_part { float chance, one_sided; const char *option[OPTIONS][UNITS_PER_OPTION]; } FACE_PART[] = {
    {.6f, .15f, {{"AU1"}, {"AU2"}, {"AU1", "AU2"}, {"AU4"}, {"AU1", "AU4"}}},
    {.5f, .15f, {{"AU5"}, {"AU6"}, {"AU7"}, {"AU43"}, {"AU46"}}},
    {.15f, .15f, {{"AU9"}}},
    {.8f, .10f, {{"AU12"}, {"AU12", "AU25"}, {"AU14"}, {"AU15"}, {"AU15", "AU17"}, {"AU18"}, {"AU20"}, {"AU22"}, {"AU23"}, {"AU24"},
                 {"AU10", "AU25"}, {"AU16", "AU25"}, {"AU26"}, {"AU27"}, {"AU12", "AU26"}, {"AU28"}, {"AU33"}}},
    {.12f, 0, {{"AU29"}, {"AU30L"}, {"AU30R"}}},
};

static int side_of(int unit) {
    size_t n = strlen(UNIT[unit]);
    return !strcmp(UNIT[unit] + n - 2, "_L") ? 1 : !strcmp(UNIT[unit] + n - 2, "_R") ? -1 : 0;
}

/* Leaves a quarter at most of one side: a single raised brow, a crooked smile, a wink. */
static void weaken_one_side(mn_rng *rng, float w[MN_EXPR_UNITS]) {
    float rest = .25f * (float)mn_rng_uniform(rng);
    int side = mn_rng_below(rng, 2) ? 1 : -1;
    for (int k = 0; k < MN_EXPR_UNITS; k++) if (side_of(k) == side) w[k] *= rest;
}

void mn_expression_random(mn_rng *rng, float w[MN_EXPR_UNITS]) {
    memset(w, 0, MN_EXPR_UNITS * sizeof *w);
    for (size_t p = 0; p < sizeof FACE_PART / sizeof *FACE_PART; p++) {
        const struct face_part *part = &FACE_PART[p];
        float own[MN_EXPR_UNITS] = {0};
        if (mn_rng_uniform(rng) >= part->chance) continue;
        float strength = .25f + .75f * (float)mn_rng_uniform(rng);
        int n = 0;
        while (n < OPTIONS && part->option[n][0]) n++;
        const char *const *units = part->option[mn_rng_below(rng, n)];
        for (int k = 0; k < UNITS_PER_OPTION && units[k]; k++) add_recipe(find_recipe(units[k]), strength, own);
        if (mn_rng_uniform(rng) < part->one_sided) weaken_one_side(rng, own);
        for (int k = 0; k < MN_EXPR_UNITS; k++) w[k] = fmaxf(w[k], own[k]);
    }
    float tilt = .12f * (float)mn_rng_normal(rng);
    for (int k = 0; k < MN_EXPR_UNITS; k++) {
        if (strncmp(UNIT[k], "eyeBlink", 8)) w[k] *= 1 + tilt * (float)side_of(k);      /* a half-closed eye looks ill */
        w[k] = fminf(fmaxf(w[k], 0), 2);
    }
}

/* ---- what a face makes of the weights ----------------------------------- */

/* The eyeLook units move only the lids (the eyeballs are turned by the pose); 30 degrees is weight 1. */
static void add_lids_of_gaze(const float gaze[2], float w[MN_EXPR_UNITS]) {
    float across = fminf(1, fabsf(gaze[0]) / 30), along = fminf(1, fabsf(gaze[1]) / 30);
    const char *vertical = gaze[1] > 0 ? "eyeLookUp_L" : "eyeLookDown_L";
    w[mn_synth_unit(gaze[0] > 0 ? "eyeLookOut_L" : "eyeLookIn_L")] += across;
    w[mn_synth_unit(gaze[0] > 0 ? "eyeLookIn_R" : "eyeLookOut_R")] += across;
    for (int side = 0; side < 2; side++) w[mn_synth_unit(vertical) + side] += along;
}

void mn_expression_effective(const float blink_scale[2], const float gaze[2], const float w[MN_EXPR_UNITS], float out[MN_EXPR_UNITS]) {
    int blink = mn_synth_unit("eyeBlink_L");
    if (out != w) memcpy(out, w, MN_EXPR_UNITS * sizeof *out);
    for (int side = 0; side < 2; side++) out[blink + side] *= blink_scale[side];
    if (gaze) add_lids_of_gaze(gaze, out);
}
