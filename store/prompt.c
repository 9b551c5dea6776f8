/* prompt.c -- prompts, their embeddings and full-text search; the bases made of prompts. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "store/db.h"

enum { PROMPT_MAX = 4000, WORDS_MAX = 1000, BASIS_MAX = 4096 };

/* Embeddings are stored as the machine's floats under the name f32le. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a big-endian machine must swap embeddings");

/* ---- prompts ------------------------------------------------------------ */

mn_status mn_db_prompt_id(mn_store *s, const char *text, int64_t *id) {
    if (mn_db_check_text("prompt", text, PROMPT_MAX)) return mn_errcode();
    mn_db_run(s, "INSERT INTO prompt (text, created_at) VALUES (?, unixepoch()) ON CONFLICT DO NOTHING", "t", text);
    return mn_db_int(s, id, NULL, "SELECT prompt_id FROM prompt WHERE text = ?", "t", text);
}

static mn_status put_embedding(mn_store *s, int64_t prompt, const char *encoder_hash, const float *embedding, int n) {
    int64_t model;
    char hex[MN_DB_HEX], *former = NULL;
    if (n < 1 || !embedding) return mn_fail(MN_EARG, "prompt embedding: expected one or more numbers, found %d", n);
    for (int i = 0; i < n; i++)
        if (!isfinite(embedding[i])) return mn_fail(MN_EARG, "prompt embedding: number %d of %d is not finite", i + 1, n);
    if (mn_db_model_id(s, encoder_hash, &model)) return mn_errcode();
    mn_store_memory *memory = mn_db_memory();
    if (!memory) return mn_errcode();
    sqlite3_stmt *st = mn_db_query(s, "SELECT embedding_sha256 FROM prompt_embedding WHERE prompt_id = ? AND model_id = ?", "ii", prompt, model);
    if (mn_db_row(s, st)) former = mn_db_text(memory, st, 0);
    mn_db_finish(s, st);
    mn_db_blob_put(s, "f32le", (mn_bytes){embedding, (size_t)n * sizeof *embedding}, hex);
    mn_db_run(s, "INSERT INTO prompt_embedding (prompt_id, model_id, embedding_sha256) VALUES (?, ?, ?) "
                 "ON CONFLICT DO UPDATE SET embedding_sha256 = excluded.embedding_sha256", "iit", prompt, model, hex);
    if (former) mn_db_blob_drop(s, former);
    mn_db_memory_free(memory);
    return mn_errcode();
}

mn_status mn_store_prompt_put(mn_store *s, const char *text, const char *encoder_hash,
                              const float *embedding, int n, int64_t *id) {
    int64_t prompt = 0;
    if (mn_db_begin(s)) return mn_errcode();
    if (mn_db_prompt_id(s, text, &prompt) == MN_OK && encoder_hash) put_embedding(s, prompt, encoder_hash, embedding, n);
    if (mn_db_end(s, mn_errcode())) return mn_errcode();
    if (id) *id = prompt;
    return MN_OK;
}

mn_status mn_store_prompt_embedding(mn_store *s, const char *text, const char *encoder_hash, float **out, int *n) {
    char hex[MN_DB_HEX] = "";
    mn_bytes bytes;
    *out = NULL;
    *n = 0;
    if (mn_db_check_text("prompt", text, PROMPT_MAX) || mn_db_check_hash("encoder hash", encoder_hash)) return mn_errcode();
    sqlite3_stmt *st = mn_db_query(s, "SELECT e.embedding_sha256 FROM prompt p JOIN prompt_embedding e USING (prompt_id) "
                                      "JOIN model m USING (model_id) WHERE p.text = ? AND m.hash = ?", "tt", text, encoder_hash);
    if (mn_db_row(s, st)) snprintf(hex, sizeof hex, "%s", (const char *)sqlite3_column_text(st, 0));
    if (mn_db_finish(s, st) || !*hex) return mn_errcode();
    if (mn_db_blob_get(s, NULL, hex, "embedding of a prompt", &bytes)) return mn_errcode();
    *out = (float *)bytes.data;
    *n = (int)(bytes.size / sizeof **out);
    return MN_OK;
}

mn_status mn_store_prompt_search(mn_store *s, const char *words, int limit, mn_store_prompt_rows **out) {
    *out = NULL;
    bool all = !words || !*words;
    if (!all && mn_db_check_text("search words", words, WORDS_MAX)) return mn_errcode();
    mn_store_memory *memory = mn_db_memory();
    mn_store_prompt_rows *rows = memory ? mn_db_alloc(memory, sizeof *rows) : NULL;
    const char *match = rows && !all ? mn_db_match(memory, words) : NULL;
    int64_t most = limit > 0 ? limit : -1;
    sqlite3_stmt *st = all
        ? mn_db_query(s, "SELECT prompt_id, created_at, text, (SELECT count(*) FROM mapper m WHERE m.prompt_id = p.prompt_id) "
                         "FROM prompt p ORDER BY text LIMIT ?", "i", most)
        : mn_db_query(s, "SELECT p.prompt_id, p.created_at, p.text, (SELECT count(*) FROM mapper m WHERE m.prompt_id = p.prompt_id) "
                         "FROM prompt_fts f JOIN prompt p ON p.prompt_id = f.rowid WHERE prompt_fts MATCH ? ORDER BY f.rank, p.text LIMIT ?",
                      "ti", match, most);
    while (mn_db_row(s, st)) {
        mn_store_prompt *row = rows->row = mn_db_grow(memory, rows->row, rows->n, sizeof *row);
        if (!row) break;
        row += rows->n++;
        row->id = sqlite3_column_int64(st, 0);
        row->created_at = sqlite3_column_int64(st, 1);
        row->text = mn_db_text(memory, st, 2);
        row->mappers = sqlite3_column_int64(st, 3);
    }
    if (mn_db_finish(s, st)) {
        mn_db_memory_free(memory);
        return mn_errcode();
    }
    rows->memory = memory;
    *out = rows;
    return MN_OK;
}

void mn_store_prompt_rows_free(mn_store_prompt_rows *rows) { if (rows) mn_db_memory_free(rows->memory); }

/* ---- bases -------------------------------------------------------------- */

static bool same_text(const char *a, const char *b) { return strcmp(a, b) == 0; }

static mn_status load_basis(mn_store *s, const char *name, mn_store_memory *memory, mn_store_basis *b) {
    const char **prompts = NULL;
    sqlite3_stmt *st = mn_db_query(s, "SELECT basis_id, created_at, name, gamma, options FROM basis WHERE name = ?", "t", name);
    if (mn_db_row(s, st)) {
        b->id = sqlite3_column_int64(st, 0);
        b->created_at = sqlite3_column_int64(st, 1);
        b->name = mn_db_text(memory, st, 2);
        b->gamma = sqlite3_column_double(st, 3);
        b->options = mn_db_text(memory, st, 4);
    }
    if (mn_db_finish(s, st) || !b->id) return mn_errcode();
    st = mn_db_query(s, "SELECT p.text FROM basis_prompt b JOIN prompt p USING (prompt_id) WHERE b.basis_id = ? ORDER BY b.position", "i", b->id);
    while (mn_db_row(s, st)) {
        if (!(prompts = mn_db_grow(memory, prompts, b->n, sizeof *prompts))) break;
        prompts[b->n++] = mn_db_text(memory, st, 0);
    }
    b->prompts = prompts;
    b->memory = memory;
    return mn_db_finish(s, st);
}

static mn_status compare_basis(const mn_store_basis *old, const mn_store_basis *new, const char *options) {
    if (old->gamma != new->gamma)
        return mn_fail(MN_EARG, "basis '%s' exists with gamma %g, not %g: choose another name", old->name, old->gamma, new->gamma);
    if (!same_text(old->options, options))
        return mn_fail(MN_EARG, "basis '%s' exists with options %s, not %s: choose another name", old->name, old->options, options);
    if (old->n != new->n)
        return mn_fail(MN_EARG, "basis '%s' exists with %d prompts, not %d: choose another name", old->name, old->n, new->n);
    for (int i = 0; i < old->n; i++)
        if (!same_text(old->prompts[i], new->prompts[i]))
            return mn_fail(MN_EARG, "basis '%s' exists with prompt %d '%s', not '%s': choose another name", old->name, i + 1, old->prompts[i], new->prompts[i]);
    return MN_OK;
}

static mn_status put_basis(mn_store *s, const mn_store_basis *basis, const char *options, mn_store_memory *memory, int64_t *id) {
    mn_store_basis old = {0};
    if (load_basis(s, basis->name, memory, &old)) return mn_errcode();
    *id = old.id;
    if (old.id) return compare_basis(&old, basis, options);
    mn_db_run(s, "INSERT INTO basis (name, gamma, options, created_at) VALUES (?, ?, ?, unixepoch())", "tdt", basis->name, basis->gamma, options);
    *id = sqlite3_last_insert_rowid(s->db);
    for (int i = 0; i < basis->n; i++) {
        int64_t prompt;
        if (mn_db_prompt_id(s, basis->prompts[i], &prompt)) return mn_fail_context("basis '%s', prompt %d", basis->name, i + 1);
        mn_db_run(s, "INSERT INTO basis_prompt (basis_id, position, prompt_id) VALUES (?, ?, ?)", "iii", *id, (int64_t)i + 1, prompt);
    }
    return mn_errcode();
}

mn_status mn_store_basis_put(mn_store *s, const mn_store_basis *basis, int64_t *id) {
    const char *options = basis->options ? basis->options : "{}";
    int64_t basis_id = 0;
    if (mn_db_check_text("basis name", basis->name, 100) || mn_db_check_json(s, "basis options", options)) return mn_errcode();
    if (!(basis->gamma > 0) || !isfinite(basis->gamma))
        return mn_fail(MN_EARG, "basis '%s': gamma must be greater than 0, found %g", basis->name, basis->gamma);
    if (basis->n < 1 || basis->n > BASIS_MAX)
        return mn_fail(MN_EARG, "basis '%s': expected 1 to %d prompts, found %d", basis->name, BASIS_MAX, basis->n);
    mn_store_memory *memory = mn_db_memory();
    if (!memory) return mn_errcode();
    if (mn_db_begin(s) == MN_OK) mn_db_end(s, put_basis(s, basis, options, memory, &basis_id));
    mn_db_memory_free(memory);
    if (mn_errcode() == MN_OK && id) *id = basis_id;
    return mn_errcode();
}

mn_status mn_store_basis_load(mn_store *s, const char *name, mn_store_basis **out) {
    *out = NULL;
    if (mn_db_check_text("basis name", name, 100)) return mn_errcode();
    mn_store_memory *memory = mn_db_memory();
    mn_store_basis *b = memory ? mn_db_alloc(memory, sizeof *b) : NULL;
    /* One read transaction, so that the name and its prompts are of one moment. */
    if (b && mn_db_begin_read(s) == MN_OK) mn_db_end(s, load_basis(s, name, memory, b));
    if (mn_errcode() == MN_OK && !b->id) mn_fail(MN_ENOTFOUND, "library '%s' has no basis '%s'", s->path, name);
    if (mn_errcode() != MN_OK) {
        mn_db_memory_free(memory);
        return mn_errcode();
    }
    *out = b;
    return MN_OK;
}

void mn_store_basis_free(mn_store_basis *basis) { if (basis) mn_db_memory_free(basis->memory); }
