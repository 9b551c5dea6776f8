/* test_caption.c -- captions say what is there: the twelve named expressions in recognisable words, sides, strengths,
 * appearance; and they are well formed whatever the weights. */
#include <ctype.h>
#include <stdlib.h>
#include "check.h"
#include "synth/caption.h"

static const mn_look LOOK = {.skin = "brown", .hair = "auburn", .style = "curly", .eyes = "hazel", .beard = .8f, .freckles = .7f, .lipstick = 0, .brows = 1};

static void lower(char *text) { for (; *text; text++) *text = (char)tolower((unsigned char)*text); }

/* Share of 400 captions of these weights that hold one of the words (separated by '|'). */
static double share(const float *w, const mn_look *look, const char *words) {
    int hits = 0;
    for (int i = 0; i < 400; i++) {
        char text[MN_CAPTION], list[256], *save;
        mn_rng rng = mn_rng_seed((uint64_t)i, 7);
        bool hit = false;
        if (mn_caption(look, w, &rng, text, sizeof text)) return -1;
        lower(text);
        snprintf(list, sizeof list, "%s", words);
        for (char *word = strtok_r(list, "|", &save); word; word = strtok_r(NULL, "|", &save)) hit |= strstr(text, word) != NULL;
        hits += hit;
    }
    return hits / 400.;
}

static void test_twelve(void) {
    static const struct { const char *name, *words; } KEY[] = {
        {"neutral", "neutral|express|relax|calm|face"}, {"smile", "smil|happy|lip corner|mouth corner|corners of the mouth|cheer|joy|pleas|friendly|content"},
        {"angry", "ang|scowl|glar|glower|mad|furious|annoy|irritat|rag|cross|brow|tight|press"}, {"sad", "sad|unhappy|sorrow|gloom|upset|dejected|miserable|sulk|cry|brow|corner"},
        {"close eyes", "eye"}, {"raise brow", "brow"}, {"frown brow", "brow|frown|stern|concentrated|serious"},
        {"mouth stretch", "mouth|jaw|yawn|shout|scream"}, {"mouth left", "left"}, {"mouth right", "right"}, {"dimpler", "dimpl|corner"},
        {"lip funneler", "lip|mouth"}, {"grin", "grin|teeth|tooth|beam|delight|happy"}};
    for (size_t k = 0; k < sizeof KEY / sizeof *KEY; k++) {
        float w[MN_EXPR_UNITS];
        CHECK_STATUS(MN_OK, mn_expression_named(KEY[k].name, 1, w));
        double s = share(w, NULL, KEY[k].words);
        if (s < .97) fprintf(stderr, "'%s': only %.2f of the captions say it\n", KEY[k].name, s);
        CHECK(s >= .97);
    }
}

static void test_sides_and_strengths(void) {
    float w[MN_EXPR_UNITS];
    mn_expression_named("mouth left", 1, w);
    CHECK(share(w, NULL, "right") == 0);
    memset(w, 0, sizeof w);
    w[mn_synth_unit("browInnerUp_R")] = w[mn_synth_unit("browOuterUp_R")] = .8f;
    CHECK(share(w, NULL, "right") > .7 && share(w, NULL, "left") == 0);
    mn_expression_named("smile", .35f, w);
    CHECK(share(w, NULL, "slight|little| bit|faint|subt|small|somewhat") > .3);
    CHECK(share(w, NULL, "strong|very|clear| big|a lot") == 0);
    mn_expression_named("AU12", .8f, w);
    CHECK(share(w, NULL, "slight|little| bit|faint|subt|small|somewhat") == 0);
    CHECK(share(w, NULL, "without|, not ") > .01);
    CHECK(share(w, NULL, "without smiling|not smiling|grin") == 0);
}

static void test_appearance(void) {
    float w[MN_EXPR_UNITS] = {0};
    CHECK(share(w, NULL, "hair|curl|hazel|beard|freckle|brown") == 0);
    CHECK(share(w, &LOOK, "auburn|curl") > .1);
    CHECK(share(w, &LOOK, "beard|facial hair") > .05);
    CHECK(share(w, &LOOK, "lipstick|blond|bald|straight hair") == 0);
}

static bool in_list(const char *list, const char *word, size_t n) {
    for (const char *at = list; (at = strstr(at, word)); at++)
        if ((at == list || at[-1] == '\n') && at[n] == '\n') return true;
    return false;
}

/* Any weights, however strange: known words, single spaces, right articles, no leftover mark-up. */
static void test_form(void) {
    char *words = mn_caption_words(), text[MN_CAPTION];
    CHECK(words != NULL);
    int unknown = 0, malformed = 0, articles = 0, different = 0;
    char last[MN_CAPTION] = "";
    for (int i = 0; i < 20000 && words; i++) {
        mn_rng rng = mn_rng_seed((uint64_t)i, 3);
        float w[MN_EXPR_UNITS];
        mn_expression_random(&rng, w);
        if (i % 2) for (int k = 0; k < MN_EXPR_UNITS; k++) if (mn_rng_uniform(&rng) < .3) w[k] = (float)mn_rng_uniform(&rng);
        if (mn_caption(i % 3 ? &LOOK : NULL, w, &rng, text, sizeof text)) { malformed++; break; }
        different += strcmp(text, last) != 0;
        strcpy(last, text);
        lower(text);
        malformed += !*text || *text == ' ' || strstr(text, "  ") || strpbrk(text, "$|") || strstr(text, " ,") || text[strlen(text) - 1] == ' ';
        for (char *at = text; *at;) {
            size_t n = strcspn(at, " ,.");
            char next = at[n] == ' ' ? at[n + 1] : 0, word[64];
            if (n >= sizeof word) { malformed++; break; }
            memcpy(word, at, n);
            word[n] = 0;
            if (n && !in_list(words, word, n)) { if (!unknown) fprintf(stderr, "unknown word '%s' in '%s'\n", word, text); unknown++; }
            bool vowel = next && strchr("aeiou", next);
            articles += (!strcmp(word, "a") && vowel) || (!strcmp(word, "an") && !vowel);
            at += n;
            at += strspn(at, " ,.");
        }
    }
    CHECK(unknown == 0);
    CHECK(malformed == 0);
    CHECK(articles == 0);
    CHECK(different > 19000);
    free(words);
    mn_rng rng = mn_rng_seed(0, 0);
    CHECK_STATUS(MN_EARG, mn_caption(NULL, (float[MN_EXPR_UNITS]){0}, &rng, text, 100));
}

int main(void) {
    test_twelve();
    test_sides_and_strengths();
    test_appearance();
    test_form();
    return check_done("caption");
}
