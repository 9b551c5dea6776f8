/* test_store_crash.c -- several processes at once, locks, kill -9, full disks and failing allocations. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include "store/db.h"
#include "store_common.h"

enum { ROUNDS = 30, MAKING = 15 /* the rounds that kill while a library is made */, WRITERS = 3, EACH = 15 };

static void pause_ms(int64_t ms) { nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL); }

static bool ended_well(pid_t pid) {
    int status;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* In a child: open (making it if need be) and save mappers with two tags each, log
 * metrics, rename, delete, until killed or `count` are done.  0 on success. */
static int write_much(const char *path, int writer, int count, mn_bytes weights) {
    mn_store *s;
    mn_store_run *run;
    char name[64];
    if (mn_store_open(path, MN_STORE_CREATE, &s)) return 1;
    mn_store_timeout(s, 60000);
    if (mn_store_model_put(s, "generator", "small", GENERATOR, NULL, NULL) || mn_store_run_begin(s, "train", NULL, writer, &run)) return 2;
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, "w%d-%d-%d", writer, (int)getpid(), i);
        mn_store_mapper m = test_mapper(name, weights);
        m.n_tags = 2;
        m.tags = (const char *[]){"one", "two"};
        if (mn_store_mapper_save(s, &m, 0, NULL)) return 3;
        for (int k = 0; k < 20; k++)
            if (mn_store_run_log(run, 20 * i + k, "loss", 0.5)) return 4;
        if (mn_store_run_set_state(run, weights)) return 5;
        if (i % 5 == 4 && mn_store_mapper_delete(s, name, 0)) return 6;
    }
    if (mn_store_run_finish(run, "complete", NULL) || mn_store_close(s)) return 7;
    return 0;
}

static pid_t fork_writer(const char *path, int writer, int count, mn_bytes weights) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        int code = write_much(path, writer, count, weights);
        if (code) fprintf(stderr, "writer %d stopped at %d: %s\n", writer, code, mn_errmsg());
        _exit(code);
    }
    return pid;
}

/* Writers that all start by creating the library. */
static void test_together(mn_bytes weights) {
    pid_t pids[WRITERS];
    mn_store *s;
    for (int i = 0; i < WRITERS; i++) pids[i] = fork_writer(test_path("together.db"), i, EACH, weights);
    for (int i = 0; i < WRITERS; i++) CHECK(ended_well(pids[i]));
    CHECK_STATUS(MN_OK, mn_store_open(test_path("together.db"), 0, &s));
    test_sound(s);
    CHECK_STATUS(MN_OK, mn_store_close(s));
    CHECK(test_number(test_path("together.db"), "SELECT count(*) FROM mapper") == WRITERS * EACH * 4 / 5);
    CHECK(test_number(test_path("together.db"), "SELECT count(*) FROM metric") == WRITERS * EACH * 20);
    CHECK(test_number(test_path("together.db"), "SELECT count(*) FROM run WHERE status = 'complete'") == WRITERS);
}

/* kill -9 at any moment, from creation on. */
static void test_kill(mn_bytes weights) {
    mn_rng rng = mn_rng_seed(9, 0);
    mn_store *s;
    int saved = 0, killed = 0;
    char name[32];
    static const char mappers_sql[] = "SELECT count(*) FROM mapper";
    for (int round = 0; round < ROUNDS; round++) {
        /* At first a new library each time, later two that grow. */
        snprintf(name, sizeof name, "kill%d.db", round < MAKING ? round : round % 2);
        const char *path = test_path(name);
        int64_t before = round < MAKING ? 0 : test_number(path, mappers_sql);
        pid_t pid = fork_writer(path, round, 100000, weights);
        for (int i = 0; round >= MAKING && i < 5000 && test_number(path, mappers_sql) <= before; i++) pause_ms(1);
        pause_ms(mn_rng_below(&rng, 30));
        kill(pid, SIGKILL);
        int status;
        waitpid(pid, &status, 0);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        mn_status opened = mn_store_open(path, MN_STORE_CREATE, &s);
        CHECK(opened == MN_OK);
        if (opened) {
            fprintf(stderr, "%s\n", mn_errmsg());
            mn_error_clear();
            continue;
        }
        test_sound(s);
        int64_t mappers = test_number(path, mappers_sql);
        CHECK(test_number(path, "SELECT count(*) FROM mapper_tag") == 2 * mappers);      /* saved whole */
        CHECK(test_number(path, "SELECT count(*) FROM mapper_fts") == mappers);
        CHECK(test_number(path, "SELECT count(*) FROM blob WHERE sha256 NOT IN (SELECT sha256 FROM blob_use)") == 0);
        saved += mappers > 0;
        mn_store_gc_result r;
        CHECK_STATUS(MN_OK, mn_store_gc(s, &r));
        CHECK(test_number(path, "SELECT count(*) FROM run WHERE status = 'running'") == 0);   /* the dead writer's */
        CHECK_STATUS(MN_OK, mn_store_close(s));
    }
    CHECK(killed == ROUNDS && saved >= ROUNDS - MAKING);
}

static void test_busy(mn_bytes weights) {
    mn_store *s = test_store("busy.db"), *other = test_store("busy.db");
    mn_store_run *run;
    mn_store_mapper m = test_mapper("smile", weights), *back;
    mn_store_timeout(s, 30);
    CHECK_STATUS(MN_OK, mn_store_run_begin(s, "train", NULL, 0, &run));
    CHECK_STATUS(MN_OK, mn_db_begin(other));
    CHECK_SENTENCE(MN_EBUSY, "is locked by another process (waited 0.0 s)", mn_store_mapper_save(s, &m, 0, NULL));
    CHECK_STATUS(MN_ENOTFOUND, mn_store_mapper_load(s, "smile", &back));        /* reading goes on */
    for (int i = 0; i < 200; i++) CHECK_STATUS(MN_OK, mn_store_run_log(run, i, "loss", i));
    CHECK_STATUS(MN_EBUSY, mn_store_run_flush(run));
    CHECK_STATUS(MN_OK, mn_db_end(other, MN_OK));
    CHECK_STATUS(MN_OK, mn_store_mapper_save(s, &m, 0, NULL));
    CHECK_STATUS(MN_OK, mn_store_run_flush(run));
    int changes = sqlite3_total_changes(s->db);
    CHECK_STATUS(MN_OK, mn_store_run_flush(run));
    CHECK(sqlite3_total_changes(s->db) == changes);         /* nothing is written twice */
    CHECK_STATUS(MN_OK, mn_store_run_finish(run, "complete", NULL));
    CHECK(test_number(test_path("busy.db"), "SELECT count(*) FROM metric") == 200);
    /* A reader sees one moment: what others write meanwhile appears in its next transaction. */
    CHECK_STATUS(MN_OK, mn_db_begin_read(s));
    int64_t n;
    CHECK_STATUS(MN_OK, mn_db_int(s, &n, NULL, "SELECT count(*) FROM mapper", ""));
    CHECK_STATUS(MN_OK, mn_store_mapper_delete(other, "smile", 0));
    CHECK_STATUS(MN_OK, mn_db_int(s, &n, NULL, "SELECT count(*) FROM mapper", ""));
    CHECK(n == 1);
    CHECK_STATUS(MN_OK, mn_db_end(s, MN_OK));
    CHECK_STATUS(MN_OK, mn_store_close(s));
    CHECK_STATUS(MN_OK, mn_store_close(other));
}

/* A library that is not in write-ahead mode yet, with another process in the midst of writing: opening waits for it. */
static void test_open_beside_writer(void) {
    mn_store *s = test_store("journal.db");
    CHECK_STATUS(MN_OK, mn_store_close(s));
    test_sql(test_path("journal.db"), "PRAGMA journal_mode = DELETE");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        sqlite3 *db;
        int rc = sqlite3_open(test_path("journal.db"), &db);
        if (rc == SQLITE_OK) rc = sqlite3_exec(db, "BEGIN IMMEDIATE; UPDATE model SET name = 'busy'", NULL, NULL, NULL);
        pause_ms(200);
        if (rc == SQLITE_OK) rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        _exit(rc != SQLITE_OK);
    }
    pause_ms(100);
    CHECK_STATUS(MN_OK, mn_store_open(test_path("journal.db"), 0, &s));
    CHECK_STATUS(MN_OK, mn_store_close(s));
    CHECK(ended_well(pid));
    CHECK(test_number(test_path("journal.db"), "SELECT count(*) FROM model WHERE name = 'busy'") == 1);
    CHECK(test_number(test_path("journal.db"), "SELECT journal_mode = 'wal' FROM pragma_journal_mode") == 1);
}

/* Others can write while the library is being checked: here, whenever a problem is reported. */
static void write_meanwhile(void *user, const char *sentence) {
    CHECK(strstr(sentence, "weights of mapper 'smile'") != NULL);
    CHECK(mn_store_mapper_tag(user, "smile", "meanwhile") == MN_OK);
}

static void test_verify_beside_writers(mn_bytes weights) {
    mn_store *s = test_store("checked.db"), *other = test_store("checked.db");
    mn_store_mapper m = test_mapper("smile", weights);
    int problems;
    mn_store_timeout(other, 0);
    CHECK_STATUS(MN_OK, mn_store_mapper_save(s, &m, 0, NULL));
    test_sql(test_path("checked.db"), "UPDATE blob SET data = zeroblob(size)");
    CHECK_STATUS(MN_OK, mn_store_verify(s, write_meanwhile, other, &problems));
    CHECK(problems == 1);
    CHECK_STATUS(MN_OK, mn_store_close(other));
    CHECK_STATUS(MN_OK, mn_store_close(s));
}

static void test_full(mn_bytes weights) {
    mn_store *s = test_store("full.db");
    mn_store_mapper m = test_mapper("smile", weights);
    int64_t pages;
    char sql[64];
    CHECK_STATUS(MN_OK, mn_db_int(s, &pages, NULL, "PRAGMA page_count", ""));
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld", (long long)pages + 1);
    CHECK_STATUS(MN_OK, mn_db_exec(s, sql));
    CHECK_SENTENCE(MN_EIO, "saving mapper 'smile': library", mn_store_mapper_save(s, &m, 0, NULL));
    CHECK_STATUS(MN_OK, mn_db_exec(s, "PRAGMA max_page_count = 100000"));
    test_sound(s);
    CHECK_STATUS(MN_OK, mn_store_mapper_save(s, &m, 0, NULL));
    CHECK_STATUS(MN_OK, mn_store_close(s));
}

/* ---- allocations inside SQLite that fail -------------------------------- */

static sqlite3_mem_methods real_memory;
static long until_failure = -1;                              /* -1: never */
static bool fails(void) { return until_failure >= 0 && until_failure-- == 0; }
static void *failing_malloc(int n) { return fails() ? NULL : real_memory.xMalloc(n); }
static void *failing_realloc(void *p, int n) { return fails() ? NULL : real_memory.xRealloc(p, n); }

static void use_failing_memory(void) {
    sqlite3_mem_methods memory;
    CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) == SQLITE_OK);
    memory = real_memory;
    memory.xMalloc = failing_malloc;
    memory.xRealloc = failing_realloc;
    CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) == SQLITE_OK);
}

/* Allocation 0, 1, 2... fails until opening, saving and reading back succeed. */
static void test_memory(mn_bytes weights) {
    mn_store *s = test_store("memory.db");
    CHECK_STATUS(MN_OK, mn_store_close(s));
    int failures = 0, odd = 0;
    long n = 0;
    for (bool done = false; !done; n += 1 + n / 50) {       /* every early one, a sample of the later ones */
        mn_store_mapper m = test_mapper("smile", weights), *back = NULL;
        mn_store_mapper_rows *rows = NULL;
        until_failure = n;
        if (mn_store_open(test_path("memory.db"), 0, &s) == MN_OK && mn_store_mapper_save(s, &m, MN_STORE_REPLACE, NULL) == MN_OK &&
            mn_store_mapper_load(s, "smile", &back) == MN_OK) mn_store_mapper_list(s, &(mn_store_filter){.words = "smile"}, &rows);
        done = until_failure >= 0;                           /* it was not reached */
        until_failure = -1;
        failures += mn_errcode() != MN_OK;
        if (mn_errcode() != MN_OK && mn_errcode() != MN_ENOMEM) {
            odd++;
            fprintf(stderr, "allocation %ld: code %d, %s\n", n, mn_errcode(), mn_errmsg());
        }
        mn_error_clear();
        mn_store_mapper_free(back);
        mn_store_mapper_rows_free(rows);
        CHECK_STATUS(MN_OK, mn_store_close(s));
    }
    CHECK(failures > 100);
    CHECK(odd == 0);
    CHECK_STATUS(MN_OK, mn_store_open(test_path("memory.db"), 0, &s));
    test_sound(s);
    CHECK_STATUS(MN_OK, mn_store_close(s));
    CHECK(sqlite3_memory_used() == 0);
}

int main(void) {
    use_failing_memory();
    test_folder_make();
    mn_bytes weights = test_weights(20000, 1);
    test_together(weights);
    test_kill(weights);
    test_busy(weights);
    test_open_beside_writer();
    test_verify_beside_writers(weights);
    test_full(weights);
    test_memory(weights);
    free((void *)weights.data);
    test_folder_remove();
    return check_done("store_crash");
}
