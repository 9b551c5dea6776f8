/* tokenizer_mojibake.c -- UTF-8 that was read as Latin-1 or Windows-1252, turned back.
 *
 *     "humanitÃ©" are the bytes C3 A9 of é read one by one.
 *
 * Every character is taken for the byte it would be in Windows-1252 (or Latin-1, for U+0080-9F).  Where
 * those bytes form UTF-8 sequences, a run of adjacent ones is turned back if it is *convincing*: real
 * text has such neighbours almost never.  The rules of thumb are our own, stated beside the code, and lean
 * towards leaving text alone.  If every character beyond ASCII in a line lies in such a sequence and one
 * run convinces, all are turned back.  Not handled: other code pages, and sequences damaged since. */
#include <string.h>
#include <utf8proc.h>
#include "io/tokenizer_text.h"

/* What Windows-1252 has at 0x80-0x9F; five places are empty. */
static const uint16_t windows_1252[32] = {
    0x20AC, 0x81, 0x201A, 0x192, 0x201E, 0x2026, 0x2020, 0x2021, 0x2C6, 0x2030, 0x160, 0x2039, 0x152, 0x8D, 0x17D, 0x8F,
    0x90, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0x2DC, 0x2122, 0x161, 0x203A, 0x153, 0x9D, 0x17E, 0x178,
};

uint32_t mn_cp_from_c1(uint32_t cp) { return cp >= 0x80 && cp <= 0x9F ? windows_1252[cp - 0x80] : cp; }

/* The byte a character was, 0 when it cannot have been one. */
static uint32_t byte_of(uint32_t cp) {
    if (cp < 0x100) return cp;
    for (uint32_t i = 0; i < 32; i++)
        if (windows_1252[i] == cp) return 0x80 + i;
    return 0;
}

/* The UTF-8 sequence of two or more bytes at text[i...]: its length and the character it spells, else 0. */
static int sequence_at(const mn_cps *text, size_t i, uint32_t *cp) {
    uint32_t lead = text->at[i] < 0x100 ? text->at[i] : 0;       /* no lead byte is among windows_1252[] */
    int n = lead >= 0xC2 && lead <= 0xDF ? 2 : lead >= 0xE0 && lead <= 0xEF ? 3 : lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
    if (!n || text->n - i < (size_t)n) return 0;
    uint32_t value = lead & (0x7Fu >> n);
    for (int j = 1; j < n; j++) {
        uint32_t byte = byte_of(text->at[i + (size_t)j]);
        if (byte < 0x80 || byte > 0xBF) return 0;
        value = value << 6 | (byte & 0x3F);
    }
    if (value < (n == 2 ? 0x80u : n == 3 ? 0x800u : 0x10000u)) return 0;
    if (value > 0x10FFFF || utf8proc_category((utf8proc_int32_t)value) == UTF8PROC_CATEGORY_CN) return 0;
    *cp = value;
    return n;
}

/* Signs that may follow a letter directly in real text: quotes, dashes, dots, no-break space, superscripts... */
static bool is_quiet(uint32_t cp) {
    static const uint8_t quiet[] = {0x82, 0x84, 0x85, 0x8B, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x99, 0x9B, 0xA0,
                                    0xAA, 0xAB, 0xAD, 0xAE, 0xB0, 0xB2, 0xB3, 0xB4, 0xB7, 0xB9, 0xBA, 0xBB};
    return (cp < 0x80 || cp > 0x9F) && memchr(quiet, (int)byte_of(cp), sizeof quiet);
}

static bool is_lower(uint32_t cp) { return utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_LL; }
static bool is_upper(uint32_t cp) { return utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_LU; }
static uint32_t char_at(const mn_cps *text, size_t i) { return i < text->n ? text->at[i] : ' '; }

/* Has the sequence of n characters at text[i...] a sign that is not quiet? */
static bool is_loud(const mn_cps *text, size_t i, int n) {
    for (int j = 1; j < n; j++)
        if (!is_quiet(text->at[i + (size_t)j])) return true;
    return false;
}

/* Does the sequence of n characters at text[i...] convince by itself? */
static bool convinces(const mn_cps *text, size_t i, int n) {
    uint32_t lead = text->at[i], sign = text->at[i + 1], prev = i ? text->at[i - 1] : ' ', next = char_at(text, i + (size_t)n);
    for (int j = 1; j < n; j++)                         /* C1 controls stand in no real text */
        if (text->at[i + (size_t)j] >= 0x80 && text->at[i + (size_t)j] <= 0x9F) return true;
    if (n > 2) return is_loud(text, i, n);              /* "é…”" may close a quotation; "â€™" closes nothing */
    if (lead == 0xC2 || lead == 0xC3)                   /* what all of Latin-1 becomes.  Not "MANHÃ”" nor "the Ã’s" */
        return is_loud(text, i, n) || (!is_upper(prev) && sign != 0x2019);
    if (lead == 0xD7 || lead == 0xDF) return false;     /* 2×¼, Spaß¹ */
    if (is_lower(prev))                                 /* an accented capital inside a word; no-break space and soft hyphen prove nothing */
        return !is_quiet(sign) || (is_lower(next) && sign != 0xA0 && sign != 0xAD);
    return is_lower(next) && !is_quiet(sign) && !mn_cp_is_letter(sign);  /* "Å¡koda" */
}

struct found { bool convincing, gaps; };

/* One pass over the line.  Copies it to out (may be NULL: only look) with runs turned back: the convincing
 * ones, or all. */
static struct found pass(const mn_cps *line, mn_cps *out, bool all) {
    struct found found = {false, false};
    for (size_t i = 0; i < line->n;) {
        size_t end = i;
        int sequences = 0, n;
        uint32_t cp;
        /* Behind the rest of another sequence, decoding from here would only add to the damage. */
        uint32_t before = i ? byte_of(line->at[i - 1]) : 0;
        bool convincing = false, loud = false, debris = before >= 0x80 && before <= 0xBF && !is_quiet(line->at[i - 1]);
        for (; end < line->n && (n = sequence_at(line, end, &cp)) > 0; end += (size_t)n, sequences++) {
            convincing = convincing || convinces(line, end, n);
            loud = loud || is_loud(line, end, n);
        }
        if (sequences == 0) {
            found.gaps = found.gaps || line->at[i] >= 0x80;
            if (out) mn_cps_push(out, line->at[i]);
            i++;
            continue;
        }
        convincing = (convincing || (sequences > 1 && loud)) && !debris;
        found.convincing = found.convincing || convincing;
        for (; i < end; i += (size_t)n) {
            n = sequence_at(line, i, &cp);
            if (out && (all || convincing)) mn_cps_push(out, cp);
            else if (out) mn_cps_append(out, line->at + i, (size_t)n);
        }
    }
    return found;
}

bool mn_cps_unmojibake(mn_cps *line) {
    struct found found = pass(line, NULL, false);
    if (!found.convincing) return false;
    mn_cps out = {0};
    pass(line, &out, !found.gaps);
    mn_cps_move(line, &out);
    return !line->failed;
}
