/* text.h -- a growing byte string, for headers and other small files put together in memory.
 *
 *     mn_text t = {0};
 *     mn_text_addf(&t, "v %g %g %g\n", x, y, z);
 *     if (t.failed) ...                        one check at the end; mn_text_free in any case
 *
 * Running out of memory sets `failed`, records MN_ENOMEM, and makes later calls do nothing.
 * Numbers are printed in the C locale's form: the program never changes LC_NUMERIC. */
#ifndef MIEN_IO_TEXT_H
#define MIEN_IO_TEXT_H
#include "mien.h"

typedef struct mn_text { char *s; size_t size, room; bool failed; } mn_text;   /* s[size] is always 0 once s is set */

void mn_text_add(mn_text *t, const void *bytes, size_t size);
void mn_text_addf(mn_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* s between quotes, escaped as JSON asks for; s must be UTF-8. */
void mn_text_add_json(mn_text *t, const char *s);
void mn_text_free(mn_text *t);

/* How many bytes at the front of s are complete, valid UTF-8 (RFC 3629: no overlong forms, no surrogates). */
size_t mn_utf8_prefix(const char *s, size_t size);

#endif
