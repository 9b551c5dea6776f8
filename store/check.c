/* check.c -- arguments of the library's functions: texts, hashes, JSON, search words. */
#include <string.h>
#include "engine/io/text.h"
#include "store/db.h"

mn_status mn_db_check_text(const char *what, const char *text, size_t max) {
    if (!text || !*text) return mn_fail(MN_EARG, "%s: expected a text, found none", what);
    size_t size = strlen(text);
    if (size > max) return mn_fail(MN_EARG, "%s: expected at most %zu bytes, found %zu", what, max, size);
    size_t valid = mn_utf8_prefix(text, size);
    if (valid < size) return mn_fail(MN_EARG, "%s: expected UTF-8, found byte 0x%02x at position %zu", what, (unsigned char)text[valid], valid + 1);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return mn_fail(MN_EARG, "%s: control character 0x%02x at position %zu", what, (unsigned char)text[i], i + 1);
    return MN_OK;
}

mn_status mn_db_check_hash(const char *what, const char *hash) {
    if (!hash || strlen(hash) != 64 || strspn(hash, "0123456789abcdef") != 64)
        return mn_fail(MN_EARG, "%s: expected a sha256 as 64 lower-case hexadecimal digits, found '%.80s'", what, hash ? hash : "");
    return MN_OK;
}

mn_status mn_db_check_json(mn_store *s, const char *what, const char *json) {
    int64_t object;
    if (mn_db_int(s, &object, NULL, "SELECT CASE WHEN json_valid(?1) THEN json_type(?1) = 'object' ELSE 0 END", "t", json)) return mn_errcode();
    if (!object) return mn_fail(MN_EARG, "%s: expected a JSON object, found '%.60s'", what, json);
    return MN_OK;
}

/* Each word becomes a quoted prefix, "word"*, so that nothing in it is FTS5
 * syntax.  The longest case is a lone quote: one byte becomes """"* and a space. */
char *mn_db_match(mn_store_memory *m, const char *words) {
    static const char space[] = " \t\r\n";
    char *out = mn_db_alloc(m, 6 * strlen(words) + 1), *p = out;
    if (!out) return NULL;
    for (const char *w = words + strspn(words, space); *w; w += strspn(w, space)) {
        *p++ = '"';
        for (; *w && !strchr(space, *w); w++) {
            if (*w == '"') *p++ = '"';
            *p++ = *w;
        }
        *p++ = '"';
        *p++ = '*';
        *p++ = ' ';
    }
    *p = 0;
    return out;
}
