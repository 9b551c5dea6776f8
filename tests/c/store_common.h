/* store_common.h -- what the tests of the library share: a library in the scratch
 * folder, weights, a generator, raw SQL behind the library's back. */
#ifndef STORE_COMMON_H
#define STORE_COMMON_H
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>
#include "check.h"
#include "store/store.h"

#define GENERATOR "1111111111111111111111111111111111111111111111111111111111111111"
#define OTHER_GENERATOR "2222222222222222222222222222222222222222222222222222222222222222"
#define ENCODER "3333333333333333333333333333333333333333333333333333333333333333"

static char test_folder[64];

static inline void test_folder_make(void) {
    snprintf(test_folder, sizeof test_folder, "/tmp/mien-store-XXXXXX");
    CHECK(mkdtemp(test_folder) != NULL);
    setenv("TMPDIR", test_folder, 1);    /* processes that are killed leave their temporary files here */
}

static inline void test_folder_remove(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", test_folder);
    CHECK(system(command) == 0);
}

/* A few recent results stay valid. */
static inline const char *test_path(const char *name) {
    static char paths[4][160];
    static int next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", test_folder, name);
    return p;
}

static inline mn_store *test_store(const char *name) {
    mn_store *s = NULL;
    CHECK_STATUS(MN_OK, mn_store_open(test_path(name), MN_STORE_CREATE, &s));
    CHECK_STATUS(MN_OK, mn_store_model_put(s, "generator", "small", GENERATOR, "{\"size\":64}", NULL));
    return s;
}

/* A safetensors image with one tensor "w" of n numbers seed, seed + 1...; free its data. */
static inline mn_bytes test_weights(int n, int seed) {
    void *bytes = NULL;
    size_t size = 0;
    mn_scope scope = mn_scope_open();
    mn_tensor *w = mn_zeros(MN_F32, 1, (int64_t[]){n});
    for (int i = 0; i < n; i++) ((float *)mn_data(w))[i] = (float)(seed + i);
    CHECK_STATUS(MN_OK, mn_store_image_pack(1, (const char *[]){"w"}, &w, 1, (const char *[]){"kind", "test"}, &bytes, &size));
    mn_scope_close(scope);
    return (mn_bytes){bytes, size};
}

static inline mn_store_mapper test_mapper(const char *name, mn_bytes weights) {
    return (mn_store_mapper){.name = name, .status = "complete", .prompt = "a smiling face", .model_hash = GENERATOR, .seed = 7, .weights = weights};
}

/* SQL behind the library's back, as another program would do it. */
static inline void test_sql(const char *path, const char *sql) {
    sqlite3 *db;
    char *message = NULL;
    CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    int rc = sqlite3_exec(db, sql, NULL, NULL, &message);
    if (rc != SQLITE_OK) fprintf(stderr, "%s: %s\n", sql, message);
    CHECK(rc == SQLITE_OK);
    sqlite3_free(message);
    sqlite3_close(db);
}

/* One number by SQL behind the library's back; -1 on failure. */
static inline int64_t test_number(const char *path, const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *st = NULL;
    int64_t n = -1;
    if (sqlite3_open(path, &db) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
        n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return n;
}

/* The call fails with this status and its sentence holds this text. */
#define CHECK_SENTENCE(code, part, expr) do { \
    mn_status sentence_s = (expr); \
    if (sentence_s == (code) && strstr(mn_errmsg(), part)) check_passed++; \
    else { check_failed++; fprintf(stderr, "%s:%d: %s returned %d (%s), expected %d with '%s'\n", __FILE__, __LINE__, #expr, sentence_s, mn_errmsg(), (int)(code), part); } \
    mn_error_clear(); \
} while (0)

/* The library is sound in every respect. */
static inline void test_sound(mn_store *s) {
    int problems = -1;
    CHECK_STATUS(MN_OK, mn_store_verify(s, NULL, NULL, &problems));
    CHECK(problems == 0);
}
#endif
