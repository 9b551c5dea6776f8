/* test_hostile.c -- what every reader of foreign files promises: it never takes more than 64 MB beyond the file and the numbers in it,
 * nothing is ever run, and whatever is wrong is a sentence that names the file.  Each case is read by a process of its own, whose memory
 * the system counts.  (Single lies are in test_pickle.c, test_zip.c, test_torchfile.c, test_torch_forms.c and test_safetensors.c.) */
#include <sys/resource.h>
#include <sys/wait.h>
#include <zlib.h>
#include "check.h"
#include "io/file.h"
#include "io/import.h"
#include "io/inspect.h"
#include "io/torchfile.h"
#include "scratch.h"
#include "zip_emit.h"

#define GOLDEN "tests/golden/ckpt/"
#if defined(__SANITIZE_ADDRESS__)
enum { COUNTED = 0 };                            /* the sanitizer's own memory would be counted */
#else
enum { COUNTED = 1 };
#endif

static char path[256], out[256], canary[256];

static double most_memory(void) {
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_maxrss * 1024;
}

/* 0: an error that names the file; 1: read to the end; 2: an error without its name; 3: more memory than promised */
static int read_file(double data) {
    const double before = most_memory();
    mn_scope scope = mn_scope_open();
    mn_torch *t = mn_torch_open(path);
    mn_torch_dict *d = t ? mn_torch_dict_new(t, NULL) : NULL;
    for (int i = 0; d && i < mn_torch_dict_count(d); i++) mn_torch_tensor(t, mn_torch_dict_value(d, i));
    const int result = !mn_errcode() ? 1 : strstr(mn_errmsg(), path) ? 0 : 2;
    if (result == 2) fprintf(stderr, "no file named in: %s\n", mn_errmsg());
    const double taken = most_memory() - before;
    if (COUNTED && taken > data + (64 << 20)) {
        fprintf(stderr, "%.0f MB taken for %.0f MB\n", taken / 1048576, data / 1048576);
        return 3;
    }
    mn_torch_dict_free(d);
    mn_torch_close(t);
    mn_scope_close(scope);
    return result;
}

/* The bytes as a file, read by another process.  beside: bytes that are data too, in another form in the file (escaped). */
static int outcome(const emit *e, double beside) {
    int status;
    CHECK(scratch_write(path, e->b, e->n));
    fflush(stdout);
    const pid_t child = fork();
    if (!child) _exit(read_file((double)e->n + beside));
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void repeat(emit *e, int n, const char *what) {
    for (int i = 0; i < n; i++) ops(e, what);
}

static void pickles(void) {
    static const struct { const char *first, *again; int times; const char *last; int result, texts; } cases[] = {
        {"(", ")", 1000000, "t.", 1, 0},                    /* a million empty tuples side by side, */
        {")", "\x85", 1000000, ".", 1, 0},                  /* inside each other, */
        {"N", "\x85", 3000000, ".", 0, 0},                  /* three million */
        {"", "]", 3000000, ".", 0, 0},
        {"", "}", 3000000, ".", 0, 0},
        {"", "(", 20000000, ".", 0, 0},
        {"]", "2", 20000000, ".", 0, 0},                    /* one value, pushed again and again */
        {"N", "\x94", 4000000, ".", 1, 0},                  /* remembered four million times, */
        {"N", "r\xff\xff\xff\x7f", 1, ".", 0, 0},           /* at place 2^31, */
        {"N", "p99999999999999\n", 1, ".", 0, 0},           /* and further */
        {"", "K\x01", 5000000, ".", 0, 0},
        {"", "cos\nsystem\n", 1000000, ".", 1, 0},
        {"", "V\\u1234\n", 4000000, ".", 0, 24000000},
        {"", "I1234567\n", 1500000, ".", 1, 0},
        {"\x80\x04", "\x95\xff\xff\xff\xff\xff\xff\xff\x7f", 1, "N.", 0, 0},
        {"", "X\xff\xff\xff\xff", 1, "a.", 0, 0},           /* a text of 4 GB */
        {"", "\x8e\xff\xff\xff\xff\xff\xff\xff\x7f", 1, "a.", 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        emit e = {0};
        ops(&e, cases[i].first);
        repeat(&e, cases[i].times, cases[i].again);
        ops(&e, cases[i].last);
        const int result = outcome(&e, cases[i].texts);
        if (result != cases[i].result) fprintf(stderr, "pickle %zu: %d\n", i, result);
        CHECK(result == cases[i].result);
        emit_free(&e);
    }
}

/* A list, a dict and an object's state that contain themselves. */
static void cycles(void) {
    static const char *const cyclic[] = {"]q\x01h\x01" "a.", "}q\x01X\x01\x00\x00\x00" "ah\x01s.", "cm\nC\n)\x81q\x01}X\x01\x00\x00\x00" "ah\x01sb.", "]q\x01(h\x01ta."};
    static const size_t size[] = {7, 14, 22, 9};
    for (int i = 0; i < 4; i++) {
        emit e = {0};
        put(&e, cyclic[i], size[i]);
        CHECK(outcome(&e, 0) == 1);
        emit_free(&e);
    }
}

/* A member that inflates to far more than it has. */
static void bombs(void) {
    const uLong size = 256 << 20;
    uLongf packed_size = compressBound(size);
    unsigned char *zeros = calloc(1, size), *packed = malloc(packed_size);
    z_stream z = {.next_in = zeros, .avail_in = (uInt)size, .next_out = packed, .avail_out = (uInt)packed_size};
    CHECK(zeros && packed && deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) == Z_OK && deflate(&z, Z_FINISH) == Z_STREAM_END);
    packed_size = z.total_out;
    deflateEnd(&z);
    const uint32_t sum = (uint32_t)crc32(0, zeros, (uInt)size);
    free(zeros);
    for (int claimed = 0; claimed < 3; claimed++) {      /* its true size, a small one, one beyond the ratio of deflate */
        const uint64_t says = claimed == 0 ? size : claimed == 1 ? 100 : 0xfffffff0u;
        emit e = {0};
        static const char *const names[] = {"x/data.pkl", "data.npy"};
        for (int k = 0; k < 2; k++) {
            e.n = 0;
            ops(&e, "PK\3\4"); number(&e, 0x00080014, 4); number(&e, 8, 2); number(&e, 0, 4); number(&e, sum, 4); number(&e, packed_size, 4); number(&e, says, 4);
            number(&e, strlen(names[k]), 2); number(&e, 0, 2); ops(&e, names[k]);
            put(&e, packed, packed_size);
            const size_t directory = e.n;
            ops(&e, "PK\1\2"); number(&e, 0x00140014, 4); number(&e, 0, 2); number(&e, 8, 2); number(&e, 0, 4); number(&e, sum, 4); number(&e, packed_size, 4); number(&e, says, 4);
            number(&e, strlen(names[k]), 2); number(&e, 0, 2); number(&e, 0, 2); number(&e, 0, 8); number(&e, 0, 4); ops(&e, names[k]);
            const size_t total = e.n - directory;
            ops(&e, "PK\5\6"); number(&e, 0, 4); number(&e, 1, 2); number(&e, 1, 2); number(&e, total, 4); number(&e, directory, 4); number(&e, 0, 2);
            CHECK(outcome(&e, 0) == 0);
        }
        emit_free(&e);
    }
    free(packed);
}

/* Descriptions of more numbers than there are. */
static void shapes(void) {
    static const char *const npy[] = {"{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }", "{'descr': '<f8', 'fortran_order': True, 'shape': (1000000, 1000000), }",
                                      "{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }", "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9), }"};
    for (int i = 0; i < 4; i++) {
        emit e = {0};
        put(&e, "\x93NUMPY\x01\x00", 8); number(&e, strlen(npy[i]) + 1, 2); ops(&e, npy[i]); ops(&e, "\n0123456789abcdef");
        CHECK(outcome(&e, 0) == 0);
        emit_free(&e);
    }
    static const int64_t sizes[][2] = {{1ll << 40, 1}, {1ll << 40, 1ll << 40}, {-1, 4}, {30000000, 1}};
    for (int i = 0; i < 4; i++) {
        for (int64_t stride = -1; stride < 2; stride++) {
            emit e = {0};
            legacy_head(&e);
            ops(&e, "\x80\x02}"); text(&e, "w");
            tensor(&e, "FloatStorage", "k", 4, 0, 2, sizes[i], (int64_t[]){stride, stride});
            ops(&e, "s.\x80\x02]"); text(&e, "k"); ops(&e, "a.");
            number(&e, 4, 8); put(&e, (float[4]){0}, 16);
            CHECK(outcome(&e, 0) == 0);
            emit_free(&e);
        }
    }
}

/* os.system, exec and friends, in every form that a pickle has for calling them: no reader, importer or inspector runs anything. */
static void execution(void) {
    char command[300];
    snprintf(command, sizeof command, "touch %s", canary);
    static const char *const modules[] = {"os", "posix", "builtins", "__builtin__", "subprocess"}, *const names[] = {"system", "system", "eval", "exec", "call"};
    for (int i = 0; i < 5; i++)
        for (int form = 0; form < 5; form++) {
            emit e = {0};
            if (form == 0) { global(&e, modules[i], names[i]); op(&e, '('); text(&e, command); ops(&e, "tR."); }
            else if (form == 1) { ops(&e, "("); text(&e, command); op(&e, 'i'); ops(&e, modules[i]); op(&e, '\n'); ops(&e, names[i]); ops(&e, "\n."); }
            else if (form == 2) { ops(&e, "("); global(&e, modules[i], names[i]); text(&e, command); ops(&e, "o."); }
            else if (form == 3) { ops(&e, "\x80\x04"); text(&e, modules[i]); text(&e, names[i]); op(&e, 0x93); text(&e, command); ops(&e, "\x85\x81."); }
            else { ops(&e, "}"); text(&e, "state_dict"); global(&e, modules[i], names[i]); op(&e, '('); text(&e, command); ops(&e, "tRs."); }
            CHECK(scratch_write(path, e.b, e.n));
            CHECK(outcome(&e, 0) <= 1);
            static const char *const kinds[] = {"next3d", "clip", "arcface", "emoca", "flame", "inception"};
            for (int k = 0; k < 6; k++) {
                CHECK(mn_import(kinds[k], 1, (const char *[]){path}, out, NULL, NULL) != MN_OK && strstr(mn_errmsg(), path));
                mn_error_clear();
            }
            emit_free(&e);
            CHECK(access(canary, F_OK) != 0);
        }
}

/* Imports of files cut at every 1 % and with bits flipped: an error that names the file, or a model; nothing is left behind. */
static void imports(void) {
    static const struct { const char *kind, *file; } sources[] = {{"next3d", GOLDEN "next3d.pkl"}, {"flame", GOLDEN "flame.pkl"}};
    for (int s = 0; s < 2; s++) {
        size_t n;
        char *good = mn_file_read(sources[s].file, 1 << 22, &n);
        CHECK(good != NULL);
        if (!good) continue;
        int refused = 0, answered = 0;
        for (int percent = 0; percent < 100; percent++) {
            CHECK(scratch_write(path, good, n * (size_t)percent / 100));
            refused += mn_import(sources[s].kind, 1, (const char *[]){path}, out, NULL, NULL) != MN_OK && strstr(mn_errmsg(), path) && access(out, F_OK);
            mn_error_clear();
        }
        CHECK(refused == 100);
        mn_rng rng = mn_rng_seed(7, 0);
        for (int turn = 0; turn < 300; turn++) {
            const int64_t bit = mn_rng_below(&rng, 8 * (int64_t)n);
            good[bit / 8] ^= (char)(1 << bit % 8);
            CHECK(scratch_write(path, good, n));
            const bool done = mn_import(sources[s].kind, 1, (const char *[]){path}, out, NULL, NULL) == MN_OK;
            const bool named = done || strstr(mn_errmsg(), path);
            if (!named) fprintf(stderr, "no file named in: %s\n", mn_errmsg());
            answered += named;
            mn_error_clear();
            unlink(out);
            good[bit / 8] ^= (char)(1 << bit % 8);
        }
        CHECK(answered == 300);
        free(good);
    }
}

static void ignore(void *arg, const char *line) { ++*(int64_t *)arg; (void)line; }

/* `mien inspect` of everything above that is large: it answers, in lines that someone may read. */
static void inspections(void) {
    emit e = {0};
    int64_t lines = 0;
    op(&e, '(');
    repeat(&e, 1000000, ")");
    ops(&e, "t.");
    CHECK(scratch_write(path, e.b, e.n));
    CHECK_STATUS(MN_OK, mn_inspect(path, ignore, &lines));
    e.n = 0;
    op(&e, ')');
    repeat(&e, 1000000, "\x85");
    op(&e, '.');
    CHECK(scratch_write(path, e.b, e.n));
    CHECK_STATUS(MN_OK, mn_inspect(path, ignore, &lines));
    CHECK(lines > 2 && lines < 10000);

    /* a safetensors header of more numbers than any model's */
    static const char front[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[";
    const uint64_t length = sizeof front - 1 + 2 * 300000 + 3;
    e.n = 0;
    number(&e, length, 8);
    ops(&e, front);
    repeat(&e, 300000, "1,");
    ops(&e, "1]}");
    CHECK(scratch_write(path, e.b, e.n));
    CHECK(mn_inspect(path, ignore, &lines) == MN_EFORMAT && strstr(mn_errmsg(), "JSON: more than 262144 values"));
    mn_error_clear();
    emit_free(&e);
}

int main(void) {
    scratch_name(path, ".file");
    scratch_name(out, ".safetensors");
    scratch_name(canary, ".canary");
    pickles();
    cycles();
    bombs();
    shapes();
    execution();
    imports();
    inspections();
    unlink(path);
    return check_done("hostile");
}
