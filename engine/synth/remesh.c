/* remesh.c -- incremental isotropic remeshing with a sizing field.
 *
 * Botsch and Kobbelt, A Remeshing Approach to Multiresolution Modeling (2004).  With L the wanted
 * length at an edge (mean of its ends), one round is
 *     split    edges longer than 4/3 L
 *     collapse edges shorter than 4/5 L, unless that makes one longer than 4/3 L
 *     flip     edges where it brings valences nearer to 6 (border: 4)
 *     smooth   towards the centroid of the ring, weighted by area / L^2, within the tangent plane
 *     project  back to the surface, taking L from there
 * Border vertices belong to a curve of the input border and only move along it; corners do not move.
 * Every step refuses what would turn a triangle over or break the manifold. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "synth/remesh.h"

enum { INNER = -1, CORNER = -2 };              /* values of vert.curve that are not a curve */

typedef struct vert {
    double p[3], size;
    int curve, n, cap;
    int *f;                                    /* the n triangles round the vertex; n == 0: removed */
    mn_place place;
} vert;

typedef struct curve { int start, n; bool closed; } curve;       /* points[start .. start+n) */

typedef struct work {
    const mn_trimesh *surface;
    const double *size;
    mn_near *near;
    vert *v;
    int nv, capv;
    int (*f)[3];                               /* f[i][0] < 0: removed */
    int nf, capf;
    curve *curves;
    int n_curves;
    double (*points)[3];
    bool failed;
} work;

static double dist(const double a[3], const double b[3]) {
    double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
    return sqrt(x * x + y * y + z * z);
}

static void normal_at(const double *a, const double *b, const double *c, double n[3]) {
    double x[3], y[3];
    for (int k = 0; k < 3; k++) { x[k] = b[k] - a[k]; y[k] = c[k] - a[k]; }
    n[0] = x[1] * y[2] - x[2] * y[1];
    n[1] = x[2] * y[0] - x[0] * y[2];
    n[2] = x[0] * y[1] - x[1] * y[0];
}

/* cosine of the angle between two (unnormalised) normals; 0 when one vanishes */
static double agree(const double a[3], const double b[3]) {
    double aa = 0, bb = 0, ab = 0;
    for (int k = 0; k < 3; k++) { aa += a[k] * a[k]; bb += b[k] * b[k]; ab += a[k] * b[k]; }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

/* ---- connectivity ---- */

static void link_face(work *w, int vertex, int face) {
    vert *v = &w->v[vertex];
    if (v->n == v->cap) {
        int cap = v->cap ? 2 * v->cap : 8;
        int *f = realloc(v->f, (size_t)cap * sizeof *f);
        if (!f) { w->failed = true; return; }
        v->f = f;
        v->cap = cap;
    }
    v->f[v->n++] = face;
}

static void unlink_face(work *w, int vertex, int face) {
    vert *v = &w->v[vertex];
    for (int i = 0; i < v->n; i++)
        if (v->f[i] == face) { v->f[i] = v->f[--v->n]; return; }
}

static int corner_of(const work *w, int face, int vertex) {
    const int *f = w->f[face];
    return f[0] == vertex ? 0 : f[1] == vertex ? 1 : f[2] == vertex ? 2 : -1;
}

static int third(const work *w, int face, int a, int b) {
    const int *f = w->f[face];
    return f[0] + f[1] + f[2] - a - b;
}

/* The triangles on edge a-b (at most 2 are stored). */
static int edge_faces(const work *w, int a, int b, int out[2]) {
    int n = 0;
    for (int i = 0; i < w->v[a].n; i++)
        if (corner_of(w, w->v[a].f[i], b) >= 0) {
            if (n < 2) out[n] = w->v[a].f[i];
            n++;
        }
    return n;
}

static bool adjacent(const work *w, int a, int b) {
    int two[2];
    return edge_faces(w, a, b, two) > 0;
}

static int new_face(work *w, int a, int b, int c) {
    if (w->nf == w->capf) {
        int cap = 2 * w->capf;
        void *f = realloc(w->f, (size_t)cap * sizeof *w->f);
        if (!f) { w->failed = true; return -1; }
        w->f = f;
        w->capf = cap;
    }
    int i = w->nf++;
    w->f[i][0] = a;
    w->f[i][1] = b;
    w->f[i][2] = c;
    link_face(w, a, i);
    link_face(w, b, i);
    link_face(w, c, i);
    return i;
}

static void drop_face(work *w, int face) {
    for (int c = 0; c < 3; c++) unlink_face(w, w->f[face][c], face);
    w->f[face][0] = w->f[face][1] = w->f[face][2] = -1;
}

static double wanted(const work *w, int a, int b) { return .5 * (w->v[a].size + w->v[b].size); }
static double length(const work *w, int a, int b) { return dist(w->v[a].p, w->v[b].p); }

/* ---- curves and projection ---- */

static double to_curve(const work *w, int curve_id, const double p[3], double out[3]) {
    const curve *c = &w->curves[curve_id];
    double best = 1e300;
    for (int i = 0; i < (c->closed ? c->n : c->n - 1); i++) {
        const double *a = w->points[c->start + i], *b = w->points[c->start + (i + 1) % c->n];
        double ab = 0, ap = 0, q[3];
        for (int k = 0; k < 3; k++) { ab += (b[k] - a[k]) * (b[k] - a[k]); ap += (p[k] - a[k]) * (b[k] - a[k]); }
        double t = ab > 0 ? fmin(1, fmax(0, ap / ab)) : 0;
        for (int k = 0; k < 3; k++) q[k] = a[k] + t * (b[k] - a[k]);
        double d = dist(p, q);
        if (d < best) { best = d; memcpy(out, q, sizeof q); }
    }
    return best;
}

/* The curve of border edge a-b: that of an end which is no corner, else the one nearest to the middle. */
static int edge_curve(const work *w, int a, int b) {
    if (w->v[a].curve >= 0) return w->v[a].curve;
    if (w->v[b].curve >= 0) return w->v[b].curve;
    int best = 0;
    double mid[3], q[3], nearest = 1e300;
    for (int k = 0; k < 3; k++) mid[k] = .5 * (w->v[a].p[k] + w->v[b].p[k]);
    for (int i = 0; i < w->n_curves; i++) {
        double d = to_curve(w, i, mid, q);
        if (d < nearest) { nearest = d; best = i; }
    }
    return best;
}

static void vertex_normal(const work *w, int i, double n[3]) {
    n[0] = n[1] = n[2] = 0;
    for (int j = 0; j < w->v[i].n; j++) {
        const int *f = w->f[w->v[i].f[j]];
        double m[3];
        normal_at(w->v[f[0]].p, w->v[f[1]].p, w->v[f[2]].p, m);
        for (int k = 0; k < 3; k++) n[k] += m[k];
    }
    double len = sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + 1e-300;
    for (int k = 0; k < 3; k++) n[k] /= len;
}

/* Put p back on the surface (or its curve), and say where that is. */
static mn_place settle(const work *w, int i, double p[3]) {
    double n[3];
    mn_place place;
    if (w->v[i].curve == INNER) {
        vertex_normal(w, i, n);
        place = mn_near_find(w->near, p, n);
        if (place.distance > w->v[i].size) place = mn_near_find(w->near, p, NULL);   /* the normal was of no use */
    } else {
        double q[3];
        memcpy(q, p, sizeof q);
        if (w->v[i].curve >= 0) to_curve(w, w->v[i].curve, p, q);
        place = mn_near_find(w->near, q, NULL);
    }
    mn_place_point(w->surface, &place, p);
    return place;
}

static void take_size(work *w, int i) {
    const int *f = w->surface->f[w->v[i].place.face];
    const double *b = w->v[i].place.bary;
    w->v[i].size = b[0] * w->size[f[0]] + b[1] * w->size[f[1]] + b[2] * w->size[f[2]];
}

/* Would moving vertex i to p turn one of its triangles (those with `skip` apart) by more than acos(limit)? */
static bool turns(const work *w, int i, const double p[3], int skip, double limit) {
    for (int j = 0; j < w->v[i].n; j++) {
        int face = w->v[i].f[j];
        if (skip >= 0 && corner_of(w, face, skip) >= 0) continue;
        const double *q[3];
        double before[3], after[3];
        for (int c = 0; c < 3; c++) q[c] = w->v[w->f[face][c]].p;
        normal_at(q[0], q[1], q[2], before);
        q[corner_of(w, face, i)] = p;
        normal_at(q[0], q[1], q[2], after);
        if (agree(before, after) < limit) return true;
    }
    return false;
}

/* ---- the steps ---- */

static void split_edge(work *w, int a, int b) {
    int on[2], n = edge_faces(w, a, b, on);
    if (w->nv == w->capv) {
        vert *v = realloc(w->v, (size_t)(2 * w->capv) * sizeof *v);
        if (!v) { w->failed = true; return; }
        w->v = v;
        w->capv *= 2;
    }
    int m = w->nv++;
    vert *v = &w->v[m];
    memset(v, 0, sizeof *v);
    for (int k = 0; k < 3; k++) v->p[k] = .5 * (w->v[a].p[k] + w->v[b].p[k]);
    v->curve = n == 1 ? edge_curve(w, a, b) : INNER;
    v->size = wanted(w, a, b);
    for (int i = 0; i < n && !w->failed; i++) {
        int c = third(w, on[i], a, b);
        bool forward = w->f[on[i]][(corner_of(w, on[i], a) + 1) % 3] == b;
        w->f[on[i]][corner_of(w, on[i], b)] = m;
        unlink_face(w, b, on[i]);
        link_face(w, m, on[i]);
        if (forward) new_face(w, m, b, c);
        else new_face(w, b, m, c);
    }
    if (w->failed) return;
    w->v[m].place = settle(w, m, w->v[m].p);
    take_size(w, m);
}

static void split_long(work *w) {
    for (int sweep = 0, done = 1; sweep < 8 && done; sweep++) {
        done = 0;
        for (int i = 0; i < w->nf && !w->failed; i++) {
            if (w->f[i][0] < 0) continue;
            int longest = -1;
            double most = 4. / 3;
            for (int c = 0; c < 3; c++) {
                double r = length(w, w->f[i][c], w->f[i][(c + 1) % 3]) / wanted(w, w->f[i][c], w->f[i][(c + 1) % 3]);
                if (r > most) { most = r; longest = c; }
            }
            if (longest >= 0) {
                split_edge(w, w->f[i][longest], w->f[i][(longest + 1) % 3]);
                done++;
            }
        }
    }
}

/* Remove a, keeping b, if nothing breaks. */
static bool collapse(work *w, int a, int b) {
    int on[2], n = edge_faces(w, a, b, on), common = 0;
    bool border_a = w->v[a].curve != INNER, border_b = w->v[b].curve != INNER;
    if (w->v[a].curve == CORNER || (border_a && !border_b) || (border_a && n != 1)) return false;
    if (border_a && w->v[b].curve >= 0 && w->v[b].curve != w->v[a].curve) return false;
    double p[3];
    for (int k = 0; k < 3; k++) p[k] = border_b ? w->v[b].p[k] : .5 * (w->v[a].p[k] + w->v[b].p[k]);
    for (int j = 0; j < n; j++) {                     /* the third vertices lose a triangle: they need enough */
        int c = third(w, on[j], a, b);
        if (w->v[c].n <= (w->v[c].curve == INNER ? 3 : 1)) return false;
    }
    for (int j = 0; j < w->v[a].n; j++) {             /* link condition, and no new long edge */
        const int *f = w->f[w->v[a].f[j]];
        for (int c = 0; c < 3; c++) {
            int x = f[c];
            if (x == a || x == b) continue;
            if (dist(w->v[x].p, p) > 4. / 3 * .5 * (w->v[x].size + w->v[b].size)) return false;
            /* each neighbour is met once as the vertex after a; on a border one is met only as the one before */
            if (f[(corner_of(w, w->v[a].f[j], a) + 1) % 3] == x && adjacent(w, x, b)) common++;
            else if (f[(corner_of(w, w->v[a].f[j], a) + 2) % 3] == x && adjacent(w, x, b)) {
                int two[2];
                if (edge_faces(w, a, x, two) == 1) common++;
            }
        }
    }
    if (common != n || turns(w, a, p, b, .5)) return false;
    if (!border_b && turns(w, b, p, a, .5)) return false;
    for (int j = 0; j < n; j++) drop_face(w, on[j]);
    while (w->v[a].n && !w->failed) {
        int face = w->v[a].f[0];
        w->f[face][corner_of(w, face, a)] = b;
        unlink_face(w, a, face);
        link_face(w, b, face);
    }
    memcpy(w->v[b].p, p, sizeof p);
    if (!border_b) {
        w->v[b].place = settle(w, b, w->v[b].p);
        take_size(w, b);
    }
    return true;
}

static void collapse_short(work *w) {
    for (int i = 0; i < w->nf && !w->failed; i++)
        for (int c = 0; c < 3 && w->f[i][0] >= 0; c++) {
            int a = w->f[i][c], b = w->f[i][(c + 1) % 3];
            if (length(w, a, b) < .8 * wanted(w, a, b) && !collapse(w, a, b)) collapse(w, b, a);
        }
}

static int valence_error(const work *w, int i, int change) {
    bool border = w->v[i].curve != INNER;
    int valence = w->v[i].n + (border ? 1 : 0) + change, e = valence - (border ? 4 : 6);
    return e * e;
}

static void flip_edges(work *w) {
    for (int i = 0; i < w->nf && !w->failed; i++)
        for (int c = 0; c < 3; c++) {
            int a = w->f[i][c], b = w->f[i][(c + 1) % 3], on[2];
            if (a < 0 || edge_faces(w, a, b, on) != 2) continue;
            int other = on[0] == i ? on[1] : on[0], x = third(w, i, a, b), y = third(w, other, a, b);
            if (x == y || adjacent(w, x, y) || w->v[a].n <= 3 || w->v[b].n <= 3) continue;
            int before = valence_error(w, a, 0) + valence_error(w, b, 0) + valence_error(w, x, 0) + valence_error(w, y, 0);
            int after = valence_error(w, a, -1) + valence_error(w, b, -1) + valence_error(w, x, 1) + valence_error(w, y, 1);
            if (after >= before) continue;
            double n0[3], n1[3], m0[3], m1[3];       /* (a,b,x) and (b,a,y) become (a,y,x) and (b,x,y) */
            normal_at(w->v[a].p, w->v[b].p, w->v[x].p, n0);
            normal_at(w->v[b].p, w->v[a].p, w->v[y].p, n1);
            normal_at(w->v[a].p, w->v[y].p, w->v[x].p, m0);
            normal_at(w->v[b].p, w->v[x].p, w->v[y].p, m1);
            if (agree(n0, m0) < .6 || agree(n1, m1) < .6 || agree(n0, m1) < .6 || agree(n1, m0) < .6) continue;
            drop_face(w, i);
            drop_face(w, other);
            new_face(w, a, y, x);
            new_face(w, b, x, y);
            break;
        }
}

/* Where the ring of vertex i would have it. */
static bool smoothed(const work *w, int i, double p[3]) {
    const vert *v = &w->v[i];
    double sum = 0, n[3], along = 0;
    p[0] = p[1] = p[2] = 0;
    if (v->curve == CORNER) return false;
    for (int j = 0; j < v->n; j++) {
        const int *f = w->f[v->f[j]];
        if (v->curve >= 0) {                          /* the two border neighbours */
            for (int c = 0; c < 3; c++) {
                int two[2];
                if (f[c] == i || edge_faces(w, i, f[c], two) != 1) continue;
                for (int k = 0; k < 3; k++) p[k] += w->v[f[c]].p[k];
                sum += 1;
            }
            continue;
        }
        double m[3], size = (w->v[f[0]].size + w->v[f[1]].size + w->v[f[2]].size) / 3;
        normal_at(w->v[f[0]].p, w->v[f[1]].p, w->v[f[2]].p, m);
        double weight = sqrt(m[0] * m[0] + m[1] * m[1] + m[2] * m[2]) / (size * size);
        for (int k = 0; k < 3; k++) p[k] += weight * (w->v[f[0]].p[k] + w->v[f[1]].p[k] + w->v[f[2]].p[k]) / 3;
        sum += weight;
    }
    if (!(sum > 0)) return false;
    for (int k = 0; k < 3; k++) p[k] /= sum;
    if (v->curve >= 0) return true;
    vertex_normal(w, i, n);
    for (int k = 0; k < 3; k++) along += n[k] * (v->p[k] - p[k]);
    for (int k = 0; k < 3; k++) p[k] += along * n[k];
    return true;
}

static void smooth(work *w) {
    for (int i = 0; i < w->nv; i++) {
        double p[3];
        if (!w->v[i].n || !smoothed(w, i, p)) continue;
        mn_place place = settle(w, i, p);
        if (turns(w, i, p, -1, .3)) continue;
        memcpy(w->v[i].p, p, sizeof p);
        w->v[i].place = place;
        take_size(w, i);
    }
}

/* ---- setting up and handing over ---- */

/* Chains of border vertices between corners, and closed loops, become the curves. */
static mn_status find_curves(work *w, const int *next, const unsigned char *corner) {
    int n = w->surface->nv, used = 0;
    w->curves = calloc((size_t)n + 1, sizeof *w->curves);
    w->points = calloc(2 * (size_t)n + 2, sizeof *w->points);
    if (!w->curves || !w->points) return mn_fail(MN_ENOMEM, "no memory for the border curves");
    for (int loops = 0; loops < 2; loops++)           /* chains first; what is left are loops without a corner */
        for (int i = 0; i < n; i++) {
            if (next[i] < 0 || (!loops ? !corner[i] : w->v[i].curve != CORNER || corner[i])) continue;
            curve *c = &w->curves[w->n_curves];
            c->start = used;
            c->closed = loops;
            int at = i;
            do {
                memcpy(w->points[used++], w->surface->v[at], sizeof w->points[0]);
                if (!corner[at]) w->v[at].curve = w->n_curves;
                at = next[at];
            } while (at != i && !corner[at]);
            if (!loops) memcpy(w->points[used++], w->surface->v[at], sizeof w->points[0]);
            c->n = used - c->start;
            w->n_curves++;
        }
    return MN_OK;
}

static mn_status set_up(work *w, const mn_trimesh *surface, const double *size, const unsigned char *corner) {
    w->surface = surface;
    w->size = size;
    w->capv = 2 * surface->nv + 16;
    w->capf = 2 * surface->nf + 16;
    w->v = calloc((size_t)w->capv, sizeof *w->v);
    w->f = calloc((size_t)w->capf, sizeof *w->f);
    int *next = malloc(((size_t)surface->nv + 1) * sizeof *next);
    mn_status status = !w->v || !w->f || !next ? mn_fail(MN_ENOMEM, "no memory to remesh %d triangles", surface->nf)
                                               : mn_trimesh_border(surface, next, NULL);
    if (!status && !(w->near = mn_near_new(surface))) status = mn_errcode();
    if (!status) {
        w->nv = surface->nv;
        for (int i = 0; i < w->nv; i++) {
            memcpy(w->v[i].p, surface->v[i], sizeof w->v[i].p);
            w->v[i].size = size[i];
            w->v[i].curve = next[i] < 0 ? INNER : CORNER;
        }
        for (int i = 0; i < surface->nf; i++) new_face(w, surface->f[i][0], surface->f[i][1], surface->f[i][2]);
        status = find_curves(w, next, corner);
    }
    free(next);
    return status;
}

static mn_status hand_over(const work *w, mn_trimesh *out, mn_place **places) {
    int nv = 0, nf = 0;
    for (int i = 0; i < w->nv; i++) nv += w->v[i].n > 0;
    for (int i = 0; i < w->nf; i++) nf += w->f[i][0] >= 0;
    int *row = malloc(((size_t)w->nv + 1) * sizeof *row);
    *places = malloc(((size_t)nv + 1) * sizeof **places);
    if (!row || !*places || mn_trimesh_alloc(out, nv, nf, false)) {
        free(row);
        free(*places);
        *places = NULL;
        return mn_fail(MN_ENOMEM, "no memory for a mesh of %d vertices", nv);
    }
    nv = nf = 0;
    for (int i = 0; i < w->nv; i++)
        if (w->v[i].n) {
            row[i] = nv;
            (*places)[nv] = w->v[i].place;
            memcpy(out->v[nv++], w->v[i].p, sizeof out->v[0]);
        }
    for (int i = 0; i < w->nf; i++)
        if (w->f[i][0] >= 0) {
            for (int c = 0; c < 3; c++) out->f[nf][c] = row[w->f[i][c]];
            nf++;
        }
    free(row);
    return MN_OK;
}

mn_status mn_remesh(const mn_trimesh *surface, const double *size, const unsigned char *corner, int rounds,
                    mn_trimesh *out, mn_place **places) {
    work w = { 0 };
    mn_status status = set_up(&w, surface, size, corner);
    for (int round = 0; round < rounds && !status; round++) {
        split_long(&w);
        collapse_short(&w);
        flip_edges(&w);
        smooth(&w);
        smooth(&w);
        if (w.failed) status = mn_fail(MN_ENOMEM, "no memory while remeshing");
        if (mn_interrupted()) status = mn_fail(MN_EINTR, "interrupted while remeshing");
    }
    for (int i = 0; i < w.nv && !status; i++)          /* vertices nothing ever moved have no place yet */
        if (w.v[i].n) w.v[i].place = settle(&w, i, w.v[i].p);
    if (!status) status = hand_over(&w, out, places);
    for (int i = 0; i < w.nv && w.v; i++) free(w.v[i].f);
    free(w.v);
    free(w.f);
    free(w.curves);
    free(w.points);
    mn_near_free(w.near);
    return status;
}
