/* blob.c -- data addressed by its sha256, verified at every read. */
#include <stdlib.h>
#include <string.h>
#include "engine/io/sha256.h"
#include "store/db.h"

void mn_db_digest(const void *data, size_t size, char hex[MN_DB_HEX]) {
    mn_sha256 sum;
    mn_sha256_begin(&sum);
    if (size) mn_sha256_add(&sum, data, size);
    mn_sha256_end(&sum, hex);
}

mn_status mn_db_blob_put(mn_store *s, const char *format, mn_bytes bytes, char hex[MN_DB_HEX]) {
    mn_db_digest(bytes.data, bytes.size, hex);
    return mn_db_run(s, "INSERT INTO blob (sha256, format, size, data) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                     "ttib", hex, format, (int64_t)bytes.size, bytes);
}

mn_status mn_db_blob_get(mn_store *s, mn_store_memory *memory, const char *hex, const char *what, mn_bytes *out) {
    char found[MN_DB_HEX];
    *out = (mn_bytes){NULL, 0};
    sqlite3_stmt *st = mn_db_query(s, "SELECT data FROM blob WHERE sha256 = ?", "t", hex);
    if (mn_db_row(s, st)) {
        const void *bytes = sqlite3_column_blob(st, 0);
        size_t size = (size_t)sqlite3_column_bytes(st, 0);
        void *copy = NULL;
        if (size && !bytes) {                        /* SQLite could not allocate it */
            mn_fail(MN_ENOMEM, "library '%s': %s: out of memory (%zu bytes)", s->path, what, size);
        } else if (mn_db_digest(bytes, size, found), strcmp(found, hex) != 0) {
            mn_fail(MN_EFORMAT, "library '%s' is damaged: %s: sha256 %s expected, found %s", s->path, what, hex, found);
        } else if (!(copy = memory ? mn_db_alloc(memory, size) : malloc(size ? size : 1))) {
            mn_fail(MN_ENOMEM, "library '%s': %s: out of memory (%zu bytes)", s->path, what, size);
        } else {
            if (size) memcpy(copy, bytes, size);
            *out = (mn_bytes){copy, size};
        }
    } else if (mn_errcode() == MN_OK) {
        mn_fail(MN_EFORMAT, "library '%s' is damaged: %s: data with sha256 %s are missing", s->path, what, hex);
    }
    return mn_db_finish(s, st);
}

mn_status mn_db_blob_drop(mn_store *s, const char *hex) {
    return mn_db_run(s, "DELETE FROM blob WHERE sha256 = ? AND sha256 NOT IN (SELECT sha256 FROM blob_use)", "t", hex);
}
