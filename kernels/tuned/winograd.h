/* winograd.h -- 3x3 convolutions of stride 1 by Winograd's method. */
#ifndef K_WINOGRAD_H
#define K_WINOGRAD_H
#include "../conv.h"
/* y from x and w, or with backward dx from dy and w.  As in tuned.h: 0, 1 when it failed, -1 where another way is as fast or the only one. */
int winograd(const struct k_conv *p, int backward);
#endif
