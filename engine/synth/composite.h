/* composite.h -- pictures with coverage: putting another background behind a person.
 *
 * mn_person_draw writes RGB over mid grey (sRGB 128) with coverage in A.  As the mixing is done in linear light, the grey
 * can be taken out again: foreground * a = linear(rgb) - (1 - a) * grey. */
#ifndef MN_SYNTH_COMPOSITE_H
#define MN_SYNTH_COMPOSITE_H
#include "mien.h"

#define MN_COMPOSITE_GREY .21586050f        /* sRGB 128/255 in linear light */

uint8_t mn_srgb_byte(float linear);         /* clamped, rounded */
float mn_srgb_linear(float srgb);           /* 0..1 to linear light */

/* rgba [n,n,4] over a vertical ramp from top to bottom (sRGB 0..1, mixed in linear light) -> rgb [n,n,3]. */
void mn_composite(const uint8_t *rgba, int n, const float top[3], const float bottom[3], uint8_t *rgb);
/* Two related colours for mn_composite: any hue, low saturation, anything but black. */
void mn_background_random(mn_rng *rng, float top[3], float bottom[3]);

#endif
