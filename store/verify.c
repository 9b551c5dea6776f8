/* verify.c -- checking the whole library, and cleaning it up.  Both stop at Ctrl-C. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "store/db.h"

static int stop_at_interrupt(void *unused) {
    (void)unused;
    return mn_interrupted();
}

static void watch(mn_store *s, bool on) { sqlite3_progress_handler(s->db, 10000, on ? stop_at_interrupt : NULL, NULL); }

/* ---- verify ------------------------------------------------------------- */

typedef struct findings { void (*report)(void *, const char *); void *user; int problems; } findings;

__attribute__((format(printf, 2, 3)))
static void tell(findings *f, const char *fmt, ...) {
    char sentence[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    f->problems++;
    if (f->report) f->report(f->user, sentence);
}

/* Ends one check.  Damage that stopped it is a finding, not a failure to look. */
static mn_status end_check(mn_store *s, sqlite3_stmt *st, findings *f) {
    if (mn_db_finish(s, st) == MN_EFORMAT) {
        tell(f, "%s", mn_errmsg());
        mn_error_clear();
    }
    return mn_errcode();
}

static const char *text(sqlite3_stmt *st, int column) {
    const char *t = (const char *)sqlite3_column_text(st, column);
    return t ? t : "";
}

static mn_status check_pages(mn_store *s, findings *f) {
    sqlite3_stmt *st = mn_db_query(s, "SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'", "");
    while (mn_db_row(s, st)) tell(f, "file structure: %s", text(st, 0));
    return end_check(s, st, f);
}

static mn_status check_references(mn_store *s, findings *f) {
    sqlite3_stmt *st = mn_db_query(s, "SELECT \"table\", coalesce(rowid, 0), parent FROM pragma_foreign_key_check", "");
    while (mn_db_row(s, st))
        tell(f, "table %s, row %lld: refers to a row of table %s that is not there", text(st, 0), (long long)sqlite3_column_int64(st, 1), text(st, 2));
    return end_check(s, st, f);
}

static mn_status check_data(mn_store *s, findings *f) {
    char found[MN_DB_HEX];
    sqlite3_stmt *st = mn_db_query(s,
        "SELECT b.sha256, b.format, b.data, coalesce("
        "(SELECT 'weights of mapper ''' || name || '''' FROM mapper WHERE weights_sha256 = b.sha256), "
        "(SELECT 'thumbnail of mapper ''' || name || '''' FROM mapper WHERE thumbnail_sha256 = b.sha256), "
        "(SELECT 'embedding of prompt ''' || text || '''' FROM prompt_embedding JOIN prompt USING (prompt_id) WHERE embedding_sha256 = b.sha256), "
        "(SELECT 'state of run #' || run_id FROM run WHERE state_sha256 = b.sha256), "
        "'data nothing refers to') FROM blob b", "");
    while (!mn_interrupted() && mn_db_row(s, st)) {
        mn_db_digest(sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2), found);
        if (strcmp(found, text(st, 0)) != 0) tell(f, "%s (%s): sha256 %s expected, found %s", text(st, 3), text(st, 1), text(st, 0), found);
    }
    return end_check(s, st, f);
}

static mn_status check_search(mn_store *s, findings *f) {
    int64_t n = 0;
    /* rank 1: compare the index with the table it stands for. */
    mn_db_run(s, "INSERT INTO prompt_fts (prompt_fts, rank) VALUES ('integrity-check', 1)", "");
    if (end_check(s, NULL, f)) return mn_errcode();
    mn_db_run(s, "INSERT INTO mapper_fts (mapper_fts) VALUES ('integrity-check')", "");
    if (end_check(s, NULL, f)) return mn_errcode();
    mn_db_int(s, &n, NULL, "SELECT count(*) FROM (SELECT * FROM (SELECT rowid, * FROM mapper_fts EXCEPT SELECT * FROM mapper_text) "
                           "UNION ALL SELECT * FROM (SELECT * FROM mapper_text EXCEPT SELECT rowid, * FROM mapper_fts))", "");
    if (n) tell(f, "search index: %lld entries do not match the mappers (gc rebuilds it)", (long long)n);
    return end_check(s, NULL, f);
}

mn_status mn_store_verify(mn_store *s, void (*report)(void *user, const char *sentence), void *user, int *problems) {
    findings f = {report, user, 0};
    watch(s, true);
    /* The long checks read one moment and keep nobody from writing; only the search check, a short one, takes the write lock. */
    if (mn_db_begin_read(s) == MN_OK) {
        if (check_pages(s, &f) == MN_OK && check_references(s, &f) == MN_OK) check_data(s, &f);
        mn_db_end(s, mn_errcode());
    }
    if (mn_errcode() == MN_OK && mn_db_begin(s) == MN_OK) mn_db_end(s, check_search(s, &f));
    watch(s, false);
    if (mn_errcode() == MN_OK && mn_interrupted()) mn_fail(MN_EINTR, "checking library '%s': interrupted", s->path);
    *problems = f.problems;
    return mn_errcode();
}

/* ---- gc ----------------------------------------------------------------- */

static mn_status close_dead_runs(mn_store *s, int64_t *closed) {
    sqlite3_stmt *st = mn_db_query(s, "SELECT run_id, host, pid FROM run WHERE status = 'running'", "");
    while (mn_db_row(s, st)) {
        if (!mn_db_process_gone(text(st, 1), sqlite3_column_int64(st, 2))) continue;
        mn_db_run(s, "UPDATE run SET status = 'failed', message = 'its process ended without saying why', finished_at = unixepoch() WHERE run_id = ?",
                  "i", (int64_t)sqlite3_column_int64(st, 0));
        ++*closed;
    }
    return mn_db_finish(s, st);
}

static mn_status collect(mn_store *s, mn_store_gc_result *r) {
    close_dead_runs(s, &r->runs);
    if (mn_db_run(s, "DELETE FROM prompt WHERE prompt_id NOT IN (SELECT prompt_id FROM basis_prompt) "
                     "AND prompt_id NOT IN (SELECT prompt_id FROM mapper WHERE prompt_id IS NOT NULL)", "")) return mn_errcode();
    r->prompts = sqlite3_changes64(s->db);
    if (mn_db_run(s, "DELETE FROM blob WHERE sha256 NOT IN (SELECT sha256 FROM blob_use)", "")) return mn_errcode();
    r->blobs = sqlite3_changes64(s->db);
    return mn_db_exec(s, "INSERT INTO prompt_fts (prompt_fts) VALUES ('rebuild');"
                         "DELETE FROM mapper_fts;"
                         "INSERT INTO mapper_fts (rowid, name, prompt, tags, notes) SELECT * FROM mapper_text;"
                         "INSERT INTO mapper_fts (mapper_fts) VALUES ('optimize');");
}

static int64_t file_bytes(mn_store *s) {
    int64_t bytes;
    mn_db_int(s, &bytes, NULL, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", "");
    return bytes;
}

mn_status mn_store_gc(mn_store *s, mn_store_gc_result *result) {
    mn_store_gc_result r = {0};
    watch(s, true);
    r.bytes_before = file_bytes(s);
    if (mn_db_begin(s) == MN_OK && mn_db_end(s, collect(s, &r)) == MN_OK) {
        mn_db_exec(s, "VACUUM");
        mn_db_exec(s, "PRAGMA wal_checkpoint(TRUNCATE)");
    }
    r.bytes_after = file_bytes(s);
    watch(s, false);
    if (result) *result = r;
    return mn_errcode();
}
