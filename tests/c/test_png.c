/* test_png.c -- PNG round trips, every stored form against hand-worked pixels, texts and the mark, and damaged files. */
#define _GNU_SOURCE                 /* memmem */
#include <png.h>
#include <stdlib.h>
#include "check.h"
#include "scratch.h"
#include "io/file.h"
#include "io/png.h"

static char path[256];

static mn_tensor *noise(int64_t h, int64_t w, int64_t c) {
    mn_rng rng = mn_rng_seed(3, 0);
    mn_tensor *t = mn_empty(MN_U8, 3, (int64_t[]){h, w, c});
    for (int64_t i = 0; i < mn_count(t); i++) ((uint8_t *)mn_data(t))[i] = (uint8_t)mn_rng_below(&rng, 256);
    return t;
}

/* Write raw rows in any PNG form with libpng directly, as another program would. */
static void put(int w, int h, int depth, int type, int interlace, const unsigned char *rows, const png_color *palette, int colours,
                const unsigned char *alpha, int alphas) {
    FILE *f = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    size_t row_bytes;
    png_init_io(png, f);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, depth, type, interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (palette) png_set_PLTE(png, info, palette, colours);
    if (alpha) png_set_tRNS(png, info, alpha, alphas, NULL);
    png_write_info(png, info);
    row_bytes = png_get_rowbytes(png, info);
    for (int pass = png_set_interlace_handling(png); pass > 0; pass--)
        for (int y = 0; y < h; y++) png_write_row(png, rows + (size_t)y * row_bytes);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    fclose(f);
}

static void expect(int64_t h, int64_t w, const unsigned char *rgb) {
    mn_tensor *t = mn_png_read(path);
    CHECK(t && mn_dim(t, 0) == h && mn_dim(t, 1) == w && mn_dim(t, 2) == 3 && mn_dtype_of(t) == MN_U8);
    for (int64_t i = 0; t && i < h * w * 3; i++) CHECK_NEAR(((uint8_t *)mn_data(t))[i], rgb[i], 0);
    mn_error_clear();
}

static void stored_forms(void) {
    mn_scope scope = mn_scope_open();
    put(2, 1, 8, PNG_COLOR_TYPE_GRAY, 0, (unsigned char[]){7, 200}, NULL, 0, NULL, 0);
    expect(1, 2, (unsigned char[]){7, 7, 7, 200, 200, 200});
    put(4, 1, 2, PNG_COLOR_TYPE_GRAY, 0, (unsigned char[]){0x1B}, NULL, 0, NULL, 0);               /* 0 1 2 3 of 3 */
    expect(1, 4, (unsigned char[]){0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255});
    put(1, 2, 16, PNG_COLOR_TYPE_RGB, 0, (unsigned char[]){0x80, 0x00, 0xff, 0xff, 0x00, 0x80, 0, 0, 0x01, 0x01, 0x7f, 0xff}, NULL, 0, NULL, 0);
    expect(2, 1, (unsigned char[]){128, 255, 0, 0, 1, 127});                                       /* v / 257, rounded */
    put(3, 1, 8, PNG_COLOR_TYPE_RGBA, 0, (unsigned char[]){10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 51}, NULL, 0, NULL, 0);
    expect(1, 3, (unsigned char[]){10, 20, 30, 255, 255, 255, 204, 224, 255});                     /* one fifth over white */
    put(2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, 0, (unsigned char[]){0, 255, 0, 0}, NULL, 0, NULL, 0);
    expect(1, 2, (unsigned char[]){0, 0, 0, 255, 255, 255});
    put(3, 1, 4, PNG_COLOR_TYPE_PALETTE, 0, (unsigned char[]){0x21, 0x00}, (png_color[]){{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, 3, (unsigned char[]){0}, 1);
    expect(1, 3, (unsigned char[]){7, 8, 9, 4, 5, 6, 255, 255, 255});                              /* entry 0 is transparent */
    unsigned char grid[9 * 11 * 3];
    for (size_t i = 0; i < sizeof grid; i++) grid[i] = (unsigned char)(i * 7);
    put(11, 9, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_ADAM7, grid, NULL, 0, NULL, 0);
    expect(9, 11, grid);
    mn_scope_close(scope);
}

static void round_trips(void) {
    mn_scope scope = mn_scope_open();
    mn_tensor *rgb = noise(13, 17, 3), *grey = noise(5, 1, 1), *rgba = noise(2, 3, 4);
    CHECK_STATUS(MN_OK, mn_png_write(path, rgb, 0, NULL));
    expect(13, 17, mn_data(rgb));
    CHECK_STATUS(MN_OK, mn_png_write(path, grey, 0, NULL));
    mn_tensor *t = mn_png_read(path);
    CHECK(t && mn_count(t) == 15 && mn_item(t, 5) == mn_item(grey, 1));
    CHECK_STATUS(MN_OK, mn_png_write(path, rgba, 0, NULL));
    CHECK(mn_png_read(path) != NULL);
    mn_scope_close(scope);
}

static const char *find_text(int n, char **pairs, const char *keyword) {
    for (int i = 0; i < n; i++)
        if (strcmp(pairs[2 * i], keyword) == 0) return pairs[2 * i + 1];
    return NULL;
}

static void texts(void) {
    mn_scope scope = mn_scope_open();
    mn_tensor *t = noise(3, 3, 3);
    char ascii[3000], utf8[3001];
    memset(ascii, 'a', sizeof ascii - 1);
    ascii[sizeof ascii - 1] = 0;
    for (int i = 0; i < 1500; i++) memcpy(utf8 + 2 * i, "\xc3\xa9", 2);
    utf8[3000] = 0;
    const char *given[] = {"Title", "plain\ntext", "long", ascii, "caf", "caf\xc3\xa9", "long utf", utf8, "mien", "{\"seed\":1}", "empty", ""};
    int n;
    char **got;
    CHECK_STATUS(MN_OK, mn_png_write(path, t, 6, given));
    CHECK_STATUS(MN_OK, mn_png_text(path, &n, &got));
    CHECK(n == 7);
    for (int i = 0; i < 6; i++) {
        const char *text = find_text(n, got, given[2 * i]);
        CHECK(text && strcmp(text, given[2 * i + 1]) == 0);
    }
    const char *mark = find_text(n, got, MN_PNG_XMP);
    CHECK(mark && strstr(mark, "<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia<"));
    mn_png_text_free(n, got);
    size_t size;                              /* uncompressed: a plain search finds the mark */
    char *bytes = mn_file_read(path, 1 << 20, &size);
    CHECK(memmem(bytes, size, "trainedAlgorithmicMedia", 23) != NULL);
    free(bytes);
    CHECK_STATUS(MN_OK, mn_png_write(path, t, 1, given));
    CHECK_STATUS(MN_OK, mn_png_text(path, &n, &got));
    CHECK(n == 1 && !find_text(n, got, MN_PNG_XMP));
    mn_png_text_free(n, got);
    CHECK_STATUS(MN_EARG, mn_png_write(path, t, 1, (const char *[]){"", "x"}));
    CHECK_STATUS(MN_EARG, mn_png_write(path, t, 1, (const char *[]){" k", "x"}));
    CHECK_STATUS(MN_EARG, mn_png_write(path, t, 1, (const char *[]){"k\xc3\xa9", "x"}));
    CHECK_STATUS(MN_EARG, mn_png_write(path, t, 1, (const char *[]){"k", "\xff"}));
    CHECK_STATUS(MN_EARG, mn_png_write(path, t, 2, (const char *[]){"k", "1", "k", "2"}));
    CHECK_STATUS(MN_EARG, mn_png_write(path, t, 2, (const char *[]){"mien", "1", MN_PNG_XMP, "2"}));
    mn_scope_close(scope);
}

static void bad_arguments(void) {
    mn_scope scope = mn_scope_open();
    CHECK_STATUS(MN_ESHAPE, mn_png_write(path, noise(2, 2, 2), 0, NULL));
    CHECK_STATUS(MN_ESHAPE, mn_png_write(path, mn_zeros(MN_U8, 2, (int64_t[]){2, 2}), 0, NULL));
    CHECK_STATUS(MN_ESHAPE, mn_png_write(path, mn_zeros(MN_U8, 3, (int64_t[]){0, 2, 3}), 0, NULL));
    CHECK_STATUS(MN_ESHAPE, mn_png_write(path, mn_zeros(MN_U8, 3, (int64_t[]){1, 16385, 1}), 0, NULL));
    CHECK_STATUS(MN_EDTYPE, mn_png_write(path, mn_zeros(MN_F32, 3, (int64_t[]){2, 2, 3}), 0, NULL));
    CHECK_STATUS(MN_EARG, mn_png_write(path, NULL, 0, NULL));
    CHECK_STATUS(MN_ENOTFOUND, mn_png_write("no/such/folder.png", noise(2, 2, 3), 0, NULL));
    CHECK(!mn_png_read("no/such/file.png"));
    CHECK_STATUS(MN_ENOTFOUND, mn_errcode());
    CHECK(scratch_write(path, "GIF89a, or not", 14));
    CHECK(!mn_png_read(path) && strstr(mn_errmsg(), "signature"));
    CHECK_STATUS(MN_EFORMAT, mn_errcode());
    CHECK_STATUS(MN_EIO, mn_png_write("/dev/full/x.png", noise(2, 2, 3), 0, NULL));
    mn_scope_close(scope);
}

/* Cut at every 1 %; flip bits; claim absurd sizes: a sentence each time. */
static void damage(void) {
    mn_scope scope = mn_scope_open();
    CHECK_STATUS(MN_OK, mn_png_write(path, noise(16, 16, 3), 2, (const char *[]){"mien", "{}", "Title", "caf\xc3\xa9"}));
    size_t size;
    char *good = mn_file_read(path, 1 << 20, &size), *bad = malloc(size), **pairs;
    int n, unread = 0;
    for (int percent = 0; percent < 100; percent++) {
        CHECK(scratch_write(path, good, size * (size_t)percent / 100));
        CHECK(!mn_png_read(path) && strstr(mn_errmsg(), path));
        CHECK_STATUS(MN_EFORMAT, mn_errcode());
        CHECK_STATUS(MN_EFORMAT, mn_png_text(path, &n, &pairs));
        CHECK(n == 0 && !pairs);
    }
    mn_rng rng = mn_rng_seed(4, 0);
    for (int turn = 0; turn < 1000; turn++) {
        memcpy(bad, good, size);
        bad[mn_rng_below(&rng, (int64_t)size)] ^= (char)(1 << mn_rng_below(&rng, 8));
        CHECK(scratch_write(path, bad, size));
        if (!mn_png_read(path)) unread += mn_errcode() == MN_EFORMAT;
        mn_error_clear();
        CHECK_STATUS(MN_EFORMAT, mn_png_text(path, &n, &pairs));      /* every chunk has a checksum */
    }
    CHECK(unread > 500);                                              /* the others were hit in a text */
    memcpy(bad, good, size);
    memcpy(bad + 16, "\0\1\0\0\0\1\0\0", 8);                          /* 65536 x 65536, with the right checksum: */
    uint32_t crc = 0xffffffff;
    for (int i = 12; i < 29; i++)
        for (int bit = 0; bit < 8; bit++) {
            if (bit == 0) crc ^= (unsigned char)bad[i];
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
    crc = __builtin_bswap32(~crc);
    memcpy(bad + 29, &crc, 4);
    CHECK(scratch_write(path, bad, size));
    CHECK(!mn_png_read(path) && strstr(mn_errmsg(), "exceeds user limit"));
    mn_error_clear();

    memcpy(bad, good, size);                                          /* a chunk of a gigabyte in a small file costs no memory */
    memcpy(bad + 33, "\x40\0\0\0", 4);
    CHECK(scratch_write(path, bad, size));
    CHECK(!mn_png_read(path) && strstr(mn_errmsg(), "a chunk of 1073741824 bytes expected"));
    mn_error_clear();
    free(good);
    free(bad);
    mn_scope_close(scope);
}

int main(void) {
    scratch_name(path, ".png");
    round_trips();
    stored_forms();
    texts();
    bad_arguments();
    damage();
    unlink(path);
    return check_done("png");
}
