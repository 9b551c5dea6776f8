/* image.c -- between tensors and the bytes of a safetensors file.
 * The reader and the writer (engine/io/safetensors*.c) work on files, so both
 * ways go through one in a private temporary folder that is gone on return. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "engine/io/file.h"
#include "store/store.h"

enum { IMAGE_MAX = 1000000000 };     /* what SQLite holds in one value */

typedef struct scratch { char folder[4096 - 32], file[4096]; } scratch;

static mn_status scratch_open(scratch *t) {
    const char *base = getenv("TMPDIR");
    if (!base || !*base) base = "/tmp";
    if (snprintf(t->folder, sizeof t->folder, "%s/mien.XXXXXX", base) >= (int)sizeof t->folder)
        return mn_fail(MN_EIO, "temporary folder: the path in TMPDIR is too long (%zu bytes)", strlen(base));
    if (!mkdtemp(t->folder)) return mn_fail(MN_EIO, "cannot make a temporary folder in %s: %s", base, strerror(errno));
    snprintf(t->file, sizeof t->file, "%s/image.safetensors", t->folder);
    return MN_OK;
}

static void scratch_close(scratch *t) {
    unlink(t->file);
    rmdir(t->folder);
}

mn_status mn_store_image_pack(int n, const char *const *names, mn_tensor *const *tensors,
                              int n_meta, const char *const *meta, void **bytes, size_t *size) {
    scratch t;
    *bytes = NULL;
    *size = 0;
    if (mn_errcode() != MN_OK || scratch_open(&t)) return mn_errcode();
    if (mn_st_save(t.file, n, names, tensors, n_meta, meta) == MN_OK) *bytes = mn_file_read(t.file, IMAGE_MAX, size);
    scratch_close(&t);
    return mn_errcode();
}

/* Not mn_file_write: a file that is gone in a moment need not reach the disk. */
static mn_status write_bytes(const char *path, mn_bytes bytes) {
    FILE *f = fopen(path, "wb");
    bool ok = f && fwrite(bytes.data, 1, bytes.size, f) == bytes.size;
    if (f && fclose(f)) ok = false;
    return ok ? MN_OK : mn_fail(MN_EIO, "cannot write %s: %s", path, strerror(errno));
}

void *mn_store_image_with(mn_bytes image, void *(*open)(const char *path, void *user), void *user) {
    scratch t;
    void *result = NULL;
    if (mn_errcode() != MN_OK || scratch_open(&t)) return NULL;
    if (write_bytes(t.file, image) == MN_OK) result = open(t.file, user);
    scratch_close(&t);
    return result;
}

static void *open_image(const char *path, void *unused) {
    (void)unused;
    return mn_st_open(path);         /* its mapping outlives the name */
}

mn_st *mn_store_image_open(mn_bytes image) { return mn_store_image_with(image, open_image, NULL); }
