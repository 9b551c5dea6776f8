/* test_tokenizer.c -- the tokenizers against golden files (tests/golden/tokenizer/README.md), and what they
 * do with wrong vocabularies, wrong UTF-8 and very long texts.
 *
 * With MIEN_BPE=path of CLIP's vocabulary and MIEN_TOKENS_GOLDEN=path of a file of {"text", "clean", "ids",
 * "ftfy"} lines, those are checked too: every line but the ones that need mojibake repair, which are counted. */
#include <stdlib.h>
#include <time.h>
#include <zlib.h>
#include "check.h"
#include "scratch.h"
#include "io/file.h"
#include "io/json.h"
#include "io/tokenizer.h"

#define GOLDEN "tests/golden/tokenizer/"

/* ---- golden files ------------------------------------------------------- */

struct golden { char *bytes; size_t size, place; mn_json *line; };

static void golden_open(struct golden *g, const char *path) {
    *g = (struct golden){0};
    g->bytes = mn_file_read(path, 64 << 20, &g->size);
    CHECK(g->bytes != NULL);
}

/* The next line as a JSON object, NULL at the end. */
static const mn_json *golden_next(struct golden *g) {
    mn_json_free(g->line);
    g->line = NULL;
    if (!g->bytes || g->place >= g->size) return NULL;
    const char *start = g->bytes + g->place;
    size_t len = strcspn(start, "\n");
    g->place += len + 1;
    g->line = mn_json_parse(start, len, "golden line", 0);
    CHECK(g->line != NULL);
    return g->line;
}

static void golden_close(struct golden *g) {
    mn_json_free(g->line);
    free(g->bytes);
}

static const char *string_of(const mn_json *line, const char *key) {
    const mn_json *v = mn_json_get(line, key);
    return v && v->type == MN_JSON_STRING ? v->text : NULL;
}

static bool same_ids(const mn_bpe *bpe, const mn_json *line) {
    const mn_json *want = mn_json_get(line, "ids");
    int32_t ids[512];
    int n = -1;
    if (mn_bpe_encode(bpe, string_of(line, "text"), ids, 512, &n) || n != (int)want->count) return false;
    for (int i = 0; i < n; i++)
        if (ids[i] != want->items[i].integer) return false;
    return true;
}

static bool same_clean(const mn_json *line) {
    char *clean = mn_bpe_clean(string_of(line, "text"));
    bool same = clean && !strcmp(clean, string_of(line, "clean"));
    if (!same) fprintf(stderr, "text <%s>\n  gives <%s>, expected <%s>\n", string_of(line, "text"), clean ? clean : "", string_of(line, "clean"));
    free(clean);
    return same;
}

static void test_goldens(void) {
    static const char *const clean_files[] = {GOLDEN "clean.jsonl", GOLDEN "clean_more.jsonl"};
    struct golden g;
    const mn_json *line;
    for (int i = 0; i < 2; i++) {
        int lines = 0;
        for (golden_open(&g, clean_files[i]); (line = golden_next(&g)); lines++) CHECK(same_clean(line));
        CHECK(lines > 50);
        golden_close(&g);
    }
    mn_bpe *bpe = mn_bpe_open(GOLDEN "tiny_merges.txt");
    CHECK(bpe != NULL);
    if (!bpe) return;
    CHECK(mn_bpe_count(bpe) == 512 + 120 + 2);
    int lines = 0;
    for (golden_open(&g, GOLDEN "tiny_ids.jsonl"); (line = golden_next(&g)); lines++) CHECK(same_ids(bpe, line));
    CHECK(lines > 40);
    golden_close(&g);
    mn_bpe_free(bpe);
}

/* The developer's check with CLIP's real vocabulary. */
static void test_full_vocabulary(void) {
    const char *vocabulary = getenv("MIEN_BPE"), *tokens = getenv("MIEN_TOKENS_GOLDEN");
    if (!vocabulary || !tokens) return;
    mn_bpe *bpe = mn_bpe_open(vocabulary);
    CHECK(bpe && mn_bpe_count(bpe) == 49408);
    if (!bpe) return;
    struct golden g;
    const mn_json *line;
    int plain = 0, mojibake = 0, repaired = 0;
    for (golden_open(&g, tokens); (line = golden_next(&g));) {
        const mn_json *steps = mn_json_get(line, "ftfy");
        bool needs_repair = false;
        for (size_t i = 0; steps && i < steps->count; i++)
            needs_repair = needs_repair || strstr("encode decode decode_inconsistent_utf8", steps->items[i].text);
        if (needs_repair) {
            mojibake++;
            repaired += same_clean(line) && same_ids(bpe, line);
        } else {
            plain++;
            CHECK(same_clean(line));
            CHECK(same_ids(bpe, line));
        }
        int32_t ids[77];
        const mn_json *too_long = mn_json_get(line, "too_long");
        CHECK_STATUS(too_long ? MN_EARG : MN_OK, mn_bpe_tokens(bpe, string_of(line, "text"), 77, false, ids));
    }
    golden_close(&g);
    printf("full vocabulary: %d lines checked, %d of %d mojibake lines repaired as ftfy does\n", plain, repaired, mojibake);
    mn_bpe_free(bpe);
}

/* ---- context windows ---------------------------------------------------- */

static void test_tokens(void) {
    mn_bpe *bpe = mn_bpe_open(GOLDEN "tiny_merges.txt");
    if (!bpe) return;
    int start = mn_bpe_count(bpe) - 2, end = start + 1, n = -1;
    int32_t ids[8], two[2] = {-7, -7};
    CHECK(mn_bpe_tokens(bpe, "1 2 3", 8, false, ids) == MN_OK);
    CHECK(ids[0] == start && ids[4] == end && ids[5] == 0 && ids[7] == 0);
    CHECK(ids[1] == 256 + '1' - '!' && ids[3] == 256 + '3' - '!');       /* a digit's own symbol at a word's end */
    CHECK(mn_bpe_tokens(bpe, "1 2 3 4 5 6", 8, false, ids) == MN_OK && ids[6] == 256 + '6' - '!' && ids[7] == end);
    CHECK_STATUS(MN_EARG, mn_bpe_tokens(bpe, "1 2 3 4 5 6 7", 8, false, ids));
    CHECK(mn_bpe_tokens(bpe, "1 2 3 4 5 6 7", 8, true, ids) == MN_OK && ids[6] == 256 + '6' - '!' && ids[7] == end);
    CHECK(mn_bpe_tokens(bpe, "", 2, false, two) == MN_OK && two[0] == start && two[1] == end);
    CHECK_STATUS(MN_EARG, mn_bpe_tokens(bpe, "", 1, false, two));
    int32_t few[2] = {-7, -7};                   /* room for one: the other stays as it was, all are counted */
    CHECK(mn_bpe_encode(bpe, "1 2 3", few, 1, &n) == MN_OK && n == 3 && few[0] == 256 + '1' - '!' && few[1] == -7);
    mn_bpe_free(bpe);
}

/* ---- wrong UTF-8 -------------------------------------------------------- */

static void check_clean(const char *text, const char *want) {
    char *clean = mn_bpe_clean(text);
    if (clean && strcmp(clean, want)) fprintf(stderr, "got <%s>, expected <%s>\n", clean, want);
    CHECK(clean && !strcmp(clean, want));
    free(clean);
}

static void test_wrong_utf8(void) {
    check_clean("a\xFF" "b", "a\xEF\xBF\xBD" "b");
    check_clean("\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD");                 /* overlong: two wrong bytes */
    check_clean("\xE4\xBD", "\xEF\xBF\xBD");                             /* cut off: one piece */
    check_clean("\xE4\xBDz", "\xEF\xBF\xBDz");
    check_clean("\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");     /* beyond U+10FFFF */
    check_clean("\xED\xA0\xBD\xED\xB8\x80", "\xF0\x9F\x98\x80");         /* a surrogate pair is joined */
    check_clean("\xED\xA0\xBDx", "\xEF\xBF\xBDx");                       /* half a pair */
}

/* Our own rule for UTF-8 read as Windows-1252 (tokenizer_mojibake.c); that it agrees with ftfy is in the goldens. */
static void test_mojibake(void) {
#define E_ACUTE "\xC3\x83\xC2\xA9"              /* e with acute, mangled: A with tilde, copyright sign */
#define WEAK "\xC3\x89\xE2\x80\x9D"             /* capital E with acute, closing quote: could be meant */
#define WEAK_KEPT "\xC3\xA9\""
    check_clean("caf" WEAK, "caf" WEAK_KEPT);
    check_clean("caf" E_ACUTE, "caf\xC3\xA9");
    check_clean("caf" E_ACUTE " - " WEAK, "caf\xC3\xA9 - \xC9\x94");                         /* all of the line fits: all turned back */
    check_clean("caf" E_ACUTE " \xC5\x82 " WEAK, "caf\xC3\xA9 \xC5\x82 " WEAK_KEPT);        /* some does not: only what convinces */
    check_clean("\xE2\x82\xAC" E_ACUTE "x", "\xE2\x82\xAC\xC3\xA3\xC2\xA9x");            /* behind the rest of another sequence: left alone */
}

/* ---- wrong vocabularies ------------------------------------------------- */

static void check_refused(const char *bytes, size_t size, mn_status code, const char *part) {
    char name[256];
    scratch_name(name, ".bpe");
    CHECK(mn_file_write(name, bytes, size) == MN_OK);
    mn_bpe *bpe = mn_bpe_open(name);
    CHECK(bpe == NULL && mn_errcode() == code && strstr(mn_errmsg(), part));
    mn_error_clear();
    mn_bpe_free(bpe);
    remove(name);
}

static void test_wrong_vocabularies(void) {
#define REFUSED(text, part) check_refused(text, sizeof text - 1, MN_EFORMAT, part)
    REFUSED("", "no merges");
    REFUSED("#version: 1\n", "no merges");
    REFUSED("i n\nt h\n", "#version");
    REFUSED("#version: 1\ni n\nth\n", "line 3");
    REFUSED("#version: 1\ni n\nt h e\n", "line 3");
    REFUSED("#version: 1\ni n\n h\n", "line 3");
    REFUSED("#version: 1\ni n\n\nt h\n", "line 3");
    REFUSED("#version: 1\ni n\nth e</w>\n", "first symbol");
    REFUSED("#version: 1\ni n\nt he</w>\n", "second symbol");
    REFUSED("#version: 1\ni n\nt \xFF\xFE\n", "second symbol");
    REFUSED("#version: 1\ni n\0\n", "second symbol");
    REFUSED("#version: 1\ni n\ni n\n", "line 3");
    REFUSED("#version: 1\na b\nb c\nab c\na bc\n", "line 5");           /* abc in two ways */
    CHECK(mn_bpe_open(GOLDEN "no such file") == NULL);
    CHECK_STATUS(MN_ENOTFOUND, mn_errcode());

    /* gzip: whole, cut off, and with one wrong byte. */
    char name[256];
    scratch_name(name, ".gz");
    gzFile out = gzopen(name, "wb");
    char line[16] = "#version: 1\n";
    gzputs(out, line);
    for (int a = 'a'; a <= 'z'; a++)
        for (int b = 'a'; b <= 'z'; b++) gzprintf(out, "%c %c\n", a, b);
    gzclose(out);
    size_t size = 0;
    char *bytes = mn_file_read(name, 1 << 20, &size);
    mn_bpe *bpe = mn_bpe_open(name);
    CHECK(bpe && mn_bpe_count(bpe) == 512 + 26 * 26 + 2);
    mn_bpe_free(bpe);
    remove(name);
    if (!bytes) return;
    check_refused(bytes, size / 2, MN_EFORMAT, "damaged or cut off");
    check_refused(bytes, size - 4, MN_EFORMAT, "damaged or cut off");
    bytes[size - 6] ^= 1;                        /* in the checksum */
    check_refused(bytes, size, MN_EFORMAT, "damaged or cut off");
    free(bytes);
}

/* ---- long texts --------------------------------------------------------- */

/* `first`, then `piece` over and over, 1 MB in all, must be encoded within seconds: a quadratic step takes hours. */
static void check_long(const mn_bpe *bpe, const char *first, const char *piece) {
    size_t len = strlen(piece), head = strlen(first), size = 1 << 20;
    char *text = malloc(size + 1);
    memcpy(text, first, head);
    for (size_t i = head; i < size; i++) text[i] = piece[(i - head) % len];
    text[size] = 0;
    struct timespec from, to;
    int n = 0;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    CHECK(mn_bpe_encode(bpe, text, NULL, 0, &n) == MN_OK);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
    double seconds = (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
    if (getenv("MIEN_VERBOSE")) printf("1 MB of %-12.12s %8d ids %.2f s\n", piece, n, seconds);
    CHECK(seconds < 60);                         /* 0.1 to 2 s measured; a loaded machine or a sanitizer is slower */
    free(text);
}

static void test_long_texts(void) {
    mn_bpe *bpe = mn_bpe_open(GOLDEN "tiny_merges.txt");
    if (!bpe) return;
    static const char *const pieces[] = {
        "a", "ab", "a person ", "1", "!", "&amp;", "amp;", "&", "&#", "&#xFF06;#", "\x1B[", "\xC3\x83\xC2\xA9", "\xC3\x83", "\xFF",
        "\xCC\x96\xCC\x81", "\xCE\xA3'", "\xC3\xA2\xE2\x82\xAC\xE2\x84\xA2", "\n", "x\n",
    };
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) check_long(bpe, "", pieces[i]);
    check_long(bpe, "&", "#xFF06;");             /* each round of repair uncovers one more reference */
    check_long(bpe, "&", "amp;");
    mn_bpe_free(bpe);
}

/* ---- words -------------------------------------------------------------- */

static void check_split(const char *text, const char *want) {
    char *words = mn_words_split(text);
    CHECK(words && !strcmp(words, want));
    free(words);
}

static void check_list_refused(const char *list, const char *part) {
    mn_words *words = mn_words_parse(list);
    CHECK(words == NULL && mn_errcode() == MN_EFORMAT && strstr(mn_errmsg(), part));
    mn_error_clear();
    mn_words_free(words);
}

static void test_words(void) {
    check_split("The woman's LEFT eye: half-closed, don't smile!", "the\nwoman\nleft\neye\nhalf\nclosed\ndont\nsmile\n");
    check_split("caf\xC3\xA9 CAFE\xCC\x81 \xE2\x80\x98quoted\xE2\x80\x99 rock 'n' roll", "caf\xC3\xA9\ncaf\xC3\xA9\nquoted\nrock\nn\nroll\n");
    check_split("  ... ", "");
    check_list_refused("", "empty");
    check_list_refused("[]", "empty");
    check_list_refused("smile\nSmile\n", "entry 2, 'Smile'");
    check_list_refused("smile\n\nface\n", "entry 2");
    check_list_refused("make-up\n", "entry 1");
    check_list_refused("smile\nface\nsmile", "entry 3, 'smile', is listed twice");
    check_list_refused("[\"smile\", 3]", "entry 2: a string expected");
    check_list_refused("[\"smile\"", "word list");

    mn_words *lines = mn_words_parse("a\nsmiling\r\nface\nleft"), *array = mn_words_parse(" [\"a\", \"smiling\", \"face\", \"left\"]");
    CHECK(lines && array && mn_words_count(lines) == 8 && mn_words_count(array) == 8);
    if (!lines || !array) return;
    CHECK(!strcmp(mn_words_word(lines, 5), "smiling") && !strcmp(mn_words_word(array, 7), "left"));
    CHECK(!strcmp(mn_words_word(lines, MN_WORDS_UNKNOWN), "") && !strcmp(mn_words_word(lines, 8), ""));
    int32_t ids[8], other[8];
    int n = -1;
    char **unknown = NULL;
    CHECK(mn_words_encode(lines, "A zorp, smiling FACE; zorp quux", 8, false, ids, &n, &unknown) == MN_OK);
    const int32_t want[8] = {1, 4, 3, 5, 6, 3, 3, 2};
    CHECK(!memcmp(ids, want, sizeof want));
    CHECK(n == 2 && unknown && !strcmp(unknown[0], "zorp") && !strcmp(unknown[1], "quux"));
    free(unknown);
    CHECK(mn_words_encode(array, "A zorp, smiling FACE; zorp quux", 8, false, other, NULL, NULL) == MN_OK && !memcmp(ids, other, sizeof ids));
    CHECK(mn_words_encode(lines, "left!", 8, false, ids, &n, &unknown) == MN_OK && n == 0 && unknown == NULL);
    const int32_t want_left[8] = {1, 7, 2, 0, 0, 0, 0, 0};
    CHECK(!memcmp(ids, want_left, sizeof want_left));
    CHECK_STATUS(MN_EARG, mn_words_encode(lines, "a a a a a a zorp", 8, false, ids, &n, &unknown));
    CHECK(n == 0 && unknown == NULL);
    CHECK(mn_words_encode(lines, "a a a a a a zorp", 8, true, ids, &n, &unknown) == MN_OK && ids[6] == 4 && ids[7] == 2 && n == 0);
    CHECK_STATUS(MN_EARG, mn_words_encode(lines, "a", 1, true, ids, &n, &unknown));
    mn_words_free(lines);
    mn_words_free(array);
}

int main(void) {
    test_goldens();
    test_full_vocabulary();
    test_tokens();
    test_wrong_utf8();
    test_mojibake();
    test_wrong_vocabularies();
    test_long_texts();
    test_words();
    return check_done("tokenizer");
}
