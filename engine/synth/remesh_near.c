/* remesh_near.c -- nearest point on a triangle mesh, through a uniform grid of triangle lists.
 *
 * Cells are searched in growing cubic shells round the query until no nearer triangle can follow.
 * Point to triangle: the seven-region test of Ericson, Real-Time Collision Detection (2005), 5.1.5. */
#include <math.h>
#include <stdlib.h>
#include "synth/remesh.h"

struct mn_near {
    const mn_trimesh *mesh;
    double low[3], cell;
    int n[3];
    int *start, *list;                 /* triangles of cell i: list[start[i] .. start[i+1]) */
    double (*normal)[3];               /* per triangle, unit */
};

static void sub(const double a[3], const double b[3], double out[3]) {
    for (int k = 0; k < 3; k++) out[k] = a[k] - b[k];
}
static double dot(const double a[3], const double b[3]) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

static int cell_of(const mn_near *g, double x, int k) {
    int i = (int)floor((x - g->low[k]) / g->cell);
    return i < 0 ? 0 : i >= g->n[k] ? g->n[k] - 1 : i;
}

static void face_cells(const mn_near *g, int face, int lo[3], int hi[3]) {
    const int *f = g->mesh->f[face];
    for (int k = 0; k < 3; k++) {
        double a = g->mesh->v[f[0]][k], b = g->mesh->v[f[1]][k], c = g->mesh->v[f[2]][k];
        lo[k] = cell_of(g, fmin(a, fmin(b, c)), k);
        hi[k] = cell_of(g, fmax(a, fmax(b, c)), k);
    }
}

void mn_near_free(mn_near *near) {
    if (!near) return;
    free(near->start);
    free(near->list);
    free(near->normal);
    free(near);
}

mn_near *mn_near_new(const mn_trimesh *mesh) {
    mn_near *g = calloc(1, sizeof *g);
    if (!g) { mn_fail(MN_ENOMEM, "no memory for a search grid"); return NULL; }
    g->mesh = mesh;
    double high[3] = { -1e30, -1e30, -1e30 }, area = 0;
    for (int k = 0; k < 3; k++) g->low[k] = 1e30;
    for (int i = 0; i < mesh->nv; i++)
        for (int k = 0; k < 3; k++) {
            g->low[k] = fmin(g->low[k], mesh->v[i][k]);
            high[k] = fmax(high[k], mesh->v[i][k]);
        }
    for (int i = 0; i < mesh->nf; i++) area += mn_trimesh_area(mesh, i);
    g->cell = 1.5 * sqrt(area / (mesh->nf + 1)) + 1e-9;          /* about two triangles a cell */
    for (int k = 0; k < 3; k++) {
        double n = (high[k] - g->low[k]) / g->cell + 1;
        g->n[k] = n < 1 ? 1 : n > 200 ? 200 : (int)n;
        g->cell = fmax(g->cell, (high[k] - g->low[k]) / g->n[k]);
    }
    size_t cells = (size_t)g->n[0] * (size_t)g->n[1] * (size_t)g->n[2];
    g->start = calloc(cells + 2, sizeof *g->start);
    g->normal = calloc((size_t)mesh->nf + 1, sizeof *g->normal);
    for (int pass = 0; pass < 2 && g->start && g->normal; pass++) {      /* count, then fill */
        for (int i = 0; i < mesh->nf; i++) {
            int lo[3], hi[3];
            face_cells(g, i, lo, hi);
            for (int z = lo[2]; z <= hi[2]; z++)
                for (int y = lo[1]; y <= hi[1]; y++)
                    for (int x = lo[0]; x <= hi[0]; x++) {
                        size_t c = ((size_t)z * (size_t)g->n[1] + (size_t)y) * (size_t)g->n[0] + (size_t)x;
                        if (pass) g->list[g->start[c + 1]++] = i;
                        else g->start[c + 2]++;
                    }
        }
        if (pass) break;
        for (size_t c = 2; c < cells + 2; c++) g->start[c] += g->start[c - 1];
        g->list = malloc(((size_t)g->start[cells + 1] + 1) * sizeof *g->list);
        if (!g->list) break;
    }
    if (!g->start || !g->normal || !g->list) {
        mn_near_free(g);
        mn_fail(MN_ENOMEM, "no memory for a search grid over %d triangles", mesh->nf);
        return NULL;
    }
    for (int i = 0; i < mesh->nf; i++) {
        double x[3], y[3], *n = g->normal[i];
        sub(mesh->v[mesh->f[i][1]], mesh->v[mesh->f[i][0]], x);
        sub(mesh->v[mesh->f[i][2]], mesh->v[mesh->f[i][0]], y);
        n[0] = x[1] * y[2] - x[2] * y[1];
        n[1] = x[2] * y[0] - x[0] * y[2];
        n[2] = x[0] * y[1] - x[1] * y[0];
        double len = sqrt(dot(n, n)) + 1e-300;
        for (int k = 0; k < 3; k++) n[k] /= len;
    }
    return g;
}

/* Barycentric coordinates of the triangle's point nearest to p. */
static void nearest_on_triangle(const double p[3], const double a[3], const double b[3], const double c[3], double w[3]) {
    double ab[3], ac[3], ap[3], bp[3], cp[3];
    sub(b, a, ab);
    sub(c, a, ac);
    sub(p, a, ap);
    sub(p, b, bp);
    sub(p, c, cp);
    double d1 = dot(ab, ap), d2 = dot(ac, ap), d3 = dot(ab, bp), d4 = dot(ac, bp), d5 = dot(ab, cp), d6 = dot(ac, cp);
    double va = d3 * d6 - d5 * d4, vb = d5 * d2 - d1 * d6, vc = d1 * d4 - d3 * d2;
    if (d1 <= 0 && d2 <= 0) { w[0] = 1; w[1] = w[2] = 0; }
    else if (d3 >= 0 && d4 <= d3) { w[1] = 1; w[0] = w[2] = 0; }
    else if (d6 >= 0 && d5 <= d6) { w[2] = 1; w[0] = w[1] = 0; }
    else if (vc <= 0 && d1 >= 0 && d3 <= 0) { w[1] = d1 / (d1 - d3); w[0] = 1 - w[1]; w[2] = 0; }
    else if (vb <= 0 && d2 >= 0 && d6 <= 0) { w[2] = d2 / (d2 - d6); w[0] = 1 - w[2]; w[1] = 0; }
    else if (va <= 0 && d4 - d3 >= 0 && d5 - d6 >= 0) { w[2] = (d4 - d3) / (d4 - d3 + d5 - d6); w[1] = 1 - w[2]; w[0] = 0; }
    else { double s = va + vb + vc; w[1] = vb / s; w[2] = vc / s; w[0] = 1 - w[1] - w[2]; }
}

mn_place mn_place_on_face(const mn_trimesh *mesh, int face, const double p[3]) {
    mn_place place = { face, { 0, 0, 0 }, 0 };
    const int *f = mesh->f[face];
    double q[3];
    nearest_on_triangle(p, mesh->v[f[0]], mesh->v[f[1]], mesh->v[f[2]], place.bary);
    mn_place_point(mesh, &place, q);
    sub(q, p, q);
    place.distance = sqrt(dot(q, q));
    return place;
}

static void try_cell(const mn_near *g, int x, int y, int z, const double p[3], const double *normal, mn_place *best) {
    size_t c = ((size_t)z * (size_t)g->n[1] + (size_t)y) * (size_t)g->n[0] + (size_t)x;
    for (int i = g->start[c]; i < g->start[c + 1]; i++) {
        int face = g->list[i];
        const int *f = g->mesh->f[face];
        if (normal && dot(normal, g->normal[face]) < .1) continue;
        double w[3], q[3];
        nearest_on_triangle(p, g->mesh->v[f[0]], g->mesh->v[f[1]], g->mesh->v[f[2]], w);
        for (int k = 0; k < 3; k++)
            q[k] = w[0] * g->mesh->v[f[0]][k] + w[1] * g->mesh->v[f[1]][k] + w[2] * g->mesh->v[f[2]][k] - p[k];
        double d = dot(q, q);
        if (d < best->distance || (d == best->distance && face < best->face))
            *best = (mn_place){ face, { w[0], w[1], w[2] }, d };
    }
}

mn_place mn_near_find(const mn_near *near, const double p[3], const double *normal) {
    mn_place best = { -1, { 0, 0, 0 }, 1e300 };
    int at[3], reach = 0;
    for (int k = 0; k < 3; k++) {
        at[k] = cell_of(near, p[k], k);
        reach = near->n[k] > reach ? near->n[k] : reach;
    }
    for (int r = 0; r <= reach; r++) {
        if (r > 1 && best.face >= 0 && sqrt(best.distance) < (r - 1) * near->cell) break;
        for (int z = at[2] - r; z <= at[2] + r; z++)
            for (int y = at[1] - r; y <= at[1] + r; y++) {
                bool inside = abs(z - at[2]) < r && abs(y - at[1]) < r;      /* only the shell of the cube */
                for (int x = at[0] - r; x <= at[0] + r; x += inside && r ? 2 * r : 1)
                    if (x >= 0 && x < near->n[0] && y >= 0 && y < near->n[1] && z >= 0 && z < near->n[2])
                        try_cell(near, x, y, z, p, normal, &best);
            }
    }
    if (best.face < 0 && normal) return mn_near_find(near, p, NULL);
    best.distance = sqrt(best.distance);
    return best;
}

void mn_place_point(const mn_trimesh *mesh, const mn_place *place, double p[3]) {
    const int *f = mesh->f[place->face];
    for (int k = 0; k < 3; k++)
        p[k] = place->bary[0] * mesh->v[f[0]][k] + place->bary[1] * mesh->v[f[1]][k] + place->bary[2] * mesh->v[f[2]][k];
}
