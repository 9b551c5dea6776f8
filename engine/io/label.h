/* label.h -- text on u8 pictures, and labelled contact sheets. */
#ifndef MIEN_IO_LABEL_H
#define MIEN_IO_LABEL_H
#include "mien.h"

enum { MN_FONT_W = 6, MN_FONT_H = 11 };                 /* a character's cell at scale 1: 5 x 9 pixels and the gaps */
extern const unsigned char mn_font[95][9];              /* font.c: ASCII 32 to 126 */

/* Draw text with its upper left corner at x, y (pixels, may lie outside: what falls off is cut).  '\n' begins a new
 * line; each character outside ASCII is drawn as a box. */
mn_status mn_label_draw(mn_tensor *pixels /* [H,W,3] u8 */, int64_t x, int64_t y, const char *text, int scale, const uint8_t color[3]);
/* Break text at spaces (or within words that are too long) so that no line is wider than `columns` characters.
 * Returns a new string with '\n' between lines, for free(); *lines is their number. */
char *mn_label_wrap(const char *text, int64_t columns, int64_t *lines);

typedef struct mn_sheet {
    int rows, columns;
    mn_tensor *const *pictures;          /* [rows * columns] of [H,W,3] u8, row after row; NULL leaves a cell empty */
    const char *const *row_labels;       /* [rows] left of the rows, or NULL */
    const char *const *column_labels;    /* [columns] above the columns, or NULL */
    const char *title, *footer;          /* or NULL */
    int scale;                           /* of the text; 0 means 1 */
    int gap;                             /* pixels between cells; 0 means 4, negative none */
} mn_sheet;
/* The grid on white as one picture [H,W,3] u8.  Cells are as large as the largest picture; smaller ones are centred. */
mn_tensor *mn_sheet_compose(const mn_sheet *sheet);

#endif
