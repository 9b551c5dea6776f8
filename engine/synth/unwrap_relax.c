/* unwrap_relax.c -- makes a valid map less distorted without ever turning a triangle over.
 *
 * Minimises the symmetric Dirichlet energy (Smith and Schaefer, Bijective parameterization with free boundaries, 2015),
 *     E = sum_t A_t (|J_t|^2 + |J_t^-1|^2),      |J^-1|^2 = |J|^2 / det^2 in the plane,
 * A_t the area of triangle t in texels, once more divided by texel^2 (parts that get little texture may be distorted more),
 * J_t its map from the surface, measured in wanted texel lengths and scaled so that the areas agree, to the
 * picture.  E grows without bound as a triangle collapses, so a line search that stays short of det = 0 keeps every triangle.
 * Directions: L-BFGS.  Its first matrix is the Laplacian of the surface with triangle weights 1 + 1 / s^4, s the smaller
 * singular value of J_t: about the Hessian of E (Rabinovich et al., Scalable locally injective mappings, 2017), so triangles
 * near collapse move as one piece.  It is renewed every few rounds; its systems are solved by conjugate gradients. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "synth/unwrap.h"

enum { MEMORY = 6, RENEW = 6 };

typedef struct relaxing {
    const mn_trimesh *m;
    const unsigned char *fixed;
    int n;                               /* numbers: 2 per vertex */
    double (*inverse)[4];                /* per triangle: inverse of its edge matrix in its own plane */
    double *area, (*angle)[3], (*cot)[3];   /* weighted area; half cotangents at the corners; the same times the weight */
    double *diagonal, *buffer;           /* of the Laplacian; 3 n for conjugate gradients */
} relaxing;

static double dot(const double *a, const double *b, int n) {
    double s = 0;
    for (int i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

static mn_status prepare(relaxing *r, const double *texel, int n_real, double light, double (*uv)[2]) {
    const mn_trimesh *m = r->m;
    size_t nf = (size_t)m->nf + 1;
    r->n = 2 * m->nv;
    r->inverse = calloc(nf, sizeof *r->inverse);
    r->area = calloc(nf, sizeof *r->area);
    r->angle = calloc(nf, sizeof *r->angle);
    r->cot = calloc(nf, sizeof *r->cot);
    r->diagonal = calloc((size_t)m->nv + 1, sizeof *r->diagonal);
    r->buffer = calloc(3 * (size_t)r->n + 1, sizeof *r->buffer);
    if (!r->inverse || !r->area || !r->angle || !r->cot || !r->diagonal || !r->buffer) return mn_fail(MN_ENOMEM, "no memory to unwrap a mesh");
    double surface = 0, picture = 0;
    for (int i = 0; i < m->nf; i++) {
        const int *f = m->f[i];
        double t = (texel[f[0]] + texel[f[1]] + texel[f[2]]) / 3;
        const double *a = uv[f[0]], *b = uv[f[1]], *c = uv[f[2]];
        r->area[i] = mn_trimesh_area(m, i) / (t * t);
        surface += r->area[i];
        picture += .5 * ((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]));
    }
    double scale = sqrt(picture / surface);
    for (int i = 0; i < m->nf; i++) {
        const int *f = m->f[i];
        double t = (texel[f[0]] + texel[f[1]] + texel[f[2]]) / 3, p[3], q[3], pp = 0, pq = 0, area = 2 * mn_trimesh_area(m, i) + 1e-300;
        for (int k = 0; k < 3; k++) {
            p[k] = m->v[f[1]][k] - m->v[f[0]][k];
            q[k] = m->v[f[2]][k] - m->v[f[0]][k];
            pp += p[k] * p[k];
            pq += p[k] * q[k];
        }
        /* first edge along x: matrix [x1 x2; 0 y2] */
        double x1 = sqrt(pp) * scale / t, x2 = pq / sqrt(pp) * scale / t, y2 = area / sqrt(pp) * scale / t, weight = (i < n_real ? 1 : light) / (t * t);
        memcpy(r->inverse[i], (double[4]){ 1 / x1, -x2 / (x1 * y2), 0, 1 / y2 }, sizeof *r->inverse);
        r->area[i] *= weight / surface;
        for (int c = 0; c < 3; c++) {                    /* the same at every scale: cotangents of the surface's angles */
            double e = 0;
            for (int k = 0; k < 3; k++)
                e += (m->v[f[(c + 1) % 3]][k] - m->v[f[c]][k]) * (m->v[f[(c + 2) % 3]][k] - m->v[f[c]][k]);
            r->angle[i][c] = weight * 2 * e / (area * picture);     /* 4 / picture: E is relative to the whole, lengths are not */
        }
    }
    return MN_OK;
}

static void jacobian(const relaxing *r, const double *x, int face, double J[2][2]) {
    const int *f = r->m->f[face];
    const double *a = x + 2 * f[0], *b = x + 2 * f[1], *c = x + 2 * f[2], *B = r->inverse[face];
    for (int k = 0; k < 2; k++) {
        J[k][0] = (b[k] - a[k]) * B[0] + (c[k] - a[k]) * B[2];
        J[k][1] = (b[k] - a[k]) * B[1] + (c[k] - a[k]) * B[3];
    }
}

/* E and, if g is wanted, its gradient (0 at fixed vertices); infinite if a triangle is turned over. */
static double energy(const relaxing *r, const double *x, double *g) {
    const mn_trimesh *m = r->m;
    double sum = 0;
    if (g) memset(g, 0, (size_t)r->n * sizeof *g);
    for (int i = 0; i < m->nf; i++) {
        const int *f = m->f[i];
        const double *B = r->inverse[i];
        double J[2][2], G[2][2];
        jacobian(r, x, i, J);
        double det = J[0][0] * J[1][1] - J[0][1] * J[1][0], norm = J[0][0] * J[0][0] + J[0][1] * J[0][1] + J[1][0] * J[1][0] + J[1][1] * J[1][1];
        if (!(det > 0)) return INFINITY;
        sum += r->area[i] * norm * (1 + 1 / (det * det));
        if (!g) continue;
        double along = 2 * r->area[i] * (1 + 1 / (det * det)), across = -2 * r->area[i] * norm / (det * det * det);
        G[0][0] = along * J[0][0] + across * J[1][1];
        G[0][1] = along * J[0][1] - across * J[1][0];
        G[1][0] = along * J[1][0] - across * J[0][1];
        G[1][1] = along * J[1][1] + across * J[0][0];
        for (int k = 0; k < 2; k++) {                    /* d e = G B^T */
            double d1 = G[k][0] * B[0] + G[k][1] * B[1], d2 = G[k][0] * B[2] + G[k][1] * B[3];
            g[2 * f[1] + k] += d1;
            g[2 * f[2] + k] += d2;
            g[2 * f[0] + k] -= d1 + d2;
        }
    }
    for (int i = 0; g && i < m->nv; i++)
        if (r->fixed[i]) g[2 * i] = g[2 * i + 1] = 0;
    return sum;
}

static void laplacian(const relaxing *r, const double *x, double *y) {
    const mn_trimesh *m = r->m;
    memset(y, 0, (size_t)r->n * sizeof *y);
    for (int i = 0; i < m->nf; i++)
        for (int c = 0; c < 3; c++) {
            int a = m->f[i][(c + 1) % 3], b = m->f[i][(c + 2) % 3];
            for (int k = 0; k < 2; k++) {
                double d = r->cot[i][c] * (x[2 * a + k] - x[2 * b + k]);
                y[2 * a + k] += d;
                y[2 * b + k] -= d;
            }
        }
    for (int i = 0; i < m->nv; i++)
        if (r->fixed[i]) y[2 * i] = y[2 * i + 1] = 0;
}

/* The Laplacian for the present map. */
static void renew(relaxing *r, const double *x) {
    const mn_trimesh *m = r->m;
    for (int i = 0; i < m->nv; i++) r->diagonal[i] = 1e-9;
    for (int i = 0; i < m->nf; i++) {
        const int *f = m->f[i];
        double J[2][2], norm = 0;
        jacobian(r, x, i, J);
        for (int k = 0; k < 4; k++) norm += J[k / 2][k % 2] * J[k / 2][k % 2];
        double det = J[0][0] * J[1][1] - J[0][1] * J[1][0], least = 2 * det * det / (norm + sqrt(fmax(0, norm * norm - 4 * det * det)));
        for (int c = 0; c < 3; c++) {
            r->cot[i][c] = (1 + 1 / (least * least)) * r->angle[i][c];
            r->diagonal[f[(c + 1) % 3]] += r->cot[i][c];
            r->diagonal[f[(c + 2) % 3]] += r->cot[i][c];
        }
    }
    for (int i = 0; i < m->nv; i++) r->diagonal[i] = fmax(r->diagonal[i], 1e-9);
}

/* x = L^-1 b approximately, fixed vertices 0 */
static void solve(const relaxing *r, const double *b, double *x) {
    int n = r->n;
    double *residual = r->buffer, *p = residual + n, *q = p + n, rz = 0;
    memset(x, 0, (size_t)n * sizeof *x);
    memcpy(residual, b, (size_t)n * sizeof *b);
    for (int i = 0; i < n; i++) rz += residual[i] * (p[i] = residual[i] / r->diagonal[i / 2]);
    double stop = 1e-6 * rz;
    for (int step = 0; step < 300 && rz > stop && rz > 0; step++) {
        laplacian(r, p, q);
        double pq = dot(p, q, n);
        if (!(pq > 0)) break;
        double alpha = rz / pq, next = 0;
        for (int i = 0; i < n; i++) {
            x[i] += alpha * p[i];
            residual[i] -= alpha * q[i];
            next += residual[i] * residual[i] / r->diagonal[i / 2];
        }
        double beta = next / rz;
        rz = next;
        for (int i = 0; i < n; i++) p[i] = residual[i] / r->diagonal[i / 2] + beta * p[i];
    }
}

/* The longest step along p before a triangle collapses: least positive root of its area, a quadratic in the step. */
static double longest_step(const relaxing *r, const double *x, const double *p) {
    double least = 1e300;
    for (int i = 0; i < r->m->nf; i++) {
        const int *f = r->m->f[i];
        const double *a = x + 2 * f[0], *b = x + 2 * f[1], *c = x + 2 * f[2], *pa = p + 2 * f[0], *pb = p + 2 * f[1], *pc = p + 2 * f[2];
        double e[4] = { b[0] - a[0], b[1] - a[1], c[0] - a[0], c[1] - a[1] }, d[4] = { pb[0] - pa[0], pb[1] - pa[1], pc[0] - pa[0], pc[1] - pa[1] };
        double A = d[0] * d[3] - d[1] * d[2], B = e[0] * d[3] + d[0] * e[3] - e[1] * d[2] - d[1] * e[2], C = e[0] * e[3] - e[1] * e[2];
        double under = B * B - 4 * A * C;
        if (under < 0 || (A >= 0 && B >= 0)) continue;
        double q = -.5 * (B + copysign(sqrt(under), B)), roots[2] = { A != 0 ? q / A : -1, q != 0 ? C / q : -1 };
        for (int k = 0; k < 2; k++)
            if (roots[k] > 0) least = fmin(least, roots[k]);
    }
    return least;
}

mn_status mn_unwrap_relax(const mn_trimesh *mesh, const unsigned char *fixed, const double *texel, int n_real, int rounds, double (*uv)[2]) {
    relaxing r = { .m = mesh, .fixed = fixed };
    mn_status status = prepare(&r, texel, n_real, .05, uv);
    size_t n = (size_t)r.n;
    double *all = malloc(((5 + 2 * MEMORY) * n + 1) * sizeof *all);
    if (!status && !all) status = mn_fail(MN_ENOMEM, "no memory to unwrap a mesh");
    double *x = all, *g = x + n, *p = g + n, *trial = p + n, *trial_g = trial + n, *s = trial_g + n, *y = s + MEMORY * n, rho[MEMORY], alpha[MEMORY];
    int kept = 0;
    if (!status) memcpy(x, uv, n * sizeof *x);
    double now = status ? 0 : energy(&r, x, g);
    if (!status && !isfinite(now)) status = mn_fail(MN_EFORMAT, "unwrap: the map to relax has triangles turned over");
    for (int round = 0; round < rounds && !status; round++) {
        if (round % RENEW == 0) {
            renew(&r, x);
            kept = 0;
        }
        memcpy(trial, g, n * sizeof *g);                 /* two-loop recursion; slot j % MEMORY holds pair j */
        for (int j = kept - 1; j >= 0 && j >= kept - MEMORY; j--) {
            int k = j % MEMORY;
            alpha[k] = rho[k] * dot(s + (size_t)k * n, trial, r.n);
            for (size_t i = 0; i < n; i++) trial[i] -= alpha[k] * y[(size_t)k * n + i];
        }
        solve(&r, trial, p);
        for (int j = kept > MEMORY ? kept - MEMORY : 0; j < kept; j++) {
            int k = j % MEMORY;
            double beta = rho[k] * dot(y + (size_t)k * n, p, r.n);
            for (size_t i = 0; i < n; i++) p[i] += (alpha[k] - beta) * s[(size_t)k * n + i];
        }
        for (size_t i = 0; i < n; i++) p[i] = -p[i];
        double slope = dot(g, p, r.n), step = fmin(1, .8 * longest_step(&r, x, p)), then = INFINITY;
        if (!(slope < 0)) {                              /* the memory has gone stale */
            if (kept == 0) break;
            kept = 0;
            continue;
        }
        for (int tries = 0; tries < 30; tries++, step *= .5) {
            for (size_t i = 0; i < n; i++) trial[i] = x[i] + step * p[i];
            then = energy(&r, trial, trial_g);
            if (then <= now + 1e-4 * step * slope) break;
        }
        if (!(then < now)) break;
        int k = kept % MEMORY;
        for (size_t i = 0; i < n; i++) {
            s[(size_t)k * n + i] = trial[i] - x[i];
            y[(size_t)k * n + i] = trial_g[i] - g[i];
        }
        double sy = dot(s + (size_t)k * n, y + (size_t)k * n, r.n), gain = now - then;
        if (sy > 0) { rho[k] = 1 / sy; kept++; }
        memcpy(x, trial, n * sizeof *x);
        memcpy(g, trial_g, n * sizeof *g);
        now = then;
        if (gain < 1e-6 * now && round % RENEW == 0) break;
        if (mn_interrupted()) status = mn_fail(MN_EINTR, "interrupted while unwrapping");
    }
    if (!status) memcpy(uv, x, n * sizeof *x);
    free(all);
    free(r.inverse);
    free(r.area);
    free(r.angle);
    free(r.cot);
    free(r.diagonal);
    free(r.buffer);
    return status;
}
