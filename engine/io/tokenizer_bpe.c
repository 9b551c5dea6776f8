/* tokenizer_bpe.c -- CLIP's byte-pair encoding (Sennrich et al. 2016, in GPT-2's form over bytes).
 *
 * A cleaned text is cut into words: at each place the first that matches of <|startoftext|>,
 * <|endoftext|>, 's 't 're 've 'm 'll 'd, letters, one number character, other signs.  A word's UTF-8
 * bytes become symbols, the last one marked as ending a word; then the neighbours that come first in the
 * list of merges are joined, all of them from left to right, until no neighbours are in the list.
 *
 * Ids: 256 byte symbols, the same 256 at a word's end, the merges in the file's order, start, end.
 * File: a header line holding "#version", then a merge a line: two symbols and a space between them.
 * Symbols are written in GPT-2's alphabet: the bytes 21-7E, A1-AC and AE-FF as themselves, the other 68
 * as U+0100, U+0101...; "</w>" marks the end of a word.  CLIP uses the first 48,894 merges only.
 *
 * Neighbours wait in a heap ordered by (merge, place), and a heap entry whose neighbours have changed
 * since is skipped: a word of n bytes takes O(n log n), where rescanning for each merge takes O(n^2). */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "io/tokenizer.h"
#include "io/tokenizer_text.h"

enum { BYTE_SYMBOLS = 512, MERGES_MAX = 48894, FILE_MAX = 64 << 20 };

struct mn_bpe {
    int n_merges, n_slots;
    int32_t *left, *right;       /* [n_merges] the symbols that merge i joins, into symbol BYTE_SYMBOLS + i */
    int32_t *slot;               /* [n_slots] hash table of merges, -1 where free */
    int16_t byte_symbol[256];
};

/* ---- the table of merges ------------------------------------------------ */

static int merge_slot(const mn_bpe *bpe, int32_t left, int32_t right) {
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    int mask = bpe->n_slots - 1, s = (int)((key * 0x9E3779B97F4A7C15u) >> 40) & mask;
    while (bpe->slot[s] >= 0 && (bpe->left[bpe->slot[s]] != left || bpe->right[bpe->slot[s]] != right)) s = (s + 1) & mask;
    return s;
}

static int find_merge(const mn_bpe *bpe, int32_t left, int32_t right) { return bpe->slot[merge_slot(bpe, left, right)]; }

/* ---- reading the file --------------------------------------------------- */

/* The whole file, unpacked; ends in a zero byte. */
static char *read_all(const char *path, size_t *len) {
    gzFile file = gzopen(path, "rb");            /* reads plain files as they are */
    if (!file) {
        mn_fail(MN_ENOTFOUND, "bpe: cannot open vocabulary '%s'", path);
        return NULL;
    }
    size_t cap = 1 << 20, n = 0;
    char *text = malloc(cap + 1);
    int got = 0;
    while (text && (got = gzread(file, text + n, (unsigned)(cap - n))) > 0) {
        n += (size_t)got;
        if (n < cap) continue;
        char *more = cap < FILE_MAX ? realloc(text, cap * 2 + 1) : NULL;
        if (!more) { free(text); text = NULL; break; }
        text = more;
        cap *= 2;
    }
    int error = 0;
    if (got < 0) gzerror(file, &error);
    int closed = gzclose_r(file);                /* Z_BUF_ERROR: the last read ended inside the packed data */
    if (!text) {
        if (cap >= FILE_MAX) mn_fail(MN_EFORMAT, "bpe: vocabulary '%s': at most %d bytes expected, it has more", path, FILE_MAX);
        else mn_fail(MN_ENOMEM, "bpe: out of memory for vocabulary '%s'", path);
    } else if (error == Z_ERRNO) {
        mn_fail(MN_EIO, "bpe: vocabulary '%s' cannot be read", path);
    } else if (error || closed != Z_OK) {
        mn_fail(MN_EFORMAT, "bpe: vocabulary '%s': the gzip data is damaged or cut off", path);
    } else {
        text[n] = 0;
        *len = n;
        return text;
    }
    free(text);
    return NULL;
}

/* Names the 512 byte symbols, in id order, and fills byte_symbol. */
static bool add_byte_symbols(mn_bpe *bpe, mn_strmap *symbols) {
    int n = 0, aside = 0;
    char name[256][8];
    for (int pass = 0; pass < 2; pass++)
        for (int b = 0; b < 256; b++) {
            bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
            if (printable != (pass == 0)) continue;
            name[n][mn_cp_encode(printable ? (uint32_t)b : 0x100u + (uint32_t)aside++, name[n])] = 0;
            bpe->byte_symbol[b] = (int16_t)n++;
        }
    for (int i = 0; i < BYTE_SYMBOLS; i++) {
        if (i >= 256) strcat(name[i - 256], "</w>");
        if (mn_strmap_add(symbols, name[i & 255], strlen(name[i & 255])) != i) return false;
    }
    return true;
}

/* One line of the file: adds the merge, its symbol and its slot. */
static mn_status add_merge(mn_bpe *bpe, mn_strmap *symbols, const char *path, int number, const char *line, size_t len) {
    const char *space = memchr(line, ' ', len);
    if (!space || space == line || space + 1 == line + len || memchr(space + 1, ' ', len - (size_t)(space + 1 - line)))
        return mn_fail(MN_EFORMAT, "bpe: vocabulary '%s', line %d: two symbols with one space between them expected", path, number);
    size_t n_left = (size_t)(space - line), n_right = len - n_left - 1;
    int left = mn_strmap_find(symbols, line, n_left), right = mn_strmap_find(symbols, space + 1, n_right);
    if (left < 0 || right < 0)
        return mn_fail(MN_EFORMAT, "bpe: vocabulary '%s', line %d: the %s symbol is neither a byte nor made by an earlier line",
                       path, number, left < 0 ? "first" : "second");
    char *joined = malloc(n_left + n_right);
    if (!joined) return mn_fail(MN_ENOMEM, "bpe: out of memory for vocabulary '%s'", path);
    memcpy(joined, line, n_left);
    memcpy(joined + n_left, space + 1, n_right);
    int id = mn_strmap_add(symbols, joined, n_left + n_right);
    free(joined);
    if (id < 0) return mn_errcode();
    if (id != BYTE_SYMBOLS + bpe->n_merges)      /* ids are places in the list: a symbol cannot have two */
        return mn_fail(MN_EFORMAT, "bpe: vocabulary '%s', line %d: an earlier line already makes this symbol", path, number);
    bpe->left[bpe->n_merges] = left;
    bpe->right[bpe->n_merges] = right;
    bpe->slot[merge_slot(bpe, left, right)] = bpe->n_merges;
    bpe->n_merges++;
    return MN_OK;
}

static mn_status read_merges(mn_bpe *bpe, const char *path, const char *text, size_t len) {
    const char *p = text, *end = text + len, *newline, *version;
    mn_strmap symbols = {0};
    mn_status status = add_byte_symbols(bpe, &symbols) ? MN_OK : mn_errcode();
    for (int number = 1; !status && p < end && bpe->n_merges < MERGES_MAX; number++, p = newline + 1) {
        newline = memchr(p, '\n', (size_t)(end - p));
        if (!newline) newline = end;
        size_t n = (size_t)(newline - p);
        if (n && p[n - 1] == '\r') n--;
        if (number > 1) {
            if (n || newline + 1 < end) status = add_merge(bpe, &symbols, path, number, p, n);
        } else if ((version = strstr(text, "#version")) == NULL || version >= p + n) {
            status = mn_fail(MN_EFORMAT, "bpe: vocabulary '%s': a first line with '#version' expected", path);
        }
    }
    if (!status && bpe->n_merges == 0) status = mn_fail(MN_EFORMAT, "bpe: vocabulary '%s' has no merges", path);
    mn_strmap_free(&symbols);
    return status;
}

mn_bpe *mn_bpe_open(const char *path) {
    size_t len;
    char *text = read_all(path, &len);
    if (!text) return NULL;
    mn_bpe *bpe = calloc(1, sizeof *bpe);
    mn_status status = MN_OK;
    if (bpe) {
        bpe->n_slots = 1 << 17;                  /* under 40 % full */
        bpe->left = malloc(MERGES_MAX * sizeof *bpe->left);
        bpe->right = malloc(MERGES_MAX * sizeof *bpe->right);
        bpe->slot = malloc((size_t)bpe->n_slots * sizeof *bpe->slot);
    }
    if (!bpe || !bpe->left || !bpe->right || !bpe->slot) {
        status = mn_fail(MN_ENOMEM, "bpe: out of memory for vocabulary '%s'", path);
    } else {
        memset(bpe->slot, 0xff, (size_t)bpe->n_slots * sizeof *bpe->slot);       /* all -1 */
        status = read_merges(bpe, path, text, len);
    }
    free(text);
    if (!status) return bpe;
    mn_bpe_free(bpe);
    return NULL;
}

void mn_bpe_free(mn_bpe *bpe) {
    if (!bpe) return;
    free(bpe->left);
    free(bpe->right);
    free(bpe->slot);
    free(bpe);
}

int mn_bpe_count(const mn_bpe *bpe) { return BYTE_SYMBOLS + bpe->n_merges + 2; }

/* ---- one word ----------------------------------------------------------- */

/* A word's symbols as a linked list in arrays, and the heap of neighbours that could be joined. */
struct word {
    uint8_t *bytes;
    int32_t *symbol, *prev, *next;      /* [n]; symbol -1: joined to the one before; prev, next -1 at the ends */
    uint64_t *heap;                     /* merge << 32 | place of the left symbol; smallest first */
    size_t n, n_heap, cap;
};

static void heap_push(struct word *w, uint64_t key) {
    size_t i = w->n_heap++;
    for (; i > 0 && w->heap[(i - 1) / 2] > key; i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = key;
}

static uint64_t heap_pop(struct word *w) {
    uint64_t top = w->heap[0], last = w->heap[--w->n_heap];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < w->n_heap) {
        if (child + 1 < w->n_heap && w->heap[child + 1] < w->heap[child]) child++;
        if (w->heap[child] >= last) break;
        w->heap[i] = w->heap[child];
        i = child;
    }
    w->heap[i] = last;
    return top;
}

static void offer(const mn_bpe *bpe, struct word *w, int32_t place) {
    if (place < 0 || w->next[place] < 0) return;
    int merge = find_merge(bpe, w->symbol[place], w->symbol[w->next[place]]);
    if (merge >= 0) heap_push(w, (uint64_t)merge << 32 | (uint32_t)place);
}

static void word_free(struct word *w) {
    free(w->bytes);
    free(w->symbol);
    free(w->prev);
    free(w->next);
    free(w->heap);
    *w = (struct word){0};
}

/* Room for a word of `cap` bytes.  A heap entry is made for each pair at first, then two for each join. */
static mn_status word_room(struct word *w, size_t cap) {
    if (cap <= w->cap) return MN_OK;
    word_free(w);
    cap = cap + cap / 2 + 64;
    w->bytes = malloc(cap);
    w->symbol = malloc(cap * sizeof *w->symbol);
    w->prev = malloc(cap * sizeof *w->prev);
    w->next = malloc(cap * sizeof *w->next);
    w->heap = malloc(cap * 3 * sizeof *w->heap);
    if (!w->bytes || !w->symbol || !w->prev || !w->next || !w->heap)
        return mn_fail(MN_ENOMEM, "bpe: out of memory for a word of %zu bytes", cap);
    w->cap = cap;
    return MN_OK;
}

static void merge_word(const mn_bpe *bpe, struct word *w) {
    int32_t n = (int32_t)w->n;
    for (int32_t i = 0; i < n; i++) {
        w->symbol[i] = bpe->byte_symbol[w->bytes[i]] + (i == n - 1 ? 256 : 0);
        w->prev[i] = i - 1;
        w->next[i] = i + 1 < n ? i + 1 : -1;
    }
    w->n_heap = 0;
    for (int32_t i = 0; i < n; i++) offer(bpe, w, i);
    while (w->n_heap) {
        uint64_t entry = heap_pop(w);
        int32_t merge = (int32_t)(entry >> 32), i = (int32_t)(entry & 0xFFFFFFFF), j = w->next[i];
        if (j < 0 || w->symbol[i] != bpe->left[merge] || w->symbol[j] != bpe->right[merge]) continue;
        w->symbol[i] = BYTE_SYMBOLS + merge;
        w->symbol[j] = -1;
        w->next[i] = w->next[j];
        if (w->next[i] >= 0) w->prev[w->next[i]] = i;
        offer(bpe, w, w->prev[i]);
        offer(bpe, w, i);
    }
}

/* ---- words of a text ---------------------------------------------------- */

/* Does text[i...] spell this?  Long s counts as s: CLIP's pattern ignores case, and it is a form of S. */
static bool spells(const mn_cps *text, size_t i, const char *ascii) {
    for (; *ascii; ascii++, i++)
        if (i >= text->n || (text->at[i] != (uint8_t)*ascii && !(*ascii == 's' && text->at[i] == 0x17F))) return false;
    return true;
}

enum kind { SPACE, LETTER, NUMBER, OTHER };
static enum kind kind_of(uint32_t cp) {
    return mn_cp_is_letter(cp) ? LETTER : mn_cp_is_number(cp) ? NUMBER : mn_cp_is_space(cp) ? SPACE : OTHER;
}

/* Where the word that begins at i ends. */
static size_t word_end(const mn_cps *text, size_t i) {
    static const char *const fixed[] = {"<|startoftext|>", "<|endoftext|>", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    enum kind kind = kind_of(text->at[i]);
    if (kind == OTHER)
        for (size_t k = 0; k < sizeof fixed / sizeof *fixed; k++)
            if (spells(text, i, fixed[k])) return i + strlen(fixed[k]);
    for (i++; i < text->n && kind != NUMBER && kind_of(text->at[i]) == kind;) i++;
    return i;
}

static bool is_exactly(const struct word *w, const char *s) { return w->n == strlen(s) && !memcmp(w->bytes, s, w->n); }

struct sink { int32_t *ids; int max; int64_t n; };

static void put(struct sink *sink, int32_t id) {
    if (sink->n < sink->max) sink->ids[sink->n] = id;
    sink->n++;
}

static mn_status encode_word(const mn_bpe *bpe, struct word *w, const uint32_t *cps, size_t n_cps, struct sink *sink) {
    size_t n = 0;
    char utf8[4];
    for (size_t i = 0; i < n_cps; i++) n += (size_t)mn_cp_encode(cps[i], utf8);
    mn_status status = word_room(w, n);
    if (status) return status;
    w->n = 0;
    for (size_t i = 0; i < n_cps; i++) w->n += (size_t)mn_cp_encode(cps[i], (char *)w->bytes + w->n);
    if (is_exactly(w, "<|startoftext|>")) {
        put(sink, mn_bpe_count(bpe) - 2);
    } else if (is_exactly(w, "<|endoftext|>")) {
        put(sink, mn_bpe_count(bpe) - 1);
    } else {
        merge_word(bpe, w);
        for (size_t i = 0; i < w->n; i++)
            if (w->symbol[i] >= 0) put(sink, w->symbol[i]);
    }
    return MN_OK;
}

mn_status mn_bpe_encode(const mn_bpe *bpe, const char *text, int32_t *ids, int max, int *n) {
    mn_cps clean = {0};
    struct word w = {0};
    struct sink sink = {ids, max, 0};
    mn_status status = mn_cps_clean(&clean, text);
    for (size_t i = 0, end; !status && i < clean.n; i = end) {
        end = i + 1;
        if (kind_of(clean.at[i]) == SPACE) continue;
        end = word_end(&clean, i);
        status = encode_word(bpe, &w, clean.at + i, end - i, &sink);
    }
    word_free(&w);
    mn_cps_free(&clean);
    if (!status && sink.n > INT32_MAX) status = mn_fail(MN_EARG, "bpe: text: it makes more than %d tokens", INT32_MAX);
    *n = status ? 0 : (int)sink.n;
    return status;
}

mn_status mn_bpe_tokens(const mn_bpe *bpe, const char *text, int context, bool truncate, int32_t *out) {
    int n;
    if (context < 2) return mn_fail(MN_EARG, "bpe: context: at least 2 expected (start and end), got %d", context);
    mn_status status = mn_bpe_encode(bpe, text, out + 1, context - 2, &n);
    if (status) return status;
    if (n > context - 2 && !truncate)
        return mn_fail(MN_EARG, "bpe: text: at most %d tokens fit the text tower, this one has %d", context - 2, n);
    if (n > context - 2) n = context - 2;
    out[0] = mn_bpe_count(bpe) - 2;
    out[n + 1] = mn_bpe_count(bpe) - 1;
    memset(out + n + 2, 0, (size_t)(context - n - 2) * sizeof *out);
    return MN_OK;
}

char *mn_bpe_clean(const char *text) {
    mn_cps clean = {0};
    char *out = mn_cps_clean(&clean, text) ? NULL : mn_cps_encode(&clean);
    mn_cps_free(&clean);
    return out;
}
