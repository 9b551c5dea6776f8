/* pickle.c -- the stack machine that reads a pickle, protocols 0 to 5, without running anything.
 *
 * The language is described in Python's own Lib/pickletools.py (every opcode, its argument and its
 * stack effect) and PEP 307, 3154 and 574.  Bytes are one opcode each, followed by an argument: a
 * number, a length-prefixed string, or a line of text.  The machine has a stack of values, a stack
 * of marks, and a memo of values to be used again.
 *
 * Invariants: a value is created once and only referred to afterwards, so cycles and sharing cost
 * nothing; the stacks live on the heap, so nesting has no depth limit here; every instruction takes
 * time proportional to its bytes and to the stack items it consumes.  Memo indices larger than the
 * input are refused: picklers number their memo 0, 1, 2, ...
 */
#define _GNU_SOURCE          /* strtod_l */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/pickle_internal.h"

typedef struct machine {
    mn_pkl *p;
    const uint8_t *at, *end;
    mn_pkl_value **stack, **memo;
    size_t n_stack, cap_stack, *marks, n_marks, cap_marks, cap_memo, n_memo;
    bool stopped;
} machine;

/* ---- input -------------------------------------------------------------- */

static const uint8_t *take(machine *m, uint64_t n, const char *what) {
    if (n > (uint64_t)(m->end - m->at)) {
        pkl_fail(m->p, "%s: expected %llu bytes, found the end of the file after %zu", what, (unsigned long long)n, (size_t)(m->end - m->at));
        return NULL;
    }
    const uint8_t *from = m->at;
    m->at += n;
    return from;
}

static bool take_number(machine *m, int bytes, const char *what, uint64_t *out) {
    const uint8_t *b = take(m, (uint64_t)bytes, what);
    *out = 0;
    for (int i = 0; b && i < bytes; i++) *out |= (uint64_t)b[i] << 8 * i;
    return b != NULL;
}

/* A text argument up to its newline. */
static const uint8_t *take_line(machine *m, const char *what, size_t *n) {
    const uint8_t *from = m->at, *newline = m->at < m->end ? memchr(m->at, '\n', (size_t)(m->end - m->at)) : NULL;
    if (!newline) {
        pkl_fail(m->p, "%s: expected a line of text, found the end of the file", what);
        return NULL;
    }
    *n = (size_t)(newline - from);
    m->at = newline + 1;
    return from;
}

/* ---- stacks and memo ---------------------------------------------------- */

static mn_status push(machine *m, mn_pkl_value *v) {
    if (!v) return mn_errcode();
    if (pkl_grow(m->p, &m->stack, &m->cap_stack, m->n_stack, sizeof *m->stack)) return mn_errcode();
    m->stack[m->n_stack++] = v;
    return MN_OK;
}

/* Items above the topmost mark belong to the part being built: nothing below it may be taken. */
static size_t stack_floor(const machine *m) { return m->n_marks ? m->marks[m->n_marks - 1] : 0; }

static mn_pkl_value **need(machine *m, size_t n) {
    if (m->n_stack - stack_floor(m) < n) {
        pkl_fail(m->p, "instruction 0x%02x needs %zu values on the stack, found %zu", m->p->data[m->p->at], n, m->n_stack - stack_floor(m));
        return NULL;
    }
    return m->stack + m->n_stack - n;
}

static mn_pkl_value *pop(machine *m) {
    mn_pkl_value **v = need(m, 1);
    if (v) m->n_stack--;
    return v ? *v : NULL;
}

static mn_status mark(machine *m) {
    if (pkl_grow(m->p, &m->marks, &m->cap_marks, m->n_marks, sizeof *m->marks)) return mn_errcode();
    m->marks[m->n_marks++] = m->n_stack;
    return MN_OK;
}

/* The values since the last mark, removed from the stack (they stay readable until the next push). */
static mn_pkl_value **pop_mark(machine *m, size_t *n) {
    if (!m->n_marks) {
        pkl_fail(m->p, "instruction 0x%02x needs a mark on the stack, found none", m->p->data[m->p->at]);
        return NULL;
    }
    size_t from = m->marks[--m->n_marks];
    *n = m->n_stack - from;
    m->n_stack = from;
    static mn_pkl_value *nothing[1];
    return m->stack ? m->stack + from : nothing;
}

static mn_status memo_put(machine *m, uint64_t index) {
    mn_pkl_value **top = need(m, 1);
    if (!top) return mn_errcode();
    if (index > m->p->size) return pkl_fail(m->p, "memo entry %llu in a pickle of %zu bytes", (unsigned long long)index, m->p->size);
    if (index >= m->cap_memo) {
        size_t old = m->cap_memo;
        if (pkl_grow(m->p, &m->memo, &m->cap_memo, index, sizeof *m->memo)) return mn_errcode();
        memset(m->memo + old, 0, (m->cap_memo - old) * sizeof *m->memo);
    }
    m->n_memo += !m->memo[index];
    m->memo[index] = *top;
    return MN_OK;
}

static mn_status memo_get(machine *m, uint64_t index) {
    if (index >= m->cap_memo || !m->memo[index])
        return pkl_fail(m->p, "memo entry %llu is used before it is set", (unsigned long long)index);
    return push(m, m->memo[index]);
}

/* ---- numbers and text written out --------------------------------------- */

static bool line_index(machine *m, uint64_t *index) {
    size_t n;
    const uint8_t *line = take_line(m, "memo number", &n);
    if (!line) return false;
    *index = 0;
    for (size_t i = 0; i < n; i++) {
        if (line[i] < '0' || line[i] > '9' || n > 18) return pkl_fail(m->p, "memo number: expected digits, found '%.*s'", (int)(n < 40 ? n : 40), line), false;
        *index = *index * 10 + line[i] - '0';
    }
    return n > 0 || (pkl_fail(m->p, "memo number: expected digits, found an empty line"), false);
}

/* INT and LONG: decimal, LONG with an L behind; INT's 00 and 01 are False and True. */
static mn_pkl_value *line_integer(machine *m, bool is_long) {
    size_t n;
    const uint8_t *line = take_line(m, "integer", &n);
    char text[32];
    if (!line) return NULL;
    if (!is_long && n == 2 && line[0] == '0' && (line[1] == '0' || line[1] == '1')) return line[1] == '1' ? &pkl_true : &pkl_false;
    if (n && line[n - 1] == '\r') n--;
    if (is_long && n && line[n - 1] == 'L') n--;
    size_t digits = n - (n && line[0] == '-');
    bool ok = digits > 0;
    for (size_t i = n - digits; i < n; i++) ok = ok && line[i] >= '0' && line[i] <= '9';
    if (!ok) {
        pkl_fail(m->p, "integer: expected digits, found '%.*s'", (int)(n < 40 ? n : 40), (const char *)line);
        return NULL;
    }
    if (digits > 18) return pkl_string(m->p, MN_PKL_BIGINT, line, n);
    memcpy(text, line, n);
    text[n] = 0;
    return pkl_integer(m->p, strtoll(text, NULL, 10));
}

static mn_pkl_value *real(machine *m, double x) {
    mn_pkl_value *v = pkl_atom(m->p, MN_PKL_FLOAT, 0);
    if (v) v->u.f = x;
    return v;
}

static mn_pkl_value *line_real(machine *m) {
    size_t n;
    const uint8_t *line = take_line(m, "float", &n);
    char text[64], *end;
    if (!line) return NULL;
    bool ok = n > 0 && n < sizeof text;
    double x = 0;
    if (ok) {
        memcpy(text, line, n);
        text[n] = 0;
        /* The C locale by name: a host program may have set one with a decimal comma. */
        locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
        x = c ? strtod_l(text, &end, c) : strtod(text, &end);
        if (c) freelocale(c);
        ok = *end == 0 || *end == '\r';
    }
    if (ok) return real(m, x);
    pkl_fail(m->p, "float: expected a number, found '%.*s'", (int)(n < 40 ? n : 40), (const char *)line);
    return NULL;
}

/* LONG1, LONG4: little-endian two's complement. */
static mn_pkl_value *binary_long(machine *m, int length_bytes) {
    uint64_t n, bits = 0;
    const uint8_t *b = take_number(m, length_bytes, "integer's length", &n) ? take(m, n, "integer") : NULL;
    if (!b) return NULL;
    if (n > 8) return pkl_string(m->p, MN_PKL_BIGINT, b, n);
    if (n && b[n - 1] & 0x80) bits = ~(uint64_t)0;
    for (uint64_t i = 0; i < n; i++) bits = (bits & ~((uint64_t)0xff << 8 * i)) | (uint64_t)b[i] << 8 * i;
    return pkl_integer(m->p, (int64_t)bits);
}

static int hex(uint8_t c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/* `n` hex digits, or -1. */
static int64_t hex_number(const uint8_t *s, const uint8_t *end, int n) {
    int64_t x = 0;
    if (end - s < n) return -1;
    for (int i = 0; i < n; i++) {
        if (hex(s[i]) < 0) return -1;
        x = x * 16 + hex(s[i]);
    }
    return x;
}

/* STRING: what repr() of a Python 2 str printed, quotes and backslashes included. */
static mn_pkl_value *line_string(machine *m) {
    size_t n, k = 0;
    const uint8_t *s = take_line(m, "string", &n), *end;
    if (!s) return NULL;
    while (n && (s[n - 1] == '\r' || s[n - 1] == ' ')) n--;
    if (n < 2 || (s[0] != '\'' && s[0] != '"') || s[n - 1] != s[0]) {
        pkl_fail(m->p, "string: expected quoted text, found '%.*s'", (int)(n < 40 ? n : 40), (const char *)s);
        return NULL;
    }
    end = s + n - 1;
    s++;
    if (!memchr(s, '\\', (size_t)(end - s))) return pkl_string(m->p, MN_PKL_STR, s, (size_t)(end - s));
    uint8_t *out = pkl_text_space(m->p, n);
    if (!out) return NULL;
    while (s < end) {
        static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
        const char *plain;
        if (*s != '\\') { out[k++] = *s++; continue; }
        if (++s == end) break;
        if (*s == 'x') {
            int64_t c = hex_number(s + 1, end, 2);
            if (c < 0) return pkl_fail(m->p, "string: expected two hex digits after \\x"), NULL;
            out[k++] = (uint8_t)c;
            s += 3;
        } else if (*s >= '0' && *s <= '7') {
            int c = 0, d = 0;
            for (; d < 3 && s < end && *s >= '0' && *s <= '7'; d++) c = c * 8 + *s++ - '0';
            out[k++] = (uint8_t)c;
        } else if (*s && (plain = strchr(from, *s))) {
            out[k++] = (uint8_t)to[plain - from];
            s++;
        } else {
            out[k++] = '\\';           /* not an escape: Python keeps the backslash */
        }
    }
    return pkl_string(m->p, MN_PKL_STR, out, k);
}

static size_t utf8(uint8_t *out, uint32_t c) {
    if (c < 0x80) return out[0] = (uint8_t)c, 1;
    if (c < 0x800) return out[0] = (uint8_t)(0xc0 | c >> 6), out[1] = (uint8_t)(0x80 | (c & 63)), 2;
    if (c < 0x10000) return out[0] = (uint8_t)(0xe0 | c >> 12), out[1] = (uint8_t)(0x80 | (c >> 6 & 63)), out[2] = (uint8_t)(0x80 | (c & 63)), 3;
    out[0] = (uint8_t)(0xf0 | c >> 18), out[1] = (uint8_t)(0x80 | (c >> 12 & 63)), out[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    return out[3] = (uint8_t)(0x80 | (c & 63)), 4;
}

/* UNICODE: Latin-1 with \uXXXX and \UXXXXXXXX. */
static mn_pkl_value *line_unicode(machine *m) {
    size_t n, k = 0;
    const uint8_t *s = take_line(m, "text", &n);
    size_t high = 0;                            /* one byte here, two in UTF-8; escapes become shorter */
    for (size_t i = 0; s && i < n; i++) high += s[i] >> 7;
    uint8_t *out = s ? pkl_text_space(m->p, n + high) : NULL;
    if (!out) return NULL;
    for (const uint8_t *end = s + n; s < end;) {
        int digits = *s == '\\' && end - s > 1 ? (s[1] == 'u' ? 4 : s[1] == 'U' ? 8 : 0) : 0;
        int64_t c = digits ? hex_number(s + 2, end, digits) : *s;
        if (c < 0 || c > 0x10ffff) return pkl_fail(m->p, "text: expected %d hex digits of a code point after \\%c", digits, s[1]), NULL;
        k += utf8(out + k, (uint32_t)c);
        s += digits ? digits + 2 : 1;
    }
    return pkl_string(m->p, MN_PKL_STR, out, k);
}

static mn_pkl_value *counted(machine *m, int length_bytes, mn_pkl_kind kind, const char *what) {
    uint64_t n;
    if (!take_number(m, length_bytes, what, &n)) return NULL;
    const uint8_t *text = take(m, n, what);
    return text ? pkl_string(m->p, kind, text, n) : NULL;
}

/* ---- instructions on collections, names and objects --------------------- */

static mn_status add_items(machine *m, mn_pkl_value **items, size_t n) {
    mn_pkl_value **target = items ? need(m, 1) : NULL;
    pkl_seq *list = target ? pkl_list_of(m->p, *target) : NULL;
    return list ? pkl_append(m->p, list, items, n) : mn_errcode();
}

static mn_status set_items(machine *m, mn_pkl_value **items, size_t n) {
    mn_pkl_value **target = items ? need(m, 1) : NULL;
    pkl_seq *dict = target ? pkl_dict_of(m->p, *target) : NULL;
    if (!dict) return mn_errcode();
    if (n % 2) return pkl_fail(m->p, "dictionary items: expected keys and values in pairs, found %zu of them", n);
    for (size_t i = 0; i < n; i += 2)
        if (pkl_set(m->p, dict, items[i], items[i + 1])) return mn_errcode();
    return MN_OK;
}

/* A collection of the values since the mark. */
static mn_status collect(machine *m, mn_pkl_kind kind) {
    size_t n;
    mn_pkl_value **items = pop_mark(m, &n);
    if (!items) return mn_errcode();
    if (kind == MN_PKL_TUPLE) return push(m, pkl_tuple(m->p, items, n));
    pkl_seq *s = pkl_seq_new(m->p, kind);
    if (!s) return mn_errcode();
    if (kind != MN_PKL_DICT) return pkl_append(m->p, s, items, n) ? mn_errcode() : push(m, &s->head);
    if (n % 2) return pkl_fail(m->p, "dictionary items: expected keys and values in pairs, found %zu of them", n);
    for (size_t i = 0; i < n; i += 2)
        if (pkl_set(m->p, s, items[i], items[i + 1])) return mn_errcode();
    return push(m, &s->head);
}

static mn_status short_tuple(machine *m, size_t n) {
    mn_pkl_value **items = need(m, n), *t = items ? pkl_tuple(m->p, items, n) : NULL;
    if (!t) return mn_errcode();
    m->n_stack -= n;
    return push(m, t);
}

static mn_pkl_value *line_global(machine *m) {
    size_t module_size, name_size;
    const uint8_t *module = take_line(m, "module of a name", &module_size);
    const uint8_t *name = module ? take_line(m, "name", &name_size) : NULL;
    return name ? pkl_global_value(m->p, module, module_size, name, name_size) : NULL;
}

static mn_status stack_global(machine *m) {
    mn_pkl_value **v = need(m, 2);
    if (!v) return mn_errcode();
    if (v[0]->kind != MN_PKL_STR || v[1]->kind != MN_PKL_STR)
        return pkl_fail(m->p, "a name: expected two texts on the stack, found %s and %s", mn_pkl_kind_name(v[0]->kind), mn_pkl_kind_name(v[1]->kind));
    mn_pkl_value *g = pkl_global_value(m->p, v[0]->u.text, v[0]->n, v[1]->u.text, v[1]->n);
    m->n_stack -= 2;
    return push(m, g);
}

/* EXT1, EXT2, EXT4: a number that a Python program has registered for some name; only that program knows which. */
static mn_status extension(machine *m, int bytes) {
    uint64_t code;
    char text[32];
    if (!take_number(m, bytes, "extension code", &code)) return mn_errcode();
    int n = snprintf(text, sizeof text, "extension_%llu", (unsigned long long)code);
    uint8_t *name = pkl_text_space(m->p, (size_t)n);
    if (!name) return mn_errcode();
    memcpy(name, text, (size_t)n);
    return push(m, pkl_global_value(m->p, (const uint8_t *)"copyreg", 7, name, (size_t)n));
}

/* A persistent id.  ('module', class, file, source) was how old versions of torch wrote a class: it is that class. */
static mn_status persid(machine *m, mn_pkl_value *id) {
    if (!id) return mn_errcode();
    if (id->kind == MN_PKL_TUPLE && id->n >= 2 && mn_pkl_is_text(id->u.items[0], "module")) return push(m, id->u.items[1]);
    return push(m, pkl_persid(m->p, id));
}

/* INST has its class in two lines, OBJ as the first value after the mark; both then build an instance. */
static mn_status marked_instance(machine *m, mn_pkl_value *cls) {
    size_t n;
    mn_pkl_value **items = pop_mark(m, &n);
    if (!items) return mn_errcode();
    if (!cls) {
        if (!n) return pkl_fail(m->p, "an instance without a class");
        cls = *items++, n--;
    }
    mn_pkl_value *args = pkl_tuple(m->p, items, n);
    return args ? push(m, pkl_instance(m->p, cls, args)) : mn_errcode();
}

static mn_status called(machine *m, size_t n, mn_pkl_value *(*make)(mn_pkl *, mn_pkl_value *, mn_pkl_value *)) {
    mn_pkl_value **v = need(m, n);          /* NEWOBJ_EX's keyword arguments, v[2], are left out: no modelled class has any */
    mn_pkl_value *made = v ? make(m->p, v[0], v[1]) : NULL;
    if (!made) return mn_errcode();
    m->n_stack -= n;
    return push(m, made);
}

static mn_status step(machine *m, uint8_t op) {
    mn_pkl *p = m->p;
    mn_pkl_value **v, *x;
    uint64_t k = 0;
    size_t n = 0;
    switch (op) {
    /* atoms */
    case 'N': return push(m, &pkl_none);
    case 0x88: return push(m, &pkl_true);
    case 0x89: return push(m, &pkl_false);
    case 'I': return push(m, line_integer(m, false));
    case 'L': return push(m, line_integer(m, true));
    case 'J': return take_number(m, 4, "integer", &k) ? push(m, pkl_integer(p, (int32_t)k)) : mn_errcode();
    case 'K': return take_number(m, 1, "integer", &k) ? push(m, pkl_integer(p, (int64_t)k)) : mn_errcode();
    case 'M': return take_number(m, 2, "integer", &k) ? push(m, pkl_integer(p, (int64_t)k)) : mn_errcode();
    case 0x8a: return push(m, binary_long(m, 1));
    case 0x8b: return push(m, binary_long(m, 4));
    case 'F': return push(m, line_real(m));
    case 'G': {                                 /* eight bytes, big-endian */
        const uint8_t *b = take(m, 8, "float");
        double d;
        if (!b) return mn_errcode();
        for (int i = 0; i < 8; i++) k = k << 8 | b[i];
        memcpy(&d, &k, sizeof d);
        return push(m, real(m, d));
    }
    case 'S': return push(m, line_string(m));
    case 'V': return push(m, line_unicode(m));
    case 'T': return push(m, counted(m, 4, MN_PKL_STR, "string"));
    case 'U': return push(m, counted(m, 1, MN_PKL_STR, "string"));
    case 'X': return push(m, counted(m, 4, MN_PKL_STR, "text"));
    case 0x8c: return push(m, counted(m, 1, MN_PKL_STR, "text"));
    case 0x8d: return push(m, counted(m, 8, MN_PKL_STR, "text"));
    case 'B': return push(m, counted(m, 4, MN_PKL_BYTES, "bytes"));
    case 'C': return push(m, counted(m, 1, MN_PKL_BYTES, "bytes"));
    case 0x8e: case 0x96: return push(m, counted(m, 8, MN_PKL_BYTES, "bytes"));
    /* collections */
    case '(': return mark(m);
    case ')': return push(m, pkl_tuple(p, NULL, 0));
    case 't': return collect(m, MN_PKL_TUPLE);
    case 0x85: case 0x86: case 0x87: return short_tuple(m, op - 0x84u);
    case ']': return push(m, (x = (mn_pkl_value *)pkl_seq_new(p, MN_PKL_LIST)));
    case '}': return push(m, (x = (mn_pkl_value *)pkl_seq_new(p, MN_PKL_DICT)));
    case 0x8f: return push(m, (x = (mn_pkl_value *)pkl_seq_new(p, MN_PKL_SET)));
    case 'l': return collect(m, MN_PKL_LIST);
    case 'd': return collect(m, MN_PKL_DICT);
    case 0x91: return collect(m, MN_PKL_SET);
    case 'a':
        if (!(x = pop(m))) return mn_errcode();
        return add_items(m, &x, 1);
    case 's':
        if (!(v = need(m, 3))) return mn_errcode();
        m->n_stack -= 2;
        return set_items(m, v + 1, 2);
    case 'e': case 0x90: v = pop_mark(m, &n); return add_items(m, v, n);
    case 'u': v = pop_mark(m, &n); return set_items(m, v, n);
    /* names, objects, calls: recorded, never made */
    case 'c': return push(m, line_global(m));
    case 0x93: return stack_global(m);
    case 0x82: return extension(m, 1);
    case 0x83: return extension(m, 2);
    case 0x84: return extension(m, 4);
    case 'R': return called(m, 2, pkl_call);
    case 0x81: return called(m, 2, pkl_instance);
    case 0x92: return called(m, 3, pkl_instance);
    case 'i': return (x = line_global(m)) ? marked_instance(m, x) : mn_errcode();
    case 'o': return marked_instance(m, NULL);
    case 'b':
        if (!(v = need(m, 2))) return mn_errcode();
        m->n_stack--;
        return pkl_build(p, v[0], v[1]);
    case 'P': {
        const uint8_t *line = take_line(m, "persistent id", &n);
        return line ? persid(m, pkl_string(p, MN_PKL_STR, line, n)) : mn_errcode();
    }
    case 'Q': return persid(m, pop(m));
    /* memo and stack */
    case 'p': return line_index(m, &k) ? memo_put(m, k) : mn_errcode();
    case 'q': return take_number(m, 1, "memo number", &k) ? memo_put(m, k) : mn_errcode();
    case 'r': return take_number(m, 4, "memo number", &k) ? memo_put(m, k) : mn_errcode();
    case 0x94: return memo_put(m, m->n_memo);
    case 'g': return line_index(m, &k) ? memo_get(m, k) : mn_errcode();
    case 'h': return take_number(m, 1, "memo number", &k) ? memo_get(m, k) : mn_errcode();
    case 'j': return take_number(m, 4, "memo number", &k) ? memo_get(m, k) : mn_errcode();
    case '0':                                   /* drops a mark when there is nothing above it */
        if (m->n_marks && m->n_stack == stack_floor(m)) { m->n_marks--; return MN_OK; }
        pop(m);
        return mn_errcode();
    case '1': pop_mark(m, &n); return mn_errcode();
    case '2': return (v = need(m, 1)) ? push(m, *v) : mn_errcode();
    /* framing */
    case 0x80:
        if (take_number(m, 1, "protocol", &k) && k > 5) pkl_fail(p, "protocol: expected 0 to 5, found %d", (int)k);
        return mn_errcode();
    case 0x95:
        if (take_number(m, 8, "frame length", &k) && k > (uint64_t)(m->end - m->at))
            pkl_fail(p, "a frame of %llu bytes, found the end of the file after %zu", (unsigned long long)k, (size_t)(m->end - m->at));
        return mn_errcode();
    case 0x97: return pkl_fail(p, "its buffers were written elsewhere (out-of-band, protocol 5), expected them inside the file");
    case 0x98: return need(m, 1) ? MN_OK : mn_errcode();
    case '.':
        p->root = pop(m);
        m->stopped = true;
        return mn_errcode();
    default: return pkl_fail(p, "0x%02x is no pickle instruction", op);
    }
}

mn_pkl *mn_pkl_read(const void *data, size_t size, const char *label, size_t *used) {
    mn_pkl *p = calloc(1, sizeof *p);
    if (!p) {
        mn_fail(MN_ENOMEM, "%s: no memory to read a pickle", label);
        return NULL;
    }
    p->label = label;
    p->data = data;
    p->size = size;
    p->charged = MN_PKL_ASIDE;
    machine m = { .p = p, .at = data, .end = p->data + size };
    mn_status s = mn_errcode();
    for (uint32_t count = 1; !s && !m.stopped; count++) {
        p->at = (size_t)(m.at - p->data);
        if (m.at == m.end) s = pkl_fail(p, "expected the STOP instruction, found the end of the file");
        else if (count % 65536 == 0 && mn_interrupted()) s = mn_fail(MN_EINTR, "%s: reading was interrupted", label);
        else s = step(&m, *m.at++);
    }
    if (used) *used = (size_t)(m.at - p->data);
    free(m.stack);
    free(m.marks);
    free(m.memo);
    p->label = NULL;
    if (!s && p->root) return p;
    mn_pkl_free(p);
    return NULL;
}
