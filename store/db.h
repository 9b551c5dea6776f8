/* db.h -- what the files of store/ share; nobody else includes it.
 *
 * All SQL goes through mn_db_query and mn_db_run: values are always bound, and
 * every statement ends in mn_db_finish.  Errors become one sentence in mn_db_fail. */
#ifndef MN_DB_H
#define MN_DB_H
#include <sqlite3.h>
#include "store/store.h"

enum { MN_DB_VERSION = 2, MN_DB_APPLICATION = 0x4d49454e };   /* as in schema.sql */

struct mn_store {
    sqlite3 *db;
    char *path;
    int timeout_ms;
    int depth;                       /* transactions begun and not ended */
    int statements;                  /* handed out and not finished: 0 between calls */
    mn_store_run *runs;              /* in progress, linked; closing the store cuts them off */
};

/* sql.c */
const char *mn_db_schema(void);
const char *mn_db_migration(int to_version);         /* NULL: no such version */

/* db.c -- statements.  `types` has one letter per value:
 *   t const char * (NULL: NULL)      i int64_t       I int64_t (0: NULL)
 *   d double (NaN: NULL)             b mn_bytes
 * Texts and bytes must live until the statement is finished. */
mn_status mn_db_fail(mn_store *s, int rc);           /* the sentence for SQLite's code */
sqlite3_stmt *mn_db_query(mn_store *s, const char *sql, const char *types, ...);   /* NULL on failure */
bool mn_db_row(mn_store *s, sqlite3_stmt *st);       /* step; false at the end and on failure */
mn_status mn_db_finish(mn_store *s, sqlite3_stmt *st);   /* NULL is fine; reports what stopped the rows */
mn_status mn_db_run(mn_store *s, const char *sql, const char *types, ...);
/* The first column of the first row; 0 and *found = false without rows (found may be NULL). */
mn_status mn_db_int(mn_store *s, int64_t *out, bool *found, const char *sql, const char *types, ...);
mn_status mn_db_exec(mn_store *s, const char *sql);  /* fixed SQL without values, many statements */
/* Transactions nest: only the outermost begins and ends one, and an inner failure
 * must reach it, because the inner part is not undone by itself. */
mn_status mn_db_begin(mn_store *s);                  /* takes the write lock at once */
mn_status mn_db_begin_read(mn_store *s);             /* all reads see one moment */
mn_status mn_db_end(mn_store *s, mn_status status);  /* commit if MN_OK, else roll back; returns what came of it */

/* memory.c -- one allocation pool per result. */
mn_store_memory *mn_db_memory(void);                 /* NULL: out of memory (reported) */
void mn_db_memory_free(mn_store_memory *m);
void *mn_db_alloc(mn_store_memory *m, size_t size);  /* zeroed; NULL: reported */
char *mn_db_text(mn_store_memory *m, sqlite3_stmt *st, int column);   /* NULL for SQL NULL */
/* Room for one more element at the end of an array of n; returns the array, possibly moved. */
void *mn_db_grow(mn_store_memory *m, void *array, int n, size_t element);

/* blob.c -- data addressed by its sha256. */
enum { MN_DB_HEX = 65 };
void mn_db_digest(const void *data, size_t size, char hex[MN_DB_HEX]);
mn_status mn_db_blob_put(mn_store *s, const char *format, mn_bytes bytes, char hex[MN_DB_HEX]);
/* Read and verify; what: "weights".  The copy lies in `memory`, or comes from malloc when that is NULL. */
mn_status mn_db_blob_get(mn_store *s, mn_store_memory *memory, const char *hex, const char *what, mn_bytes *out);
mn_status mn_db_blob_drop(mn_store *s, const char *hex);   /* unless something still refers to it; NULL is fine */

/* check.c -- arguments. */
mn_status mn_db_check_text(const char *what, const char *text, size_t max);   /* UTF-8, 1..max bytes, no control characters */
mn_status mn_db_check_hash(const char *what, const char *hash);
mn_status mn_db_check_json(mn_store *s, const char *what, const char *json);  /* an object */
char *mn_db_match(mn_store_memory *m, const char *words);   /* user's words as an FTS5 query */

/* lookups between nouns */
mn_status mn_db_model_id(mn_store *s, const char *hash, int64_t *id);         /* model.c; MN_ENOTFOUND */
mn_status mn_db_prompt_id(mn_store *s, const char *text, int64_t *id);        /* prompt.c; makes it; inside a transaction */
mn_status mn_db_mapper_id(mn_store *s, const char *key, int64_t *id);         /* mapper.c; MN_ENOTFOUND */
void mn_db_run_cut(mn_store_run *runs);              /* run.c: their store is closing; the first error stays pending */
bool mn_db_process_gone(const char *host, int64_t pid);   /* run.c: surely; false when it cannot be known */

#endif
