/* test_sha256.c -- the standard's own examples (FIPS 180-4 examples, "abc", two blocks, a million a), in pieces and from files. */
#include "check.h"
#include "scratch.h"
#include "io/file.h"
#include "io/sha256.h"

static void expect(const char *text, size_t size, size_t piece, const char *want) {
    mn_sha256 s;
    char hex[65];
    mn_sha256_begin(&s);
    for (size_t at = 0; at < size; at += piece) mn_sha256_add(&s, text + at, size - at < piece ? size - at : piece);
    mn_sha256_end(&s, hex);
    CHECK(strcmp(hex, want) == 0);
}

int main(void) {
    static char many[1000000];
    memset(many, 'a', sizeof many);
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    expect("", 0, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect("abc", 3, 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    expect(two, 56, 56, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect(two, 56, 5, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    expect(many, sizeof many, 999, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    uint32_t fast[8] = {1, 2, 3, 4, 5, 6, 7, 8}, plain[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (int i = 0; i < 64 * 100; i++) many[i] = (char)(i * 2654435761u >> 13);
    for (size_t n = 0; n < 14; n++) {
        mn_sha256_blocks(fast, (unsigned char *)many + 7 * n, n);
        mn_sha256_plain(plain, (unsigned char *)many + 7 * n, n);
        CHECK(!memcmp(fast, plain, sizeof fast));
    }
    memset(many, 'a', sizeof many);
    char path[256], hex[65];
    CHECK_STATUS(MN_OK, mn_file_write(scratch_name(path, ".bin"), many, sizeof many));
    CHECK_STATUS(MN_OK, mn_sha256_file(path, hex));
    CHECK(strcmp(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0") == 0);
    unlink(path);
    CHECK_STATUS(MN_ENOTFOUND, mn_sha256_file(path, hex));
    return check_done("sha256");
}
