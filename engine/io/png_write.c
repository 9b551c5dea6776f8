/* png_write.c -- writes 8-bit PNG files with text chunks (mien.h, png.h) through libpng.
 *
 * Texts: printable ASCII goes into tEXt, or zTXt from 1 KiB on; all else is UTF-8 in iTXt.  The XMP packet is an
 * uncompressed iTXt, so that programs which only scan for it find it.  The layout of the packet:
 * XMP specification part 1 (ISO 16684-1) and part 3, section "PNG"; the property: IPTC photo metadata 2023.1. */
#include <errno.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"
#include "png.h"
#include "text.h"

enum { COMPRESS_FROM = 1024, TEXTS_MAX = 256 };

static const char xmp_packet[] =
    "<?xpacket begin=\"\xef\xbb\xbf\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n"
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n"
    " <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n"
    "  <rdf:Description rdf:about=\"\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n"
    "    xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">\n"
    "   <xmp:CreatorTool>mien " MN_VERSION "</xmp:CreatorTool>\n"
    "   <Iptc4xmpExt:DigitalSourceType>" MN_SYNTHETIC_TERM "</Iptc4xmpExt:DigitalSourceType>\n"
    "  </rdf:Description>\n"
    " </rdf:RDF>\n"
    "</x:xmpmeta>\n"
    "<?xpacket end=\"r\"?>";

typedef struct writer {
    png_structp png;
    png_infop info;
    const char *path;
    FILE *f;
    unsigned char *pixels;
    int width, height, channels, texts;
    png_text *text;
} writer;

static void on_error(png_structp png, png_const_charp message) {
    writer *w = png_get_error_ptr(png);
    mn_fail(MN_EIO, "cannot write %s: %s", w->path, w->f && ferror(w->f) ? strerror(errno) : message);
    png_longjmp(png, 1);
}
static void on_warning(png_structp png, png_const_charp message) { (void)png; (void)message; }

/* PNG's rule for keywords, restricted to ASCII: 1 to 79 printable characters, no space at the ends or doubled. */
static bool good_keyword(const char *s) {
    size_t n = strlen(s);
    if (n < 1 || n > 79 || s[0] == ' ' || s[n - 1] == ' ' || strstr(s, "  ")) return false;
    for (size_t i = 0; i < n; i++)
        if (s[i] < 0x20 || s[i] > 0x7E) return false;
    return true;
}

static bool is_ascii(const char *s) {
    for (; *s; s++)
        if ((*s < 0x20 || *s > 0x7E) && *s != '\n') return false;
    return true;
}

static void set_text(png_text *out, const char *keyword, const char *text) {
    size_t size = strlen(text);
    bool compress = size >= COMPRESS_FROM && strcmp(keyword, MN_PNG_XMP) != 0, plain = is_ascii(text) && strcmp(keyword, MN_PNG_XMP) != 0;
    *out = (png_text){.key = (char *)keyword, .text = (char *)text};
    out->compression = plain ? compress ? PNG_TEXT_COMPRESSION_zTXt : PNG_TEXT_COMPRESSION_NONE
                             : compress ? PNG_ITXT_COMPRESSION_zTXt : PNG_ITXT_COMPRESSION_NONE;
    if (plain) out->text_length = size;
    else out->itxt_length = size;
}

/* Fills w->text (room for n + 1) from n pairs, adding the mark where it is due. */
static mn_status set_texts(writer *w, int n, const char *const *pairs) {
    bool record = false, xmp = false;
    for (int i = 0; i < n; i++) {
        const char *keyword = pairs[2 * i], *text = pairs[2 * i + 1];
        if (!good_keyword(keyword))
            return mn_fail(MN_EARG, "%s: text %d: keyword '%.100s' is not 1 to 79 printable ASCII characters without outer or double spaces", w->path, i + 1, keyword);
        size_t size = strlen(text);
        if (size > MN_PNG_TEXT_MAX) return mn_fail(MN_EARG, "%s: text '%s' has %zu bytes, at most %d are possible", w->path, keyword, size, MN_PNG_TEXT_MAX);
        if (mn_utf8_prefix(text, size) != size) return mn_fail(MN_EARG, "%s: text '%s' is not valid UTF-8", w->path, keyword);
        for (int k = 0; k < i; k++)
            if (strcmp(pairs[2 * k], keyword) == 0) return mn_fail(MN_EARG, "%s: text '%s' is given twice", w->path, keyword);
        record = record || strcmp(keyword, MN_PNG_RECORD) == 0;
        xmp = xmp || strcmp(keyword, MN_PNG_XMP) == 0;
        set_text(&w->text[w->texts++], keyword, text);
    }
    if (record && xmp) return mn_fail(MN_EARG, "%s: a picture with a '%s' text gets its '%s' from the engine, so none may be given", w->path, MN_PNG_RECORD, MN_PNG_XMP);
    if (record) set_text(&w->text[w->texts++], MN_PNG_XMP, xmp_packet);
    return MN_OK;
}

/* libpng's errors return here by longjmp; everything that must survive lives in *w. */
static bool write_picture(writer *w) {
    static const int types[] = {0, PNG_COLOR_TYPE_GRAY, 0, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGBA};
    if (setjmp(png_jmpbuf(w->png))) return false;
    png_init_io(w->png, w->f);
    png_set_IHDR(w->png, w->info, (png_uint_32)w->width, (png_uint_32)w->height, 8, types[w->channels],
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_sRGB(w->png, w->info, PNG_sRGB_INTENT_PERCEPTUAL);
    if (w->texts) png_set_text(w->png, w->info, w->text, w->texts);
    png_write_info(w->png, w->info);
    for (int y = 0; y < w->height; y++) png_write_row(w->png, w->pixels + (size_t)y * (size_t)w->width * (size_t)w->channels);
    png_write_end(w->png, w->info);
    return true;
}

static mn_status check_pixels(const char *path, mn_tensor *pixels) {
    if (!pixels) return mn_fail(MN_EARG, "%s: pixels are missing", path);
    if (mn_dtype_of(pixels) != MN_U8) return mn_fail(MN_EDTYPE, "%s: pixels: expected u8, got %s", path, mn_dtype_name(mn_dtype_of(pixels)));
    int64_t c = mn_dim(pixels, 2);
    if (mn_ndim(pixels) != 3 || (c != 1 && c != 3 && c != 4))
        return mn_fail(MN_ESHAPE, "%s: pixels: expected [H,W,C] with C 1, 3 or 4, got %s", path, mn_shape_text(pixels));
    if (mn_dim(pixels, 0) < 1 || mn_dim(pixels, 1) < 1 || mn_dim(pixels, 0) > MN_PNG_SIDE || mn_dim(pixels, 1) > MN_PNG_SIDE)
        return mn_fail(MN_ESHAPE, "%s: pixels: expected 1 to %d rows and columns, got %s", path, MN_PNG_SIDE, mn_shape_text(pixels));
    return mn_data(pixels) ? MN_OK : mn_fail(MN_EDEVICE, "%s: pixels are on a device, expected host memory", path);
}

/* Check the arguments and set up libpng.  writer_end frees what w holds, whatever came of it. */
static mn_status writer_begin(writer *w, const char *path, mn_tensor *pixels, int n_text, const char *const *text) {
    *w = (writer){.path = path};
    if (mn_errcode() != MN_OK || check_pixels(path, pixels) != MN_OK) return mn_errcode();
    if (n_text < 0 || n_text > TEXTS_MAX) return mn_fail(MN_EARG, "%s: %d texts, expected 0 to %d", path, n_text, TEXTS_MAX);
    w->pixels = mn_data(pixels);
    w->height = (int)mn_dim(pixels, 0);
    w->width = (int)mn_dim(pixels, 1);
    w->channels = (int)mn_dim(pixels, 2);
    if (!(w->text = calloc((size_t)n_text + 1, sizeof *w->text))) return mn_fail(MN_ENOMEM, "no memory to write %s", path);
    if (set_texts(w, n_text, text) != MN_OK) return mn_errcode();
    w->png = png_create_write_struct(PNG_LIBPNG_VER_STRING, w, on_error, on_warning);
    if (!w->png || !(w->info = png_create_info_struct(w->png))) return mn_fail(MN_ENOMEM, "no memory to write %s", path);
    return MN_OK;
}

static void writer_end(writer *w) {
    if (w->png) png_destroy_write_struct(&w->png, &w->info);
    free(w->text);
}

mn_status mn_png_write(const char *path, mn_tensor *pixels, int n_text, const char *const *text) {
    writer w;
    mn_outfile out;
    mn_status status = writer_begin(&w, path, pixels, n_text, text);
    if (status == MN_OK && (status = mn_outfile_open(&out, path)) == MN_OK) {
        w.f = out.f;
        status = mn_outfile_close(&out, write_picture(&w));
    }
    writer_end(&w);
    return status;
}

mn_status mn_png_encode(mn_tensor *pixels, int n_text, const char *const *text, char **bytes, size_t *size) {
    writer w;
    *bytes = NULL;
    mn_status status = writer_begin(&w, "PNG picture in memory", pixels, n_text, text);
    if (status == MN_OK) {
        bool ok = (w.f = open_memstream(bytes, size)) && write_picture(&w);
        if (w.f && fclose(w.f)) ok = false;
        if (!ok) {
            status = mn_fail(MN_ENOMEM, "no memory for a PNG picture");
            free(*bytes);
            *bytes = NULL;
        }
    }
    writer_end(&w);
    return status;
}
