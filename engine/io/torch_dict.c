/* torch_dict.c -- the state dict of a file: every tensor under its dotted name.
 *
 * Three ways of nesting give the names:
 *     dicts                     {'a': {'b': tensor}}                         a.b
 *     TorchScript objects       attributes, which are tensors or objects     visual.conv1.weight
 *     pickled torch modules     attributes _parameters, _buffers, _modules   backbone.mapping.fc0.weight
 * Lists and other objects are skipped: optimiser states and hyper-parameters live there.
 *
 * Structures may be shared and cyclic: an object is not entered again below itself, and the whole walk is
 * bounded, because sharing can make a tree of n objects look like one of 2^n.
 */
#define _GNU_SOURCE          /* qsort_r */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/torch_internal.h"

enum { MAX_DEPTH = 100, MAX_VISITS = 4 << 20, MAX_TENSORS = 1 << 20, MAX_NAME = 1000 };

struct mn_torch_dict {
    struct entry { size_t name; const mn_pkl_value *value; } *entries;
    int count, room;
    char *names;                        /* one after another, NUL-terminated; entries hold offsets while it grows */
    size_t names_size, names_room;
    int *sorted;
};

typedef struct walk {
    mn_torch *t;
    mn_torch_dict *d;
    const mn_pkl_value *path[MAX_DEPTH];
    int depth, visits;
    char name[MAX_NAME + 1];
    size_t name_size;
} walk;

static void *grown(void *array, size_t bytes) {
    void *p = realloc(array, bytes);
    if (!p) mn_fail(MN_ENOMEM, "no memory for %zu bytes of tensor names", bytes);
    return p;
}

static mn_status add(walk *w, const mn_pkl_value *v) {
    mn_torch_dict *d = w->d;
    if (d->count >= MAX_TENSORS) return mn_fail(MN_EFORMAT, "%s: more than %d tensors", w->t->label, MAX_TENSORS);
    if (d->count == d->room) {
        void *p = grown(d->entries, (size_t)(d->room ? 2 * d->room : 64) * sizeof *d->entries);
        if (!p) return mn_errcode();
        d->entries = p, d->room = d->room ? 2 * d->room : 64;
    }
    if (d->names_size + w->name_size + 1 > d->names_room) {
        size_t room = 2 * d->names_room + MAX_NAME + 1;
        char *p = grown(d->names, room);
        if (!p) return mn_errcode();
        d->names = p, d->names_room = room;
    }
    memcpy(d->names + d->names_size, w->name, w->name_size + 1);
    d->entries[d->count++] = (struct entry){ d->names_size, v };
    d->names_size += w->name_size + 1;
    return MN_OK;
}

static mn_status walk_value(walk *w, const mn_pkl_value *v);

/* Go on at `v` with key's text behind the name; keys that are neither text nor integers lead nowhere. */
static mn_status walk_key(walk *w, const mn_pkl_value *key, const mn_pkl_value *v) {
    char text[MAX_NAME];
    int64_t number;
    if (mn_pkl_kind_of(key) == MN_PKL_INT && mn_pkl_int(key, &number)) snprintf(text, sizeof text, "%lld", (long long)number);
    else if (!mn_pkl_copy_text(key, text, sizeof text)) return MN_OK;
    size_t before = w->name_size;
    int n = snprintf(w->name + before, sizeof w->name - before, "%s%s", before ? "." : "", text);
    if (n >= (int)(sizeof w->name - before)) return mn_fail(MN_EFORMAT, "%s: a tensor's name is longer than %d bytes: %.80s...", w->t->label, MAX_NAME, w->name);
    w->name_size = before + (size_t)n;
    mn_status s = walk_value(w, v);
    w->name_size = before;
    w->name[before] = 0;
    return s;
}

static mn_status walk_pairs(walk *w, const mn_pkl_value *dict) {
    mn_status s = MN_OK;
    for (size_t i = 0; !s && i < mn_pkl_count(dict); i++) s = walk_key(w, mn_pkl_key_at(dict, i), mn_pkl_value_at(dict, i));
    return s;
}

static mn_status walk_inside(walk *w, const mn_pkl_value *v) {
    if (mn_pkl_kind_of(v) == MN_PKL_DICT) return walk_pairs(w, v);
    const mn_pkl_value *state = mn_pkl_state(v), *modules = mn_pkl_get(state, "_modules");
    if (mn_pkl_kind_of(modules) == MN_PKL_DICT) {
        mn_status s = walk_pairs(w, mn_pkl_get(state, "_parameters"));
        if (!s) s = walk_pairs(w, mn_pkl_get(state, "_buffers"));
        return s ? s : walk_pairs(w, modules);
    }
    return mn_pkl_model_of(v) == MN_PKL_M_MODULE && mn_pkl_kind_of(state) == MN_PKL_DICT ? walk_pairs(w, state) : MN_OK;
}

static mn_status walk_value(walk *w, const mn_pkl_value *v) {
    mn_pkl_kind kind = mn_pkl_kind_of(v);
    if (++w->visits > MAX_VISITS) return mn_fail(MN_EFORMAT, "%s: more than %d values on the way to its tensors (made of shared parts?)", w->t->label, MAX_VISITS);
    if (mn_torch_is_tensor(v)) return add(w, v);
    if (kind != MN_PKL_DICT && kind != MN_PKL_OBJECT) return MN_OK;
    for (int i = 0; i < w->depth; i++)
        if (w->path[i] == v) return MN_OK;
    if (w->depth == MAX_DEPTH) return mn_fail(MN_EFORMAT, "%s: modules nested more than %d deep at %.200s", w->t->label, MAX_DEPTH, w->name);
    w->path[w->depth++] = v;
    mn_status s = walk_inside(w, v);
    w->depth--;
    return s;
}

static int by_name(const void *a, const void *b, void *dict) {
    const mn_torch_dict *d = dict;
    return strcmp(d->names + d->entries[*(const int *)a].name, d->names + d->entries[*(const int *)b].name);
}

mn_torch_dict *mn_torch_dict_new(mn_torch *t, const mn_pkl_value *from) {
    mn_torch_dict *d = calloc(1, sizeof *d);
    walk *w = calloc(1, sizeof *w);
    mn_status s = d && w ? MN_OK : mn_fail(MN_ENOMEM, "%s: no memory to list its tensors", t->label);
    if (!s) {
        w->t = t, w->d = d;
        s = walk_value(w, from ? from : mn_torch_root(t));
    }
    if (!s && !(d->sorted = malloc((size_t)(d->count + 1) * sizeof *d->sorted))) s = mn_fail(MN_ENOMEM, "%s: no memory to sort its tensors", t->label);
    for (int i = 0; !s && i < d->count; i++) d->sorted[i] = i;
    if (!s && d->count) qsort_r(d->sorted, (size_t)d->count, sizeof *d->sorted, by_name, d);
    for (int i = 1; !s && i < d->count; i++)
        if (!by_name(&d->sorted[i - 1], &d->sorted[i], d)) s = mn_fail(MN_EFORMAT, "%s: two tensors are called %.200s", t->label, mn_torch_dict_name(d, d->sorted[i]));
    free(w);
    if (!s) return d;
    mn_torch_dict_free(d);
    return NULL;
}

void mn_torch_dict_free(mn_torch_dict *d) {
    if (!d) return;
    free(d->entries);
    free(d->names);
    free(d->sorted);
    free(d);
}

int mn_torch_dict_count(const mn_torch_dict *d) { return d->count; }
const char *mn_torch_dict_name(const mn_torch_dict *d, int i) { return i >= 0 && i < d->count ? d->names + d->entries[i].name : NULL; }
const mn_pkl_value *mn_torch_dict_value(const mn_torch_dict *d, int i) { return i >= 0 && i < d->count ? d->entries[i].value : NULL; }

const mn_pkl_value *mn_torch_dict_find(const mn_torch_dict *d, const char *name) {
    int lo = 0, hi = d->count;
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2, c = strcmp(name, d->names + d->entries[d->sorted[mid]].name);
        if (!c) return d->entries[d->sorted[mid]].value;
        if (c < 0) hi = mid;
        else lo = mid + 1;
    }
    return NULL;
}

mn_tensor *mn_torch_dict_tensor(mn_torch *t, const mn_torch_dict *d, const char *name) {
    const mn_pkl_value *v = mn_torch_dict_find(d, name);
    if (!v) {
        mn_fail(MN_ENOTFOUND, "%s: expected a tensor called %s, found none among %d", t->label, name, d->count);
        return NULL;
    }
    mn_tensor *out = mn_torch_tensor(t, v);
    if (!out) mn_fail_context("tensor %s", name);
    return out;
}
