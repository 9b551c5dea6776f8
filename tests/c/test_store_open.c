/* test_store_open.c -- which files open as a library: new, older, newer, foreign, damaged ones. */
#include <sys/stat.h>
#include "store_common.h"
#include "engine/io/file.h"

static mn_status try_open(const char *name, int flags) {
    mn_store *s;
    mn_status status = mn_store_open(test_path(name), flags, &s);
    CHECK((status == MN_OK) == (s != NULL));
    if (s) mn_store_close(s);
    return status;
}

static void test_foreign(void) {
    mn_store *s;
    CHECK_SENTENCE(MN_ENOTFOUND, "no library at '/tmp/mien-store-", try_open("nothing.db", 0));
    CHECK_STATUS(MN_EIO, try_open("no/such/folder.db", MN_STORE_CREATE));
    CHECK_SENTENCE(MN_EARG, "library path: expected a file name", mn_store_open("", MN_STORE_CREATE, &s));
    CHECK(mkdir(test_path("folder.db"), 0700) == 0);
    CHECK_SENTENCE(MN_EFORMAT, "is not a mien library: expected a file", try_open("folder.db", MN_STORE_CREATE));

    CHECK_STATUS(MN_OK, mn_file_write(test_path("text.db"), "This is a letter, long enough to be looked at as a database header, which takes a hundred bytes at least.", 106));
    CHECK_SENTENCE(MN_EFORMAT, "expected an SQLite database, found other contents", try_open("text.db", MN_STORE_CREATE));
    CHECK_STATUS(MN_OK, mn_file_write(test_path("empty.db"), "", 0));
    CHECK_SENTENCE(MN_ENOTFOUND, "/empty.db' yet: the file is empty", try_open("empty.db", 0));
    CHECK_STATUS(MN_OK, try_open("empty.db", MN_STORE_CREATE));

    test_sql(test_path("other.db"), "CREATE TABLE letter (text); PRAGMA application_id = 7;");
    CHECK_SENTENCE(MN_EFORMAT, "another application's SQLite database (application_id 0x4d49454e expected, found 0x00000007)", try_open("other.db", MN_STORE_CREATE));
    CHECK(test_number(test_path("other.db"), "SELECT journal_mode = 'delete' FROM pragma_journal_mode") == 1);   /* untouched */
    test_sql(test_path("plain.db"), "CREATE TABLE letter (text);");
    CHECK_SENTENCE(MN_EFORMAT, "another application's SQLite database", try_open("plain.db", MN_STORE_CREATE));

    CHECK_STATUS(MN_OK, try_open("newer.db", MN_STORE_CREATE));
    test_sql(test_path("newer.db"), "PRAGMA user_version = 1000;");
    CHECK_SENTENCE(MN_EFORMAT, "was written by a newer mien (layout 1000; this program, " MN_VERSION ", knows up to 2)", try_open("newer.db", 0));
    test_sql(test_path("newer.db"), "PRAGMA user_version = -1;");
    CHECK_SENTENCE(MN_EFORMAT, "layout number -1, expected 1 to 2", try_open("newer.db", 0));

    /* Names that SQLite would read as something else are plain files. */
    char before[4096];
    CHECK(getcwd(before, sizeof before) && chdir(test_folder) == 0);
    CHECK_STATUS(MN_OK, mn_store_open(":memory:", MN_STORE_CREATE, &s));
    CHECK_STATUS(MN_OK, mn_store_close(s));
    CHECK_STATUS(MN_OK, mn_store_open("file:x?mode=memory", MN_STORE_CREATE, &s));
    CHECK_STATUS(MN_OK, mn_store_close(s));
    CHECK(access(":memory:", F_OK) == 0 && access("file:x?mode=memory", F_OK) == 0);
    CHECK(chdir(before) == 0);
}

/* The layout as text: every table's columns, keys and indices, every trigger and view. */
static char *layout(const char *path) {
    static const char sql[] =
        "SELECT group_concat(line, char(10)) FROM (SELECT line FROM ("
        "SELECT 'column ' || t.name || ' ' || c.cid || ' ' || c.name || ' ' || c.type || c.\"notnull\" || c.pk || coalesce(c.dflt_value, '') AS line "
        "FROM sqlite_schema t, pragma_table_xinfo(t.name) c WHERE t.type = 'table' "
        "UNION ALL SELECT 'table ' || name || strict || wr FROM pragma_table_list WHERE schema = 'main' AND name <> 'sqlite_schema' "
        "UNION ALL SELECT 'key ' || t.name || ' ' || f.\"from\" || ' ' || f.\"table\" || ' ' || coalesce(f.\"to\", '') || f.on_delete "
        "FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table' "
        "UNION ALL SELECT 'index ' || t.name || ' ' || i.name || i.\"unique\" || x.seqno || x.name "
        "FROM sqlite_schema t, pragma_index_list(t.name) i, pragma_index_info(i.name) x WHERE t.type = 'table' "
        "UNION ALL SELECT type || ' ' || name || ' ' || replace(replace(sql, ' ', ''), char(10), '') FROM sqlite_schema WHERE type IN ('view', 'trigger') "
        ") ORDER BY line)";
    sqlite3 *db;
    sqlite3_stmt *st = NULL;
    char *text = NULL;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW);
    const char *found = (const char *)sqlite3_column_text(st, 0);
    if (found) text = strdup(found);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return text;
}

static void make_version_1(const char *path) {
    size_t size;
    char *sql = mn_file_read("tests/golden/store/library_v1.sql", 1 << 20, &size);
    CHECK(sql != NULL);
    if (sql) test_sql(path, sql);
    free(sql);
}

static void test_migration(void) {
    mn_store *s;
    mn_store_mapper_rows *rows;
    mn_store_run_rows *runs;
    mn_store_run *run;
    make_version_1(test_path("old.db"));
    CHECK(test_number(test_path("old.db"), "PRAGMA user_version") == 1);
    CHECK_STATUS(MN_OK, mn_store_open(test_path("old.db"), 0, &s));
    CHECK(test_number(test_path("old.db"), "PRAGMA user_version") == 2);
    test_sound(s);
    CHECK_STATUS(MN_OK, mn_store_mapper_list(s, &(mn_store_filter){.words = "smiling", .tag = "favourite"}, &rows));
    CHECK(rows->n == 1 && rows->row[0].id == 7 && strcmp(rows->row[0].name, "old_smile") == 0 && rows->row[0].seed == 42 && rows->row[0].edits == 1);
    mn_store_mapper_rows_free(rows);
    CHECK_STATUS(MN_OK, mn_store_run_list(s, "old_smile", 0, &runs));
    CHECK(runs->n == 1 && runs->row[0].metrics == 1 && !runs->row[0].has_state);
    mn_store_run_rows_free(runs);
    mn_bytes state = test_weights(4, 0);                     /* what version 2 brought */
    CHECK_STATUS(MN_OK, mn_store_run_begin(s, "train", NULL, 0, &run));
    CHECK_STATUS(MN_OK, mn_store_run_set_state(run, state));
    CHECK_STATUS(MN_OK, mn_store_run_finish(run, "interrupted", NULL));
    free((void *)state.data);
    test_sound(s);
    CHECK_STATUS(MN_OK, mn_store_close(s));

    CHECK_STATUS(MN_OK, try_open("new.db", MN_STORE_CREATE));
    char *migrated = layout(test_path("old.db")), *fresh = layout(test_path("new.db"));
    CHECK(migrated && fresh && strlen(fresh) > 2000);
    CHECK(migrated && fresh && strcmp(migrated, fresh) == 0);
    free(migrated);
    free(fresh);
    CHECK(test_number(test_path("new.db"), "PRAGMA application_id") == 0x4d49454e);
    CHECK(test_number(test_path("new.db"), "SELECT journal_mode = 'wal' FROM pragma_journal_mode") == 1);

    /* A migration that cannot be carried out leaves the library at its version. */
    make_version_1(test_path("stuck.db"));
    test_sql(test_path("stuck.db"), "CREATE TABLE run_state (x)");   /* the name of the migration's index */
    CHECK_SENTENCE(MN_EINTERNAL, "bringing layout 1 to 2", try_open("stuck.db", 0));
    CHECK(test_number(test_path("stuck.db"), "PRAGMA user_version") == 1);
    CHECK(test_number(test_path("stuck.db"), "SELECT count(*) FROM pragma_table_info('run') WHERE name = 'state_sha256'") == 0);
}

/* ---- damage ------------------------------------------------------------- */

static int weights_found;
static void look_for_weights(void *user, const char *sentence) {
    (void)user;
    weights_found += strstr(sentence, "weights of mapper 'm3' (safetensors): sha256 ") != NULL;
}

/* Everything that reads, on a library that may be damaged: any status, no crash.  Returns whether damage was seen. */
static bool use(const char *path) {
    mn_store *s;
    mn_store_mapper *m;
    mn_store_mapper_rows *rows;
    int problems = 0;
    char key[16];
    bool seen = mn_store_open(path, 0, &s) != MN_OK;
    mn_error_clear();
    if (!s) return seen;
    for (int i = 0; i < 8; i++) {
        snprintf(key, sizeof key, "m%d", i);
        if (mn_store_mapper_load(s, key, &m) == MN_OK) mn_store_mapper_free(m);
        else seen = true;
        mn_error_clear();
    }
    if (mn_store_mapper_list(s, &(mn_store_filter){.words = "smiling"}, &rows) == MN_OK) mn_store_mapper_rows_free(rows);
    else seen = true;
    mn_error_clear();
    if (mn_store_verify(s, NULL, NULL, &problems) != MN_OK || problems) seen = true;
    mn_error_clear();
    mn_store_close(s);
    mn_error_clear();
    return seen;
}

static void test_damage(void) {
    mn_store *s = test_store("good.db");
    char name[16];
    size_t size;
    int problems, seen = 0, cuts = 0;
    for (int i = 0; i < 8; i++) {
        mn_bytes weights = test_weights(1500, i);
        snprintf(name, sizeof name, "m%d", i);
        mn_store_mapper m = test_mapper(name, weights);
        CHECK_STATUS(MN_OK, mn_store_mapper_save(s, &m, 0, NULL));
        free((void *)weights.data);
    }
    CHECK_STATUS(MN_OK, mn_store_close(s));                  /* and the log is in the file */
    CHECK(!use(test_path("good.db")));

    char *bytes = mn_file_read(test_path("good.db"), 1 << 24, &size);
    CHECK(bytes != NULL);
    if (!bytes) return;
    mn_rng rng = mn_rng_seed(5, 0);
    for (int i = 0; i < 60; i++) {
        size_t at = (size_t)mn_rng_below(&rng, (int64_t)size);
        unsigned char flip = (unsigned char)(1 + mn_rng_below(&rng, 255));
        bytes[at] ^= (char)flip;
        CHECK_STATUS(MN_OK, mn_file_write(test_path("flipped.db"), bytes, size));
        bytes[at] ^= (char)flip;
        seen += use(test_path("flipped.db"));
        unlink(test_path("flipped.db-wal"));
        unlink(test_path("flipped.db-shm"));
    }
    for (int cut = 1; cut < 20; cut++) {
        CHECK_STATUS(MN_OK, mn_file_write(test_path("cut.db"), bytes, size * (size_t)cut / 20));
        cuts += use(test_path("cut.db"));
        unlink(test_path("cut.db-wal"));
        unlink(test_path("cut.db-shm"));
    }
    CHECK(seen >= 12);        /* 21 of 60 when this was written: a small library is mostly unused parts of pages */
    CHECK(cuts == 19);
    free(bytes);

    /* One number of one mapper's weights: found by verify and refused at load. */
    test_sql(test_path("good.db"), "UPDATE blob SET data = CAST(substr(data, 1, size - 1) || x'55' AS BLOB) "
                                   "WHERE sha256 = (SELECT weights_sha256 FROM mapper WHERE name = 'm3')");
    CHECK_STATUS(MN_OK, mn_store_open(test_path("good.db"), 0, &s));
    mn_store_mapper *m;
    CHECK_SENTENCE(MN_EFORMAT, "loading mapper 'm3': library '", mn_store_mapper_load(s, "m3", &m));
    CHECK_STATUS(MN_OK, mn_store_verify(s, look_for_weights, NULL, &problems));
    CHECK(problems == 1 && weights_found == 1);
    CHECK_STATUS(MN_OK, mn_store_close(s));

    /* References that lead nowhere, and a search index that has fallen behind (another program, no foreign keys). */
    test_sql(test_path("good.db"), "DELETE FROM blob WHERE sha256 = (SELECT weights_sha256 FROM mapper WHERE name = 'm4');"
                                   "DELETE FROM mapper_fts WHERE name = 'm5';");
    CHECK_STATUS(MN_OK, mn_store_open(test_path("good.db"), 0, &s));
    CHECK_STATUS(MN_OK, mn_store_verify(s, NULL, NULL, &problems));
    CHECK(problems == 3);
    CHECK_SENTENCE(MN_EFORMAT, "are missing", mn_store_mapper_load(s, "m4", &m));
    CHECK_STATUS(MN_OK, mn_store_mapper_delete(s, "m3", 0));
    CHECK_STATUS(MN_OK, mn_store_mapper_delete(s, "m4", 0));
    CHECK_STATUS(MN_OK, mn_store_gc(s, NULL));
    test_sound(s);
    CHECK_STATUS(MN_OK, mn_store_close(s));
}

int main(void) {
    test_folder_make();
    test_foreign();
    test_migration();
    test_damage();
    test_folder_remove();
    return check_done("store_open");
}
