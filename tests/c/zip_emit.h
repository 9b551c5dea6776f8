/* zip_emit.h -- writes small zip archives, byte by byte, for tests of what reads them. */
#ifndef ZIP_EMIT_H
#define ZIP_EMIT_H
#include <zlib.h>
#include "pickle_emit.h"

typedef struct member { const char *name; const void *bytes; size_t size; } member;
enum { WIDE = 1, WIDE_END = 2 };        /* sizes and offset of the first member, or the end record, in their zip64 forms */

/* An archive of stored members; *directory is where its directory begins. */
static inline emit archive(int n, const member *m, int form, const char *comment, size_t *directory) {
    emit e = { 0 };
    size_t at[8], total;
    for (int i = 0; i < n; i++) {
        at[i] = e.n;
        ops(&e, "PK\3\4"); number(&e, 0x0008002d, 4); number(&e, 0, 4); number(&e, 0, 8); number(&e, 0, 2);      /* checksum and sizes follow the data, as torch writes it */
        number(&e, 0, 4); number(&e, strlen(m[i].name), 2); number(&e, 5, 2);
        ops(&e, m[i].name); ops(&e, "FB\1"); number(&e, 0, 2);           /* padding the directory knows nothing of */
        put(&e, m[i].bytes, m[i].size);
        ops(&e, "PK\7\x8"); number(&e, 0, 4); number(&e, m[i].size, 4); number(&e, m[i].size, 4);
    }
    *directory = e.n;
    for (int i = 0; i < n; i++) {
        bool wide = form & WIDE && !i;
        size_t size = m[i].size;
        ops(&e, "PK\1\2"); number(&e, 0x002d002d, 4); number(&e, 0x0008, 2); number(&e, 0, 2); number(&e, 0, 4);
        number(&e, crc32(0, (const Bytef *)m[i].bytes, (uInt)size), 4);
        number(&e, wide ? 0xffffffff : size, 4); number(&e, wide ? 0xffffffff : size, 4);
        number(&e, strlen(m[i].name), 2); number(&e, wide ? 36 : 0, 2); number(&e, 0, 2); number(&e, 0, 8);
        number(&e, wide ? 0xffffffff : at[i], 4);
        ops(&e, m[i].name);
        if (wide) {
            number(&e, 0x4242, 2); number(&e, 4, 2); number(&e, 0, 4);  /* another extra field in front */
            number(&e, 1, 2); number(&e, 24, 2); number(&e, size, 8); number(&e, size, 8); number(&e, at[i], 8);
        }
    }
    total = e.n - *directory;
    if (form & WIDE_END) {
        size_t record = e.n;
        ops(&e, "PK\6\6"); number(&e, 44, 8); number(&e, 0x002d002d, 4); number(&e, 0, 8); number(&e, (uint64_t)n, 8); number(&e, (uint64_t)n, 8);
        number(&e, total, 8); number(&e, *directory, 8);
        ops(&e, "PK\6\7"); number(&e, 0, 4); number(&e, record, 8); number(&e, 1, 4);
    }
    ops(&e, "PK\5\6"); number(&e, 0, 4);
    number(&e, form & WIDE_END ? 0xffff : (uint64_t)n, 2); number(&e, form & WIDE_END ? 0xffff : (uint64_t)n, 2);
    number(&e, form & WIDE_END ? 0xffffffff : total, 4); number(&e, form & WIDE_END ? 0xffffffff : *directory, 4);
    number(&e, strlen(comment), 2); ops(&e, comment);
    return e;
}
#endif
