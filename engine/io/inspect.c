/* inspect.c -- a tree-shaped summary of a checkpoint, printed line by line through a callback.
 *
 *     model.pt: torch zip archive, 4105212 bytes
 *     dict of 2
 *       epoch: 12
 *       state_dict: dict of 302
 *         visual.proj: f16 [768,512]
 *     302 tensors, 353436676 bytes
 *     Python's loader would have imported and run (nothing was run here):
 *       pytorch_lightning.callbacks.ModelCheckpoint: named 1 time, called 1 time
 *     names read as plain data: collections.OrderedDict, torch._utils._rebuild_tensor_v2, ...
 *
 * Everything shown from the file is made printable first.  Shared and cyclic values are bounded by depth,
 * by the path (no value is entered below itself) and by the total number of lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/inspect.h"
#include "io/json.h"
#include "io/text.h"
#include "io/torchfile.h"

enum { MAX_LINES = 20000, MAX_DEPTH = 40, MAX_ITEMS = 24, MAX_PAIRS = 4000, MAX_TEXT = 60, INLINE_ITEMS = 12 };

typedef struct printer {
    mn_line_fn print;
    void *arg;
    mn_torch *t;
    mn_text line;
    const mn_pkl_value *path[MAX_DEPTH];
    int depth, lines;
    int64_t tensors;
    double bytes;
} printer;

static void emit(printer *p) {
    if (p->lines < MAX_LINES && p->line.s) p->print(p->arg, p->line.s);
    else if (p->lines == MAX_LINES) p->print(p->arg, "... (more lines than are worth printing)");
    p->lines++;
    p->line.size = 0;
}

/* Text of the file, made harmless: UTF-8 stays, other bytes and control characters become '?'. */
static void add_clean(mn_text *line, const uint8_t *s, size_t n) {
    while (n) {
        size_t good = mn_utf8_prefix((const char *)s, n), i = 0;
        while (i < good && s[i] >= 32 && s[i] != 127) i++;
        mn_text_add(line, s, i);
        if (i < n) mn_text_add(line, "?", 1), i++;
        s += i, n -= i;
    }
}

static void add_dims(mn_text *line, const int64_t *dims, int n) {
    mn_text_addf(line, "[");
    for (int i = 0; i < n; i++) mn_text_addf(line, "%s%lld", i ? "," : "", (long long)dims[i]);
    mn_text_addf(line, "]");
}

static bool is_atom(const mn_pkl_value *v) {
    switch (mn_pkl_kind_of(v)) {
    case MN_PKL_NONE: case MN_PKL_BOOL: case MN_PKL_INT: case MN_PKL_BIGINT: case MN_PKL_FLOAT: case MN_PKL_STR: case MN_PKL_BYTES: case MN_PKL_GLOBAL: return true;
    default: return false;
    }
}

static void add_atom(mn_text *line, const mn_pkl_value *v) {
    char name[200];
    int64_t i;
    double f;
    bool b;
    size_t n;
    const uint8_t *text = mn_pkl_text(v, &n);
    switch (mn_pkl_kind_of(v)) {
    case MN_PKL_BOOL: mn_pkl_bool(v, &b); mn_text_addf(line, b ? "true" : "false"); break;
    case MN_PKL_INT: mn_pkl_int(v, &i); mn_text_addf(line, "%lld", (long long)i); break;
    case MN_PKL_FLOAT: mn_pkl_real(v, &f); mn_text_addf(line, "%.9g", f); break;
    case MN_PKL_STR:
        mn_text_addf(line, "\"");
        add_clean(line, text, n < MAX_TEXT ? n : MAX_TEXT);
        mn_text_addf(line, "\"");
        if (n > MAX_TEXT) mn_text_addf(line, "... (%zu bytes of text)", n);
        break;
    case MN_PKL_BYTES: mn_text_addf(line, "%zu bytes", n); break;
    case MN_PKL_BIGINT: mn_text_addf(line, "an integer of more than 64 bits"); break;
    case MN_PKL_GLOBAL:
        mn_pkl_class_text(v, name, sizeof name);
        mn_text_addf(line, "name ");
        add_clean(line, (const uint8_t *)name, strlen(name));
        break;
    default: mn_text_addf(line, "none");
    }
}

static void add_tensor(printer *p, const mn_pkl_value *v) {
    mn_torch_view view;
    if (mn_pkl_kind_of(v) == MN_PKL_OBJECT && mn_pkl_model_of(v) != MN_PKL_M_CHUMPY) {
        const mn_pkl_value *shape = mn_pkl_get(mn_pkl_state(v), "_shape");
        int64_t dims[2] = { 0, 0 };
        mn_pkl_int(mn_pkl_item(shape, 0), &dims[0]), mn_pkl_int(mn_pkl_item(shape, 1), &dims[1]);
        mn_text_addf(&p->line, "sparse matrix ");
        add_dims(&p->line, dims, 2);
        v = mn_pkl_get(mn_pkl_state(v), "data");
        mn_text_addf(&p->line, " with entries ");
    }
    mn_status s = mn_torch_look(p->t, v, &view);
    if (s == MN_ENOMEM) return;                                 /* stays pending: the file is not to blame */
    if (s) {
        mn_text_addf(&p->line, "cannot be read: ");
        add_clean(&p->line, (const uint8_t *)mn_errmsg(), strlen(mn_errmsg()));
        mn_error_clear();
        return;
    }
    int64_t step = 1;
    bool plain = true;
    for (int i = view.nd - 1; i >= 0 && view.count; step *= view.shape[i--]) plain = plain && (view.shape[i] == 1 || view.stride[i] == step);
    mn_text_addf(&p->line, "%s ", mn_torch_raw_name(view.raw));
    add_dims(&p->line, view.shape, view.nd);
    if (!plain) {
        mn_text_addf(&p->line, " strides ");
        add_dims(&p->line, view.stride, view.nd);
    }
    if (mn_pkl_kind_of(v) == MN_PKL_ARRAY) mn_text_addf(&p->line, " (numpy)");
    p->tensors++;
    p->bytes += (double)view.count * mn_torch_raw_size(view.raw);
}

static void value(printer *p, const mn_pkl_value *v);

static void begin(printer *p, const char *prefix) { mn_text_addf(&p->line, "%*s%s", 2 * p->depth, "", prefix); }

static void pairs(printer *p, const mn_pkl_value *dict, bool attributes) {
    size_t n = mn_pkl_count(dict), shown = 0;
    for (size_t i = 0; i < n && p->lines <= MAX_LINES; i++) {
        const mn_pkl_value *key = mn_pkl_key_at(dict, i), *v = mn_pkl_value_at(dict, i);
        size_t size;
        const uint8_t *text = mn_pkl_kind_of(key) == MN_PKL_STR ? mn_pkl_text(key, &size) : NULL;
        /* Python objects carry many private attributes that hold nothing. */
        bool empty = mn_pkl_kind_of(v) == MN_PKL_NONE || (!is_atom(v) && !mn_pkl_count(v) && !mn_pkl_class(v) && mn_pkl_kind_of(v) != MN_PKL_PERSID);
        if (attributes && empty && text && size && text[0] == '_') continue;
        begin(p, "");
        if (shown++ == MAX_PAIRS) {
            mn_text_addf(&p->line, "... %zu more", n - i);
            emit(p);
            return;
        }
        if (text) add_clean(&p->line, text, size < 200 ? size : 200);
        else if (is_atom(key)) add_atom(&p->line, key);
        else mn_text_addf(&p->line, "(%s)", mn_pkl_kind_name(mn_pkl_kind_of(key)));
        mn_text_addf(&p->line, ": ");
        value(p, v);
    }
}

static void items(printer *p, const mn_pkl_value *list) {
    size_t n = mn_pkl_count(list);
    for (size_t i = 0; i < n && p->lines <= MAX_LINES; i++) {
        begin(p, "");
        if (i == MAX_ITEMS) {
            mn_text_addf(&p->line, "... %zu more", n - i);
            emit(p);
            return;
        }
        mn_text_addf(&p->line, "%zu: ", i);
        value(p, mn_pkl_item(list, i));
    }
}

static void inside(printer *p, const mn_pkl_value *v) {
    if (mn_pkl_kind_of(v) == MN_PKL_DICT) {
        pairs(p, v, false);
    } else if (mn_pkl_kind_of(v) == MN_PKL_OBJECT || mn_pkl_kind_of(v) == MN_PKL_ARRAY) {
        const mn_pkl_value *state = mn_pkl_state(v), *args = mn_pkl_args(v);
        if (mn_pkl_model_of(v) != MN_PKL_M_PERSISTENT && mn_pkl_kind_of(v) == MN_PKL_OBJECT) items(p, args);
        if (mn_pkl_kind_of(state) == MN_PKL_DICT) pairs(p, state, true);
        else items(p, mn_pkl_kind_of(v) == MN_PKL_ARRAY ? mn_pkl_item(state, 4) : state);     /* of an object array */
        items(p, mn_pkl_object_list(v));
        pairs(p, mn_pkl_object_dict(v), false);
    } else {
        items(p, v);
    }
}

static bool fits_inline(const mn_pkl_value *v) {
    size_t n = mn_pkl_count(v);
    if (mn_pkl_kind_of(v) == MN_PKL_DICT) return n == 0;
    for (size_t i = 0; i < n && n <= INLINE_ITEMS; i++)
        if (!is_atom(mn_pkl_item(v, i))) return false;
    return n <= INLINE_ITEMS;
}

/* The rest of a line, and the lines below it. */
static void value(printer *p, const mn_pkl_value *v) {
    char name[200];
    mn_pkl_kind kind = mn_pkl_kind_of(v);
    if (is_atom(v)) {
        add_atom(&p->line, v);
        emit(p);
        return;
    }
    if (mn_torch_is_tensor(v)) {
        add_tensor(p, v);
        emit(p);
        return;
    }
    bool object = kind == MN_PKL_OBJECT || kind == MN_PKL_ARRAY, sequence = kind == MN_PKL_LIST || kind == MN_PKL_TUPLE || kind == MN_PKL_SET;
    if (object) {
        mn_pkl_class_text(v, name, sizeof name);
        mn_text_addf(&p->line, "%s ", mn_pkl_kind_name(kind));
        add_clean(&p->line, (const uint8_t *)name, strlen(name));
    } else if (sequence && fits_inline(v)) {
        mn_text_addf(&p->line, kind == MN_PKL_TUPLE ? "(" : "[");
        for (size_t i = 0; i < mn_pkl_count(v); i++) {
            if (i) mn_text_addf(&p->line, ", ");
            add_atom(&p->line, mn_pkl_item(v, i));
        }
        mn_text_addf(&p->line, kind == MN_PKL_TUPLE ? ")" : "]");
        emit(p);
        return;
    } else if (kind == MN_PKL_PERSID) {
        mn_text_addf(&p->line, "persistent id");
    } else {
        mn_text_addf(&p->line, "%s of %zu", mn_pkl_kind_name(kind), mn_pkl_count(v));
    }
    bool cycle = false;
    for (int i = 0; i < p->depth; i++) cycle = cycle || p->path[i] == v;
    if (cycle) mn_text_addf(&p->line, " (contains itself: above)");
    else if (p->depth == MAX_DEPTH) mn_text_addf(&p->line, " (nested too deep to show)");
    emit(p);
    if (cycle || p->depth == MAX_DEPTH) return;
    p->path[p->depth++] = v;
    inside(p, v);
    p->depth--;
}

static void names(printer *p, const mn_pkl *pkl) {
    size_t opaque = 0, known = 0;
    for (size_t i = 0; i < mn_pkl_global_count(pkl); i++) {
        mn_pkl_global g = mn_pkl_global_at(pkl, i);
        if (g.model != MN_PKL_OPAQUE) {
            known++;
            continue;
        }
        if (!opaque++) {
            mn_text_addf(&p->line, "Python's loader would have imported and run these names; here nothing was run:");
            emit(p);
        }
        mn_text_addf(&p->line, "  ");
        add_clean(&p->line, g.module, g.module_size < 200 ? g.module_size : 200);
        mn_text_addf(&p->line, ".");
        add_clean(&p->line, g.name, g.name_size < 200 ? g.name_size : 200);
        mn_text_addf(&p->line, ": named %u time%s, called %u time%s", g.met, g.met == 1 ? "" : "s", g.called, g.called == 1 ? "" : "s");
        emit(p);
    }
    if (mn_pkl_source_bytes(pkl)) {
        mn_text_addf(&p->line, "Python's loader would have executed %zu bytes of source text from the file; here none was.", mn_pkl_source_bytes(pkl));
        emit(p);
    }
    if (!known) return;
    mn_text_addf(&p->line, "names read as plain data:");
    for (size_t i = 0, scripted = 0, listed = 0; i < mn_pkl_global_count(pkl); i++) {
        mn_pkl_global g = mn_pkl_global_at(pkl, i);
        if (g.model == MN_PKL_OPAQUE) continue;
        if (g.model == MN_PKL_M_MODULE && scripted++) continue;      /* every TorchScript object has its own class */
        mn_text_addf(&p->line, listed++ ? ", " : " ");
        add_clean(&p->line, g.module, g.module_size < 200 ? g.module_size : 200);
        mn_text_addf(&p->line, ".");
        add_clean(&p->line, g.name, g.name_size < 200 ? g.name_size : 200);
    }
    emit(p);
}

static void inspect_torch(printer *p, const char *path) {
    const mn_pkl_value *root = mn_torch_root(p->t);
    mn_torch_container c = mn_torch_container_of(p->t);
    mn_text_addf(&p->line, "%s: %s, %zu bytes", path, mn_torch_container_text(c), mn_torch_size(p->t));
    emit(p);
    value(p, root);
    mn_text_addf(&p->line, "%lld tensors, %.0f bytes", (long long)p->tensors, p->bytes);
    emit(p);
    bool own_record = c == MN_TORCH_NPZ || (c == MN_TORCH_NPY && mn_pkl_model_of(root) == MN_PKL_M_ND_BUFFER);
    if (!own_record) names(p, mn_torch_pickle(p->t));
}

/* The header is JSON: name -> dtype, shape, data_offsets.  mn_st_open has checked it. */
static mn_status inspect_safetensors(printer *p, const char *path, const mn_mapping *m, size_t header) {
    mn_st *st = mn_st_open(path);
    mn_st_close(st);                                            /* its tree goes before there is a second one */
    mn_json *json = st ? mn_json_parse((const char *)m->data + 8, header, path, 8) : NULL;
    if (!json) return mn_errcode();
    mn_text_addf(&p->line, "%s: safetensors, %zu bytes", path, m->size);
    emit(p);
    for (size_t i = 0; i < json->count; i++) {
        const mn_json *e = &json->items[i], *shape = mn_json_get(e, "shape"), *dtype = mn_json_get(e, "dtype"), *place = mn_json_get(e, "data_offsets");
        if (!shape || !dtype || !place) {                       /* __metadata__ */
            for (size_t k = 0; k < e->count; k++) {
                size_t n = strlen(e->items[k].text);
                mn_text_addf(&p->line, "  metadata ");
                add_clean(&p->line, (const uint8_t *)e->items[k].key, strlen(e->items[k].key));
                mn_text_addf(&p->line, ": ");
                add_clean(&p->line, (const uint8_t *)e->items[k].text, n < 4 * MAX_TEXT ? n : 4 * MAX_TEXT);
                if (n > 4 * MAX_TEXT) mn_text_addf(&p->line, "... (%zu bytes)", n);
                emit(p);
            }
            continue;
        }
        mn_text_addf(&p->line, "  ");
        add_clean(&p->line, (const uint8_t *)e->key, strlen(e->key));
        mn_text_addf(&p->line, ": %s [", dtype->text);
        for (size_t k = 0; k < shape->count; k++) mn_text_addf(&p->line, "%s%lld", k ? "," : "", (long long)shape->items[k].integer);
        mn_text_addf(&p->line, "]");
        p->tensors++;
        p->bytes += (double)(place->items[1].integer - place->items[0].integer);
        emit(p);
    }
    mn_text_addf(&p->line, "%lld tensors, %.0f bytes", (long long)p->tensors, p->bytes);
    emit(p);
    mn_json_free(json);
    return MN_OK;
}

mn_status mn_inspect(const char *path, mn_line_fn print, void *arg) {
    printer p = { .print = print, .arg = arg };
    mn_mapping *m = mn_mapping_open(path);
    if (!m) return mn_errcode();
    uint64_t header = 0;
    for (int i = 0; i < 8 && m->size > 8; i++) header |= (uint64_t)m->data[i] << 8 * i;
    if (m->size > 9 && header && header <= m->size - 8 && m->data[8] == '{') inspect_safetensors(&p, path, m, header);
    else if ((p.t = mn_torch_open_bytes(m, path))) inspect_torch(&p, path);
    mn_torch_close(p.t);
    mn_mapping_release(m);
    mn_text_free(&p.line);
    return mn_errcode();
}
