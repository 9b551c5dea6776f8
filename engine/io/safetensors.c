/* safetensors.c -- reads the safetensors format (declared in mien.h); safetensors_save.c writes it.
 *
 *     8 bytes        header length, little endian
 *     header         JSON {"name": {"dtype": "F32", "shape": [2,3], "data_offsets": [begin, end]}, ...,
 *                          "__metadata__": {"key": "text"}}, padded with spaces
 *     data           dense row-major tensors; offsets count from here
 *
 * Format: https://huggingface.co/docs/safetensors.  Everything a file claims is checked when it is opened:
 * names, dtypes, shapes, and that the tensors tile the data exactly, so a file cut short or with holes,
 * overlaps or extra bytes is refused.  Afterwards mn_st_get cannot run past the mapping.
 *
 * The mapping is private: a stray write to a tensor over it changes this process's copy of the page, never
 * the file.  A file must not be cut short while it is open; writers that rename, like ours, never do that. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "json.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file's numbers are used in place, so they must be little endian here too");

enum { HEADER_MAX = 100 << 20, VALUES_MAX = 1 << 18 };      /* the format's own limit; eight values a tensor or so: 32 MB as a tree */
#define DIM_MAX ((int64_t)1 << 40)      /* the engine's, for a whole tensor */

typedef enum kind { K_F32, K_F64, K_I32, K_U8, K_F16, K_BF16, K_I64, K_U64, K_U32, K_I16, K_U16, K_I8, K_BOOL, K_KINDS } kind;
static const struct { const char *name; size_t size; mn_dtype dtype; bool in_place; } kinds[K_KINDS] = {
    [K_F32] = {"F32", 4, MN_F32, true},  [K_F64] = {"F64", 8, MN_F64, true},   [K_I32] = {"I32", 4, MN_I32, true},
    [K_U8] = {"U8", 1, MN_U8, true},     [K_F16] = {"F16", 2, MN_F16, true},   [K_BOOL] = {"BOOL", 1, MN_U8, true},
    [K_BF16] = {"BF16", 2, MN_F32, false}, [K_I64] = {"I64", 8, MN_I32, false}, [K_U64] = {"U64", 8, MN_I32, false},
    [K_U32] = {"U32", 4, MN_I32, false}, [K_I16] = {"I16", 2, MN_I32, false},  [K_U16] = {"U16", 2, MN_I32, false},
    [K_I8] = {"I8", 1, MN_U8, false},
};

typedef struct entry {
    const char *name;
    kind kind;
    int nd;
    int64_t shape[MN_MAXD], n;
    size_t at, bytes;                   /* at: from the start of the file */
} entry;

struct mn_st {
    int refs;                           /* the caller's, and one per tensor over the mapping */
    char *path;
    unsigned char *map;
    size_t size;
    mn_json *header;
    const mn_json *meta;                /* NULL when there is none */
    entry *entries;                     /* in the header's order */
    int count;
};

static void st_unref(void *owner) {
    mn_st *st = owner;
    if (--st->refs) return;
    if (st->map) munmap(st->map, st->size);
    mn_json_free(st->header);
    free(st->entries);
    free(st->path);
    free(st);
}

/* ---- checking a header ---------------------------------------------------- */

static bool bad_entry(const mn_st *st, const entry *e, size_t at, const char *expected, const mn_json *found) {
    mn_fail(MN_EFORMAT, "%s: byte %zu: tensor '%.200s': expected %s, found %s", st->path, at, e->name, expected,
            found ? mn_json_type_name(found->type) : "nothing");
    return false;
}

static bool read_kind(const mn_st *st, const mn_json *member, entry *e) {
    const mn_json *v = mn_json_get(member, "dtype");
    if (!v || v->type != MN_JSON_STRING) return bad_entry(st, e, member->at, "a string \"dtype\"", v);
    for (e->kind = 0; e->kind < K_KINDS; e->kind++)
        if (strcmp(v->text, kinds[e->kind].name) == 0) return true;
    mn_fail(MN_EFORMAT, "%s: byte %zu: tensor '%.200s': dtype \"%.40s\" is not one of F64 F32 F16 BF16 I64 I32 I16 I8 U64 U32 U16 U8 BOOL",
            st->path, v->at, e->name, v->text);
    return false;
}

static bool read_shape(const mn_st *st, const mn_json *member, entry *e) {
    const mn_json *v = mn_json_get(member, "shape");
    if (!v || v->type != MN_JSON_ARRAY) return bad_entry(st, e, member->at, "an array \"shape\"", v);
    if (v->count > MN_MAXD) {
        mn_fail(MN_EFORMAT, "%s: byte %zu: tensor '%.200s': %zu dimensions, at most %d are possible", st->path, v->at, e->name, v->count, MN_MAXD);
        return false;
    }
    e->nd = (int)v->count;
    e->n = 1;
    for (int i = 0; i < e->nd; i++) {
        const mn_json *d = &v->items[i];
        if (d->type != MN_JSON_NUMBER || !d->is_int || d->integer < 0 || d->integer > DIM_MAX) {
            mn_fail(MN_EFORMAT, "%s: byte %zu: tensor '%.200s': dimension %d is not a whole number from 0 to 2^40", st->path, d->at, e->name, i + 1);
            return false;
        }
        e->shape[i] = d->integer;
        if (__builtin_mul_overflow(e->n, d->integer, &e->n)) {
            mn_fail(MN_EFORMAT, "%s: byte %zu: tensor '%.200s': more elements than 2^63", st->path, v->at, e->name);
            return false;
        }
    }
    return true;
}

static bool read_offsets(const mn_st *st, const mn_json *member, entry *e, size_t data_at) {
    const mn_json *v = mn_json_get(member, "data_offsets");
    if (!v || v->type != MN_JSON_ARRAY) return bad_entry(st, e, member->at, "an array \"data_offsets\"", v);
    size_t data_size = st->size - data_at, need;
    if (v->count != 2 || !v->items[0].is_int || !v->items[1].is_int || v->items[0].integer < 0 || v->items[1].integer < v->items[0].integer) {
        mn_fail(MN_EFORMAT, "%s: byte %zu: tensor '%.200s': \"data_offsets\" is not two whole numbers 0 <= begin <= end", st->path, v->at, e->name);
        return false;
    }
    uint64_t begin = (uint64_t)v->items[0].integer, end = (uint64_t)v->items[1].integer;
    if (end > data_size) {
        mn_fail(MN_EFORMAT, "%s: byte %zu: tensor '%.200s' ends at data byte %llu, but the file has %zu data bytes (cut short?)",
                st->path, v->at, e->name, (unsigned long long)end, data_size);
        return false;
    }
    if (__builtin_mul_overflow((uint64_t)e->n, kinds[e->kind].size, &need) || need != end - begin) {
        mn_fail(MN_EFORMAT, "%s: byte %zu: tensor '%.200s': \"data_offsets\" span %llu bytes, but %lld elements of %s were expected",
                st->path, v->at, e->name, (unsigned long long)(end - begin), (long long)e->n, kinds[e->kind].name);
        return false;
    }
    e->at = data_at + begin;
    e->bytes = need;
    return true;
}

static bool read_meta(mn_st *st, const mn_json *member) {
    if (member->type != MN_JSON_OBJECT) {
        mn_fail(MN_EFORMAT, "%s: byte %zu: expected an object \"__metadata__\", found %s", st->path, member->at, mn_json_type_name(member->type));
        return false;
    }
    for (size_t i = 0; i < member->count; i++)
        if (member->items[i].type != MN_JSON_STRING) {
            mn_fail(MN_EFORMAT, "%s: byte %zu: metadata '%.200s': expected a string, found %s", st->path, member->items[i].at,
                    member->items[i].key, mn_json_type_name(member->items[i].type));
            return false;
        }
    st->meta = member;
    return true;
}

static int by_place(const void *a, const void *b) {
    const entry *x = *(const entry *const *)a, *y = *(const entry *const *)b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

/* The tensors must tile the data: no hole, no overlap, nothing behind the last one. */
static bool check_tiling(const mn_st *st, size_t data_at) {
    const entry **order = malloc(((size_t)st->count + 1) * sizeof *order);
    size_t next = data_at;
    bool good = true;
    if (!order) {
        mn_fail(MN_ENOMEM, "%s: no memory for %d tensors", st->path, st->count);
        return false;
    }
    for (int i = 0; i < st->count; i++) order[i] = &st->entries[i];
    qsort(order, (size_t)st->count, sizeof *order, by_place);
    for (int i = 0; i < st->count && good; i++) {
        if (order[i]->at != next) {
            mn_fail(MN_EFORMAT, "%s: tensor '%.200s' begins at byte %zu, expected %zu: the tensors %s", st->path, order[i]->name,
                    order[i]->at, next, order[i]->at < next ? "overlap" : "leave a hole");
            good = false;
        }
        next += order[i]->bytes;
    }
    free(order);
    if (good && next != st->size) {
        mn_fail(MN_EFORMAT, "%s: the last tensor ends at byte %zu, but the file has %zu bytes", st->path, next, st->size);
        good = false;
    }
    return good;
}

static bool read_header(mn_st *st) {
    uint64_t length = 0;
    if (st->size < 8) {
        mn_fail(MN_EFORMAT, "%s: %zu bytes are too few for a safetensors file", st->path, st->size);
        return false;
    }
    memcpy(&length, st->map, 8);
    if (length > HEADER_MAX || length > st->size - 8) {
        mn_fail(MN_EFORMAT, "%s: byte 0: header length %llu, expected at most %zu (not a safetensors file, or cut short)", st->path,
                (unsigned long long)length, st->size - 8 < HEADER_MAX ? st->size - 8 : (size_t)HEADER_MAX);
        return false;
    }
    size_t data_at = 8 + (size_t)length;
    if (!(st->header = mn_json_parse_most((const char *)st->map + 8, (size_t)length, st->path, 8, VALUES_MAX))) return false;
    if (st->header->type != MN_JSON_OBJECT) {
        mn_fail(MN_EFORMAT, "%s: byte 8: expected an object as header, found %s", st->path, mn_json_type_name(st->header->type));
        return false;
    }
    const mn_json *root = st->header;
    if (!(st->entries = calloc(root->count + 1, sizeof *st->entries))) {
        mn_fail(MN_ENOMEM, "%s: no memory for %zu tensors", st->path, root->count);
        return false;
    }
    for (size_t i = 0; i < root->count; i++) {
        const mn_json *member = &root->items[i];
        if (strcmp(member->key, "__metadata__") == 0) {
            if (!read_meta(st, member)) return false;
            continue;
        }
        entry *e = &st->entries[st->count];
        e->name = member->key;
        if (member->type != MN_JSON_OBJECT) return bad_entry(st, e, member->at, "an object", member);
        if (!read_kind(st, member, e) || !read_shape(st, member, e) || !read_offsets(st, member, e, data_at)) return false;
        st->count++;
    }
    return check_tiling(st, data_at);
}

/* ---- an open file ---------------------------------------------------------- */

static bool map_file(mn_st *st) {
    struct stat info;
    int fd = open(st->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info)) {
        mn_fail(errno == ENOENT ? MN_ENOTFOUND : MN_EIO, "cannot open %s: %s", st->path, strerror(errno));
        if (fd >= 0) close(fd);
        return false;
    }
    if (!S_ISREG(info.st_mode)) mn_fail(MN_EIO, "cannot open %s: it is not a regular file", st->path);
    else if (info.st_size == 0) mn_fail(MN_EFORMAT, "%s: 0 bytes are too few for a safetensors file", st->path);
    else {
        void *map = mmap(NULL, (size_t)info.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
        if (map == MAP_FAILED) mn_fail(MN_EIO, "cannot map %s: %s", st->path, strerror(errno));
        else {
            st->map = map;
            st->size = (size_t)info.st_size;
        }
    }
    close(fd);                           /* the mapping stays */
    return st->map != NULL;
}

mn_st *mn_st_open(const char *path) {
    mn_st *st = calloc(1, sizeof *st);
    if (!st || !(st->path = strdup(path))) {
        mn_fail(MN_ENOMEM, "no memory to open %s", path);
        free(st);
        return NULL;
    }
    st->refs = 1;
    if (map_file(st) && read_header(st)) return st;
    st_unref(st);
    return NULL;
}

void mn_st_close(mn_st *st) {
    if (st) st_unref(st);
}

int mn_st_count(const mn_st *st) { return st->count; }
const char *mn_st_name(const mn_st *st, int i) { return i >= 0 && i < st->count ? st->entries[i].name : NULL; }

static const entry *find_entry(const mn_st *st, const char *name) {
    const mn_json *member = mn_json_get(st->header, name);
    if (!member || strcmp(name, "__metadata__") == 0) return NULL;
    const mn_json *items = st->header->items;
    return &st->entries[(member - items) - (st->meta && st->meta < member)];   /* members but the metadata became entries */
}

bool mn_st_has(const mn_st *st, const char *name) { return find_entry(st, name) != NULL; }

const char *mn_st_meta(const mn_st *st, const char *key) {
    const mn_json *v = mn_json_get(st->meta, key);
    return v ? v->text : NULL;
}
int mn_st_meta_count(const mn_st *st) { return st->meta ? (int)st->meta->count : 0; }
const char *mn_st_meta_key(const mn_st *st, int i) {
    return i >= 0 && i < mn_st_meta_count(st) ? st->meta->items[i].key : NULL;
}

/* One stored integer, whatever its kind; p need not be aligned.  U64 above INT64_MAX saturates: out of range either way. */
static int64_t stored_integer(kind kind, const unsigned char *p) {
    switch (kind) {
    case K_I64: { int64_t v; memcpy(&v, p, 8); return v; }
    case K_U64: { uint64_t v; memcpy(&v, p, 8); return v > INT64_MAX ? INT64_MAX : (int64_t)v; }
    case K_U32: { uint32_t v; memcpy(&v, p, 4); return v; }
    case K_I16: { int16_t v; memcpy(&v, p, 2); return v; }
    case K_U16: { uint16_t v; memcpy(&v, p, 2); return v; }
    default:    return (signed char)*p;  /* K_I8 */
    }
}

static bool convert(const mn_st *st, const entry *e, mn_tensor *out) {
    const unsigned char *src = st->map + e->at;
    size_t step = kinds[e->kind].size;
    if (kinds[e->kind].in_place) memcpy(mn_data(out), src, e->bytes);
    else if (e->kind == K_BF16) {        /* the upper half of an f32 */
        unsigned char *dst = mn_data(out);
        for (int64_t i = 0; i < e->n; i++) {
            memset(dst + 4 * i, 0, 2);
            memcpy(dst + 4 * i + 2, src + 2 * i, 2);
        }
    } else {
        bool bytes = kinds[e->kind].dtype == MN_U8;
        int64_t low = bytes ? 0 : INT32_MIN, high = bytes ? UINT8_MAX : INT32_MAX;
        for (int64_t i = 0; i < e->n; i++) {
            int64_t v = stored_integer(e->kind, src + (size_t)i * step);
            if (v < low || v > high) {
                mn_fail(MN_EFORMAT, "%s: byte %zu: tensor '%.200s': element %lld is %lld, which does not fit %s", st->path,
                        e->at + (size_t)i * step, e->name, (long long)i, (long long)v, bytes ? "u8" : "i32");
                return false;
            }
            if (bytes) ((uint8_t *)mn_data(out))[i] = (uint8_t)v;
            else ((int32_t *)mn_data(out))[i] = (int32_t)v;
        }
    }
    return true;
}

mn_tensor *mn_st_get(mn_st *st, const char *name) {
    if (mn_errcode() != MN_OK) return NULL;
    const entry *e = find_entry(st, name);
    if (!e) {
        mn_fail(MN_ENOTFOUND, "%s: no tensor '%.200s' among its %d", st->path, name, st->count);
        return NULL;
    }
    mn_dtype dtype = kinds[e->kind].dtype;
    /* The map is page aligned, so the file offset alone decides whether the numbers may be used where they lie. */
    if (kinds[e->kind].in_place && e->at % kinds[e->kind].size == 0 && e->n > 0) {
        st->refs++;
        return mn_wrap(dtype, e->nd, e->shape, st->map + e->at, st_unref, st);
    }
    mn_tensor *t = mn_empty(dtype, e->nd, e->shape);
    return t && convert(st, e, t) ? t : NULL;
}
