/* raster.c -- draws triangles into a depth buffer with edge functions; see raster.h. */
#include "synth/raster.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

mn_status mn_raster_new(mn_raster *r, int width, int height, bool with_ids) {
    size_t n = (size_t)width * (size_t)height;
    *r = (mn_raster){.width = width, .height = height, .depth = malloc(n * sizeof(float))};
    if (with_ids) {
        r->id = malloc(n * sizeof(int32_t));
        r->w0 = malloc(n * sizeof(float));
        r->w1 = malloc(n * sizeof(float));
    }
    if (!r->depth || (with_ids && (!r->id || !r->w0 || !r->w1))) {
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
    free(r->w0);
    free(r->w1);
    *r = (mn_raster){0};
}

/* First and last sample centre (at n + 0.5) within lo..hi, clamped to the picture before the conversion to int,
 * which is undefined for large floats. */
static int first_sample(float lo) { return (int)fminf(fmaxf(ceilf(lo - .5f), 0), 65536); }
static int last_sample(float hi, int n) { return (int)fmaxf(fminf(floorf(hi - .5f), (float)(n - 1)), -1); }

void mn_raster_triangle(mn_raster *r, const float *p0, const float *p1, const float *p2, int32_t id, bool cull) {
    float area = (p1[0] - p0[0]) * (p2[1] - p0[1]) - (p1[1] - p0[1]) * (p2[0] - p0[0]);
    if (!(fabsf(area) > 0) || (cull && area < 0)) return;
    if (p0[2] >= MN_RASTER_BEHIND || p1[2] >= MN_RASTER_BEHIND || p2[2] >= MN_RASTER_BEHIND) return;
    int x0 = first_sample(fminf(p0[0], fminf(p1[0], p2[0]))), x1 = last_sample(fmaxf(p0[0], fmaxf(p1[0], p2[0])), r->width);
    int y0 = first_sample(fminf(p0[1], fminf(p1[1], p2[1]))), y1 = last_sample(fmaxf(p0[1], fmaxf(p1[1], p2[1])), r->height);
    if (x0 > x1 || y0 > y1) return;
    float inv = 1 / area;
    float dx0 = -(p2[1] - p1[1]) * inv, dy0 = (p2[0] - p1[0]) * inv;
    float dx1 = -(p0[1] - p2[1]) * inv, dy1 = (p0[0] - p2[0]) * inv;
    float px = (float)x0 + .5f, py = (float)y0 + .5f;
    float row0 = ((p2[0] - p1[0]) * (py - p1[1]) - (p2[1] - p1[1]) * (px - p1[0])) * inv;
    float row1 = ((p0[0] - p2[0]) * (py - p2[1]) - (p0[1] - p2[1]) * (px - p2[0])) * inv;
    for (int y = y0; y <= y1; y++, row0 += dy0, row1 += dy1) {
        float w0 = row0, w1 = row1;
        for (int x = x0; x <= x1; x++, w0 += dx0, w1 += dx1) {
            float w2 = 1 - w0 - w1;
            if (w0 < 0 || w1 < 0 || w2 < 0) continue;
            int o = y * r->width + x;
            float key = w0 * p0[2] + w1 * p1[2] + w2 * p2[2];
            if (key >= r->depth[o]) continue;
            r->depth[o] = key;
            if (r->id) { r->id[o] = id; r->w0[o] = w0; r->w1[o] = w1; }
        }
    }
}
