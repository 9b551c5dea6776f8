/* torch_internal.h -- what torchfile.c (containers) and torch_tensor.c (tensors) share. */
#ifndef MIEN_TORCH_INTERNAL_H
#define MIEN_TORCH_INTERNAL_H
#include "io/torchfile.h"
#include "io/zip.h"

/* A storage of the legacy form, found once the whole stream is read. */
typedef struct torch_store { const uint8_t *key; size_t key_size; mn_torch_raw raw; int64_t numel; const uint8_t *data; } torch_store;

/* One container: the file, or one that lies inside a bytes object of another. */
typedef struct torch_source {
    mn_torch *top;
    const char *label;
    const uint8_t *data;
    size_t size;
    mn_torch_container container;
    bool big_endian;
    mn_zip *zip;
    const char *prefix;                 /* the zip's top folder, in front of "/data/0" */
    int prefix_size;
    uint8_t *inflated;                  /* data.pkl, where it was compressed */
    mn_pkl *pickle;
    const mn_pkl_value *root;
    torch_store *stores;                /* sorted by key */
    size_t n_stores;
} torch_source;

struct mn_torch {
    mn_mapping *file;
    char *label;
    torch_source main;
    struct { uint64_t header; mn_mapping *bytes; } *inflated;       /* members that were compressed, by their place */
    size_t n_inflated;
};

/* torchfile.c */
mn_status torch_source_open(torch_source *s, mn_torch *top, const char *label, const uint8_t *data, size_t size);
void torch_source_close(torch_source *s);
typedef struct torch_storage { const uint8_t *data; size_t bytes; mn_torch_raw raw; bool swapped; mn_mapping *owner; } torch_storage;
/* The bytes that a storage value (persistent id, or torch file inside bytes) stands for.  depth counts nested files. */
mn_status torch_storage_find(torch_source *s, const mn_pkl_value *v, int depth, torch_storage *out);
bool torch_raw_of(const mn_pkl_value *global, mn_torch_raw *raw);       /* of torch.FloatStorage, torch.float32 ... */

/* npyfile.c */
mn_status torch_npy_open(torch_source *s);
mn_status torch_npz_open(torch_source *s);
#endif
