/* light.c -- the fixed studio light and random ones; see light.h. */
#include "synth/light.h"
#include "synth/noise.h"
#include "synth/vec.h"

static const mn_light STUDIO = {
    .key_dir = {.45f, .50f, .85f}, .key = {1.62f, 1.53f, 1.43f}, .sky = {.48f, .50f, .55f}, .ground = {.26f, .22f, .20f},
    .fill_dir = {-.8f, .1f, .65f}, .fill = {.42f, .46f, .55f}, .rim_dir = {-.6f, .5f, -.75f}, .rim = {.8f, .85f, .95f},
};

static float between(mn_stream *rng, float lo, float hi) { return lo + (hi - lo) * (float)mn_stream_uniform(rng); }

mn_light mn_light_of(int seed) {
    static const float DEGREE = .017453292519943295f;
    if (seed == 0) return STUDIO;
    mn_stream rng = mn_stream_new((uint64_t)(int64_t)seed, 3);
    float azimuth = DEGREE * between(&rng, -55, 55), elevation = DEGREE * between(&rng, 5, 50), warmth;
    mn_stream_normals(&rng, 1, &warmth);
    warmth = .12f * clampf(warmth, -1.5f, 1.5f);
    float warm[3] = {1 + warmth, 1, 1 - warmth}, other = azimuth > 0 ? -1 : 1;
    float key = between(&rng, 1.25f, 1.65f), sky = between(&rng, .40f, .65f), ground = between(&rng, .18f, .32f);
    float fill = between(&rng, .25f, .6f), rim = between(&rng, .3f, 1);
    mn_light l = {
        .key_dir = {cosf(elevation) * sinf(azimuth), sinf(elevation), cosf(elevation) * cosf(azimuth)},
        .fill_dir = {.8f * other, .1f, .65f}, .rim_dir = {.6f * other, .5f, -.75f},
    };
    for (int c = 0; c < 3; c++) {               /* what is not the key light is tinted the other way */
        l.key[c] = key * warm[c];
        l.sky[c] = sky * (2 - warm[c]);
        l.ground[c] = ground * warm[c];
        l.fill[c] = fill * (2 - warm[c]);
        l.rim[c] = rim * (2 - warm[c]);
    }
    return l;
}
