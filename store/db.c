/* db.c -- opening the library, running statements, transactions.
 *
 * Opening decides in this order, and changes nothing before it knows the file is
 * ours: is it a database; does its application_id say MIEN; is its version known.
 * Creating and migrating happen inside one immediate transaction that looks at
 * the version again, so two processes may open a new library at the same time.
 *
 * Settings: write-ahead log (where the file system allows it; the rollback
 * journal keeps the same promises elsewhere), synchronous=FULL because a saved
 * mapper may be an hour's work, foreign keys on, and SQLite's defences against
 * hostile database files (a library may come from somebody else).  Only
 * trusted_schema stays on: SQLite before 3.41 counts json_valid(), which the
 * schema's checks use, among the functions it forbids. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store/db.h"

/* ---- errors ------------------------------------------------------------- */

/* Why the library cannot be opened or made.  SQLite tries in several ways, and keeps what the last one met. */
static int open_error(mn_store *s) {
    if (access(s->path, F_OK) == 0) return access(s->path, R_OK | W_OK) ? errno : 0;
    char *folder = strdup(s->path);
    if (!folder) return errno;
    *strrchr(folder, '/') = 0;                       /* mn_store_open saw to it that there is one */
    const int code = access(*folder ? folder : "/", W_OK | X_OK) ? errno : 0;
    free(folder);
    return code;
}

/* Why reading or writing failed: SQLite keeps the number with the file, the log or the library. */
static int file_error(mn_store *s) {
    static const int files[] = {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER};
    int code = 0;
    for (int i = 0; i < 2 && !code; i++) {
        sqlite3_file *file = NULL;
        if (!sqlite3_file_control(s->db, "main", files[i], &file) && file && file->pMethods)
            file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &code);
    }
    return code;
}

/* In the operating system's words where it has any, else in SQLite's. */
static mn_status fail_system(mn_store *s, const char *what, int code, const char *text) {
    return mn_fail(MN_EIO, "library '%s' cannot be %s: %s", s->path, what, code ? strerror(code) : text);
}

mn_status mn_db_fail(mn_store *s, int rc) {
    int primary = rc & 0xff;
    const char *text = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc);
    switch (primary) {
    case SQLITE_OK: case SQLITE_ROW: case SQLITE_DONE:
        return MN_OK;
    case SQLITE_BUSY: case SQLITE_LOCKED:
        return mn_fail(MN_EBUSY, "library '%s' is locked by another process (waited %.1f s)", s->path, s->timeout_ms / 1000.0);
    case SQLITE_NOMEM:
        return mn_fail(MN_ENOMEM, "library '%s': out of memory", s->path);
    case SQLITE_NOTADB:
        return mn_fail(MN_EFORMAT, "'%s' is not a mien library: expected an SQLite database, found other contents", s->path);
    case SQLITE_CORRUPT:
        return mn_fail(MN_EFORMAT, "library '%s' is damaged: %s", s->path, text);
    case SQLITE_CONSTRAINT:
        return mn_fail(MN_EARG, "library '%s' refused the values: %s", s->path, text);
    case SQLITE_TOOBIG:
        return mn_fail(MN_EARG, "library '%s': a value is larger than the %d bytes SQLite holds", s->path,
                       sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, -1));
    case SQLITE_INTERRUPT:
        return mn_fail(MN_EINTR, "library '%s': interrupted", s->path);
    case SQLITE_FULL:
        return mn_fail(MN_EIO, "library '%s' cannot grow: the disk is full", s->path);
    case SQLITE_READONLY:
        return mn_fail(MN_EIO, "library '%s' cannot be written: the file or its folder is read-only", s->path);
    case SQLITE_CANTOPEN: case SQLITE_PERM: case SQLITE_AUTH:
        return fail_system(s, "opened or made", open_error(s), text);
    case SQLITE_IOERR: case SQLITE_NOLFS:
        return fail_system(s, "read or written", s->db ? file_error(s) : 0, text);
    default:
        return mn_fail(MN_EINTERNAL, "library '%s': %s (SQLite code %d)", s->path, text, rc);
    }
}

/* ---- statements --------------------------------------------------------- */

static int bind_values(sqlite3_stmt *st, const char *types, va_list args) {
    int rc = SQLITE_OK;
    for (int i = 1; *types && rc == SQLITE_OK; types++, i++) {
        switch (*types) {
        case 't': {
            const char *text = va_arg(args, const char *);
            rc = text ? sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC) : sqlite3_bind_null(st, i);
            break;
        }
        case 'i': rc = sqlite3_bind_int64(st, i, va_arg(args, int64_t)); break;
        case 'I': {
            int64_t id = va_arg(args, int64_t);
            rc = id ? sqlite3_bind_int64(st, i, id) : sqlite3_bind_null(st, i);
            break;
        }
        case 'd': {
            double x = va_arg(args, double);
            rc = isnan(x) ? sqlite3_bind_null(st, i) : sqlite3_bind_double(st, i, x);
            break;
        }
        case 'b': {
            mn_bytes b = va_arg(args, mn_bytes);
            rc = sqlite3_bind_blob64(st, i, b.size ? b.data : "", b.size, SQLITE_STATIC);
            break;
        }
        default: rc = SQLITE_MISUSE;
        }
    }
    return rc;
}

static sqlite3_stmt *query(mn_store *s, const char *sql, const char *types, va_list args) {
    sqlite3_stmt *st = NULL;
    if (mn_errcode() != MN_OK) return NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(st) != (int)strlen(types)) rc = SQLITE_MISUSE;
    if (rc == SQLITE_OK) rc = bind_values(st, types, args);
    if (rc != SQLITE_OK) {
        mn_db_fail(s, rc);
        sqlite3_finalize(st);
        return NULL;
    }
    s->statements++;
    return st;
}

sqlite3_stmt *mn_db_query(mn_store *s, const char *sql, const char *types, ...) {
    va_list args;
    va_start(args, types);
    sqlite3_stmt *st = query(s, sql, types, args);
    va_end(args);
    return st;
}

bool mn_db_row(mn_store *s, sqlite3_stmt *st) {
    if (!st || mn_errcode() != MN_OK) return false;
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) return true;
    mn_db_fail(s, rc);
    return false;
}

mn_status mn_db_finish(mn_store *s, sqlite3_stmt *st) {
    if (st) s->statements--;
    sqlite3_finalize(st);            /* repeats the last step's code, which mn_db_row has reported */
    return mn_errcode();
}

mn_status mn_db_run(mn_store *s, const char *sql, const char *types, ...) {
    va_list args;
    va_start(args, types);
    sqlite3_stmt *st = query(s, sql, types, args);
    va_end(args);
    while (mn_db_row(s, st)) { }
    return mn_db_finish(s, st);
}

mn_status mn_db_int(mn_store *s, int64_t *out, bool *found, const char *sql, const char *types, ...) {
    va_list args;
    va_start(args, types);
    sqlite3_stmt *st = query(s, sql, types, args);
    va_end(args);
    bool row = mn_db_row(s, st);
    *out = row ? sqlite3_column_int64(st, 0) : 0;
    if (found) *found = row;
    return mn_db_finish(s, st);
}

mn_status mn_db_exec(mn_store *s, const char *sql) {
    if (mn_errcode() != MN_OK) return mn_errcode();
    return mn_db_fail(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

/* ---- transactions ------------------------------------------------------- */

static mn_status begin(mn_store *s, const char *sql) {
    if (s->depth == 0 && mn_db_exec(s, sql)) return mn_errcode();
    s->depth++;
    return MN_OK;
}

/* IMMEDIATE: waiting happens here, under the timeout.  A transaction that starts
 * by reading and then wants to write can fail without waiting. */
mn_status mn_db_begin(mn_store *s) { return begin(s, "BEGIN IMMEDIATE"); }
mn_status mn_db_begin_read(mn_store *s) { return begin(s, "BEGIN"); }

mn_status mn_db_end(mn_store *s, mn_status status) {
    if (--s->depth > 0) return status;
    if (status == MN_OK) status = mn_db_exec(s, "COMMIT");
    /* SQLite has rolled back by itself after some failures (disk full, no memory). */
    if (status != MN_OK && !sqlite3_get_autocommit(s->db)) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}

/* ---- opening ------------------------------------------------------------ */

static mn_status harden(mn_store *s) {
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, s->timeout_ms);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return mn_db_exec(s, "PRAGMA foreign_keys=ON; PRAGMA cell_size_check=ON; PRAGMA synchronous=FULL;");
}

/* 0: an empty file; else the version of a library of ours. */
static mn_status read_version(mn_store *s, int *version) {
    int64_t application, user_version, objects;
    mn_db_int(s, &application, NULL, "PRAGMA application_id", "");
    mn_db_int(s, &user_version, NULL, "PRAGMA user_version", "");
    mn_db_int(s, &objects, NULL, "SELECT count(*) FROM sqlite_schema", "");
    if (mn_errcode() != MN_OK) return mn_errcode();
    *version = 0;
    if (application == 0 && user_version == 0 && objects == 0) return MN_OK;
    if (application != MN_DB_APPLICATION)
        return mn_fail(MN_EFORMAT, "'%s' is not a mien library: it is another application's SQLite database "
                       "(application_id 0x%08x expected, found 0x%08x)", s->path, (unsigned)MN_DB_APPLICATION, (unsigned)application);
    if (user_version > MN_DB_VERSION)
        return mn_fail(MN_EFORMAT, "library '%s' was written by a newer mien (layout %lld; this program, %s, knows up to %d)",
                       s->path, (long long)user_version, MN_VERSION, MN_DB_VERSION);
    if (user_version < 1)
        return mn_fail(MN_EFORMAT, "library '%s' is damaged: layout number %lld, expected 1 to %d", s->path, (long long)user_version, MN_DB_VERSION);
    *version = (int)user_version;
    return MN_OK;
}

/* Another process that is just creating the file holds it in a way on which
 * SQLite does not wait by itself, hence the loop. */
static mn_status use_wal(mn_store *s) {
    for (int waited = 0;; waited += 10) {
        int rc = sqlite3_exec(s->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if ((rc & 0xff) != SQLITE_BUSY || waited >= s->timeout_ms) return mn_db_fail(s, rc);
        sqlite3_sleep(10);
    }
}

static mn_status upgrade(mn_store *s) {
    int version, found;
    if (read_version(s, &version)) return mn_errcode();          /* again: now under the lock */
    if (version == 0) return mn_db_exec(s, mn_db_schema());
    found = version;
    while (version < MN_DB_VERSION) {
        const char *sql = mn_db_migration(++version);
        if (!sql) return mn_fail(MN_EINTERNAL, "library '%s': no migration to layout %d", s->path, version);
        if (mn_db_exec(s, sql)) return mn_fail_context("bringing layout %d to %d", found, version);
    }
    int64_t dangling;
    if (mn_db_int(s, &dangling, NULL, "SELECT count(*) FROM pragma_foreign_key_check", "")) return mn_errcode();
    if (dangling) return mn_fail(MN_EFORMAT, "library '%s' is damaged: %lld references lead nowhere after bringing layout %d to %d",
                                 s->path, (long long)dangling, found, version);
    return MN_OK;
}

static mn_status open_file(mn_store *s, int flags) {
    /* NOMUTEX: a store belongs to one thread. */
    int mode = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | (flags & MN_STORE_CREATE ? SQLITE_OPEN_CREATE : 0);
    struct stat info;
    if (stat(s->path, &info) == 0) {
        if (!S_ISREG(info.st_mode)) return mn_fail(MN_EFORMAT, "'%s' is not a mien library: expected a file", s->path);
    } else if (errno != ENOENT) {
        return mn_fail(MN_EIO, "library '%s': %s", s->path, strerror(errno));
    } else if (!(flags & MN_STORE_CREATE)) {
        return mn_fail(MN_ENOTFOUND, "no library at '%s'", s->path);
    }
    int rc = sqlite3_open_v2(s->path, &s->db, mode, NULL);
    if (rc != SQLITE_OK) return mn_db_fail(s, rc);
    int version;
    if (harden(s) || read_version(s, &version)) return mn_errcode();
    if (version == 0 && !(flags & MN_STORE_CREATE))
        return mn_fail(MN_ENOTFOUND, "no library at '%s' yet: the file is empty", s->path);    /* its maker may have been killed before the schema was in */
    if (use_wal(s)) return mn_errcode();
    if (version == MN_DB_VERSION) return MN_OK;
    if (mn_db_begin(s)) return mn_errcode();
    return mn_db_end(s, upgrade(s));
}

mn_status mn_store_open(const char *path, int flags, mn_store **out) {
    *out = NULL;
    if (mn_errcode() != MN_OK) return mn_errcode();
    if (!path || !*path) return mn_fail(MN_EARG, "library path: expected a file name, found none");
    if (sqlite3_libversion_number() < 3038000)       /* STRICT, unixepoch() */
        return mn_fail(MN_EIO, "SQLite 3.38 or newer is needed, found %s", sqlite3_libversion());
    mn_store *s = calloc(1, sizeof *s);
    /* "./" keeps SQLite from reading "file:..." as a URI and ":..." as a special name. */
    const char *front = path[0] == '/' ? "" : "./";
    if (s) s->path = malloc(strlen(front) + strlen(path) + 1);
    if (!s || !s->path) {
        free(s);
        return mn_fail(MN_ENOMEM, "opening library '%s': out of memory", path);
    }
    strcat(strcpy(s->path, front), path);
    s->timeout_ms = 30000;
    if (open_file(s, flags)) {
        mn_store_close(s);
        return mn_errcode();
    }
    *out = s;
    return MN_OK;
}

mn_status mn_store_close(mn_store *s) {
    if (!s) return MN_OK;
    mn_db_run_cut(s->runs);
    if (s->statements) mn_fail(MN_EINTERNAL, "library '%s': %d statements were left unfinished", s->path, s->statements);
    sqlite3_close_v2(s->db);
    free(s->path);
    free(s);
    return mn_errcode();
}

const char *mn_store_path(const mn_store *s) { return s->path; }

void mn_store_timeout(mn_store *s, int milliseconds) {
    s->timeout_ms = milliseconds > 0 ? milliseconds : 0;
    sqlite3_busy_timeout(s->db, s->timeout_ms);
}
