/* zip.h -- reads zip archives (zip64 included) that lie in memory, mapped for example.
 *
 * Members that are stored are used in place; deflated ones are inflated with zlib under a limit.
 * The names come from the central directory; nothing is ever extracted to a file. */
#ifndef MIEN_ZIP_H
#define MIEN_ZIP_H
#include "mien.h"

typedef struct mn_zip mn_zip;
typedef struct mn_zip_member {
    const char *name;           /* the archive's; no NUL or control character inside */
    uint64_t size, packed;      /* bytes of the content, and as stored */
    uint64_t header;            /* offset of its local header */
    uint32_t crc;               /* 0: the writer did not record one */
    bool deflated;
} mn_zip_member;

/* The archive only refers to `data`, which has to outlive it.  `label` (copied) stands in front of messages.  NULL on failure. */
mn_zip *mn_zip_open(const void *data, size_t size, const char *label);
void mn_zip_close(mn_zip *zip);
int mn_zip_count(const mn_zip *zip);
const mn_zip_member *mn_zip_at(const mn_zip *zip, int i);
const mn_zip_member *mn_zip_find(const mn_zip *zip, const char *name);     /* NULL when absent, without an error */
/* Where a stored member's bytes lie (NULL on failure, also for deflated members).  Does not touch them. */
const uint8_t *mn_zip_bytes(const mn_zip *zip, const mn_zip_member *m);
/* The content in malloc'd memory (one byte at least), at most `limit` bytes of it; checksum verified.  NULL on failure. */
uint8_t *mn_zip_read(const mn_zip *zip, const mn_zip_member *m, uint64_t limit);
/* Compare a stored member's checksum: reads all of it. */
mn_status mn_zip_check(const mn_zip *zip, const mn_zip_member *m);

#endif
