/* random.h -- arguments of the random number kernel. */
#ifndef K_RANDOM_H
#define K_RANDOM_H
#include <stdint.h>
struct k_random {
    int64_t n;
    uint64_t key, counter;              /* number i is a function of (key, counter + i) */
    int normal;                         /* 0: uniform in [0,1) */
    void *out;                          /* [n] */
};
#endif
