/* Torch and numpy files in their rarer forms: big-endian, views of storages, newer rebuild functions, parameters,
 * storages packed twice; and sparse matrices and state dicts that lie. */
#include "check.h"
#include "io/torchfile.h"
#include "zip_emit.h"

static mn_torch *open_bytes(const emit *e) {
    uint8_t *copy = malloc(e->n);
    memcpy(copy, e->b, e->n);
    mn_mapping *m = mn_mapping_adopt(copy, e->n);
    mn_torch *t = mn_torch_open_bytes(m, "made-up");
    mn_mapping_release(m);
    return t;
}

/* The root tensor of the file. */
static mn_tensor *root_of(const emit *e) {
    mn_torch *t = open_bytes(e);
    mn_tensor *x = t ? mn_torch_tensor(t, mn_torch_root(t)) : NULL;
    mn_torch_close(t);
    return x;
}

static bool failed_with(const char *what) {
    bool ok = mn_errcode() && strstr(mn_errmsg(), what);
    if (!ok) fprintf(stderr, "expected an error with '%s', found '%s'\n", what, mn_errmsg());
    mn_error_clear();
    return ok;
}

static bool is(mn_tensor *t, int n, const double *want) {
    if (!t || mn_count(t) != n) return false;
    for (int i = 0; i < n; i++)
        if (mn_item(t, i) != want[i]) return false;
    return true;
}
#define IS(t, ...) is(t, (int)(sizeof((double[]){ __VA_ARGS__ }) / sizeof(double)), (double[]){ __VA_ARGS__ })
#define D(...) (int64_t[]){ __VA_ARGS__ }

static const uint8_t big_floats[] = { 0x3f, 0x80, 0, 0, 0x40, 0, 0, 0, 0xc0, 0x40, 0, 0 };      /* 1, 2, -3 */

static void big_endian(void) {
    emit e = { 0 };
    ops(&e, "\x80\x02\x8a"); put(&e, "\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 12);
    ops(&e, "\x80\x02M\xe9\x03.\x80\x02}"); text(&e, "little_endian"); ops(&e, "\x89s.\x80\x02");
    tensor(&e, "FloatStorage", "k", 3, 0, 1, D(3), D(1));
    ops(&e, ".\x80\x02]"); text(&e, "k"); ops(&e, "a.");
    put(&e, "\0\0\0\0\0\0\0\3", 8); put(&e, big_floats, 12);
    CHECK(IS(root_of(&e), 1, 2, -3));
    e.n = 0;
    ops(&e, "\x80\x02"); tensor(&e, "FloatStorage", "k", 3, 0, 1, D(3), D(1)); ops(&e, ".");
    size_t directory;
    const member members[] = { { "x/data.pkl", e.b, e.n }, { "x/byteorder", "big", 3 }, { "x/data/k", big_floats, 12 } };
    emit z = archive(3, members, WIDE, "", &directory);
    CHECK(IS(root_of(&z), 1, 2, -3));
    emit_free(&z);
    z = archive(2, members, 0, "", &directory);
    CHECK(!root_of(&z) && failed_with("expected a storage in zip member 'x/data/k'"));
    emit_free(&z);
    const member few[] = { { "x/data.pkl", e.b, e.n }, { "x/data/k", big_floats, 8 } };
    z = archive(2, few, 0, "", &directory);
    CHECK(!root_of(&z) && failed_with("has 8 bytes, expected 3 elements of 4 bytes"));
    emit_free(&z);
    emit_free(&e);
}

/* A legacy file whose pickle is `body`, over one storage of the floats 0..n-1 with key "k". */
static emit legacy(const emit *body, int n) {
    emit e = { 0 };
    legacy_head(&e);
    ops(&e, "\x80\x02"); put(&e, body->b, body->n);
    ops(&e, ".\x80\x02]"); text(&e, "k"); ops(&e, "a.");
    number(&e, (uint64_t)n, 8);
    for (int i = 0; i < n; i++) put(&e, &(float){ (float)i }, 4);
    return e;
}

static void storage(emit *e, const char *module, const char *cls, int numel) {
    op(e, '('); text(e, "storage"); global(e, module, cls); text(e, "k"); text(e, "cpu"); integer(e, numel);
}

static void rebuilds(void) {
    emit b = { 0 };
    /* a storage that is a view of elements 2..5 of another; first version of the rebuild function */
    global(&b, "torch._utils", "_rebuild_tensor"); ops(&b, "(");
    storage(&b, "torch", "FloatStorage", 8); ops(&b, "("); text(&b, "k2"); integer(&b, 2); integer(&b, 4); ops(&b, "ttQ");
    integer(&b, 1); dims(&b, 1, D(3)); dims(&b, 1, D(1)); ops(&b, "tR");
    emit e = legacy(&b, 8);
    CHECK(IS(root_of(&e), 3, 4, 5));
    emit_free(&e);
    b.n = 0;
    global(&b, "torch._utils", "_rebuild_tensor"); ops(&b, "(");
    storage(&b, "torch", "FloatStorage", 8); ops(&b, "("); text(&b, "k2"); integer(&b, 6); integer(&b, 4); ops(&b, "ttQ");
    integer(&b, 0); dims(&b, 1, D(3)); dims(&b, 1, D(1)); ops(&b, "tR");
    e = legacy(&b, 8);
    CHECK(!root_of(&e) && failed_with("a storage that is a view"));
    emit_free(&e);
    /* third version: untyped storage of bytes, dtype by name; inside a parameter inside a tensor subclass */
    b.n = 0;
    global(&b, "torch._tensor", "_rebuild_from_type_v2"); ops(&b, "(");
    global(&b, "torch._utils", "_rebuild_parameter"); global(&b, "mine", "Special"); ops(&b, "(");
    global(&b, "torch._utils", "_rebuild_tensor_v3"); ops(&b, "(");
    storage(&b, "torch.storage", "UntypedStorage", 16); ops(&b, "tQ");
    integer(&b, 1); dims(&b, 1, D(2)); dims(&b, 1, D(2)); op(&b, 0x89); op(&b, '}'); global(&b, "torch", "float32"); ops(&b, "tR");
    op(&b, 0x88); ops(&b, "}t}tR");
    e = (emit){ 0 };
    legacy_head(&e);
    ops(&e, "\x80\x02"); put(&e, b.b, b.n); ops(&e, ".\x80\x02]"); text(&e, "k"); ops(&e, "a."); number(&e, 16, 8);
    for (int i = 0; i < 4; i++) put(&e, &(float){ 10.0f + (float)i }, 4);
    CHECK(IS(root_of(&e), 11, 13));
    emit_free(&e);
    emit_free(&b);
}

/* _load_from_bytes: a file in a file, once and once too often unescaped. */
static void nested(void) {
    emit inner = { 0 }, b = { 0 };
    storage(&b, "torch", "FloatStorage", 4); ops(&b, "NtQ");
    inner = legacy(&b, 4);
    emit e = { 0 };
    global(&e, "torch._utils", "_rebuild_tensor_v2"); ops(&e, "(");
    global(&e, "torch.storage", "_load_from_bytes"); op(&e, '('); bytes(&e, inner.b, inner.n); ops(&e, "tR");
    integer(&e, 0); dims(&e, 2, D(2, 2)); dims(&e, 2, D(1, 2)); ops(&e, "\x89}tR.");
    CHECK(IS(root_of(&e), 0, 2, 1, 3));
    e.n = 0;                    /* the inner file's storage is itself bytes that had to be unescaped: they die with the inner file */
    emit deep = { 0 };
    global(&deep, "torch.storage", "_load_from_bytes"); op(&deep, '('); global(&deep, "_codecs", "encode"); op(&deep, '(');
    emit utf = { 0 };
    for (size_t i = 0; i < inner.n; i++) {
        if (inner.b[i] < 0x80) op(&utf, inner.b[i]);
        else op(&utf, 0xc0 | inner.b[i] >> 6), op(&utf, 0x80 | (inner.b[i] & 63));
    }
    op(&deep, 'X'); number(&deep, utf.n, 4); put(&deep, utf.b, utf.n); text(&deep, "latin1"); ops(&deep, "tRtR.");
    global(&e, "torch._utils", "_rebuild_tensor_v2"); ops(&e, "(");
    global(&e, "torch.storage", "_load_from_bytes"); op(&e, '('); bytes(&e, deep.b, deep.n); ops(&e, "tR");
    integer(&e, 0); dims(&e, 1, D(4)); dims(&e, 1, D(1)); ops(&e, "\x89}tR.");
    CHECK(!root_of(&e) && failed_with("packed twice"));
    emit_free(&e), emit_free(&inner), emit_free(&b), emit_free(&deep), emit_free(&utf);
}

/* numpy.core.numeric._frombuffer(bytes, '<i4' or '<f4', (n,), 'C') */
static void array(emit *e, const char *dtype, int n, const void *numbers) {
    global(e, "numpy.core.numeric", "_frombuffer"); op(e, '('); bytes(e, numbers, 4 * (size_t)n); text(e, dtype); dims(e, 1, D(n)); text(e, "C"); ops(e, "tR");
}

static mn_tensor *sparse(const char *kind, int rows, int columns, int n, const float *data, const int32_t *indices, int lines, const int32_t *indptr) {
    emit e = { 0 };
    global(&e, strcmp(kind, "csc_matrix") ? "scipy.sparse._csr" : "scipy.sparse._csc", kind); ops(&e, ")\x81}(");
    text(&e, "_shape"); dims(&e, 2, D(rows, columns)); text(&e, "data"); array(&e, "<f4", n, data); text(&e, "indices"); array(&e, "<i4", n, indices);
    text(&e, "indptr"); array(&e, "<i4", lines, indptr); ops(&e, "ub.");
    mn_tensor *t = root_of(&e);
    emit_free(&e);
    return t;
}
#define F(...) (float[]){ __VA_ARGS__ }
#define I(...) (int32_t[]){ __VA_ARGS__ }

static void sparse_matrices(void) {
    CHECK(IS(sparse("csr_matrix", 2, 3, 3, F(1, 2, 3), I(0, 2, 1), 3, I(0, 2, 3)), 1, 0, 2, 0, 3, 0));
    CHECK(IS(sparse("csc_matrix", 2, 3, 3, F(1, 2, 3), I(0, 1, 0), 4, I(0, 1, 2, 3)), 1, 0, 3, 0, 2, 0));
    CHECK(!sparse("csr_matrix", 2, 3, 3, F(1, 2, 3), I(0, 3, 1), 3, I(0, 2, 3)) && failed_with("integers inside its shape"));
    CHECK(!sparse("csr_matrix", 2, 3, 3, F(1, 2, 3), I(0, -1, 1), 3, I(0, 2, 3)) && failed_with("integers inside its shape"));
    CHECK(!sparse("csr_matrix", 2, 3, 3, F(1, 2, 3), I(0, 0, 1), 3, I(0, 2, 3)) && failed_with("each entry once"));
    CHECK(!sparse("csr_matrix", 2, 3, 3, F(1, 2, 3), I(0, 2, 1), 3, I(0, 2, 4)) && failed_with("ascending integers"));
    CHECK(!sparse("csr_matrix", 2, 3, 3, F(1, 2, 3), I(0, 2, 1), 3, I(2, 0, 3)) && failed_with("ascending integers"));
    CHECK(!sparse("csr_matrix", 2, 3, 3, F(1, 2, 3), I(0, 2, 1), 2, I(0, 3)) && failed_with("one indptr more than lines"));
    CHECK(!sparse("csr_matrix", 2, 1 << 30, 3, F(1, 2, 3), I(0, 2, 1), 3, I(0, 2, 3)) && failed_with("at most 8 million elements"));
}

static void state_dicts(void) {
    emit b = { 0 };                     /* the keys 1 and '1' give one name */
    ops(&b, "}("); integer(&b, 1); tensor(&b, "FloatStorage", "k", 2, 0, 1, D(2), D(1)); text(&b, "1"); tensor(&b, "FloatStorage", "k", 2, 0, 1, D(1), D(1)); ops(&b, "u");
    emit e = legacy(&b, 2);
    mn_torch *t = open_bytes(&e);
    CHECK(t && !mn_torch_dict_new(t, NULL) && failed_with("two tensors are called 1"));
    mn_torch_close(t);
    emit_free(&e);
    b.n = 0;                            /* one storage described as two sizes */
    ops(&b, "("); tensor(&b, "FloatStorage", "k", 2, 0, 1, D(2), D(1)); tensor(&b, "FloatStorage", "k", 1, 0, 1, D(1), D(1)); ops(&b, "t");
    e = legacy(&b, 2);
    CHECK(!open_bytes(&e) && failed_with("storage 'k' is described in two ways"));
    emit_free(&e);
    b.n = 0;                            /* modules 200 deep */
    for (int i = 0; i < 200; i++) ops(&b, "}"), text(&b, "m");
    ops(&b, "N");
    for (int i = 0; i < 200; i++) ops(&b, "s");
    ops(&b, ".");
    t = open_bytes(&b);
    CHECK(t && !mn_torch_dict_new(t, NULL) && failed_with("nested more than 100 deep"));
    mn_torch_close(t);
    emit_free(&b);
}

int main(void) {
    mn_scope scope = mn_scope_open();
    big_endian();
    rebuilds();
    nested();
    sparse_matrices();
    state_dicts();
    mn_scope_close(scope);
    CHECK(mn_memory_stats().tensors == 0);
    return check_done("torch_forms");
}
