/* fuzz_safetensors.c -- libFuzzer entry for safetensors files and the JSON of their headers.  Every tensor that is listed
 * can be read to its last byte or says why not.  `make fuzz` builds and runs it. */
#include "as_file.h"
#include "mien.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    mn_scope scope = mn_scope_open();
    mn_st *st = mn_st_open(as_file(data, size));
    if ((st == NULL) != (mn_errcode() != MN_OK)) abort();
    double sum = 0;
    for (int i = 0; st && i < mn_st_count(st) && i < 50; i++) {
        if (!mn_st_has(st, mn_st_name(st, i))) abort();
        mn_tensor *t = mn_st_get(st, mn_st_name(st, i));
        if ((t == NULL) != (mn_errcode() != MN_OK)) abort();
        for (int64_t k = 0; t && k < mn_count(t) && k < 4096; k++) sum += mn_item(t, k);
        mn_error_clear();
    }
    for (int i = 0; st && i < mn_st_meta_count(st); i++)
        if (!mn_st_meta(st, mn_st_meta_key(st, i))) abort();
    if (st) mn_st_close(st);
    mn_scope_close(scope);
    mn_error_clear();
    return sum == 12345.678 ? -1 : 0;
}
