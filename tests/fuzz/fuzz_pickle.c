/* fuzz_pickle.c -- libFuzzer entry for the pickle reader: any bytes give a value or a sentence, and every accessor
 * accepts what came out.  `make fuzz` builds and runs it. */
#include <stdlib.h>
#include "io/pickle.h"

/* Touch a few hundred values; structures may be cyclic. */
static void walk(const mn_pkl_value *v, int depth, int *budget) {
    char text[32];
    int64_t i;
    double d;
    bool b;
    size_t n;
    if (--*budget < 0 || depth > 30) return;
    if (mn_pkl_text(v, &n) && n) *budget -= mn_pkl_text(v, &n)[n - 1] == 7;
    mn_pkl_bool(v, &b), mn_pkl_int(v, &i), mn_pkl_real(v, &d), mn_pkl_copy_text(v, text, sizeof text), mn_pkl_class_text(v, text, sizeof text);
    mn_pkl_get(v, "key"), mn_pkl_is_text(v, "key"), mn_pkl_is_global(v, "torch", "Size");
    for (size_t k = 0; k < mn_pkl_count(v) && *budget > 0; k++) {
        walk(mn_pkl_item(v, k), depth + 1, budget);
        walk(mn_pkl_key_at(v, k), depth + 1, budget);
        walk(mn_pkl_value_at(v, k), depth + 1, budget);
    }
    const mn_pkl_value *parts[] = { mn_pkl_class(v), mn_pkl_args(v), mn_pkl_state(v), mn_pkl_object_list(v), mn_pkl_object_dict(v) };
    for (int k = 0; k < 5; k++)
        if (parts[k]) walk(parts[k], depth + 1, budget);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int budget = 500;
    size_t used = 0;
    mn_pkl *p = mn_pkl_read(data, size, "fuzz", &used);
    if ((p == NULL) != (mn_errcode() != MN_OK) || used > size) abort();
    if (p) {
        walk(mn_pkl_root(p), 0, &budget);
        for (size_t i = 0; i < mn_pkl_global_count(p); i++)
            if (!mn_pkl_global_at(p, i).met) abort();
    }
    mn_pkl_free(p);
    mn_error_clear();
    return 0;
}
