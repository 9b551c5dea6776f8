/* skin_paint.c -- one person's skin texture from the shared fields (skin.h).
 *
 * Skin is a product of tints, colour *= 1 - m + m * factor, over the person's tone: blood in cheeks, nose, ears and
 * chin, darker sockets, blotches; over it lie covers, colour = (1 - m) colour + m paint: stubble, lips, lid rims, brows
 * and the hair-coloured scalp. */
#include "synth/skin.h"
#include "synth/vec.h"
#include <stdlib.h>

/* Colours that follow from the look, once per person. */
typedef struct palette {
    float flush[3], shadow[3], stubble[3], liner[3], brow[3], scalp[3];
} palette;

static palette mix_palette(const mn_skin_look *look) {
    static const float FLUSH[2][3] = {{1.05f, .70f, .68f}, {1.03f, .82f, .80f}}, LINER[3] = {.035f, .02f, .018f};  /* light, deep skin */
    float mean = (look->skin[0] + look->skin[1] + look->skin[2]) / 3, deep = smoothstep(.26f, .10f, mean);
    palette p;
    for (int c = 0; c < 3; c++) {
        p.flush[c] = FLUSH[0][c] * (1 - deep) + FLUSH[1][c] * deep;
        p.shadow[c] = look->eye_shadow_colour[c] * (.35f + .65f * mean);
        p.stubble[c] = look->hair[c] * .7f + look->skin[c] * .18f;
        p.liner[c] = LINER[c] * (1 - .4f * deep);
        p.brow[c] = look->hair[c] * look->brow_darkness + .004f;
        p.scalp[c] = look->hair[c] * .45f;
    }
    return p;
}

static inline void tint(float *colour, float mask, const float *factor) {
    float m = saturate(mask);
    for (int c = 0; c < 3; c++) colour[c] *= 1 - m + m * factor[c];
}
static inline void cover(float *colour, float mask, const float *paint) {
    float m = saturate(mask);
    for (int c = 0; c < 3; c++) colour[c] += m * (paint[c] - colour[c]);
}

/* Everything that lies under the brows. */
static void paint_skin(const mn_skin_look *look, const palette *p, const mn_texel *t, float *out) {
    static const float UNDER_EYE[3] = {.86f, .74f, .76f}, SOCKET[3] = {.90f, .80f, .80f}, FRECKLE[3] = {.66f, .50f, .40f};
    for (int c = 0; c < 3; c++) out[c] = look->skin[c] * t->mottle[c];
    tint(out, t->cheek * .62f * look->blush, p->flush);
    tint(out, t->nose * .45f, p->flush);
    tint(out, t->ears * .5f, p->flush);
    tint(out, t->chin * .22f, p->flush);
    tint(out, t->under_eye * .38f * look->tired, UNDER_EYE);
    tint(out, t->socket * .40f, SOCKET);
    cover(out, t->shadow * look->eye_shadow, p->shadow);
    tint(out, t->freckle * look->freckles, FRECKLE);
    for (int c = 0; c < 3; c++) out[c] *= t->pores;
    cover(out, t->beard * (1 + look->goatee * (t->moustache - 1)) * t->stubble * look->beard, p->stubble);
    float lips[3];
    for (int c = 0; c < 3; c++) lips[c] = look->lips[c] * t->lip_shade;
    cover(out, t->lip * look->lip_cover, lips);
    cover(out, t->rim * look->liner, p->liner);
    tint(out, t->lid_flush * .35f, p->flush);
}

static void paint_brow(const mn_skin_look *look, const palette *p, const mn_brow_texel *b, float *out) {
    float core = smoothstep(1.2f, .35f, b->across / look->brow_thickness), stroke = b->stroke + .25f * (core - .6f);
    cover(out, minf(.97f, core * b->ends * (.42f + .62f * smoothstep(.36f, .60f, stroke)) * look->brow_cover), p->brow);
}

/* The scalp under the strands, and gloss. */
static void finish(const mn_skin_look *look, const palette *p, const mn_texel *t, float *out) {
    cover(out, t->scalp * look->scalp_cover * (1 - look->scalp_specks * (1 - t->specks)), p->scalp);
    float gloss = (t->gloss - .15f * t->beard * minf(look->beard, 1)) * look->gloss * t->gloss_grain;
    gloss = gloss * (1 - t->lip) + t->lip * look->lip_gloss * t->lip_grain;
    for (int c = 0; c < 3; c++) out[c] = saturate(out[c]);
    out[3] = clampf(gloss, .02f, 3);
}

float *mn_skin_paint(const mn_skin_fields *f, const mn_skin_look *look) {
    float *texture = calloc((size_t)f->width * (size_t)f->height, 4 * sizeof *texture);
    if (!texture) {
        mn_fail(MN_ENOMEM, "skin: no memory for a %d x %d texture", f->width, f->height);
        return NULL;
    }
    palette p = mix_palette(look);
    for (int k = 0; k < f->n_texels; k++) paint_skin(look, &p, &f->texel[k], texture + 4 * (size_t)f->texel[k].at);
    for (int k = 0; k < f->n_brow; k++) paint_brow(look, &p, &f->brow[k], texture + 4 * (size_t)f->texel[f->brow[k].texel].at);
    for (int k = 0; k < f->n_texels; k++) finish(look, &p, &f->texel[k], texture + 4 * (size_t)f->texel[k].at);
    return texture;
}
