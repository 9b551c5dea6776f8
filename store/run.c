/* run.c -- runs of recipes and their metrics.
 *
 * Metrics wait in memory and are written many at a time, because each
 * transaction waits for the disk and training should not.  A step logged twice
 * (a resumed run) keeps the later value. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "store/db.h"

enum { KEY_MAX = 63, BATCH = 64, BATCH_SECONDS = 2, WAITING_MAX = 65536, LOG_TIMEOUT_MS = 100 };

typedef struct value { int64_t step; double value; char key[KEY_MAX + 1]; } value;

struct mn_store_run {
    mn_store *s;                     /* NULL once the store is closed */
    mn_store_run *next;
    int64_t id;
    value *waiting;
    int n, room, n_tried;            /* n_tried: n at the last attempt to write */
    time_t tried_at;
};

/* ---- processes ---------------------------------------------------------- */

static void host_name(char out[256]) {
    if (gethostname(out, 256)) snprintf(out, 256, "unknown");
    out[255] = 0;
}

/* A process number that has been given to another process counts as alive: the
 * run then stays "running" until it is resumed or looked at. */
bool mn_db_process_gone(const char *host, int64_t pid) {
    char here[256];
    host_name(here);
    return strcmp(host, here) == 0 && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* ---- the handle --------------------------------------------------------- */

static mn_store_run *new_run(mn_store *s, int64_t id) {
    mn_store_run *run = calloc(1, sizeof *run);
    if (!run) {
        mn_fail(MN_ENOMEM, "library '%s': out of memory", s->path);
        return NULL;
    }
    *run = (mn_store_run){.s = s, .next = s->runs, .id = id, .tried_at = time(NULL)};
    s->runs = run;
    return run;
}

static void free_run(mn_store_run *run) {
    for (mn_store_run **p = run->s ? &run->s->runs : NULL; p && *p; p = &(*p)->next)
        if (*p == run) {
            *p = run->next;
            break;
        }
    free(run->waiting);
    free(run);
}

void mn_db_run_cut(mn_store_run *runs) {
    char text[1024];
    mn_status first = mn_errcode();
    snprintf(text, sizeof text, "%s", mn_errmsg());
    for (mn_store_run *next; runs; runs = next) {
        next = runs->next;
        mn_error_clear();                                /* each is tried, whatever became of the others */
        if (mn_store_run_flush(runs) && !first) {
            first = mn_fail_context("run #%lld: %d value%s lost", (long long)runs->id, runs->n, runs->n == 1 ? "" : "s");
            snprintf(text, sizeof text, "%s", mn_errmsg());
        }
        runs->s = NULL;
        runs->next = NULL;
    }
    mn_error_clear();
    if (first) mn_fail(first, "%s", text);
}

static mn_status check_open(const mn_store_run *run) {
    return run->s ? mn_errcode() : mn_fail(MN_EARG, "run #%lld: its library is closed", (long long)run->id);
}

int64_t mn_store_run_id(const mn_store_run *run) { return run->id; }

/* ---- begin, log, finish ------------------------------------------------- */

mn_status mn_store_run_begin(mn_store *s, const char *recipe, const char *options_json, int64_t seed, mn_store_run **out) {
    char host[256];
    const char *options = options_json ? options_json : "{}";
    *out = NULL;
    host_name(host);
    if (mn_db_check_text("recipe", recipe, 1000) || mn_db_check_json(s, "options", options) || mn_db_begin(s)) return mn_errcode();
    mn_db_run(s, "INSERT INTO run (recipe, options, seed, engine, status, message, host, pid, started_at) "
                 "VALUES (?, ?, ?, ?, 'running', '', ?, ?, unixepoch())",
              "ttitti", recipe, options, seed, MN_VERSION, host, (int64_t)getpid());
    int64_t id = sqlite3_last_insert_rowid(s->db);
    if (mn_db_end(s, mn_errcode())) return mn_errcode();
    *out = new_run(s, id);
    return mn_errcode();
}

/* Inside a transaction; the caller empties the buffer once that is committed. */
static mn_status write_waiting(mn_store_run *run) {
    sqlite3_stmt *st = mn_db_query(run->s, "INSERT INTO metric (run_id, key, step, value) VALUES (?, ?, ?, ?) "
                                           "ON CONFLICT DO UPDATE SET value = excluded.value", "itid", run->id, "", (int64_t)0, 0.0);
    for (int i = 0; i < run->n && mn_errcode() == MN_OK; i++) {
        const value *v = &run->waiting[i];
        sqlite3_bind_text(st, 2, v->key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(st, 3, v->step);
        if (isnan(v->value)) sqlite3_bind_null(st, 4);
        else sqlite3_bind_double(st, 4, v->value);
        mn_db_row(run->s, st);
        sqlite3_reset(st);
    }
    return mn_db_finish(run->s, st);
}

mn_status mn_store_run_flush(mn_store_run *run) {
    if (check_open(run)) return mn_errcode();
    run->tried_at = time(NULL);
    run->n_tried = run->n;
    if (run->n == 0) return MN_OK;
    if (mn_db_begin(run->s) || mn_db_end(run->s, write_waiting(run))) return mn_errcode();
    run->n = run->n_tried = 0;
    return MN_OK;
}

mn_status mn_store_run_log(mn_store_run *run, int64_t step, const char *key, double number) {
    if (check_open(run) || mn_db_check_text("metric", key, KEY_MAX)) return mn_errcode();
    if (run->n == WAITING_MAX) {
        if (mn_store_run_flush(run)) return mn_fail_context("run #%lld: %d values wait to be written", (long long)run->id, run->n);
    } else if (run->n == run->room) {
        int room = run->room ? 2 * run->room : BATCH;
        value *bigger = realloc(run->waiting, (size_t)room * sizeof *bigger);
        if (!bigger) return mn_fail(MN_ENOMEM, "run #%lld: out of memory for %d values", (long long)run->id, room);
        run->waiting = bigger;
        run->room = room;
    }
    value *v = &run->waiting[run->n++];
    *v = (value){.step = step, .value = number};
    strcpy(v->key, key);
    if (run->n - run->n_tried < BATCH && time(NULL) - run->tried_at < BATCH_SECONDS) return MN_OK;
    sqlite3_busy_timeout(run->s->db, LOG_TIMEOUT_MS < run->s->timeout_ms ? LOG_TIMEOUT_MS : run->s->timeout_ms);
    if (mn_store_run_flush(run) == MN_EBUSY) mn_error_clear();   /* another time */
    sqlite3_busy_timeout(run->s->db, run->s->timeout_ms);
    return mn_errcode();
}

mn_status mn_store_run_set_mapper(mn_store_run *run, const char *key) {
    int64_t mapper;
    if (check_open(run) || mn_db_begin(run->s)) return mn_errcode();
    if (mn_db_mapper_id(run->s, key, &mapper) == MN_OK)
        mn_db_run(run->s, "UPDATE run SET mapper_id = ? WHERE run_id = ?", "ii", mapper, run->id);
    return mn_db_end(run->s, mn_errcode());
}

/* The state's hash in `hex`, "" without one. */
static mn_status state_hash(mn_store *s, int64_t id, char hex[MN_DB_HEX]) {
    *hex = 0;
    sqlite3_stmt *st = mn_db_query(s, "SELECT state_sha256 FROM run WHERE run_id = ? AND state_sha256 IS NOT NULL", "i", id);
    if (mn_db_row(s, st)) snprintf(hex, MN_DB_HEX, "%s", (const char *)sqlite3_column_text(st, 0));
    return mn_db_finish(s, st);
}

/* Values logged so far are written with the state, so that both tell of the same step. */
static mn_status put_state(mn_store_run *run, mn_bytes state) {
    char old[MN_DB_HEX], hex[MN_DB_HEX];
    if (state_hash(run->s, run->id, old) || write_waiting(run)) return mn_errcode();
    mn_db_blob_put(run->s, "safetensors", state, hex);
    mn_db_run(run->s, "UPDATE run SET state_sha256 = ? WHERE run_id = ?", "ti", hex, run->id);
    return *old ? mn_db_blob_drop(run->s, old) : mn_errcode();
}

mn_status mn_store_run_set_state(mn_store_run *run, mn_bytes state) {
    if (check_open(run)) return mn_errcode();
    mn_st *st = mn_store_image_open(state);
    if (!st) return mn_fail_context("state of run #%lld", (long long)run->id);
    mn_st_close(st);
    if (mn_db_begin(run->s) || mn_db_end(run->s, put_state(run, state))) return mn_errcode();
    run->n = run->n_tried = 0;
    return MN_OK;
}

/* A complete run is never gone on with, so its state goes. */
static mn_status close_run(mn_store_run *run, const char *status, const char *message) {
    char old[MN_DB_HEX];
    const bool complete = strcmp(status, "complete") == 0;
    if (write_waiting(run) || state_hash(run->s, run->id, old)) return mn_errcode();
    mn_db_run(run->s, "UPDATE run SET status = ?, message = ?, finished_at = unixepoch(), state_sha256 = iif(?, NULL, state_sha256) WHERE run_id = ?",
              "ttii", status, message ? message : "", (int64_t)complete, run->id);
    return complete && *old ? mn_db_blob_drop(run->s, old) : mn_errcode();
}

mn_status mn_store_run_finish(mn_store_run *run, const char *status, const char *message) {
    mn_status result = check_open(run);
    if (!status || (strcmp(status, "complete") != 0 && strcmp(status, "failed") != 0 && strcmp(status, "interrupted") != 0))
        result = mn_fail(MN_EARG, "run status: expected 'complete', 'failed' or 'interrupted', found '%.40s'", status ? status : "");
    if (result == MN_OK && (result = mn_db_begin(run->s)) == MN_OK) result = mn_db_end(run->s, close_run(run, status, message));
    free_run(run);
    return result;
}

/* ---- going on with one -------------------------------------------------- */

static mn_status take_over(mn_store *s, int64_t id, mn_bytes *state) {
    char hex[MN_DB_HEX], host[256];
    sqlite3_stmt *st = mn_db_query(s, "SELECT status, host, pid FROM run WHERE run_id = ?", "i", id);
    if (!mn_db_row(s, st)) {
        mn_fail(MN_ENOTFOUND, "library '%s' has no run #%lld", s->path, (long long)id);
    } else {
        const char *status = (const char *)sqlite3_column_text(st, 0), *old_host = (const char *)sqlite3_column_text(st, 1);
        int64_t pid = sqlite3_column_int64(st, 2);
        if (strcmp(status, "complete") == 0) mn_fail(MN_EARG, "run #%lld is complete: there is nothing to go on with", (long long)id);
        else if (strcmp(status, "running") == 0 && !mn_db_process_gone(old_host, pid))
            mn_fail(MN_EBUSY, "run #%lld is running: process %lld on %s", (long long)id, (long long)pid, old_host);
    }
    if (mn_db_finish(s, st) || state_hash(s, id, hex) || (*hex && mn_db_blob_get(s, NULL, hex, "state of a run", state))) return mn_errcode();
    host_name(host);
    return mn_db_run(s, "UPDATE run SET status = 'running', message = '', finished_at = NULL, host = ?, pid = ? WHERE run_id = ?",
                     "tii", host, (int64_t)getpid(), id);
}

mn_status mn_store_run_resume(mn_store *s, int64_t id, mn_store_run **out, void **state, size_t *size) {
    mn_bytes bytes = {NULL, 0};
    *out = NULL;
    *state = NULL;
    *size = 0;
    if (mn_db_begin(s)) return mn_errcode();
    if (mn_db_end(s, take_over(s, id, &bytes)) == MN_OK) *out = new_run(s, id);
    if (mn_errcode() != MN_OK) {
        free((void *)bytes.data);
        return mn_errcode();
    }
    *state = (void *)bytes.data;
    *size = bytes.size;
    return MN_OK;
}

/* ---- reading ------------------------------------------------------------ */

mn_status mn_store_run_list(mn_store *s, const char *mapper_key, int limit, mn_store_run_rows **out) {
    int64_t mapper = 0;
    *out = NULL;
    if (mapper_key && mn_db_mapper_id(s, mapper_key, &mapper)) return mn_errcode();
    mn_store_memory *memory = mn_db_memory();
    mn_store_run_rows *rows = memory ? mn_db_alloc(memory, sizeof *rows) : NULL;
    sqlite3_stmt *st = mn_db_query(s,
        "SELECT r.run_id, r.seed, r.started_at, r.finished_at, r.recipe, r.options, r.engine, r.status, r.message, m.name, "
        "(SELECT count(*) FROM metric x WHERE x.run_id = r.run_id), r.state_sha256 IS NOT NULL "
        "FROM run r LEFT JOIN mapper m USING (mapper_id) WHERE ?1 IS NULL OR r.mapper_id = ?1 ORDER BY r.run_id DESC LIMIT ?2",
        "Ii", mapper, (int64_t)(limit > 0 ? limit : -1));
    while (mn_db_row(s, st)) {
        mn_store_run_row *row = rows->row = mn_db_grow(memory, rows->row, rows->n, sizeof *row);
        if (!row) break;
        row += rows->n++;
        row->id = sqlite3_column_int64(st, 0);
        row->seed = sqlite3_column_int64(st, 1);
        row->started_at = sqlite3_column_int64(st, 2);
        row->finished_at = sqlite3_column_int64(st, 3);
        row->recipe = mn_db_text(memory, st, 4);
        row->options = mn_db_text(memory, st, 5);
        row->engine = mn_db_text(memory, st, 6);
        row->status = mn_db_text(memory, st, 7);
        row->message = mn_db_text(memory, st, 8);
        row->mapper = mn_db_text(memory, st, 9);
        row->metrics = sqlite3_column_int64(st, 10);
        row->has_state = sqlite3_column_int(st, 11);
    }
    if (mn_db_finish(s, st)) {
        mn_db_memory_free(memory);
        return mn_errcode();
    }
    rows->memory = memory;
    *out = rows;
    return MN_OK;
}

void mn_store_run_rows_free(mn_store_run_rows *rows) { if (rows) mn_db_memory_free(rows->memory); }

mn_status mn_store_run_metrics(mn_store *s, int64_t run_id, const char *key, mn_store_metric_rows **out) {
    int64_t id;
    bool found;
    const char *last = NULL;
    *out = NULL;
    if (mn_db_int(s, &id, &found, "SELECT run_id FROM run WHERE run_id = ?", "i", run_id)) return mn_errcode();
    if (!found) return mn_fail(MN_ENOTFOUND, "library '%s' has no run #%lld", s->path, (long long)run_id);
    mn_store_memory *memory = mn_db_memory();
    mn_store_metric_rows *rows = memory ? mn_db_alloc(memory, sizeof *rows) : NULL;
    sqlite3_stmt *st = mn_db_query(s, "SELECT step, value, key FROM metric WHERE run_id = ?1 AND (?2 IS NULL OR key = ?2) ORDER BY key, step",
                                   "it", run_id, key);
    while (mn_db_row(s, st)) {
        mn_store_metric *row = rows->row = mn_db_grow(memory, rows->row, rows->n, sizeof *row);
        if (!row) break;
        row += rows->n++;
        row->step = sqlite3_column_int64(st, 0);
        row->value = sqlite3_column_type(st, 1) == SQLITE_NULL ? NAN : sqlite3_column_double(st, 1);
        const char *text = (const char *)sqlite3_column_text(st, 2);
        if (!last || !text || strcmp(last, text) != 0) last = mn_db_text(memory, st, 2);   /* rows of one key share its text */
        row->key = last;
    }
    if (mn_db_finish(s, st)) {
        mn_db_memory_free(memory);
        return mn_errcode();
    }
    rows->memory = memory;
    *out = rows;
    return MN_OK;
}

void mn_store_metric_rows_free(mn_store_metric_rows *rows) { if (rows) mn_db_memory_free(rows->memory); }
