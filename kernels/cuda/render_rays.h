/* render_rays.h -- shared memory of render_rays.cu and render_rays_bwd.cu, in floats, for kernels and planner. */
#ifndef KC_RENDER_RAYS_H
#define KC_RENDER_RAYS_H
#include <stdint.h>
#include "../render_rays.h"
enum { KC_RENDER_COLOURS = 32, KC_RENDER_STEP = KC_RENDER_COLOURS + 1, KC_RENDER_HIDDEN = 64 };      /* STEP: odd, so that a warp's rows meet different banks */
/* wide: outputs of the decoder with padding, 4 (no colours) or 36. */
static inline int kc_render_wide(int64_t colours) { return colours ? KC_RENDER_COLOURS + 4 : 4; }
static inline unsigned kc_render_floats(int64_t hidden, int64_t c, int64_t colours, int threads) {
    const int wide = kc_render_wide(colours);
    return (unsigned)(hidden * (c + 1 + wide) + wide + threads + (colours ? threads * KC_RENDER_STEP : 0));
}

/* Backward.  With the decoder's gradient a block has half the threads, whole features and KC_RENDER_CHUNK hidden units of its samples in its
 * memory beside the sums; blocks go through many rays and leave one part of the sums each. */
enum { KC_RENDER_CHUNK = 8, KC_RENDER_DECODER_THREADS = 128 };
struct kc_render_rays_bwd {
    struct k_render_rays p;
    void *parts;                        /* [blocks,kc_render_sums] */
    int64_t size;
};
/* Gradients of a hidden unit: to w0's row, b0, w1's column (with padding); and behind all units b1's. */
static inline int64_t kc_render_unit(int64_t c, int64_t colours) { return c + 1 + kc_render_wide(colours); }
static inline int64_t kc_render_sums(int64_t hidden, int64_t c, int64_t colours) { return hidden * kc_render_unit(c, colours) + kc_render_wide(colours); }
static inline unsigned kc_render_bwd_floats(int64_t hidden, int64_t c, int64_t colours, int threads, int decoder) {
    const int64_t own = threads * (5 + KC_RENDER_STEP), more = kc_render_sums(hidden, c, colours) + threads * (c + 1 + 2 * KC_RENDER_CHUNK);
    return (unsigned)(kc_render_sums(hidden, c, colours) + own + (decoder ? more : 0));
}
struct kc_render_sum {
    int64_t n;                          /* kc_render_sums */
    const void *parts;
    int64_t blocks, hidden, c, colours, wide;
    void *dw0, *db0, *dw1, *db1;        /* added to */
};
#endif
