/* sixel.c -- the DEC sixel format (VT330/VT340 programmer reference manual, volume 2, chapter 14), and base64 (RFC 4648).
 *
 * ESC P q, the palette, then for each band of 6 rows and each colour in it one line of characters 63 + b, where bit k
 * of b says whether row k of the band has that colour; "!n" repeats, "$" goes back to the band's start, "-" on to the
 * next band; ESC \ ends.  Colours: 6 levels each of red and blue, 7 of green, with ordered dithering (Bayer 1973). */
#include <stdlib.h>
#include <string.h>
#include "sixel.h"

enum { RED = 6, GREEN = 7, BLUE = 6, COLORS = RED * GREEN * BLUE };

/* v in 0..255 to a level 0..levels-1, the threshold at (x,y) deciding between neighbours. */
static int level(int v, int levels, int64_t x, int64_t y) {
    static const unsigned char bayer[4][4] = {{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}};
    int scaled = v * (levels - 1) * 32 / 255, threshold = 2 * bayer[y & 3][x & 3] + 1;
    return scaled / 32 + (scaled % 32 > threshold);
}

static void put_run(mn_text *out, int c, int64_t n) {
    if (n > 3) mn_text_addf(out, "!%lld%c", (long long)n, c);
    else while (n-- > 0) mn_text_addf(out, "%c", c);
}

static void put_band(mn_text *out, const unsigned char *index, int64_t width, int rows) {
    bool used[COLORS] = {false}, first = true;
    for (int64_t i = 0; i < width * rows; i++) used[index[i]] = true;
    for (int c = 0; c < COLORS; c++) {
        if (!used[c]) continue;
        mn_text_addf(out, "%s#%d", first ? "" : "$", c);
        first = false;
        int run = -1;
        int64_t length = 0;
        for (int64_t x = 0; x < width; x++) {
            int bits = 0;
            for (int r = 0; r < rows; r++) bits |= (index[r * width + x] == c) << r;
            if (bits != run) { put_run(out, 63 + run, length); run = bits; length = 0; }
            length++;
        }
        if (run) put_run(out, 63 + run, length);
    }
    mn_text_add(out, "-", 1);
}

mn_status mn_sixel_encode(mn_tensor *pixels, mn_text *out) {
    if (mn_dtype_of(pixels) != MN_U8 || mn_ndim(pixels) != 3 || mn_dim(pixels, 2) != 3 || !mn_data(pixels))
        return mn_fail(MN_ESHAPE, "sixel: u8 [H,W,3] in host memory expected, got %s %s", mn_dtype_name(mn_dtype_of(pixels)), mn_shape_text(pixels));
    int64_t height = mn_dim(pixels, 0), width = mn_dim(pixels, 1);
    const uint8_t *p = mn_data(pixels);
    unsigned char *index = malloc((size_t)width * 6 + 1);
    if (!index) return mn_fail(MN_ENOMEM, "sixel: no memory for a band of %lld pixels", (long long)width * 6);
    mn_text_addf(out, "\033P0;1q\"1;1;%lld;%lld", (long long)width, (long long)height);
    for (int c = 0; c < COLORS; c++)
        mn_text_addf(out, "#%d;2;%d;%d;%d", c, c / (GREEN * BLUE) * 100 / (RED - 1), c / BLUE % GREEN * 100 / (GREEN - 1), c % BLUE * 100 / (BLUE - 1));
    for (int64_t y = 0; y < height; y += 6) {
        int rows = height - y < 6 ? (int)(height - y) : 6;
        for (int r = 0; r < rows; r++)
            for (int64_t x = 0; x < width; x++) {
                const uint8_t *q = p + 3 * ((y + r) * width + x);
                index[r * width + x] = (unsigned char)((level(q[0], RED, x, y + r) * GREEN + level(q[1], GREEN, x, y + r)) * BLUE + level(q[2], BLUE, x, y + r));
            }
        put_band(out, index, width, rows);
    }
    free(index);
    mn_text_add(out, "\033\\", 2);
    return out->failed ? mn_errcode() : MN_OK;
}

void mn_base64_encode(const void *bytes, size_t size, mn_text *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = bytes;
    for (size_t i = 0; i < size; i += 3) {
        unsigned v = (unsigned)p[i] << 16 | (i + 1 < size ? (unsigned)p[i + 1] << 8 : 0) | (i + 2 < size ? p[i + 2] : 0u);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], i + 1 < size ? digits[v >> 6 & 63] : '=', i + 2 < size ? digits[v & 63] : '='};
        mn_text_add(out, four, 4);
    }
}
