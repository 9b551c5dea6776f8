/* test_json.c -- the JSON reader on good, bad and hostile texts, and the JSON string writer against it. */
#include <stdlib.h>
#include "check.h"
#include "io/json.h"
#include "io/text.h"

static mn_json *parse(const char *text) { return mn_json_parse(text, strlen(text), "t", 0); }

static void refuse(const char *text, const char *part) {
    mn_json *j = parse(text);
    if (j || !strstr(mn_errmsg(), part)) fprintf(stderr, "for <<%s>> expected a message with <<%s>>\n", text, part);
    CHECK(!j && mn_errcode() == MN_EFORMAT && strstr(mn_errmsg(), part));
    mn_error_clear();
    mn_json_free(j);
}

static void good_values(void) {
    mn_json *j = parse(" {\"a\" : [1, -2.5e1, 0, true, false, null, [], {}], \"\": \"x\\u00e9\\ud83d\\ude00\\n\\\"\\/\", \"b\":{\"c\":9223372036854775807}} \n");
    CHECK(j && j->type == MN_JSON_OBJECT && j->count == 3);
    if (!j) return;
    const mn_json *a = mn_json_get(j, "a");
    CHECK(a && a->type == MN_JSON_ARRAY && a->count == 8 && a->at == 8);
    CHECK(a->items[0].is_int && a->items[0].integer == 1);
    CHECK(!a->items[1].is_int && a->items[1].number == -25);
    CHECK(a->items[3].truth && a->items[4].type == MN_JSON_BOOL && !a->items[4].truth && a->items[5].type == MN_JSON_NULL);
    CHECK(a->items[6].count == 0 && a->items[7].type == MN_JSON_OBJECT);
    CHECK(strcmp(mn_json_get(j, "")->text, "x\xc3\xa9\xf0\x9f\x98\x80\n\"/") == 0 && mn_json_get(j, "")->count == 10);
    const mn_json *c = mn_json_get(mn_json_get(j, "b"), "c");
    CHECK(c && !c->is_int && c->number == 9223372036854775807.0);    /* the last 1023 integers below 2^63 are given as doubles only */
    CHECK(!mn_json_get(j, "zz") && !mn_json_get(a, "a") && !mn_json_get(NULL, "a"));
    CHECK(strcmp(j->items[2].key, "b") == 0);
    mn_json_free(j);
    j = parse("-9007199254740993");
    CHECK(j && j->is_int && j->integer == -9007199254740993);
    mn_json_free(j);
}

static void bad_texts(void) {
    refuse("", "a JSON value, found the end");
    refuse("{\"a\":1,}", "byte 7: JSON: expected a key in quotes, found '}'");
    refuse("[1,]", "byte 3");
    refuse("[1 2]", "',' or ']'");
    refuse("{\"a\" 1}", "':' after a key");
    refuse("{1:2}", "a key in quotes");
    refuse("nul", "a JSON value");
    refuse("truest", "nothing after");
    refuse("01", "nothing after");
    refuse("-", "a digit");
    refuse("1.", "a digit");
    refuse("1e+", "a digit");
    refuse("+1", "a JSON value");
    refuse("NaN", "a JSON value");
    refuse("\"\\x\"", "after a backslash");
    refuse("\"\\u12g4\"", "four hexadecimal");
    refuse("\"\\u0000\"", "no \\u0000");
    refuse("\"\\ud800\"", "surrogate");
    refuse("\"\\ud800\\u0041\"", "surrogate");
    refuse("\"\\udc00\\ud800\"", "surrogate");
    refuse("\"a\nb\"", "byte 0x0a");
    refuse("\"a", "closing quote, found the end");
    refuse("\"\xc3(\"", "UTF-8");
    refuse("\"\xc0\x80\"", "UTF-8");
    refuse("\"\xed\xa0\x80\"", "UTF-8");
    refuse("\"\xf4\x90\x80\x80\"", "UTF-8");
    refuse("\"\xe2\x82\"", "UTF-8");
    refuse("{\"k\":1,\"x\":{\"k\":2},\"k\":3}", "\"k\" occurs twice");
    refuse("{\"k\":1,\"\\u006b\":3}", "\"k\" occurs twice");
    char digits[200];
    memset(digits, '7', sizeof digits - 1);
    digits[sizeof digits - 1] = 0;
    refuse(digits, "127 characters");
    mn_json *j = mn_json_parse("{}\0", 3, "t", 0);
    CHECK(!j && strstr(mn_errmsg(), "byte 2"));
    mn_error_clear();
}

/* Nesting is bounded; many brackets, keys or values take memory and time in proportion. */
static void hostile_sizes(void) {
    enum { N = 200000 };
    char *text = malloc(N * 16);
    memset(text, '[', N);
    CHECK(!mn_json_parse(text, N, "t", 0) && strstr(mn_errmsg(), "nested more than 64"));
    mn_error_clear();
    memset(text + 64, ']', 64);
    mn_json *j = mn_json_parse(text, 128, "t", 0);
    CHECK(j && j->count == 1);
    mn_json_free(j);
    mn_text t = {0};
    for (int i = 0; i < N; i++) mn_text_addf(&t, "%c\"%d\":[%d]", i ? ',' : '{', i, i);
    mn_text_add(&t, "}", 1);
    j = mn_json_parse(t.s, t.size, "t", 0);
    CHECK(j && j->count == N && mn_json_get(j, "123456")->items[0].integer == 123456);
    mn_json_free(j);
    mn_text_free(&t);
    mn_text_add(&t, "[", 1);
    while (t.size < 2 * (size_t)MN_JSON_VALUES) mn_text_add(&t, "0,", 2);
    mn_text_add(&t, "0]", 2);
    CHECK(!mn_json_parse(t.s, t.size, "t", 0) && strstr(mn_errmsg(), "more than 4194304 values"));
    mn_error_clear();
    mn_text_free(&t);
    free(text);
}

/* Every cut of a text is refused; flipped bits never crash, and what still parses is a tree that can be walked. */
static size_t walk(const mn_json *v) {
    size_t n = 1;
    if (v->type == MN_JSON_STRING) return n + strlen(v->text);
    if (v->type != MN_JSON_ARRAY && v->type != MN_JSON_OBJECT) return n;
    for (size_t i = 0; i < v->count; i++) n += walk(&v->items[i]);
    return n;
}
static void damage(void) {
    const char good[] = "{\"name\":[1,2.5,{\"x\":\"caf\xc3\xa9 \\u00e9\",\"y\":null}],\"z\":{\"k\":[true,false],\"m\":-1e-3}}";
    size_t size = sizeof good - 1;
    for (size_t cut = 0; cut < size; cut++) {
        char *copy = malloc(cut + 1);      /* its own block, so that the sanitizer sees one byte too far */
        memcpy(copy, good, cut);
        CHECK(!mn_json_parse(copy, cut, "t", 0) && mn_errcode() == MN_EFORMAT);
        mn_error_clear();
        free(copy);
    }
    mn_rng rng = mn_rng_seed(2, 0);
    int parsed = 0;
    char *bad = malloc(size);
    for (int turn = 0; turn < 5000; turn++) {
        memcpy(bad, good, size);
        for (int64_t k = mn_rng_below(&rng, 2); k >= 0; k--) bad[mn_rng_below(&rng, (int64_t)size)] ^= (char)(1 << mn_rng_below(&rng, 8));
        mn_json *j = mn_json_parse(bad, size, "t", 0);
        if (j) parsed += walk(j) > 0;
        else CHECK(mn_errcode() == MN_EFORMAT);
        mn_error_clear();
        mn_json_free(j);
    }
    CHECK(parsed > 100);
    free(bad);
}

static void written_strings(void) {
    char all[300];
    int n = 0;
    for (int c = 1; c < 128; c++) all[n++] = (char)c;
    strcpy(all + n, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    mn_text t = {0};
    mn_text_add_json(&t, all);
    mn_json *j = mn_json_parse(t.s, t.size, "t", 0);
    CHECK(j && strcmp(j->text, all) == 0);
    mn_json_free(j);
    mn_text_free(&t);
}

int main(void) {
    good_values();
    bad_texts();
    hostile_sizes();
    damage();
    written_strings();
    return check_done("json");
}
