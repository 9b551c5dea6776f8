/* tokenizer.h -- text to token ids: CLIP's byte-pair tokenizer (mn_bpe) and the word tokenizer of
 * the built-in text tower (mn_words).
 *
 *     mn_bpe *bpe = mn_bpe_open("bpe_simple_vocab_16e6.txt.gz");
 *     int32_t ids[77];
 *     mn_bpe_tokens(bpe, "A person who is smiling", 77, false, ids);    49406 320 2533 822 533 9200 49407 0 0...
 *     mn_bpe_free(bpe);
 *
 * Texts are UTF-8 ended by a zero byte.  A wrong byte sequence counts as U+FFFD, one for each longest
 * piece that could have begun a character; nothing is ever read past it.  Both kinds of tokenizer are
 * read-only once made: threads may share one.  Time is O(n log n) in the text's length at worst. */
#ifndef MIEN_IO_TOKENIZER_H
#define MIEN_IO_TOKENIZER_H
#include "mien.h"

enum { MN_TEXT_MAX = 1 << 28 };      /* bytes; longer texts are refused */

/* ---- CLIP's byte pairs (tokenizer_bpe.c) -------------------------------- */

typedef struct mn_bpe mn_bpe;

/* Reads CLIP's vocabulary file, plain or gzipped; NULL when it is missing or malformed. */
mn_bpe *mn_bpe_open(const char *path);
void mn_bpe_free(mn_bpe *bpe);
/* Number of ids; the last two are start and end.  49408 for CLIP's own file: compare with the rows of the
 * model's token embedding, because a file cut off between two lines reads like a smaller vocabulary. */
int mn_bpe_count(const mn_bpe *bpe);
/* The ids of a text, without start and end.  At most max are written; *n is how many the text has. */
mn_status mn_bpe_encode(const mn_bpe *bpe, const char *text, int32_t *ids, int max, int *n);
/* out[context]: start, ids, end, zeros.  A text that does not fit is an error, or with truncate
 * is cut so that the end token comes last. */
mn_status mn_bpe_tokens(const mn_bpe *bpe, const char *text, int context, bool truncate, int32_t *out);
/* The text as the word pattern sees it: repaired, unescaped, single spaces, lower case.  free() it. */
char *mn_bpe_clean(const char *text);

/* ---- words (tokenizer_words.c) ------------------------------------------ */

typedef struct mn_words mn_words;

enum { MN_WORDS_PAD, MN_WORDS_START, MN_WORDS_END, MN_WORDS_UNKNOWN, MN_WORDS_FIRST };

/* list: one word a line, or a JSON array of strings (the form kept in a model file's metadata).  The first
 * word gets the id MN_WORDS_FIRST.  Each must be one word under the rule of mn_words_split, listed once. */
mn_words *mn_words_parse(const char *list);
void mn_words_free(mn_words *words);
int mn_words_count(const mn_words *words);                       /* ids: the words and the four special ones */
const char *mn_words_word(const mn_words *words, int id);        /* "" for special and unused ids */
/* The words of a text, lower case, one a line: what a vocabulary is collected from.  free() it. */
char *mn_words_split(const char *text);
/* out[context]: start, ids, end, zeros, as mn_bpe_tokens.  unknown (may be NULL) receives the words that
 * have no id, each once, in the order met, *n_unknown of them; one free() releases all.  NULL when none. */
mn_status mn_words_encode(const mn_words *words, const char *text, int context, bool truncate, int32_t *out,
                          int *n_unknown, char ***unknown);

#endif
