/* model.h -- what all models share: a configuration, named tensors, load and save,
 * and a table of methods that C, Lua, help and docs read alike.
 *
 * A model kind is an mn_modeldef: `config` is a JSON object with every setting and
 * its default; build() declares each tensor by name, shape and initialiser with
 * mn_declare.  Loading fills the declared tensors from a safetensors file and is all
 * or nothing; saving writes them with the configuration, so a file says what it is:
 * metadata keys "mien.kind", "mien.config", then whatever the caller adds. */
#ifndef MN_MODEL_H
#define MN_MODEL_H
#include <stdarg.h>
#include "../internal.h"
#include "../io/json.h"

typedef struct mn_model mn_model;

typedef struct mn_method {
    const char *name, *in, *doc;         /* as in mn_opdef */
    mn_attrdef attrs[MN_MAX_ATTR];
    int nout;                            /* 0 means 1 */
    mn_status (*run)(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out);
} mn_method;

typedef struct mn_modeldef {
    const char *name, *doc;
    const char *config;                  /* JSON object: every key with its default */
    mn_status (*build)(mn_model *m);
    const mn_method *methods;            /* ends with name NULL */
} mn_modeldef;

typedef enum mn_init { MN_INIT_ZERO, MN_INIT_CONST, MN_INIT_NORMAL, MN_INIT_UNIFORM } mn_init;

typedef struct mn_slot {
    char *name;
    mn_tensor *t;                        /* f32; i32 for index tables; f16 for large weights of a model loaded so */
    bool trainable;                      /* false: a buffer */
    bool host;                           /* read by the host: stays there */
} mn_slot;

struct mn_model {
    int refs;
    const mn_modeldef *def;
    mn_json *config, *defaults;
    char *config_text;                   /* the JSON the model was made from, "{}" for defaults */
    int n, cap;
    mn_slot *slots;
    int *index;                          /* open-addressing table of slot numbers + 1 */
    int index_size;
    mn_rng rng;                          /* for initialisers */
    mn_st *from;                         /* while a file is being loaded: where declared tensors come from */
    int lacks, misfits;                  /* tensors it does not have, or not with this shape */
    char misses[400];                    /* the first of them */
    struct { int fd; int64_t size, mtime; char path[256]; } source;      /* the file it came from; fd -1 when made here */
    char hash[65];                       /* sha256 of that file once mn_model_hash was asked, else "" */
    bool training;
    bool half;                           /* large weights are f16 */
    mn_device device;                    /* of the weights; inputs of methods have to be there, too */
};

const mn_modeldef *const *mn_model_kinds(int *n);
const mn_modeldef *mn_model_kind(const char *name);      /* NULL + MN_ENOTFOUND listing the kinds */

/* A model with fresh weights.  config: JSON object or NULL; unknown keys are refused by name. */
mn_model *mn_model_new(const mn_modeldef *def, const char *config, uint64_t seed);
/* Kind and configuration from the file; every declared tensor must be there with its shape.  The numbers stay in the file
 * (mapped) until they are used, where they are stored as f32 or i32.
 * half: matrices and kernels are kept as f16, which is half the memory, and computed with as f32, one at a time; values beyond
 * f16's 65504 are refused.  Such a model cannot be trained. */
mn_model *mn_model_load(const char *path, bool half);
/* sha256 of the file it was loaded from, computed at the first call; "" when made here.  NULL with a sentence when the
 * file has changed since. */
const char *mn_model_hash(mn_model *m);
/* Replace the weights of m by those of a file of the same kind and shapes (for resuming); all or none. */
mn_status mn_model_restore(mn_model *m, const char *path);
/* half: trainable and buffer f32 tensors are stored as f16; values beyond it are refused.  meta: n_meta pairs more. */
mn_status mn_model_save(mn_model *m, const char *path, bool half, int n_meta, const char *const *meta);
mn_model *mn_model_retain(mn_model *m);
void mn_model_release(mn_model *m);
/* Moves the weights there (MN_EARG for f16 weights); to be called before anyone else holds them (an optimiser). */
mn_status mn_model_to(mn_model *m, mn_device device);
/* Trainable tensors want gradients (on) or not (off, the state after creation).  MN_EARG for weights kept as f16. */
mn_status mn_model_train(mn_model *m, bool on);
int64_t mn_model_numbers(const mn_model *m);             /* count of trainable numbers */

/* ---- inside models ---- */
double mn_config(mn_model *m, const char *key);          /* a number (or bool as 0/1) */
int64_t mn_config_int(mn_model *m, const char *key);
int mn_config_list(mn_model *m, const char *key, double *out, int max);   /* a list of numbers */
int mn_config_ints(mn_model *m, const char *key, int lo, int hi, int *out, int max);    /* of whole ones from lo to hi */
const char *mn_config_text(mn_model *m, const char *key);
mn_status mn_declare(mn_model *m, mn_init init, double value, bool trainable, int nd, const int64_t *shape, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
/* f32, with these numbers to begin with. */
mn_status mn_declare_values(mn_model *m, const float *values, int nd, const int64_t *shape, const char *name);
mn_status mn_declare_index(mn_model *m, int nd, const int64_t *shape, const char *name);   /* i32 buffer of zeros */
void mn_keep_on_host(mn_model *m, const char *name);    /* a small table that the host reads */
/* The tensor of that name; NULL + MN_EINTERNAL when it was not declared. */
mn_tensor *mn_weight(mn_model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool mn_has_weight(mn_model *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define MN_DIMS(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]){__VA_ARGS__}

/* Checks a method's input: nd axes, sizes >= 0 must match (-1 is free); fails naming model, method and input. */
mn_status mn_expect(mn_model *m, const char *method, const char *input, mn_tensor *t, int nd, const int64_t *shape);

#define MN_MODEL(name) extern const mn_modeldef mn_model_##name;
#include "models.def"
#undef MN_MODEL
#endif
