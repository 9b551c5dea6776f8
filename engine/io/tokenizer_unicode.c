/* tokenizer_unicode.c -- character classes, canonical composition (NFC) and lower case.
 *
 * The tables are utf8proc's.  Two things are done here: marks are put in canonical order by a counting
 * sort (utf8proc swaps neighbours, quadratic in a long run of marks), and lower case has the two mappings
 * of Unicode's SpecialCasing.txt that need no language: capital I with dot, and final sigma. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "io/tokenizer_text.h"

bool mn_cp_is_letter(uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

bool mn_cp_is_mark(uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c >= UTF8PROC_CATEGORY_MN && c <= UTF8PROC_CATEGORY_ME;
}

bool mn_cp_is_number(uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO;
}

bool mn_cp_is_digit(uint32_t cp) {
    return utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_ND;
}

bool mn_cp_is_space(uint32_t cp) {
    return (cp >= 9 && cp <= 13) || cp == 32 || cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A)
        || cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

/* ---- composition -------------------------------------------------------- */

static int combining_class(uint32_t cp) { return utf8proc_get_property((utf8proc_int32_t)cp)->combining_class; }

/* Stable sort of marks by combining class. */
static void sort_marks(uint32_t *at, size_t n, mn_cps *spare) {
    size_t start[257] = {0};
    bool sorted = true;
    for (size_t i = 1; i < n && sorted; i++) sorted = combining_class(at[i - 1]) <= combining_class(at[i]);
    if (sorted) return;
    for (size_t i = 0; i < n; i++) start[combining_class(at[i]) + 1]++;
    for (int c = 1; c < 257; c++) start[c] += start[c - 1];
    spare->n = 0;
    mn_cps_append(spare, at, n);
    if (spare->failed) return;
    for (size_t i = 0; i < n; i++) at[start[combining_class(spare->at[i])]++] = spare->at[i];
}

void mn_cps_nfc(mn_cps *text) {
    size_t i = 0;
    while (i < text->n && text->at[i] < 0x300) i++;     /* below U+0300 everything is composed already */
    if (i == text->n) return;
    mn_cps out = {0}, spare = {0};
    for (i = 0; i < text->n; i++) {
        utf8proc_int32_t part[8];                       /* a canonical decomposition has at most 4 */
        utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)text->at[i], part, 8, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, NULL);
        if (n < 1 || n > 8) { part[0] = (utf8proc_int32_t)text->at[i]; n = 1; }
        mn_cps_append(&out, (const uint32_t *)part, (size_t)n);
    }
    for (i = 0; i < out.n;) {
        size_t from = i;
        while (i < out.n && combining_class(out.at[i])) i++;
        sort_marks(out.at + from, i - from, &spare);
        if (i == from) i++;
    }
    if (!out.failed && !spare.failed)
        out.n = (size_t)utf8proc_normalize_utf32((utf8proc_int32_t *)out.at, (utf8proc_ssize_t)out.n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
    out.failed |= spare.failed;
    mn_cps_free(&spare);
    mn_cps_move(text, &out);
}

/* ---- lower case --------------------------------------------------------- */

/* Characters a final sigma looks through: marks, format characters, modifiers, and the punctuation that
 * stands inside words (Word_Break MidLetter, MidNumLet, Single_Quote). */
static bool is_case_ignorable(uint32_t cp) {
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_ME: case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_LM: case UTF8PROC_CATEGORY_SK: return true;
    default: break;
    }
    switch (cp) {
    case 0x27: case 0x2E: case 0x3A: case 0xB7: case 0x387: case 0x55F: case 0x5F4: case 0x2018: case 0x2019: case 0x2024:
    case 0x2027: case 0xFE13: case 0xFE52: case 0xFE55: case 0xFF07: case 0xFF0E: case 0xFF1A: return true;
    default: return false;
    }
}

/* Property Cased, for characters that are not case-ignorable. */
static bool is_cased(uint32_t cp) {
    utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c == UTF8PROC_CATEGORY_LU || c == UTF8PROC_CATEGORY_LL || c == UTF8PROC_CATEGORY_LT
        || cp == 0xAA || cp == 0xBA                                     /* ordinal indicators */
        || (cp >= 0x2160 && cp <= 0x217F) || (cp >= 0x24B6 && cp <= 0x24E9)     /* Roman numerals, circled letters */
        || (cp >= 0x1F130 && cp <= 0x1F149) || (cp >= 0x1F150 && cp <= 0x1F169) || (cp >= 0x1F170 && cp <= 0x1F189);
}

/* A capital sigma ends a word: after a cased character, before none.  Each run of ignorable characters is
 * looked through at most twice, since a sigma itself ends the search. */
static bool sigma_is_final(const mn_cps *text, size_t i) {
    size_t before = i, after = i + 1;
    while (before > 0 && is_case_ignorable(text->at[before - 1])) before--;
    if (before == 0 || !is_cased(text->at[before - 1])) return false;
    while (after < text->n && is_case_ignorable(text->at[after])) after++;
    return after == text->n || !is_cased(text->at[after]);
}

void mn_cps_lower(mn_cps *text) {
    mn_cps out = {0};
    for (size_t i = 0; i < text->n; i++) {
        uint32_t cp = text->at[i];
        if (cp == 0x130) { mn_cps_push(&out, 'i'); mn_cps_push(&out, 0x307); }
        else if (cp == 0x3A3) mn_cps_push(&out, sigma_is_final(text, i) ? 0x3C2 : 0x3C3);
        else mn_cps_push(&out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp));
    }
    mn_cps_move(text, &out);
}
