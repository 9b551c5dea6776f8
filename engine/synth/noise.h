/* noise.h -- the renderer's own random streams and lattice noise.
 *
 * A stream is counter based: number i is splitmix64(key + i * golden) with the key hashed from the seeds
 * (Steele, Lea & Flood 2014), normals by Box-Muller.  It is kept apart from mn_rng because strand roots and
 * skin patterns are part of what a person looks like: they may not change when mn_rng does. */
#ifndef MN_SYNTH_NOISE_H
#define MN_SYNTH_NOISE_H
#include <stdint.h>

typedef struct mn_stream { uint64_t key, count; } mn_stream;

mn_stream mn_stream_new(uint64_t seed, uint64_t which);
double mn_stream_uniform(mn_stream *s);                         /* [0,1) */
void mn_stream_fill(mn_stream *s, int n, double *out);          /* n uniforms */
void mn_stream_normals(mn_stream *s, int n, float *out);        /* n normals; consumes 2n numbers */

/* Value noise in 0..1 at point p * frequency: trilinear between lattice corners; each octave doubles the
 * frequency (times 2.03, so that lattices do not line up) and halves the weight. */
float mn_noise3(const float p[3], float frequency, uint32_t seed, int octaves);
/* Smooth two-dimensional value noise. */
float mn_noise2(float x, float y);
uint32_t mn_hash32(uint32_t x);

#endif
