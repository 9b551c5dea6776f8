/* pickle_value.c -- the values of a pickle: their memory, dictionaries, and the accessors of pickle.h.
 *
 * Everything lies in chunks that are freed together.  Bytes of values and stacks are charged
 * against MN_PKL_MEMORY; unescaped text (protocol 0 strings, bytes that were written as text) is
 * limited by the size of the input.  Dictionaries of more than 8 pairs get a hash table over
 * their text and integer keys, so that neither insertion nor look-up is ever quadratic; a key
 * that is set twice is an error, because no pickler writes one and readers would disagree
 * about which value counts.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/pickle_internal.h"

mn_pkl_value pkl_none = { .kind = MN_PKL_NONE };
mn_pkl_value pkl_true = { .kind = MN_PKL_BOOL, .u.i = 1 };
mn_pkl_value pkl_false = { .kind = MN_PKL_BOOL, .u.i = 0 };

/* ---- memory ------------------------------------------------------------- */

mn_status pkl_fail(mn_pkl *p, const char *fmt, ...) {
    char text[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return mn_fail(MN_EFORMAT, "%s: pickle offset %zu: %s", p->label, p->at, text);
}

mn_status pkl_charge(mn_pkl *p, size_t bytes) {
    if (bytes > (size_t)MN_PKL_MEMORY - p->charged)
        return pkl_fail(p, "the values need more than %d MB of memory, expected a checkpoint's few thousand objects", MN_PKL_MEMORY >> 20);
    p->charged += bytes;
    return MN_OK;
}

static void *chunk_alloc(mn_pkl *p, size_t bytes) {
    bytes = (bytes + 7) & ~(size_t)7;
    if (!p->chunks || bytes > p->chunks->size - p->chunks->used) {
        size_t size = p->charged < MN_PKL_ASIDE + (1 << 20) ? 16 << 10 : 1 << 20;
        if (bytes > size) size = bytes;
        pkl_chunk *c = malloc(sizeof *c + size);
        if (!c) {
            mn_fail(MN_ENOMEM, "%s: no memory for %zu bytes of pickled values", p->label, size);
            return NULL;
        }
        *c = (pkl_chunk){ p->chunks, 0, size };
        p->chunks = c;
    }
    void *at = (char *)(p->chunks + 1) + p->chunks->used;
    p->chunks->used += bytes;
    return at;
}

void *pkl_alloc(mn_pkl *p, size_t bytes) {
    return pkl_charge(p, bytes) ? NULL : chunk_alloc(p, bytes);
}

uint8_t *pkl_text_space(mn_pkl *p, size_t bytes) {
    if (bytes > 2 * p->size + 4096 - p->decoded) {
        pkl_fail(p, "unescaping the same text over and over: more than twice the file's %zu bytes", p->size);
        return NULL;
    }
    if (pkl_charge(p, -bytes & 7)) return NULL;         /* what rounding adds */
    p->decoded += bytes;
    return chunk_alloc(p, bytes ? bytes : 1);
}

mn_status pkl_grow(mn_pkl *p, void *array, size_t *cap, size_t n, size_t element) {
    if (n < *cap) return MN_OK;
    size_t more = *cap ? *cap * 2 : 64;
    if (more <= n) more = n + 1;
    mn_status s = pkl_charge(p, (more - *cap) * element);
    if (s) return s;
    void *grown = realloc(*(void **)array, more * element);
    if (!grown) return mn_fail(MN_ENOMEM, "%s: no memory for %zu bytes of the pickle's stack", p->label, more * element);
    *(void **)array = grown;
    *cap = more;
    return MN_OK;
}

void mn_pkl_free(mn_pkl *p) {
    if (!p) return;
    for (pkl_chunk *c = p->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(p->globals);
    free(p->persids);
    free(p);
}

/* ---- making values ------------------------------------------------------ */

mn_pkl_value *pkl_atom(mn_pkl *p, mn_pkl_kind kind, size_t n) {
    mn_pkl_value *v = pkl_alloc(p, sizeof *v);
    if (v) *v = (mn_pkl_value){ .kind = kind, .n = n };
    return v;
}

mn_pkl_value *pkl_string(mn_pkl *p, mn_pkl_kind kind, const uint8_t *text, size_t n) {
    mn_pkl_value *v = pkl_atom(p, kind, n);
    if (v) v->u.text = text;
    return v;
}

mn_pkl_value *pkl_integer(mn_pkl *p, int64_t i) {
    mn_pkl_value *v = pkl_atom(p, MN_PKL_INT, 0);
    if (v) v->u.i = i;
    return v;
}

mn_pkl_value *pkl_tuple(mn_pkl *p, mn_pkl_value *const *items, size_t n) {
    mn_pkl_value *v = pkl_alloc(p, sizeof *v + n * sizeof *items);
    if (!v) return NULL;
    *v = (mn_pkl_value){ .kind = MN_PKL_TUPLE, .n = n, .u.items = (mn_pkl_value **)(v + 1) };
    if (n) memcpy(v->u.items, items, n * sizeof *items);
    return v;
}

pkl_seq *pkl_seq_new(mn_pkl *p, mn_pkl_kind kind) {
    pkl_seq *s = pkl_alloc(p, sizeof *s);
    if (s) *s = (pkl_seq){ .head.kind = kind };
    return s;
}

/* Room for `more` further elements of `width` pointers.  The old block stays in the arena: at most as much again. */
static mn_status seq_reserve(mn_pkl *p, pkl_seq *s, size_t more, size_t width) {
    size_t need = s->head.n + more;
    if (need <= s->cap) return MN_OK;
    size_t cap = s->cap ? 2 * (size_t)s->cap : 4;
    if (cap < need) cap = need;
    mn_pkl_value **items = pkl_alloc(p, cap * width * sizeof *items);
    if (!items) return mn_errcode();
    if (s->head.n) memcpy(items, s->head.u.items, s->head.n * width * sizeof *items);
    s->head.u.items = items;
    s->cap = (uint32_t)cap;             /* MN_PKL_MEMORY keeps it far below 2^32 */
    return MN_OK;
}

mn_status pkl_append(mn_pkl *p, pkl_seq *s, mn_pkl_value *const *items, size_t n) {
    mn_status st = seq_reserve(p, s, n, 1);
    if (st) return st;
    if (n) memcpy(s->head.u.items + s->head.n, items, n * sizeof *items);
    s->head.n += n;
    return MN_OK;
}

/* FNV-1a; 0 for keys that are neither text nor integers, which are not indexed. */
static uint32_t key_hash(const mn_pkl_value *key) {
    const uint8_t *bytes = (const uint8_t *)&key->u.i;
    size_t n = sizeof key->u.i;
    if (key->kind == MN_PKL_STR || key->kind == MN_PKL_BYTES) bytes = key->u.text, n = key->n;
    else if (key->kind != MN_PKL_INT) return 0;
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++) h = (h ^ bytes[i]) * 16777619u;
    h ^= h >> 15;
    return h ? h : 1;
}

static bool key_equal(const mn_pkl_value *a, const mn_pkl_value *b) {
    if (a->kind != b->kind) return false;
    if (a->kind == MN_PKL_INT) return a->u.i == b->u.i;
    return (a->kind == MN_PKL_STR || a->kind == MN_PKL_BYTES) && a->n == b->n && !memcmp(a->u.text, b->u.text, a->n);
}

/* The pair number of a key; -1 when it is not there; -2 when too many keys share its hash, which at half
 * load (longest run about 70 for a million keys) only keys made for the purpose do. */
static int64_t pair_find(const pkl_seq *d, const mn_pkl_value *key) {
    uint32_t h = key_hash(key), steps = 0;
    if (!h) return -1;
    if (!d->index) {
        for (size_t i = 0; i < d->head.n; i++)
            if (key_equal(d->head.u.items[2 * i], key)) return (int64_t)i;
        return -1;
    }
    for (uint32_t slot = h & (d->index_cap - 1); d->index[slot]; slot = (slot + 1) & (d->index_cap - 1)) {
        if (key_equal(d->head.u.items[2 * (d->index[slot] - 1)], key)) return d->index[slot] - 1;
        if (++steps > 1000) return -2;
    }
    return -1;
}

static void index_add(pkl_seq *d, size_t pair) {
    uint32_t h = key_hash(d->head.u.items[2 * pair]), slot = h & (d->index_cap - 1);
    if (!h) return;
    while (d->index[slot]) slot = (slot + 1) & (d->index_cap - 1);
    d->index[slot] = (uint32_t)pair + 1;
}

mn_status pkl_set(mn_pkl *p, pkl_seq *d, mn_pkl_value *key, mn_pkl_value *value) {
    int64_t old = pair_find(d, key);
    if (old == -2) return pkl_fail(p, "a dictionary's keys are made to collide");
    if (old >= 0) {
        char text[80] = "";
        if (key->kind == MN_PKL_INT) snprintf(text, sizeof text, "%lld", (long long)key->u.i);
        else snprintf(text, sizeof text, "'%.*s'", (int)(key->n < 60 ? key->n : 60), (const char *)key->u.text);
        return pkl_fail(p, "a dictionary sets its key %s twice", text);
    }
    mn_status s = seq_reserve(p, d, 1, 2);
    if (s) return s;
    size_t i = d->head.n++;
    d->head.u.items[2 * i] = key;
    d->head.u.items[2 * i + 1] = value;
    if (d->index && 2 * d->head.n < (size_t)d->index_cap) {
        index_add(d, i);
    } else if (d->head.n > 8) {
        uint32_t cap = d->index ? 2 * d->index_cap : 32;
        d->index = pkl_alloc(p, cap * sizeof *d->index);
        if (!d->index) return mn_errcode();
        memset(d->index, 0, cap * sizeof *d->index);
        d->index_cap = cap;
        for (size_t k = 0; k < d->head.n; k++) index_add(d, k);
    }
    return MN_OK;
}

mn_pkl_value *pkl_global_value(mn_pkl *p, const uint8_t *module, size_t module_size, const uint8_t *name, size_t name_size) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < module_size; i++) h = (h ^ module[i]) * 16777619u;
    h = (h ^ '.') * 16777619u;
    for (size_t i = 0; i < name_size; i++) h = (h ^ name[i]) * 16777619u;
    h ^= h >> 15;
    pkl_global **slot = &p->global_slots[h % PKL_GLOBAL_SLOTS];
    int steps = 0;
    for (pkl_global *g = *slot; g; g = g->chain, steps++)
        if (g->about.module_size == module_size && g->about.name_size == name_size &&
            !memcmp(g->about.module, module, module_size) && !memcmp(g->about.name, name, name_size)) {
            g->about.met++;
            return &g->head;
        }
    if (p->n_globals >= 20000 || steps > 128) {     /* 20 a slot on average at most: 128 are no accident */
        pkl_fail(p, "more names of classes and functions than any checkpoint has: %zu, expected at most 20000", p->n_globals);
        return NULL;
    }
    if (pkl_grow(p, &p->globals, &p->cap_globals, p->n_globals, sizeof *p->globals)) return NULL;
    pkl_global *g = pkl_alloc(p, sizeof *g);
    if (!g) return NULL;
    mn_pkl_model model = pkl_model(module, module_size, name, name_size);
    *g = (pkl_global){ { .kind = MN_PKL_GLOBAL, .n = model }, { module, name, module_size, name_size, model, 1, 0 }, *slot };
    *slot = g;
    p->globals[p->n_globals++] = g;
    return &g->head;
}

mn_pkl_value *pkl_persid(mn_pkl *p, mn_pkl_value *id) {
    if (pkl_grow(p, &p->persids, &p->cap_persids, p->n_persids, sizeof *p->persids)) return NULL;
    mn_pkl_value *v = pkl_tuple(p, &id, 1);
    if (v) v->kind = MN_PKL_PERSID, p->persids[p->n_persids++] = v;
    return v;
}

/* ---- accessors ---------------------------------------------------------- */

const mn_pkl_value *mn_pkl_root(const mn_pkl *p) { return p->root; }
mn_pkl_kind mn_pkl_kind_of(const mn_pkl_value *v) { return v ? (mn_pkl_kind)v->kind : MN_PKL_NONE; }

const char *mn_pkl_kind_name(mn_pkl_kind kind) {
    static const char *const names[] = { "None", "bool", "int", "big int", "float", "str", "bytes", "list", "tuple", "set",
                                         "dict", "name", "persistent id", "object", "tensor", "array" };
    return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "unknown";
}

bool mn_pkl_bool(const mn_pkl_value *v, bool *out) {
    if (mn_pkl_kind_of(v) != MN_PKL_BOOL) return false;
    *out = v->u.i != 0;
    return true;
}

bool mn_pkl_int(const mn_pkl_value *v, int64_t *out) {
    mn_pkl_kind kind = mn_pkl_kind_of(v);
    if (kind != MN_PKL_INT && kind != MN_PKL_BOOL) return false;
    *out = v->u.i;
    return true;
}

bool mn_pkl_real(const mn_pkl_value *v, double *out) {
    int64_t i;
    if (mn_pkl_kind_of(v) == MN_PKL_FLOAT) *out = v->u.f;
    else if (mn_pkl_int(v, &i)) *out = (double)i;
    else return false;
    return true;
}

const uint8_t *mn_pkl_text(const mn_pkl_value *v, size_t *size) {
    mn_pkl_kind kind = mn_pkl_kind_of(v);
    bool ok = kind == MN_PKL_STR || kind == MN_PKL_BYTES || kind == MN_PKL_BIGINT;
    *size = ok ? v->n : 0;
    return ok ? v->u.text : NULL;
}

bool mn_pkl_is_text(const mn_pkl_value *v, const char *text) {
    mn_pkl_kind kind = mn_pkl_kind_of(v);
    return (kind == MN_PKL_STR || kind == MN_PKL_BYTES) && v->n == strlen(text) && !memcmp(v->u.text, text, v->n);
}

bool mn_pkl_copy_text(const mn_pkl_value *v, char *out, size_t size) {
    if (mn_pkl_kind_of(v) != MN_PKL_STR || v->n >= size || memchr(v->u.text, 0, v->n)) return false;
    memcpy(out, v->u.text, v->n);
    out[v->n] = 0;
    return true;
}

size_t mn_pkl_count(const mn_pkl_value *v) {
    mn_pkl_kind kind = mn_pkl_kind_of(v);
    return kind == MN_PKL_LIST || kind == MN_PKL_TUPLE || kind == MN_PKL_SET || kind == MN_PKL_DICT || kind == MN_PKL_PERSID ? v->n : 0;
}

const mn_pkl_value *mn_pkl_item(const mn_pkl_value *v, size_t i) {
    return i < mn_pkl_count(v) && v->kind != MN_PKL_DICT ? v->u.items[i] : NULL;
}

const mn_pkl_value *mn_pkl_key_at(const mn_pkl_value *v, size_t i) {
    return mn_pkl_kind_of(v) == MN_PKL_DICT && i < v->n ? v->u.items[2 * i] : NULL;
}

const mn_pkl_value *mn_pkl_value_at(const mn_pkl_value *v, size_t i) {
    return mn_pkl_kind_of(v) == MN_PKL_DICT && i < v->n ? v->u.items[2 * i + 1] : NULL;
}

const mn_pkl_value *mn_pkl_get(const mn_pkl_value *v, const char *key) {
    if (mn_pkl_kind_of(v) != MN_PKL_DICT) return NULL;
    mn_pkl_value k = { .kind = MN_PKL_STR, .n = strlen(key), .u.text = (const uint8_t *)key };
    int64_t i = pair_find((const pkl_seq *)v, &k);
    return i < 0 ? NULL : v->u.items[2 * i + 1];
}

static const pkl_object *as_object(const mn_pkl_value *v) {
    mn_pkl_kind kind = mn_pkl_kind_of(v);
    return kind == MN_PKL_OBJECT || kind == MN_PKL_TENSOR || kind == MN_PKL_ARRAY ? (const pkl_object *)v : NULL;
}

const mn_pkl_value *mn_pkl_class(const mn_pkl_value *v) { return as_object(v) ? as_object(v)->cls : NULL; }
const mn_pkl_value *mn_pkl_args(const mn_pkl_value *v) { return as_object(v) ? as_object(v)->args : NULL; }
const mn_pkl_value *mn_pkl_object_list(const mn_pkl_value *v) { return as_object(v) ? (const mn_pkl_value *)as_object(v)->list : NULL; }
const mn_pkl_value *mn_pkl_object_dict(const mn_pkl_value *v) { return as_object(v) ? (const mn_pkl_value *)as_object(v)->dict : NULL; }

const mn_pkl_value *mn_pkl_state(const mn_pkl_value *v) {
    if (as_object(v)) return as_object(v)->state;
    mn_pkl_kind kind = mn_pkl_kind_of(v);
    return kind == MN_PKL_LIST || kind == MN_PKL_SET || kind == MN_PKL_DICT ? ((const pkl_seq *)v)->state : NULL;
}

mn_pkl_model mn_pkl_model_of(const mn_pkl_value *v) {
    return as_object(v) || mn_pkl_kind_of(v) == MN_PKL_GLOBAL ? (mn_pkl_model)v->n : MN_PKL_OPAQUE;
}

bool mn_pkl_is_global(const mn_pkl_value *v, const char *module, const char *name) {
    if (mn_pkl_kind_of(v) != MN_PKL_GLOBAL) return false;
    const mn_pkl_global *g = &((const pkl_global *)v)->about;
    return g->module_size == strlen(module) && g->name_size == strlen(name) &&
           !memcmp(g->module, module, g->module_size) && !memcmp(g->name, name, g->name_size);
}

const char *mn_pkl_class_text(const mn_pkl_value *v, char *out, size_t size) {
    if (as_object(v)) v = as_object(v)->cls;
    if (mn_pkl_kind_of(v) == MN_PKL_GLOBAL) {
        const mn_pkl_global *g = &((const pkl_global *)v)->about;
        snprintf(out, size, "%.*s.%.*s", (int)(g->module_size < 200 ? g->module_size : 200), (const char *)g->module,
                 (int)(g->name_size < 200 ? g->name_size : 200), (const char *)g->name);
    } else if (mn_pkl_kind_of(v) == MN_PKL_STR) {
        snprintf(out, size, "%.*s", (int)(v->n < 200 ? v->n : 200), (const char *)v->u.text);
    } else {
        snprintf(out, size, "(%s)", mn_pkl_kind_name(mn_pkl_kind_of(v)));
    }
    for (char *c = out; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127) *c = '?';
    return out;
}

size_t mn_pkl_global_count(const mn_pkl *p) { return p->n_globals; }
mn_pkl_global mn_pkl_global_at(const mn_pkl *p, size_t i) { return p->globals[i]->about; }
size_t mn_pkl_source_bytes(const mn_pkl *p) { return p->source_bytes; }
size_t mn_pkl_persid_count(const mn_pkl *p) { return p->n_persids; }
const mn_pkl_value *mn_pkl_persid_at(const mn_pkl *p, size_t i) { return p->persids[i]; }
