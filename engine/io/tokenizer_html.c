/* tokenizer_html.c -- character references: &eacute; &#233; &#xE9;
 *
 * mn_cps_unescape follows the HTML standard (13.2.5.72 and on, and Python's html.unescape, which CLIP's
 * tokenizer calls): any number, with or without semicolon; a name with its semicolon, or the longest old
 * name that the text begins with (&notit -> the not sign, then "it").
 * mn_cps_unescape_safe replaces only what ends in a semicolon, and also knows lower-case names written
 * in capitals (&EACUTE;), as ftfy does on plain text. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "io/tokenizer_text.h"

struct entity { const char *name; uint32_t a, b; bool old; };
#define E(name, a, b) {name, a, b, false},
#define O(name, a, b) {name, a, b, true},
static const struct entity entities[] = {
#include "html_entities.inc"
};
#undef E
#undef O

enum { NAME_LIMIT = 32 };        /* characters HTML looks at; the longest name has 31 */

static int compare_name(const void *key, const void *entity) { return strcmp(key, ((const struct entity *)entity)->name); }

static const struct entity *find_entity(const char *name) {
    return bsearch(name, entities, sizeof entities / sizeof *entities, sizeof *entities, compare_name);
}

/* The old names are at most 6 letters long; the longest that `name` begins with, or NULL.  name is cut down to it. */
static const struct entity *find_old_prefix(char *name) {
    size_t len = strlen(name);
    for (len = len > 6 ? 6 : len; len >= 2; len--) {
        name[len] = 0;
        const struct entity *e = find_entity(name);
        if (e && e->old) return e;
    }
    return NULL;
}

static void push_entity(mn_cps *out, const struct entity *e) {
    mn_cps_push(out, e->a);
    if (e->b) mn_cps_push(out, e->b);
}

/* ---- numbers ------------------------------------------------------------ */

static int digit_of(uint32_t cp, int base) {
    if (cp >= '0' && cp <= '9') return (int)cp - '0';
    if (base == 16 && cp >= 'a' && cp <= 'f') return (int)cp - 'a' + 10;
    if (base == 16 && cp >= 'A' && cp <= 'F') return (int)cp - 'A' + 10;
    return -1;
}

/* Reads the number after "&#" at text[i...]; returns where its digits end, or i when there are none. */
static size_t read_number(const mn_cps *text, size_t i, uint32_t *value) {
    bool hex = i < text->n && (text->at[i] == 'x' || text->at[i] == 'X');
    int base = hex ? 16 : 10, d;
    size_t p = i + hex, first = p;
    for (*value = 0; p < text->n && (d = digit_of(text->at[p], base)) >= 0; p++)
        if (*value < 0x110000) *value = *value * (uint32_t)base + (uint32_t)d;       /* stays too large once it is */
    return p == first ? i : p;
}

/* What HTML makes of a number: itself, another character, or nothing. */
static void push_number(mn_cps *out, uint32_t v) {
    if (v >= 0x80 && v <= 0x9F) mn_cps_push(out, mn_cp_from_c1(v));
    else if (v == 0 || (v >= 0xD800 && v <= 0xDFFF) || v > 0x10FFFF) mn_cps_push(out, 0xFFFD);
    else if (v < 9 || v == 0xB || (v >= 0xE && v < 0x20) || v == 0x7F
             || (v >= 0xFDD0 && v <= 0xFDEF) || (v & 0xFFFE) == 0xFFFE) return;      /* controls, noncharacters */
    else mn_cps_push(out, v);
}

/* ---- HTML's rule -------------------------------------------------------- */

/* The name at text[i...], without its semicolon, as a C string; returns where it ends.  HTML looks at no more
 * than 32 characters; one beyond ASCII cannot be part of a name but does not end the stretch looked at. */
static size_t read_name(const mn_cps *text, size_t i, char name[NAME_LIMIT + 1]) {
    size_t p = i, len = 0;
    bool ascii = true;
    while (p < text->n && p - i < NAME_LIMIT && !strchr("\t\n\f <&#;", text->at[p] < 0x80 ? (int)text->at[p] : 'x')) {
        ascii = ascii && text->at[p] < 0x80;
        if (ascii) name[len++] = (char)text->at[p];
        p++;
    }
    name[len] = 0;
    return p;
}

/* Replaces the reference whose & is at text[i], or copies the &; returns where to go on. */
static size_t unescape_one(const mn_cps *text, size_t i, mn_cps *out) {
    char name[NAME_LIMIT + 1];
    uint32_t value;
    size_t p;
    if (i + 1 < text->n && text->at[i + 1] == '#') {
        p = read_number(text, i + 2, &value);
        if (p > i + 2) {
            push_number(out, value);
            return p + (p < text->n && text->at[p] == ';');
        }
    } else if ((p = read_name(text, i + 1, name)) < text->n && text->at[p] == ';' && p - i - 1 == strlen(name)) {
        const struct entity *whole = find_entity(name);
        if (whole) { push_entity(out, whole); return p + 1; }
    }
    if (i + 1 < text->n && text->at[i + 1] != '#') {
        const struct entity *old = find_old_prefix(name);
        if (old) { push_entity(out, old); return i + 1 + strlen(name); }
    }
    mn_cps_push(out, '&');
    return i + 1;
}

static void replace_all(mn_cps *text, size_t (*one)(const mn_cps *, size_t, mn_cps *)) {
    size_t i = 0;
    while (i < text->n && text->at[i] != '&') i++;
    if (i == text->n) return;
    mn_cps out = {0};
    mn_cps_append(&out, text->at, i);
    while (i < text->n) {
        if (text->at[i] == '&') i = one(text, i, &out);
        else mn_cps_push(&out, text->at[i++]);
    }
    mn_cps_move(text, &out);
}

void mn_cps_unescape(mn_cps *text) { replace_all(text, unescape_one); }

/* ---- the safe rule ------------------------------------------------------ */

/* A name in capitals whose lower-case form is an entity, unless HTML itself would read something in it. */
static bool push_capitals(mn_cps *out, const char *name) {
    char lower[NAME_LIMIT + 1], prefix[NAME_LIMIT + 1];
    size_t n = strlen(name);
    for (size_t i = 0; i <= n; i++) {
        if (name[i] >= 'a' && name[i] <= 'z') return false;
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
        prefix[i] = name[i];
    }
    const struct entity *e = find_entity(lower);
    if (!e || find_old_prefix(prefix)) return false;
    if (e->a == 0xDF) mn_cps_push(out, 'S');            /* sharp s: the one whose capitals are two letters and
                                                         * differ from it when lowered again */
    mn_cps_push(out, e->a == 0xDF ? 'S' : (uint32_t)utf8proc_toupper((utf8proc_int32_t)e->a));
    if (e->b) mn_cps_push(out, (uint32_t)utf8proc_toupper((utf8proc_int32_t)e->b));
    return true;
}

static bool is_ascii_alnum(uint32_t cp) {
    return (cp >= '0' && cp <= '9') || (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z');
}

static size_t unescape_one_safe(const mn_cps *text, size_t i, mn_cps *out) {
    bool number = i + 1 < text->n && text->at[i + 1] == '#';
    char name[NAME_LIMIT + 1];
    size_t first = i + 1 + number, p = first, len = 0;
    while (p < text->n && len < 24 && is_ascii_alnum(text->at[p])) name[len++] = (char)text->at[p++];
    name[len] = 0;
    if (len && p < text->n && text->at[p] == ';') {
        uint32_t value;
        const struct entity *e;
        if (number) {
            if (read_number(text, first, &value) == p && value != ';') { push_number(out, value); return p + 1; }
        } else if ((e = find_entity(name))) {
            push_entity(out, e);
            return p + 1;
        } else if (push_capitals(out, name)) {
            return p + 1;
        }
    }
    mn_cps_push(out, '&');
    return i + 1;
}

void mn_cps_unescape_safe(mn_cps *text) { replace_all(text, unescape_one_safe); }
