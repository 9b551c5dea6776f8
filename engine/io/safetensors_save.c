/* safetensors_save.c -- writes the safetensors format (mien.h; the layout is in safetensors.c).
 *
 * Tensors keep the order given, back to back as the format demands.  The header is padded with spaces so
 * that the data begins at a multiple of 64 bytes; with one element size throughout, every tensor can then be
 * used in place.  The file appears under its name only when it is complete (file.h). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "file.h"
#include "text.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as they lie in memory");

enum { HEADER_MAX = 100 << 20, PAD = 64 };   /* the format's limit; where data begins */

static const char *const stored_names[MN_NDTYPES] = {"F32", "F64", "I32", "U8", "F16"};   /* by mn_dtype */

static int by_text(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* Strings used as keys: UTF-8, each once.  stride 2 walks the keys of key, value pairs. */
static mn_status check_keys(const char *path, const char *what, int n, const char *const *keys, int stride) {
    const char **sorted = malloc(((size_t)n + 1) * sizeof *sorted);
    if (!sorted) return mn_fail(MN_ENOMEM, "%s: no memory for %d names", path, n);
    mn_status status = MN_OK;
    for (int i = 0; i < n && status == MN_OK; i++) {
        sorted[i] = keys[i * stride];
        for (int k = 0; k < stride && status == MN_OK; k++)
            if (mn_utf8_prefix(keys[i * stride + k], strlen(keys[i * stride + k])) != strlen(keys[i * stride + k]))
                status = mn_fail(MN_EARG, "%s: %s %d is not valid UTF-8", path, what, i + 1);
    }
    if (status == MN_OK) qsort(sorted, (size_t)n, sizeof *sorted, by_text);
    for (int i = 1; i < n && status == MN_OK; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0) status = mn_fail(MN_EARG, "%s: %s '%.200s' is given twice", path, what, sorted[i]);
    free(sorted);
    return status;
}

static void build_header(mn_text *t, int n, const char *const *names, mn_tensor *const *tensors, int n_meta, const char *const *meta) {
    uint64_t begin = 0, length;
    mn_text_add(t, "\0\0\0\0\0\0\0\0{", 9);            /* the length comes when it is known */
    for (int i = 0; i < n_meta; i++) {
        mn_text_addf(t, i ? "," : "\"__metadata__\":{");
        mn_text_add_json(t, meta[2 * i]);
        mn_text_add(t, ":", 1);
        mn_text_add_json(t, meta[2 * i + 1]);
    }
    if (n_meta) mn_text_addf(t, n ? "}," : "}");
    for (int i = 0; i < n; i++) {
        uint64_t end = begin + (uint64_t)mn_count(tensors[i]) * mn_dtype_size(mn_dtype_of(tensors[i]));
        mn_text_add_json(t, names[i]);
        mn_text_addf(t, ":{\"dtype\":\"%s\",\"shape\":[", stored_names[mn_dtype_of(tensors[i])]);
        for (int d = 0; d < mn_ndim(tensors[i]); d++) mn_text_addf(t, d ? ",%lld" : "%lld", (long long)mn_dim(tensors[i], d));
        mn_text_addf(t, "],\"data_offsets\":[%llu,%llu]}%s", (unsigned long long)begin, (unsigned long long)end, i + 1 < n ? "," : "");
        begin = end;
    }
    mn_text_add(t, "}", 1);
    while (!t->failed && t->size % PAD) mn_text_add(t, " ", 1);
    if (t->failed) return;
    length = t->size - 8;
    memcpy(t->s, &length, 8);
}

mn_status mn_st_save(const char *path, int n, const char *const *names, mn_tensor *const *tensors, int n_meta, const char *const *meta) {
    mn_status status = check_keys(path, "tensor name", n, names, 1);
    if (status == MN_OK) status = check_keys(path, "metadata key", n_meta, meta, 2);
    for (int i = 0; i < n && status == MN_OK; i++) {
        if (!tensors[i]) status = mn_fail(MN_EARG, "%s: tensor '%.200s' is missing", path, names[i]);
        else if (strcmp(names[i], "__metadata__") == 0) status = mn_fail(MN_EARG, "%s: the tensor name '__metadata__' is reserved", path);
    }
    mn_text header = {0};
    if (status == MN_OK) build_header(&header, n, names, tensors, n_meta, meta);
    if (status == MN_OK && !header.failed && header.size - 8 > HEADER_MAX)
        status = mn_fail(MN_EARG, "%s: the header would have %zu bytes, at most %d are allowed", path, header.size - 8, HEADER_MAX);
    mn_outfile out;
    if (status == MN_OK && !header.failed && (status = mn_outfile_open(&out, path)) == MN_OK) {
        bool ok = fwrite(header.s, 1, header.size, out.f) == header.size;
        for (int i = 0; i < n && ok; i++) {
            mn_scope scope = mn_scope_open();
            mn_tensor *t = mn_to(tensors[i], MN_CPU);
            size_t size = mn_dtype_size(mn_dtype_of(tensors[i])), count = (size_t)mn_count(tensors[i]);
            ok = t && (count == 0 || fwrite(mn_data(t), size, count, out.f) == count);
            mn_scope_close(scope);
        }
        if (!ok) mn_fail(MN_EIO, "cannot write %s: %s", path, strerror(errno));
        status = mn_outfile_close(&out, ok);
    }
    if (header.failed) status = MN_ENOMEM;
    mn_text_free(&header);
    return status;
}
