/* tokenizer_map.c -- a map from byte strings to 0, 1, 2... in order of arrival.
 * Open addressing with linear probing, at most half full, FNV-1a hash; the keys lie one after another,
 * each ended by a zero byte, in one block. */
#include <stdlib.h>
#include <string.h>
#include "io/tokenizer_text.h"

static uint32_t hash(const char *key, size_t len) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++) h = (h ^ (uint8_t)key[i]) * 16777619u;
    return h;
}

static size_t key_len(const mn_strmap *map, int i) {
    return (i + 1 < map->n ? map->start[i + 1] : map->n_bytes) - map->start[i] - 1;
}

const char *mn_strmap_key(const mn_strmap *map, int i) { return map->bytes + map->start[i]; }

/* The slot that holds the key, or the free one where it belongs. */
static int slot_of(const mn_strmap *map, const char *key, size_t len) {
    int mask = map->n_slots - 1, s = (int)(hash(key, len) & (uint32_t)mask);
    while (map->slot[s] >= 0) {
        int i = map->slot[s];
        if (key_len(map, i) == len && !memcmp(mn_strmap_key(map, i), key, len)) break;
        s = (s + 1) & mask;
    }
    return s;
}

int mn_strmap_find(const mn_strmap *map, const char *key, size_t len) {
    return map->n_slots ? map->slot[slot_of(map, key, len)] : -1;
}

/* Doubles the slots (and the room for keys' starts, half as many). */
static bool grow_slots(mn_strmap *map) {
    int n_slots = map->n_slots ? map->n_slots * 2 : 64;
    int32_t *slot = malloc((size_t)n_slots * sizeof *slot);
    size_t *start = slot ? realloc(map->start, (size_t)n_slots / 2 * sizeof *start) : NULL;
    if (!start) { free(slot); return false; }
    map->start = start;
    free(map->slot);
    map->slot = slot;
    map->n_slots = n_slots;
    memset(slot, 0xff, (size_t)n_slots * sizeof *slot);          /* all -1 */
    for (int i = 0; i < map->n; i++) slot[slot_of(map, mn_strmap_key(map, i), key_len(map, i))] = i;
    return true;
}

static bool grow_bytes(mn_strmap *map, size_t more) {
    if (map->n_bytes + more <= map->cap_bytes) return true;
    size_t cap = (map->n_bytes + more) * 2;
    char *bytes = realloc(map->bytes, cap);
    if (!bytes) return false;
    map->bytes = bytes;
    map->cap_bytes = cap;
    return true;
}

int mn_strmap_add(mn_strmap *map, const char *key, size_t len) {
    int found = mn_strmap_find(map, key, len);
    if (found >= 0) return found;
    if ((map->n >= map->n_slots / 2 && !grow_slots(map)) || !grow_bytes(map, len + 1)) {
        mn_fail(MN_ENOMEM, "tokenizer: out of memory for %d strings", map->n + 1);
        return -1;
    }
    map->slot[slot_of(map, key, len)] = map->n;
    map->start[map->n] = map->n_bytes;
    memcpy(map->bytes + map->n_bytes, key, len);
    map->bytes[map->n_bytes + len] = 0;
    map->n_bytes += len + 1;
    return map->n++;
}

void mn_strmap_free(mn_strmap *map) {
    free(map->bytes);
    free(map->start);
    free(map->slot);
    *map = (mn_strmap){0};
}
