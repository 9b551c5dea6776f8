/* caption_words.c -- the lexicon of the captions: phrases for everything that can be seen, verb forms, and the list of
 * all words.  Format of the phrases in caption.h.  Left and right are the subject's. */
#include "synth/caption.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const mn_phrases mn_caption_phrases[MN_SEES] = {
    [MN_SEE_NEUTRAL] = {"looking neutral|showing no expression|relaxing the face|keeping a straight face|making no expression", "a neutral expression|a neutral face|a relaxed face|no expression|a calm expression|a blank expression|a resting face|an expressionless face|a straight face",
        "neutral|calm|relaxed|expressionless", NULL, NULL},
    [MN_SEE_ANGRY] = {"looking angry|scowling|glaring|making an angry face|showing anger|glowering", "an angry expression|an angry face|an angry look|a scowl|an angry glare|a look of anger",
        "angry|furious|mad|annoyed|irritated|enraged|cross", NULL, NULL},
    [MN_SEE_SAD] = {"looking sad|looking unhappy|making a sad face|showing sadness|sulking|looking ready to cry", "a sad expression|a sad face|a sad look|a sorrowful expression|an unhappy face|a look of sadness",
        "sad|unhappy|sorrowful|gloomy|upset|dejected|miserable", NULL, NULL},
    [MN_SEE_SURPRISED] = {"looking surprised|showing surprise|making a surprised face|gasping", "a surprised expression|a look of surprise|an astonished face|a surprised look",
        "surprised|astonished|amazed|shocked|startled", NULL, NULL},
    [MN_SEE_AFRAID] = {"looking afraid|showing fear|looking scared", "a frightened expression|a fearful look|a scared face|a look of fear", "afraid|scared|frightened|fearful|terrified", NULL, NULL},
    [MN_SEE_DISGUSTED] = {"looking disgusted|showing disgust|making a disgusted face", "a disgusted expression|a look of disgust|a disgusted face", "disgusted|revolted", NULL, NULL},
    [MN_SEE_LAUGH] = {"laughing|smiling with an open mouth|smiling with the mouth open|laughing out loud", "an open-mouthed smile|a laughing mouth|a smile and an open mouth|a laugh",
        "laughing|amused|happy|joyful", NULL, NULL},
    [MN_SEE_GRIN] = {"grinning|showing the teeth in a smile|smiling with visible teeth|baring the teeth in a grin|giving a toothy smile|showing a big grin",
        "a grin|a toothy smile|a big grin|a big smile showing teeth|a smile with visible teeth|a toothy grin", "grinning|beaming|delighted|happy", NULL, NULL},
    [MN_SEE_SMILE] = {"smiling|showing a smile|pulling $corners up|raising $corners|giving a smile|smiling with closed lips", "a smile|a smiling mouth|raised lip corners|upturned mouth corners|a friendly smile|a happy mouth|a lip corner puller",
        "smiling|happy|cheerful|joyful|pleased|friendly|content",
        "smirking|smiling on the $side side|pulling up $corners|smiling with $corners", "a smirk|a crooked smile|a lopsided smile|$corners raised"},
    [MN_SEE_EYES_CLOSED] = {"closing eyes|closing $eyes|shutting $eyes|keeping $eyes closed|holding $eyes shut", "closed eyes|eyes closed|shut eyes|closed eyelids|lowered eyelids|the eyes closed", NULL,
        "winking|winking with $eyes|closing $eyes|closing only $eyes|shutting $eyes", "a wink|$eyes closed|one eye closed|$eyes shut"},
    [MN_SEE_EYES_HALF] = {"half closing the eyes|letting the eyelids droop|lowering the eyelids|partly closing the eyes", "half-closed eyes|drooping eyelids|heavy eyelids|partly closed eyes", "sleepy|drowsy|tired", NULL, NULL},
    [MN_SEE_BROWS_UP] = {"raising brow|raising $brows|lifting $brows|pulling $brows up|raising brows", "raised brows|raised eyebrows|lifted eyebrows|eyebrows raised|high eyebrows", NULL,
        "raising $brows|lifting $brows|pulling up $brows", "$brows raised|$brows lifted|a single raised eyebrow"},
    [MN_SEE_INNER_UP] = {"raising the inner eyebrows|pulling the inner brows up|lifting the inner ends of the eyebrows|raising the inner brow", "raised inner eyebrows|an inner brow raiser|worried eyebrows|slanted eyebrows", "worried|concerned", NULL, NULL},
    [MN_SEE_OUTER_UP] = {"raising the outer eyebrows|lifting the outer ends of the eyebrows|raising the outer brow", "raised outer eyebrows|an outer brow raiser|arched eyebrows", NULL, NULL, NULL},
    [MN_SEE_BROWS_DOWN] = {"frowning brow|frowning|lowering $brows|furrowing $brows|knitting the brows|pulling the eyebrows together|drawing $brows down|frowning brows", "a frowning brow|lowered eyebrows|furrowed eyebrows|knitted brows|a furrowed brow|a frown|a brow lowerer",
        "frowning|stern|concentrated|serious", "lowering $brows|pulling $brows down", "$brows lowered|$brows pulled down"},
    [MN_SEE_MOUTH_WIDE] = {"stretching mouth|stretching the mouth|opening the mouth wide|opening the mouth very wide|yawning|dropping the jaw|stretching the mouth open", "a wide open mouth|a stretched mouth|a mouth stretched open|the mouth wide open|a mouth stretch|a dropped jaw",
        "yawning|shouting|screaming", NULL, NULL},
    [MN_SEE_MOUTH_OPEN] = {"opening the mouth|letting the jaw drop|dropping the jaw", "an open mouth|the mouth open|a jaw drop|an opened mouth", NULL, NULL, NULL},
    [MN_SEE_MOUTH_LEFT] = {"moving mouth left|moving the mouth to the left|pulling the mouth to the left|shifting the lips left|twisting the mouth to the left|moving the mouth left", "the mouth moved to the left|a mouth pulled to the left|the lips shifted left|the mouth twisted to the left", NULL, NULL, NULL},
    [MN_SEE_MOUTH_RIGHT] = {"moving mouth right|moving the mouth to the right|pulling the mouth to the right|shifting the lips right|twisting the mouth to the right|moving the mouth right", "the mouth moved to the right|a mouth pulled to the right|the lips shifted right|the mouth twisted to the right", NULL, NULL, NULL},
    [MN_SEE_DIMPLES] = {"showing dimples|making dimples|tightening the lip corners|pressing the mouth corners in|dimpling $cheeks|showing a dimpler", "dimples|tightened lip corners|dimpled cheeks|a dimpler|dimples in the cheeks", NULL,
        "showing a dimple in $cheeks|tightening $corners", "a dimple in $cheeks|$corners tightened"},
    [MN_SEE_FUNNEL] = {"making a lip funnel|funneling the lips|pushing the lips forward into a funnel|rounding the lips|forming an o with the lips|making a funnel with the lips", "funneled lips|a lip funnel|rounded lips|lips in the shape of an o|a lip funneler|a round mouth", NULL, NULL, NULL},
    [MN_SEE_PUCKER] = {"puckering the lips|pursing the lips|kissing|making a kissing face|blowing a kiss|puckering up", "puckered lips|pursed lips|a kissing mouth|a kiss on the lips|a lip pucker", "kissing|pouting", NULL, NULL},
    [MN_SEE_CORNERS_DOWN] = {"turning the mouth corners down|pulling $corners down|frowning with the mouth|lowering $corners", "a downturned mouth|lowered lip corners|mouth corners pulled down|a mouth frown|a lip corner depressor", "displeased|disappointed",
        "pulling down $corners|lowering $corners", "$corners lowered|$corners pulled down"},
    [MN_SEE_LIPS_PRESSED] = {"pressing the lips together|tightening the lips|pressing the lips", "pressed lips|tight lips|tightened lips|lips pressed together|a tight mouth", "tense", NULL, NULL},
    [MN_SEE_LIPS_SUCKED] = {"sucking the lips in|rolling the lips in|hiding the lips|sucking in the lips", "lips sucked in|lips rolled inwards|hidden lips|a lip suck", NULL, NULL, NULL},
    [MN_SEE_CHEEKS_PUFFED] = {"puffing $cheeks|blowing up $cheeks|puffing out $cheeks|inflating $cheeks", "puffed cheeks|inflated cheeks|puffed out cheeks|cheeks full of air", NULL,
        "puffing $cheeks|blowing up $cheeks", "$cheeks puffed|$cheeks inflated"},
    [MN_SEE_JAW_LEFT] = {"moving the jaw to the left|shifting the jaw left|sliding the jaw to the left", "the jaw shifted to the left|the jaw moved left", NULL, NULL, NULL},
    [MN_SEE_JAW_RIGHT] = {"moving the jaw to the right|shifting the jaw right|sliding the jaw to the right", "the jaw shifted to the right|the jaw moved right", NULL, NULL, NULL},
    [MN_SEE_JAW_FORWARD] = {"pushing the jaw forward|thrusting the chin forward|sticking the jaw out|thrusting the jaw", "a jutting jaw|the jaw pushed forward|a jaw thrust|the chin forward", NULL, NULL, NULL},
    [MN_SEE_NOSE] = {"wrinkling the nose|scrunching up the nose|sneering|wrinkling the nose up", "a wrinkled nose|a scrunched nose|a sneer|a nose wrinkle", NULL,
        "wrinkling the $side side of the nose|sneering on the $side side", "a sneer on the $side side|the $side side of the nose wrinkled"},
    [MN_SEE_SQUINT] = {"squinting|narrowing $eyes|tightening the eyelids|squinting $eyes", "narrowed eyes|squinting eyes|tightened eyelids|a squint", "squinting",
        "squinting $eyes|narrowing $eyes", "$eyes narrowed|$eyes squinting"},
    [MN_SEE_EYES_WIDE] = {"widening $eyes|opening $eyes wide|staring|raising the upper eyelids", "wide eyes|wide open eyes|widened eyes|raised upper eyelids|eyes wide open", "staring|alert|wide-eyed",
        "opening $eyes wide|widening $eyes", "$eyes wide open|$eyes widened"},
    [MN_SEE_CHEEKS_UP] = {"raising $cheeks|lifting $cheeks|raising the cheeks", "raised cheeks|lifted cheeks|a cheek raiser", NULL, "raising $cheeks|lifting $cheeks", "$cheeks raised|$cheeks lifted"},
    [MN_SEE_UPPER_LIP] = {"raising the upper lip|lifting the upper lip|curling the upper lip", "a raised upper lip|a curled upper lip|visible upper teeth", NULL, NULL, NULL},
    [MN_SEE_LOWER_LIP] = {"lowering the lower lip|pulling the lower lip down|showing the lower teeth", "a lowered lower lip|visible lower teeth|the lower lip pulled down", NULL, NULL, NULL},
    [MN_SEE_LIPS_PARTED] = {"parting the lips|opening the lips", "parted lips|lips parted|open lips", NULL, NULL, NULL},
    [MN_SEE_LIPS_STRETCHED] = {"stretching the lips|stretching the lips sideways|pulling the lips wide", "stretched lips|a wide mouth|lips stretched sideways|a lip stretcher", NULL, NULL, NULL},
    [MN_SEE_CHIN] = {"raising the chin|pushing the lower lip up|wrinkling the chin", "a raised chin|the lower lip pushed up|a chin raiser|a wrinkled chin", NULL, NULL, NULL},
};

const char *const mn_caption_verbs[][3] = {
    {"baring", "bares", "bare"}, {"blowing", "blows", "blow"}, {"closing", "closes", "close"}, {"curling", "curls", "curl"},
    {"dimpling", "dimples", "dimple"}, {"drawing", "draws", "draw"}, {"dropping", "drops", "drop"}, {"forming", "forms", "form"},
    {"frowning", "frowns", "frown"}, {"funneling", "funnels", "funnel"}, {"furrowing", "furrows", "furrow"}, {"gasping", "gasps", "gasp"},
    {"giving", "gives", "give"}, {"glaring", "glares", "glare"}, {"glowering", "glowers", "glower"}, {"grinning", "grins", "grin"},
    {"hiding", "hides", "hide"}, {"holding", "holds", "hold"}, {"inflating", "inflates", "inflate"}, {"keeping", "keeps", "keep"},
    {"kissing", "kisses", "kiss"}, {"knitting", "knits", "knit"}, {"laughing", "laughs", "laugh"}, {"letting", "lets", "let"},
    {"lifting", "lifts", "lift"}, {"looking", "looks", "look"}, {"lowering", "lowers", "lower"}, {"making", "makes", "make"},
    {"moving", "moves", "move"}, {"narrowing", "narrows", "narrow"}, {"opening", "opens", "open"}, {"parting", "parts", "part"},
    {"pressing", "presses", "press"}, {"puckering", "puckers", "pucker"}, {"puffing", "puffs", "puff"}, {"pulling", "pulls", "pull"},
    {"pursing", "purses", "purse"}, {"pushing", "pushes", "push"}, {"raising", "raises", "raise"}, {"relaxing", "relaxes", "relax"}, {"rolling", "rolls", "roll"},
    {"rounding", "rounds", "round"}, {"scowling", "scowls", "scowl"}, {"scrunching", "scrunches", "scrunch"}, {"shifting", "shifts", "shift"},
    {"showing", "shows", "show"}, {"shutting", "shuts", "shut"}, {"sliding", "slides", "slide"}, {"smiling", "smiles", "smile"},
    {"smirking", "smirks", "smirk"}, {"sneering", "sneers", "sneer"}, {"squinting", "squints", "squint"}, {"staring", "stares", "stare"},
    {"sticking", "sticks", "stick"}, {"stretching", "stretches", "stretch"}, {"sucking", "sucks", "suck"}, {"sulking", "sulks", "sulk"},
    {"thrusting", "thrusts", "thrust"}, {"tightening", "tightens", "tighten"}, {"turning", "turns", "turn"}, {"twisting", "twists", "twist"},
    {"widening", "widens", "widen"}, {"winking", "winks", "wink"}, {"wrinkling", "wrinkles", "wrinkle"}, {"yawning", "yawns", "yawn"},
    {NULL, NULL, NULL}};

/* ---- all words ---------------------------------------------------------- */

typedef struct word_list { char (*word)[24]; size_t n, room; bool failed; } word_list;

static void add_words(word_list *list, const char *text) {
    while (text && *text && !list->failed) {
        while (*text && !isalpha((unsigned char)*text) && *text != '$') text++;
        const char *from = text;
        bool slot = *text == '$';                       /* a place for other words, not a word */
        if (slot) text++;
        while (isalpha((unsigned char)*text) || (*text == '-' && isalpha((unsigned char)text[1]))) text++;
        size_t n = (size_t)(text - from);
        if (!n || slot || n >= sizeof *list->word) continue;
        if (list->n == list->room) {
            size_t room = list->room ? 2 * list->room : 512;
            void *larger = realloc(list->word, room * sizeof *list->word);
            if (!larger) { list->failed = true; return; }
            list->word = larger;
            list->room = room;
        }
        char *to = list->word[list->n++];
        for (size_t k = 0; k < n; k++) to[k] = (char)tolower((unsigned char)from[k]);
        to[n] = 0;
    }
}

static int by_text(const void *a, const void *b) { return strcmp(a, b); }

char *mn_caption_words(void) {
    word_list list = {0};
    for (int k = 0; k < MN_SEES; k++) {
        const mn_phrases *p = &mn_caption_phrases[k];
        const char *all[] = {p->doing, p->having, p->being, p->one_doing, p->one_having};
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) add_words(&list, all[i]);
    }
    for (int k = 0; mn_caption_verbs[k][0]; k++) for (int i = 0; i < 3; i++) add_words(&list, mn_caption_verbs[k][i]);
    for (int k = 0; mn_caption_frames[k]; k++) add_words(&list, mn_caption_frames[k]);
    char *out = list.failed ? NULL : malloc(list.n * sizeof *list.word + 1);
    if (!out) {
        free(list.word);
        mn_fail(MN_ENOMEM, "caption_words: no memory for %zu words", list.n);
        return NULL;
    }
    if (list.n) qsort(list.word, list.n, sizeof *list.word, by_text);
    char *at = out;
    for (size_t k = 0; k < list.n; k++)
        if (!k || strcmp(list.word[k], list.word[k - 1])) at += sprintf(at, "%s\n", list.word[k]);
    *at = 0;
    free(list.word);
    return out;
}
