/* flood_fill.h -- arguments of the hole filling kernel. */
#ifndef K_FLOOD_FILL_H
#define K_FLOOD_FILL_H
#include <stdint.h>
struct k_flood_fill {
    int64_t n;                          /* pictures */
    const void *alpha;                  /* [n,h,w] */
    void *out;                          /* [n,h,w] */
    int32_t *todo;                      /* [n,h*w] scratch */
    int64_t h, w;
};
#endif
