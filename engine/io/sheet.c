/* sheet.c -- puts pictures into a labelled grid (label.h):
 *
 *              title
 *                     column label   column label
 *        row label    [picture]      [picture]
 *        row label    [picture]      [picture]
 *              footer
 *
 * Labels are wrapped to the room they have: a column's to the width of a cell, a row's to ROW_LABEL characters. */
#include <stdlib.h>
#include <string.h>
#include "label.h"
#include "png.h"

enum { ROW_LABEL = 18, CELLS_MAX = 65536 };
static const uint8_t black[3] = {0, 0, 0};

typedef struct layout {
    int scale;
    int64_t gap, cell_w, cell_h;        /* of one picture */
    int64_t left, top;                  /* where the grid begins */
    int64_t width, height, footer_y;
    char *title, *footer, **rows, **columns;   /* wrapped */
} layout;

static mn_status check_sheet(const mn_sheet *s, layout *l) {
    if (s->rows < 1 || s->columns < 1 || (int64_t)s->rows * s->columns > CELLS_MAX)
        return mn_fail(MN_EARG, "sheet: %d rows of %d pictures, expected at least 1 and at most %d in all", s->rows, s->columns, CELLS_MAX);
    if (s->scale < 0 || s->scale > 16) return mn_fail(MN_EARG, "sheet: scale %d, expected 0 to 16", s->scale);
    if (s->gap > 1024) return mn_fail(MN_EARG, "sheet: gap %d, expected at most 1024", s->gap);
    for (int i = 0; i < s->rows * s->columns; i++) {
        mn_tensor *t = s->pictures[i];
        if (!t) continue;
        if (mn_dtype_of(t) != MN_U8 || mn_ndim(t) != 3 || mn_dim(t, 2) != 3 || !mn_data(t))
            return mn_fail(MN_ESHAPE, "sheet: picture %d: expected u8 [H,W,3] in host memory, got %s %s", i + 1, mn_dtype_name(mn_dtype_of(t)), mn_shape_text(t));
        if (mn_dim(t, 0) > l->cell_h) l->cell_h = mn_dim(t, 0);
        if (mn_dim(t, 1) > l->cell_w) l->cell_w = mn_dim(t, 1);
    }
    l->scale = s->scale ? s->scale : 1;
    l->gap = s->gap ? s->gap < 0 ? 0 : s->gap : 4;
    if (l->cell_w < 1 || l->cell_h < 1) return mn_fail(MN_EARG, "sheet: there is no picture");
    return MN_OK;
}

/* Wrap n labels into *out; the most lines and the widest line, in characters. */
static bool wrap_all(const char *const *labels, int n, int64_t columns, char ***out, int64_t *most, int64_t *widest) {
    *most = *widest = 0;
    if (!labels) return true;
    if (!(*out = calloc((size_t)n, sizeof **out))) {
        mn_fail(MN_ENOMEM, "no memory for %d labels", n);
        return false;
    }
    for (int i = 0; i < n; i++) {
        int64_t lines, width = 0;
        char *text = (*out)[i] = mn_label_wrap(labels[i] ? labels[i] : "", columns, &lines);
        if (!text) return false;
        if (lines > *most) *most = lines;
        for (char *p = text; *p; p++) {
            width = *p == '\n' ? 0 : width + 1;
            if (width > *widest) *widest = width;        /* bytes: at least the characters */
        }
    }
    if (*widest > columns) *widest = columns;
    return true;
}

static bool plan(const mn_sheet *s, layout *l) {
    int64_t character = (int64_t)MN_FONT_W * l->scale, line = (int64_t)MN_FONT_H * l->scale, most, widest, lines = 0;
    if (!wrap_all(s->row_labels, s->rows, ROW_LABEL, &l->rows, &most, &widest)) return false;
    l->left = l->gap + (widest ? widest * character + l->gap : 0);
    l->width = l->left + s->columns * (l->cell_w + l->gap);
    if (most * line > l->cell_h) l->cell_h = most * line;  /* a long row label needs a tall row */
    if (!wrap_all(s->column_labels, s->columns, l->cell_w / character, &l->columns, &most, &widest)) return false;
    l->top = l->gap;
    if (s->title && !(l->title = mn_label_wrap(s->title, (l->width - 2 * l->gap) / character, &lines))) return false;
    l->top += lines ? lines * line + l->gap : 0;
    l->top += most ? most * line + l->gap : 0;
    l->footer_y = l->top + s->rows * (l->cell_h + l->gap);
    l->height = l->footer_y;
    if (s->footer) {
        if (!(l->footer = mn_label_wrap(s->footer, (l->width - 2 * l->gap) / character, &lines))) return false;
        l->height += lines * line + l->gap;
    }
    if (l->width <= MN_PNG_SIDE && l->height <= MN_PNG_SIDE) return true;
    mn_fail(MN_ESHAPE, "sheet: it would have %lld x %lld pixels, at most %d a side are possible", (long long)l->width, (long long)l->height, MN_PNG_SIDE);
    return false;
}

static void paste(mn_tensor *sheet, mn_tensor *picture, int64_t x, int64_t y) {
    uint8_t *to = mn_data(sheet), *from = mn_data(picture);
    int64_t width = mn_dim(picture, 1);
    for (int64_t row = 0; row < mn_dim(picture, 0); row++)
        memcpy(to + 3 * ((y + row) * mn_dim(sheet, 1) + x), from + 3 * row * width, 3 * (size_t)width);
}

static int64_t count_lines(const char *text) {
    int64_t lines = 1;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

static void draw(const mn_sheet *s, const layout *l, mn_tensor *out) {
    int64_t line = (int64_t)MN_FONT_H * l->scale;
    if (l->title) mn_label_draw(out, l->gap, l->gap, l->title, l->scale, black);
    if (l->footer) mn_label_draw(out, l->gap, l->footer_y, l->footer, l->scale, black);
    for (int c = 0; l->columns && c < s->columns; c++)   /* resting on the grid */
        mn_label_draw(out, l->left + c * (l->cell_w + l->gap), l->top - l->gap - count_lines(l->columns[c]) * line, l->columns[c], l->scale, black);
    for (int r = 0; r < s->rows; r++) {
        int64_t y = l->top + r * (l->cell_h + l->gap);
        if (l->rows) mn_label_draw(out, l->gap, y + (l->cell_h - count_lines(l->rows[r]) * line) / 2, l->rows[r], l->scale, black);
        for (int c = 0; c < s->columns; c++) {
            mn_tensor *t = s->pictures[r * s->columns + c];
            if (t) paste(out, t, l->left + c * (l->cell_w + l->gap) + (l->cell_w - mn_dim(t, 1)) / 2, y + (l->cell_h - mn_dim(t, 0)) / 2);
        }
    }
}

static void free_all(char **texts, int n) {
    for (int i = 0; texts && i < n; i++) free(texts[i]);
    free(texts);
}

mn_tensor *mn_sheet_compose(const mn_sheet *sheet) {
    layout l = {0};
    mn_tensor *out = NULL;
    if (mn_errcode() != MN_OK || check_sheet(sheet, &l) != MN_OK) return NULL;
    if (plan(sheet, &l) && (out = mn_full(MN_U8, 3, (int64_t[]){l.height, l.width, 3}, 255))) draw(sheet, &l, out);
    free_all(l.rows, sheet->rows);
    free_all(l.columns, sheet->columns);
    free(l.title);
    free(l.footer);
    return mn_errcode() == MN_OK ? out : NULL;
}
