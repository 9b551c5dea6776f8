/* test_safetensors.c -- round trips, conversions, and files that lie: each must give a sentence, never a crash. */
#include <sys/stat.h>
#include "check.h"
#include "scratch.h"
#include "io/file.h"

static char path[256];

/* A file with this header (padded to `align`) and n bytes of data counting up. */
static void put(const char *header, size_t data, size_t align) {
    static unsigned char bytes[1 << 16];
    uint64_t length = strlen(header);
    memcpy(bytes + 8, header, length);
    while ((8 + length) % align) bytes[8 + length++] = ' ';
    memcpy(bytes, &length, 8);
    for (size_t i = 0; i < data; i++) bytes[8 + length + i] = (unsigned char)i;
    CHECK(scratch_write(path, bytes, 8 + length + data));
}

/* Opening it fails with a message that has `part` in it. */
static void refuse(const char *header, size_t data, const char *part) {
    put(header, data, 8);
    mn_st *st = mn_st_open(path);
    CHECK(st == NULL && mn_errcode() == MN_EFORMAT);
    CHECK(strstr(mn_errmsg(), part) && strstr(mn_errmsg(), path));
    mn_error_clear();
    mn_st_close(st);
}

static void round_trip(void) {
    mn_scope scope = mn_scope_open();
    float f[6] = {0, 1, -2.5f, 1e-30f, 3e30f, 7};
    double d[2] = {0.1, -1e300};
    int32_t i[3] = {INT32_MIN, 0, INT32_MAX};
    uint8_t u[5] = {0, 1, 127, 128, 255};
    uint16_t h[2] = {0x3c00, 0xfbff};
    const char *names[] = {"z last", "a.b", "\"q\" \\ \n \xc3\xa9", "bytes", "half", "scalar", "empty"};
    mn_tensor *t[] = {mn_from(MN_F32, 2, (int64_t[]){2, 3}, f), mn_from(MN_F64, 1, (int64_t[]){2}, d), mn_from(MN_I32, 3, (int64_t[]){1, 3, 1}, i),
                      mn_from(MN_U8, 1, (int64_t[]){5}, u), mn_from(MN_F16, 1, (int64_t[]){2}, h), mn_full(MN_F32, 0, NULL, 4), mn_zeros(MN_F32, 2, (int64_t[]){0, 3})};
    const char *meta[] = {"format", "pt", "note", "caf\xc3\xa9 \t \"x\""};
    CHECK_STATUS(MN_OK, mn_st_save(path, 7, names, t, 2, meta));
    mn_st *st = mn_st_open(path);
    CHECK(st && mn_st_count(st) == 7 && mn_st_meta_count(st) == 2);
    if (!st) return;
    for (int k = 0; k < 7; k++) {
        mn_tensor *r = mn_st_get(st, names[k]);
        CHECK(strcmp(mn_st_name(st, k), names[k]) == 0 && mn_st_has(st, names[k]));
        CHECK(r && mn_dtype_of(r) == mn_dtype_of(t[k]) && mn_ndim(r) == mn_ndim(t[k]) && mn_count(r) == mn_count(t[k]));
        CHECK(r && (mn_count(r) == 0 || memcmp(mn_data(r), mn_data(t[k]), (size_t)mn_count(r) * mn_dtype_size(mn_dtype_of(r))) == 0));
        for (int a = 0; r && a < mn_ndim(r); a++) CHECK(mn_dim(r, a) == mn_dim(t[k], a));
    }
    CHECK(strcmp(mn_st_meta(st, "note"), meta[3]) == 0 && strcmp(mn_st_meta_key(st, 0), "format") == 0);
    CHECK(!mn_st_meta(st, "nothing") && !mn_st_has(st, "__metadata__") && !mn_st_name(st, 7));
    CHECK(!mn_st_get(st, "nothing") && mn_errcode() == MN_ENOTFOUND);
    mn_error_clear();
    mn_tensor *late = mn_retain(mn_st_get(st, "z last"));
    mn_st_close(st);
    mn_scope_close(scope);
    CHECK(mn_item(late, 5) == 7);         /* the mapping outlives the file handle and the scope */
    ((float *)mn_data(late))[5] = 8;      /* a stray write stays here */
    mn_release(late);
    st = mn_st_open(path);
    scope = mn_scope_open();
    CHECK(mn_item(mn_st_get(st, "z last"), 5) == 7);
    mn_scope_close(scope);
    mn_st_close(st);
}

static void conversions(void) {
    mn_scope scope = mn_scope_open();
    put("{\"pad\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
        "\"f\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]},\"bf\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[5,9]},"
        "\"b\":{\"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[9,11]},\"u16\":{\"dtype\":\"U16\",\"shape\":[1],\"data_offsets\":[11,13]},"
        "\"i8\":{\"dtype\":\"I8\",\"shape\":[2],\"data_offsets\":[13,15]},\"i64\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[15,23]}}", 23, 8);
    mn_st *st = mn_st_open(path);
    CHECK(st != NULL);
    if (!st) return;
    float want;
    memcpy(&want, "\1\2\3\4", 4);
    CHECK(mn_item(mn_st_get(st, "f"), 0) == want);              /* at an odd address: copied */
    memcpy(&want, "\0\0\5\6", 4);
    CHECK(mn_item(mn_st_get(st, "bf"), 0) == want && mn_dtype_of(mn_st_get(st, "bf")) == MN_F32);
    CHECK(mn_item(mn_st_get(st, "b"), 1) == 10 && mn_dtype_of(mn_st_get(st, "b")) == MN_U8);
    CHECK(mn_item(mn_st_get(st, "u16"), 0) == 11 + 256 * 12 && mn_dtype_of(mn_st_get(st, "u16")) == MN_I32);
    CHECK(mn_item(mn_st_get(st, "i8"), 0) == 13);
    CHECK(!mn_st_get(st, "i64") && mn_errcode() == MN_EFORMAT && strstr(mn_errmsg(), "'i64'") && strstr(mn_errmsg(), "i32"));
    mn_error_clear();
    mn_st_close(st);
    mn_scope_close(scope);
}

static void liars(void) {
    refuse("{", 0, "end of the text");
    refuse("[]", 0, "object as header");
    refuse("{} x", 0, "nothing after the value");
    refuse("{\"a\":1}", 0, "'a'");
    refuse("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype");
    refuse("{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "F33");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "dimension 1");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "dimension 1");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[0,9000000000000000000],\"data_offsets\":[0,0]}}", 0, "dimension 2");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1000000000000,1000000000000],\"data_offsets\":[0,4]}}", 4, "2^63");
    refuse("{\"a\":{\"dtype\":\"F64\",\"shape\":[1000000000000,2305843],\"data_offsets\":[0,4]}}", 4, "span 4 bytes");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "7 dimensions");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "2 elements");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "begin <= end");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "begin <= end");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,\"4\"]}}", 4, "begin <= end");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 4, "4 data bytes");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "hole");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "ends at byte");
    refuse("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "overlap");
    refuse("{\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0, "twice");
    refuse("{\"__metadata__\":{\"a\":1}}", 0, "metadata 'a'");
    refuse("{\"__metadata__\":[]}", 0, "__metadata__");
    CHECK(scratch_write(path, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10));
    CHECK(!mn_st_open(path));
    CHECK_STATUS(MN_EFORMAT, mn_errcode());
    CHECK(scratch_write(path, "", 0));
    CHECK(!mn_st_open(path));
    CHECK_STATUS(MN_EFORMAT, mn_errcode());
    CHECK(!mn_st_open("/"));
    CHECK_STATUS(MN_EIO, mn_errcode());
    CHECK(!mn_st_open("no/such/file"));
    CHECK_STATUS(MN_ENOTFOUND, mn_errcode());
}

/* Cut a good file at every 1 %, and flip single bits: open must refuse or give tensors that can be read to the end. */
static void damage(void) {
    const char *names[] = {"one", "two"}, *meta[] = {"k", "v"};
    mn_scope scope = mn_scope_open();
    mn_tensor *t[] = {mn_full(MN_F32, 2, (int64_t[]){3, 7}, 1), mn_full(MN_I32, 1, (int64_t[]){9}, 2)};
    CHECK_STATUS(MN_OK, mn_st_save(path, 2, names, t, 1, meta));
    size_t size;
    char *good = mn_file_read(path, 1 << 20, &size), *bad = malloc(size);
    for (int percent = 0; percent < 100; percent++) {
        CHECK(scratch_write(path, good, size * (size_t)percent / 100));
        CHECK(!mn_st_open(path));
        CHECK_STATUS(MN_EFORMAT, mn_errcode());
    }
    mn_rng rng = mn_rng_seed(1, 0);
    int refused = 0;
    for (int turn = 0; turn < 2000; turn++) {
        memcpy(bad, good, size);
        for (int64_t k = mn_rng_below(&rng, 3); k >= 0; k--) bad[mn_rng_below(&rng, 200)] ^= (char)(1 << mn_rng_below(&rng, 8));
        CHECK(scratch_write(path, bad, size));
        mn_st *st = mn_st_open(path);
        double sum = 0;
        if (!st) refused++;
        for (int k = 0; st && k < mn_st_count(st); k++) {
            mn_tensor *r = mn_st_get(st, mn_st_name(st, k));
            for (int64_t j = 0; r && j < mn_count(r); j++) sum += mn_item(r, j);
        }
        CHECK(st || mn_errcode() == MN_EFORMAT);
        CHECK(!isinf(sum));
        mn_error_clear();
        mn_st_close(st);
    }
    CHECK(refused > 1000);
    free(good);
    free(bad);
    mn_scope_close(scope);
}

static void refused_saves(void) {
    mn_scope scope = mn_scope_open();
    mn_tensor *t[] = {mn_zeros(MN_F32, 0, NULL), mn_zeros(MN_F32, 0, NULL)};
    CHECK_STATUS(MN_EARG, mn_st_save(path, 2, (const char *[]){"x", "x"}, t, 0, NULL));
    CHECK_STATUS(MN_EARG, mn_st_save(path, 1, (const char *[]){"__metadata__"}, t, 0, NULL));
    CHECK_STATUS(MN_EARG, mn_st_save(path, 1, (const char *[]){"\xff"}, t, 0, NULL));
    CHECK_STATUS(MN_EARG, mn_st_save(path, 1, (const char *[]){"x"}, t, 1, (const char *[]){"k", "\xc0\x80"}));
    CHECK_STATUS(MN_EARG, mn_st_save(path, 1, (const char *[]){"x"}, (mn_tensor *[]){NULL}, 0, NULL));
    CHECK_STATUS(MN_ENOTFOUND, mn_st_save("no/such/folder/x.safetensors", 1, (const char *[]){"x"}, t, 0, NULL));
    /* a rename onto a directory fails at the very end: the partial file must go */
    char folder[260], partial[300];
    snprintf(folder, sizeof folder, "%s.d", path);
    snprintf(partial, sizeof partial, "%s.partial.%ld", folder, (long)getpid());
    CHECK(mkdir(folder, 0777) == 0);
    CHECK_STATUS(MN_EIO, mn_st_save(folder, 1, (const char *[]){"x"}, t, 0, NULL));
    CHECK(access(partial, F_OK) != 0);
    rmdir(folder);
    /* no tensors at all */
    CHECK_STATUS(MN_OK, mn_st_save(path, 0, NULL, NULL, 0, NULL));
    mn_st *st = mn_st_open(path);
    CHECK(st && mn_st_count(st) == 0);
    mn_st_close(st);
    mn_scope_close(scope);
}

int main(void) {
    scratch_name(path, ".safetensors");
    round_trip();
    conversions();
    liars();
    damage();
    refused_saves();
    unlink(path);
    return check_done("safetensors");
}
