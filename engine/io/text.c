/* text.c -- a growing byte string, JSON string quoting, UTF-8 checking (RFC 3629, table 3-7 of the Unicode standard). */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "text.h"

/* Room for `more` bytes and the closing 0; doubling keeps many small additions linear. */
static bool text_grow(mn_text *t, size_t more) {
    if (t->failed) return false;
    if (t->s && more < t->room - t->size) return true;
    size_t room = t->room ? t->room : 256;
    while (room - t->size <= more && room <= SIZE_MAX / 2) room *= 2;
    char *s = room - t->size > more ? realloc(t->s, room) : NULL;
    if (!s) {
        t->failed = true;
        mn_fail(MN_ENOMEM, "no memory for %zu bytes of text", more);
        return false;
    }
    t->s = s;
    t->room = room;
    return true;
}

void mn_text_add(mn_text *t, const void *bytes, size_t size) {
    if (!text_grow(t, size)) return;
    if (size) memcpy(t->s + t->size, bytes, size);
    t->size += size;
    t->s[t->size] = 0;
}

void mn_text_addf(mn_text *t, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int need = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (need < 0 || !text_grow(t, (size_t)need)) return;
    va_start(args, fmt);
    vsnprintf(t->s + t->size, (size_t)need + 1, fmt, args);
    va_end(args);
    t->size += (size_t)need;
}

void mn_text_add_json(mn_text *t, const char *s) {
    mn_text_add(t, "\"", 1);
    for (const char *p = s; *p; ) {
        size_t plain = 0;
        while (p[plain] && (unsigned char)p[plain] >= 0x20 && p[plain] != '"' && p[plain] != '\\') plain++;
        mn_text_add(t, p, plain);
        p += plain;
        if (*p == '"' || *p == '\\') mn_text_addf(t, "\\%c", *p++);
        else if (*p == '\n') { mn_text_add(t, "\\n", 2); p++; }
        else if (*p) mn_text_addf(t, "\\u%04x", (unsigned char)*p++);
    }
    mn_text_add(t, "\"", 1);
}

void mn_text_free(mn_text *t) {
    free(t->s);
    *t = (mn_text){0};
}

size_t mn_utf8_prefix(const char *text, size_t size) {
    const unsigned char *s = (const unsigned char *)text;
    size_t i = 0;
    while (i < size) {
        unsigned char c = s[i];
        size_t tail = c < 0x80 ? 0 : c >= 0xC2 && c <= 0xDF ? 1 : c >= 0xE0 && c <= 0xEF ? 2 : c >= 0xF0 && c <= 0xF4 ? 3 : 4;
        if (tail == 4 || size - i <= tail) break;
        /* the second byte's range is what keeps out overlong forms, surrogates and code points past U+10FFFF */
        unsigned char low = c == 0xE0 ? 0xA0 : c == 0xF0 ? 0x90 : 0x80, high = c == 0xED ? 0x9F : c == 0xF4 ? 0x8F : 0xBF;
        if (tail && (s[i + 1] < low || s[i + 1] > high)) break;
        bool good = true;
        for (size_t k = 2; k <= tail; k++) good = good && (s[i + k] & 0xC0) == 0x80;
        if (!good) break;
        i += tail + 1;
    }
    return i;
}
