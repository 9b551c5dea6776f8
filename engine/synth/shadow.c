/* shadow.c -- what keeps light away: the key light's shadow map and screen-space ambient occlusion.
 *
 * Both take a few taps over a disc that every sample turns by its own angle, so that bands become fine grain.  Places are computed first, in
 * vectors; then come the look-ups. */
#include "synth/frame.h"
#include <stdlib.h>

enum { DISC = 12, HAIR_TAPS = 8, TAPS = 8 };                        /* points of the disc; of these for shadows on hair, for ambient occlusion */
static const float DISC_X[DISC] = {-.94f, .15f, -.4f, .78f, -.1f, .55f, -.65f, .25f, -.35f, .6f, -.1f, .3f};
static const float DISC_Y[DISC] = {-.34f, -.09f, .62f, .4f, -.85f, -.68f, .05f, .85f, -.35f, .0f, .4f, .45f};
static const float SHADOW_SOFTNESS = 5;                             /* texels of the shadow map */
static const float SKIN_BIAS = .22f, HAIR_BIAS = .35f;              /* cm against self-shadowing */
static const float OCCLUSION_RADIUS = 1.6f, OCCLUSION_STRENGTH = .9f;   /* cm */

static void to_light(const mn_frame *f, vec3 p, float *out) {
    out[0] = (v3_dot(p, f->shadow_x) - f->shadow_lo[0]) * f->shadow_scale;
    out[1] = (v3_dot(p, f->shadow_y) - f->shadow_lo[1]) * f->shadow_scale;
    out[2] = -v3_dot(p, f->key_dir);
}

/* Index of the sample at (x, y); -1: beyond the map. */
static inline int place_of(const mn_raster *r, float x, float y) {
    return (x >= 0) & (y >= 0) & (x < (float)r->width) & (y < (float)r->height) ? (int)y * r->width + (int)x : -1;
}

static void shadow_line(mn_raster *r, const float *a, const float *b) {
    float dx = b[0] - a[0], dy = b[1] - a[1], dz = b[2] - a[2];
    int n = (int)minf(maxf(fabsf(dx), fabsf(dy)), 4096) + 1;
    float step = 1 / (float)n;
    for (int i = 0; i < n; i++) {
        float u = (float)i * step;
        int place = place_of(r, a[0] + u * dx, a[1] + u * dy);
        if (place >= 0) r->depth[place] = minf(a[2] + u * dz, r->depth[place]);
    }
}

mn_status mn_frame_shadow(mn_frame *f, int size) {
    const mn_head *h = f->head;
    int V = h->g.n_vertices;
    float lo[2] = {INFINITY, INFINITY}, hi[2] = {-INFINITY, -INFINITY};
    vec3 up = fabsf(f->key_dir.y) < .95f ? (vec3){0, 1, 0} : (vec3){1, 0, 0};
    f->shadow_x = v3_unit(v3_cross(up, f->key_dir));
    f->shadow_y = v3_cross(f->key_dir, f->shadow_x);
    for (int i = 0; i < V; i++) {
        float at[2] = {v3_dot(v3(f->vertices + 3 * i), f->shadow_x), v3_dot(v3(f->vertices + 3 * i), f->shadow_y)};
        for (int k = 0; k < 2; k++) { lo[k] = minf(lo[k], at[k]); hi[k] = maxf(hi[k], at[k]); }
    }
    for (int k = 0; k < 2; k++) { f->shadow_lo[k] = lo[k] - 2; hi[k] += 2; }
    f->shadow_scale = (float)size / maxf(hi[0] - f->shadow_lo[0], hi[1] - f->shadow_lo[1]);
    float *points = malloc((size_t)V * 3 * sizeof *points);
    if (!points) return mn_fail(MN_ENOMEM, "shadow map: no memory for %d vertices", V);
    if (mn_raster_new(&f->shadow, size, size, false)) { free(points); return mn_errcode(); }
    for (int i = 0; i < V; i++) to_light(f, v3(f->vertices + 3 * i), points + 3 * i);
    for (int i = 0; i < h->n_triangles; i++) {
        const int32_t *t = h->triangles + 3 * i;
        mn_raster_triangle(&f->shadow, points + 3 * t[0], points + 3 * t[1], points + 3 * t[2], 0, true);   /* the sides facing the light */
    }
    free(points);
    for (int k = 0; k < f->n_hairs; k++) {
        const float *q = f->strands + 3 * (size_t)k * (size_t)f->points;
        float at[2][3];
        to_light(f, v3(q), at[0]);
        for (int j = 1; j < f->points; j++) {
            to_light(f, v3(q + 3 * j), at[j % 2]);
            shadow_line(&f->shadow, at[(j - 1) % 2], at[j % 2]);
        }
    }
    return MN_OK;
}

float mn_frame_key_visible(const mn_frame *f, const mn_point *q) {
    bool hair = q->material == MN_MAT_HAIR;
    int taps = hair ? HAIR_TAPS : DISC, lit = 0, place[DISC];
    float at[3];
    to_light(f, hair ? q->p : v3_mad(q->p, q->n, .18f), at);
    at[2] -= hair ? HAIR_BIAS : SKIN_BIAS;
    float c = q->turn[0] * SHADOW_SOFTNESS, s = q->turn[1] * SHADOW_SOFTNESS;
    for (int k = 0; k < DISC; k++)
        place[k] = place_of(&f->shadow, at[0] + DISC_X[k] * c - DISC_Y[k] * s, at[1] + DISC_X[k] * s + DISC_Y[k] * c);
    for (int k = 0; k < taps; k++) lit += place[k] < 0 || f->shadow.depth[place[k]] > at[2];
    return (float)lit / (float)taps;
}

/* How far neighbouring samples rise above the tangent plane.  A tap beyond the picture or where nothing was drawn has no
 * depth; the point that follows from it lies in the camera's plane, too far away to occlude. */
float mn_frame_open(const mn_frame *f, const mn_point *q) {
    float per_cm = f->fx / q->depth, cm = q->depth / f->fx, ox[TAPS], oy[TAPS], key[TAPS], occluded = 0;
    int place[TAPS];
    vec3 n = v3_apply(f->R, q->n);
    for (int k = 0; k < TAPS; k++) {
        float r = OCCLUSION_RADIUS * per_cm * (.35f + .65f * ((float)k + .5f) / TAPS);
        ox[k] = (DISC_X[k] * q->turn[0] - DISC_Y[k] * q->turn[1]) * r;
        oy[k] = (DISC_X[k] * q->turn[1] + DISC_Y[k] * q->turn[0]) * r;
        place[k] = place_of(&f->screen, (float)q->x + ox[k], (float)q->y + oy[k]);
    }
    for (int k = 0; k < TAPS; k++) key[k] = place[k] < 0 ? MN_RASTER_FAR : f->screen.depth[place[k]];
    #pragma omp simd reduction(+ : occluded)
    for (int k = 0; k < TAPS; k++) {
        float dx = ox[k] * cm, dy = oy[k] * cm, dz = q->depth + 1 / key[k];         /* cm; dz: towards the camera */
        float rise = n.x * dx + n.y * dy - n.z * dz, distance = sqrtf(dx * dx + dy * dy + dz * dz) + 1e-4f;
        occluded += saturate((rise - .03f) / distance * 1.3f) * saturate(2.2f - distance / OCCLUSION_RADIUS);
    }
    return maxf(.06f, 1 - OCCLUSION_STRENGTH * occluded / TAPS);
}
