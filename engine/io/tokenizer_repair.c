/* tokenizer_repair.c -- from what people paste to the plain text CLIP was trained on.
 *
 * CLIP's own tokenizer cleans with the Python library ftfy, then html.unescape twice, single spaces and
 * lower case.  mn_cps_repair is ftfy's part, written from its documented steps: line by line, each line
 * until nothing changes,
 *     character references, mojibake, C1 controls as Windows-1252, Latin ligatures spelled out, full and
 *     half width forms to normal width, straight quotes, line breaks, surrogate pairs, terminal colour
 *     codes, control characters, NFC.
 * References are left alone from the first line on that has a `<`, in which case the text may be HTML.
 * The mojibake step is our own and simpler (tokenizer_mojibake.c). */
#include <string.h>
#include <utf8proc.h>
#include "io/tokenizer_text.h"

enum {
    ROUNDS = 64,                 /* nothing written by people nests deeper; a bound keeps the time linear */
    LINE_MAX_CPS = 1000000       /* a longer line is cut, as ftfy does */
};

/* ---- character by character: C1, ligatures, width, quotes --------------- */

/* Two capitals, a capital and a small letter, two small letters: U+01C4-01CC, U+01F1-01F3. */
static const struct { uint32_t cp, part[3]; } ligatures[] = {
    {0x132, {'I', 'J'}}, {0x133, {'i', 'j'}}, {0x149, {0x2BC, 'n'}},
    {0x1C4, {'D', 0x17D}}, {0x1C5, {'D', 0x17E}}, {0x1C6, {'d', 0x17E}},
    {0x1C7, {'L', 'J'}}, {0x1C8, {'L', 'j'}}, {0x1C9, {'l', 'j'}},
    {0x1CA, {'N', 'J'}}, {0x1CB, {'N', 'j'}}, {0x1CC, {'n', 'j'}},
    {0x1F1, {'D', 'Z'}}, {0x1F2, {'D', 'z'}}, {0x1F3, {'d', 'z'}},
    {0xFB00, {'f', 'f'}}, {0xFB01, {'f', 'i'}}, {0xFB02, {'f', 'l'}}, {0xFB03, {'f', 'f', 'i'}},
    {0xFB04, {'f', 'f', 'l'}}, {0xFB05, {0x17F, 't'}}, {0xFB06, {'s', 't'}},
};

static void push_straight(mn_cps *out, uint32_t cp) {
    if (cp == 0x2BC || (cp >= 0x2018 && cp <= 0x201B)) cp = '\'';
    if (cp >= 0x201C && cp <= 0x201F) cp = '"';
    mn_cps_push(out, cp);
}

static void push_plain(mn_cps *out, uint32_t cp) {
    if (cp < 0x80) { mn_cps_push(out, cp); return; }
    cp = mn_cp_from_c1(cp);
    for (size_t i = 0; i < sizeof ligatures / sizeof *ligatures; i++) {
        if (ligatures[i].cp != cp) continue;
        for (int j = 0; j < 3 && ligatures[i].part[j]; j++) push_straight(out, ligatures[i].part[j]);
        return;
    }
    if (cp == 0x3000) {                                  /* ideographic space */
        mn_cps_push(out, ' ');
    } else if (cp >= 0xFF01 && cp < 0xFFF0) {            /* full and half width forms: NFKC of the one character */
        utf8proc_int32_t part[8];
        utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)cp, part, 8, UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_STABLE, NULL);
        for (utf8proc_ssize_t i = 0; i < n && n <= 8; i++) push_straight(out, (uint32_t)part[i]);
    } else {
        push_straight(out, cp);
    }
}

static void plain_characters(mn_cps *line) {
    mn_cps out = {0};
    for (size_t i = 0; i < line->n; i++) push_plain(&out, line->at[i]);
    mn_cps_move(line, &out);
}

/* ---- steps that only shorten: done in place ----------------------------- */

static void line_breaks(mn_cps *line) {
    size_t n = 0;
    for (size_t i = 0; i < line->n; i++) {
        uint32_t cp = line->at[i];
        if (cp == '\r' && i + 1 < line->n && line->at[i + 1] == '\n') continue;
        line->at[n++] = cp == '\r' || cp == 0x2028 || cp == 0x2029 || cp == 0x85 ? '\n' : cp;
    }
    line->n = n;
}

static void surrogates(mn_cps *line) {
    size_t n = 0;
    for (size_t i = 0; i < line->n; i++) {
        uint32_t cp = line->at[i], next = i + 1 < line->n ? line->at[i + 1] : 0;
        if (cp >= 0xD800 && cp < 0xDC00 && next >= 0xDC00 && next < 0xE000) {
            cp = 0x10000 + ((cp - 0xD800) << 10) + (next - 0xDC00);
            i++;
        } else if (cp >= 0xD800 && cp < 0xE000) {
            cp = 0xFFFD;
        }
        line->at[n++] = cp;
    }
    line->n = n;
}

/* ESC [ digits and semicolons, one letter. */
static void terminal_escapes(mn_cps *line) {
    size_t n = 0;
    for (size_t i = 0; i < line->n; i++) {
        if (line->at[i] == 0x1B && i + 1 < line->n && line->at[i + 1] == '[') {
            size_t p = i + 2;
            while (p < line->n && (line->at[p] == ';' || mn_cp_is_digit(line->at[p]))) p++;
            uint32_t end = p < line->n ? line->at[p] | 0x20 : 0;         /* lower case, if a letter */
            if (end >= 'a' && end <= 'z') { i = p; continue; }
        }
        line->at[n++] = line->at[i];
    }
    line->n = n;
}

static bool is_control(uint32_t cp) {
    return cp <= 8 || cp == 0xB || (cp >= 0xE && cp < 0x20) || cp == 0x7F || (cp >= 0x206A && cp <= 0x206F)
        || cp == 0xFEFF || (cp >= 0xFFF9 && cp <= 0xFFFC);
}

static void control_characters(mn_cps *line) {
    size_t n = 0;
    for (size_t i = 0; i < line->n; i++)
        if (!is_control(line->at[i])) line->at[n++] = line->at[i];
    line->n = n;
}

/* ---- the whole ---------------------------------------------------------- */

static bool same(const mn_cps *a, const mn_cps *b) {
    return a->n == b->n && (a->n == 0 || !memcmp(a->at, b->at, a->n * sizeof *a->at));
}

static void repair_line(mn_cps *line, bool references) {
    mn_cps before = {0};
    for (int round = 0; round < ROUNDS && !line->failed && !before.failed; round++) {
        before.n = 0;
        mn_cps_append(&before, line->at, line->n);
        if (references) mn_cps_unescape_safe(line);
        for (int i = 0; i < ROUNDS && mn_cps_unmojibake(line); i++) continue;
        plain_characters(line);
        line_breaks(line);
        surrogates(line);
        terminal_escapes(line);
        control_characters(line);
        mn_cps_nfc(line);
        if (same(line, &before)) break;
    }
    line->failed |= before.failed;
    mn_cps_free(&before);
}

void mn_cps_repair(mn_cps *text) {
    mn_cps out = {0}, line = {0};
    bool references = true;
    for (size_t i = 0; i < text->n;) {
        line.n = 0;
        size_t from = i;
        while (i < text->n && i - from < LINE_MAX_CPS) {
            references = references && text->at[i] != '<';
            if (text->at[i++] == '\n') break;
        }
        mn_cps_append(&line, text->at + from, i - from);
        repair_line(&line, references);
        mn_cps_append(&out, line.at, line.n);
    }
    out.failed |= line.failed;
    mn_cps_free(&line);
    mn_cps_move(text, &out);
}

/* Single spaces, none at the ends. */
static void squeeze_spaces(mn_cps *text) {
    size_t n = 0;
    bool gap = false;
    for (size_t i = 0; i < text->n; i++) {
        if (mn_cp_is_space(text->at[i])) { gap = true; continue; }
        if (gap && n) text->at[n++] = ' ';
        gap = false;
        text->at[n++] = text->at[i];
    }
    text->n = n;
}

mn_status mn_cps_clean(mn_cps *text, const char *utf8) {
    mn_status status = mn_cps_decode(text, utf8);
    if (status) return status;
    mn_cps_repair(text);
    mn_cps_unescape(text);
    mn_cps_unescape(text);
    squeeze_spaces(text);
    mn_cps_lower(text);
    return mn_cps_ok(text);
}
