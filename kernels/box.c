/* box.c -- copy, add or clear a rectangle of every plane of a picture. */
#include "k.h"
#include "box.h"

KERNEL_SPREAD(box, w) {
    const int64_t plane = i / p->h, line = i % p->h;
    const real *in = (const real *)p->in + plane * p->in_plane + line * p->in_line;
    real *out = (real *)p->out + plane * p->out_plane + line * p->out_line;
    if (!p->in) { K_LOOP(j, p->w) out[j] = 0; }
    else if (p->add) { K_LOOP(j, p->w) out[j] += in[j]; }
    else { K_LOOP(j, p->w) out[j] = in[j]; }
}
