/* fuzz_tokenizer.c -- libFuzzer entry for everything in engine/io/tokenizer*.c that reads outside bytes.
 * The first byte picks what the rest is: a text, a vocabulary file (plain or gzipped), a word list.
 * `make fuzz` builds and runs it.
 *
 * Besides memory errors it stops when a cleaned text is not UTF-8, an id is out of range, a message is
 * missing, or two runs over one text differ. */
#include "as_file.h"
#include <string.h>
#include "io/text.h"
#include "io/tokenizer.h"

static void expect(bool ok) { if (!ok) __builtin_trap(); }

static mn_bpe *bpe_from(const void *bytes, size_t size) { return mn_bpe_open(as_file(bytes, size)); }

static void use_bpe(const mn_bpe *bpe, const char *text) {
    int32_t ids[64], again[64];
    int n = 0, n_again = 0;
    expect(mn_bpe_encode(bpe, text, ids, 64, &n) == MN_OK && mn_bpe_encode(bpe, text, again, 64, &n_again) == MN_OK && n == n_again);
    for (int i = 0; i < n && i < 64; i++) expect(ids[i] == again[i] && ids[i] >= 0 && ids[i] < mn_bpe_count(bpe));
    expect(mn_bpe_tokens(bpe, text, 16, true, ids) == MN_OK);
    char *clean = mn_bpe_clean(text);
    expect(clean && mn_utf8_prefix(clean, strlen(clean)) == strlen(clean));
    free(clean);
}

static void use_words(const mn_words *words, const char *text) {
    int32_t ids[16];
    int n;
    char **unknown;
    expect(mn_words_encode(words, text, 16, true, ids, &n, &unknown) == MN_OK && (n > 0) == (unknown != NULL));
    for (int i = 0; i < 16; i++) expect(ids[i] >= 0 && ids[i] < mn_words_count(words));
    for (int i = 0; i < n; i++) expect(*unknown[i] != 0);
    free(unknown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char tiny[] = "#version\na b\nab ab\nt h\nth e</w>\n\xC4\xA2 \xC2\xA9\n";
    static mn_bpe *bpe;
    static mn_words *words;
    if (!bpe) bpe = bpe_from(tiny, sizeof tiny - 1);
    if (!words) words = mn_words_parse("a\nface\nsmile\n");
    if (!size) return 0;
    char *text = malloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    if (data[0] % 4 < 2) {
        use_bpe(bpe, text);
        use_words(words, text);
    } else if (data[0] % 4 == 2) {
        mn_bpe *other = bpe_from(text, size - 1);
        if (other) use_bpe(other, "a person who is smiling, abababab");
        else expect(mn_errcode() != MN_OK && *mn_errmsg());
        mn_bpe_free(other);
    } else {
        mn_words *other = mn_words_parse(text);
        if (other) use_words(other, text);
        else expect(mn_errcode() != MN_OK && *mn_errmsg());
        mn_words_free(other);
    }
    mn_error_clear();
    free(text);
    return 0;
}
