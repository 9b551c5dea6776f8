/* mapper.c -- saving, loading, listing and arranging mappers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "store/db.h"

enum { NAME_MAX_BYTES = 100, TAG_MAX = 100, NOTES_MAX = 1000000, WORDS_MAX = 1000 };

/* ---- names -------------------------------------------------------------- */

static mn_status check_name(const char *name) {
    if (mn_db_check_text("mapper name", name, NAME_MAX_BYTES)) return mn_errcode();
    if (*name == '#') return mn_fail(MN_EARG, "mapper name: '%s' starts with '#', which marks a number", name);
    return MN_OK;
}

mn_status mn_db_mapper_id(mn_store *s, const char *key, int64_t *id) {
    bool found;
    if (mn_db_check_text("mapper", key, NAME_MAX_BYTES)) return mn_errcode();
    if (*key == '#') {
        char *end;
        int64_t number = strtoll(key + 1, &end, 10);
        if (end == key + 1 || *end) return mn_fail(MN_EARG, "mapper '%s': expected digits after '#'", key);
        mn_db_int(s, id, &found, "SELECT mapper_id FROM mapper WHERE mapper_id = ?", "i", number);
    } else {
        mn_db_int(s, id, &found, "SELECT mapper_id FROM mapper WHERE name = ?", "t", key);
    }
    if (mn_errcode() == MN_OK && !found) mn_fail(MN_ENOTFOUND, "library '%s' has no mapper '%s'", s->path, key);
    return mn_errcode();
}

/* ---- saving ------------------------------------------------------------- */

static mn_status check_mapper(mn_store *s, const mn_store_mapper *m) {
    static const unsigned char png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    if (check_name(m->name)) return mn_errcode();
    if (!m->status || (strcmp(m->status, "training") != 0 && strcmp(m->status, "complete") != 0 && strcmp(m->status, "failed") != 0))
        return mn_fail(MN_EARG, "status: expected 'training', 'complete' or 'failed', found '%s'", m->status ? m->status : "");
    if (strcmp(m->status, "complete") == 0 && !m->weights.size) return mn_fail(MN_EARG, "weights: a complete mapper has some, found none");
    if (m->options) mn_db_check_json(s, "options", m->options);
    if (m->engine) mn_db_check_text("engine", m->engine, NAME_MAX_BYTES);
    if (m->thumbnail.size && (m->thumbnail.size < sizeof png || memcmp(m->thumbnail.data, png, sizeof png) != 0))
        return mn_fail(MN_EARG, "thumbnail: expected the bytes of a PNG file, found %zu others", m->thumbnail.size);
    if (m->notes && strlen(m->notes) > NOTES_MAX)
        return mn_fail(MN_EARG, "notes: expected at most %d bytes, found %zu", NOTES_MAX, strlen(m->notes));
    for (int i = 0; i < m->n_tags; i++) mn_db_check_text("tag", m->tags[i], TAG_MAX);
    if (mn_errcode() == MN_OK && m->weights.size) {
        mn_st *st = mn_store_image_open(m->weights);
        if (!st) return mn_fail_context("weights");
        mn_st_close(st);
    }
    return mn_errcode();
}

static mn_status find_basis(mn_store *s, const char *name, int64_t *id) {
    bool found;
    if (mn_db_int(s, id, &found, "SELECT basis_id FROM basis WHERE name = ?", "t", name)) return mn_errcode();
    return found ? MN_OK : mn_fail(MN_ENOTFOUND, "library '%s' has no basis '%s'", s->path, name);
}

static mn_status save(mn_store *s, const mn_store_mapper *m, int flags, mn_store_memory *memory, int64_t *id) {
    int64_t prompt = 0, basis = 0, model = 0;
    char weights[MN_DB_HEX], thumbnail[MN_DB_HEX], *old_weights = NULL, *old_thumbnail = NULL;
    sqlite3_stmt *st = mn_db_query(s, "SELECT mapper_id, weights_sha256, thumbnail_sha256 FROM mapper WHERE name = ?", "t", m->name);
    *id = 0;
    if (mn_db_row(s, st)) {
        *id = sqlite3_column_int64(st, 0);
        old_weights = mn_db_text(memory, st, 1);
        old_thumbnail = mn_db_text(memory, st, 2);
    }
    if (mn_db_finish(s, st)) return mn_errcode();
    if (*id && !(flags & MN_STORE_REPLACE))
        return mn_fail(MN_EARG, "a mapper of this name is in the library already: choose another name or replace it");
    if (m->prompt) mn_db_prompt_id(s, m->prompt, &prompt);
    if (m->basis) find_basis(s, m->basis, &basis);
    mn_db_model_id(s, m->model_hash, &model);
    if (m->weights.size) mn_db_blob_put(s, "safetensors", m->weights, weights);
    if (m->thumbnail.size) mn_db_blob_put(s, "png", m->thumbnail, thumbnail);
    const char *new_weights = m->weights.size ? weights : NULL, *new_thumbnail = m->thumbnail.size ? thumbnail : old_thumbnail;
    if (*id)
        mn_db_run(s, "UPDATE mapper SET status = ?, prompt_id = ?, basis_id = ?, model_id = ?, seed = ?, options = ?, engine = ?, notes = ?, "
                     "weights_sha256 = ?, thumbnail_sha256 = ?, updated_at = unixepoch() WHERE mapper_id = ?",
                  "tIIiittttti", m->status, prompt, basis, model, m->seed, m->options ? m->options : "{}",
                  m->engine ? m->engine : MN_VERSION, m->notes ? m->notes : "", new_weights, new_thumbnail, *id);
    else
        mn_db_run(s, "INSERT INTO mapper (name, status, prompt_id, basis_id, model_id, seed, options, engine, notes, "
                     "weights_sha256, thumbnail_sha256, created_at, updated_at) "
                     "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, unixepoch(), unixepoch())",
                  "ttIIiittttt", m->name, m->status, prompt, basis, model, m->seed, m->options ? m->options : "{}",
                  m->engine ? m->engine : MN_VERSION, m->notes ? m->notes : "", new_weights, new_thumbnail);
    if (!*id) *id = sqlite3_last_insert_rowid(s->db);
    for (int i = 0; i < m->n_tags; i++)
        mn_db_run(s, "INSERT INTO mapper_tag (mapper_id, tag) VALUES (?, ?) ON CONFLICT DO NOTHING", "it", *id, m->tags[i]);
    if (old_weights) mn_db_blob_drop(s, old_weights);
    if (old_thumbnail) mn_db_blob_drop(s, old_thumbnail);
    return mn_errcode();
}

mn_status mn_store_mapper_save(mn_store *s, const mn_store_mapper *m, int flags, int64_t *id) {
    int64_t mapper = 0;
    mn_store_memory *memory = mn_errcode() == MN_OK ? mn_db_memory() : NULL;
    if (!memory) return mn_errcode();
    if (check_mapper(s, m) == MN_OK && mn_db_begin(s) == MN_OK) mn_db_end(s, save(s, m, flags, memory, &mapper));
    mn_db_memory_free(memory);
    if (mn_errcode() != MN_OK) return mn_fail_context("saving mapper '%.100s'", m->name ? m->name : "");
    if (id) *id = mapper;
    return MN_OK;
}

/* ---- reading ------------------------------------------------------------ */

#define MAPPER_COLUMNS \
    "m.mapper_id, m.created_at, m.updated_at, m.name, m.status, p.text, b.name, g.hash, g.name, m.seed, m.options, m.engine, m.notes, " \
    "m.weights_sha256, w.size, m.thumbnail_sha256, t.size, (SELECT count(DISTINCT edit_id) FROM edit_mapper e WHERE e.mapper_id = m.mapper_id) "
#define MAPPER_JOINS \
    "JOIN model g USING (model_id) LEFT JOIN prompt p ON p.prompt_id = m.prompt_id LEFT JOIN basis b ON b.basis_id = m.basis_id " \
    "LEFT JOIN blob w ON w.sha256 = m.weights_sha256 LEFT JOIN blob t ON t.sha256 = m.thumbnail_sha256 "

/* A row of MAPPER_COLUMNS; returns the thumbnail's hash, NULL without one. */
static const char *read_mapper(mn_store_memory *memory, sqlite3_stmt *st, mn_store_mapper *m) {
    m->id = sqlite3_column_int64(st, 0);
    m->created_at = sqlite3_column_int64(st, 1);
    m->updated_at = sqlite3_column_int64(st, 2);
    m->name = mn_db_text(memory, st, 3);
    m->status = mn_db_text(memory, st, 4);
    m->prompt = mn_db_text(memory, st, 5);
    m->basis = mn_db_text(memory, st, 6);
    m->model_hash = mn_db_text(memory, st, 7);
    m->model_name = mn_db_text(memory, st, 8);
    m->seed = sqlite3_column_int64(st, 9);
    m->options = mn_db_text(memory, st, 10);
    m->engine = mn_db_text(memory, st, 11);
    m->notes = mn_db_text(memory, st, 12);
    m->weights_sha256 = mn_db_text(memory, st, 13);
    m->weights.size = (size_t)sqlite3_column_int64(st, 14);
    m->thumbnail.size = (size_t)sqlite3_column_int64(st, 16);
    m->edits = sqlite3_column_int64(st, 17);
    return mn_db_text(memory, st, 15);
}

static mn_status read_tags(mn_store *s, mn_store_memory *memory, mn_store_mapper *m) {
    const char **tags = NULL;
    sqlite3_stmt *st = mn_db_query(s, "SELECT tag FROM mapper_tag WHERE mapper_id = ? ORDER BY tag", "i", m->id);
    while (mn_db_row(s, st)) {
        if (!(tags = mn_db_grow(memory, tags, m->n_tags, sizeof *tags))) break;
        tags[m->n_tags++] = mn_db_text(memory, st, 0);
    }
    m->tags = tags;
    return mn_db_finish(s, st);
}

static mn_status load(mn_store *s, const char *key, mn_store_memory *memory, mn_store_mapper *m) {
    int64_t id;
    const char *thumbnail = NULL;
    if (mn_db_mapper_id(s, key, &id)) return mn_errcode();
    sqlite3_stmt *st = mn_db_query(s, "SELECT " MAPPER_COLUMNS "FROM mapper m " MAPPER_JOINS "WHERE m.mapper_id = ?", "i", id);
    if (mn_db_row(s, st)) thumbnail = read_mapper(memory, st, m);
    if (mn_db_finish(s, st) || read_tags(s, memory, m)) return mn_errcode();
    if (m->weights_sha256) mn_db_blob_get(s, memory, m->weights_sha256, "weights", &m->weights);
    if (thumbnail) mn_db_blob_get(s, memory, thumbnail, "thumbnail", &m->thumbnail);
    return mn_errcode();
}

mn_status mn_store_mapper_load(mn_store *s, const char *key, mn_store_mapper **out) {
    *out = NULL;
    mn_store_memory *memory = mn_errcode() == MN_OK ? mn_db_memory() : NULL;
    mn_store_mapper *m = memory ? mn_db_alloc(memory, sizeof *m) : NULL;
    /* One read transaction: nobody can replace the mapper between its row and its weights. */
    if (m && mn_db_begin_read(s) == MN_OK) mn_db_end(s, load(s, key, memory, m));
    if (mn_errcode() != MN_OK) {
        mn_db_memory_free(memory);
        return mn_fail_context("loading mapper '%.100s'", key ? key : "");
    }
    m->memory = memory;
    *out = m;
    return MN_OK;
}

void mn_store_mapper_free(mn_store_mapper *m) { if (m) mn_db_memory_free(m->memory); }

mn_status mn_store_mapper_check(mn_store *s, const mn_store_mapper *m, const char *model_hash) {
    char name[128] = "unknown to this library";
    if (mn_db_check_hash("generator hash", model_hash)) return mn_errcode();
    if (strcmp(m->model_hash, model_hash) != 0) {
        sqlite3_stmt *st = mn_db_query(s, "SELECT name FROM model WHERE hash = ?", "t", model_hash);
        if (mn_db_row(s, st)) snprintf(name, sizeof name, "'%s'", (const char *)sqlite3_column_text(st, 0));
        if (mn_db_finish(s, st)) return mn_errcode();
        return mn_fail(MN_EARG, "mapper '%s' was trained on generator '%s' (hash %.12s) and does not fit the one in use (%s, hash %.12s)",
                       m->name, m->model_name, m->model_hash, name, model_hash);
    }
    if (!m->weights_sha256) return mn_fail(MN_ENOTFOUND, "mapper '%s' has no weights (status '%s')", m->name, m->status);
    return MN_OK;
}

static sqlite3_stmt *list_query(mn_store *s, const mn_store_filter *f, const char *match) {
    static const char by_name[] = "SELECT " MAPPER_COLUMNS "FROM mapper m " MAPPER_JOINS
        "WHERE ?1 IS NULL AND (?2 IS NULL OR EXISTS (SELECT 1 FROM mapper_tag x WHERE x.mapper_id = m.mapper_id AND x.tag = ?2)) "
        "AND (?3 IS NULL OR m.status = ?3) AND (?4 IS NULL OR g.hash = ?4) ORDER BY m.name LIMIT ?5";
    static const char by_match[] = "SELECT " MAPPER_COLUMNS "FROM mapper_fts f JOIN mapper m ON m.mapper_id = f.rowid " MAPPER_JOINS
        "WHERE mapper_fts MATCH ?1 AND (?2 IS NULL OR EXISTS (SELECT 1 FROM mapper_tag x WHERE x.mapper_id = m.mapper_id AND x.tag = ?2)) "
        "AND (?3 IS NULL OR m.status = ?3) AND (?4 IS NULL OR g.hash = ?4) ORDER BY f.rank, m.name LIMIT ?5";
    return mn_db_query(s, match ? by_match : by_name, "tttti", match, f->tag, f->status, f->model_hash, (int64_t)(f->limit > 0 ? f->limit : -1));
}

mn_status mn_store_mapper_list(mn_store *s, const mn_store_filter *filter, mn_store_mapper_rows **out) {
    mn_store_filter all = {0};
    const mn_store_filter *f = filter ? filter : &all;
    *out = NULL;
    bool search = f->words && *f->words;
    if (mn_errcode() != MN_OK || (search && mn_db_check_text("search words", f->words, WORDS_MAX))) return mn_errcode();
    mn_store_memory *memory = mn_db_memory();
    mn_store_mapper_rows *rows = memory ? mn_db_alloc(memory, sizeof *rows) : NULL;
    const char *match = rows && search ? mn_db_match(memory, f->words) : NULL;
    bool began = rows && mn_db_begin_read(s) == MN_OK;
    sqlite3_stmt *st = list_query(s, f, match);
    while (mn_db_row(s, st)) {
        mn_store_mapper *row = rows->row = mn_db_grow(memory, rows->row, rows->n, sizeof *row);
        if (!row) break;
        row += rows->n++;
        read_mapper(memory, st, row);
    }
    mn_db_finish(s, st);
    for (int i = 0; rows && i < rows->n; i++) read_tags(s, memory, &rows->row[i]);
    if (began) mn_db_end(s, mn_errcode());
    if (mn_errcode() != MN_OK) {
        mn_db_memory_free(memory);
        return mn_errcode();
    }
    rows->memory = memory;
    *out = rows;
    return MN_OK;
}

void mn_store_mapper_rows_free(mn_store_mapper_rows *rows) { if (rows) mn_db_memory_free(rows->memory); }

/* ---- arranging ---------------------------------------------------------- */

static mn_status touch(mn_store *s, int64_t id) {
    return mn_db_run(s, "UPDATE mapper SET updated_at = unixepoch() WHERE mapper_id = ?", "i", id);
}

static mn_status rename_mapper(mn_store *s, const char *key, const char *name) {
    int64_t id, other;
    bool taken;
    if (mn_db_mapper_id(s, key, &id) || mn_db_int(s, &other, &taken, "SELECT mapper_id FROM mapper WHERE name = ?", "t", name)) return mn_errcode();
    if (taken && other != id) return mn_fail(MN_EARG, "renaming mapper '%s': the name '%s' is taken by mapper #%lld", key, name, (long long)other);
    mn_db_run(s, "UPDATE mapper SET name = ? WHERE mapper_id = ?", "ti", name, id);
    return touch(s, id);
}

mn_status mn_store_mapper_rename(mn_store *s, const char *key, const char *name) {
    if (check_name(name) || mn_db_begin(s)) return mn_errcode();
    return mn_db_end(s, rename_mapper(s, key, name));
}

mn_status mn_store_mapper_tag(mn_store *s, const char *key, const char *tag) {
    int64_t id;
    if (mn_db_check_text("tag", tag, TAG_MAX) || mn_db_begin(s)) return mn_errcode();
    if (mn_db_mapper_id(s, key, &id) == MN_OK) {
        mn_db_run(s, "INSERT INTO mapper_tag (mapper_id, tag) VALUES (?, ?) ON CONFLICT DO NOTHING", "it", id, tag);
        touch(s, id);
    }
    return mn_db_end(s, mn_errcode());
}

mn_status mn_store_mapper_untag(mn_store *s, const char *key, const char *tag) {
    int64_t id;
    if (mn_db_check_text("tag", tag, TAG_MAX) || mn_db_begin(s)) return mn_errcode();
    if (mn_db_mapper_id(s, key, &id) == MN_OK) {
        mn_db_run(s, "DELETE FROM mapper_tag WHERE mapper_id = ? AND tag = ?", "it", id, tag);
        if (mn_errcode() == MN_OK && sqlite3_changes(s->db) == 0) mn_fail(MN_ENOTFOUND, "mapper '%s' has no tag '%s'", key, tag);
        touch(s, id);
    }
    return mn_db_end(s, mn_errcode());
}

static mn_status delete_mapper(mn_store *s, const char *key, int flags, mn_store_memory *memory) {
    int64_t id, edits;
    char *weights = NULL, *thumbnail = NULL;
    if (mn_db_mapper_id(s, key, &id) ||
        mn_db_int(s, &edits, NULL, "SELECT count(DISTINCT edit_id) FROM edit_mapper WHERE mapper_id = ?", "i", id)) return mn_errcode();
    if (edits && !(flags & MN_STORE_FORCE))
        return mn_fail(MN_EARG, "mapper '%s' was used in %lld recorded edit%s, which could not be made again without it: delete it with force to do so all the same",
                       key, (long long)edits, edits == 1 ? "" : "s");
    sqlite3_stmt *st = mn_db_query(s, "SELECT weights_sha256, thumbnail_sha256 FROM mapper WHERE mapper_id = ?", "i", id);
    if (mn_db_row(s, st)) {
        weights = mn_db_text(memory, st, 0);
        thumbnail = mn_db_text(memory, st, 1);
    }
    mn_db_finish(s, st);
    mn_db_run(s, "DELETE FROM mapper WHERE mapper_id = ?", "i", id);
    if (weights) mn_db_blob_drop(s, weights);
    if (thumbnail) mn_db_blob_drop(s, thumbnail);
    return mn_errcode();
}

mn_status mn_store_mapper_delete(mn_store *s, const char *key, int flags) {
    mn_store_memory *memory = mn_errcode() == MN_OK ? mn_db_memory() : NULL;
    if (!memory) return mn_errcode();
    if (mn_db_begin(s) == MN_OK) mn_db_end(s, delete_mapper(s, key, flags, memory));
    mn_db_memory_free(memory);
    return mn_errcode();
}
