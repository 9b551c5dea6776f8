/* json.h -- reads a JSON text (RFC 8259) into a tree.  Data only, and bounded:
 *   - at most MN_JSON_DEPTH nested arrays and objects, MN_JSON_VALUES values, 127 characters a number;
 *   - duplicate keys, \u0000, lone surrogates, invalid UTF-8 and anything after the value are refused;
 *   - time is O(n log n) in the text's length, objects are looked up by binary search.
 * Errors (MN_EFORMAT) name the source, the byte, what was expected and what was found. */
#ifndef MIEN_IO_JSON_H
#define MIEN_IO_JSON_H
#include "mien.h"

enum { MN_JSON_DEPTH = 64, MN_JSON_VALUES = 1 << 22 };
typedef enum mn_json_type { MN_JSON_NULL, MN_JSON_BOOL, MN_JSON_NUMBER, MN_JSON_STRING, MN_JSON_ARRAY, MN_JSON_OBJECT } mn_json_type;

typedef struct mn_json mn_json;
struct mn_json {
    mn_json_type type;
    bool is_int;               /* a number written without fraction or exponent, within int64_t: integer holds it */
    size_t at;                 /* where it began, in bytes from the text's start plus base */
    const char *key;           /* of an object's member, else NULL */
    size_t count;              /* array, object: how many items; string: its bytes */
    union {
        bool truth;
        struct { double number; int64_t integer; };
        const char *text;      /* UTF-8, 0-terminated, no 0 within */
        struct {
            mn_json *items;    /* [count] in the text's order */
            const mn_json **sorted;   /* [count] the items by key; NULL for an array */
        };
    };
};

/* where: what messages call the text (a path).  base: added to byte offsets in messages and in `at`.
 * NULL on failure; free with mn_json_free. */
mn_json *mn_json_parse(const char *text, size_t size, const char *where, size_t base);
mn_json *mn_json_parse_most(const char *text, size_t size, const char *where, size_t base, size_t most);   /* at most that many values */
void mn_json_free(mn_json *root);                                /* NULL is fine */
const mn_json *mn_json_get(const mn_json *object, const char *key);  /* NULL when absent or not an object */
const char *mn_json_type_name(mn_json_type type);                /* "an array" ... */

#endif
