/* curves.c -- Catmull-Rom curves, distances in the plane, and an exact nearest-point grid; see curves.h. */
#include "synth/curves.h"
#include "mien.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

float mn_interp(float x, int n, const float *xs, const float *ys) {
    if (x <= xs[0]) return ys[0];
    for (int i = 1; i < n; i++)
        if (x < xs[i]) return ys[i - 1] + (ys[i] - ys[i - 1]) * (x - xs[i - 1]) / (xs[i] - xs[i - 1]);
    return ys[n - 1];
}

/* Point i of the curve's control polygon, continued round the end or straight beyond it. */
static void control(const float *p, int n, bool closed, int i, float out[2]) {
    for (int k = 0; k < 2; k++) {
        if (closed) out[k] = p[2 * ((i + n) % n) + k];
        else if (i < 0) out[k] = 2 * p[k] - p[2 + k];
        else if (i >= n) out[k] = 2 * p[2 * (n - 1) + k] - p[2 * (n - 2) + k];
        else out[k] = p[2 * i + k];
    }
}

int mn_catmull_rom(const float *points, int n, int steps, bool closed, float *out) {
    int spans = closed ? n : n - 1, count = 0;
    for (int i = 0; i < spans; i++) {
        float q[4][2];
        for (int k = 0; k < 4; k++) control(points, n, closed, i - 1 + k, q[k]);
        for (int s = 0; s < steps; s++, count++) {
            float t = (float)s / (float)steps;
            for (int k = 0; k < 2; k++) {
                float a = q[0][k], b = q[1][k], c = q[2][k], d = q[3][k];
                out[2 * count + k] = .5f * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t);
            }
        }
    }
    if (!closed) memcpy(out + 2 * count++, points + 2 * (n - 1), 2 * sizeof *out);
    return count;
}

float mn_polyline_distance(const float *line, int n, bool closed, float x, float y, float *along, float *side) {
    int count = closed ? n : n - 1;
    float best = INFINITY;
    for (int i = 0; i < count; i++) {
        const float *a = line + 2 * i, *b = line + 2 * ((i + 1) % n);
        float ux = b[0] - a[0], uy = b[1] - a[1], px = x - a[0], py = y - a[1], length = ux * ux + uy * uy;
        float t = length > 0 ? (px * ux + py * uy) / length : 0;
        t = t < 0 ? 0 : t > 1 ? 1 : t;
        float dx = px - t * ux, dy = py - t * uy, d = dx * dx + dy * dy;
        if (d >= best) continue;
        best = d;
        if (along) *along = ((float)i + t) / (float)count;
        if (side) *side = ux * dy - uy * dx > 0 ? 1 : -1;
    }
    return sqrtf(best);
}

bool mn_inside_polygon(const float *polygon, int n, float x, float y) {
    bool inside = false;
    for (int i = 0; i < n; i++) {
        const float *a = polygon + 2 * i, *b = polygon + 2 * ((i + 1) % n);
        if ((a[1] > y) != (b[1] > y) && x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]) inside = !inside;
    }
    return inside;
}

/* ---- nearest point ------------------------------------------------------ */

struct mn_grid {
    float lo[3], cell;
    int size[3], n;
    int *first;                 /* [cells + 1] into sorted */
    int *index;                 /* [n] original index of a sorted point */
    float *sorted, *points;     /* [n,3] by cell, and in the given order */
};

static int cell_of(const mn_grid *g, const float *p) {
    int c = 0;
    for (int k = 0; k < 3; k++) c = c * g->size[k] + (int)((p[k] - g->lo[k]) / g->cell);
    return c;
}

mn_grid *mn_grid_new(const float *points, int n, float cell) {
    enum { MOST_CELLS = 1 << 22 };
    mn_grid *g = calloc(1, sizeof *g);
    if (!g) { mn_fail(MN_ENOMEM, "nearest-point grid: no memory"); return NULL; }
    float hi[3];
    g->n = n;
    for (int k = 0; k < 3; k++) {
        g->lo[k] = INFINITY;
        hi[k] = -INFINITY;
        for (int i = 0; i < n; i++) {
            g->lo[k] = fminf(g->lo[k], points[3 * i + k]);
            hi[k] = fmaxf(hi[k], points[3 * i + k]);
        }
    }
    if (n && !(hi[0] - g->lo[0] < INFINITY && hi[1] - g->lo[1] < INFINITY && hi[2] - g->lo[2] < INFINITY)) {
        mn_grid_free(g);
        mn_fail(MN_EFORMAT, "nearest-point grid: points too far from each other");
        return NULL;
    }
    for (g->cell = cell;; g->cell *= 2) {               /* widely scattered points get larger cells, not more memory */
        double cells = 1;
        for (int k = 0; k < 3; k++) cells *= n ? floor((hi[k] - g->lo[k]) / g->cell) + 1 : 1;
        if (cells <= MOST_CELLS) break;
    }
    for (int k = 0; k < 3; k++) g->size[k] = n ? (int)((hi[k] - g->lo[k]) / g->cell) + 1 : 1;
    int cells = g->size[0] * g->size[1] * g->size[2];
    g->first = calloc((size_t)cells + 2, sizeof *g->first);
    g->index = malloc(((size_t)n + 1) * sizeof *g->index);
    g->sorted = malloc(((size_t)n + 1) * 3 * sizeof(float));
    g->points = malloc(((size_t)n + 1) * 3 * sizeof(float));
    if (!g->first || !g->index || !g->sorted || !g->points) {
        mn_grid_free(g);
        mn_fail(MN_ENOMEM, "nearest-point grid: no memory for %d points in %d cells", n, cells);
        return NULL;
    }
    memcpy(g->points, points, (size_t)n * 3 * sizeof(float));
    for (int i = 0; i < n; i++) g->first[cell_of(g, points + 3 * i) + 2]++;      /* counting sort by cell */
    for (int c = 0; c < cells; c++) g->first[c + 2] += g->first[c + 1];
    for (int i = 0; i < n; i++) {
        int at = g->first[cell_of(g, points + 3 * i) + 1]++;
        g->index[at] = i;
        memcpy(g->sorted + 3 * at, points + 3 * i, 3 * sizeof(float));
    }
    return g;
}

void mn_grid_free(mn_grid *g) {
    if (!g) return;
    free(g->first);
    free(g->index);
    free(g->sorted);
    free(g->points);
    free(g);
}

static float distance2(const float *a, const float *b) {
    float x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    return x * x + y * y + z * z;
}

/* Squared distance from p to the slab of cells `c` along axis k. */
static float slab(const mn_grid *g, int k, int c, float p) {
    float lo = g->lo[k] + (float)c * g->cell, d = p < lo ? lo - p : p > lo + g->cell ? p - lo - g->cell : 0;
    return d * d;
}

/* Cells are visited in rows along z, nearest slabs of x first, and only while they can hold something nearer. */
int mn_grid_nearest(const mn_grid *g, const float p[3], float reach, int guess) {
    int found = -1, c[3];
    float best = reach * reach;
    if (guess >= 0) {
        float d = distance2(p, g->points + 3 * guess);
        if (d <= best) { best = d; found = guess; }
    }
    for (int k = 0; k < 3; k++) {
        float x = floorf((p[k] - g->lo[k]) / g->cell);
        c[k] = (int)fminf(fmaxf(x, -1e6f), 1e6f);
    }
    int far[2];                             /* cells to either side, along x and y */
    for (int k = 0; k < 2; k++) {
        int there = c[k] > g->size[k] - 1 - c[k] ? c[k] : g->size[k] - 1 - c[k];
        far[k] = (int)fminf(reach / g->cell + 1, (float)there);
    }
    for (int step = 0; step <= 2 * far[0]; step++) {
        int x = c[0] + (step % 2 ? (step + 1) / 2 : -(step / 2));
        if (x < 0 || x >= g->size[0]) continue;
        float dx = slab(g, 0, x, p[0]);
        if (dx >= best) continue;
        for (int stride = 0; stride <= 2 * far[1]; stride++) {
            int y = c[1] + (stride % 2 ? (stride + 1) / 2 : -(stride / 2));
            if (y < 0 || y >= g->size[1]) continue;
            float dy = dx + slab(g, 1, y, p[1]);
            if (dy >= best) continue;
            float half = sqrtf(best - dy);
            int z0 = (int)floorf((p[2] - half - g->lo[2]) / g->cell), z1 = (int)floorf((p[2] + half - g->lo[2]) / g->cell);
            if (z0 < 0) z0 = 0;
            if (z1 >= g->size[2]) z1 = g->size[2] - 1;
            int row = (x * g->size[1] + y) * g->size[2];
            if (z0 > z1) continue;
            for (int t = g->first[row + z0]; t < g->first[row + z1 + 1]; t++) {
                float d = distance2(p, g->sorted + 3 * t);
                if (d < best) { best = d; found = g->index[t]; }
            }
        }
    }
    return found;
}

int mn_grid_within(const mn_grid *g, const float p[3], float radius, int *out, int room) {
    int lo[3], hi[3], n = 0;
    for (int k = 0; k < 3; k++) {
        lo[k] = (int)fminf(fmaxf(floorf((p[k] - radius - g->lo[k]) / g->cell), 0), 1e6f);
        hi[k] = (int)fminf(fmaxf(floorf((p[k] + radius - g->lo[k]) / g->cell), -1), (float)(g->size[k] - 1));
    }
    for (int x = lo[0]; x <= hi[0]; x++)
        for (int y = lo[1]; y <= hi[1]; y++) {
            int row = (x * g->size[1] + y) * g->size[2];
            for (int t = lo[2] <= hi[2] ? g->first[row + lo[2]] : 0; lo[2] <= hi[2] && t < g->first[row + hi[2] + 1] && n < room; t++)
                if (distance2(p, g->sorted + 3 * t) < radius * radius) out[n++] = g->index[t];
        }
    return n;
}
