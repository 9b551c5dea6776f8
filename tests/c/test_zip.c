/* Zip archives put together by hand: zip64, comments, lying directories. */
#include "check.h"
#include "io/zip.h"
#include "zip_emit.h"

static bool failed_with(const char *what) {
    bool ok = mn_errcode() == MN_EFORMAT && strstr(mn_errmsg(), what);
    if (!ok) fprintf(stderr, "expected an error with '%s', found '%s'\n", what, mn_errmsg());
    mn_error_clear();
    return ok;
}

static const char ending[] = "PK\5\6, but not the end: just eighteen more";
static const member two[] = { { "a/b", "hello", 5 }, { "second", ending, sizeof ending - 1 } };

static void good(void) {
    for (int form = 0; form < 4; form++) {
        size_t directory;
        emit e = archive(2, two, form, form == 1 ? "a comment" : "", &directory);
        mn_zip *z = mn_zip_open(e.b, e.n, "t.zip");
        CHECK(z && mn_zip_count(z) == 2 && !mn_zip_find(z, "a") && !mn_zip_at(z, 2));
        const mn_zip_member *m = z ? mn_zip_find(z, "a/b") : NULL;
        const uint8_t *in_place = m ? mn_zip_bytes(z, m) : NULL;
        CHECK(m && m->size == 5 && in_place > e.b && !memcmp(in_place, "hello", 5) && !mn_zip_check(z, m));
        m = z ? mn_zip_find(z, "second") : NULL;
        uint8_t *copy = m ? mn_zip_read(z, m, 100) : NULL;
        CHECK(copy && !memcmp(copy, ending, sizeof ending - 1));
        free(copy);
        CHECK(m && !mn_zip_read(z, m, 3) && failed_with("expected at most 3"));
        mn_zip_close(z);
        if (in_place) {
            e.b[in_place - e.b] ^= 1;
            z = mn_zip_open(e.b, e.n, "t.zip");
            CHECK(z && mn_zip_check(z, mn_zip_at(z, 0)) == MN_EFORMAT && failed_with("'a/b' is damaged"));
            mn_zip_close(z);
        }
        emit_free(&e);
    }
}

/* The archive with bytes changed; opening it, or reading its first member, fails with this message. */
static bool refused(int form, size_t from_directory, const char *bytes, size_t n, const char *message) {
    size_t directory;
    emit e = archive(2, two, form, "", &directory);
    memcpy(e.b + directory + from_directory, bytes, n);
    mn_zip *z = mn_zip_open(e.b, e.n, "t.zip");
    if (z && mn_zip_bytes(z, mn_zip_at(z, 0))) fprintf(stderr, "accepted: %s\n", message);
    mn_zip_close(z);
    emit_free(&e);
    return failed_with(message);
}

static void lies(void) {
    const member same[] = { { "twin", "a", 1 }, { "twin", "b", 1 } };
    size_t directory;
    emit e = archive(2, same, 0, "", &directory);
    CHECK(!mn_zip_open(e.b, e.n, "t.zip") && failed_with("two members are called 'twin'"));
    emit_free(&e);
    CHECK(refused(0, 0, "PK\1\1", 4, "expected entry 0 of the zip directory"));
    CHECK(refused(0, 8, "\x09", 1, "is encrypted"));
    CHECK(refused(0, 10, "\x0c", 1, "compression method 12"));
    CHECK(refused(0, 20, "\x06", 1, "has two sizes"));
    CHECK(refused(0, 20, "\x00\x01\0\0\x00\x01\0\0", 8, "reaches into the directory"));
    CHECK(refused(0, 20, "\x7c\0\0\0\x7c\0\0\0", 8, "before the directory"));       /* fits behind the header's offset, not behind the header */
    CHECK(refused(0, 42, "\xff\xff\xff\x7f", 4, "reaches into the directory"));
    CHECK(refused(0, 42, "\x01", 1, "expected the local header"));
    CHECK(refused(0, 46, "\n", 1, "a control character"));
    CHECK(refused(0, 28, "\xff\xff", 2, "is cut short"));
    CHECK(refused(WIDE, 49 + 8, "\2", 1, "lacks its zip64 sizes"));
    CHECK(refused(WIDE, 49 + 10, "\x17", 1, "lacks its zip64 sizes"));
    e = archive(2, two, WIDE_END, "", &directory);
    size_t locator = e.n - 42;
    e.b[locator + 8] ^= 1;
    CHECK(!mn_zip_open(e.b, e.n, "t.zip") && failed_with("expected the zip64 end record"));
    e.b[locator + 8] ^= 1;
    memset(e.b + locator - 16, 0xff, 8);
    CHECK(!mn_zip_open(e.b, e.n, "t.zip") && failed_with("reaches beyond its end record"));
    emit_free(&e);
    e = archive(2, two, 0, "", &directory);
    e.b[e.n - 12] = e.b[e.n - 14] = 200;
    CHECK(!mn_zip_open(e.b, e.n, "t.zip") && failed_with("200 members, expected at most"));
    int opened = 0;
    e.b[e.n - 12] = e.b[e.n - 14] = 2;
    for (size_t n = 0; n < e.n; n++) {
        mn_zip *z = mn_zip_open(e.b, n, "t.zip");
        opened += z != NULL;
        mn_zip_close(z);
        mn_error_clear();
    }
    CHECK(opened == 0);
    emit_free(&e);
}

int main(void) {
    good();
    lies();
    return check_done("zip");
}
