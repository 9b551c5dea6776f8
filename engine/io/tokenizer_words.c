/* tokenizer_words.c -- whole words with a small vocabulary, for the text tower that comes with mien.
 *
 * A text is cleaned as CLIP's is (tokenizer_repair.c: repaired, lower case), then cut into words: runs of
 * letters, marks and number characters.  Everything else separates, but an apostrophe between letters
 * does not: it is dropped with a final s behind it, else joined over.
 *     "The woman's left eye: half-closed, don't smile!"  ->  the woman left eye half closed dont smile
 * Ids: pad, start, end, unknown, then the words in the order of the list. */
#include <stdlib.h>
#include <string.h>
#include "io/json.h"
#include "io/text.h"
#include "io/tokenizer.h"
#include "io/tokenizer_text.h"

struct mn_words { mn_strmap map; };

/* ---- cutting ------------------------------------------------------------ */

static bool in_word(uint32_t cp) { return mn_cp_is_letter(cp) || mn_cp_is_mark(cp) || mn_cp_is_number(cp); }

/* Is the character at i of a word?  The text's end is not. */
static bool word_at(const mn_cps *text, size_t i) { return i < text->n && in_word(text->at[i]); }

/* Appends the next word from *place on to `word` as UTF-8; false when there is none. */
static bool next_word(const mn_cps *text, size_t *place, mn_text *word) {
    size_t i = *place;
    while (i < text->n && !in_word(text->at[i])) i++;
    if (i == text->n) return false;
    while (i < text->n) {
        char utf8[4];
        if (in_word(text->at[i])) {
            mn_text_add(word, utf8, (size_t)mn_cp_encode(text->at[i++], utf8));
        } else if (text->at[i] == '\'' && word_at(text, i + 1)) {
            if (text->at[i + 1] == 's' && !word_at(text, i + 2)) { i += 2; break; }
            i++;
        } else {
            break;
        }
    }
    *place = i;
    return true;
}

char *mn_words_split(const char *text) {
    mn_cps clean = {0};
    mn_text out = {0};
    size_t place = 0;
    mn_status status = mn_cps_clean(&clean, text);
    mn_text_add(&out, "", 0);                    /* an empty result is a string too */
    while (!status && next_word(&clean, &place, &out)) mn_text_add(&out, "\n", 1);
    mn_cps_free(&clean);
    if (!status && !out.failed) return out.s;
    mn_text_free(&out);
    return NULL;
}

/* ---- the vocabulary ----------------------------------------------------- */

static mn_status add_word(mn_words *words, const char *word, size_t len, int number) {
    mn_text line = {0}, again = {0};
    mn_cps clean = {0};
    size_t place = 0;
    mn_text_add(&line, word, len);
    mn_status status = line.failed ? mn_errcode() : mn_cps_clean(&clean, line.s);
    if (!status) {
        bool any = next_word(&clean, &place, &again);
        if (line.failed || again.failed) status = mn_errcode();
        else if (!any || again.size != len || memcmp(again.s, word, len) || place != clean.n)
            status = mn_fail(MN_EFORMAT, "words: entry %d, '%.60s': one word in lower case without punctuation expected", number, line.s);
        else if (mn_strmap_find(&words->map, word, len) >= 0)
            status = mn_fail(MN_EFORMAT, "words: entry %d, '%.60s', is listed twice", number, line.s);
        else if (mn_strmap_add(&words->map, word, len) < 0)
            status = mn_errcode();
    }
    mn_text_free(&line);
    mn_text_free(&again);
    mn_cps_free(&clean);
    return status;
}

static mn_status add_json(mn_words *words, const char *list) {
    mn_json *root = mn_json_parse(list, strlen(list), "word list", 0);
    if (!root) return mn_errcode();
    mn_status status = MN_OK;
    for (size_t i = 0; !status && i < root->count; i++) {
        const mn_json *item = &root->items[i];
        if (item->type == MN_JSON_STRING) status = add_word(words, item->text, item->count, (int)i + 1);
        else status = mn_fail(MN_EFORMAT, "words: entry %d: a string expected, got %s", (int)i + 1, mn_json_type_name(item->type));
    }
    mn_json_free(root);
    return status;
}

static mn_status add_lines(mn_words *words, const char *list) {
    mn_status status = MN_OK;
    for (int number = 1; !status && *list; number++) {
        size_t len = strcspn(list, "\n"), next = len + (list[len] == '\n');
        if (len && list[len - 1] == '\r') len--;
        status = add_word(words, list, len, number);
        list += next;
    }
    return status;
}

mn_words *mn_words_parse(const char *list) {
    mn_words *words = calloc(1, sizeof *words);
    if (!words) {
        mn_fail(MN_ENOMEM, "words: out of memory");
        return NULL;
    }
    mn_status status = list[strspn(list, " \t\r\n")] == '[' ? add_json(words, list) : add_lines(words, list);
    if (!status && words->map.n == 0) status = mn_fail(MN_EFORMAT, "words: the list is empty");
    if (!status) return words;
    mn_words_free(words);
    return NULL;
}

void mn_words_free(mn_words *words) {
    if (!words) return;
    mn_strmap_free(&words->map);
    free(words);
}

int mn_words_count(const mn_words *words) { return MN_WORDS_FIRST + words->map.n; }

const char *mn_words_word(const mn_words *words, int id) {
    return id >= MN_WORDS_FIRST && id < mn_words_count(words) ? mn_strmap_key(&words->map, id - MN_WORDS_FIRST) : "";
}

/* ---- encoding ----------------------------------------------------------- */

/* The map's keys as an array of strings in one block, the strings behind the pointers. */
static char **list_of(const mn_strmap *map) {
    char **list = malloc((size_t)map->n * sizeof *list + map->n_bytes);
    if (!list) {
        mn_fail(MN_ENOMEM, "words: out of memory for %d unknown words", map->n);
        return NULL;
    }
    char *bytes = (char *)(list + map->n);
    memcpy(bytes, map->bytes, map->n_bytes);
    for (int i = 0; i < map->n; i++) list[i] = bytes + map->start[i];
    return list;
}

mn_status mn_words_encode(const mn_words *words, const char *text, int context, bool truncate, int32_t *out,
                          int *n_unknown, char ***unknown) {
    if (n_unknown) *n_unknown = 0;
    if (unknown) *unknown = NULL;
    if (context < 2) return mn_fail(MN_EARG, "words: context: at least 2 expected (start and end), got %d", context);
    mn_cps clean = {0};
    mn_text word = {0};
    mn_strmap strange = {0};
    size_t place = 0;
    int64_t n = 0;
    mn_status status = mn_cps_clean(&clean, text);
    for (; !status && next_word(&clean, &place, &word); n++, word.size = 0) {
        if (word.failed) { status = mn_errcode(); break; }
        if (n >= context - 2) continue;          /* only counted: it will not be seen */
        int i = mn_strmap_find(&words->map, word.s, word.size);
        out[n + 1] = i < 0 ? MN_WORDS_UNKNOWN : MN_WORDS_FIRST + i;
        if (i < 0 && unknown && mn_strmap_add(&strange, word.s, word.size) < 0) status = mn_errcode();
    }
    if (!status && n > context - 2 && !truncate)
        status = mn_fail(MN_EARG, "words: text: at most %d words fit the text tower, this one has %lld", context - 2, (long long)n);
    if (!status && strange.n && !(*unknown = list_of(&strange))) status = mn_errcode();
    if (!status) {
        if (n_unknown) *n_unknown = strange.n;
        if (n > context - 2) n = context - 2;
        out[0] = MN_WORDS_START;
        out[n + 1] = MN_WORDS_END;
        for (int64_t i = n + 2; i < context; i++) out[i] = MN_WORDS_PAD;
    }
    mn_strmap_free(&strange);
    mn_text_free(&word);
    mn_cps_free(&clean);
    return status;
}
