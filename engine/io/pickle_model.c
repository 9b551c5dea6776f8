/* pickle_model.c -- what the names of pickle_globals.def mean, and how opaque objects are kept.
 *
 * A call (REDUCE), an instance (NEWOBJ and the older INST, OBJ) and an attribute update (BUILD) of
 * a known name become plain data where the arguments have the shape that Python would write; with
 * any other arguments the file is refused, as Python would fail on it too.  Of unknown names only
 * the record is kept: class, arguments, state, items.
 */
#include <stdio.h>
#include <string.h>
#include "io/pickle_internal.h"

static bool matches(const char *pattern, const uint8_t *text, size_t size) {
    size_t n = strlen(pattern);
    if (!strcmp(pattern, "*")) return true;
    if (n > 2 && pattern[n - 1] == '*' && pattern[n - 2] == '.') return size >= n - 1 && !memcmp(pattern, text, n - 1);
    return size == n && !memcmp(pattern, text, n);
}

mn_pkl_model pkl_model(const uint8_t *module, size_t module_size, const uint8_t *name, size_t name_size) {
    static const struct { const char *module, *name; mn_pkl_model model; } known[] = {
#define PKL_GLOBAL(module, name, model) { module, name, MN_PKL_M_##model },
#include "io/pickle_globals.def"
#undef PKL_GLOBAL
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (matches(known[i].module, module, module_size) && matches(known[i].name, name, name_size)) return known[i].model;
    return MN_PKL_OPAQUE;
}

static mn_pkl_value *object_new(mn_pkl *p, mn_pkl_kind kind, mn_pkl_model model, mn_pkl_value *cls, mn_pkl_value *args) {
    pkl_object *o = pkl_alloc(p, sizeof *o);
    if (!o) return NULL;
    *o = (pkl_object){ .head = { .kind = kind, .n = model }, .cls = cls, .args = args };
    return &o->head;
}

static mn_pkl_value *arg(const mn_pkl_value *args, size_t i) { return (mn_pkl_value *)mn_pkl_item(args, i); }

static void *bad_args(mn_pkl *p, const mn_pkl_value *callable, const char *expected, const mn_pkl_value *found) {
    char name[200];
    pkl_fail(p, "%s takes %s, found %s", mn_pkl_class_text(callable, name, sizeof name), expected,
             found ? mn_pkl_kind_name(mn_pkl_kind_of(found)) : "nothing");
    return NULL;
}

/* dict(), or Python 2's OrderedDict([[key, value], ...]). */
static mn_pkl_value *make_dict(mn_pkl *p, mn_pkl_value *callable, mn_pkl_value *pairs) {
    pkl_seq *d = pkl_seq_new(p, MN_PKL_DICT);
    if (!d) return NULL;
    if (pairs && mn_pkl_kind_of(pairs) == MN_PKL_DICT) {
        for (size_t i = 0; i < pairs->n; i++)
            if (pkl_set(p, d, pairs->u.items[2 * i], pairs->u.items[2 * i + 1])) return NULL;
        return &d->head;
    }
    for (size_t i = 0; i < mn_pkl_count(pairs); i++) {
        mn_pkl_value *pair = arg(pairs, i);
        if (mn_pkl_count(pair) != 2 || !arg(pair, 0)) return bad_args(p, callable, "a list of key-value pairs", pair);
        if (pkl_set(p, d, arg(pair, 0), arg(pair, 1))) return NULL;
    }
    return &d->head;
}

static mn_pkl_value *make_seq(mn_pkl *p, mn_pkl_kind kind, mn_pkl_value *items) {
    pkl_seq *s = pkl_seq_new(p, kind);
    if (!s) return NULL;
    if (items && mn_pkl_kind_of(items) != MN_PKL_DICT && mn_pkl_count(items) && pkl_append(p, s, items->u.items, items->n)) return NULL;
    return &s->head;
}

/* Bytes that protocol <= 2 writes as text, one code point below 256 for each byte. */
static mn_pkl_value *latin1_bytes(mn_pkl *p, mn_pkl_value *callable, mn_pkl_value *text) {
    if (mn_pkl_kind_of(text) != MN_PKL_STR) return bad_args(p, callable, "(text, 'latin1')", text);
    uint8_t *out = pkl_text_space(p, text->n);
    size_t n = 0;
    if (!out) return NULL;
    for (size_t i = 0; i < text->n; i++) {
        uint8_t c = text->u.text[i];
        if (c >= 0x80) {
            if ((c & 0xfe) != 0xc2 || i + 1 == text->n || (text->u.text[i + 1] & 0xc0) != 0x80)
                return bad_args(p, callable, "text of code points below 256", text);
            c = (uint8_t)(c << 6 | (text->u.text[++i] & 0x3f));
        }
        out[n++] = c;
    }
    return pkl_string(p, MN_PKL_BYTES, out, n);
}

/* An NVIDIA persistent object: {'type': 'class', 'module_src': text, 'class_name': text, 'state': dict}. */
static mn_pkl_value *persistent(mn_pkl *p, mn_pkl_value *callable, mn_pkl_value *meta) {
    mn_pkl_value *name = (mn_pkl_value *)mn_pkl_get(meta, "class_name"), *state = (mn_pkl_value *)mn_pkl_get(meta, "state");
    if (mn_pkl_kind_of(name) != MN_PKL_STR || !state) return bad_args(p, callable, "a dict with 'class_name' and 'state'", meta);
    size_t source;
    mn_pkl_text(mn_pkl_get(meta, "module_src"), &source);
    p->source_bytes += source;
    mn_pkl_value *o = object_new(p, MN_PKL_OBJECT, MN_PKL_M_PERSISTENT, name, pkl_tuple(p, &meta, 1));
    if (o) ((pkl_object *)o)->state = state;
    return mn_errcode() ? NULL : o;
}

mn_pkl_value *pkl_instance(mn_pkl *p, mn_pkl_value *cls, mn_pkl_value *args) {
    mn_pkl_model model = mn_pkl_kind_of(cls) == MN_PKL_GLOBAL ? (mn_pkl_model)cls->n : MN_PKL_OPAQUE;
    if (mn_pkl_kind_of(cls) == MN_PKL_GLOBAL) ((pkl_global *)cls)->about.called++;
    switch (model) {
    case MN_PKL_M_DICT: return make_dict(p, cls, arg(args, 0));
    case MN_PKL_M_DEFAULTDICT: return make_dict(p, cls, NULL);
    case MN_PKL_M_SET: return make_seq(p, MN_PKL_SET, arg(args, 0));
    case MN_PKL_M_LIST: return make_seq(p, MN_PKL_LIST, arg(args, 0));
    default: return object_new(p, MN_PKL_OBJECT, model, cls, args);
    }
}

mn_pkl_value *pkl_call(mn_pkl *p, mn_pkl_value *callable, mn_pkl_value *args) {
    if (mn_pkl_kind_of(args) != MN_PKL_TUPLE) {
        pkl_fail(p, "a call takes its arguments as a tuple, found %s", mn_pkl_kind_name(mn_pkl_kind_of(args)));
        return NULL;
    }
    if (mn_pkl_kind_of(callable) != MN_PKL_GLOBAL) return object_new(p, MN_PKL_OBJECT, MN_PKL_OPAQUE, callable, args);
    mn_pkl_model model = (mn_pkl_model)callable->n;
    mn_pkl_value *first = arg(args, 0);
    if (model == MN_PKL_M_DICT || model == MN_PKL_M_DEFAULTDICT || model == MN_PKL_M_SET || model == MN_PKL_M_LIST)
        return pkl_instance(p, callable, args);
    ((pkl_global *)callable)->about.called++;
    switch (model) {
    case MN_PKL_M_TUPLE: return pkl_tuple(p, mn_pkl_count(first) && first->kind != MN_PKL_DICT ? first->u.items : NULL,
                                          mn_pkl_kind_of(first) != MN_PKL_DICT ? mn_pkl_count(first) : 0);
    case MN_PKL_M_ENCODE: return latin1_bytes(p, callable, first);
    case MN_PKL_M_BYTES:
        if (!first) return pkl_string(p, MN_PKL_BYTES, p->data, 0);
        return mn_pkl_kind_of(first) == MN_PKL_BYTES ? first : latin1_bytes(p, callable, first);
    case MN_PKL_M_TENSOR1: case MN_PKL_M_TENSOR2: case MN_PKL_M_TENSOR3:
        return object_new(p, MN_PKL_TENSOR, model, callable, args);
    case MN_PKL_M_PARAMETER:
        if (mn_pkl_kind_of(first) != MN_PKL_TENSOR) return bad_args(p, callable, "(tensor, requires_grad, hooks)", first);
        return first;
    case MN_PKL_M_FROM_TYPE: {      /* (rebuild function, type, its arguments, attributes): a tensor with attributes */
        mn_pkl_value *inner = arg(args, 2);
        if (mn_pkl_kind_of(first) != MN_PKL_GLOBAL || !inner) return bad_args(p, callable, "(function, type, arguments, state)", first);
        return (mn_pkl_model)first->n == MN_PKL_M_FROM_TYPE ? object_new(p, MN_PKL_OBJECT, MN_PKL_OPAQUE, callable, args)
                                                            : pkl_call(p, first, inner);
    }
    case MN_PKL_M_ND_NEW: case MN_PKL_M_ND_SCALAR: case MN_PKL_M_ND_BUFFER:
        return object_new(p, MN_PKL_ARRAY, model, callable, args);
    case MN_PKL_M_RECONSTRUCT: {
        if (mn_pkl_kind_of(first) != MN_PKL_GLOBAL) return bad_args(p, callable, "(class, base, state)", first);
        mn_pkl_value *none = pkl_tuple(p, NULL, 0);
        return none ? pkl_instance(p, first, none) : NULL;
    }
    case MN_PKL_M_PERSISTENT: return persistent(p, callable, first);
    default: return object_new(p, MN_PKL_OBJECT, model, callable, args);
    }
}

mn_status pkl_build(mn_pkl *p, mn_pkl_value *object, mn_pkl_value *state) {
    switch (mn_pkl_kind_of(object)) {
    case MN_PKL_OBJECT: case MN_PKL_TENSOR: case MN_PKL_ARRAY: ((pkl_object *)object)->state = state; return MN_OK;
    case MN_PKL_LIST: case MN_PKL_SET: case MN_PKL_DICT: ((pkl_seq *)object)->state = state; return MN_OK;
    default: return pkl_fail(p, "attributes set on a %s, expected an object", mn_pkl_kind_name(mn_pkl_kind_of(object)));
    }
}

static pkl_seq *items_of(mn_pkl *p, pkl_seq **items, mn_pkl_kind kind) {
    if (!*items) *items = pkl_seq_new(p, kind);
    return *items;
}

pkl_seq *pkl_list_of(mn_pkl *p, mn_pkl_value *target) {
    switch (mn_pkl_kind_of(target)) {
    case MN_PKL_LIST: case MN_PKL_SET: return (pkl_seq *)target;
    case MN_PKL_OBJECT: return items_of(p, &((pkl_object *)target)->list, MN_PKL_LIST);
    default:
        pkl_fail(p, "items appended to a %s, expected a list or an object", mn_pkl_kind_name(mn_pkl_kind_of(target)));
        return NULL;
    }
}

pkl_seq *pkl_dict_of(mn_pkl *p, mn_pkl_value *target) {
    switch (mn_pkl_kind_of(target)) {
    case MN_PKL_DICT: return (pkl_seq *)target;
    case MN_PKL_OBJECT: return items_of(p, &((pkl_object *)target)->dict, MN_PKL_DICT);
    default:
        pkl_fail(p, "keys set in a %s, expected a dict or an object", mn_pkl_kind_name(mn_pkl_kind_of(target)));
        return NULL;
    }
}
