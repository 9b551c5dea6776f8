/* composite.c -- sRGB and backgrounds; see composite.h. */
#include "synth/composite.h"
#include "synth/vec.h"

float mn_srgb_linear(float c) { return c <= .04045f ? c / 12.92f : powf((c + .055f) / 1.055f, 2.4f); }

uint8_t mn_srgb_byte(float c) {
    c = saturate(c);
    c = c <= .0031308f ? 12.92f * c : 1.055f * powf(c, 1 / 2.4f) - .055f;
    return (uint8_t)(c * 255 + .5f);
}

void mn_composite(const uint8_t *rgba, int n, const float top[3], const float bottom[3], uint8_t *rgb) {
    float linear[256], lo[3], hi[3];
    for (int k = 0; k < 256; k++) linear[k] = mn_srgb_linear((float)k / 255);
    for (int k = 0; k < 3; k++) { hi[k] = mn_srgb_linear(saturate(top[k])); lo[k] = mn_srgb_linear(saturate(bottom[k])); }
    for (int y = 0; y < n; y++) {
        float g = ((float)y + .5f) / (float)n, back[3];
        uint8_t plain[3];
        for (int k = 0; k < 3; k++) {
            back[k] = hi[k] + (lo[k] - hi[k]) * g;
            plain[k] = mn_srgb_byte(back[k]);
        }
        for (int x = 0; x < n; x++, rgba += 4, rgb += 3)
            for (int k = 0; k < 3; k++) {
                float through = 1 - (float)rgba[3] / 255;
                rgb[k] = rgba[3] == 255 ? rgba[k] : rgba[3] == 0 ? plain[k] : mn_srgb_byte(linear[rgba[k]] + through * (back[k] - MN_COMPOSITE_GREY));
            }
    }
}

void mn_background_random(mn_rng *rng, float top[3], float bottom[3]) {
    float hue = (float)mn_rng_uniform(rng), saturation = .3f * (float)mn_rng_uniform(rng), value = .3f + .6f * (float)mn_rng_uniform(rng);
    float fade = .6f + .35f * (float)mn_rng_uniform(rng);
    static const float OFFSET[3] = {0, 4, 2};
    for (int k = 0; k < 3; k++) {                               /* HSV to RGB */
        float wheel = saturate(fabsf(fmodf(hue * 6 + OFFSET[k], 6) - 3) - 1);
        top[k] = value * (1 - saturation * (1 - wheel));
        bottom[k] = top[k] * fade;
    }
}
