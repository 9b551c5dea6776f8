/* edit.c -- the record of pictures made with mappers. */
#include <math.h>
#include "store/db.h"

enum { PATH_LENGTH_MAX = 4096, MAPPERS_MAX = 64, SEEDS_MAX = 100000 };

static mn_status check_measure(const char *what, double x) {
    return isinf(x) ? mn_fail(MN_EARG, "%s: expected a finite number or NaN (not measured), found %g", what, x) : mn_errcode();
}

static mn_status check_edit(mn_store *s, const mn_store_edit *e) {
    if (e->n_mappers < 0 || e->n_mappers > MAPPERS_MAX) return mn_fail(MN_EARG, "edit: expected at most %d mappers, found %d", MAPPERS_MAX, e->n_mappers);
    if (e->n_seeds < 0 || e->n_seeds > SEEDS_MAX) return mn_fail(MN_EARG, "edit: expected at most %d avatar seeds, found %d", SEEDS_MAX, e->n_seeds);
    for (int i = 0; i < e->n_mappers; i++)
        if (!isfinite(e->mappers[i].strength))
            return mn_fail(MN_EARG, "edit: strength of mapper %d: expected a finite number, found %g", i + 1, e->mappers[i].strength);
    if (check_measure("edit: identity before", e->identity_before) || check_measure("edit: identity after", e->identity_after) ||
        check_measure("edit: CLIP score", e->clip_score)) return mn_errcode();
    if (e->picture_path) mn_db_check_text("edit: picture path", e->picture_path, PATH_LENGTH_MAX);
    if (e->picture_sha256) mn_db_check_hash("edit: picture hash", e->picture_sha256);
    return e->options ? mn_db_check_json(s, "edit: options", e->options) : mn_errcode();
}

static mn_status record(mn_store *s, const mn_store_edit *e, int64_t *id) {
    int64_t model = 0, mapper;
    if (e->model_hash && mn_db_model_id(s, e->model_hash, &model)) return mn_errcode();
    mn_db_run(s, "INSERT INTO edit (model_id, options, engine, identity_before, identity_after, clip_score, picture_path, picture_sha256, created_at) "
                 "VALUES (?, ?, ?, ?, ?, ?, ?, ?, unixepoch())",
              "Ittdddtt", model, e->options ? e->options : "{}", e->engine ? e->engine : MN_VERSION,
              e->identity_before, e->identity_after, e->clip_score, e->picture_path, e->picture_sha256);
    *id = sqlite3_last_insert_rowid(s->db);
    for (int i = 0; i < e->n_mappers; i++) {
        if (mn_db_mapper_id(s, e->mappers[i].mapper, &mapper)) return mn_errcode();
        mn_db_run(s, "INSERT INTO edit_mapper (edit_id, position, mapper_id, mapper_name, weights_sha256, strength) "
                     "SELECT ?, ?, mapper_id, name, weights_sha256, ? FROM mapper WHERE mapper_id = ? AND weights_sha256 IS NOT NULL",
                  "iidi", *id, (int64_t)i + 1, e->mappers[i].strength, mapper);
        if (mn_errcode() == MN_OK && sqlite3_changes(s->db) == 0)
            return mn_fail(MN_EARG, "edit: mapper '%s' has no weights, so it cannot have been used", e->mappers[i].mapper);
    }
    for (int i = 0; i < e->n_seeds && mn_errcode() == MN_OK; i++)
        mn_db_run(s, "INSERT INTO edit_seed (edit_id, position, seed) VALUES (?, ?, ?)", "iii", *id, (int64_t)i + 1, e->seeds[i]);
    return mn_errcode();
}

mn_status mn_store_edit_record(mn_store *s, const mn_store_edit *edit, int64_t *id) {
    int64_t edit_id = 0;
    if (check_edit(s, edit) || mn_db_begin(s) || mn_db_end(s, record(s, edit, &edit_id))) return mn_errcode();
    if (id) *id = edit_id;
    return MN_OK;
}

/* ---- reading ------------------------------------------------------------ */

static double number_or_nan(sqlite3_stmt *st, int column) {
    return sqlite3_column_type(st, column) == SQLITE_NULL ? NAN : sqlite3_column_double(st, column);
}

static mn_status read_parts(mn_store *s, mn_store_memory *memory, mn_store_edit *e) {
    mn_store_edit_mapper *mappers = NULL;
    int64_t *seeds = NULL;
    sqlite3_stmt *st = mn_db_query(s, "SELECT mapper_name, weights_sha256, strength FROM edit_mapper WHERE edit_id = ? ORDER BY position", "i", e->id);
    while (mn_db_row(s, st)) {
        if (!(mappers = mn_db_grow(memory, mappers, e->n_mappers, sizeof *mappers))) break;
        mn_store_edit_mapper *m = &mappers[e->n_mappers++];
        m->mapper = mn_db_text(memory, st, 0);
        m->weights_sha256 = mn_db_text(memory, st, 1);
        m->strength = sqlite3_column_double(st, 2);
    }
    mn_db_finish(s, st);
    st = mn_db_query(s, "SELECT seed FROM edit_seed WHERE edit_id = ? ORDER BY position", "i", e->id);
    while (mn_db_row(s, st)) {
        if (!(seeds = mn_db_grow(memory, seeds, e->n_seeds, sizeof *seeds))) break;
        seeds[e->n_seeds++] = sqlite3_column_int64(st, 0);
    }
    e->mappers = mappers;
    e->seeds = seeds;
    return mn_db_finish(s, st);
}

static mn_status list(mn_store *s, const char *mapper_key, int limit, mn_store_memory *memory, mn_store_edit_rows *rows) {
    int64_t mapper = 0;
    if (mapper_key && mn_db_mapper_id(s, mapper_key, &mapper)) return mn_errcode();
    sqlite3_stmt *st = mn_db_query(s,
        "SELECT e.edit_id, e.created_at, g.hash, e.options, e.engine, e.identity_before, e.identity_after, e.clip_score, e.picture_path, e.picture_sha256 "
        "FROM edit e LEFT JOIN model g USING (model_id) "
        "WHERE ?1 IS NULL OR e.edit_id IN (SELECT edit_id FROM edit_mapper WHERE mapper_id = ?1) ORDER BY e.edit_id DESC LIMIT ?2",
        "Ii", mapper, (int64_t)(limit > 0 ? limit : -1));
    while (mn_db_row(s, st)) {
        mn_store_edit *row = rows->row = mn_db_grow(memory, rows->row, rows->n, sizeof *row);
        if (!row) break;
        row += rows->n++;
        row->id = sqlite3_column_int64(st, 0);
        row->created_at = sqlite3_column_int64(st, 1);
        row->model_hash = mn_db_text(memory, st, 2);
        row->options = mn_db_text(memory, st, 3);
        row->engine = mn_db_text(memory, st, 4);
        row->identity_before = number_or_nan(st, 5);
        row->identity_after = number_or_nan(st, 6);
        row->clip_score = number_or_nan(st, 7);
        row->picture_path = mn_db_text(memory, st, 8);
        row->picture_sha256 = mn_db_text(memory, st, 9);
    }
    mn_db_finish(s, st);
    for (int i = 0; i < rows->n && mn_errcode() == MN_OK; i++) read_parts(s, memory, &rows->row[i]);
    return mn_errcode();
}

mn_status mn_store_edit_list(mn_store *s, const char *mapper_key, int limit, mn_store_edit_rows **out) {
    *out = NULL;
    mn_store_memory *memory = mn_errcode() == MN_OK ? mn_db_memory() : NULL;
    mn_store_edit_rows *rows = memory ? mn_db_alloc(memory, sizeof *rows) : NULL;
    if (rows && mn_db_begin_read(s) == MN_OK) mn_db_end(s, list(s, mapper_key, limit, memory, rows));
    if (mn_errcode() != MN_OK) {
        mn_db_memory_free(memory);
        return mn_errcode();
    }
    rows->memory = memory;
    *out = rows;
    return MN_OK;
}

void mn_store_edit_rows_free(mn_store_edit_rows *rows) { if (rows) mn_db_memory_free(rows->memory); }
