/* unwrap.c -- barycentric maps with stretch reduction.
 *
 * Every free vertex is a convex combination of its neighbours, sum_j w_ij (u_j - u_i) = 0, w > 0, border on a convex
 * polygon: Tutte's theorem makes that an embedding.  First weights: Floater's mean value coordinates (2003),
 *     w_ij = (tan(a/2) + tan(b/2)) / |p_i - p_j|,    a, b the angles at i on both sides of edge ij.
 * Then Yoshizawa, Belyaev and Seidel, A fast and simple stretch-minimizing mesh parameterization (2004): with s_j the L2
 * stretch round vertex j, w_ij <- w_ij / s_j^h and solve again: triangles that are too small in the picture grow.
 * Stretch is measured in units of the wanted texel length, so that chosen parts get more of the picture.
 * Holes are closed for the computation by one extra vertex each, joined to the whole rim. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "synth/unwrap.h"

enum { RELAX_ROUNDS = 300 };

typedef struct flat {
    mn_trimesh m;                    /* with the holes closed */
    double *texel;
    unsigned char *fixed;
    double (*uv)[2];
    int *start, *to;                 /* neighbours of i: to[start[i] .. start[i+1]) */
    double *w;
} flat;

static void flat_free(flat *s) {
    mn_trimesh_free(&s->m);
    free(s->texel);
    free(s->fixed);
    free(s->uv);
    free(s->start);
    free(s->to);
    free(s->w);
}

/* Copy the mesh and close every border loop that is not fixed. */
static mn_status close_holes(const mn_trimesh *mesh, const unsigned char *fixed, const double *texel, double (*uv)[2], flat *s) {
    int *next = malloc(((size_t)mesh->nv + 1) * sizeof *next), rim = 0, room = mesh->nv;
    char *seen = calloc((size_t)mesh->nv + 1, 1);
    mn_status status = !next || !seen ? mn_fail(MN_ENOMEM, "no memory to unwrap a mesh") : mn_trimesh_border(mesh, next, NULL);
    for (int i = 0; i < mesh->nv && !status; i++) rim += next[i] >= 0;
    room += rim / 3 + 1;
    if (!status) status = mn_trimesh_alloc(&s->m, room, mesh->nf + rim, false);
    s->texel = calloc((size_t)room, sizeof *s->texel);
    s->fixed = calloc((size_t)room, 1);
    s->uv = calloc((size_t)room, sizeof *s->uv);
    if (!status && (!s->texel || !s->fixed || !s->uv)) status = mn_fail(MN_ENOMEM, "no memory to unwrap a mesh");
    if (!status) {
        memcpy(s->m.v, mesh->v, (size_t)mesh->nv * sizeof *mesh->v);
        memcpy(s->m.f, mesh->f, (size_t)mesh->nf * sizeof *mesh->f);
        memcpy(s->texel, texel, (size_t)mesh->nv * sizeof *texel);
        memcpy(s->fixed, fixed, (size_t)mesh->nv);
        memcpy(s->uv, uv, (size_t)mesh->nv * sizeof *uv);
        s->m.nv = mesh->nv;
        s->m.nf = mesh->nf;
        for (int i = 0; i < mesh->nv; i++) {
            if (next[i] < 0 || fixed[i] || seen[i]) continue;
            int hub = s->m.nv++, n = 0;
            for (int at = i; !seen[at]; at = next[at]) {
                seen[at] = 1;
                n++;
                for (int k = 0; k < 3; k++) s->m.v[hub][k] += mesh->v[at][k];
                s->texel[hub] += texel[at];
                int *f = s->m.f[s->m.nf++];
                f[0] = next[at];
                f[1] = at;
                f[2] = hub;
            }
            for (int k = 0; k < 3; k++) s->m.v[hub][k] /= n;
            s->texel[hub] /= n;
        }
    }
    free(next);
    free(seen);
    return status;
}

static double *weight_of(flat *s, int i, int j) {
    for (int k = s->start[i]; k < s->start[i + 1]; k++)
        if (s->to[k] == j || s->to[k] < 0) { s->to[k] = j; return &s->w[k]; }
    return &s->w[s->start[i]];
}

static mn_status first_weights(flat *s) {
    const mn_trimesh *m = &s->m;
    s->start = calloc((size_t)m->nv + 2, sizeof *s->start);
    s->to = malloc((6 * (size_t)m->nf + 1) * sizeof *s->to);
    s->w = calloc(6 * (size_t)m->nf + 1, sizeof *s->w);
    if (!s->start || !s->to || !s->w) return mn_fail(MN_ENOMEM, "no memory to unwrap a mesh");
    for (int i = 0; i < m->nf; i++)                    /* room for two entries per triangle corner; half are used inside */
        for (int c = 0; c < 3; c++) s->start[m->f[i][c] + 1] += 2;
    for (int i = 0; i < m->nv; i++) s->start[i + 1] += s->start[i];
    for (int i = 0; i < 6 * m->nf; i++) s->to[i] = -1;
    for (int i = 0; i < m->nf; i++)
        for (int c = 0; c < 3; c++) {
            int at = m->f[i][c], a = m->f[i][(c + 1) % 3], b = m->f[i][(c + 2) % 3];
            double x = 0, y = 0, xy = 0;
            for (int k = 0; k < 3; k++) {
                double p = m->v[a][k] - m->v[at][k], q = m->v[b][k] - m->v[at][k];
                x += p * p;
                y += q * q;
                xy += p * q;
            }
            x = sqrt(x) + 1e-12;
            y = sqrt(y) + 1e-12;
            double cosine = fmin(.9999, fmax(-.9999, xy / (x * y))), half_tan = sqrt((1 - cosine) / (1 + cosine));
            *weight_of(s, at, a) += half_tan / x;
            *weight_of(s, at, b) += half_tan / y;
        }
    return MN_OK;
}

/* Successive over-relaxation until nothing moves by more than 1e-10 of the picture. */
static void solve(flat *s) {
    double over = 1.7;
    for (int sweep = 0; sweep < 20000; sweep++) {
        double most = 0;
        for (int i = 0; i < s->m.nv; i++) {
            if (s->fixed[i]) continue;
            double sum = 0, u = 0, v = 0;
            for (int k = s->start[i]; k < s->start[i + 1] && s->to[k] >= 0; k++) {
                sum += s->w[k];
                u += s->w[k] * s->uv[s->to[k]][0];
                v += s->w[k] * s->uv[s->to[k]][1];
            }
            double du = over * (u / sum - s->uv[i][0]), dv = over * (v / sum - s->uv[i][1]);
            s->uv[i][0] += du;
            s->uv[i][1] += dv;
            most = fmax(most, fmax(fabs(du), fabs(dv)));
        }
        if (most < 1e-10) break;
    }
}

/* Squared L2 stretch of a triangle (Sander et al. 2001): half the sum of the squared singular values of the map from
 * picture to surface, with the surface measured in texel lengths.  area: that of the surface, in those units. */
static double triangle_stretch(const flat *s, int face, double *area, double *area2) {
    const int *f = s->m.f[face];
    double t = (s->texel[f[0]] + s->texel[f[1]] + s->texel[f[2]]) / 3;
    const double *a = s->uv[f[0]], *b = s->uv[f[1]], *c = s->uv[f[2]];
    double twice = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]), ss = 0, tt = 0;
    *area = mn_trimesh_area(&s->m, face) / (t * t);
    *area2 = .5 * twice;
    if (twice < 1e-14) twice = 1e-14;
    for (int k = 0; k < 3; k++) {
        double p = s->m.v[f[0]][k], q = s->m.v[f[1]][k], r = s->m.v[f[2]][k];
        double du = (p * (b[1] - c[1]) + q * (c[1] - a[1]) + r * (a[1] - b[1])) / twice;
        double dv = (p * (c[0] - b[0]) + q * (a[0] - c[0]) + r * (b[0] - a[0])) / twice;
        ss += du * du;
        tt += dv * dv;
    }
    return .5 * (ss + tt) / (t * t);
}

/* Stretch round each vertex (NULL: only the total, normalised so that 1 is ideal). */
static double measure(const flat *s, double *at, double *weight) {
    double sum = 0, surface = 0, picture = 0;
    if (at) memset(at, 0, (size_t)s->m.nv * sizeof *at);
    if (at) memset(weight, 0, (size_t)s->m.nv * sizeof *weight);
    for (int i = 0; i < s->m.nf; i++) {
        double area, area2, e = triangle_stretch(s, i, &area, &area2);
        sum += area * e;
        surface += area;
        picture += area2;
        for (int c = 0; c < 3 && at; c++) {
            at[s->m.f[i][c]] += area * e;
            weight[s->m.f[i][c]] += area;
        }
    }
    double total = sqrt(sum / surface * picture / surface), scale = picture / surface;
    for (int i = 0; i < s->m.nv && at; i++) at[i] = weight[i] > 0 ? sqrt(at[i] / weight[i] * scale) : 1;
    return total;
}

mn_status mn_unwrap(const mn_trimesh *mesh, const unsigned char *fixed, const double *texel, int rounds, double (*uv)[2], double *stretch) {
    flat s = { 0 };
    mn_status status = close_holes(mesh, fixed, texel, uv, &s);
    if (!status) status = first_weights(&s);
    double (*kept)[2] = malloc(((size_t)s.m.nv + 1) * sizeof *kept);
    double *at = malloc(((size_t)s.m.nv + 1) * sizeof *at), *weight = malloc(((size_t)s.m.nv + 1) * sizeof *weight), best = 1e300;
    if (!status && (!at || !weight || !kept)) status = mn_fail(MN_ENOMEM, "no memory to unwrap a mesh");
    for (int round = 0; round <= rounds && !status; round++) {
        solve(&s);
        double total = measure(&s, at, weight);
        if (total < best) {
            best = total;
            memcpy(kept, s.uv, (size_t)s.m.nv * sizeof *kept);
        }
        for (int i = 0; i < s.m.nv; i++) {              /* h falls from 1 to 1/2: later rounds would swing about the best map */
            double largest = 0;
            for (int k = s.start[i]; k < s.start[i + 1] && s.to[k] >= 0; k++) {
                s.w[k] /= round < 3 ? at[s.to[k]] : sqrt(at[s.to[k]]);
                largest = fmax(largest, s.w[k]);
            }
            for (int k = s.start[i]; k < s.start[i + 1] && s.to[k] >= 0; k++) s.w[k] = fmax(s.w[k] / largest, 1e-6);
        }
        if (mn_interrupted()) status = mn_fail(MN_EINTR, "interrupted while unwrapping");
    }
    if (!status) status = mn_unwrap_relax(&s.m, s.fixed, s.texel, mesh->nf, RELAX_ROUNDS, kept);
    if (!status) {
        memcpy(s.uv, kept, (size_t)s.m.nv * sizeof *kept);
        memcpy(uv, kept, (size_t)mesh->nv * sizeof *uv);
        if (stretch) *stretch = measure(&s, NULL, NULL);
    }
    free(kept);
    free(at);
    free(weight);
    flat_free(&s);
    return status;
}
