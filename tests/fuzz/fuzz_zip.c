/* fuzz_zip.c -- libFuzzer entry for the containers: zip directories, torch zip and legacy files, .npy and .npz, and
 * the tensors they describe.  `make fuzz` builds and runs it. */
#include <stdlib.h>
#include <string.h>
#include "io/torchfile.h"
#include "io/zip.h"

static void members(const uint8_t *data, size_t size) {
    mn_zip *z = mn_zip_open(data, size, "fuzz.zip");
    for (int i = 0; z && i < mn_zip_count(z) && i < 20; i++) {
        const mn_zip_member *m = mn_zip_at(z, i);
        if (mn_zip_find(z, m->name) != m) abort();
        free(mn_zip_read(z, m, 1 << 20));
        mn_error_clear();
        if (!mn_zip_bytes(z, m)) mn_error_clear();
    }
    mn_zip_close(z);
    mn_error_clear();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (size) memcpy(copy, data, size);
    members(copy, size);
    mn_mapping *m = mn_mapping_adopt(copy, size);
    mn_torch *t = mn_torch_open_bytes(m, "fuzz.pt");
    mn_mapping_release(m);
    mn_scope scope = mn_scope_open();
    mn_torch_dict *d = t ? mn_torch_dict_new(t, NULL) : NULL;
    double sum = 0;
    for (int i = 0; d && i < mn_torch_dict_count(d) && i < 50; i++) {
        mn_tensor *x = mn_torch_tensor(t, mn_torch_dict_value(d, i));
        for (int64_t k = 0; x && k < mn_count(x) && k < 1000; k++) sum += mn_item(x, k);    /* every byte must be ours */
        mn_error_clear();
    }
    mn_torch_dict_free(d);
    mn_torch_close(t);
    mn_scope_close(scope);
    mn_error_clear();
    return sum == 12345.678;
}
