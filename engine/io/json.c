/* json.c -- the JSON reader described in json.h.
 *
 * Recursive descent, one call per nesting level.  Finished values wait on a stack; a closing bracket moves
 * its items from there into one block.  Decoded strings share one buffer as large as the text: a string
 * never grows when decoded (\uXXXX: 6 bytes become at most 3), and its quotes leave room for the closing 0. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "text.h"

typedef struct parser {
    const char *text, *where;
    size_t size, at, base, values, most;
    char *strings;             /* next free byte of the string buffer */
    mn_json *stack;
    size_t depth, room;        /* of the stack, in values */
} parser;
typedef struct document { mn_json root; char *strings; } document;   /* mn_json_free finds the buffer behind the root */

const char *mn_json_type_name(mn_json_type type) {
    static const char *const names[] = {"null", "a boolean", "a number", "a string", "an array", "an object"};
    return names[type];
}

static bool fail_at(parser *p, size_t at, const char *expected) {
    unsigned char c = at < p->size ? (unsigned char)p->text[at] : 0;
    char found[32] = "the end of the text";
    if (at < p->size) snprintf(found, sizeof found, c > 0x20 && c < 0x7F ? "'%c'" : "byte 0x%02x", c);
    mn_fail(MN_EFORMAT, "%s: byte %zu: JSON: expected %s, found %s", p->where, p->base + at, expected, found);
    return false;
}

static void skip_space(parser *p) {
    while (p->at < p->size && (p->text[p->at] == ' ' || p->text[p->at] == '\n' || p->text[p->at] == '\r' || p->text[p->at] == '\t'))
        p->at++;
}

static char peek(const parser *p) { return p->at < p->size ? p->text[p->at] : 0; }

static void value_free(mn_json *v) {
    if (v->type != MN_JSON_ARRAY && v->type != MN_JSON_OBJECT) return;
    for (size_t i = 0; i < v->count; i++) value_free(&v->items[i]);
    free(v->items);
    free(v->sorted);
}

static bool push(parser *p, const mn_json *v) {
    if (++p->values > p->most) {
        mn_fail(MN_EFORMAT, "%s: byte %zu: JSON: more than %zu values", p->where, v->at, p->most);
        return false;
    }
    if (p->depth == p->room) {
        size_t room = p->room ? 2 * p->room : 64;
        mn_json *stack = realloc(p->stack, room * sizeof *stack);
        if (!stack) {
            mn_fail(MN_ENOMEM, "%s: no memory for %zu JSON values", p->where, room);
            return false;
        }
        p->stack = stack;
        p->room = room;
    }
    p->stack[p->depth++] = *v;
    return true;
}

static int hex4(const parser *p, size_t at) {
    int value = 0;
    for (size_t i = at; i < at + 4; i++) {
        char c = i < p->size ? p->text[i] : 0;
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return -1;
        value = value * 16 + digit;
    }
    return value;
}

static char *put_utf8(char *out, uint32_t c) {
    if (c < 0x80) { *out++ = (char)c; return out; }
    if (c < 0x800) *out++ = (char)(0xC0 | c >> 6);
    else {
        if (c < 0x10000) *out++ = (char)(0xE0 | c >> 12);
        else {
            *out++ = (char)(0xF0 | c >> 18);
            *out++ = (char)(0x80 | (c >> 12 & 63));
        }
        *out++ = (char)(0x80 | (c >> 6 & 63));
    }
    *out++ = (char)(0x80 | (c & 63));
    return out;
}

/* After a backslash; appends what the escape stands for. */
static bool parse_escape(parser *p, char **out) {
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    size_t start = p->at;
    char c = peek(p);
    const char *found = c ? strchr(names, c) : NULL;
    if (found) {
        *(*out)++ = meant[found - names];
        p->at++;
        return true;
    }
    if (c != 'u') return fail_at(p, p->at, "one of \"\\/bfnrtu after a backslash");
    int unit = hex4(p, p->at + 1);
    if (unit < 0) return fail_at(p, start, "four hexadecimal digits after \\u");
    if (unit == 0) return fail_at(p, start, "no \\u0000 in a string");
    p->at += 5;
    uint32_t code = (uint32_t)unit;
    if (unit >= 0xD800 && unit <= 0xDFFF) {
        bool pair = p->size - p->at >= 6 && p->text[p->at] == '\\' && p->text[p->at + 1] == 'u';
        int low = unit < 0xDC00 && pair ? hex4(p, p->at + 2) : -1;
        if (low < 0xDC00 || low > 0xDFFF) return fail_at(p, start, "a complete surrogate pair");
        code = 0x10000 + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
        p->at += 6;
    }
    *out = put_utf8(*out, code);
    return true;
}

/* At a quote: decodes the string into the shared buffer. */
static const char *parse_string(parser *p, size_t *size) {
    char *start = p->strings, *out = start;
    for (p->at++;;) {
        size_t plain = p->at;
        while (plain < p->size && p->text[plain] != '"' && p->text[plain] != '\\' && (unsigned char)p->text[plain] >= 0x20) plain++;
        size_t good = p->at + mn_utf8_prefix(p->text + p->at, plain - p->at);
        if (good < plain) { fail_at(p, good, "valid UTF-8 in a string"); return NULL; }
        memcpy(out, p->text + p->at, plain - p->at);
        out += plain - p->at;
        p->at = plain;
        char c = peek(p);
        if (c != '"' && c != '\\') { fail_at(p, p->at, "a character of a string or its closing quote"); return NULL; }
        p->at++;
        if (c == '"') break;
        if (!parse_escape(p, &out)) return NULL;
    }
    *out++ = 0;
    p->strings = out;
    *size = (size_t)(out - start) - 1;
    return start;
}

static bool digits(parser *p) {
    size_t start = p->at;
    while (peek(p) >= '0' && peek(p) <= '9') p->at++;
    return p->at > start || fail_at(p, p->at, "a digit");
}

static bool parse_number(parser *p, mn_json *v) {
    char copy[128];            /* strtod wants a closing 0, which a mapped file does not have */
    size_t start = p->at;
    bool whole = true;
    if (peek(p) == '-') p->at++;
    if (peek(p) == '0') p->at++;
    else if (!digits(p)) return false;
    if (peek(p) == '.') {
        whole = false;
        p->at++;
        if (!digits(p)) return false;
    }
    if (peek(p) == 'e' || peek(p) == 'E') {
        whole = false;
        p->at++;
        if (peek(p) == '+' || peek(p) == '-') p->at++;
        if (!digits(p)) return false;
    }
    size_t length = p->at - start;
    if (length >= sizeof copy) return fail_at(p, start, "a number of at most 127 characters");
    memcpy(copy, p->text + start, length);
    copy[length] = 0;
    v->type = MN_JSON_NUMBER;
    v->number = strtod(copy, NULL);
    /* 18 digits always fit; the 19th may not, so the double decides: below 2^63 - 1024 nothing has been rounded past the end */
    v->is_int = whole && v->number > -9.2233720368547748e18 && v->number < 9.2233720368547748e18;
    v->integer = v->is_int ? strtoll(copy, NULL, 10) : 0;
    return true;
}

static int by_key(const void *a, const void *b) {
    return strcmp((*(const mn_json *const *)a)->key, (*(const mn_json *const *)b)->key);
}

/* Move the values above `floor` on the stack into v's own block; for an object, sort the keys. */
static bool collect(parser *p, mn_json *v, size_t floor) {
    size_t count = p->depth - floor;
    if (!count) return true;
    mn_json *items = malloc(count * sizeof *items);
    const mn_json **sorted = v->type == MN_JSON_OBJECT ? malloc(count * sizeof *sorted) : NULL;
    if (!items || (v->type == MN_JSON_OBJECT && !sorted)) {
        free(items);
        free(sorted);
        mn_fail(MN_ENOMEM, "%s: no memory for %zu JSON values", p->where, count);
        return false;
    }
    memcpy(items, p->stack + floor, count * sizeof *items);
    p->depth = floor;
    v->items = items;
    v->sorted = sorted;
    v->count = count;
    if (!sorted) return true;
    for (size_t i = 0; i < count; i++) sorted[i] = &items[i];
    qsort(sorted, count, sizeof *sorted, by_key);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0) {
            mn_fail(MN_EFORMAT, "%s: byte %zu: JSON: key \"%.200s\" occurs twice in one object", p->where, sorted[i]->at, sorted[i]->key);
            value_free(v);
            return false;
        }
    return true;
}

static bool parse_value(parser *p, const char *key, int depth);

static bool parse_container(parser *p, mn_json *v, int depth) {
    bool object = peek(p) == '{';
    char close = object ? '}' : ']';
    size_t floor = p->depth;
    v->type = object ? MN_JSON_OBJECT : MN_JSON_ARRAY;
    if (depth >= MN_JSON_DEPTH) {
        mn_fail(MN_EFORMAT, "%s: byte %zu: JSON: nested more than %d deep", p->where, p->base + p->at, MN_JSON_DEPTH);
        return false;
    }
    p->at++;
    skip_space(p);
    if (peek(p) == close) p->at++;
    else for (;;) {
        const char *key = NULL;
        skip_space(p);
        if (object) {
            size_t size;
            if (peek(p) != '"') return fail_at(p, p->at, "a key in quotes");
            if (!(key = parse_string(p, &size))) return false;
            skip_space(p);
            if (peek(p) != ':') return fail_at(p, p->at, "':' after a key");
            p->at++;
        }
        if (!parse_value(p, key, depth + 1)) return false;
        skip_space(p);
        char c = peek(p);
        if (c != ',' && c != close) return fail_at(p, p->at, object ? "',' or '}'" : "',' or ']'");
        p->at++;
        if (c == close) break;
    }
    return collect(p, v, floor);
}

static bool parse_word(parser *p, const char *word) {
    size_t length = strlen(word);
    if (p->size - p->at < length || memcmp(p->text + p->at, word, length) != 0) return fail_at(p, p->at, "a JSON value");
    p->at += length;
    return true;
}

static bool parse_value(parser *p, const char *key, int depth) {
    skip_space(p);
    mn_json v = {.at = p->base + p->at, .key = key};
    bool good;
    switch (peek(p)) {
    case '{': case '[':
        good = parse_container(p, &v, depth);
        break;
    case '"':
        v.type = MN_JSON_STRING;
        good = (v.text = parse_string(p, &v.count)) != NULL;
        break;
    case 't': case 'f':
        v.type = MN_JSON_BOOL;
        v.truth = peek(p) == 't';
        good = parse_word(p, v.truth ? "true" : "false");
        break;
    case 'n':
        good = parse_word(p, "null");
        break;
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        good = parse_number(p, &v);
        break;
    default:
        good = fail_at(p, p->at, "a JSON value");
    }
    if (!good) return false;
    if (push(p, &v)) return true;
    value_free(&v);
    return false;
}

mn_json *mn_json_parse(const char *text, size_t size, const char *where, size_t base) { return mn_json_parse_most(text, size, where, base, MN_JSON_VALUES); }

mn_json *mn_json_parse_most(const char *text, size_t size, const char *where, size_t base, size_t most) {
    parser p = {.text = text, .where = where, .size = size, .base = base, .most = most};
    document *doc = calloc(1, sizeof *doc);
    char *strings = malloc(size + 1);
    if (!doc || !strings) {
        mn_fail(MN_ENOMEM, "%s: no memory for %zu bytes of JSON", where, size);
        free(doc);
        free(strings);
        return NULL;
    }
    p.strings = strings;
    bool good = parse_value(&p, NULL, 0);
    if (good) skip_space(&p);
    if (good && p.at < size) good = fail_at(&p, p.at, "nothing after the value");
    if (good) *doc = (document){p.stack[0], strings};
    else {
        for (size_t i = 0; i < p.depth; i++) value_free(&p.stack[i]);
        free(strings);
        free(doc);
    }
    free(p.stack);
    return good ? &doc->root : NULL;
}

void mn_json_free(mn_json *root) {
    if (!root) return;
    document *doc = (document *)root;
    value_free(root);
    free(doc->strings);
    free(doc);
}

const mn_json *mn_json_get(const mn_json *object, const char *key) {
    if (!object || object->type != MN_JSON_OBJECT) return NULL;
    for (size_t low = 0, high = object->count; low < high; ) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(key, object->sorted[middle]->key);
        if (order == 0) return object->sorted[middle];
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return NULL;
}
