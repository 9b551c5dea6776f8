/* zip.c -- zip archives, read from their central directory (PKWARE APPNOTE.TXT 6.3: sections 4.3.7
 * local header, 4.3.12 central directory, 4.3.14-15 zip64 end record and locator, 4.3.16 end record,
 * 4.5.3 zip64 extra field).
 *
 * libzip would do most of this, but does not tell where a stored member's bytes lie, and using
 * gigabytes of weights in place is the point here; zlib does the inflating.
 *
 * Trust: every offset is compared with the file's size before it is used; a member may not be
 * encrypted, span disks, use methods other than stored (0) and deflated (8), or share its name with
 * another; inflating stops at the size the directory promises, and a promise of more than RATIO
 * times the packed bytes is refused beyond SMALL bytes (deflate's own maximum is 1032, reached
 * only by constant data).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "io/zip.h"

enum { MAX_MEMBERS = 1 << 20, RATIO = 200, SMALL = 16 << 20 };

struct mn_zip {
    const uint8_t *data;
    size_t size, directory;         /* directory: its offset, where members have to end */
    char *label, *names;
    mn_zip_member *members;
    uint32_t *slots, mask;          /* hash table: member number + 1, or 0 */
    int count;
};

static uint64_t le(const uint8_t *b, int bytes) {
    uint64_t x = 0;
    for (int i = bytes - 1; i >= 0; i--) x = x << 8 | b[i];
    return x;
}

typedef struct ending { uint64_t count, size, offset; } ending;

/* The end record is the last thing in the file but for a comment of at most 65535 bytes. */
static mn_status find_end(mn_zip *z, ending *e) {
    size_t lowest = z->size > 22 + 65535 ? z->size - 22 - 65535 : 0;
    const uint8_t *r = NULL;
    for (size_t at = z->size >= 22 ? z->size - 22 + 1 : 0; at-- > lowest && !r;)
        if (le(z->data + at, 4) == 0x06054b50 && at + 22 + le(z->data + at + 20, 2) == z->size) r = z->data + at;
    if (!r) return mn_fail(MN_EFORMAT, "%s: offset %zu: expected a zip end record in the last 64 KB, found none (is the file cut short?)", z->label, z->size);
    size_t at = (size_t)(r - z->data);
    *e = (ending){ le(r + 10, 2), le(r + 12, 4), le(r + 16, 4) };
    if (le(r + 4, 2) != le(r + 6, 2) && le(r + 4, 2) != 0xffff) return mn_fail(MN_EFORMAT, "%s: offset %zu: an archive of several disks", z->label, at);
    if (at >= 20 && le(r - 20, 4) == 0x07064b50) {
        uint64_t where = le(r - 12, 8);
        if (where > at - 20 || at - 20 - where < 56 || le(z->data + where, 4) != 0x06064b50)
            return mn_fail(MN_EFORMAT, "%s: offset %zu: expected the zip64 end record at %llu, found something else", z->label, at - 20, (unsigned long long)where);
        const uint8_t *q = z->data + where;
        *e = (ending){ le(q + 32, 8), le(q + 40, 8), le(q + 48, 8) };
        at = where;
    }
    if (e->offset > at || e->size > at - e->offset)
        return mn_fail(MN_EFORMAT, "%s: offset %zu: the directory (%llu bytes at %llu) reaches beyond its end record", z->label, at,
                       (unsigned long long)e->size, (unsigned long long)e->offset);
    if (e->count > MAX_MEMBERS || e->count > e->size / 46)
        return mn_fail(MN_EFORMAT, "%s: offset %zu: %llu members, expected at most %d in a directory of %llu bytes", z->label, at,
                       (unsigned long long)e->count, MAX_MEMBERS, (unsigned long long)e->size);
    return MN_OK;
}

static uint32_t name_hash(const char *name, size_t n) { return (uint32_t)crc32(0, (const Bytef *)name, (uInt)n); }

/* zip64: fields that are all ones are continued in the extra field, in this order. */
static bool zip64_fields(const uint8_t *extra, size_t n, uint64_t **fields, int count) {
    while (n >= 4) {
        size_t id = le(extra, 2), size = le(extra + 2, 2);
        if (size > n - 4) return false;
        if (id == 1) {
            for (int i = 0; i < count; i++) {
                if (size < 8u * (unsigned)(i + 1)) return false;
                *fields[i] = le(extra + 4 + 8 * i, 8);
            }
            return true;
        }
        extra += 4 + size;
        n -= 4 + size;
    }
    return false;
}

static mn_status read_member(mn_zip *z, const uint8_t *r, size_t left, char **name, size_t *used) {
    size_t at = (size_t)(r - z->data), n_name, n_extra, n_comment;
    if (left < 46 || le(r, 4) != 0x02014b50) return mn_fail(MN_EFORMAT, "%s: offset %zu: expected entry %d of the zip directory, found something else", z->label, at, z->count);
    n_name = le(r + 28, 2), n_extra = le(r + 30, 2), n_comment = le(r + 32, 2);
    if (left - 46 < n_name + n_extra + n_comment) return mn_fail(MN_EFORMAT, "%s: offset %zu: entry %d of the zip directory is cut short", z->label, at, z->count);
    mn_zip_member *m = &z->members[z->count];
    *m = (mn_zip_member){ *name, le(r + 24, 4), le(r + 20, 4), le(r + 42, 4), (uint32_t)le(r + 16, 4), le(r + 10, 2) == 8 };
    memcpy(*name, r + 46, n_name);
    for (size_t i = 0; i < n_name; i++)
        if ((unsigned char)(*name)[i] < 32) return mn_fail(MN_EFORMAT, "%s: offset %zu: a control character in the name of zip member %d", z->label, at, z->count);
    (*name)[n_name] = 0;
    uint64_t *wide[3];
    int n_wide = 0;
    if (m->size == 0xffffffff) wide[n_wide++] = &m->size;
    if (m->packed == 0xffffffff) wide[n_wide++] = &m->packed;
    if (m->header == 0xffffffff) wide[n_wide++] = &m->header;
    if (n_wide && !zip64_fields(r + 46 + n_name, n_extra, wide, n_wide))
        return mn_fail(MN_EFORMAT, "%s: offset %zu: member '%s' lacks its zip64 sizes", z->label, at, m->name);
    if (le(r + 8, 2) & 1) return mn_fail(MN_EFORMAT, "%s: member '%s' is encrypted", z->label, m->name);
    if (le(r + 10, 2) != 0 && le(r + 10, 2) != 8)
        return mn_fail(MN_EFORMAT, "%s: member '%s' uses compression method %d, expected 0 (stored) or 8 (deflated)", z->label, m->name, (int)le(r + 10, 2));
    if (!m->deflated && m->size != m->packed)
        return mn_fail(MN_EFORMAT, "%s: stored member '%s' has two sizes, %llu and %llu", z->label, m->name, (unsigned long long)m->size, (unsigned long long)m->packed);
    if (m->header > z->directory || m->packed > z->directory - m->header)
        return mn_fail(MN_EFORMAT, "%s: member '%s' (%llu bytes at %llu) reaches into the directory at %zu", z->label, m->name,
                       (unsigned long long)m->packed, (unsigned long long)m->header, z->directory);
    uint32_t slot = name_hash(m->name, n_name) & z->mask, steps = 0;
    for (; z->slots[slot]; slot = (slot + 1) & z->mask) {
        if (!strcmp(z->members[z->slots[slot] - 1].name, m->name)) return mn_fail(MN_EFORMAT, "%s: offset %zu: two members are called '%s'", z->label, at, m->name);
        if (++steps > 1000) return mn_fail(MN_EFORMAT, "%s: the names of its members are made to collide", z->label);
    }
    z->slots[slot] = (uint32_t)++z->count;
    *name += n_name + 1;
    *used = 46 + n_name + n_extra + n_comment;
    return MN_OK;
}

mn_zip *mn_zip_open(const void *data, size_t size, const char *label) {
    ending e = { 0 };
    mn_zip *z = calloc(1, sizeof *z);
    if (z) z->label = strdup(label);
    if (!z || !z->label) {
        free(z);
        mn_fail(MN_ENOMEM, "%s: no memory for a zip directory", label);
        return NULL;
    }
    z->data = data;
    z->size = size;
    mn_status s = find_end(z, &e);
    if (!s) {
        uint32_t slots = 16;
        while (slots < 2 * e.count) slots *= 2;
        z->mask = slots - 1;
        z->directory = e.offset;
        z->members = malloc((e.count + 1) * sizeof *z->members);
        z->slots = calloc(slots, sizeof *z->slots);
        z->names = malloc(e.size + 1);          /* every entry has more than a NUL's worth of header to spare */
        if (!z->members || !z->slots || !z->names) s = mn_fail(MN_ENOMEM, "%s: no memory for %llu zip members", label, (unsigned long long)e.count);
    }
    char *name = z->names;
    for (size_t at = 0, used = 0; !s && z->count < (int)e.count; at += used)
        s = read_member(z, z->data + e.offset + at, e.size - at, &name, &used);
    if (!s) return z;
    mn_zip_close(z);
    return NULL;
}

void mn_zip_close(mn_zip *z) {
    if (!z) return;
    free(z->label);
    free(z->names);
    free(z->members);
    free(z->slots);
    free(z);
}

int mn_zip_count(const mn_zip *z) { return z->count; }
const mn_zip_member *mn_zip_at(const mn_zip *z, int i) { return i >= 0 && i < z->count ? &z->members[i] : NULL; }

const mn_zip_member *mn_zip_find(const mn_zip *z, const char *name) {
    for (uint32_t slot = name_hash(name, strlen(name)) & z->mask; z->slots[slot]; slot = (slot + 1) & z->mask)
        if (!strcmp(z->members[z->slots[slot] - 1].name, name)) return &z->members[z->slots[slot] - 1];
    return NULL;
}

/* The packed bytes.  The local header's own name and extra field differ in length from the directory's; its
 * sizes may be zero (they then follow the data), so only its lengths are used. */
static const uint8_t *packed_bytes(const mn_zip *z, const mn_zip_member *m) {
    const uint8_t *r = z->data + m->header;
    uint64_t room = z->directory - m->header, skip = room >= 30 ? 30 + le(r + 26, 2) + le(r + 28, 2) : 0;
    if (room < 30 || le(r, 4) != 0x04034b50) {
        mn_fail(MN_EFORMAT, "%s: offset %llu: expected the local header of member '%s', found something else", z->label, (unsigned long long)m->header, m->name);
        return NULL;
    }
    if (skip > room || m->packed > room - skip) {
        mn_fail(MN_EFORMAT, "%s: offset %llu: member '%s' needs %llu bytes, found %llu before the directory", z->label,
                (unsigned long long)(m->header + skip), m->name, (unsigned long long)m->packed, (unsigned long long)(skip > room ? 0 : room - skip));
        return NULL;
    }
    return r + skip;
}

const uint8_t *mn_zip_bytes(const mn_zip *z, const mn_zip_member *m) {
    if (!m->deflated) return packed_bytes(z, m);
    mn_fail(MN_EFORMAT, "%s: member '%s' is compressed, expected it stored", z->label, m->name);
    return NULL;
}

static mn_status check_crc(const mn_zip *z, const mn_zip_member *m, const uint8_t *bytes) {
    uLong crc = 0;
    for (uint64_t at = 0, n; m->crc && at < m->size; at += n) {
        n = m->size - at < 1 << 30 ? m->size - at : 1 << 30;        /* zlib counts in 32 bits */
        crc = crc32(crc, bytes + at, (uInt)n);
    }
    if (crc != m->crc) return mn_fail(MN_EFORMAT, "%s: member '%s' is damaged: checksum %08lx, expected %08x", z->label, m->name, crc, m->crc);
    return MN_OK;
}

mn_status mn_zip_check(const mn_zip *z, const mn_zip_member *m) {
    const uint8_t *bytes = mn_zip_bytes(z, m);
    return bytes ? check_crc(z, m, bytes) : mn_errcode();
}

static mn_status inflate_all(const mn_zip *z, const mn_zip_member *m, const uint8_t *from, uint8_t *to) {
    z_stream s = { 0 };
    uint64_t in = m->packed, out = m->size;
    if (inflateInit2(&s, -MAX_WBITS) != Z_OK) return mn_fail(MN_ENOMEM, "%s: no memory to inflate '%s'", z->label, m->name);
    s.next_in = (Bytef *)from;
    s.next_out = to;
    int state = Z_OK;
    while (state == Z_OK) {
        if (!s.avail_in) s.avail_in = (uInt)(in < 1 << 30 ? in : 1 << 30), in -= s.avail_in;
        if (!s.avail_out) s.avail_out = (uInt)(out < 1 << 30 ? out : 1 << 30), out -= s.avail_out;
        state = inflate(&s, Z_NO_FLUSH);        /* no progress possible: Z_BUF_ERROR ends the loop */
    }
    uint64_t made = m->size - out - s.avail_out;
    inflateEnd(&s);
    if (state == Z_MEM_ERROR) return mn_fail(MN_ENOMEM, "%s: no memory to inflate '%s'", z->label, m->name);
    if (state != Z_STREAM_END || made != m->size)
        return mn_fail(MN_EFORMAT, "%s: member '%s' does not inflate to the %llu bytes promised: %s after %llu", z->label, m->name, (unsigned long long)m->size,
                       state == Z_STREAM_END ? "it ends" : s.msg ? s.msg : "it stops or goes on", (unsigned long long)made);
    return MN_OK;
}

uint8_t *mn_zip_read(const mn_zip *z, const mn_zip_member *m, uint64_t limit) {
    const uint8_t *from = packed_bytes(z, m);
    if (!from) return NULL;
    if (m->size > limit) {
        mn_fail(MN_EFORMAT, "%s: member '%s' has %llu bytes, expected at most %llu", z->label, m->name, (unsigned long long)m->size, (unsigned long long)limit);
        return NULL;
    }
    if (m->size > SMALL && m->size / RATIO > m->packed) {
        mn_fail(MN_EFORMAT, "%s: member '%s' claims to inflate from %llu to %llu bytes, expected at most %d-fold", z->label, m->name,
                (unsigned long long)m->packed, (unsigned long long)m->size, RATIO);
        return NULL;
    }
    uint8_t *out = malloc(m->size ? m->size : 1);
    if (!out) {
        mn_fail(MN_ENOMEM, "%s: no memory for the %llu bytes of '%s'", z->label, (unsigned long long)m->size, m->name);
        return NULL;
    }
    mn_status s = MN_OK;
    if (m->deflated) s = inflate_all(z, m, from, out);
    else if (m->size) memcpy(out, from, m->size);
    if (!s) s = check_crc(z, m, out);
    if (!s) return out;
    free(out);
    return NULL;
}
