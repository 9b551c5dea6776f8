/* transfer.c -- one mapper to and from one file.
 *
 * The file is a safetensors file that other programs can read: the mapper's
 * tensors under their own names, and in __metadata__, besides what the weights
 * carried, these keys (all texts):
 *   mien.library.format          "mapper 1"
 *   mien.library.name, .prompt, .options, .engine, .notes, .seed, .created_at
 *   mien.library.tags            JSON array
 *   mien.library.model.kind, .model.name, .model.hash, .model.config
 *   mien.library.basis.name, .basis.gamma, .basis.options, .basis.prompts (JSON array)
 *   mien.library.sha256          the checksum
 * Keys without a value (no prompt, no basis) are left out.  The checksum is the
 * sha256 of a text with one line per tensor (quoted name, dtype, shape, sha256
 * of its bytes) in file order, then one line per other metadata pair (quoted key,
 * sha256 of the value) in file order.  It does not depend on how the header is
 * spelled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/io/text.h"
#include "store/db.h"

#define KEY "mien.library."
#define FORMAT "mapper 1"
#define THUMBNAIL KEY "thumbnail_png"

static bool ours(const char *key) { return strncmp(key, KEY, strlen(KEY)) == 0; }

/* ---- the file's parts, for the checksum and for writing ------------------ */

typedef struct parts {
    mn_store_memory *memory;
    int n, n_meta;
    const char **names;
    mn_tensor **tensors;
    const char **meta;               /* key, value, key, value... */
} parts;

static void add_tensor(parts *p, const char *name, mn_tensor *tensor) {
    if (mn_errcode() != MN_OK) return;
    p->names = mn_db_grow(p->memory, p->names, p->n, sizeof *p->names);
    if (p->names) p->tensors = mn_db_grow(p->memory, p->tensors, p->n, sizeof *p->tensors);
    if (mn_errcode() != MN_OK) return;
    p->names[p->n] = name;
    p->tensors[p->n++] = tensor;
}

/* A NULL value leaves the key out. */
static void add_meta(parts *p, const char *key, const char *value) {
    if (mn_errcode() != MN_OK || !value) return;
    if (!(p->meta = mn_db_grow(p->memory, p->meta, p->n_meta, 2 * sizeof *p->meta))) return;
    p->meta[2 * p->n_meta] = key;
    p->meta[2 * p->n_meta++ + 1] = value;
}

static mn_status checksum(const parts *p, char hex[MN_DB_HEX]) {
    mn_text t = {0};
    for (int i = 0; i < p->n; i++) {
        mn_tensor *x = p->tensors[i];
        mn_db_digest(mn_data(x), (size_t)mn_count(x) * mn_dtype_size(mn_dtype_of(x)), hex);
        mn_text_add_json(&t, p->names[i]);
        mn_text_addf(&t, " %s %s %s\n", mn_dtype_name(mn_dtype_of(x)), mn_shape_text(x), hex);
    }
    for (int i = 0; i < p->n_meta; i++) {
        mn_db_digest(p->meta[2 * i + 1], strlen(p->meta[2 * i + 1]), hex);
        mn_text_add_json(&t, p->meta[2 * i]);
        mn_text_addf(&t, " %s\n", hex);
    }
    if (!t.failed) mn_db_digest(t.s, t.size, hex);
    mn_text_free(&t);
    return mn_errcode();
}

/* ---- export ------------------------------------------------------------- */

/* The first column of the first row as a text; NULL for no row or SQL NULL. */
static const char *lookup(mn_store *s, mn_store_memory *memory, const char *sql, int64_t id) {
    const char *text = NULL;
    sqlite3_stmt *st = mn_db_query(s, sql, "i", id);
    if (mn_db_row(s, st)) text = mn_db_text(memory, st, 0);
    mn_db_finish(s, st);
    return text;
}

static void describe(mn_store *s, const mn_store_mapper *m, parts *p) {
    static const struct { const char *key, *sql; } column[] = {
        {KEY "name", "SELECT name FROM mapper WHERE mapper_id = ?"},
        {KEY "prompt", "SELECT text FROM mapper JOIN prompt USING (prompt_id) WHERE mapper_id = ?"},
        {KEY "options", "SELECT options FROM mapper WHERE mapper_id = ?"},
        {KEY "engine", "SELECT engine FROM mapper WHERE mapper_id = ?"},
        {KEY "notes", "SELECT notes FROM mapper WHERE mapper_id = ?"},
        {KEY "seed", "SELECT seed FROM mapper WHERE mapper_id = ?"},
        {KEY "created_at", "SELECT created_at FROM mapper WHERE mapper_id = ?"},
        {KEY "tags", "SELECT json_group_array(tag) FROM mapper_tag WHERE mapper_id = ?"},
        {KEY "model.kind", "SELECT kind FROM mapper JOIN model USING (model_id) WHERE mapper_id = ?"},
        {KEY "model.name", "SELECT g.name FROM mapper JOIN model g USING (model_id) WHERE mapper_id = ?"},
        {KEY "model.hash", "SELECT hash FROM mapper JOIN model USING (model_id) WHERE mapper_id = ?"},
        {KEY "model.config", "SELECT config FROM mapper JOIN model USING (model_id) WHERE mapper_id = ?"},
        {KEY "basis.name", "SELECT b.name FROM mapper JOIN basis b USING (basis_id) WHERE mapper_id = ?"},
        {KEY "basis.gamma", "SELECT printf('%!.17g', gamma) FROM mapper JOIN basis USING (basis_id) WHERE mapper_id = ?"},
        {KEY "basis.options", "SELECT b.options FROM mapper JOIN basis b USING (basis_id) WHERE mapper_id = ?"},
        {KEY "basis.prompts", "SELECT json_group_array(text) FROM (SELECT text FROM mapper JOIN basis_prompt b USING (basis_id) "
                              "JOIN prompt p ON p.prompt_id = b.prompt_id WHERE mapper_id = ? ORDER BY position) HAVING count(*) > 0"},
    };
    add_meta(p, KEY "format", FORMAT);
    for (size_t i = 0; i < sizeof column / sizeof *column; i++) add_meta(p, column[i].key, lookup(s, p->memory, column[i].sql, m->id));
}

static mn_status export_mapper(mn_store *s, const mn_store_mapper *m, mn_st *st, const char *path) {
    char hex[MN_DB_HEX];
    parts p = {.memory = m->memory};
    for (int i = 0; i < mn_st_count(st); i++) {
        const char *name = mn_st_name(st, i);
        if (ours(name)) return mn_fail(MN_EARG, "tensor '%s' has a name that the library keeps for itself", name);
        add_tensor(&p, name, mn_st_get(st, name));
    }
    for (int i = 0; i < mn_st_meta_count(st); i++) {
        const char *key = mn_st_meta_key(st, i);
        if (ours(key)) return mn_fail(MN_EARG, "metadata key '%s' is one that the library keeps for itself", key);
        add_meta(&p, key, mn_st_meta(st, key));
    }
    describe(s, m, &p);
    if (m->thumbnail.size) add_tensor(&p, THUMBNAIL, mn_from(MN_U8, 1, (int64_t[]){(int64_t)m->thumbnail.size}, m->thumbnail.data));
    if (mn_errcode() != MN_OK || checksum(&p, hex)) return mn_errcode();
    add_meta(&p, KEY "sha256", hex);
    return mn_errcode() != MN_OK ? mn_errcode() : mn_st_save(path, p.n, p.names, p.tensors, p.n_meta, p.meta);
}

mn_status mn_store_mapper_export(mn_store *s, const char *key, const char *path, int flags) {
    mn_store_mapper *m;
    if (mn_store_mapper_load(s, key, &m)) return mn_errcode();
    if (strcmp(m->status, "complete") != 0)
        mn_fail(MN_EARG, "only a complete mapper can be exported: its status is '%s'", m->status);
    else if (!(flags & MN_STORE_REPLACE) && access(path, F_OK) == 0)
        mn_fail(MN_EARG, "'%s' exists already", path);
    mn_st *st = mn_store_image_open(m->weights);
    if (st) {
        mn_scope scope = mn_scope_open();
        export_mapper(s, m, st, path);
        mn_scope_close(scope);
        mn_st_close(st);
    }
    mn_store_mapper_free(m);
    return mn_errcode() == MN_OK ? MN_OK : mn_fail_context("exporting mapper '%s'", key);
}

/* ---- import ------------------------------------------------------------- */

static const char *wanted(mn_st *st, const char *key) {
    const char *value = mn_st_meta(st, key);
    if (!value) mn_fail(MN_EFORMAT, "metadata '%s' is missing", key);
    return value;
}

static mn_status verify_file(mn_st *st, parts *all) {
    char hex[MN_DB_HEX];
    const char *format = mn_st_meta(st, KEY "format");
    if (!format) return mn_fail(MN_EFORMAT, "not an exported mapper: metadata '" KEY "format' is missing");
    if (strcmp(format, FORMAT) != 0) return mn_fail(MN_EFORMAT, "format: '" FORMAT "' expected, found '%.40s'", format);
    for (int i = 0; i < mn_st_count(st); i++) add_tensor(all, mn_st_name(st, i), mn_st_get(st, mn_st_name(st, i)));
    for (int i = 0; i < mn_st_meta_count(st); i++)
        if (strcmp(mn_st_meta_key(st, i), KEY "sha256") != 0) add_meta(all, mn_st_meta_key(st, i), mn_st_meta(st, mn_st_meta_key(st, i)));
    const char *expected = wanted(st, KEY "sha256");
    if (mn_errcode() != MN_OK || checksum(all, hex)) return mn_errcode();
    if (strcmp(hex, expected) != 0) return mn_fail(MN_EFORMAT, "damaged: sha256 %.64s expected, found %s", expected, hex);
    return MN_OK;
}

/* A JSON array of texts as C strings. */
static const char *const *read_array(mn_store *s, mn_store_memory *memory, const char *what, const char *json, int *n) {
    const char **texts = NULL;
    int64_t fine;
    *n = 0;
    if (!json) return NULL;
    mn_db_int(s, &fine, NULL, "SELECT CASE WHEN json_valid(?1) THEN json_type(?1) = 'array' AND "
                              "NOT EXISTS (SELECT 1 FROM json_each(?1) WHERE type <> 'text') ELSE 0 END", "t", json);
    if (mn_errcode() == MN_OK && !fine) mn_fail(MN_EFORMAT, "%s: expected a JSON array of texts, found '%.60s'", what, json);
    sqlite3_stmt *st = mn_db_query(s, "SELECT value FROM json_each(?)", "t", json);
    while (mn_db_row(s, st)) {
        if (!(texts = mn_db_grow(memory, texts, *n, sizeof *texts))) break;
        texts[(*n)++] = mn_db_text(memory, st, 0);
    }
    mn_db_finish(s, st);
    return texts;
}

static mn_status read_integer(const char *what, const char *text, int64_t *out) {
    char *end = NULL;
    if (text) *out = strtoll(text, &end, 10);
    return text && (end == text || *end) ? mn_fail(MN_EFORMAT, "%s: expected a whole number, found '%.40s'", what, text) : mn_errcode();
}

/* What this library already says about the generator stands. */
static mn_status take_model(mn_store *s, mn_st *st, const char *hash) {
    int64_t id;
    bool known;
    if (mn_db_check_hash("generator's hash", hash) || mn_db_int(s, &id, &known, "SELECT model_id FROM model WHERE hash = ?", "t", hash)) return mn_errcode();
    return known ? MN_OK : mn_store_model_put(s, wanted(st, KEY "model.kind"), wanted(st, KEY "model.name"), hash, mn_st_meta(st, KEY "model.config"), NULL);
}

/* A basis of that name with other contents may be here: then the imported one
 * gets a name of its own, made from its contents. */
static mn_status take_basis(mn_store *s, mn_st *st, mn_store_memory *memory, const char **name) {
    mn_store_basis b = {.name = mn_st_meta(st, KEY "basis.name"), .options = mn_st_meta(st, KEY "basis.options")};
    char *end = NULL, hex[MN_DB_HEX], *other;
    mn_text contents = {0};
    *name = b.name;
    if (!b.name) return MN_OK;
    const char *gamma = wanted(st, KEY "basis.gamma"), *prompts = wanted(st, KEY "basis.prompts");
    if (!gamma || !prompts) return mn_errcode();
    b.gamma = strtod(gamma, &end);
    if (end == gamma || *end) return mn_fail(MN_EFORMAT, "gamma: expected a number, found '%.40s'", gamma);
    b.prompts = read_array(s, memory, "prompts of the basis", prompts, &b.n);
    if (mn_errcode() != MN_OK || mn_store_basis_put(s, &b, NULL) == MN_OK || mn_errcode() != MN_EARG) return mn_errcode();
    mn_error_clear();
    mn_text_addf(&contents, "%s %s %s", gamma, b.options ? b.options : "{}", prompts);
    if (!contents.failed) mn_db_digest(contents.s, contents.size, hex);
    mn_text_free(&contents);
    size_t room = strlen(b.name) + 10;
    if (mn_errcode() != MN_OK || !(other = mn_db_alloc(memory, room))) return mn_errcode();
    snprintf(other, room, "%s %.8s", b.name, hex);
    *name = b.name = other;
    return mn_store_basis_put(s, &b, NULL);
}

static mn_status take(mn_store *s, mn_st *st, const mn_store_mapper *m, int64_t *id) {
    mn_store_mapper copy = *m;
    int64_t created_at = 0;
    if (take_model(s, st, m->model_hash) || take_basis(s, st, m->memory, &copy.basis) || mn_store_mapper_save(s, &copy, 0, id) ||
        read_integer("created_at", mn_st_meta(st, KEY "created_at"), &created_at)) return mn_errcode();
    return mn_db_run(s, "UPDATE mapper SET created_at = ? WHERE mapper_id = ?", "ii", created_at, *id);
}

static mn_status import_mapper(mn_store *s, mn_st *st, mn_store_memory *memory, const char *name, int64_t *id) {
    parts all = {.memory = memory}, own = {.memory = memory};
    void *image = NULL;
    if (verify_file(st, &all)) return mn_errcode();
    mn_store_mapper m = {
        .name = name ? name : wanted(st, KEY "name"), .status = "complete", .prompt = mn_st_meta(st, KEY "prompt"),
        .model_hash = wanted(st, KEY "model.hash"), .options = mn_st_meta(st, KEY "options"), .engine = wanted(st, KEY "engine"),
        .notes = mn_st_meta(st, KEY "notes"), .memory = memory};
    read_integer("seed", mn_st_meta(st, KEY "seed"), &m.seed);
    m.tags = read_array(s, memory, "tags", mn_st_meta(st, KEY "tags"), &m.n_tags);
    for (int i = 0; i < all.n; i++) {
        if (strcmp(all.names[i], THUMBNAIL) != 0) add_tensor(&own, all.names[i], all.tensors[i]);
        else m.thumbnail = (mn_bytes){mn_data(all.tensors[i]), (size_t)mn_count(all.tensors[i])};
    }
    for (int i = 0; i < all.n_meta; i++)
        if (!ours(all.meta[2 * i])) add_meta(&own, all.meta[2 * i], all.meta[2 * i + 1]);
    if (mn_store_image_pack(own.n, own.names, own.tensors, own.n_meta, own.meta, &image, &m.weights.size)) return mn_errcode();
    m.weights.data = image;
    if (mn_db_begin(s) == MN_OK) mn_db_end(s, take(s, st, &m, id));
    free(image);
    return mn_errcode();
}

mn_status mn_store_mapper_import(mn_store *s, const char *path, const char *name, int64_t *id) {
    int64_t mapper = 0;
    mn_store_memory *memory = mn_errcode() == MN_OK ? mn_db_memory() : NULL;
    if (!memory) return mn_errcode();
    mn_st *st = mn_st_open(path);
    if (st) {
        mn_scope scope = mn_scope_open();
        import_mapper(s, st, memory, name, &mapper);
        mn_scope_close(scope);
        mn_st_close(st);
    }
    mn_db_memory_free(memory);
    if (mn_errcode() != MN_OK) return mn_fail_context("importing '%s'", path);
    if (id) *id = mapper;
    return MN_OK;
}
