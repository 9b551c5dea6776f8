/* npyfile.c -- numpy's .npy (one array) and .npz (a zip of them) as values of pickle.h.
 *
 *     93 'NUMPY' major minor, header length (2 bytes; 4 from version 2.0), header, elements
 *     header: the text of a Python dict {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }
 *     descr '|O': the elements are one pickle of the whole array
 * Source: numpy/lib/format.py.  An array becomes the same record that a protocol-5 pickle of it would give:
 * _frombuffer(bytes, dtype, shape, order); so nothing else needs to know where it came from.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/pickle_internal.h"
#include "io/torch_internal.h"

typedef struct npy { char dtype[16]; bool fortran; int nd; int64_t shape[MN_TORCH_MAXD]; const uint8_t *data; size_t size; } npy;

/* The text behind 'key': in the header, or NULL. */
static const char *after_key(const char *header, const char *key) {
    const char *at = strstr(header, key);
    if (!at) return NULL;
    at += strlen(key);
    while (*at == ' ' || *at == ':') at++;
    return at;
}

static bool parse_shape(const char *at, npy *a) {
    if (!at || *at++ != '(') return false;
    for (a->nd = 0; *at && *at != ')';) {
        char *end;
        if (*at < '0' || *at > '9' || a->nd == MN_TORCH_MAXD) return false;
        a->shape[a->nd++] = strtoll(at, &end, 10);
        for (at = end; *at == ' ' || *at == ',' || *at == 'L'; at++) {}
    }
    return *at == ')';
}

static mn_status parse(const char *label, const uint8_t *data, size_t size, npy *a) {
    char header[4096];
    size_t wide = size > 6 && data[6] >= 2 ? 4 : 2, n = 0;
    if (size < 12 || memcmp(data, "\x93NUMPY", 6) || data[6] < 1 || data[6] > 3) return mn_fail(MN_EFORMAT, "%s: expected a numpy array file of version 1 to 3", label);
    for (size_t i = 0; i < wide; i++) n |= (size_t)data[8 + i] << 8 * i;
    if (n >= sizeof header || n > size - 8 - wide) return mn_fail(MN_EFORMAT, "%s: a numpy header of %zu bytes, expected at most %zu", label, n, sizeof header - 1);
    memcpy(header, data + 8 + wide, n);
    header[n] = 0;
    const char *dtype = after_key(header, "'descr'"), *fortran = after_key(header, "'fortran_order'"), *end = dtype && *dtype == '\'' ? strchr(dtype + 1, '\'') : NULL;
    *a = (npy){ .data = data + 8 + wide + n, .size = size - 8 - wide - n, .fortran = fortran && !strncmp(fortran, "True", 4) };
    if (!end || end - dtype > (int)sizeof a->dtype || !fortran || !parse_shape(after_key(header, "'shape'"), a))
        return mn_fail(MN_EFORMAT, "%s: a numpy header: expected 'descr', 'fortran_order' and 'shape' of a plain array, found %.100s", label, header);
    memcpy(a->dtype, dtype + 1, (size_t)(end - dtype - 1));
    return MN_OK;
}

static mn_pkl_value *text_value(mn_pkl *p, const char *s) {
    size_t n = strlen(s);
    uint8_t *copy = pkl_alloc(p, n + 1);
    if (!copy) return NULL;
    memcpy(copy, s, n + 1);
    return pkl_string(p, MN_PKL_STR, copy, n);
}

/* _frombuffer(bytes, dtype, shape, order) */
static mn_pkl_value *array_value(mn_pkl *p, const npy *a) {
    static const char module[] = "numpy.core.numeric", name[] = "_frombuffer";
    mn_pkl_value *dims[MN_TORCH_MAXD], *args[4];
    for (int i = 0; i < a->nd; i++)
        if (!(dims[i] = pkl_integer(p, a->shape[i]))) return NULL;
    args[0] = pkl_string(p, MN_PKL_BYTES, a->data, a->size);
    args[1] = text_value(p, a->dtype);
    args[2] = pkl_tuple(p, dims, (size_t)a->nd);
    args[3] = text_value(p, a->fortran ? "F" : "C");
    mn_pkl_value *callable = pkl_global_value(p, (const uint8_t *)module, sizeof module - 1, (const uint8_t *)name, sizeof name - 1);
    if (!callable || !args[0] || !args[1] || !args[2] || !args[3]) return NULL;
    mn_pkl_value *tuple = pkl_tuple(p, args, 4);
    return tuple ? pkl_call(p, callable, tuple) : NULL;
}

/* A document of our own making. */
static mn_pkl *document(const char *label, size_t size) {
    mn_pkl *p = calloc(1, sizeof *p);
    if (!p) mn_fail(MN_ENOMEM, "%s: no memory for its arrays", label);
    else p->label = label, p->size = size;
    return p;
}

mn_status torch_npy_open(torch_source *s) {
    npy a;
    size_t used;
    s->container = MN_TORCH_NPY;
    if (parse(s->label, s->data, s->size, &a)) return mn_errcode();
    if (strcmp(a.dtype, "|O")) {
        if (!(s->pickle = document(s->label, s->size))) return mn_errcode();
        s->root = s->pickle->root = array_value(s->pickle, &a);
        return s->root ? MN_OK : mn_errcode();
    }
    if (!(s->pickle = mn_pkl_read(a.data, a.size, s->label, &used))) return mn_fail_context("an array of objects");
    s->root = mn_pkl_root(s->pickle);
    const mn_pkl_value *items = mn_pkl_item(mn_pkl_state(s->root), 4);
    if (mn_pkl_kind_of(s->root) == MN_PKL_ARRAY && !a.nd && mn_pkl_count(items) == 1) s->root = mn_pkl_item(items, 0);
    return MN_OK;
}

mn_status torch_npz_open(torch_source *s) {
    s->container = MN_TORCH_NPZ;
    if (!(s->pickle = document(s->label, s->size))) return mn_errcode();
    mn_pkl *p = s->pickle;
    pkl_seq *dict = pkl_seq_new(p, MN_PKL_DICT);
    for (int i = 0; dict && i < mn_zip_count(s->zip); i++) {
        const mn_zip_member *m = mn_zip_at(s->zip, i);
        size_t n = strlen(m->name);
        char label[400], key[200];
        npy a;
        if (n < 5 || strcmp(m->name + n - 4, ".npy")) continue;
        snprintf(label, sizeof label, "%.190s: %.190s", s->label, m->name);
        if (n - 4 >= sizeof key) return mn_fail(MN_EFORMAT, "%s: an array's name has more than %zu bytes", label, sizeof key);
        memcpy(key, m->name, n - 4);
        key[n - 4] = 0;
        const uint8_t *bytes;
        if (m->deflated) {              /* inflated into the document's own memory, under its limit */
            uint8_t *unpacked = mn_zip_read(s->zip, m, MN_PKL_MEMORY), *kept = unpacked ? pkl_alloc(p, m->size + 1) : NULL;
            if (kept) memcpy(kept, unpacked, m->size);
            free(unpacked);
            bytes = kept;
        } else {
            bytes = mn_zip_bytes(s->zip, m);
        }
        if (!bytes || parse(label, bytes, m->size, &a)) return mn_errcode();
        if (!strcmp(a.dtype, "|O")) continue;       /* objects: a pickle of its own, which no file of ours needs */
        mn_pkl_value *name = text_value(p, key), *array = array_value(p, &a);
        if (!name || !array || pkl_set(p, dict, name, array)) return mn_errcode();
    }
    s->root = p->root = (mn_pkl_value *)dict;
    return dict ? MN_OK : mn_errcode();
}
