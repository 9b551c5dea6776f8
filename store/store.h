/* store.h -- the library: mappers, prompts, runs and edits in one SQLite file.
 *
 *     mn_store *s;
 *     if (mn_store_open(path, MN_STORE_CREATE, &s)) return mn_errcode();
 *     mn_store_mapper *m;
 *     if (!mn_store_mapper_load(s, "open_smile", &m)) {
 *         if (!mn_store_mapper_check(s, m, generator_hash)) ... m->weights ...
 *         mn_store_mapper_free(m);
 *     }
 *     mn_store_close(s);
 *
 * Several processes may have the library open at once (write-ahead log: readers
 * never wait, writers take turns).  Each function that changes something is one
 * transaction: after a crash or kill it has happened or it has not.  A function
 * that cannot get its turn within the timeout returns MN_EBUSY and changes nothing.
 *
 * A store belongs to one thread and to one process: open another after fork().
 * Call with no error pending.  Texts are UTF-8; hashes are sha256 as 64
 * lower-case hexadecimal digits; times are UTC seconds since 1970.
 *
 * Keys.  Where a function takes `key`, a mapper is named by its name or by
 * "#" and its number ("#12").
 *
 * Ownership.  What a caller passes in is copied or used up before the function
 * returns.  Rows handed out own their texts; free them with the function named
 * beside their type.  On failure nothing is handed out. */
#ifndef MN_STORE_H
#define MN_STORE_H
#include "mien.h"

typedef struct mn_store mn_store;
typedef struct mn_store_memory mn_store_memory;      /* what a row's pointers point into */
typedef struct mn_bytes { const void *data; size_t size; } mn_bytes;

/* ---- the library -------------------------------------------------------- */

enum { MN_STORE_CREATE = 1 };        /* make the library if it is not there (its folder must be) */

/* Older libraries are brought to the newest layout.  MN_ENOTFOUND without MN_STORE_CREATE where there is no file, or one that nobody has
 * written to yet; MN_EFORMAT for a file that is no library, another application's database, or one of a newer mien. */
mn_status mn_store_open(const char *path, int flags, mn_store **out);
mn_status mn_store_close(mn_store *s);               /* always closes; an error says what was lost.  NULL is fine */
const char *mn_store_path(const mn_store *s);
void mn_store_timeout(mn_store *s, int milliseconds);   /* how long to wait for a turn; 30000 at first, as long as compacting a large library may take */

/* Check everything: SQLite's own integrity, references, checksums of all data,
 * search indices.  Each problem is reported as a sentence; *problems counts them.
 * Returns MN_OK when the check could be carried out, whatever it found. */
mn_status mn_store_verify(mn_store *s, void (*report)(void *user, const char *sentence), void *user, int *problems);

typedef struct mn_store_gc_result {
    int64_t blobs, prompts;          /* removed because nothing refers to them */
    int64_t runs;                    /* marked failed: their process is gone */
    int64_t bytes_before, bytes_after;   /* size of the file */
} mn_store_gc_result;
/* Remove leftovers, close runs whose process is gone, rebuild search indices, compact the file. */
mn_status mn_store_gc(mn_store *s, mn_store_gc_result *result);

/* ---- models, prompts, bases --------------------------------------------- */

/* Note a network by the hash of its weights; name and config of a known hash are updated. */
mn_status mn_store_model_put(mn_store *s, const char *kind, const char *name, const char *hash,
                             const char *config_json, int64_t *id);

/* Note a prompt (a known text keeps its number).  With an encoder's hash (a
 * model noted before), its embedding of n floats is kept too. */
mn_status mn_store_prompt_put(mn_store *s, const char *text, const char *encoder_hash,
                              const float *embedding, int n, int64_t *id);
/* The stored embedding, to be freed with free(); *out = NULL and *n = 0 when there is none. */
mn_status mn_store_prompt_embedding(mn_store *s, const char *text, const char *encoder_hash, float **out, int *n);

typedef struct mn_store_prompt { int64_t id, created_at; const char *text; int64_t mappers; /* trained for it */ } mn_store_prompt;
typedef struct mn_store_prompt_rows { int n; mn_store_prompt *row; mn_store_memory *memory; } mn_store_prompt_rows;
/* Prompts that hold every word of `words` (a word matches as a beginning), best
 * first; NULL or "" lists all by text.  limit <= 0: no limit. */
mn_status mn_store_prompt_search(mn_store *s, const char *words, int limit, mn_store_prompt_rows **out);
void mn_store_prompt_rows_free(mn_store_prompt_rows *rows);

typedef struct mn_store_basis {
    int64_t id, created_at;          /* filled in when loaded */
    const char *name;
    double gamma;                    /* augmentation power, > 0 */
    const char *options;             /* JSON object; NULL: {} */
    int n;
    const char *const *prompts;      /* in the order of the basis vectors */
    mn_store_memory *memory;
} mn_store_basis;
/* Store a basis.  The same name with the same contents is found again; with
 * other contents it is refused, because mappers refer to what it was. */
mn_status mn_store_basis_put(mn_store *s, const mn_store_basis *basis, int64_t *id);
mn_status mn_store_basis_load(mn_store *s, const char *name, mn_store_basis **out);
void mn_store_basis_free(mn_store_basis *basis);

/* ---- mappers ------------------------------------------------------------ */

typedef struct mn_store_mapper {
    int64_t id, created_at, updated_at;      /* the store's business: ignored by save */
    const char *name;                /* 1..100 bytes, no control characters, not starting with '#' */
    const char *status;              /* "training", "complete" or "failed" */
    const char *prompt;              /* the text it was trained for; NULL: none */
    const char *basis;               /* name of a stored basis; NULL: none */
    const char *model_hash;          /* the generator it was trained on, noted before */
    const char *model_name;          /* filled in when loaded */
    int64_t seed;
    const char *options;             /* JSON object with every training option; NULL: {} */
    const char *engine;              /* version that trained it; NULL: this one */
    const char *notes;               /* NULL: "" */
    int n_tags;
    const char *const *tags;
    mn_bytes weights;                /* a safetensors file's bytes; may be absent unless "complete" */
    mn_bytes thumbnail;              /* a PNG file's bytes, or absent */
    const char *weights_sha256;      /* filled in when loaded; NULL without weights */
    int64_t edits;                   /* pictures made with it, filled in when loaded */
    mn_store_memory *memory;
} mn_store_mapper;

enum { MN_STORE_REPLACE = 2 };
/* Save in one transaction.  A name in use is refused unless MN_STORE_REPLACE is
 * given: then number, creation time and tags stay (new tags are added), the rest
 * is replaced; an absent thumbnail keeps the former one. */
mn_status mn_store_mapper_save(mn_store *s, const mn_store_mapper *m, int flags, int64_t *id);
/* Load with weights and thumbnail, checksums verified. */
mn_status mn_store_mapper_load(mn_store *s, const char *key, mn_store_mapper **out);
void mn_store_mapper_free(mn_store_mapper *m);
/* MN_EARG, with a sentence naming both generators, unless m was trained on the
 * generator with this hash; MN_ENOTFOUND when it has no weights yet. */
mn_status mn_store_mapper_check(mn_store *s, const mn_store_mapper *m, const char *model_hash);

typedef struct mn_store_filter {     /* NULL or 0: not filtered by it */
    const char *words;               /* every word begins a word of name, prompt, tags or notes */
    const char *tag, *status, *model_hash;
    int limit;
} mn_store_filter;
typedef struct mn_store_mapper_rows { int n; mn_store_mapper *row; mn_store_memory *memory; } mn_store_mapper_rows;
/* Rows without data (weights.data and thumbnail.data are NULL, sizes are set),
 * best match first when words are given, else by name.  filter may be NULL. */
mn_status mn_store_mapper_list(mn_store *s, const mn_store_filter *filter, mn_store_mapper_rows **out);
void mn_store_mapper_rows_free(mn_store_mapper_rows *rows);

mn_status mn_store_mapper_rename(mn_store *s, const char *key, const char *name);
mn_status mn_store_mapper_tag(mn_store *s, const char *key, const char *tag);      /* tagged already: fine */
mn_status mn_store_mapper_untag(mn_store *s, const char *key, const char *tag);    /* MN_ENOTFOUND when not tagged so */
enum { MN_STORE_FORCE = 4 };
/* Refused for a mapper that recorded edits used, unless MN_STORE_FORCE is given:
 * the records then keep its name and the hash of its weights. */
mn_status mn_store_mapper_delete(mn_store *s, const char *key, int flags);

/* One self-contained safetensors file: the weights' tensors under their own
 * names, everything known about the mapper in the metadata, the thumbnail as the
 * u8 tensor mien.library.thumbnail_png, and a checksum over all of it.  Only
 * complete mappers; an existing file is refused unless MN_STORE_REPLACE is given. */
mn_status mn_store_mapper_export(mn_store *s, const char *key, const char *path, int flags);
/* Take in such a file after verifying it.  A name in use is refused: give
 * another one in `name` (NULL: the name in the file). */
mn_status mn_store_mapper_import(mn_store *s, const char *path, const char *name, int64_t *id);

/* Between tensors and a safetensors file's bytes (mapper weights, run states). */
mn_status mn_store_image_pack(int n, const char *const *names, mn_tensor *const *tensors,
                              int n_meta, const char *const *meta, void **bytes, size_t *size);   /* *bytes: for free() */
mn_st *mn_store_image_open(mn_bytes image);          /* NULL on failure; the bytes are copied; close with mn_st_close */
/* What open(path, user) makes of a file with these bytes; the file is gone afterwards. */
void *mn_store_image_with(mn_bytes image, void *(*open)(const char *path, void *user), void *user);

/* ---- runs --------------------------------------------------------------- */

typedef struct mn_store_run mn_store_run;            /* one in progress; not to outlive its store */

mn_status mn_store_run_begin(mn_store *s, const char *recipe, const char *options_json, int64_t seed, mn_store_run **out);
int64_t mn_store_run_id(const mn_store_run *run);
/* Metrics are buffered and written together (every 64 values, or after 2 s).  A
 * locked library does not stop a run: values wait, up to 65536 of them. */
mn_status mn_store_run_log(mn_store_run *run, int64_t step, const char *key, double value);
mn_status mn_store_run_flush(mn_store_run *run);
mn_status mn_store_run_set_mapper(mn_store_run *run, const char *key);   /* the mapper it trains */
mn_status mn_store_run_set_state(mn_store_run *run, mn_bytes state);     /* a safetensors image to resume from */
/* Write what is buffered, set the status ("complete", "failed" or "interrupted")
 * and free the run, also on failure.  The state of a complete run is removed.  message may be NULL. */
mn_status mn_store_run_finish(mn_store_run *run, const char *status, const char *message);
/* Go on with a run that is not complete: its state, to be freed with free(), or NULL and 0. */
mn_status mn_store_run_resume(mn_store *s, int64_t id, mn_store_run **out, void **state, size_t *size);

typedef struct mn_store_run_row {
    int64_t id, seed, started_at, finished_at;       /* finished_at 0: running */
    const char *recipe, *options, *engine, *status, *message;
    const char *mapper;              /* NULL: none */
    int64_t metrics;                 /* values logged */
    bool has_state;
} mn_store_run_row;
typedef struct mn_store_run_rows { int n; mn_store_run_row *row; mn_store_memory *memory; } mn_store_run_rows;
mn_status mn_store_run_list(mn_store *s, const char *mapper_key, int limit, mn_store_run_rows **out);  /* newest first; key may be NULL */
void mn_store_run_rows_free(mn_store_run_rows *rows);

typedef struct mn_store_metric { int64_t step; const char *key; double value; } mn_store_metric;
typedef struct mn_store_metric_rows { int n; mn_store_metric *row; mn_store_memory *memory; } mn_store_metric_rows;
/* By key, then step.  key NULL: all. */
mn_status mn_store_run_metrics(mn_store *s, int64_t run_id, const char *key, mn_store_metric_rows **out);
void mn_store_metric_rows_free(mn_store_metric_rows *rows);

/* ---- edits -------------------------------------------------------------- */

typedef struct mn_store_edit_mapper {
    const char *mapper;              /* a key when recorded; the name at that time when listed */
    const char *weights_sha256;      /* filled in when listed */
    double strength;
} mn_store_edit_mapper;
typedef struct mn_store_edit {
    int64_t id, created_at;          /* filled in */
    const char *model_hash;          /* the generator, noted before; may be NULL */
    const char *options;             /* JSON object; NULL: {} */
    const char *engine;              /* NULL: this one */
    double identity_before, identity_after, clip_score;   /* NAN: not measured */
    const char *picture_path, *picture_sha256;            /* NULL: not written */
    int n_mappers;
    const mn_store_edit_mapper *mappers;
    int n_seeds;
    const int64_t *seeds;            /* the avatars */
} mn_store_edit;
mn_status mn_store_edit_record(mn_store *s, const mn_store_edit *edit, int64_t *id);
typedef struct mn_store_edit_rows { int n; mn_store_edit *row; mn_store_memory *memory; } mn_store_edit_rows;
mn_status mn_store_edit_list(mn_store *s, const char *mapper_key, int limit, mn_store_edit_rows **out);  /* newest first; key may be NULL */
void mn_store_edit_rows_free(mn_store_edit_rows *rows);

#endif
