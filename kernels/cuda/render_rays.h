/* render_rays.h -- shared memory of render_rays.cu, in floats, for its kernel and its planner. */
#ifndef KC_RENDER_RAYS_H
#define KC_RENDER_RAYS_H
#include <stdint.h>
enum { KC_RENDER_COLOURS = 32, KC_RENDER_STEP = KC_RENDER_COLOURS + 1, KC_RENDER_HIDDEN = 64 };      /* STEP: odd, so that a warp's rows meet different banks */
/* wide: outputs of the decoder with padding, 4 (no colours) or 36. */
static inline int kc_render_wide(int64_t colours) { return colours ? KC_RENDER_COLOURS + 4 : 4; }
static inline unsigned kc_render_floats(int64_t hidden, int64_t c, int64_t colours, int threads) {
    const int wide = kc_render_wide(colours);
    return (unsigned)(hidden * (c + 1 + wide) + wide + threads + (colours ? threads * KC_RENDER_STEP : 0));
}
#endif
