/* png_read.c -- reads any PNG file as 8-bit RGB, and the texts in it (mien.h), through libpng.
 *
 * To [H,W,3]: palettes and grey become RGB; 16 bits are scaled and rounded to 8; transparency is laid over white,
 * mixing the stored (sRGB-coded) values, as browsers do:  out = (c a + 255 (255 - a)) / 255, rounded.  Colour
 * profiles and gamma are not applied.
 *
 * The input is not trusted: sides are at most MN_PNG_SIDE, chunks that need memory are limited, and libpng's
 * errors end here as a sentence.  A damaged ancillary chunk does not keep the pixels from being read, but
 * mn_png_text, which is after just such chunks, refuses the file. */
#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include "png.h"
#include "text.h"

enum { CHUNKS_MAX = 512, CHUNK_BYTES_MAX = 2 * MN_PNG_TEXT_MAX };

typedef struct reader {
    png_structp png;
    png_infop info, end;
    const char *path;
    FILE *f;
    unsigned char *rgba;                /* one row, or all of them when interlaced */
    mn_tensor *out;
    char warning[120];                  /* the latest: it often says what the error after it does not */
} reader;

static void on_error(png_structp png, png_const_charp message) {
    reader *r = png_get_error_ptr(png);
    mn_fail(MN_EFORMAT, "%s: byte %ld: PNG: %s%s%s", r->path, ftell(r->f), message, *r->warning ? "; before that: " : "", r->warning);
    png_longjmp(png, 1);
}
static void on_warning(png_structp png, png_const_charp message) {
    reader *r = png_get_error_ptr(png);
    snprintf(r->warning, sizeof r->warning, "%s", message);
}

static void on_read(png_structp png, png_bytep bytes, size_t size) {
    reader *r = png_get_io_ptr(png);
    if (fread(bytes, 1, size, r->f) == size) return;
    png_error(png, ferror(r->f) ? "the file cannot be read" : "the file ends too early");
}

/* libpng makes room for a chunk before it reads it: a length that the file cannot hold must not cost memory.  Stops at IEND. */
static bool chunks_fit(reader *r) {
    unsigned char head[8];
    if (fseek(r->f, 0, SEEK_END)) return true;               /* no size to compare with */
    long size = ftell(r->f), at = 8;
    while (at + 8 <= size && !fseek(r->f, at, SEEK_SET) && fread(head, 1, 8, r->f) == 8 && memcmp(head + 4, "IEND", 4)) {
        long length = (long)head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
        if (length > size - at - 8) {
            mn_fail(MN_EFORMAT, "%s: byte %ld: PNG: a chunk of %ld bytes expected, the file ends too early: %ld bytes left", r->path, at, length, size - at - 8);
            return false;
        }
        at += 12 + length;
    }
    return fseek(r->f, 8, SEEK_SET) == 0;
}

static bool reader_open(reader *r, const char *path, bool strict) {
    unsigned char signature[8];
    *r = (reader){.path = path};
    if (!(r->f = fopen(path, "rbe"))) {
        mn_fail(errno == ENOENT ? MN_ENOTFOUND : MN_EIO, "cannot open %s: %s", path, strerror(errno));
        return false;
    }
    if (fread(signature, 1, 8, r->f) != 8 || png_sig_cmp(signature, 0, 8)) {
        mn_fail(MN_EFORMAT, "%s: byte 0: expected the signature of a PNG file, found something else", path);
        return false;
    }
    if (!chunks_fit(r)) return false;
    r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, on_error, on_warning);
    if (!r->png || !(r->info = png_create_info_struct(r->png)) || !(r->end = png_create_info_struct(r->png))) {
        mn_fail(MN_ENOMEM, "no memory to read %s", path);
        return false;
    }
    png_set_sig_bytes(r->png, 8);
    png_set_read_fn(r->png, r, on_read);
    png_set_user_limits(r->png, MN_PNG_SIDE, MN_PNG_SIDE);
    png_set_chunk_cache_max(r->png, CHUNKS_MAX);
    png_set_chunk_malloc_max(r->png, CHUNK_BYTES_MAX);
    if (strict) png_set_crc_action(r->png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    return true;
}

static void reader_close(reader *r) {
    if (r->png) png_destroy_read_struct(&r->png, &r->info, &r->end);
    if (r->f) fclose(r->f);
    free(r->rgba);
}

static void over_white(const unsigned char *rgba, unsigned char *rgb, size_t width) {
    for (size_t x = 0; x < width; x++)
        for (int c = 0; c < 3; c++)
            rgb[3 * x + (size_t)c] = (unsigned char)((rgba[4 * x + (size_t)c] * rgba[4 * x + 3] + 255 * (255 - rgba[4 * x + 3]) + 127) / 255);
}

/* libpng's errors return here by longjmp; everything that must survive lives in *r. */
static bool read_pixels(reader *r) {
    if (setjmp(png_jmpbuf(r->png))) return false;
    png_read_info(r->png, r->info);
    png_set_expand(r->png);
    png_set_scale_16(r->png);
    png_set_gray_to_rgb(r->png);
    png_set_add_alpha(r->png, 255, PNG_FILLER_AFTER);
    int passes = png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    size_t width = png_get_image_width(r->png, r->info), height = png_get_image_height(r->png, r->info);
    size_t rows = passes > 1 ? height : 1;               /* an interlaced picture is complete only after its last pass */
    if (png_get_rowbytes(r->png, r->info) != 4 * width) png_error(r->png, "the pixels could not be converted to RGBA");
    r->out = mn_empty(MN_U8, 3, (int64_t[]){(int64_t)height, (int64_t)width, 3});
    if (!r->out) return false;
    if (!(r->rgba = calloc(rows, 4 * width))) {
        mn_fail(MN_ENOMEM, "no memory to read %s: %zu x %zu pixels", r->path, width, height);
        return false;
    }
    unsigned char *rgb = mn_data(r->out);
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < height; y++) {
            unsigned char *row = r->rgba + (passes > 1 ? y * 4 * width : 0);
            png_read_row(r->png, row, NULL);
            if (pass == passes - 1) over_white(row, rgb + y * 3 * width, width);
        }
    png_read_end(r->png, NULL);
    return true;
}

mn_tensor *mn_png_read(const char *path) {
    reader r;
    if (mn_errcode() != MN_OK) return NULL;
    bool ok = reader_open(&r, path, false) && read_pixels(&r);
    reader_close(&r);
    return ok ? r.out : NULL;
}

/* ---- texts ---- */

static bool read_to_end(reader *r) {
    if (setjmp(png_jmpbuf(r->png))) return false;
    png_read_info(r->png, r->info);
    int passes = png_set_interlace_handling(r->png);
    size_t height = png_get_image_height(r->png, r->info);
    png_read_update_info(r->png, r->info);
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < height; y++) png_read_row(r->png, NULL, NULL);   /* texts may follow the pixels */
    png_read_end(r->png, r->end);
    return true;
}

/* Keywords, tEXt and zTXt are Latin-1: code points below 256. */
static char *from_latin1(const char *s, size_t size) {
    char *utf8 = malloc(2 * size + 1), *p = utf8;
    for (size_t i = 0; utf8 && i < size; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x80) *p++ = (char)(0xC0 | c >> 6);
        *p++ = (char)(c < 0x80 ? c : 0x80 | (c & 63));
    }
    if (utf8) *p = 0;
    return utf8;
}

static mn_status take_texts(const reader *r, png_infop info, char **pairs, int *n) {
    png_textp text = NULL;
    int count = 0;
    png_get_text(r->png, info, &text, &count);
    for (int i = 0; i < count; i++, ++*n) {
        bool utf8 = text[i].compression >= PNG_ITXT_COMPRESSION_NONE;
        char *body = utf8 ? strdup(text[i].text ? text[i].text : "") : from_latin1(text[i].text, text[i].text_length);
        pairs[2 * *n] = from_latin1(text[i].key, strlen(text[i].key));
        pairs[2 * *n + 1] = body;
        if (!body || !pairs[2 * *n]) return mn_fail(MN_ENOMEM, "no memory for the texts of %s", r->path);
        if (utf8 && mn_utf8_prefix(body, strlen(body)) != strlen(body))
            return mn_fail(MN_EFORMAT, "%s: text '%.79s' is not valid UTF-8", r->path, text[i].key);
    }
    return MN_OK;
}

mn_status mn_png_text(const char *path, int *n, char ***pairs) {
    reader r;
    *n = 0;
    *pairs = NULL;
    if (mn_errcode() != MN_OK) return mn_errcode();
    bool ok = reader_open(&r, path, true) && read_to_end(&r);
    if (ok) {
        png_textp text;
        int before = 0, after = 0;
        png_get_text(r.png, r.info, &text, &before);
        png_get_text(r.png, r.end, &text, &after);
        *pairs = calloc(2 * (size_t)(before + after) + 2, sizeof **pairs);
        if (!*pairs) mn_fail(MN_ENOMEM, "no memory for the texts of %s", path);
        else {
            ok = take_texts(&r, r.info, *pairs, n) == MN_OK && take_texts(&r, r.end, *pairs, n) == MN_OK;
            if (!ok) {
                mn_png_text_free(before + after, *pairs);    /* those not reached are NULL */
                *pairs = NULL;
                *n = 0;
            }
        }
    }
    reader_close(&r);
    return mn_errcode();
}

void mn_png_text_free(int n, char **pairs) {
    for (int i = 0; pairs && i < 2 * n; i++) free(pairs[i]);
    free(pairs);
}
