/* caption.h -- English captions for pictures of synthetic people: what a text encoder is trained on.
 *
 *     char text[MN_CAPTION];
 *     mn_caption(&look, shot.expr, &rng, text, sizeof text);       "Someone with curly hair, raising the left eyebrow slightly"
 *
 * Captions say what the weights and the look say, never something else; what is left out, and the wording, is random:
 * synonyms, intensity, left and right (the subject's), combinations, negation, appearance.  No words of gender or age. */
#ifndef MN_SYNTH_CAPTION_H
#define MN_SYNTH_CAPTION_H
#include "synth/synth.h"

enum { MN_CAPTION = 512 };                      /* long enough for every caption */

/* look: NULL leaves the appearance out.  w: as in mn_shot.expr. */
mn_status mn_caption(const mn_look *look, const float w[MN_EXPR_UNITS], mn_rng *rng, char *out, size_t size);

/* Every word a caption can hold, lower case, sorted, separated by newlines; NULL without memory.  free() it. */
char *mn_caption_words(void);

/* ---- internal: the lexicon (caption_words.c) and what is seen (caption_see.c) ---- */

enum { MN_SEE_ANGRY, MN_SEE_SAD, MN_SEE_SURPRISED, MN_SEE_AFRAID, MN_SEE_DISGUSTED, MN_SEE_LAUGH, MN_SEE_GRIN, MN_SEE_SMILE,
       MN_SEE_EYES_CLOSED, MN_SEE_EYES_HALF, MN_SEE_BROWS_UP, MN_SEE_INNER_UP, MN_SEE_OUTER_UP, MN_SEE_BROWS_DOWN,
       MN_SEE_MOUTH_WIDE, MN_SEE_MOUTH_OPEN, MN_SEE_MOUTH_LEFT, MN_SEE_MOUTH_RIGHT, MN_SEE_DIMPLES, MN_SEE_FUNNEL, MN_SEE_PUCKER,
       MN_SEE_CORNERS_DOWN, MN_SEE_LIPS_PRESSED, MN_SEE_LIPS_SUCKED, MN_SEE_CHEEKS_PUFFED, MN_SEE_JAW_LEFT, MN_SEE_JAW_RIGHT,
       MN_SEE_JAW_FORWARD, MN_SEE_NOSE, MN_SEE_SQUINT, MN_SEE_EYES_WIDE, MN_SEE_CHEEKS_UP, MN_SEE_UPPER_LIP, MN_SEE_LOWER_LIP,
       MN_SEE_LIPS_PARTED, MN_SEE_LIPS_STRETCHED, MN_SEE_CHIN,
       MN_SEE_NEUTRAL,                 /* said when nothing else is seen; its strength stays 0 */
       MN_SEES };

/* How strongly something is seen: about 1 for a full expression, 0 not at all; side +1 left only, -1 right only, 0 both. */
typedef struct mn_seen { float strength; int side; } mn_seen;
void mn_caption_see(const float w[MN_EXPR_UNITS], mn_seen seen[MN_SEES]);
/* Bit k: MN_SEE_k is part of seeing `what`, so need not be said beside it. */
uint64_t mn_caption_parts(int what);

/* Alternatives are separated by '|'; $brows, $eyes, $cheeks, $corners and $side depend on the side. */
typedef struct mn_phrases {
    const char *doing;              /* "smiling|showing a smile": after "a person who is" */
    const char *having;             /* "a smile": after "a person with" */
    const char *being;              /* "happy": "a happy person", "someone who looks happy"; may be NULL */
    const char *one_doing, *one_having;     /* the same for one side; NULL: the side is not worth words */
} mn_phrases;
extern const mn_phrases mn_caption_phrases[MN_SEES];
extern const char *const mn_caption_verbs[][3];         /* "raising", "raises", "raise"; ends with NULLs */
extern const char *const mn_caption_frames[];           /* caption_frames.def, ends with NULL */

#endif
