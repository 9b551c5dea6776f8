/* blob.c -- data addressed by its sha256 (FIPS 180-4), verified at every read. */
#include <stdlib.h>
#include <string.h>
#include "store/db.h"

/* ---- sha256 ------------------------------------------------------------- */

static const uint32_t round_constant[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void sha256_block(uint32_t h[8], const unsigned char *p) {
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++, p += 4) w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    for (int i = 16; i < 64; i++) {
        uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    memcpy(v, h, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25), choose = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22), majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        uint32_t t1 = v[7] + s1 + choose + round_constant[i] + w[i];
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + s0 + majority;
    }
    for (int i = 0; i < 8; i++) h[i] += v[i];
}

void mn_db_digest(const void *data, size_t size, char hex[MN_DB_HEX]) {
    uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    unsigned char tail[128] = {0};
    const unsigned char *p = data;
    size_t whole = size / 64, rest = size % 64, tail_size = rest < 56 ? 64 : 128;
    for (size_t i = 0; i < whole; i++) sha256_block(h, p + 64 * i);
    if (rest) memcpy(tail, p + 64 * whole, rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++) tail[tail_size - 1 - i] = (unsigned char)((uint64_t)size * 8 >> (8 * i));
    for (size_t i = 0; i < tail_size; i += 64) sha256_block(h, tail + i);
    for (int i = 0; i < 64; i++) hex[i] = "0123456789abcdef"[h[i / 8] >> (28 - 4 * (i % 8)) & 15];
    hex[64] = 0;
}

/* ---- the table ---------------------------------------------------------- */

mn_status mn_db_blob_put(mn_store *s, const char *format, mn_bytes bytes, char hex[MN_DB_HEX]) {
    mn_db_digest(bytes.data, bytes.size, hex);
    return mn_db_run(s, "INSERT INTO blob (sha256, format, size, data) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                     "ttib", hex, format, (int64_t)bytes.size, bytes);
}

mn_status mn_db_blob_get(mn_store *s, mn_store_memory *memory, const char *hex, const char *what, mn_bytes *out) {
    char found[MN_DB_HEX];
    *out = (mn_bytes){NULL, 0};
    sqlite3_stmt *st = mn_db_query(s, "SELECT data FROM blob WHERE sha256 = ?", "t", hex);
    if (mn_db_row(s, st)) {
        const void *bytes = sqlite3_column_blob(st, 0);
        size_t size = (size_t)sqlite3_column_bytes(st, 0);
        void *copy = NULL;
        if (size && !bytes) {                        /* SQLite could not allocate it */
            mn_fail(MN_ENOMEM, "library '%s': %s: out of memory (%zu bytes)", s->path, what, size);
        } else if (mn_db_digest(bytes, size, found), strcmp(found, hex) != 0) {
            mn_fail(MN_EFORMAT, "library '%s' is damaged: %s: sha256 %s expected, found %s", s->path, what, hex, found);
        } else if (!(copy = memory ? mn_db_alloc(memory, size) : malloc(size ? size : 1))) {
            mn_fail(MN_ENOMEM, "library '%s': %s: out of memory (%zu bytes)", s->path, what, size);
        } else {
            if (size) memcpy(copy, bytes, size);
            *out = (mn_bytes){copy, size};
        }
    } else if (mn_errcode() == MN_OK) {
        mn_fail(MN_EFORMAT, "library '%s' is damaged: %s: data with sha256 %s are missing", s->path, what, hex);
    }
    return mn_db_finish(s, st);
}

mn_status mn_db_blob_drop(mn_store *s, const char *hex) {
    return mn_db_run(s, "DELETE FROM blob WHERE sha256 = ? AND sha256 NOT IN (SELECT sha256 FROM blob_use)", "t", hex);
}
