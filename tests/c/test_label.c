/* test_label.c -- glyphs that can be told apart, clipping, line breaking, and where the parts of a sheet lie. */
#include <stdlib.h>
#include "check.h"
#include "io/label.h"

static const uint8_t black[3] = {0, 0, 0};

static mn_tensor *white(int64_t h, int64_t w) { return mn_full(MN_U8, 3, (int64_t[]){h, w, 3}, 255); }
static int64_t dark(mn_tensor *t) {
    int64_t n = 0;
    for (int64_t i = 0; i < mn_count(t); i++) n += ((uint8_t *)mn_data(t))[i] == 0;
    return n / 3;
}
static bool is_dark(mn_tensor *t, int64_t y, int64_t x) { return mn_item(t, 3 * (y * mn_dim(t, 1) + x)) == 0; }

static void glyphs(void) {
    for (int a = 0; a < 95; a++) {
        int ink = 0;
        for (int r = 0; r < 9; r++) {
            ink += mn_font[a][r];
            CHECK(mn_font[a][r] < 32);
        }
        CHECK(a == 0 ? ink == 0 : ink > 0);
        for (int b = 0; b < a; b++) CHECK(memcmp(mn_font[a], mn_font[b], 9) != 0);
    }
}

static void drawing(void) {
    mn_tensor *t = white(40, 60);
    CHECK_STATUS(MN_OK, mn_label_draw(t, 3, 2, "T", 1, black));
    CHECK(dark(t) == 11 && is_dark(t, 2, 3) && is_dark(t, 2, 7) && is_dark(t, 8, 5) && !is_dark(t, 3, 3));
    t = white(45, 60);
    CHECK_STATUS(MN_OK, mn_label_draw(t, 3, 2, "T\nT", 2, black));   /* twice the size; the second line 22 rows below */
    CHECK(dark(t) == 2 * 11 * 4 && is_dark(t, 2, 3) && is_dark(t, 24, 3) && !is_dark(t, 23, 3));
}

static void clipping(void) {
    mn_tensor *whole = white(30, 30), *t;
    CHECK_STATUS(MN_OK, mn_label_draw(whole, 10, 10, "#", 1, black));
    for (int64_t y = -12; y <= 12; y++)
        for (int64_t x = -8; x <= 12; x++) {          /* a window of 8 x 8 onto the same drawing */
            int64_t want = 0;
            t = white(8, 8);
            CHECK_STATUS(MN_OK, mn_label_draw(t, x, y, "#", 1, black));
            for (int64_t r = 0; r < 8; r++)
                for (int64_t c = 0; c < 8; c++)
                    if (r + 10 - y >= 0 && r + 10 - y < 30 && c + 10 - x >= 0 && c + 10 - x < 30) want += is_dark(whole, r + 10 - y, c + 10 - x);
            CHECK(dark(t) == want);
        }
    t = white(20, 20);
    CHECK_STATUS(MN_OK, mn_label_draw(t, 0, 0, "\xc3\xa9", 1, black));           /* one box for one character */
    CHECK(dark(t) == 20);
    CHECK_STATUS(MN_EARG, mn_label_draw(t, 0, 0, "x", 0, black));
    CHECK_STATUS(MN_EARG, mn_label_draw(t, INT64_MAX, 0, "x", 1, black));
    CHECK_STATUS(MN_ESHAPE, mn_label_draw(mn_zeros(MN_F32, 3, (int64_t[]){2, 2, 3}), 0, 0, "x", 1, black));
}

static void wrap(const char *text, int64_t columns, const char *want) {
    int64_t lines, n = 1;
    char *got = mn_label_wrap(text, columns, &lines);
    for (const char *p = want; *p; p++) n += *p == '\n';
    if (got && strcmp(got, want)) fprintf(stderr, "<<%s>> came out as <<%s>>\n", text, got);
    CHECK(got && strcmp(got, want) == 0 && lines == n);
    free(got);
}

static void wrapping(void) {
    wrap("", 5, "");
    wrap("abc", 5, "abc");
    wrap("abcde fg", 5, "abcde\nfg");
    wrap("ab cd ef", 5, "ab cd\nef");
    wrap("ab cde ef", 5, "ab\ncde\nef");
    wrap("abcdefgh", 3, "abc\ndef\ngh");
    wrap("a bcdefg", 3, "a\nbcd\nefg");
    wrap("one\ntwo", 9, "one\ntwo");
    wrap("\xc3\xa9\xc3\xa9\xc3\xa9", 2, "\xc3\xa9\xc3\xa9\n\xc3\xa9");
    wrap("abc", 0, "a\nb\nc");
}

static void sheets(void) {
    mn_tensor *a = mn_full(MN_U8, 3, (int64_t[]){40, 30, 3}, 10), *b = mn_full(MN_U8, 3, (int64_t[]){20, 30, 3}, 20);
    mn_sheet s = {.rows = 1, .columns = 2, .pictures = (mn_tensor *[]){a, b}};
    mn_tensor *t = mn_sheet_compose(&s);
    CHECK(t && mn_dim(t, 0) == 4 + 40 + 4 && mn_dim(t, 1) == 4 + 30 + 4 + 30 + 4);
    CHECK(mn_item(t, 3 * (4 * 72 + 4)) == 10 && mn_item(t, 3 * (3 * 72 + 4)) == 255 && mn_item(t, 3 * (13 * 72 + 38)) == 255);
    CHECK(mn_item(t, 3 * (14 * 72 + 38)) == 20 && mn_item(t, 3 * (33 * 72 + 67)) == 20 && mn_item(t, 3 * (34 * 72 + 38)) == 255);
    s = (mn_sheet){.rows = 2, .columns = 2, .pictures = (mn_tensor *[]){a, NULL, NULL, b}, .row_labels = (const char *[]){"first", NULL},
                   .column_labels = (const char *[]){"one two", "three"}, .title = "A title that is long", .footer = "foot", .gap = -1};
    t = mn_sheet_compose(&s);
    /* 5 characters left; 5 characters a cell: the column label takes 2 lines, the title 15 columns hence 2 lines */
    CHECK(t && mn_dim(t, 1) == 30 + 2 * 30 && mn_dim(t, 0) == 2 * 11 + 2 * 11 + 2 * 40 + 11);
    CHECK(t && dark(t) > 100);
    CHECK(!mn_sheet_compose(&(mn_sheet){.rows = 0, .columns = 2}));
    CHECK_STATUS(MN_EARG, mn_errcode());
    CHECK(!mn_sheet_compose(&(mn_sheet){.rows = 1, .columns = 1, .pictures = (mn_tensor *[]){NULL}}));
    CHECK_STATUS(MN_EARG, mn_errcode());
    CHECK(!mn_sheet_compose(&(mn_sheet){.rows = 1, .columns = 1, .pictures = (mn_tensor *[]){mn_zeros(MN_U8, 2, (int64_t[]){2, 2})}}));
    CHECK_STATUS(MN_ESHAPE, mn_errcode());
    mn_tensor *many[600];
    for (int i = 0; i < 600; i++) many[i] = a;
    CHECK(!mn_sheet_compose(&(mn_sheet){.rows = 1, .columns = 600, .pictures = many}));
    CHECK_STATUS(MN_ESHAPE, mn_errcode());
}

int main(void) {
    mn_scope scope = mn_scope_open();
    glyphs();
    drawing();
    clipping();
    wrapping();
    sheets();
    mn_scope_close(scope);
    return check_done("label");
}
