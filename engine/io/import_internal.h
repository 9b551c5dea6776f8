/* import_internal.h -- what the importers (import_*.c) share; see import.c. */
#ifndef MIEN_IMPORT_INTERNAL_H
#define MIEN_IMPORT_INTERNAL_H
#include "io/import.h"
#include "io/text.h"
#include "io/torchfile.h"

enum { MAX_SOURCES = 8, MAX_META = 16 };

typedef struct mn_import_job {
    const mn_importer *importer;
    int n_files, n_options, n, room, n_meta;
    const char *files[MAX_SOURCES], *options[MAX_SOURCES];
    const char *reading;                    /* the file opened last, for messages */
    char **names;                           /* of the tensors collected */
    mn_tensor **tensors;                    /* owned by the open scope */
    char *meta[2 * MAX_META];
    mn_text config;                         /* JSON object being written, without its closing brace */
    mn_line_fn print;
    void *arg;
} import_job;

/* An open checkpoint and one of its state dicts. */
typedef struct import_source { mn_torch *torch; mn_torch_dict *dict; const mn_pkl_value *root; } import_source;

/* Open a torch file and verify its checksums; then list the tensors below `from`, which is src->root or a part of it. */
mn_status import_open(import_job *job, const char *path, import_source *src);
mn_status import_list(import_source *src, const mn_pkl_value *from);
void import_close(import_source *src);
/* The importer of a file that is one state dict, bare or wrapped as training scripts do ({'state_dict': ...}). */
mn_status import_state_dict(import_job *job, mn_status (*collect)(import_job *, import_source *));

/* Take over a tensor of the open scope under this name. */
mn_status import_add(import_job *job, mn_tensor *t, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Fetch the tensor `from``name` of the dict, compare its shape (a size of -1 is free), add it as `to``name`.  Returns it, or NULL. */
mn_tensor *import_take(import_job *job, import_source *src, const char *from, const char *to, int nd, const int64_t *shape, const char *fmt, ...)
    __attribute__((format(printf, 7, 8)));
bool import_has(import_source *src, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Batch normalisation of n channels: weight, bias, running_mean, running_var (the batch counter is left behind). */
mn_status import_norm(import_job *job, import_source *src, const char *from, const char *to, int64_t n, const char *name);
#define DIMS(...) (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (int64_t[]){ __VA_ARGS__ }

mn_status import_meta(import_job *job, const char *key, const char *value);
void import_config(import_job *job, const char *key, const char *fmt, ...) __attribute__((format(printf, 3, 4)));   /* a JSON value */
void import_note(import_job *job, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The number of option KEY=..., or `fallback`; fails when it is out of range. */
int64_t import_option(import_job *job, const char *key, int64_t fallback, int64_t lowest, int64_t highest);
/* A pickled value as JSON: dicts, lists, text, numbers; anything else becomes the text of its class. */
void import_json(mn_text *out, const mn_pkl_value *v, int depth);
#define IMPORTER(name) extern const mn_importer mn_importer_##name;
#include "io/importers.def"
#undef IMPORTER
#endif
