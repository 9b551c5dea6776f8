/* Torch, TorchScript, pickle and numpy files: the golden ones (tests/golden/ckpt/make.py wrote them), then made-up and
 * damaged ones.  Element k of a golden tensor is k / 2 - 3 (floats), k - 3 (integers), k (unsigned) or k % 3 == 0 (bool). */
#include <stdlib.h>
#include "check.h"
#include "io/file.h"
#include "io/inspect.h"
#include "io/torchfile.h"
#include "io/zip.h"
#include "pickle_emit.h"
#include "scratch.h"

#define GOLDEN "tests/golden/ckpt/"

static mn_torch *open_emit(const emit *e) {
    uint8_t *copy = malloc(e->n ? e->n : 1);
    memcpy(copy, e->b, e->n);
    mn_mapping *m = mn_mapping_adopt(copy, e->n);
    mn_torch *t = mn_torch_open_bytes(m, "made-up");
    mn_mapping_release(m);
    return t;
}

static bool failed_with(const char *what) {
    bool ok = mn_errcode() && strstr(mn_errmsg(), what);
    if (!ok) fprintf(stderr, "expected an error with '%s', found '%s'\n", what, mn_errmsg());
    mn_error_clear();
    return ok;
}

static double half(uint16_t h) {
    int e = h >> 10 & 31, m = h & 1023;
    double x = e ? ldexp(1 + m / 1024.0, e - 15) : ldexp(m / 1024.0, -14);
    return h >> 15 ? -x : x;
}

static double at(mn_tensor *t, int64_t i) { return mn_dtype_of(t) == MN_F16 ? half(((uint16_t *)mn_data(t))[i]) : mn_item(t, i); }

typedef enum ramp { FLOATS, INTEGERS, UNSIGNED, BOOLS } ramp;

/* The tensor has this dtype, shape and the ramp's numbers. */
static bool is_ramp(mn_tensor *t, mn_dtype dtype, int rows, int columns, ramp kind) {
    if (!t || mn_dtype_of(t) != dtype || mn_ndim(t) != 2 || mn_dim(t, 0) != rows || mn_dim(t, 1) != columns) return false;
    for (int64_t k = 0; k < mn_count(t); k++) {
        double want = kind == FLOATS ? k / 2.0 - 3 : kind == INTEGERS ? k - 3.0 : kind == UNSIGNED ? (double)k : k % 3 == 0;
        if (at(t, k) != want) return false;
    }
    return true;
}

static mn_tensor *named(mn_torch *t, const char *name) { return mn_torch_tensor(t, mn_pkl_get(mn_torch_root(t), name)); }

static void check_state(const char *path, mn_torch_container container, bool in_place) {
    mn_scope scope = mn_scope_open();
    mn_torch *t = mn_torch_open(path);
    mn_torch_dict *d = t ? mn_torch_dict_new(t, NULL) : NULL;
    CHECK(d && mn_torch_container_of(t) == container && mn_torch_dict_count(d) == 17);
    if (!d) return;
    static const struct { const char *name; mn_dtype dtype; ramp kind; } kinds[] = {
        { "kind.f32", MN_F32, FLOATS }, { "kind.f64", MN_F64, FLOATS }, { "kind.f16", MN_F16, FLOATS }, { "kind.bf16", MN_F32, FLOATS },
        { "kind.i64", MN_I32, INTEGERS }, { "kind.i32", MN_I32, INTEGERS }, { "kind.i16", MN_I32, INTEGERS }, { "kind.i8", MN_I32, INTEGERS },
        { "kind.u8", MN_U8, UNSIGNED }, { "kind.bool", MN_U8, BOOLS } };
    for (int i = 0; i < 10; i++) {
        CHECK(!strcmp(mn_torch_dict_name(d, i), kinds[i].name));
        CHECK(is_ramp(mn_torch_dict_tensor(t, d, kinds[i].name), kinds[i].dtype, 3, 5, kinds[i].kind));
    }
    CHECK(is_ramp(mn_torch_dict_tensor(t, d, "transposed"), MN_F32, 4, 3, FLOATS));
    mn_tensor *inside = mn_torch_dict_tensor(t, d, "inside"), *whole = mn_torch_dict_tensor(t, d, "whole"), *expanded = mn_torch_dict_tensor(t, d, "expanded");
    CHECK(is_ramp(inside, MN_F32, 2, 6, FLOATS));
    CHECK(whole && mn_count(whole) == 17 && mn_item(whole, 4) == 99 && mn_item(whole, 6) == -2.5);
    CHECK((whole && inside && mn_data(inside) == (char *)mn_data(whole) + 20) == in_place);      /* one storage, not copied */
    CHECK(expanded && mn_count(expanded) == 6 && mn_item(expanded, 5) == 7);
    mn_tensor *scalar = mn_torch_dict_tensor(t, d, "scalar"), *empty = mn_torch_dict_tensor(t, d, "empty");
    CHECK(scalar && mn_ndim(scalar) == 0 && mn_item(scalar, 0) == -3);
    CHECK(empty && mn_count(empty) == 0 && mn_dim(empty, 1) == 4);
    CHECK(is_ramp(mn_torch_dict_tensor(t, d, "parameter"), MN_F32, 2, 2, FLOATS));
    CHECK(!mn_torch_dict_tensor(t, d, "missing") && mn_errcode() == MN_ENOTFOUND && failed_with("missing"));
    mn_torch_dict_free(d);
    mn_torch_close(t);
    CHECK(is_ramp(inside, MN_F32, 2, 6, FLOATS));       /* outlives the file */
    mn_scope_close(scope);
}

static void script_and_module(void) {
    mn_scope scope = mn_scope_open();
    mn_torch *t = mn_torch_open(GOLDEN "script.pt");
    mn_torch_dict *d = t ? mn_torch_dict_new(t, NULL) : NULL;
    CHECK(d && mn_torch_container_of(t) == MN_TORCH_SCRIPT && mn_torch_dict_count(d) == 4);
    CHECK(d && is_ramp(mn_torch_dict_tensor(t, d, "weight"), MN_F32, 3, 2, FLOATS) && is_ramp(mn_torch_dict_tensor(t, d, "inner.weight"), MN_F32, 2, 2, FLOATS));
    CHECK(d && mn_item(mn_torch_dict_tensor(t, d, "inner.step"), 0) == 41);
    mn_torch_dict_free(d);
    mn_torch_close(t);

    t = mn_torch_open(GOLDEN "module.pkl");
    d = t ? mn_torch_dict_new(t, mn_pkl_get(mn_torch_root(t), "G_ema")) : NULL;
    CHECK(d && mn_torch_container_of(t) == MN_TORCH_PICKLE && mn_torch_dict_count(d) == 3);
    CHECK(d && is_ramp(mn_torch_dict_tensor(t, d, "weight"), MN_F32, 3, 2, FLOATS) && mn_item(mn_torch_dict_tensor(t, d, "steps"), 0) == 41);
    CHECK(d && mn_dtype_of(mn_torch_dict_tensor(t, d, "0.bias")) == MN_F16);
    mn_tensor *gain = t ? mn_torch_tensor(t, mn_pkl_get(mn_pkl_state(mn_pkl_get(mn_torch_root(t), "G_ema")), "gain")) : NULL;
    CHECK(gain && fabs(mn_item(gain, 0) - sqrt(2)) < 1e-15);
    mn_torch_dict_free(d);
    d = t ? mn_torch_dict_new(t, NULL) : NULL;          /* from the root, names begin with the key */
    CHECK(d && mn_torch_dict_find(d, "G_ema.0.bias") && !mn_torch_dict_find(d, "G_ema.0.parent.weight"));
    mn_torch_dict_free(d);
    mn_torch_close(t);
    mn_scope_close(scope);
}

static void numpy_arrays(void) {
    static const char *const files[] = { "arrays_p0.pkl", "arrays_p1.pkl", "arrays_p2.pkl", "arrays_p3.pkl", "arrays_p4.pkl", "arrays_p5.pkl", "arrays.npz", "arrays_packed.npz" };
    for (int i = 0; i < 8; i++) {
        char path[100];
        mn_scope scope = mn_scope_open();
        snprintf(path, sizeof path, GOLDEN "%s", files[i]);
        mn_torch *t = mn_torch_open(path);
        CHECK(t && mn_torch_container_of(t) == (i < 6 ? MN_TORCH_PICKLE : MN_TORCH_NPZ));
        if (!t) continue;
        CHECK(is_ramp(named(t, "c"), MN_F64, 2, 3, FLOATS));
        CHECK(is_ramp(named(t, "fortran"), MN_F32, 2, 3, FLOATS));
        mn_torch_view u32;
        int64_t x = 0;
        CHECK(!mn_torch_look(t, mn_pkl_get(mn_torch_root(t), "u32"), &u32) && u32.raw == MN_RAW_U32 && mn_torch_int_at(&u32, 1, &x) && x == 4294967295);
        CHECK(!mn_torch_int_at(&u32, 2, &x) && !named(t, "u32") && mn_errcode() == MN_EDTYPE && failed_with("4294967295 does not fit into i32"));
        if (i < 6) {
            CHECK(is_ramp(named(t, "big"), MN_F32, 2, 3, FLOATS));
            CHECK(is_ramp(named(t, "half"), MN_F16, 2, 3, FLOATS));
            CHECK(is_ramp(named(t, "flag"), MN_U8, 2, 3, BOOLS));
            CHECK(is_ramp(named(t, "ch"), MN_F64, 4, 3, FLOATS));
            for (int k = 0; k < 2; k++) {
                mn_tensor *m = named(t, k ? "csr" : "csc");
                CHECK(m && mn_dim(m, 0) == 3 && mn_dim(m, 1) == 4 && mn_item(m, 1) == 1.5 && mn_item(m, 11) == -2 && mn_item(m, 5) == 4 && mn_item(m, 0) == 0);
            }
            CHECK(mn_item(named(t, "scalar"), 0) == 2.5 && mn_item(named(t, "zero_d"), 0) == 7);
        }
        mn_torch_close(t);
        mn_scope_close(scope);
    }
    mn_scope scope = mn_scope_open();
    mn_torch *t = mn_torch_open(GOLDEN "array.npy");
    CHECK(t && is_ramp(mn_torch_tensor(t, mn_torch_root(t)), MN_F32, 2, 3, FLOATS));
    mn_torch_close(t);
    t = mn_torch_open(GOLDEN "object.npy");
    CHECK(t && is_ramp(named(t, "tensor"), MN_F32, 2, 3, FLOATS));        /* npy > pickle > bytes > torch file > pickle */
    CHECK(t && is_ramp(mn_torch_tensor(t, mn_pkl_item(mn_pkl_get(mn_torch_root(t), "lists"), 1)), MN_F16, 2, 3, FLOATS));
    mn_torch_close(t);
    mn_scope_close(scope);
}

/* A legacy file of one tensor whose description is free to lie. */
static mn_tensor *one_tensor(const char *cls, int64_t numel, int64_t offset, int nd, const int64_t *shape, const int64_t *stride, int floats) {
    emit e = { 0 };
    legacy_head(&e);
    ops(&e, "\x80\x02");
    tensor(&e, cls, "k", numel, offset, nd, shape, stride);
    ops(&e, ".\x80\x02]"); text(&e, "k"); ops(&e, "a.");
    number(&e, (uint64_t)numel, 8);
    for (int i = 0; i < floats; i++) {
        float x = (float)i;
        put(&e, &x, 4);
    }
    mn_torch *t = open_emit(&e);
    mn_tensor *out = t ? mn_torch_tensor(t, mn_torch_root(t)) : NULL;
    mn_torch_close(t);
    emit_free(&e);
    return out;
}

#define D(...) (int64_t[]){ __VA_ARGS__ }
static void lies(void) {
    mn_scope scope = mn_scope_open();
    mn_tensor *t = one_tensor("FloatStorage", 6, 1, 2, D(2, 2), D(1, 2), 6);
    CHECK(t && mn_item(t, 0) == 1 && mn_item(t, 1) == 3 && mn_item(t, 2) == 2 && mn_item(t, 3) == 4);
    CHECK(!one_tensor("FloatStorage", 6, 3, 2, D(2, 2), D(1, 2), 6) && failed_with("elements 3 to 6, its storage has 6"));
    CHECK(!one_tensor("FloatStorage", 6, 0, 2, D(3, 3), D(3, 1), 6) && failed_with("its storage has 6"));
    CHECK(!one_tensor("FloatStorage", 6, -1, 1, D(2), D(1), 6) && failed_with("0 or more"));
    CHECK(!one_tensor("FloatStorage", 6, 5, 1, D(2), D(-1), 6) && failed_with("strides, axis 0: expected 0 or more, found -1"));
    CHECK(!one_tensor("FloatStorage", 6, 0, 1, D(-2), D(1), 6) && failed_with("shape, axis 0: expected 0 or more"));
    CHECK(!one_tensor("FloatStorage", 6, 0, 2, D(1L << 40, 1L << 40), D(0, 0), 6) && failed_with("beyond 2^60"));
    CHECK(!one_tensor("FloatStorage", 6, 0, 1, D(1L << 40), D(0), 6) && failed_with("expands 1 elements to 1099511627776"));
    CHECK(!one_tensor("FloatStorage", 6, 0, 1, D(20000000), D(0), 6) && failed_with("expected at most 64 MB more"));
    CHECK(!one_tensor("FloatStorage", 6, 0, 2, D(3, 2), D(INT64_MAX, 1), 6) && failed_with("beyond 2^63"));
    CHECK(!one_tensor("FloatStorage", 6, 0, 8, D(1, 1, 1, 1, 1, 1, 1, 1), D(1, 1, 1, 1, 1, 1, 1, 1), 6) && failed_with("8 axes, expected at most 6"));
    CHECK(!one_tensor("FloatStorage", 6, 0, 1, D(6), D(1), 5) && failed_with("expected storage 0: 6 elements of 4 bytes"));
    CHECK(!one_tensor("FloatStorage", 1L << 62, 0, 1, D(6), D(1), 6) && failed_with("expected storage 0"));
    CHECK(!one_tensor("QInt8Storage", 6, 0, 1, D(6), D(1), 6) && mn_errcode() == MN_EDTYPE && failed_with("torch.QInt8Storage are not supported"));
    CHECK(!mn_torch_open("no/such/file.pt") && mn_errcode() == MN_ENOTFOUND && failed_with("no/such/file.pt"));
    mn_scope_close(scope);

    emit e = { 0 };                     /* dicts that form a ladder of 2^40 paths, and one that contains itself */
    ops(&e, "}q"); op(&e, 0);
    for (int i = 0; i < 40; i++) {
        op(&e, '}'); op(&e, '(');
        text(&e, "a"); op(&e, 'h'); op(&e, i); text(&e, "b"); op(&e, 'h'); op(&e, i);
        op(&e, 'u'); op(&e, 'q'); op(&e, i + 1);
    }
    op(&e, '.');
    mn_torch *f = open_emit(&e);
    CHECK(f && !mn_torch_dict_new(f, NULL) && failed_with("made of shared parts"));
    mn_torch_close(f);
    e.n = 0;
    ops(&e, "}q"); op(&e, 0); text(&e, "me"); op(&e, 'h'); op(&e, 0); ops(&e, "s.");
    f = open_emit(&e);
    mn_torch_dict *d = f ? mn_torch_dict_new(f, NULL) : NULL;
    CHECK(d && mn_torch_dict_count(d) == 0);
    mn_torch_dict_free(d);
    mn_torch_close(f);
    emit_free(&e);
}

/* Open, list and read everything; returns tensors read, or -1 after an error, which must be a sentence. */
static int read_everything(const emit *e) {
    mn_scope scope = mn_scope_open();
    mn_torch *t = open_emit(e);
    mn_torch_dict *d = t ? mn_torch_dict_new(t, NULL) : NULL;
    int n = 0;
    for (int i = 0; d && i < mn_torch_dict_count(d); i++) n += mn_torch_tensor(t, mn_torch_dict_value(d, i)) != NULL;
    if (mn_errcode()) n = strlen(mn_errmsg()) > 20 ? -1 : -1000000;
    mn_torch_dict_free(d);
    mn_torch_close(t);
    mn_error_clear();
    mn_scope_close(scope);
    return n;
}

static void damage(void) {
    static const char *const files[] = { "state_zip.pt", "state_legacy.pt", "state_rezipped.pt", "script.pt", "module.pkl", "arrays_p0.pkl", "arrays_p5.pkl", "object.npy", "arrays_packed.npz" };
    for (int i = 0; i < 9; i++) {
        char path[100];
        size_t n = 0;
        snprintf(path, sizeof path, GOLDEN "%s", files[i]);
        emit e = { .b = (uint8_t *)mn_file_read(path, 1 << 20, &n) };
        CHECK(e.b != NULL);
        if (!e.b) continue;
        int refused = 0, answered = 0;
        for (int percent = 0; percent < 100; percent++) {
            e.n = n * (size_t)percent / 100;
            refused += read_everything(&e) == -1;
        }
        CHECK(refused == 100);
        e.n = n;
        uint32_t random = 1;
        for (int k = 0; k < 2000; k++) {
            random = random * 1664525u + 1013904223u;
            uint32_t bit = random % (uint32_t)(8 * n);
            e.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            answered += read_everything(&e) >= -1;
            e.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        CHECK(answered == 2000);
        emit_free(&e);
    }
    CHECK(mn_memory_stats().tensors == 0);
}

static void zip_limits(void) {
    /* A member of 64 KB of zeros that inflates to 64 MB: made by claiming so. */
    size_t n = 0;
    uint8_t *b = (uint8_t *)mn_file_read(GOLDEN "state_rezipped.pt", 1 << 20, &n), *found = NULL;
    mn_zip *z = b ? mn_zip_open(b, n, "bomb.zip") : NULL;
    CHECK(z && mn_zip_count(z) > 3 && !mn_zip_find(z, "state_zip/data/none"));
    const mn_zip_member *m = z ? mn_zip_find(z, "state_zip/data/0") : NULL;
    CHECK(m && m->deflated && !mn_zip_bytes(z, m) && failed_with("is compressed"));
    uint8_t *out = m ? mn_zip_read(z, m, 60) : NULL;
    CHECK(out && !memcmp(out, &(float){ -3 }, 4));
    free(out);
    CHECK(m && !mn_zip_read(z, m, 59) && failed_with("has 60 bytes, expected at most 59"));
    mn_zip_close(z);
    for (size_t i = 0; b && i + 4 < n; i++)             /* its directory entry */
        if (!memcmp(b + i, "PK\1\2", 4) && b[i + 46 + 15] == '0' && b[i + 28] == 16) found = b + i;
    CHECK(found != NULL);
    if (!found) return;
    memcpy(found + 24, "\x00\x00\x00\x04", 4);
    z = mn_zip_open(b, n, "bomb.zip");
    m = z ? mn_zip_find(z, "state_zip/data/0") : NULL;
    CHECK(m && m->size == 64 << 20 && !mn_zip_read(z, m, m->size) && failed_with("claims to inflate from"));
    mn_zip_close(z);
    memcpy(found + 24, "\x3d\x00\x00\x00", 4);          /* one byte more than there is */
    z = mn_zip_open(b, n, "bomb.zip");
    m = z ? mn_zip_find(z, "state_zip/data/0") : NULL;
    CHECK(m && !mn_zip_read(z, m, m->size) && failed_with("does not inflate to the 61 bytes promised"));
    mn_zip_close(z);
    memcpy(found + 24, "\x3c\x00\x00\x00\x10", 4);
    found[16] ^= 1;
    z = mn_zip_open(b, n, "bomb.zip");
    m = z ? mn_zip_find(z, "state_zip/data/0") : NULL;
    CHECK(m && !mn_zip_read(z, m, m->size) && failed_with("checksum"));
    mn_zip_close(z);
    found[8] |= 1;
    CHECK(!mn_zip_open(b, n, "bomb.zip") && failed_with("is encrypted"));
    found[8] ^= 1, found[10] = 12;
    CHECK(!mn_zip_open(b, n, "bomb.zip") && failed_with("compression method 12"));
    free(b);
}

static uint8_t *directory_entry(uint8_t *b, size_t n, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; b && i + 46 + length < n; i++)
        if (!memcmp(b + i, "PK\1\2", 4) && b[i + 28] == length && !memcmp(b + i + 46, name, length)) return b + i;
    return NULL;
}

/* Two storages that share one compressed member, of which the second claims to be larger: the first one's bytes are not its. */
static void shared_member(void) {
    emit e = { 0 };
    e.b = (uint8_t *)mn_file_read(GOLDEN "state_rezipped.pt", 1 << 20, &e.n);
    uint8_t *small = directory_entry(e.b, e.n, "state_zip/data/0"), *large = directory_entry(e.b, e.n, "state_zip/data/1");
    CHECK(small && large && read_everything(&e) > 5);
    if (small && large) {
        memcpy(large + 16, small + 16, 8);                  /* checksum, compressed size */
        memcpy(large + 42, small + 42, 4);                  /* place */
        CHECK(read_everything(&e) == -1);
    }
    emit_free(&e);
}

typedef struct lines { int n; char all[65536]; size_t size; } lines;
static void keep(void *arg, const char *line) {
    lines *l = arg;
    l->n++;
    l->size += (size_t)snprintf(l->all + l->size, sizeof l->all - l->size, "%s\n", line);
}

static void inspection(void) {
    char path[256];
    lines *l = calloc(1, sizeof *l);
    CHECK_STATUS(MN_OK, mn_inspect(GOLDEN "module.pkl", keep, l));
    CHECK(strstr(l->all, "pickle, 1337 bytes\ndict of 2\n  G: none\n  G_ema: object somebody.nets.Net\n"));
    CHECK(strstr(l->all, "      weight: f32 [3,2]\n") && strstr(l->all, "parent: object somebody.nets.Net (contains itself: above)"));
    CHECK(strstr(l->all, "nothing was run:\n  somebody.nets.Net: named 1 time, called 2 times\n"));
    CHECK(!strstr(l->all, "dict of 0"));                /* private attributes that hold nothing are not shown */
    memset(l, 0, sizeof *l);
    CHECK_STATUS(MN_OK, mn_inspect(GOLDEN "state_zip.pt", keep, l));
    CHECK(strstr(l->all, "transposed: f32 [4,3] strides [1,4]") && strstr(l->all, "17 tensors, 703 bytes") && !strstr(l->all, "nothing was run"));
    memset(l, 0, sizeof *l);

    emit e = { 0 };                     /* the classic: os.system in a checkpoint */
    op(&e, '}'); text(&e, "a\nb"); global(&e, "posix", "system"); op(&e, '('); text(&e, "rm -rf /"); ops(&e, "tRs.");
    scratch_name(path, ".pkl");
    CHECK_STATUS(MN_OK, mn_file_write(path, e.b, e.n));
    CHECK_STATUS(MN_OK, mn_inspect(path, keep, l));
    CHECK(strstr(l->all, "  a?b: object posix.system\n    0: \"rm -rf /\"\n") && strstr(l->all, "  posix.system: named 1 time, called 1 time\n"));
    remove(path);
    emit_free(&e);
    CHECK_STATUS(MN_ENOTFOUND, mn_inspect("no/such/file", keep, l));
    free(l);
}

int main(void) {
    check_state(GOLDEN "state_zip.pt", MN_TORCH_ZIP, true);
    check_state(GOLDEN "state_legacy.pt", MN_TORCH_LEGACY, false);
    check_state(GOLDEN "state_rezipped.pt", MN_TORCH_ZIP, true);
    script_and_module();
    numpy_arrays();
    lies();
    zip_limits();
    shared_member();
    inspection();
    damage();
    return check_done("torchfile");
}
