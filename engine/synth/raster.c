/* raster.c -- draws triangles and ribbons into a depth buffer with edge functions; see raster.h. */
#include "synth/raster.h"
#include "synth/vec.h"
#include <stdlib.h>
#include <string.h>

mn_status mn_raster_new(mn_raster *r, int width, int height, bool with_ids) {
    size_t n = (size_t)width * (size_t)height;
    *r = (mn_raster){.width = width, .height = height, .depth = malloc(n * sizeof(float))};
    if (with_ids) r->id = malloc(n * sizeof(int32_t));
    if (!r->depth || (with_ids && !r->id)) {
        mn_raster_free(r);
        return mn_fail(MN_ENOMEM, "raster: no memory for %d x %d samples", width, height);
    }
    for (size_t i = 0; i < n; i++) r->depth[i] = MN_RASTER_FAR;
    if (with_ids) memset(r->id, 0xff, n * sizeof *r->id);
    return MN_OK;
}

void mn_raster_free(mn_raster *r) {
    free(r->depth);
    free(r->id);
    free(r->farthest);
    *r = (mn_raster){0};
}

enum { TILE = 8 };             /* samples */
static int tiles(int samples) { return (samples + TILE - 1) / TILE; }

mn_status mn_raster_occlude(mn_raster *r) {
    int across = tiles(r->width), down = tiles(r->height);
    if (!r->farthest) r->farthest = malloc((size_t)across * (size_t)down * sizeof *r->farthest);
    if (!r->farthest) return mn_fail(MN_ENOMEM, "raster: no memory for %d x %d tiles", across, down);
    for (int i = 0; i < across * down; i++) r->farthest[i] = -INFINITY;
    for (int y = 0; y < r->height; y++)
        for (int tile = 0; tile < across; tile++) {
            int end = tile + 1 < across ? (tile + 1) * TILE : r->width;
            float *farthest = &r->farthest[y / TILE * across + tile], most = *farthest;
            #pragma omp simd reduction(max : most)
            for (int x = tile * TILE; x < end; x++) most = maxf(most, r->depth[y * r->width + x]);
            *farthest = most;
        }
    return MN_OK;
}

/* Is something of this key hidden in the whole box x0..x1, y0..y1? */
static bool hidden(const mn_raster *r, int x0, int y0, int x1, int y1, float key) {
    int across = tiles(r->width);
    for (int y = y0 / TILE; y <= y1 / TILE; y++)
        for (int x = x0 / TILE; x <= x1 / TILE; x++)
            if (key < r->farthest[y * across + x]) return false;
    return true;
}

enum { WIDE = 4 };              /* narrower triangles are quicker to test whole */

/* First and last sample centre (at n + 0.5) within lo..hi, clamped to the picture before the conversion to int,
 * which is undefined for large floats. */
static int first_sample(float lo) { return (int)minf(maxf(ceilf(lo - .5f), 0), 65536); }
static int last_sample(float hi, int n) { return (int)maxf(minf(floorf(hi - .5f), (float)(n - 1)), -1); }

/* Shrinks from..to to where w + k * d >= 0 may hold, with one sample to spare: thin slanted ribbons fill little of
 * their box, and the loop tests every sample anyway.  per_d = 1 / d. */
static inline void narrow(float w, float d, float per_d, int *from, int *to) {
    if (d > 0 && w < 0) {
        float k = -w * per_d;
        *from = k > (float)*to ? *to + 1 : (int)k > *from ? (int)k : *from;
    } else if (d < 0) {
        float k = -w * per_d + 1;
        *to = k < (float)*from ? *from - 1 : k < (float)*to ? (int)k : *to;
    }
}

void mn_raster_triangle(mn_raster *r, const float *p0, const float *p1, const float *p2, int32_t id, bool cull) {
    float area = (p1[0] - p0[0]) * (p2[1] - p0[1]) - (p1[1] - p0[1]) * (p2[0] - p0[0]);
    if (!(fabsf(area) > 0) || (cull && area < 0)) return;
    if (p0[2] >= MN_RASTER_BEHIND || p1[2] >= MN_RASTER_BEHIND || p2[2] >= MN_RASTER_BEHIND) return;
    int x0 = first_sample(minf(p0[0], minf(p1[0], p2[0]))), x1 = last_sample(maxf(p0[0], maxf(p1[0], p2[0])), r->width);
    int y0 = first_sample(minf(p0[1], minf(p1[1], p2[1]))), y1 = last_sample(maxf(p0[1], maxf(p1[1], p2[1])), r->height);
    if (x0 > x1 || y0 > y1) return;
    float inv = 1 / area;
    float dx0 = -(p2[1] - p1[1]) * inv, dy0 = (p2[0] - p1[0]) * inv;
    float dx1 = -(p0[1] - p2[1]) * inv, dy1 = (p0[0] - p2[0]) * inv;
    float px = (float)x0 + .5f, py = (float)y0 + .5f;
    float row0 = ((p2[0] - p1[0]) * (py - p1[1]) - (p2[1] - p1[1]) * (px - p1[0])) * inv;
    float row1 = ((p0[0] - p2[0]) * (py - p2[1]) - (p0[1] - p2[1]) * (px - p2[0])) * inv;
    float dx2 = -dx0 - dx1, per0 = 1 / dx0, per1 = 1 / dx1, per2 = 1 / dx2;
    bool wide = x1 - x0 >= WIDE;
    for (int y = y0; y <= y1; y++, row0 += dy0, row1 += dy1) {
        int from = 0, to = x1 - x0;
        if (wide) {
            narrow(row0, dx0, per0, &from, &to);
            narrow(row1, dx1, per1, &from, &to);
            narrow(1 - row0 - row1, dx2, per2, &from, &to);
        }
        for (int k = from; k <= to; k++) {
            float w0 = row0 + (float)k * dx0, w1 = row1 + (float)k * dx1, w2 = 1 - w0 - w1;
            if (w0 < 0 || w1 < 0 || w2 < 0) continue;
            int o = y * r->width + x0 + k;
            float key = w0 * p0[2] + w1 * p1[2] + w2 * p2[2];
            if (key >= r->depth[o]) continue;
            r->depth[o] = key;
            if (r->id) r->id[o] = id;
        }
    }
}

/* u runs 0..1 from a to b, v is the signed distance from the line; both are affine on the picture, so a ribbon is the
 * region u >= 0, u <= 1, v <= half(u), v >= -half(u). */
void mn_raster_ribbon(mn_raster *r, const float *a, const float *b, float half0, float half1, int32_t id) {
    if (a[2] >= MN_RASTER_BEHIND || b[2] >= MN_RASTER_BEHIND) return;
    float dx = b[0] - a[0], dy = b[1] - a[1], l2 = dx * dx + dy * dy;
    if (!(l2 > 1e-8f)) return;              /* NaN too */
    float inv = 1 / l2, across = 1 / sqrtf(l2), reach_x = fabsf(dy) * across, reach_y = fabsf(dx) * across;
    int x0 = first_sample(minf(a[0] - half0 * reach_x, b[0] - half1 * reach_x)), x1 = last_sample(maxf(a[0] + half0 * reach_x, b[0] + half1 * reach_x), r->width);
    int y0 = first_sample(minf(a[1] - half0 * reach_y, b[1] - half1 * reach_y)), y1 = last_sample(maxf(a[1] + half0 * reach_y, b[1] + half1 * reach_y), r->height);
    if (x0 > x1 || y0 > y1 || (r->farthest && hidden(r, x0, y0, x1, y1, minf(a[2], b[2])))) return;
    float ux = dx * inv, uy = dy * inv, vx = -dy * across, vy = dx * across, taper = half1 - half0, rise = b[2] - a[2];
    float px = (float)x0 + .5f - a[0], py = (float)y0 + .5f - a[1], u0 = px * ux + py * uy, v0 = px * vx + py * vy;
    float left = taper * ux - vx, right = taper * ux + vx, per_u = 1 / ux, per_left = 1 / left, per_right = 1 / right;
    bool wide = x1 - x0 >= WIDE;
    for (int y = y0; y <= y1; y++, u0 += uy, v0 += vy) {
        int from = 0, to = x1 - x0;
        if (wide) {
            float half = half0 + taper * u0;
            narrow(u0, ux, per_u, &from, &to);
            narrow(1 - u0, -ux, -per_u, &from, &to);
            narrow(half - v0, left, per_left, &from, &to);
            narrow(half + v0, right, per_right, &from, &to);
        }
        for (int k = from; k <= to; k++) {
            float u = u0 + (float)k * ux, v = v0 + (float)k * vx;
            if (u < 0 || u > 1 || fabsf(v) > half0 + taper * u) continue;
            int o = y * r->width + x0 + k;
            float key = a[2] + u * rise;
            if (key >= r->depth[o]) continue;
            r->depth[o] = key;
            r->id[o] = id;
        }
    }
}
