/* box.h -- arguments of the rectangle copy. */
#ifndef K_BOX_H
#define K_BOX_H
#include <stdint.h>
struct k_box {
    int64_t n;                          /* planes * h lines */
    const void *in;                     /* first number of the rectangle; NULL writes zeros */
    void *out;
    int64_t h, w;                       /* of the rectangle */
    int64_t in_line, in_plane, out_line, out_plane;   /* numbers between lines and between planes */
    int32_t add;
};
#endif
