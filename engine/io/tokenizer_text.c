/* tokenizer_text.c -- growing arrays of code points, and UTF-8 in and out.
 *
 * Decoding follows the Unicode standard's advice for wrong input (chapter 3, "U+FFFD substitution of
 * maximal subparts"): each longest piece that could have begun a character becomes one U+FFFD. */
#include <stdlib.h>
#include <string.h>
#include "io/tokenizer.h"
#include "io/tokenizer_text.h"

static bool reserve(mn_cps *text, size_t more) {
    if (text->failed) return false;
    if (text->n + more <= text->cap) return true;
    size_t cap = (text->n + more) * 2 + 16;
    uint32_t *at = realloc(text->at, cap * sizeof *at);
    if (!at) { text->failed = true; return false; }
    text->at = at;
    text->cap = cap;
    return true;
}

void mn_cps_push(mn_cps *text, uint32_t cp) {
    if (reserve(text, 1)) text->at[text->n++] = cp;
}

void mn_cps_append(mn_cps *text, const uint32_t *cps, size_t n) {
    if (!n || !reserve(text, n)) return;
    memcpy(text->at + text->n, cps, n * sizeof *cps);
    text->n += n;
}

void mn_cps_move(mn_cps *to, mn_cps *from) {
    bool failed = to->failed || from->failed;
    free(to->at);
    *to = *from;
    to->failed = failed;
    *from = (mn_cps){0};
}

void mn_cps_free(mn_cps *text) {
    free(text->at);
    *text = (mn_cps){0};
}

mn_status mn_cps_ok(const mn_cps *text) {
    return text->failed ? mn_fail(MN_ENOMEM, "tokenizer: out of memory for a text of %zu characters", text->n) : MN_OK;
}

mn_status mn_cps_decode(mn_cps *text, const char *utf8) {
    const uint8_t *p = (const uint8_t *)utf8;
    size_t len = strlen(utf8);
    if (len > MN_TEXT_MAX) return mn_fail(MN_EARG, "tokenizer: text: at most %d bytes expected, got %zu", MN_TEXT_MAX, len);
    text->n = 0;
    if (!reserve(text, len)) return mn_cps_ok(text);
    for (const uint8_t *end = p + len; p < end;) {
        uint32_t lead = *p++, cp = lead, low = 0x80, high = 0xBF;
        int more = lead < 0x80 ? 0 : lead >= 0xC2 && lead <= 0xDF ? 1 : lead >= 0xE0 && lead <= 0xEF ? 2 : lead >= 0xF0 && lead <= 0xF4 ? 3 : -1;
        if (lead == 0xE0) low = 0xA0;           /* shorter forms exist below */
        if (lead == 0xF0) low = 0x90;
        if (lead == 0xF4) high = 0x8F;          /* beyond U+10FFFF above */
        if (more > 0) cp = lead & (0x3Fu >> more);
        for (int i = 0; i < more; i++, low = 0x80, high = 0xBF) {
            if (*p < low || *p > high) { more = -1; break; }             /* the final zero byte also ends it here */
            cp = cp << 6 | (*p++ & 0x3F);
        }
        text->at[text->n++] = more < 0 ? 0xFFFD : cp;
    }
    return MN_OK;
}

int mn_cp_encode(uint32_t cp, char out[4]) {
    if (cp < 0x80) { out[0] = (char)cp; return 1; }
    int n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, cp >>= 6) out[i] = (char)(0x80 | (cp & 0x3F));
    out[0] = (char)((0xF00u >> n & 0xFF) | cp);
    return n;
}

char *mn_cps_encode(const mn_cps *text) {
    char *out = text->failed ? NULL : malloc(text->n * 4 + 1), *p = out;
    if (!out) {
        mn_fail(MN_ENOMEM, "tokenizer: out of memory for a text of %zu characters", text->n);
        return NULL;
    }
    for (size_t i = 0; i < text->n; i++) p += mn_cp_encode(text->at[i], p);
    *p = 0;
    return out;
}
