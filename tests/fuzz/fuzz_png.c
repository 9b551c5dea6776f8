/* fuzz_png.c -- libFuzzer entry for pictures: pixels and text chunks of any bytes, or a sentence.  `make fuzz` builds and runs it. */
#include "as_file.h"
#include "mien.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *name = as_file(data, size);
    mn_scope scope = mn_scope_open();
    mn_tensor *t = mn_png_read(name);
    if ((t == NULL) != (mn_errcode() != MN_OK)) abort();
    if (t && (mn_ndim(t) != 3 || mn_dim(t, 2) != 3 || mn_dtype_of(t) != MN_U8)) abort();
    const uint8_t *pixels = t ? mn_data(t) : NULL;
    unsigned sum = 0;
    for (int64_t i = 0; t && i < mn_count(t); i += 97) sum += pixels[i];
    mn_error_clear();
    int n = 0;
    char **pairs = NULL;
    if (!mn_png_text(name, &n, &pairs))
        for (int i = 0; i < 2 * n; i++)
            if (!pairs[i]) abort();
    mn_png_text_free(n, pairs);
    mn_scope_close(scope);
    mn_error_clear();
    return sum == 123456789 ? -1 : 0;
}
