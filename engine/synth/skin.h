/* skin.h -- procedural skin painted into a texture; internal to engine/synth.
 *
 * Every texel knows its place on the template's rest surface, so patterns are functions of a 3-D point (no seams, no
 * stretch) and follow the face when it moves.  mn_skin_fields holds what is the same for all people: masks and noise;
 * mn_skin_paint makes one person's texture from it.  Distances are centimetres on the template, colours linear light. */
#ifndef MN_SYNTH_SKIN_H
#define MN_SYNTH_SKIN_H
#include "synth/head.h"

/* What a person's skin looks like.  Strengths are 0 (none) .. 1 (full) unless noted. */
typedef struct mn_skin_look {
    float skin[3], hair[3], lips[3];
    float lip_cover, lip_gloss;
    float gloss;                    /* of the skin, 1 = normal */
    float blush, tired;             /* 1 = normal; tired: dark skin under the eyes */
    float freckles, liner;
    float eye_shadow, eye_shadow_colour[3];
    float beard, goatee;            /* goatee 1: around the mouth only */
    float brow_thickness;           /* 1 = half-width 0.5 cm at the inner third */
    float brow_darkness;            /* brow colour / hair colour */
    float brow_cover;
    float scalp_cover, scalp_specks;    /* hair-coloured skin under the strands, and how much its grain shows */
} mn_skin_look;

/* Masks and noise of one texel, all 0..1 unless noted. */
typedef struct mn_texel {
    int32_t at;                     /* index in the texture */
    float mottle[3];                /* colour factor of the blotches */
    float cheek, nose, ears, chin, under_eye, socket;
    float shadow;                   /* where eye shadow goes */
    float freckle, pores;           /* pores: a factor about 1 */
    float beard, moustache, stubble;
    float lip, lip_shade;           /* lip_shade: a factor */
    float rim, lid_flush;           /* lid rim (liner), redder skin around it */
    float scalp, specks;
    float gloss, gloss_grain, lip_grain;
} mn_texel;

typedef struct mn_brow_texel { int32_t texel; float across, ends, stroke; } mn_brow_texel;     /* across: |distance| / half-width */

typedef struct mn_skin_fields {
    int width, height, n_texels, n_brow;
    mn_texel *texel;
    mn_brow_texel *brow;
} mn_skin_fields;

mn_status mn_skin_fields_make(mn_skin_fields *fields, const mn_head *head, int width, int height, uint32_t pattern);
void mn_skin_fields_free(mn_skin_fields *fields);
/* texture [height, width, 4]: linear RGB and gloss; NULL on failure; the caller frees it. */
float *mn_skin_paint(const mn_skin_fields *fields, const mn_skin_look *look);

#endif
