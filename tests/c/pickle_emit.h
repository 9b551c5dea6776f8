/* pickle_emit.h -- writes small pickles, byte by byte, for tests of the reader: one function per kind of argument. */
#ifndef PICKLE_EMIT_H
#define PICKLE_EMIT_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct emit { uint8_t *b; size_t n, room; } emit;

static inline void put(emit *e, const void *bytes, size_t n) {
    if (!n) return;
    if (e->n + n > e->room) {
        e->room = 2 * (e->n + n);
        e->b = realloc(e->b, e->room);
    }
    memcpy(e->b + e->n, bytes, n);
    e->n += n;
}
/* Plain instructions, as the characters they are: ops(e, "\x80\x02}"). */
static inline void ops(emit *e, const char *s) { put(e, s, strlen(s)); }
static inline void op(emit *e, int code) { uint8_t c = (uint8_t)code; put(e, &c, 1); }
static inline void number(emit *e, uint64_t x, int bytes) {
    for (int i = 0; i < bytes; i++) op(e, (int)(x >> 8 * i & 255));
}
static inline void integer(emit *e, int32_t x) { op(e, 'J'); number(e, (uint32_t)x, 4); }
static inline void text(emit *e, const char *s) { op(e, 'X'); number(e, strlen(s), 4); ops(e, s); }
static inline void bytes(emit *e, const void *b, size_t n) { op(e, 'B'); number(e, n, 4); put(e, b, n); }
static inline void global(emit *e, const char *module, const char *name) {
    op(e, 'c'); ops(e, module); op(e, '\n'); ops(e, name); op(e, '\n');
}
/* A tuple of n integers. */
static inline void dims(emit *e, int n, const int64_t *d) {
    op(e, '(');
    for (int i = 0; i < n; i++) {
        op(e, 0x8a); op(e, 8); number(e, (uint64_t)d[i], 8);
    }
    op(e, 't');
}
/* torch._utils._rebuild_tensor_v2(('storage', torch.CLASS, key, 'cpu', numel), offset, shape, strides, False, OrderedDict()) */
static inline void tensor(emit *e, const char *cls, const char *key, int64_t numel, int64_t offset, int nd, const int64_t *shape, const int64_t *stride) {
    global(e, "torch._utils", "_rebuild_tensor_v2");
    ops(e, "((");
    text(e, "storage"); global(e, "torch", cls); text(e, key); text(e, "cpu");
    op(e, 0x8a); op(e, 8); number(e, (uint64_t)numel, 8);
    ops(e, "tQ");
    op(e, 0x8a); op(e, 8); number(e, (uint64_t)offset, 8);
    dims(e, nd, shape); dims(e, nd, stride);
    op(e, 0x89);
    global(e, "collections", "OrderedDict");
    ops(e, ")RtR");
}
/* The first three parts of a legacy torch file. */
static inline void legacy_head(emit *e) {
    put(e, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    ops(e, "\x80\x02M\xe9\x03.");
    ops(e, "\x80\x02}"); text(e, "little_endian"); ops(e, "\x88s.");
}
static inline void emit_free(emit *e) { free(e->b); *e = (emit){ 0 }; }
#endif
