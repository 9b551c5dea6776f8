/* pickle_internal.h -- the value structures, shared by pickle.c (the machine), pickle_value.c (memory and
 * accessors) and pickle_model.c (what known names mean).  Nobody else includes it. */
#ifndef MIEN_PICKLE_INTERNAL_H
#define MIEN_PICKLE_INTERNAL_H
#include "io/pickle.h"

/* 16 bytes for an atom or a tuple's head: a million nested tuples take 24 MB. */
struct mn_pkl_value {
    uint64_t kind : 8, n : 56;              /* n: bytes of text, items, pairs; the mn_pkl_model of a global or object */
    union { int64_t i; double f; const uint8_t *text; mn_pkl_value **items; } u;
};

/* LIST, SET, DICT.  A dict's items are n pairs key, value. */
typedef struct pkl_seq {
    mn_pkl_value head;
    uint32_t cap, index_cap;                /* in items (a dict's pairs); slots of index */
    uint32_t *index;                        /* a dict's hash table: pair number + 1, or 0 */
    mn_pkl_value *state;                    /* attributes set on it by BUILD, or NULL */
} pkl_seq;

/* OBJECT, TENSOR, ARRAY */
typedef struct pkl_object {
    mn_pkl_value head;
    mn_pkl_value *cls, *args, *state;
    pkl_seq *list, *dict;
} pkl_object;

typedef struct pkl_global {
    mn_pkl_value head;
    mn_pkl_global about;
    struct pkl_global *chain;               /* in the same hash slot */
} pkl_global;

typedef struct pkl_chunk { struct pkl_chunk *next; size_t used, size; } pkl_chunk;

enum { PKL_GLOBAL_SLOTS = 1024 };

struct mn_pkl {
    const char *label;                      /* the caller's, only valid while reading */
    const uint8_t *data;
    size_t size, at;                        /* at: where the running instruction began, for messages */
    pkl_chunk *chunks;
    size_t charged, decoded;                /* bytes of values and stacks; bytes of unescaped text */
    mn_pkl_value *root;
    pkl_global **globals, *global_slots[PKL_GLOBAL_SLOTS];
    size_t n_globals, cap_globals;
    mn_pkl_value **persids;
    size_t n_persids, cap_persids;
    size_t source_bytes;
};

/* pickle_value.c.  All return NULL or a status after mn_fail. */
mn_status pkl_fail(mn_pkl *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
mn_status pkl_charge(mn_pkl *p, size_t bytes);
void *pkl_alloc(mn_pkl *p, size_t bytes);
uint8_t *pkl_text_space(mn_pkl *p, size_t bytes);          /* for unescaped text, under its own limit */
mn_pkl_value *pkl_atom(mn_pkl *p, mn_pkl_kind kind, size_t n);
mn_pkl_value *pkl_string(mn_pkl *p, mn_pkl_kind kind, const uint8_t *text, size_t n);
mn_pkl_value *pkl_integer(mn_pkl *p, int64_t i);
mn_pkl_value *pkl_tuple(mn_pkl *p, mn_pkl_value *const *items, size_t n);
pkl_seq *pkl_seq_new(mn_pkl *p, mn_pkl_kind kind);
mn_status pkl_append(mn_pkl *p, pkl_seq *seq, mn_pkl_value *const *items, size_t n);
mn_status pkl_set(mn_pkl *p, pkl_seq *dict, mn_pkl_value *key, mn_pkl_value *value);
mn_pkl_value *pkl_global_value(mn_pkl *p, const uint8_t *module, size_t module_size, const uint8_t *name, size_t name_size);
mn_pkl_value *pkl_persid(mn_pkl *p, mn_pkl_value *id);
/* Make room for one more element of a malloc'd array; the bytes are charged. */
mn_status pkl_grow(mn_pkl *p, void *array, size_t *cap, size_t n, size_t element);
extern mn_pkl_value pkl_none, pkl_true, pkl_false;

/* pickle_model.c */
mn_pkl_value *pkl_call(mn_pkl *p, mn_pkl_value *callable, mn_pkl_value *args);     /* REDUCE */
mn_pkl_value *pkl_instance(mn_pkl *p, mn_pkl_value *cls, mn_pkl_value *args);      /* NEWOBJ, INST, OBJ */
mn_status pkl_build(mn_pkl *p, mn_pkl_value *object, mn_pkl_value *state);
mn_pkl_model pkl_model(const uint8_t *module, size_t module_size, const uint8_t *name, size_t name_size);
pkl_seq *pkl_list_of(mn_pkl *p, mn_pkl_value *target);     /* what APPEND on target extends */
pkl_seq *pkl_dict_of(mn_pkl *p, mn_pkl_value *target);     /* what SETITEM on target extends */
#endif
