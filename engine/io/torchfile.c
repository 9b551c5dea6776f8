/* torchfile.c -- the containers of torch.save and torch.jit.save, told apart by content.
 *
 *     zip         PK 03 04; NAME/data.pkl and NAME/data/0, 1, ... where NAME is any folder; with
 *                 NAME/constants.pkl it is a TorchScript archive, whose code is ignored
 *     legacy      five pickles: magic number, protocol 1001, sys_info, the object, the sorted list of
 *                 storage keys; then for each key an 8-byte count and its elements
 *     .npy, .npz  see npyfile.c
 *     else        a bare pickle
 *
 * A tensor refers to its storage by a persistent id ('storage', class, key, location, numel[, view]);
 * in bare pickles the storage is itself a legacy (or zip) file inside a bytes object.
 * Sources: torch/serialization.py, torch/storage.py and caffe2/serialize (PyTorch 1.13).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/torch_internal.h"

enum { MAX_NESTED = 3 };                /* a torch file in a pickle in a torch file: deeper ones are made to annoy */

static const uint8_t legacy_magic[] = { 0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.' };

static const struct { const char *name, *storage, *dtype; int size; } raws[MN_RAW_COUNT] = {
    [MN_RAW_F32] = { "f32", "FloatStorage", "float32", 4 },     [MN_RAW_F64] = { "f64", "DoubleStorage", "float64", 8 },
    [MN_RAW_F16] = { "f16", "HalfStorage", "float16", 2 },      [MN_RAW_BF16] = { "bf16", "BFloat16Storage", "bfloat16", 2 },
    [MN_RAW_I64] = { "i64", "LongStorage", "int64", 8 },        [MN_RAW_I32] = { "i32", "IntStorage", "int32", 4 },
    [MN_RAW_I16] = { "i16", "ShortStorage", "int16", 2 },       [MN_RAW_I8] = { "i8", "CharStorage", "int8", 1 },
    [MN_RAW_U64] = { "u64", NULL, NULL, 8 },                    [MN_RAW_U32] = { "u32", NULL, "uint32", 4 },
    [MN_RAW_U16] = { "u16", NULL, "uint16", 2 },                [MN_RAW_U8] = { "u8", "ByteStorage", "uint8", 1 },
    [MN_RAW_BOOL] = { "bool", "BoolStorage", "bool", 1 },
};

const char *mn_torch_raw_name(mn_torch_raw raw) { return (unsigned)raw < MN_RAW_COUNT ? raws[raw].name : "?"; }
int mn_torch_raw_size(mn_torch_raw raw) { return (unsigned)raw < MN_RAW_COUNT ? raws[raw].size : 0; }

bool torch_raw_of(const mn_pkl_value *g, mn_torch_raw *raw) {
    for (int i = 0; i < MN_RAW_COUNT; i++)
        if ((raws[i].storage && mn_pkl_is_global(g, "torch", raws[i].storage)) || (raws[i].dtype && mn_pkl_is_global(g, "torch", raws[i].dtype))) {
            *raw = (mn_torch_raw)i;
            return true;
        }
    *raw = MN_RAW_U8;                   /* an untyped storage counts bytes */
    return mn_pkl_is_global(g, "torch", "UntypedStorage") || mn_pkl_is_global(g, "torch.storage", "UntypedStorage");
}

/* ---- storages ------------------------------------------------------------- */

typedef struct storage_id { mn_torch_raw raw; const uint8_t *key; size_t key_size; int64_t numel, view_offset, view_size; } storage_id;

static mn_status read_id(const torch_source *s, const mn_pkl_value *persid, storage_id *id) {
    const mn_pkl_value *v = mn_pkl_item(persid, 0), *key = mn_pkl_item(v, 2), *view = mn_pkl_item(v, 5);
    char name[120];
    *id = (storage_id){ .view_size = -1 };
    if (mn_pkl_kind_of(v) != MN_PKL_TUPLE || mn_pkl_count(v) < 5 || !mn_pkl_is_text(mn_pkl_item(v, 0), "storage") || mn_pkl_kind_of(key) != MN_PKL_STR ||
        !mn_pkl_int(mn_pkl_item(v, 4), &id->numel) || id->numel < 0)
        return mn_fail(MN_EFORMAT, "%s: a persistent id: expected ('storage', class, key, location, size), found a %s of %zu items", s->label,
                       mn_pkl_kind_name(mn_pkl_kind_of(v)), mn_pkl_count(v));
    if (!torch_raw_of(mn_pkl_item(v, 1), &id->raw))
        return mn_fail(MN_EDTYPE, "%s: storages of class %s are not supported", s->label, mn_pkl_class_text(mn_pkl_item(v, 1), name, sizeof name));
    id->key = mn_pkl_text(key, &id->key_size);
    if (view && mn_pkl_kind_of(view) != MN_PKL_NONE &&
        (mn_pkl_count(view) != 3 || !mn_pkl_int(mn_pkl_item(view, 1), &id->view_offset) || !mn_pkl_int(mn_pkl_item(view, 2), &id->view_size) ||
         id->view_offset < 0 || id->view_size < 0 || id->view_offset > id->numel || id->view_size > id->numel - id->view_offset))
        return mn_fail(MN_EFORMAT, "%s: a storage that is a view: expected (key, offset, size) within %lld elements", s->label, (long long)id->numel);
    return MN_OK;
}

static int compare_keys(const uint8_t *a, size_t na, const uint8_t *b, size_t nb) {
    int c = na && nb ? memcmp(a, b, na < nb ? na : nb) : 0;
    return c ? c : (na > nb) - (na < nb);
}

static int compare_stores(const void *a, const void *b) {
    const torch_store *x = a, *y = b;
    return compare_keys(x->key, x->key_size, y->key, y->key_size);
}

static torch_store *store_find(const torch_source *s, const uint8_t *key, size_t size) {
    torch_store wanted = { .key = key, .key_size = size };
    return s->n_stores ? bsearch(&wanted, s->stores, s->n_stores, sizeof wanted, compare_stores) : NULL;
}

/* The member of a zip that was compressed, inflated once and kept. */
static mn_mapping *inflated_member(torch_source *s, const mn_zip_member *m) {
    mn_torch *t = s->top;
    uint64_t place = (uint64_t)(s->data - t->file->data) + m->header;
    for (size_t i = 0; i < t->n_inflated; i++)
        if (t->inflated[i].header == place && t->inflated[i].bytes->size == m->size) return t->inflated[i].bytes;
    if (t->n_inflated >= 4096) {        /* the list is searched in order */
        mn_fail(MN_EFORMAT, "%s: more than 4096 compressed storages, expected stored ones", s->label);
        return NULL;
    }
    void *list = realloc(t->inflated, (t->n_inflated + 1) * sizeof *t->inflated);
    if (!list) {
        mn_fail(MN_ENOMEM, "%s: no memory for a list of storages", s->label);
        return NULL;
    }
    t->inflated = list;
    uint8_t *bytes = mn_zip_read(s->zip, m, m->size);
    mn_mapping *kept = bytes ? mn_mapping_adopt(bytes, m->size) : NULL;
    if (kept) {
        t->inflated[t->n_inflated].header = place;
        t->inflated[t->n_inflated++].bytes = kept;
    }
    return kept;
}

static mn_status zip_storage(torch_source *s, const storage_id *id, torch_storage *out) {
    char name[600];
    int n = snprintf(name, sizeof name, "%.*s/data/%.*s", s->prefix_size, s->prefix, (int)(id->key_size < 100 ? id->key_size : 100), (const char *)id->key);
    const mn_zip_member *m = n < (int)sizeof name && id->key_size < 100 ? mn_zip_find(s->zip, name) : NULL;
    if (!m) return mn_fail(MN_EFORMAT, "%s: expected a storage in zip member '%.80s', found no such member", s->label, name);
    size_t item = (size_t)raws[id->raw].size;
    if (m->size / item < (uint64_t)id->numel)
        return mn_fail(MN_EFORMAT, "%s: zip member '%.80s' has %llu bytes, expected %lld elements of %zu bytes", s->label, name, (unsigned long long)m->size, (long long)id->numel, item);
    out->bytes = (size_t)id->numel * item;
    if (m->deflated) {
        out->owner = inflated_member(s, m);
        out->data = out->owner ? out->owner->data : NULL;
    } else {
        out->data = mn_zip_bytes(s->zip, m);
    }
    return out->data ? MN_OK : mn_errcode();
}

static mn_status persid_storage(torch_source *s, const mn_pkl_value *v, torch_storage *out) {
    storage_id id;
    mn_status st = read_id(s, v, &id);
    if (st) return st;
    out->raw = id.raw;
    out->swapped = s->big_endian;
    if (s->zip) {
        st = zip_storage(s, &id, out);
    } else if (s->container == MN_TORCH_LEGACY) {
        const torch_store *store = store_find(s, id.key, id.key_size);
        if (!store || !store->data || store->numel < id.numel || store->raw != id.raw)
            return mn_fail(MN_EFORMAT, "%s: no storage for key '%.*s' with %lld elements of %s", s->label, (int)(id.key_size < 60 ? id.key_size : 60),
                           (const char *)id.key, (long long)id.numel, raws[id.raw].name);
        out->data = store->data;
        out->bytes = (size_t)id.numel * (size_t)raws[id.raw].size;
    } else {
        return mn_fail(MN_EFORMAT, "%s: a persistent id in a bare pickle: its storages lie in no file", s->label);
    }
    if (!st && id.view_size >= 0) {
        out->data += id.view_offset * raws[id.raw].size;
        out->bytes = (size_t)id.view_size * (size_t)raws[id.raw].size;
    }
    return st;
}

mn_status torch_storage_find(torch_source *s, const mn_pkl_value *v, int depth, torch_storage *out) {
    size_t size;
    const mn_pkl_value *bytes = mn_pkl_item(mn_pkl_args(v), 0);
    *out = (torch_storage){ .raw = MN_RAW_U8 };
    if (mn_pkl_kind_of(v) == MN_PKL_PERSID) {
        mn_status st = persid_storage(s, v, out);
        const mn_mapping *file = s->top->file;
        if (!st && !out->owner && out->data >= file->data && out->data <= file->data + file->size) out->owner = s->top->file;
        return st;
    }
    if (mn_pkl_kind_of(v) != MN_PKL_OBJECT || mn_pkl_model_of(v) != MN_PKL_M_LOAD_BYTES || mn_pkl_kind_of(bytes) == MN_PKL_BIGINT || !mn_pkl_text(bytes, &size)) {
        char name[120];
        return mn_fail(MN_EFORMAT, "%s: a tensor's storage: expected a persistent id or a file in bytes, found %s", s->label, mn_pkl_class_text(v, name, sizeof name));
    }
    if (depth >= MAX_NESTED) return mn_fail(MN_EFORMAT, "%s: torch files nested more than %d deep", s->label, MAX_NESTED);
    torch_source inner;
    mn_status st = torch_source_open(&inner, s->top, s->label, mn_pkl_text(bytes, &size), size);
    if (!st) st = torch_storage_find(&inner, inner.root, depth + 1, out);
    /* What inner unpacked or unescaped dies with it; what lies in its bytes does not. */
    if (!st && !out->owner && (out->data < inner.data || out->data > inner.data + inner.size))
        st = mn_fail(MN_EFORMAT, "%s: its elements are packed twice", s->label);
    torch_source_close(&inner);
    return st ? mn_fail_context("a storage inside bytes") : MN_OK;
}

/* ---- opening ---------------------------------------------------------------- */

/* Pickle number `part` (from 1) of a legacy stream. */
static mn_pkl *legacy_part(torch_source *s, size_t *at, int part) {
    char label[300];
    size_t used;
    snprintf(label, sizeof label, "%.240s: legacy torch file, part %d at offset %zu", s->label, part, *at);
    mn_pkl *p = mn_pkl_read(s->data + *at, s->size - *at, label, &used);
    if (p) *at += used;
    return p;
}

/* The element type of each storage is only told by the ids inside the object. */
static mn_status collect_stores(torch_source *s) {
    size_t n = mn_pkl_persid_count(s->pickle), k = 0;
    s->stores = calloc(n ? n : 1, sizeof *s->stores);
    if (!s->stores) return mn_fail(MN_ENOMEM, "%s: no memory for %zu storages", s->label, n);
    for (size_t i = 0; i < n; i++) {
        storage_id id;
        mn_status st = read_id(s, mn_pkl_persid_at(s->pickle, i), &id);
        if (st) return st;
        s->stores[i] = (torch_store){ .key = id.key, .key_size = id.key_size, .raw = id.raw, .numel = id.numel };
    }
    if (n) qsort(s->stores, n, sizeof *s->stores, compare_stores);
    for (size_t i = 0; i < n; i++) {
        if (k && !compare_stores(&s->stores[k - 1], &s->stores[i])) {
            if (s->stores[k - 1].raw != s->stores[i].raw || s->stores[k - 1].numel != s->stores[i].numel)
                return mn_fail(MN_EFORMAT, "%s: storage '%.*s' is described in two ways", s->label, (int)(s->stores[i].key_size < 60 ? s->stores[i].key_size : 60), (const char *)s->stores[i].key);
        } else {
            s->stores[k++] = s->stores[i];
        }
    }
    s->n_stores = k;
    return MN_OK;
}

static mn_status legacy_storages(torch_source *s, size_t at, const mn_pkl_value *keys) {
    mn_status st = collect_stores(s);
    for (size_t i = 0; !st && i < mn_pkl_count(keys); i++) {
        const mn_pkl_value *key = mn_pkl_item(keys, i);
        size_t n;
        const uint8_t *text = mn_pkl_text(key, &n);
        torch_store *store = text ? store_find(s, text, n) : NULL;
        if (mn_pkl_kind_of(key) != MN_PKL_STR || !store) return mn_fail(MN_EFORMAT, "%s: offset %zu: storage %zu of the list belongs to no tensor", s->label, at, i);
        if (store->data) return mn_fail(MN_EFORMAT, "%s: offset %zu: storage %zu is listed twice", s->label, at, i);
        uint64_t count = 0;
        size_t item = (size_t)raws[store->raw].size;
        if (s->size - at >= 8)
            for (int b = 0; b < 8; b++) count |= (uint64_t)s->data[at + (size_t)(s->big_endian ? 7 - b : b)] << 8 * b;
        if (s->size - at < 8 || count != (uint64_t)store->numel || count > (s->size - at - 8) / item)
            return mn_fail(MN_EFORMAT, "%s: offset %zu: expected storage %zu: %lld elements of %zu bytes; found a count of %llu and %zu bytes to the end of the file", s->label, at, i,
                           (long long)store->numel, item, (unsigned long long)count, s->size - at < 8 ? 0 : s->size - at - 8);
        store->data = s->data + at + 8;
        at += 8 + count * item;
    }
    return st;
}

static mn_status legacy_open(torch_source *s) {
    size_t at = sizeof legacy_magic;
    int64_t protocol;
    bool little = true;
    mn_pkl *part = legacy_part(s, &at, 2);
    if (!part) return mn_errcode();
    if (!mn_pkl_int(mn_pkl_root(part), &protocol) || protocol != 1001) mn_fail(MN_EFORMAT, "%s: offset %zu: expected torch's protocol number 1001", s->label, sizeof legacy_magic);
    mn_pkl_free(part);
    if (mn_errcode() || !(part = legacy_part(s, &at, 3))) return mn_errcode();
    if (mn_pkl_bool(mn_pkl_get(mn_pkl_root(part), "little_endian"), &little)) s->big_endian = !little;
    mn_pkl_free(part);
    if (!(s->pickle = legacy_part(s, &at, 4)) || !(part = legacy_part(s, &at, 5))) return mn_errcode();
    mn_status st = mn_pkl_kind_of(mn_pkl_root(part)) == MN_PKL_LIST ? legacy_storages(s, at, mn_pkl_root(part))
                                                                    : mn_fail(MN_EFORMAT, "%s: part 5: expected the list of storage keys", s->label);
    mn_pkl_free(part);
    s->root = mn_pkl_root(s->pickle);
    return st;
}

/* The folder that holds data.pkl.  A file saved by torch has one; its name is arbitrary. */
static const mn_zip_member *find_pickle(torch_source *s) {
    static const char tail[] = "/data.pkl";
    for (int i = 0; i < mn_zip_count(s->zip); i++) {
        const mn_zip_member *m = mn_zip_at(s->zip, i);
        const char *slash = strchr(m->name, '/');
        if (slash && !strcmp(slash, tail)) {
            s->prefix = m->name;
            s->prefix_size = (int)(slash - m->name);
            return m;
        }
    }
    return NULL;
}

static mn_status zip_open(torch_source *s) {
    char name[600];
    const uint8_t *bytes;
    if (!(s->zip = mn_zip_open(s->data, s->size, s->label))) return mn_errcode();
    const mn_zip_member *m = find_pickle(s), *order;
    if (!m) {
        for (int i = 0; i < mn_zip_count(s->zip); i++) {
            size_t n = strlen(mn_zip_at(s->zip, i)->name);
            if (n > 4 && !strcmp(mn_zip_at(s->zip, i)->name + n - 4, ".npy")) return torch_npz_open(s);
        }
        return mn_fail(MN_EFORMAT, "%s: a zip archive of %d members, expected one called NAME/data.pkl as torch writes, or numpy's .npy members", s->label, mn_zip_count(s->zip));
    }
    if (s->prefix_size > 400) return mn_fail(MN_EFORMAT, "%s: the archive's folder has a name of %d bytes, expected at most 400", s->label, s->prefix_size);
    snprintf(name, sizeof name, "%.*s/constants.pkl", s->prefix_size, s->prefix);
    s->container = mn_zip_find(s->zip, name) ? MN_TORCH_SCRIPT : MN_TORCH_ZIP;
    snprintf(name, sizeof name, "%.*s/byteorder", s->prefix_size, s->prefix);
    if ((order = mn_zip_find(s->zip, name))) {
        uint8_t *text = mn_zip_read(s->zip, order, 64);
        if (!text) return mn_errcode();
        s->big_endian = order->size >= 3 && !memcmp(text, "big", 3);
        free(text);
    }
    if (m->deflated) {
        if (!(bytes = s->inflated = mn_zip_read(s->zip, m, MN_PKL_MEMORY))) return mn_errcode();
    } else if (!(bytes = mn_zip_bytes(s->zip, m)) || mn_zip_check(s->zip, m)) {
        return mn_errcode();
    }
    snprintf(name, sizeof name, "%.300s: %.200s", s->label, m->name);
    if (!(s->pickle = mn_pkl_read(bytes, m->size, name, NULL))) return mn_errcode();
    s->root = mn_pkl_root(s->pickle);
    return MN_OK;
}

static mn_status pickle_open(torch_source *s) {
    size_t used;
    s->container = MN_TORCH_PICKLE;
    if (!(s->pickle = mn_pkl_read(s->data, s->size, s->label, &used))) return mn_errcode();
    s->root = mn_pkl_root(s->pickle);
    return MN_OK;
}

mn_status torch_source_open(torch_source *s, mn_torch *top, const char *label, const uint8_t *data, size_t size) {
    *s = (torch_source){ .top = top, .label = label, .data = data, .size = size };
    if (size < 2) return mn_fail(MN_EFORMAT, "%s: expected a torch, numpy or pickle file, found %zu bytes", label, size);
    if (size >= 4 && !memcmp(data, "PK\3\4", 4)) return zip_open(s);
    if (size >= 6 && !memcmp(data, "\x93NUMPY", 6)) return torch_npy_open(s);
    if (size >= sizeof legacy_magic && !memcmp(data, legacy_magic, sizeof legacy_magic)) {
        s->container = MN_TORCH_LEGACY;
        return legacy_open(s);
    }
    if (size > 262 && !memcmp(data + 257, "ustar", 5)) return mn_fail(MN_EFORMAT, "%s: a tar archive (torch before 0.1.10), which is not supported", label);
    return pickle_open(s);
}

void torch_source_close(torch_source *s) {
    mn_pkl_free(s->pickle);
    mn_zip_close(s->zip);
    free(s->inflated);
    free(s->stores);
    *s = (torch_source){ 0 };
}

mn_torch *mn_torch_open_bytes(mn_mapping *bytes, const char *label) {
    mn_torch *t = calloc(1, sizeof *t);
    if (t) t->label = strdup(label);
    if (!t || !t->label) {
        free(t);
        mn_fail(MN_ENOMEM, "%s: no memory to open it", label);
        return NULL;
    }
    t->file = mn_mapping_retain(bytes);
    if (!torch_source_open(&t->main, t, t->label, bytes->data, bytes->size)) return t;
    mn_torch_close(t);
    return NULL;
}

mn_torch *mn_torch_open(const char *path) {
    mn_mapping *m = mn_mapping_open(path);
    mn_torch *t = m ? mn_torch_open_bytes(m, path) : NULL;
    mn_mapping_release(m);
    return t;
}

void mn_torch_close(mn_torch *t) {
    if (!t) return;
    torch_source_close(&t->main);
    for (size_t i = 0; i < t->n_inflated; i++) mn_mapping_release(t->inflated[i].bytes);
    free(t->inflated);
    mn_mapping_release(t->file);
    free(t->label);
    free(t);
}

mn_torch_container mn_torch_container_of(const mn_torch *t) { return t->main.container; }

const char *mn_torch_container_text(mn_torch_container c) {
    static const char *const names[] = { "torch zip archive", "TorchScript archive", "legacy torch file", "pickle", "numpy array file", "numpy archive" };
    return (unsigned)c < sizeof names / sizeof *names ? names[c] : "?";
}

mn_status mn_torch_verify(const mn_torch *t) {
    const mn_zip *z = t->main.zip;
    mn_status s = MN_OK;
    for (int i = 0; z && !s && i < mn_zip_count(z); i++) {
        if (mn_interrupted()) return mn_fail(MN_EINTR, "%s: checking was interrupted", t->label);
        if (!mn_zip_at(z, i)->deflated) s = mn_zip_check(z, mn_zip_at(z, i));     /* deflated ones are checked when read */
    }
    return s;
}

size_t mn_torch_size(const mn_torch *t) { return t->file->size; }
const mn_pkl *mn_torch_pickle(const mn_torch *t) { return t->main.pickle; }
const mn_pkl_value *mn_torch_root(const mn_torch *t) { return t->main.root; }
