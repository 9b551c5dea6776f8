/* pickle.h -- Python pickles (protocols 0 to 5) read as data.
 *
 * A pickle is a program for a small stack machine, two of whose instructions import
 * any name and call it.  Here the machine runs, but nothing is ever imported or called:
 * a name becomes a MN_PKL_GLOBAL, a call becomes a record of what would have been
 * called with which arguments.  The few callables whose meaning is plain data (listed in
 * pickle_globals.def: OrderedDict, tensors, numpy arrays, ...) become that data; every
 * other one a MN_PKL_OBJECT, which can be listed and skipped.
 *
 *     mn_pkl *p = mn_pkl_read(bytes, size, "model.pkl", NULL);
 *     const mn_pkl_value *lr = mn_pkl_get(mn_pkl_root(p), "lr");
 *     double x;
 *     if (mn_pkl_real(lr, &x)) ...
 *     mn_pkl_free(p);
 *
 * Values belong to their document and die with it.  Text and bytes are not copied: they
 * point into `bytes`, which has to outlive the document.  Structures may be shared and
 * cyclic, so whoever walks them bounds the walk.  Every accessor accepts NULL and values
 * of another kind and answers "no" (NULL, 0, false) without an error.
 */
#ifndef MIEN_PICKLE_H
#define MIEN_PICKLE_H
#include "mien.h"

typedef struct mn_pkl mn_pkl;
typedef struct mn_pkl_value mn_pkl_value;

typedef enum mn_pkl_kind {
    MN_PKL_NONE, MN_PKL_BOOL, MN_PKL_INT,
    MN_PKL_BIGINT,      /* beyond 64 bits: mn_pkl_text gives its little-endian bytes, or decimal text (protocols 0, 1) */
    MN_PKL_FLOAT,
    MN_PKL_STR,         /* Python text; Python 2's str too, which may hold any bytes */
    MN_PKL_BYTES,
    MN_PKL_LIST, MN_PKL_TUPLE, MN_PKL_SET,
    MN_PKL_DICT,
    MN_PKL_GLOBAL,      /* a name: module and name */
    MN_PKL_PERSID,      /* a persistent id: item 0 says what the container has to look up */
    MN_PKL_OBJECT,      /* an instance, or a call that was not made */
    MN_PKL_TENSOR,      /* PyTorch tensor: arguments as written, see torchfile.h */
    MN_PKL_ARRAY        /* numpy array or scalar: likewise */
} mn_pkl_kind;

/* What a known global stands for. */
typedef enum mn_pkl_model {
    MN_PKL_OPAQUE = 0,      /* not known: kept as an inert record */
    MN_PKL_M_TYPE,          /* int, object...: a type that is only named */
    MN_PKL_M_DICT, MN_PKL_M_DEFAULTDICT, MN_PKL_M_SET, MN_PKL_M_LIST, MN_PKL_M_TUPLE, MN_PKL_M_BYTES, MN_PKL_M_ENCODE,
    MN_PKL_M_TENSOR1, MN_PKL_M_TENSOR2, MN_PKL_M_TENSOR3, MN_PKL_M_PARAMETER, MN_PKL_M_FROM_TYPE,
    MN_PKL_M_STORAGE,       /* a storage class, torch.FloatStorage */
    MN_PKL_M_LOAD_BYTES,    /* a storage as a torch file inside bytes */
    MN_PKL_M_DTYPE,         /* torch.float32 ... */
    MN_PKL_M_ND_NEW, MN_PKL_M_ND_SCALAR, MN_PKL_M_ND_BUFFER, MN_PKL_M_ND_DTYPE, MN_PKL_M_ND_CLASS,
    MN_PKL_M_RECONSTRUCT,   /* copyreg._reconstructor(class, base, state): an instance of class */
    MN_PKL_M_CSC, MN_PKL_M_CSR, MN_PKL_M_CHUMPY,
    MN_PKL_M_PERSISTENT,    /* NVIDIA's torch_utils.persistence: source text plus attributes */
    MN_PKL_M_MODULE         /* a class of a TorchScript archive, __torch__... */
} mn_pkl_model;

/* The machine's memory beyond the file's bytes and the text it has to unescape; a part of it is set aside for the allocator. */
enum { MN_PKL_MEMORY = 64 << 20, MN_PKL_ASIDE = 2 << 20 };

/* Read one pickle, up to its STOP.  `label` stands in front of error messages and offsets count
 * from `data`; *used (may be NULL) is the number of bytes the pickle took.  NULL on failure. */
mn_pkl *mn_pkl_read(const void *data, size_t size, const char *label, size_t *used);
void mn_pkl_free(mn_pkl *pkl);
const mn_pkl_value *mn_pkl_root(const mn_pkl *pkl);

/* ---- values --------------------------------------------------------------- */

mn_pkl_kind mn_pkl_kind_of(const mn_pkl_value *v);              /* NULL counts as MN_PKL_NONE */
const char *mn_pkl_kind_name(mn_pkl_kind kind);                 /* "dict" ... */
bool mn_pkl_bool(const mn_pkl_value *v, bool *out);
bool mn_pkl_int(const mn_pkl_value *v, int64_t *out);           /* also takes a bool */
bool mn_pkl_real(const mn_pkl_value *v, double *out);           /* also takes an int or a bool */
/* STR, BYTES, BIGINT: the bytes, not NUL-terminated. */
const uint8_t *mn_pkl_text(const mn_pkl_value *v, size_t *size);
bool mn_pkl_is_text(const mn_pkl_value *v, const char *text);   /* a STR or BYTES that says this? */
/* Copy a STR into out, NUL-terminated.  False if v is no STR, holds a NUL, or does not fit. */
bool mn_pkl_copy_text(const mn_pkl_value *v, char *out, size_t size);

/* Items of a list, tuple or set; pairs of a dict. */
size_t mn_pkl_count(const mn_pkl_value *v);
const mn_pkl_value *mn_pkl_item(const mn_pkl_value *v, size_t i);   /* of a PERSID too (i = 0) */
const mn_pkl_value *mn_pkl_key_at(const mn_pkl_value *dict, size_t i);
const mn_pkl_value *mn_pkl_value_at(const mn_pkl_value *dict, size_t i);
const mn_pkl_value *mn_pkl_get(const mn_pkl_value *dict, const char *key);     /* NULL when absent */

/* Objects.  The class is a GLOBAL, or the STR with its name for NVIDIA's persistent objects. */
const mn_pkl_value *mn_pkl_class(const mn_pkl_value *object);
const mn_pkl_value *mn_pkl_args(const mn_pkl_value *object);    /* a tuple; tensors and arrays have it too */
const mn_pkl_value *mn_pkl_state(const mn_pkl_value *object);   /* attributes, usually a dict; NULL if never set */
const mn_pkl_value *mn_pkl_object_list(const mn_pkl_value *object);   /* what was appended to it, or NULL */
const mn_pkl_value *mn_pkl_object_dict(const mn_pkl_value *object);   /* what was set in it, or NULL */
mn_pkl_model mn_pkl_model_of(const mn_pkl_value *v);            /* of a GLOBAL, OBJECT, TENSOR or ARRAY */
bool mn_pkl_is_global(const mn_pkl_value *v, const char *module, const char *name);
/* "module.Name" of a GLOBAL or of an object's class, control characters replaced, cut to fit. */
const char *mn_pkl_class_text(const mn_pkl_value *v, char *out, size_t size);

/* ---- names the pickle mentions ------------------------------------------- */

typedef struct mn_pkl_global {
    const uint8_t *module, *name;       /* not NUL-terminated */
    size_t module_size, name_size;
    mn_pkl_model model;                 /* MN_PKL_OPAQUE: Python's loader would have imported it, we skipped it */
    uint32_t met, called;               /* how often named; how often Python's loader would have called it */
} mn_pkl_global;

size_t mn_pkl_global_count(const mn_pkl *pkl);
mn_pkl_global mn_pkl_global_at(const mn_pkl *pkl, size_t i);
/* Bytes of Python source that the pickle asks its loader to execute (NVIDIA's module_src). */
size_t mn_pkl_source_bytes(const mn_pkl *pkl);
/* The persistent ids, in file order. */
size_t mn_pkl_persid_count(const mn_pkl *pkl);
const mn_pkl_value *mn_pkl_persid_at(const mn_pkl *pkl, size_t i);

#endif
