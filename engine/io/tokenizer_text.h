/* tokenizer_text.h -- what the tokenizer's files share: text as an array of code points, and a map
 * from byte strings to small numbers.
 *
 * An mn_cps that could not grow is `failed`: further pushes do nothing, so a chain of steps needs one
 * check at its end (mn_cps_ok). */
#ifndef MIEN_IO_TOKENIZER_TEXT_H
#define MIEN_IO_TOKENIZER_TEXT_H
#include "mien.h"

typedef struct mn_cps { uint32_t *at; size_t n, cap; bool failed; } mn_cps;     /* {0} is empty */

void mn_cps_push(mn_cps *text, uint32_t cp);
void mn_cps_append(mn_cps *text, const uint32_t *cps, size_t n);
void mn_cps_move(mn_cps *to, mn_cps *from);             /* to's old contents go, from is empty afterwards */
void mn_cps_free(mn_cps *text);
mn_status mn_cps_ok(const mn_cps *text);                /* MN_ENOMEM when an allocation failed on the way */
/* Surrogates written in UTF-8 (CESU-8) come through as such, for mn_cps_repair to pair up. */
mn_status mn_cps_decode(mn_cps *text, const char *utf8);
int mn_cp_encode(uint32_t cp, char out[4]);             /* bytes written, 1 to 4 */
char *mn_cps_encode(const mn_cps *text);                /* UTF-8; free() it.  NULL when failed or out of memory */

/* Unicode, in tokenizer_unicode.c. */
bool mn_cp_is_letter(uint32_t cp);                      /* \p{L} */
bool mn_cp_is_number(uint32_t cp);                      /* \p{N} */
bool mn_cp_is_mark(uint32_t cp);                        /* \p{M} */
bool mn_cp_is_digit(uint32_t cp);                       /* \p{Nd} */
bool mn_cp_is_space(uint32_t cp);                       /* White_Space */
void mn_cps_nfc(mn_cps *text);
void mn_cps_lower(mn_cps *text);                        /* full mappings, as Python's str.lower() */

/* The cleaning steps, in order. */
void mn_cps_repair(mn_cps *text);                      /* tokenizer_repair.c */
bool mn_cps_unmojibake(mn_cps *line);                  /* tokenizer_mojibake.c; true when it changed something */
uint32_t mn_cp_from_c1(uint32_t cp);                    /* U+0080-9F read as Windows-1252 */
void mn_cps_unescape(mn_cps *text);                    /* tokenizer_html.c; HTML's own rules */
void mn_cps_unescape_safe(mn_cps *text);               /* only what ends in a semicolon */
/* All of them: UTF-8 to what the word patterns see. */
mn_status mn_cps_clean(mn_cps *text, const char *utf8);        /* tokenizer_repair.c */

/* Byte strings to 0, 1, 2... in the order they were added (tokenizer_map.c). */
typedef struct mn_strmap { char *bytes; size_t n_bytes, cap_bytes; size_t *start; int32_t *slot; int n, n_slots; } mn_strmap;
void mn_strmap_free(mn_strmap *map);
int mn_strmap_find(const mn_strmap *map, const char *key, size_t len);          /* -1 when absent */
/* The key's number, new or old; -1 when out of memory (mn_fail has been called). */
int mn_strmap_add(mn_strmap *map, const char *key, size_t len);
const char *mn_strmap_key(const mn_strmap *map, int i);                         /* ends in a zero byte */

#endif
