/* caption.c -- the grammar of the captions: which of the things seen are said, in which form, in which words.
 *
 *     who:        a person with A who is D and D          bare:     someone with A, D
 *     having:     a face with A, H and H                  being:    a person who looks B with H
 *     before:     a B person with A                       verb:     a person raises the eyebrows
 *     order:      raise the eyebrows                      fragment: D, or H
 *
 * A appearance, D doing, H having, B being (caption.h).  Adverbs follow the strength; sometimes something that is not
 * there is denied.  Articles are put right at the end. */
#include "synth/caption.h"
#include <ctype.h>
#include <string.h>

enum frame {
#define MN_FRAME(name, text) name,
#include "synth/caption_frames.def"
#undef MN_FRAME
    FRAMES
};
#define MN_FRAME(name, text) [name] = text,
const char *const mn_caption_frames[FRAMES + 1] = {
#include "synth/caption_frames.def"
};
#undef MN_FRAME

static const float SEEN = .2f, SLIGHT = .45f, STRONG = .9f, ABSENT = .04f;      /* strengths */
enum { MOST_SAID = 4, MOST_LOOKS = 3 };

typedef struct writer {
    char text[MN_CAPTION];
    size_t n;
    mn_rng *rng;
    const mn_look *look;
    int side;
} writer;

static bool chance(writer *w, double p) { return mn_rng_uniform(w->rng) < p; }

static void put(writer *w, const char *text, size_t n) {
    if (n > sizeof w->text - 1 - w->n) n = sizeof w->text - 1 - w->n;
    memcpy(w->text + w->n, text, n);
    w->n += n;
    w->text[w->n] = 0;
}

/* One of the alternatives of a list; *length receives its length. */
static const char *choose(writer *w, const char *list, size_t *length) {
    int n = 1;
    for (const char *p = list; *p; p++) n += *p == '|';
    for (int64_t k = mn_rng_below(w->rng, n); k > 0; k--) list = strchr(list, '|') + 1;
    *length = strcspn(list, "|");
    return list;
}

static void say(writer *w, const char *list);

/* Replaces $slot at the start of text; returns the slot's length. */
static size_t say_slot(writer *w, const char *text) {
    static const struct { const char *slot; int both, one; } PART[] = {
        {"$brows", BROWS, BROW}, {"$eyes", EYES, EYE}, {"$cheeks", CHEEKS, CHEEK}, {"$corners", CORNERS, CORNER}};
    for (size_t k = 0; k < sizeof PART / sizeof *PART; k++)
        if (!strncmp(text, PART[k].slot, strlen(PART[k].slot))) {
            say(w, mn_caption_frames[w->side ? PART[k].one : PART[k].both]);
            return strlen(PART[k].slot);
        }
    if (!strncmp(text, "$side", 5)) { say(w, mn_caption_frames[w->side > 0 ? LEFT : RIGHT]); return 5; }
    if (!strncmp(text, "$hair", 5)) { say(w, w->look->hair); return 5; }
    say(w, w->look->eyes);                                              /* $iris */
    return 5;
}

static void say_exactly(writer *w, const char *text, size_t n) {
    for (const char *end = text + n; text < end;) {
        size_t plain = strcspn(text, "$");
        if (plain > (size_t)(end - text)) plain = (size_t)(end - text);
        put(w, text, plain);
        text += plain;
        if (text < end) text += say_slot(w, text);
    }
}
static void say(writer *w, const char *list) {
    size_t n;
    const char *text = choose(w, list, &n);
    say_exactly(w, text, n);
}
static void frame(writer *w, enum frame f) { say(w, mn_caption_frames[f]); }

/* ---- one thing seen ----------------------------------------------------- */

typedef struct said { int what; mn_seen seen; } said;

static bool is_look(int what) { return what <= MN_SEE_DISGUSTED || what == MN_SEE_NEUTRAL; }   /* of the whole face: adverbs do not fit its verbs */

/* -1: say that it is weak, +1: that it is strong, 0: nothing. */
static int degree(writer *w, const said *s) {
    if (s->what == MN_SEE_NEUTRAL || s->what == MN_SEE_EYES_HALF) return 0;
    if (s->seen.strength < SLIGHT) return -chance(w, .6);
    return s->seen.strength > STRONG && chance(w, .2);
}

static void say_doing(writer *w, const said *s) {
    const mn_phrases *p = &mn_caption_phrases[s->what];
    int d = is_look(s->what) ? 0 : degree(w, s);
    bool before = chance(w, .5);
    w->side = p->one_doing ? s->seen.side : 0;
    if (d && before) frame(w, d < 0 ? WEAK_BEFORE : STRONG_BEFORE);
    say(w, w->side ? p->one_doing : p->doing);
    if (d && !before) frame(w, d < 0 ? WEAK_AFTER : STRONG_AFTER);
    w->side = 0;
}

/* Does a word describe (so that an adverb fits before it), rather than name something? */
static bool describes(const char *word) {
    static const char *const ENDING[] = {"ed", "en", "ing", "ful", "py", "ry", "thy", "dly"}, *const WORD[] = {"wide", "tight", "sad", "round", "visible", "shut"};
    size_t n = strcspn(word, " |");
    for (size_t k = 0; k < sizeof ENDING / sizeof *ENDING; k++) {
        size_t e = strlen(ENDING[k]);
        if (n > e && !strncmp(word + n - e, ENDING[k], e)) return true;
    }
    for (size_t k = 0; k < sizeof WORD / sizeof *WORD; k++) if (n == strlen(WORD[k]) && !strncmp(word, WORD[k], n)) return true;
    return false;
}

/* "a slightly opened mouth", "a slight smile", "slightly raised eyebrows", "the mouth open slightly". */
static void say_having(writer *w, const said *s) {
    const mn_phrases *p = &mn_caption_phrases[s->what];
    size_t n;
    w->side = p->one_having ? s->seen.side : 0;
    const char *text = choose(w, w->side ? p->one_having : p->having, &n);
    int d = degree(w, s);
    bool article = !strncmp(text, "a ", 2) || !strncmp(text, "an ", 3), name = n > 2 && (!strncmp(text + n - 2, "er", 2) || !strncmp(text + n - 2, "or", 2));
    if (d && article && !name) {                        /* an action unit's name, "a brow lowerer", has no degrees */
        size_t skip = strcspn(text, " ") + 1;
        put(w, text, skip);
        text += skip;
        n -= skip;
        if (describes(text)) frame(w, d < 0 ? WEAK_BEFORE : STRONG_BEFORE); else frame(w, d < 0 ? WEAK_NOUN : STRONG_NOUN);
    } else if (d && !article && describes(text)) frame(w, d < 0 ? WEAK_BEFORE : STRONG_BEFORE);
    say_exactly(w, text, n);
    if (d < 0 && !article && !describes(text)) frame(w, WEAK_AFTER);
    w->side = 0;
}

/* before: a noun follows. */
static void say_being(writer *w, const said *s, bool before) {
    size_t n;
    const char *text = choose(w, mn_caption_phrases[s->what].being, &n);
    int d = n > 3 && !strncmp(text + n - 3, "ing", 3) ? 0 : degree(w, s);
    if (d) frame(w, d > 0 ? STRONG_BEING : before ? WEAK_BEFORE_NOUN : WEAK_BEING);
    say_exactly(w, text, n);
}

/* The participle turned into "raises" (form 1) or "raise" (form 2). */
static void say_verb(writer *w, const said *s, int form) {
    const mn_phrases *p = &mn_caption_phrases[s->what];
    size_t n;
    w->side = p->one_doing ? s->seen.side : 0;
    const char *text = choose(w, w->side ? p->one_doing : p->doing, &n);
    for (int k = 0; mn_caption_verbs[k][0]; k++) {
        size_t length = strlen(mn_caption_verbs[k][0]);
        if (length > n || strncmp(text, mn_caption_verbs[k][0], length) || (length < n && text[length] != ' ')) continue;
        put(w, mn_caption_verbs[k][form], strlen(mn_caption_verbs[k][form]));
        text += length;
        n -= length;
        break;
    }
    say_exactly(w, text, n);
    if (!is_look(s->what) && degree(w, s) < 0) frame(w, WEAK_AFTER);
    w->side = 0;
}

/* ---- choosing ----------------------------------------------------------- */

/* What is said, strongest tendencies first but in random order; returns how many. */
static int pick(writer *w, const mn_seen seen[MN_SEES], said out[MN_SEES]) {
    const uint64_t side_effects = (uint64_t)1 << MN_SEE_CHEEKS_UP | (uint64_t)1 << MN_SEE_SQUINT;
    uint64_t implied = 0, dropped = 0;
    for (int k = 0; k < MN_SEES; k++) {
        if (seen[k].strength < SEEN || implied >> k & 1) continue;
        uint64_t parts = mn_caption_parts(k);
        double u = mn_rng_uniform(w->rng);
        if (u < .75) implied |= parts;                  /* mostly the whole speaks for its parts, */
        else if (!is_look(k)) implied |= parts & ~side_effects;
        else if (u < .85) dropped |= (uint64_t)1 << k;  /* sometimes the parts alone, else both */
    }
    int n = 0;
    for (int k = 0; k < MN_SEES; k++)
        if (seen[k].strength >= SEEN && !((implied | dropped) >> k & 1)) out[n++] = (said){k, seen[k]};
    for (int k = n - 1; k > 0; k--) {
        int j = (int)mn_rng_below(w->rng, k + 1);
        said t = out[k];
        out[k] = out[j];
        out[j] = t;
    }
    int most = n > 1 && chance(w, .2) ? n - 1 : n;
    if (most > MOST_SAID) most = MOST_SAID;
    while (n > most) {                                  /* the weakest is left unsaid */
        int weakest = 0;
        for (int k = 1; k < n; k++) if (out[k].seen.strength < out[weakest].seen.strength) weakest = k;
        out[weakest] = out[--n];
    }
    if (n == 0) out[n++] = (said){MN_SEE_NEUTRAL, {1, 0}};
    return n;
}

/* Brings something that has a being-phrase to the front; false when nothing has. */
static bool being_first(said *s, int n) {
    for (int k = 0; k < n; k++)
        if (mn_caption_phrases[s[k].what].being && s[k].seen.side == 0) {
            said t = s[0];
            s[0] = s[k];
            s[k] = t;
            return true;
        }
    return false;
}

/* Frames that describe the look, in random order; returns how many. */
static int appearance(writer *w, int out[MOST_LOOKS]) {
    static const struct { const char *style; int frame; } STYLE[] = {
        {"short", HAIR_SHORT}, {"buzz", HAIR_BUZZ}, {"fringe", HAIR_FRINGE}, {"slick", HAIR_SLICK}, {"bob", HAIR_BOB}, {"long", HAIR_LONG},
        {"curly", HAIR_CURLY}, {"afro", HAIR_AFRO}, {"bald", HAIR_BALD}};
    static const struct { const char *tone; int frame; } TONE[] = {
        {"very light", SKIN_VERY_LIGHT}, {"light", SKIN_LIGHT}, {"medium", SKIN_MEDIUM}, {"brown", SKIN_BROWN}, {"dark", SKIN_DARK}};
    const mn_look *look = w->look;
    int all[16], n = 0, said = 0;
    for (size_t k = 0; k < sizeof STYLE / sizeof *STYLE; k++)
        if (!strcmp(look->style, STYLE[k].style) && chance(w, .7))
            all[n++] = look->wavy && (STYLE[k].frame == HAIR_BOB || STYLE[k].frame == HAIR_LONG) && chance(w, .5) ? HAIR_WAVY : STYLE[k].frame;
    for (size_t k = 0; k < sizeof TONE / sizeof *TONE; k++)
        if (!strcmp(look->skin, TONE[k].tone) && chance(w, .25)) all[n++] = TONE[k].frame;
    if (chance(w, .25)) all[n++] = IRIS;
    if (look->beard > .2f && chance(w, .5)) all[n++] = look->goatee > .5f ? GOATEE : look->beard < .5f ? STUBBLE : BEARD;
    if (look->freckles > .35f && chance(w, .5)) all[n++] = FRECKLES;
    if (look->lipstick > .5f && chance(w, .3)) all[n++] = LIPSTICK;
    else if (look->make_up > .6f && chance(w, .3)) all[n++] = MAKE_UP;
    if (look->brows > 1.15f && chance(w, .2)) all[n++] = THICK_BROWS;
    if (look->brows < .8f && chance(w, .2)) all[n++] = THIN_BROWS;
    while (n && said < MOST_LOOKS) {
        int k = (int)mn_rng_below(w->rng, n);
        out[said++] = all[k];
        all[k] = all[--n];
    }
    return said;
}

/* ---- sentences ---------------------------------------------------------- */

static void join(writer *w, int k, int n) { if (k) frame(w, k < n - 1 ? COMMA : AND); }

static void say_looks(writer *w, const int *looks, int n) {
    for (int k = 0; k < n; k++) {
        if (k) frame(w, k < n - 1 ? COMMA : AND); else frame(w, WITH);
        frame(w, (enum frame)looks[k]);
    }
}

/* "smiling, raising the eyebrows and ...", or "smiling with raised eyebrows". */
static void say_doings(writer *w, const said *s, int n) {
    bool with = n > 1 && chance(w, .3), during = n == 2 && !with && chance(w, .25);
    for (int k = 0; k < n; k++) {
        if (k && with) { if (k == 1) frame(w, WITH); else join(w, k - 1, n - 1); }
        else if (k && during) frame(w, WHILE);
        else join(w, k, n);
        if (k && with) say_having(w, &s[k]); else say_doing(w, &s[k]);
    }
}

static void say_havings(writer *w, const said *s, int n) {
    for (int k = 0; k < n; k++) { join(w, k, n); say_having(w, &s[k]); }
}

/* Denies something that people would ask for and that is not there at all. */
static void say_absent(writer *w, const mn_seen seen[MN_SEES]) {
    static const int ASKED[] = {MN_SEE_SMILE, MN_SEE_GRIN, MN_SEE_MOUTH_OPEN, MN_SEE_EYES_CLOSED, MN_SEE_BROWS_UP, MN_SEE_BROWS_DOWN, MN_SEE_ANGRY, MN_SEE_SAD, MN_SEE_PUCKER};
    int what = ASKED[mn_rng_below(w->rng, sizeof ASKED / sizeof *ASKED)];
    uint64_t near = mn_caption_parts(what);
    bool there = seen[what].strength > ABSENT;
    for (int k = 0; k < MN_SEES; k++) if (seen[k].strength > SEEN && ((near >> k & 1) || mn_caption_parts(k) >> what & 1)) there = true;
    if (there || seen[MN_SEE_MOUTH_WIDE].strength > ABSENT) return;
    frame(w, WITHOUT);
    say(w, mn_caption_phrases[what].doing);
}

enum form { FORM_WHO, FORM_BARE, FORM_HAVING, FORM_BEING, FORM_BEFORE, FORM_VERB, FORM_ORDER, FORM_FRAGMENT };

static enum form pick_form(writer *w, bool can_be) {
    static const float SHARE[] = {.28f, .12f, .20f, .12f, .10f, .06f, .04f, .08f};
    double u = mn_rng_uniform(w->rng);
    enum form f = FORM_WHO;
    while (f < FORM_FRAGMENT && u >= SHARE[f]) u -= SHARE[f++];
    return !can_be && (f == FORM_BEING || f == FORM_BEFORE) ? FORM_WHO : f;
}

static void say_sentence(writer *w, const mn_seen seen[MN_SEES]) {
    said s[MN_SEES + 1];
    int looks[MOST_LOOKS], n = pick(w, seen, s), n_looks = w->look && chance(w, .4) ? appearance(w, looks) : 0;
    bool can_be = being_first(s, n) && chance(w, .9), face = chance(w, .15);
    enum form form = pick_form(w, can_be);
    if (form == FORM_ORDER || form == FORM_FRAGMENT) {
        bool order = form == FORM_ORDER && s[0].what != MN_SEE_NEUTRAL, having = chance(w, .5);
        if (!order) { if (having) say_havings(w, s, n); else say_doings(w, s, n); return; }
        for (int k = 0; k < n; k++) { join(w, k, n); say_verb(w, &s[k], 2); }
        return;
    }
    if (chance(w, .2)) frame(w, OPENING);
    if (form == FORM_BEFORE) {
        frame(w, A);
        say_being(w, &s[0], true);
        frame(w, SPACE);
        frame(w, NOUN);
        say_looks(w, looks, n_looks);
        if (n > 1) { frame(w, n_looks ? AND : WITH); say_havings(w, s + 1, n - 1); }
    } else {
        frame(w, face ? FACE : PERSON);
        say_looks(w, looks, n_looks);
    }
    if (form == FORM_WHO) { frame(w, face ? THAT : WHO); say_doings(w, s, n); }
    if (form == FORM_BARE) { frame(w, n_looks && chance(w, .5) ? COMMA : SPACE); say_doings(w, s, n); }
    if (form == FORM_HAVING) { frame(w, n_looks ? AND : WITH); say_havings(w, s, n); }
    if (form == FORM_BEING) {
        frame(w, face ? THAT_LOOKS : WHO_LOOKS);
        say_being(w, &s[0], false);
        if (n > 1) { frame(w, WITH); say_havings(w, s + 1, n - 1); }
    }
    if (form == FORM_VERB) for (int k = 0; k < n; k++) { if (k) join(w, k, n); else frame(w, SPACE); say_verb(w, &s[k], 1); }
    if (form != FORM_HAVING && form != FORM_VERB && chance(w, s[0].what == MN_SEE_NEUTRAL ? .2 : .06)) say_absent(w, seen);
}

/* "a angry" -> "an angry", "an slight" -> "a slight", at word boundaries. */
static void copy_with_articles(const char *from, char *out, size_t size) {
    size_t n = 0;
    for (size_t i = 0; from[i] && n + 3 < size; ) {
        bool start = i == 0 || from[i - 1] == ' ';
        size_t article = start && from[i] == 'a' ? (from[i + 1] == ' ' ? 1 : from[i + 1] == 'n' && from[i + 2] == ' ' ? 2 : 0) : 0;
        if (!article) { out[n++] = from[i++]; continue; }
        char next = from[i + article + 1];
        out[n++] = 'a';
        if (next && strchr("aeiou", next)) out[n++] = 'n';
        i += article;
    }
    out[n] = 0;
}

mn_status mn_caption(const mn_look *look, const float weights[MN_EXPR_UNITS], mn_rng *rng, char *out, size_t size) {
    if (size < MN_CAPTION) return mn_fail(MN_EARG, "caption: room for %d bytes expected, found %zu", MN_CAPTION, size);
    mn_seen seen[MN_SEES];
    mn_caption_see(weights, seen);
    writer w = {.rng = rng, .look = look};
    say_sentence(&w, seen);
    copy_with_articles(w.text, out, size - 1);
    if (chance(&w, .4)) {
        out[0] = (char)toupper((unsigned char)out[0]);
        if (chance(&w, .5)) strcat(out, ".");
    }
    return MN_OK;
}
