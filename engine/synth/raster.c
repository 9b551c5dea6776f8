/* raster.c -- draws triangles and ribbons into a depth buffer with edge functions; see raster.h. */
#include "synth/raster.h"
#include "synth/vec.h"
#include <stdlib.h>
#include <string.h>

/* Samples are tested LANES at a time, in blocks that begin at multiples of LANES in a row: a block's store and the next load of it then have
 * the same address and size, which processors forward.  A row's last block may reach into the next row, where it writes what it read. */
enum { LANES = 8 };
typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t mask __attribute__((vector_size(4 * LANES), aligned(4), may_alias));        /* a lane: 0 or -1 */
static const lanes LANE = {0, 1, 2, 3, 4, 5, 6, 7};

static inline void replace(void *old, mask which, mask with) { *(mask *)old = (with & which) | (*(mask *)old & ~which); }

/* Draws one block from sample o on, where `in` and nearer than what is there. */
static inline void put(const mn_raster *r, int o, mask in, lanes key, int32_t id) {
    in &= key < *(const lanes *)(r->depth + o);
    replace(r->depth + o, in, (mask)key);
    if (r->id) replace(r->id + o, in, id + (mask){0});
}

mn_status mn_raster_new(mn_raster *r, int width, int height, bool with_ids) {
    size_t n = (size_t)width * (size_t)height + LANES;         /* the last block may reach beyond the end */
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

enum { TILE = LANES };         /* samples */
static int tiles(int samples) { return (samples + TILE - 1) / TILE; }

/* The last tile of a row sees some of the next row as well, which can only make it farther. */
mn_status mn_raster_occlude(mn_raster *r) {
    int across = tiles(r->width), down = tiles(r->height);
    if (!r->farthest) r->farthest = malloc((size_t)across * (size_t)down * sizeof *r->farthest);
    if (!r->farthest) return mn_fail(MN_ENOMEM, "raster: no memory for %d x %d tiles", across, down);
    for (int i = 0; i < across * down; i++) {
        int y = i / across * TILE, end = y + TILE < r->height ? y + TILE : r->height;
        lanes most = *(const lanes *)(r->depth + y * r->width + i % across * TILE);
        while (++y < end) {
            lanes depth = *(const lanes *)(r->depth + y * r->width + i % across * TILE);
            replace(&most, depth > most, (mask)depth);
        }
        r->farthest[i] = most[0];
        for (int k = 1; k < LANES; k++) r->farthest[i] = maxf(r->farthest[i], most[k]);
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

/* First and last sample centre (at n + 0.5) within lo..hi, clamped to the picture before the conversion to int,
 * which is undefined for large floats. */
static int first_sample(float lo) { return (int)minf(maxf(ceilf(lo - .5f), 0), 65536); }
static int last_sample(float hi, int n) { return (int)maxf(minf(floorf(hi - .5f), (float)(n - 1)), -1); }

void mn_raster_triangle(mn_raster *r, const float *p0, const float *p1, const float *p2, int32_t id, bool cull) {
    float area = (p1[0] - p0[0]) * (p2[1] - p0[1]) - (p1[1] - p0[1]) * (p2[0] - p0[0]);
    if (!(fabsf(area) > 0) || (cull && area < 0)) return;
    if (p0[2] >= MN_RASTER_BEHIND || p1[2] >= MN_RASTER_BEHIND || p2[2] >= MN_RASTER_BEHIND) return;
    int x0 = first_sample(minf(p0[0], minf(p1[0], p2[0]))), x1 = last_sample(maxf(p0[0], maxf(p1[0], p2[0])), r->width);
    int y0 = first_sample(minf(p0[1], minf(p1[1], p2[1]))), y1 = last_sample(maxf(p0[1], maxf(p1[1], p2[1])), r->height);
    if (x0 > x1 || y0 > y1) return;
    x0 -= x0 % LANES;
    float inv = 1 / area;
    float dx0 = -(p2[1] - p1[1]) * inv, dy0 = (p2[0] - p1[0]) * inv;
    float dx1 = -(p0[1] - p2[1]) * inv, dy1 = (p0[0] - p2[0]) * inv;
    float px = (float)x0 + .5f, py = (float)y0 + .5f;
    float row0 = ((p2[0] - p1[0]) * (py - p1[1]) - (p2[1] - p1[1]) * (px - p1[0])) * inv;
    float row1 = ((p0[0] - p2[0]) * (py - p2[1]) - (p0[1] - p2[1]) * (px - p2[0])) * inv;
    for (int y = y0; y <= y1; y++, row0 += dy0, row1 += dy1) {
        lanes w0 = row0 + LANE * dx0, w1 = row1 + LANE * dx1;
        for (int x = x0; x <= x1; x += LANES, w0 += LANES * dx0, w1 += LANES * dx1) {
            lanes w2 = 1 - w0 - w1;
            mask in = (w0 >= 0) & (w1 >= 0) & (w2 >= 0) & (LANE <= (float)(x1 - x));
            put(r, y * r->width + x, in, w0 * p0[2] + w1 * p1[2] + w2 * p2[2], id);
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
    x0 -= x0 % LANES;
    float ux = dx * inv, uy = dy * inv, vx = -dy * across, vy = dx * across, taper = half1 - half0, rise = b[2] - a[2];
    float px = (float)x0 + .5f - a[0], py = (float)y0 + .5f - a[1], u0 = px * ux + py * uy, v0 = px * vx + py * vy;
    for (int y = y0; y <= y1; y++, u0 += uy, v0 += vy) {
        lanes u = u0 + LANE * ux, v = v0 + LANE * vx;
        for (int x = x0; x <= x1; x += LANES, u += LANES * ux, v += LANES * vx) {
            lanes half = half0 + taper * u;
            mask in = (u >= 0) & (u <= 1) & (v <= half) & (-v <= half) & (LANE <= (float)(x1 - x));
            put(r, y * r->width + x, in, a[2] + u * rise, id);
        }
    }
}
