/* march.c -- marching cubes (Lorensen and Cline 1987) with a table derived from the cube itself (march.h).
 *
 * A corner is inside where the field is above the level; an edge with one end inside carries one vertex.  On each
 * face of a cell, every run of inside corners is cut off by a segment.  That rule looks at the face alone, so the two
 * cells that share a face agree on it and the surface has no holes; it settles the ambiguous faces too.  Directed
 * with the inside on one hand, the segments of a cell close into loops, which are cut into triangles by diagonals
 * that do not run within a face of the cell: there a neighbour could have the same one, and four triangles would
 * meet.  Such diagonals exist in all 256 cases (tests/c/test_march.c). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "march.h"

/* Corner c of a cell lies at bits x + 2 y + 4 z; edge 4 a + k runs along axis a from the k-th corner without bit a. */
typedef struct shape { int count; unsigned char edge[10][3]; } shape;   /* triangles, by the edges they join */

static int edge_of(int c0, int c1) {
    int axis = (c0 ^ c1) >> 1, base = c0 & c1, low = base & ((1 << axis) - 1), high = base >> (axis + 1);
    return 4 * axis + low + (high << axis);
}
static int edge_base(int edge) {
    int axis = edge >> 2, k = edge & 3, low = k & ((1 << axis) - 1), high = k >> axis;
    return low | high << (axis + 1);
}
static int edge_faces(int edge) {        /* the two faces it lies on, as bits 2 axis + side */
    int axis = edge >> 2, base = edge_base(edge), u = (axis + 1) % 3, v = (axis + 2) % 3;
    return 1 << (2 * u + (base >> u & 1)) | 1 << (2 * v + (base >> v & 1));
}

/* Follow the faces' segments: next[e] is the edge the surface goes to from edge e, -1 where it does not pass. */
static void trace(int inside, int next[12]) {
    for (int e = 0; e < 12; e++) next[e] = -1;
    for (int face = 0; face < 6; face++) {
        int axis = face >> 1, side = face & 1, u = 1 << (axis + 1) % 3, v = 1 << (axis + 2) % 3, at = side << axis;
        int ring[4] = {at, at | (side ? u : v), at | u | v, at | (side ? v : u)};   /* counter-clockwise from outside */
        for (int i = 0; i < 4; i++) {
            if (inside >> ring[i] & 1 || !(inside >> ring[(i + 1) & 3] & 1)) continue;
            int last = (i + 1) & 3;      /* a run of inside corners begins here; find its end */
            while (inside >> ring[(last + 1) & 3] & 1) last = (last + 1) & 3;
            next[edge_of(ring[i], ring[(i + 1) & 3])] = edge_of(ring[last], ring[(last + 1) & 3]);
        }
    }
}

/* Fewest diagonals within a face needed to triangulate loop[i..j]; emits the triangles when out is given. */
static int triangulate(const int *loop, int i, int j, shape *out) {
    int best = 100, middle = 0;
    if (j - i < 2) return 0;
    for (int m = i + 1; m < j; m++) {
        int cost = triangulate(loop, i, m, NULL) + triangulate(loop, m, j, NULL);
        cost += m - i > 1 && edge_faces(loop[i]) & edge_faces(loop[m]) ? 1 : 0;
        cost += j - m > 1 && edge_faces(loop[m]) & edge_faces(loop[j]) ? 1 : 0;
        if (cost < best) {
            best = cost;
            middle = m;
        }
    }
    if (out) {
        unsigned char *t = out->edge[out->count++];
        t[0] = (unsigned char)loop[i];
        t[1] = (unsigned char)loop[middle];
        t[2] = (unsigned char)loop[j];
        triangulate(loop, i, middle, out);
        triangulate(loop, middle, j, out);
    }
    return best;
}

static void build_shapes(shape shapes[256]) {
    memset(shapes, 0, 256 * sizeof *shapes);
    for (int inside = 0; inside < 256; inside++) {
        int next[12], loop[12];
        trace(inside, next);
        for (int start = 0; start < 12; start++) {
            int n = 0;
            for (int e = start; next[e] >= 0; ) {        /* taking the links away ends the loop where it began */
                int to = next[e];
                loop[n++] = e;
                next[e] = -1;
                e = to;
            }
            if (n) triangulate(loop, 0, n - 1, &shapes[inside]);
        }
    }
}

/* ---- the march ---- */

typedef struct marcher {
    const float *g;
    int64_t size[3];                    /* W, H, D: samples along x, y, z */
    double level, origin[3], step[3];
    int32_t *layer[2];                  /* [3,H,W]: the vertex on the edge that begins at each sample, along each axis */
    float *v, *normal;
    int32_t *f;
    int64_t n_v, room_v, n_f, room_f;
} marcher;

static bool grow(int64_t need, int64_t *room, void **a, void **b) {
    if (need <= *room) return true;
    int64_t more = *room ? 2 * *room : 4096;
    void *p = more < INT32_MAX / 4 ? realloc(*a, (size_t)more * 12) : NULL, *q = p && b ? realloc(*b, (size_t)more * 12) : NULL;
    if (p) *a = p;
    if (q) *b = q;
    if (!p || (b && !q)) {
        mn_fail(MN_ENOMEM, "march: no memory for a mesh of %lld vertices or triangles", (long long)more);
        return false;
    }
    *room = more;
    return true;
}

static const float *sample(const marcher *m, const int64_t at[3]) { return m->g + (at[2] * m->size[1] + at[1]) * m->size[0] + at[0]; }

/* d field / d position along one axis: central differences, one-sided at the border. */
static double slope(const marcher *m, const int64_t at[3], int axis) {
    int64_t low[3] = {at[0], at[1], at[2]}, high[3] = {at[0], at[1], at[2]};
    if (low[axis] > 0) low[axis]--;
    if (high[axis] + 1 < m->size[axis]) high[axis]++;
    return ((double)*sample(m, high) - *sample(m, low)) / ((double)(high[axis] - low[axis]) * m->step[axis]);
}

/* The vertex on the edge from sample `at` along `axis`. */
static bool add_vertex(marcher *m, const int64_t at[3], int axis, float a, float b) {
    if (!grow(m->n_v + 1, &m->room_v, (void **)&m->v, (void **)&m->normal)) return false;
    int64_t to[3] = {at[0], at[1], at[2]};
    double t = (m->level - a) / ((double)b - a), n[3], length = 0;
    t = t < 0x1p-10 ? 0x1p-10 : t > 1 - 0x1p-10 ? 1 - 0x1p-10 : t;   /* off the samples, so that no triangle collapses */
    to[axis]++;
    for (int d = 0; d < 3; d++) {
        m->v[3 * m->n_v + d] = (float)(m->origin[d] + m->step[d] * ((double)at[d] + (d == axis ? t : 0)));
        n[d] = -((1 - t) * slope(m, at, d) + t * slope(m, to, d));
        length += n[d] * n[d];
    }
    for (int d = 0; d < 3; d++) m->normal[3 * m->n_v + d] = (float)(length > 0 ? n[d] / sqrt(length) : d == 2);
    m->n_v++;
    return true;
}

static bool add_layer(marcher *m, int64_t z) {
    int64_t plane = m->size[0] * m->size[1];
    int32_t *layer = m->layer[z & 1];
    for (int64_t y = 0; y < m->size[1]; y++)
        for (int64_t x = 0; x < m->size[0]; x++) {
            int64_t at[3] = {x, y, z}, stride[3] = {1, m->size[0], plane};
            const float *p = sample(m, at);
            for (int axis = 0; axis < 3; axis++) {
                if (at[axis] + 1 == m->size[axis]) continue;
                float a = *p, b = p[stride[axis]];
                if ((a > m->level) == (b > m->level)) continue;
                layer[axis * plane + y * m->size[0] + x] = (int32_t)m->n_v;
                if (!add_vertex(m, at, axis, a, b)) return false;
            }
        }
    return true;
}

/* The cells between layers z and z + 1. */
static bool add_cells(marcher *m, int64_t z, const shape *shapes, bool mirrored) {
    int64_t w = m->size[0], plane = w * m->size[1];
    for (int64_t y = 0; y + 1 < m->size[1]; y++)
        for (int64_t x = 0; x + 1 < w; x++) {
            int inside = 0;
            for (int c = 0; c < 8; c++) {
                int64_t at[3] = {x + (c & 1), y + (c >> 1 & 1), z + (c >> 2)};
                inside |= (*sample(m, at) > m->level) << c;
            }
            const shape *s = &shapes[inside];
            if (s->count && !grow(m->n_f + s->count, &m->room_f, (void **)&m->f, NULL)) return false;
            for (int k = 0; k < s->count; k++, m->n_f++)
                for (int corner = 0; corner < 3; corner++) {
                    int e = s->edge[k][mirrored ? 2 - corner : corner], base = edge_base(e);
                    m->f[3 * m->n_f + corner] = m->layer[(z + (base >> 2)) & 1][(e >> 2) * plane + (y + (base >> 1 & 1)) * w + x + (base & 1)];
                }
        }
    return true;
}

/* Dense, finite [D,H,W] f32; its least and greatest value. */
static mn_status check_grid(mn_tensor *grid, const char *who, float *low, float *high) {
    if (mn_errcode() != MN_OK) return mn_errcode();
    if (!grid || mn_dtype_of(grid) != MN_F32 || mn_ndim(grid) != 3 || !mn_data(grid))
        return mn_fail(MN_ESHAPE, "%s: grid: expected f32 [D,H,W] in host memory, got %s %s", who, grid ? mn_dtype_name(mn_dtype_of(grid)) : "", mn_shape_text(grid));
    for (int d = 0; d < 3; d++)
        if (mn_dim(grid, d) < 2 || mn_dim(grid, d) > 4096) return mn_fail(MN_ESHAPE, "%s: grid: expected 2 to 4096 samples a side, got %s", who, mn_shape_text(grid));
    const float *g = mn_data(grid);
    *low = *high = g[0];
    for (int64_t i = 0; i < mn_count(grid); i++) {
        if (!isfinite(g[i])) return mn_fail(MN_EARG, "%s: grid: element %lld is %g, expected finite numbers", who, (long long)i, (double)g[i]);
        if (g[i] < *low) *low = g[i];
        if (g[i] > *high) *high = g[i];
    }
    return MN_OK;
}

mn_status mn_march(mn_tensor *grid, double level, const double origin[3], const double step[3], mn_mesh *out) {
    float low, high;
    *out = (mn_mesh){0};
    if (check_grid(grid, "march", &low, &high) != MN_OK) return mn_errcode();
    if (!(level >= low && level < high)) return mn_fail(MN_EARG, "march: nothing crosses level %g: the field runs from %g to %g", level, (double)low, (double)high);
    marcher m = {.g = mn_data(grid), .size = {mn_dim(grid, 2), mn_dim(grid, 1), mn_dim(grid, 0)}, .level = level};
    for (int d = 0; d < 3; d++) {
        m.origin[d] = origin ? origin[d] : 0;
        m.step[d] = step ? step[d] : 1;
        if (!isfinite(m.origin[d]) || !isfinite(m.step[d]) || m.step[d] == 0)
            return mn_fail(MN_EARG, "march: origin %g and step %g of axis %d: expected finite numbers and a step that is not 0", m.origin[d], m.step[d], d + 1);
    }
    bool mirrored = (m.step[0] < 0) ^ (m.step[1] < 0) ^ (m.step[2] < 0);
    size_t plane = (size_t)(m.size[0] * m.size[1]);
    shape shapes[256];
    build_shapes(shapes);
    m.layer[0] = malloc(2 * 3 * plane * sizeof(int32_t));
    if (!m.layer[0]) mn_fail(MN_ENOMEM, "march: no memory for layers of %lld x %lld samples", (long long)m.size[1], (long long)m.size[0]);
    else {
        m.layer[1] = m.layer[0] + 3 * plane;
        bool ok = add_layer(&m, 0);
        for (int64_t z = 0; ok && z + 1 < m.size[2]; z++) {
            if (mn_interrupted()) mn_fail(MN_EINTR, "march: interrupted");
            ok = mn_errcode() == MN_OK && add_layer(&m, z + 1) && add_cells(&m, z, shapes, mirrored);
        }
    }
    if (mn_errcode() == MN_OK) {
        out->v = mn_from(MN_F32, 2, (int64_t[]){m.n_v, 3}, m.v);
        out->normal = mn_from(MN_F32, 2, (int64_t[]){m.n_v, 3}, m.normal);
        out->f = mn_from(MN_I32, 2, (int64_t[]){m.n_f, 3}, m.f);
    }
    free(m.layer[0]);
    free(m.v);
    free(m.normal);
    free(m.f);
    return mn_errcode();
}

/* ---- the level ---- */

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

mn_status mn_march_level(mn_tensor *grid, double *level) {
    enum { SAMPLES = 1 << 18 };
    float low, high;
    if (check_grid(grid, "march level", &low, &high) != MN_OK) return mn_errcode();
    const float *g = mn_data(grid);
    int64_t count = mn_count(grid), n = count < SAMPLES ? count : SAMPLES, cut = n / 1000;
    float *x = malloc((size_t)n * sizeof *x);
    if (!x) return mn_fail(MN_ENOMEM, "march level: no memory for %lld samples", (long long)n);
    for (int64_t i = 0; i < n; i++) x[i] = g[count * i / n];
    qsort(x, (size_t)n, sizeof *x, by_value);
    double sum = 0, below = 0, best = 0;
    int64_t kept = n - 2 * cut;
    for (int64_t i = cut; i < n - cut; i++) sum += x[i];
    for (int64_t k = 1; k < kept; k++) {         /* the k lowest against the others */
        below += x[cut + k - 1];
        double difference = (sum - below) / (double)(kept - k) - below / (double)k;
        double between = (double)k * (double)(kept - k) * difference * difference;
        if (between > best && x[cut + k] > x[cut + k - 1]) {
            best = between;
            *level = 0.5 * ((double)x[cut + k - 1] + x[cut + k]);
        }
    }
    free(x);
    return best > 0 ? MN_OK : mn_fail(MN_EARG, "march level: all values are about %g, so no level parts them", (double)low);
}
