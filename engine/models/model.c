/* model.c -- configuration, named tensors, loading and saving (model.h). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "model.h"
#include "../io/sha256.h"

static const mn_modeldef *const kinds[] = {
#define MN_MODEL(name) &mn_model_##name,
#include "models.def"
#undef MN_MODEL
};
const mn_modeldef *const *mn_model_kinds(int *n) { *n = (int)(sizeof kinds / sizeof *kinds); return kinds; }
const mn_modeldef *mn_model_kind(const char *name) {
    char list[256] = "";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!strcmp(kinds[i]->name, name)) return kinds[i];
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i ? ", " : "", kinds[i]->name);
    }
    mn_fail(MN_ENOTFOUND, "model: no kind '%s'; there are %s", name, list);
    return NULL;
}

/* ---- names ---- */

static uint32_t hash_text(const char *s) {
    uint32_t h = 2166136261u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}
static int find(const mn_model *m, const char *name) {
    if (!m->index_size) return -1;
    for (uint32_t h = hash_text(name);; h++) {
        int at = m->index[h & (uint32_t)(m->index_size - 1)];
        if (!at) return -1;
        if (!strcmp(m->slots[at - 1].name, name)) return at - 1;
    }
}
static mn_status reindex(mn_model *m) {
    int size = 64;
    while (size < 3 * m->cap) size *= 2;
    int *index = calloc((size_t)size, sizeof *index);
    if (!index) return mn_fail(MN_ENOMEM, "model: out of memory");
    for (int i = 0; i < m->n; i++) {
        uint32_t h = hash_text(m->slots[i].name);
        while (index[h & (uint32_t)(size - 1)]) h++;
        index[h & (uint32_t)(size - 1)] = i + 1;
    }
    free(m->index);
    m->index = index;
    m->index_size = size;
    return MN_OK;
}

static mn_status add_slot(mn_model *m, const char *name, mn_tensor *t, bool trainable) {
    if (!t) return mn_errcode();
    if (find(m, name) >= 0) return mn_fail(MN_EINTERNAL, "%s: '%s' declared twice", m->def->name, name);
    if (m->n >= 1 << 16) return mn_fail(MN_EARG, "%s: these settings ask for more than %d tensors", m->def->name, 1 << 16);
    if (m->n == m->cap) {
        int cap = m->cap ? 2 * m->cap : 64;
        mn_slot *slots = realloc(m->slots, (size_t)cap * sizeof *slots);
        if (!slots) return mn_fail(MN_ENOMEM, "model: out of memory");
        m->slots = slots;
        m->cap = cap;
        mn_status s = reindex(m);
        if (s) return s;
    }
    char *copy = strdup(name);
    if (!copy) return mn_fail(MN_ENOMEM, "model: out of memory");
    m->slots[m->n++] = (mn_slot){.name = copy, .t = mn_retain(t), .trainable = trainable};
    uint32_t h = hash_text(name);
    while (m->index[h & (uint32_t)(m->index_size - 1)]) h++;
    m->index[h & (uint32_t)(m->index_size - 1)] = m->n;
    return MN_OK;
}

static void miss(mn_model *m, int *count, const char *fmt, ...) {
    size_t at = strlen(m->misses);
    va_list args;
    if (m->lacks + m->misfits < 5) {
        if (at) at += (size_t)snprintf(m->misses + at, sizeof m->misses - at, ", ");
        va_start(args, fmt);
        if (at < sizeof m->misses) vsnprintf(m->misses + at, sizeof m->misses - at, fmt, args);
        va_end(args);
    }
    ++*count;
}

/* t, of the host, as f16, which has to hold every value; verb: what to do as f32 instead. */
static mn_tensor *narrowed(mn_tensor *t, const char *name, mn_status code, const char *verb) {
    mn_tensor *h = mn_cast(t, MN_F16);
    for (int64_t i = 0; h && h != t && i < h->n; i++)
        if (isinf((float)((const _Float16 *)h->data)[i])) {
            mn_fail(code, "'%s' has a value beyond what f16 holds (65504), at position %lld: %s it as f32", name, (long long)i, verb);
            return NULL;
        }
    return h;
}

/* The file's tensor of that name as dtype; NULL, counted, when there is none of that shape. */
static mn_tensor *stored(mn_model *m, mn_st *st, const char *name, mn_dtype dtype, int nd, const int64_t *shape) {
    if (!mn_st_has(st, name)) return miss(m, &m->lacks, "%s", name), NULL;
    mn_tensor *t = mn_st_get(st, name);
    bool fits = t && t->nd == nd;
    for (int d = 0; fits && d < nd; d++) fits = t->shape[d] == shape[d];
    if (t && !fits) {
        char want[80] = "[";
        for (int d = 0; d < nd; d++) snprintf(want + strlen(want), sizeof want - strlen(want), "%s%lld", d ? "," : "", (long long)shape[d]);
        miss(m, &m->misfits, "%s (%s, %s] expected)", name, mn_shape_text(t), want);
    }
    return !fits ? NULL : dtype == MN_F16 ? narrowed(t, name, MN_EFORMAT, "load") : mn_cast(t, dtype);
}

/* The tensor for a new slot: the file's while one is loaded, else an empty one (*fresh) for the caller to fill. */
static mn_tensor *slot_tensor(mn_model *m, mn_dtype dtype, int nd, const int64_t *shape, const char *name, bool *fresh) {
    mn_tensor *t = m->from ? stored(m, m->from, name, dtype, nd, shape) : NULL;
    *fresh = !t && !m->from;
    return t ? t : mn_empty_host(dtype, nd, shape);
}

mn_status mn_declare(mn_model *m, mn_init init, double value, bool trainable, int nd, const int64_t *shape, const char *fmt, ...) {
    char name[160];
    va_list args;
    bool fresh;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    if (mn_errcode()) return mn_errcode();
    mn_scope scope = mn_scope_open();
    const bool large = nd > 1 && trainable;
    mn_tensor *t = slot_tensor(m, m->half && large ? MN_F16 : MN_F32, nd, shape, name, &fresh);
    for (int64_t i = 0; t && fresh && i < t->n; i++)
        ((float *)t->data)[i] = (float)(init == MN_INIT_CONST ? value : init == MN_INIT_NORMAL ? value * mn_rng_normal(&m->rng)
                                        : init == MN_INIT_UNIFORM ? value * (2 * mn_rng_uniform(&m->rng) - 1) : 0);
    mn_status s = add_slot(m, name, t, trainable);
    mn_scope_close(scope);
    return s;
}

/* A buffer, of these numbers or zeros. */
static mn_status declare_buffer(mn_model *m, mn_dtype dtype, const void *values, int nd, const int64_t *shape, const char *name) {
    bool fresh;
    if (mn_errcode()) return mn_errcode();
    mn_scope scope = mn_scope_open();
    mn_tensor *t = slot_tensor(m, dtype, nd, shape, name, &fresh);
    size_t bytes = t ? (size_t)t->n * mn_dtype_size(dtype) : 0;
    if (t && fresh && values) memcpy(t->data, values, bytes);
    else if (t && fresh) memset(t->data, 0, bytes);
    mn_status s = add_slot(m, name, t, false);
    mn_scope_close(scope);
    return s;
}
mn_status mn_declare_values(mn_model *m, const float *values, int nd, const int64_t *shape, const char *name) {
    return declare_buffer(m, MN_F32, values, nd, shape, name);
}
mn_status mn_declare_index(mn_model *m, int nd, const int64_t *shape, const char *name) { return declare_buffer(m, MN_I32, NULL, nd, shape, name); }

void mn_keep_on_host(mn_model *m, const char *name) {
    int at = find(m, name);
    if (at >= 0) m->slots[at].host = true;
}

mn_status mn_model_to(mn_model *m, mn_device device) {
    if (m->half && device != MN_CPU) return mn_fail(MN_EARG, "%s: weights can be kept as f16 on the processor alone", m->def->name);
    mn_scope scope = mn_scope_open();
    for (int i = 0; i < m->n && !mn_errcode(); i++) {
        mn_slot *slot = &m->slots[i];
        mn_tensor *t = slot->host ? slot->t : mn_to(slot->t, device);
        if (!t || t == slot->t) continue;
        t->wants_grad = slot->t->wants_grad;
        mn_release(slot->t);
        slot->t = mn_retain(t);
    }
    mn_scope_close(scope);
    if (!mn_errcode()) m->device = device;
    return mn_errcode();
}

mn_tensor *mn_weight(mn_model *m, const char *fmt, ...) {
    char name[160];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    int at = find(m, name);
    if (at < 0) { mn_fail(MN_EINTERNAL, "%s: no tensor '%s'", m->def->name, name); return NULL; }
    return m->slots[at].t;
}
bool mn_has_weight(mn_model *m, const char *fmt, ...) {
    char name[160];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    return find(m, name) >= 0;
}

/* ---- configuration ---- */

static const mn_json *lookup(mn_model *m, const char *key) {
    const mn_json *v = mn_json_get(m->config, key);
    if (!v) v = mn_json_get(m->defaults, key);
    if (!v) mn_fail(MN_EINTERNAL, "%s: no setting '%s'", m->def->name, key);
    return v;
}
double mn_config(mn_model *m, const char *key) {
    const mn_json *v = lookup(m, key);
    if (v && v->type == MN_JSON_BOOL) return v->truth;
    if (v && v->type == MN_JSON_NUMBER) return v->is_int ? (double)v->integer : v->number;
    if (v) mn_fail(MN_EARG, "%s: setting '%s': a number expected, got %s", m->def->name, key, mn_json_type_name(v->type));
    return 0;
}
int64_t mn_config_int(mn_model *m, const char *key) {
    double v = mn_config(m, key);
    if (v != floor(v) || fabs(v) > 1e9) { mn_fail(MN_EARG, "%s: setting '%s': a whole number expected, got %g", m->def->name, key, v); return 0; }
    return (int64_t)v;
}
int mn_config_list(mn_model *m, const char *key, double *out, int max) {
    const mn_json *v = lookup(m, key);
    if (!v) return 0;
    if (v->type != MN_JSON_ARRAY || v->count > (size_t)max) {
        mn_fail(MN_EARG, "%s: setting '%s': a list of at most %d numbers expected", m->def->name, key, max);
        return 0;
    }
    for (size_t i = 0; i < v->count; i++) {
        if (v->items[i].type != MN_JSON_NUMBER) { mn_fail(MN_EARG, "%s: setting '%s': numbers expected", m->def->name, key); return 0; }
        out[i] = v->items[i].is_int ? (double)v->items[i].integer : v->items[i].number;
    }
    return (int)v->count;
}
int mn_config_ints(mn_model *m, const char *key, int lo, int hi, int *out, int max) {
    double v[8] = {0};
    int n = mn_config_list(m, key, v, max < 8 ? max : 8);
    for (int i = 0; i < n; i++) {
        if (!(v[i] >= lo && v[i] <= hi && v[i] == floor(v[i]))) {
            mn_fail(MN_EARG, "%s: setting '%s': whole numbers from %d to %d expected, got %g", m->def->name, key, lo, hi, v[i]);
            return 0;
        }
        out[i] = (int)v[i];
    }
    return n;
}
const char *mn_config_text(mn_model *m, const char *key) {
    const mn_json *v = lookup(m, key);
    if (v && v->type == MN_JSON_STRING) return v->text;
    if (v) mn_fail(MN_EARG, "%s: setting '%s': text expected, got %s", m->def->name, key, mn_json_type_name(v->type));
    return "";
}

static mn_status check_keys(mn_model *m) {
    if (m->config->type != MN_JSON_OBJECT) return mn_fail(MN_EARG, "%s: configuration: an object expected, got %s", m->def->name, mn_json_type_name(m->config->type));
    for (size_t i = 0; i < m->config->count; i++) {
        const char *key = m->config->items[i].key;
        if (mn_json_get(m->defaults, key)) continue;
        char list[800] = "";
        for (size_t k = 0; k < m->defaults->count; k++)
            snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", k ? ", " : "", m->defaults->items[k].key);
        return mn_fail(MN_EARG, "%s: unknown setting '%s'; there are %s", m->def->name, key, list);
    }
    return MN_OK;
}

/* ---- life ---- */

static mn_model *make(const mn_modeldef *def, const char *config, uint64_t seed, mn_st *from, bool half) {
    if (mn_errcode()) return NULL;
    mn_model *m = calloc(1, sizeof *m);
    if (!m) { mn_fail(MN_ENOMEM, "model: out of memory"); return NULL; }
    m->refs = 1;
    m->def = def;
    m->from = from;
    m->half = half;
    m->source.fd = -1;
    m->rng = mn_rng_seed(seed, 0x6d6f64656cull);
    m->config_text = strdup(config ? config : "{}");
    m->defaults = mn_json_parse(def->config, strlen(def->config), def->name, 0);
    m->config = m->defaults && m->config_text ? mn_json_parse(m->config_text, strlen(m->config_text), "configuration", 0) : NULL;
    if (!m->config_text) mn_fail(MN_ENOMEM, "model: out of memory");
    if (!m->config || check_keys(m) || def->build(m) || mn_errcode()) { mn_model_release(m); return NULL; }
    m->from = NULL;
    return m;
}
mn_model *mn_model_new(const mn_modeldef *def, const char *config, uint64_t seed) { return make(def, config, seed, NULL, false); }

mn_model *mn_model_retain(mn_model *m) { m->refs++; return m; }
void mn_model_release(mn_model *m) {
    if (!m || --m->refs) return;
    for (int i = 0; i < m->n; i++) { free(m->slots[i].name); mn_release(m->slots[i].t); }
    free(m->slots);
    free(m->index);
    mn_json_free(m->config);
    mn_json_free(m->defaults);
    free(m->config_text);
    if (m->source.fd >= 0) close(m->source.fd);
    free(m);
}

mn_status mn_model_train(mn_model *m, bool on) {
    if (on && m->half) return mn_fail(MN_EARG, "%s: its weights are kept as f16 and cannot be trained: load it as f32", m->def->name);
    m->training = on;
    for (int i = 0; i < m->n; i++) {
        m->slots[i].t->wants_grad = on && m->slots[i].trainable;
        if (!on) mn_grad_zero(m->slots[i].t);
    }
    return MN_OK;
}
int64_t mn_model_numbers(const mn_model *m) {
    int64_t n = 0;
    for (int i = 0; i < m->n; i++) if (m->slots[i].trainable) n += m->slots[i].t->n;
    return n;
}

/* ---- files ---- */

/* One sentence for everything that does not fit: counts, the first names, of what is too much one. */
static mn_status fits(mn_model *m, mn_st *st, const char *path) {
    if (mn_errcode()) return mn_fail_context("%s", path);
    if (!m->lacks && !m->misfits) return MN_OK;
    int extra = 0;
    while (extra < mn_st_count(st) && find(m, mn_st_name(st, extra)) >= 0) extra++;
    return mn_fail(MN_EFORMAT, "%s: not a model of kind %s with these settings: %d of %d tensors missing, %d of another shape (%s), %d more in the file%s%s",
                   path, m->def->name, m->lacks, m->n, m->misfits, m->misses, mn_st_count(st) - m->n + m->lacks,
                   extra < mn_st_count(st) ? ", such as " : "", extra < mn_st_count(st) ? mn_st_name(st, extra) : "");
}

static mn_status note_source(mn_model *m, const char *path) {
    struct stat info;
    snprintf(m->source.path, sizeof m->source.path, "%s", path);
    m->source.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (m->source.fd < 0 || fstat(m->source.fd, &info)) return mn_fail(MN_EIO, "cannot open %s: %s", path, strerror(errno));
    m->source.size = info.st_size;
    m->source.mtime = info.st_mtim.tv_sec * 1000000000ll + info.st_mtim.tv_nsec;
    return MN_OK;
}

const char *mn_model_hash(mn_model *m) {
    struct stat info;
    if (*m->hash || m->source.fd < 0) return m->hash;
    bool same = !fstat(m->source.fd, &info) && info.st_size == m->source.size && info.st_mtim.tv_sec * 1000000000ll + info.st_mtim.tv_nsec == m->source.mtime;
    if (!same) mn_fail(MN_EIO, "%s has changed since it was loaded", m->source.path);
    return same && !mn_sha256_fd(m->source.fd, m->source.path, m->hash) ? m->hash : NULL;
}

mn_model *mn_model_load(const char *path, bool half) {
    mn_st *st = mn_st_open(path);
    if (!st) return NULL;
    const char *kind = mn_st_meta(st, "mien.kind"), *config = mn_st_meta(st, "mien.config");
    mn_model *m = NULL;
    if (!kind) mn_fail(MN_EFORMAT, "%s: no 'mien.kind' in its metadata: not a model of ours; published files come in with `mien import`", path);
    else {
        const mn_modeldef *def = mn_model_kind(kind);
        if (def) m = make(def, config, 0, st, half);
        if (!m) mn_fail_context("%s", path);
        if (m && (fits(m, st, path) || note_source(m, path))) { mn_model_release(m); m = NULL; }
    }
    mn_st_close(st);
    return m;
}

mn_status mn_model_restore(mn_model *m, const char *path) {
    mn_st *st = mn_st_open(path);
    if (!st) return mn_errcode();
    const char *kind = mn_st_meta(st, "mien.kind");
    if (!kind || strcmp(kind, m->def->name)) mn_fail(MN_EFORMAT, "a model of kind %s expected, it holds %s", m->def->name, kind ? kind : "no model");
    mn_tensor **fresh = calloc((size_t)m->n + 1, sizeof *fresh);
    if (!fresh) mn_fail(MN_ENOMEM, "model: out of memory");
    m->lacks = m->misfits = 0;
    *m->misses = 0;
    mn_scope all = mn_scope_open();
    for (int i = 0; i < m->n && !mn_errcode(); i++) {
        mn_slot *slot = &m->slots[i];
        mn_scope scope = mn_scope_open();
        fresh[i] = mn_scope_leave(scope, mn_to(stored(m, st, slot->name, slot->t->dtype, slot->t->nd, slot->t->shape), slot->host ? MN_CPU : m->device));
    }
    mn_status s = fits(m, st, path);
    for (int i = 0; i < m->n && !s; i++) {
        mn_slot *slot = &m->slots[i];
        fresh[i]->wants_grad = slot->t->wants_grad;
        mn_release(slot->t);
        slot->t = mn_retain(fresh[i]);
    }
    mn_scope_close(all);
    free(fresh);
    mn_st_close(st);
    return s;
}

mn_status mn_model_save(mn_model *m, const char *path, bool half, int n_meta, const char *const *meta) {
    mn_scope scope = mn_scope_open();
    const char **names = calloc((size_t)m->n + 1, sizeof *names), **pairs = calloc(2 * (size_t)n_meta + 4, sizeof *pairs);
    mn_tensor **tensors = calloc((size_t)m->n + 1, sizeof *tensors);
    mn_status s = names && pairs && tensors ? MN_OK : mn_fail(MN_ENOMEM, "model: out of memory");
    for (int i = 0; i < m->n && !s; i++) {
        mn_tensor *t = m->slots[i].t;
        names[i] = m->slots[i].name;
        tensors[i] = half && t->dtype == MN_F32 ? narrowed(mn_to(t, MN_CPU), names[i], MN_EARG, "save") : t;
        if (!tensors[i]) s = mn_fail_context("%s", m->def->name);
    }
    if (!s) {
        pairs[0] = "mien.kind"; pairs[1] = m->def->name;
        pairs[2] = "mien.config"; pairs[3] = m->config_text;
        for (int i = 0; i < 2 * n_meta; i++) pairs[4 + i] = meta[i];
        s = mn_st_save(path, m->n, names, tensors, n_meta + 2, pairs);
    }
    free(names); free(pairs); free(tensors);
    mn_scope_close(scope);
    return s;
}

mn_status mn_expect(mn_model *m, const char *method, const char *input, mn_tensor *t, int nd, const int64_t *shape) {
    if (mn_errcode()) return mn_errcode();
    bool fits = t && t->nd == nd && mn_is_real(t->dtype);
    for (int d = 0; fits && d < nd; d++) fits = shape[d] < 0 ? t->shape[d] > 0 : t->shape[d] == shape[d];
    if (fits) return MN_OK;
    char text[96] = "[", *at = text + 1;
    for (int d = 0; d < nd; d++) at += shape[d] < 0 ? snprintf(at, 14, "%s%c", d ? "," : "", 'N' + d) : snprintf(at, 14, "%s%lld", d ? "," : "", (long long)shape[d]);
    return mn_fail(MN_ESHAPE, "%s.%s: %s: expected real %s], got %s %s", m->def->name, method, input, text, t ? mn_dtype_name(t->dtype) : "", mn_shape_text(t));
}
