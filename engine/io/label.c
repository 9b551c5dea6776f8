/* label.c -- draws text in the built-in font, and breaks it into lines (label.h). */
#include <stdlib.h>
#include <string.h>
#include "label.h"

static const unsigned char box[9] = {0x1f, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1f, 0, 0};

/* One character from UTF-8; its glyph, and *p moved behind it.  Bytes that are not UTF-8 count one each. */
static const unsigned char *next_glyph(const char **p) {
    unsigned char c = (unsigned char)*(*p)++;
    if (c >= 32 && c <= 126) return mn_font[c - 32];
    if (c >= 0xC0)
        while (((unsigned char)**p & 0xC0) == 0x80) ++*p;
    return box;
}

static void fill_square(uint8_t *pixels, int64_t width, int64_t height, int64_t x, int64_t y, int scale, const uint8_t color[3]) {
    for (int64_t row = y < 0 ? 0 : y; row < y + scale && row < height; row++)
        for (int64_t column = x < 0 ? 0 : x; column < x + scale && column < width; column++) memcpy(pixels + 3 * (row * width + column), color, 3);
}

mn_status mn_label_draw(mn_tensor *pixels, int64_t x, int64_t y, const char *text, int scale, const uint8_t color[3]) {
    if (mn_errcode() != MN_OK) return mn_errcode();
    if (!pixels || mn_dtype_of(pixels) != MN_U8 || mn_ndim(pixels) != 3 || mn_dim(pixels, 2) != 3 || !mn_data(pixels))
        return mn_fail(MN_ESHAPE, "label: pixels: expected u8 [H,W,3] in host memory, got %s", mn_shape_text(pixels));
    if (scale < 1 || scale > 64) return mn_fail(MN_EARG, "label: scale %d, expected 1 to 64", scale);
    if (x < INT32_MIN || x > INT32_MAX || y < INT32_MIN || y > INT32_MAX)
        return mn_fail(MN_EARG, "label: position %lld, %lld is too far away", (long long)x, (long long)y);
    int64_t left = x;
    for (const char *p = text; *p; ) {
        if (*p == '\n') {
            p++;
            x = left;
            y += (int64_t)MN_FONT_H * scale;
            continue;
        }
        const unsigned char *glyph = next_glyph(&p);
        for (int row = 0; row < 9; row++)
            for (int column = 0; column < 5; column++)
                if (glyph[row] >> (4 - column) & 1)
                    fill_square(mn_data(pixels), mn_dim(pixels, 1), mn_dim(pixels, 0), x + (int64_t)column * scale, y + (int64_t)row * scale, scale, color);
        x += (int64_t)MN_FONT_W * scale;
    }
    return MN_OK;
}

char *mn_label_wrap(const char *text, int64_t columns, int64_t *lines) {
    size_t size = strlen(text);
    char *out = malloc(2 * size + 1), *q = out, *space = NULL;   /* at worst a break after every byte */
    int64_t width = 0, since = 0;        /* characters on this line; of those, behind the last space */
    if (columns < 1) columns = 1;
    if (!out) {
        mn_fail(MN_ENOMEM, "no memory for a label of %zu bytes", size);
        return NULL;
    }
    *lines = 1;
    for (const char *p = text; *p; ) {
        const char *start = p;
        next_glyph(&p);
        if (*start == '\n' || (*start == ' ' && width == columns)) {   /* a space at the edge becomes the break */
            *q++ = '\n';
            ++*lines;
            width = 0;
            space = NULL;
            continue;
        }
        if (width == columns) {
            if (space) *space = '\n';    /* the word moves to the next line, */
            else *q++ = '\n';            /* or is cut when it is all the line has */
            ++*lines;
            width = space ? since : 0;
            space = NULL;
        }
        if (*start == ' ') {
            space = q;
            since = 0;
        } else since++;
        memcpy(q, start, (size_t)(p - start));
        q += p - start;
        width++;
    }
    *q = 0;
    return out;
}
