/* caption_see.c -- from unit weights to what a viewer sees: actions with a strength and a side, and the looks that several
 * of them make together (a smile with lowered lower lip is a grin).  Reference weights are those of expression.c's recipes. */
#include "synth/caption.h"
#include "synth/vec.h"

typedef struct pair { float l, r; } pair;

/* Strength of a unit that has a left and a right half (named by its left one), 1 at weight `full`. */
static pair both(const float *w, const char *left, float full) {
    int k = mn_synth_unit(left);
    return (pair){w[k] / full, w[k + 1] / full};
}
static float one(const float *w, const char *unit, float full) { return w[mn_synth_unit(unit)] / full; }
static float mean(pair p) { return .5f * (p.l + p.r); }
static float low(pair p) { return minf(p.l, p.r); }
static pair lesser(pair a, pair b) { return (pair){minf(a.l, b.l), minf(a.r, b.r)}; }

/* Stronger half as the strength; one-sided when the other half has less than a third of it. */
static mn_seen sided(pair p) {
    float top = maxf(p.l, p.r);
    return (mn_seen){top, p.r < top / 3 ? 1 : p.l < top / 3 ? -1 : 0};
}
static mn_seen whole(float strength) { return (mn_seen){maxf(strength, 0), 0}; }

/* The looks of the whole face, as far as the tables of Ekman & Friesen's prototypes go: anger 4+5+7+23, sadness 1+4+15,
 * surprise 1+2+5+26, fear 1+2+4+5+20, disgust 9+10. */
static void see_emotions(const float *w, mn_seen *s) {
    float down = low(both(w, "browDown_L", 1.5f)), inner = low(both(w, "browInnerUp_L", 1)), outer = low(both(w, "browOuterUp_L", 1));
    float wide = low(both(w, "eyeWide_L", .8f)), squint = low(both(w, "eyeSquint_L", .6f)), frown = low(both(w, "mouthFrown_L", 1.1f));
    float press = low(both(w, "mouthPress_L", .8f)), sneer = low(both(w, "noseSneer_L", .7f)), jaw = one(w, "jawOpen", .35f);
    float stretch = low(both(w, "mouthStretch_L", .8f)), upper = low(both(w, "mouthUpperUp_L", .8f)), smile = mean(both(w, "mouthSmile_L", .8f));
    if (smile > .25f) return;
    s[MN_SEE_ANGRY] = whole(minf(down, minf(maxf(wide, squint), maxf(press, sneer))));
    s[MN_SEE_SAD] = whole(minf(inner, frown));
    s[MN_SEE_SURPRISED] = whole(minf(minf(inner, outer), minf(1.5f * wide, jaw)));
    s[MN_SEE_AFRAID] = whole(minf(minf(inner, wide), stretch));
    s[MN_SEE_DISGUSTED] = whole(minf(sneer, upper));
    if (s[MN_SEE_ANGRY].strength > s[MN_SEE_DISGUSTED].strength) s[MN_SEE_DISGUSTED].strength = 0;
    if (s[MN_SEE_AFRAID].strength > .25f) s[MN_SEE_SURPRISED].strength = 0;
}

static void see_upper_face(const float *w, mn_seen *s) {
    pair down = both(w, "browDown_L", 1.5f), inner = both(w, "browInnerUp_L", 1), outer = both(w, "browOuterUp_L", 1), blink = both(w, "eyeBlink_L", 1.125f);
    pair up = lesser(inner, outer);
    s[MN_SEE_BROWS_DOWN] = sided(down);
    s[MN_SEE_BROWS_UP] = sided(up);
    s[MN_SEE_INNER_UP] = whole(mean(inner) - mean(up));
    s[MN_SEE_OUTER_UP] = whole(mean(outer) - mean(up));
    s[MN_SEE_NOSE] = sided(both(w, "noseSneer_L", 1));
    s[MN_SEE_CHEEKS_UP] = sided(both(w, "cheekSquint_L", 1));
    s[MN_SEE_SQUINT] = sided(both(w, "eyeSquint_L", 1));
    s[MN_SEE_EYES_WIDE] = sided(both(w, "eyeWide_L", 1));
    mn_seen lids = sided(blink);
    if (lids.strength > .75f) s[MN_SEE_EYES_CLOSED] = lids;
    else if (lids.side == 0) s[MN_SEE_EYES_HALF] = whole(lids.strength > .3f ? lids.strength : 0);
    if (mean(blink) > .3f) s[MN_SEE_SQUINT].strength = s[MN_SEE_EYES_WIDE].strength = 0;        /* nothing of it is left to see */
}

static void see_lower_face(const float *w, mn_seen *s) {
    float jaw = one(w, "jawOpen", .85f), smile = mean(both(w, "mouthSmile_L", .9f)), lower = mean(both(w, "mouthLowerDown_L", 1));
    float upper = mean(both(w, "mouthUpperUp_L", 1)), funnel = one(w, "mouthFunnel", 1), roll = minf(one(w, "mouthRollLower", 1), one(w, "mouthRollUpper", 1));
    s[MN_SEE_SMILE] = sided(both(w, "mouthSmile_L", .9f));
    if (smile > .2f && jaw > .25f) s[MN_SEE_LAUGH] = whole(minf(smile, 2 * jaw));
    else if (smile > .2f && lower > .25f) s[MN_SEE_GRIN] = whole(minf(1.2f * smile, 1.33f * lower));
    if (jaw > .55f) s[MN_SEE_MOUTH_WIDE] = whole(jaw);
    else s[MN_SEE_MOUTH_OPEN] = whole(jaw > .15f ? 1.6f * jaw : 0);
    s[MN_SEE_MOUTH_LEFT] = whole(one(w, "mouthLeft", 1));
    s[MN_SEE_MOUTH_RIGHT] = whole(one(w, "mouthRight", 1));
    s[MN_SEE_DIMPLES] = smile > .2f ? whole(0) : sided(both(w, "mouthDimple_L", 1.1f));
    s[MN_SEE_FUNNEL] = whole(funnel);
    s[MN_SEE_PUCKER] = whole(one(w, "mouthPucker", 1));
    s[MN_SEE_CORNERS_DOWN] = sided(both(w, "mouthFrown_L", 1.1f));
    s[MN_SEE_LIPS_PRESSED] = whole(mean(both(w, "mouthPress_L", 1)));
    s[MN_SEE_LIPS_SUCKED] = whole(roll > .45f ? roll : 0);
    s[MN_SEE_CHEEKS_PUFFED] = sided(both(w, "cheekPuff_L", 1));
    s[MN_SEE_JAW_LEFT] = whole(one(w, "jawLeft", 1));
    s[MN_SEE_JAW_RIGHT] = whole(one(w, "jawRight", 1));
    s[MN_SEE_JAW_FORWARD] = whole(one(w, "jawForward", 1));
    s[MN_SEE_UPPER_LIP] = whole(upper);
    s[MN_SEE_LOWER_LIP] = whole(lower > .6f ? lower : 0);
    s[MN_SEE_LIPS_PARTED] = whole(lower <= .6f && jaw < .15f ? 2 * lower : 0);
    s[MN_SEE_LIPS_STRETCHED] = whole(mean(both(w, "mouthStretch_L", 1)));
    s[MN_SEE_CHIN] = whole(one(w, "mouthShrugLower", 1));
}

void mn_caption_see(const float w[MN_EXPR_UNITS], mn_seen seen[MN_SEES]) {
    for (int k = 0; k < MN_SEES; k++) seen[k] = whole(0);
    see_emotions(w, seen);
    see_upper_face(w, seen);
    see_lower_face(w, seen);
}

#define BIT(x) ((uint64_t)1 << MN_SEE_##x)

uint64_t mn_caption_parts(int what) {
    static const uint64_t PARTS[MN_SEES] = {
        [MN_SEE_ANGRY] = BIT(BROWS_DOWN) | BIT(OUTER_UP) | BIT(EYES_WIDE) | BIT(SQUINT) | BIT(NOSE) | BIT(LIPS_PRESSED) | BIT(CORNERS_DOWN) | BIT(CHIN) | BIT(LIPS_SUCKED),
        [MN_SEE_SAD] = BIT(INNER_UP) | BIT(BROWS_DOWN) | BIT(BROWS_UP) | BIT(SQUINT) | BIT(CORNERS_DOWN) | BIT(CHIN),
        [MN_SEE_SURPRISED] = BIT(BROWS_UP) | BIT(INNER_UP) | BIT(OUTER_UP) | BIT(EYES_WIDE) | BIT(MOUTH_OPEN) | BIT(MOUTH_WIDE),
        [MN_SEE_AFRAID] = BIT(BROWS_UP) | BIT(INNER_UP) | BIT(OUTER_UP) | BIT(BROWS_DOWN) | BIT(EYES_WIDE) | BIT(LIPS_STRETCHED),
        [MN_SEE_DISGUSTED] = BIT(NOSE) | BIT(UPPER_LIP) | BIT(LIPS_PARTED),
        [MN_SEE_LAUGH] = BIT(SMILE) | BIT(GRIN) | BIT(MOUTH_OPEN) | BIT(CHEEKS_UP) | BIT(LOWER_LIP),
        [MN_SEE_GRIN] = BIT(SMILE) | BIT(LIPS_PARTED) | BIT(LOWER_LIP) | BIT(UPPER_LIP) | BIT(LIPS_STRETCHED) | BIT(CHEEKS_UP) | BIT(SQUINT),
        [MN_SEE_SMILE] = BIT(CHEEKS_UP) | BIT(SQUINT),
        [MN_SEE_BROWS_UP] = BIT(EYES_WIDE), [MN_SEE_BROWS_DOWN] = BIT(SQUINT) | BIT(OUTER_UP),
        [MN_SEE_EYES_CLOSED] = BIT(CHEEKS_UP),
        [MN_SEE_MOUTH_WIDE] = BIT(LIPS_STRETCHED) | BIT(LIPS_PARTED) | BIT(EYES_WIDE),
        [MN_SEE_MOUTH_LEFT] = BIT(JAW_LEFT), [MN_SEE_MOUTH_RIGHT] = BIT(JAW_RIGHT),
        [MN_SEE_DIMPLES] = BIT(LIPS_PRESSED) | BIT(CHEEKS_UP), [MN_SEE_FUNNEL] = BIT(MOUTH_OPEN),
        [MN_SEE_LIPS_PRESSED] = BIT(CHIN) | BIT(LIPS_SUCKED), [MN_SEE_CORNERS_DOWN] = BIT(CHIN),
        [MN_SEE_UPPER_LIP] = BIT(LIPS_PARTED), [MN_SEE_LOWER_LIP] = BIT(LIPS_PARTED),
    };
    return PARTS[what];
}
