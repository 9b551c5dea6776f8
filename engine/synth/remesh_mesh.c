/* remesh_mesh.c -- plain operations on triangle meshes: allocation, cutting by a plane, normals, borders. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "synth/remesh.h"

void mn_trimesh_free(mn_trimesh *mesh) {
    free(mesh->v);
    free(mesh->f);
    free(mesh->tag);
    memset(mesh, 0, sizeof *mesh);
}

mn_status mn_trimesh_alloc(mn_trimesh *mesh, int nv, int nf, bool with_tags) {
    memset(mesh, 0, sizeof *mesh);
    mesh->nv = nv;
    mesh->nf = nf;
    mesh->v = calloc((size_t)nv + 1, sizeof *mesh->v);
    mesh->f = calloc((size_t)nf + 1, sizeof *mesh->f);
    mesh->tag = with_tags ? calloc((size_t)nf + 1, sizeof *mesh->tag) : NULL;
    if (mesh->v && mesh->f && (mesh->tag || !with_tags)) return MN_OK;
    mn_trimesh_free(mesh);
    return mn_fail(MN_ENOMEM, "no memory for a mesh of %d vertices and %d triangles", nv, nf);
}

static void cross_of(const mn_trimesh *m, int face, double n[3]) {
    const double *a = m->v[m->f[face][0]], *b = m->v[m->f[face][1]], *c = m->v[m->f[face][2]];
    double x[3], y[3];
    for (int k = 0; k < 3; k++) { x[k] = b[k] - a[k]; y[k] = c[k] - a[k]; }
    n[0] = x[1] * y[2] - x[2] * y[1];
    n[1] = x[2] * y[0] - x[0] * y[2];
    n[2] = x[0] * y[1] - x[1] * y[0];
}

double mn_trimesh_area(const mn_trimesh *mesh, int face) {
    double n[3];
    cross_of(mesh, face, n);
    return .5 * sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
}

void mn_trimesh_normals(const mn_trimesh *mesh, double (*normal)[3]) {
    memset(normal, 0, (size_t)mesh->nv * sizeof *normal);
    for (int i = 0; i < mesh->nf; i++) {
        double n[3];
        cross_of(mesh, i, n);
        for (int c = 0; c < 3; c++)
            for (int k = 0; k < 3; k++) normal[mesh->f[i][c]][k] += n[k];
    }
    for (int i = 0; i < mesh->nv; i++) {
        double *n = normal[i], len = sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]);
        for (int k = 0; k < 3; k++) n[k] = len > 0 ? n[k] / len : 0;
    }
}

/* ---- cutting ---- */

typedef struct cut { int a, b, vertex; } cut;      /* the new vertex on edge a < b */

static int cut_vertex(mn_trimesh *m, const double *d, cut *table, int mask, int a, int b) {
    if (a > b) { int t = a; a = b; b = t; }
    unsigned h = ((unsigned)a * 2654435761u ^ (unsigned)b * 2246822519u) & (unsigned)mask;
    while (table[h].vertex >= 0 && (table[h].a != a || table[h].b != b)) h = (h + 1) & (unsigned)mask;
    if (table[h].vertex < 0) {
        double t = d[a] / (d[a] - d[b]);
        table[h] = (cut){ a, b, m->nv };
        for (int k = 0; k < 3; k++) m->v[m->nv][k] = m->v[a][k] + t * (m->v[b][k] - m->v[a][k]);
        m->nv++;
    }
    return table[h].vertex;
}

/* Drop vertices no triangle uses. */
static void compact(mn_trimesh *m, int *map) {
    int n = 0;
    for (int i = 0; i < m->nv; i++) map[i] = -1;
    for (int i = 0; i < m->nf; i++)
        for (int c = 0; c < 3; c++) map[m->f[i][c]] = 0;
    for (int i = 0; i < m->nv; i++)
        if (map[i] == 0) {
            memmove(m->v[n], m->v[i], sizeof m->v[i]);
            map[i] = n++;
        }
    for (int i = 0; i < m->nf; i++)
        for (int c = 0; c < 3; c++) m->f[i][c] = map[m->f[i][c]];
    m->nv = n;
}

mn_status mn_trimesh_clip(mn_trimesh *mesh, const double plane[4]) {
    int table_size = 1;
    while (table_size < 4 * mesh->nf + 8) table_size *= 2;
    mn_trimesh out;
    if (mn_trimesh_alloc(&out, mesh->nv + 3 * mesh->nf, 2 * mesh->nf, true)) return mn_errcode();
    cut *table = malloc((size_t)table_size * sizeof *table);
    double *d = malloc((size_t)(mesh->nv + 1) * sizeof *d);
    int *map = malloc((size_t)(mesh->nv + 3 * mesh->nf + 1) * sizeof *map);
    if (!table || !d || !map) {
        free(table);
        free(d);
        free(map);
        mn_trimesh_free(&out);
        return mn_fail(MN_ENOMEM, "no memory to cut a mesh of %d triangles", mesh->nf);
    }
    for (int i = 0; i < table_size; i++) table[i].vertex = -1;
    out.nv = mesh->nv;
    out.nf = 0;
    for (int i = 0; i < mesh->nv; i++) {
        double s = -plane[3];
        for (int k = 0; k < 3; k++) s += plane[k] * mesh->v[i][k];
        bool on = fabs(s) < 1e-3;
        d[i] = on ? 0 : s;
        for (int k = 0; k < 3; k++) out.v[i][k] = mesh->v[i][k] - (on ? s * plane[k] : 0);   /* plane's normal is a unit */
    }
    for (int i = 0; i < mesh->nf; i++) {
        int poly[4], n = 0;
        for (int c = 0; c < 3; c++) {
            int a = mesh->f[i][c], b = mesh->f[i][(c + 1) % 3];
            if (d[a] >= 0) poly[n++] = a;
            if (d[a] * d[b] < 0) poly[n++] = cut_vertex(&out, d, table, table_size - 1, a, b);
        }
        bool touches_only = true;                      /* triangles with nothing strictly inside go */
        for (int c = 0; c < 3; c++) touches_only &= d[mesh->f[i][c]] <= 0;
        for (int k = 2; k < n && !touches_only; k++) {
            out.f[out.nf][0] = poly[0];
            out.f[out.nf][1] = poly[k - 1];
            out.f[out.nf][2] = poly[k];
            out.tag[out.nf++] = mesh->tag ? mesh->tag[i] : i;
        }
    }
    compact(&out, map);
    free(table);
    free(d);
    free(map);
    mn_trimesh_free(mesh);
    *mesh = out;
    return MN_OK;
}

/* ---- opening along a seam ---- */

static bool on_seam(int n, int (*edges)[2], int a, int b) {
    for (int i = 0; i < n; i++)
        if ((edges[i][0] == a && edges[i][1] == b) || (edges[i][0] == b && edges[i][1] == a)) return true;
    return false;
}

/* Round each seam vertex, triangles that meet in an edge which is no seam form a group; the first group
 * keeps the vertex, every other gets a copy of its own. */
mn_status mn_trimesh_cut(const mn_trimesh *mesh, int n, int (*edges)[2], mn_trimesh *out, int **origin) {
    enum { MOST = 64 };
    int room = mesh->nv + 4 * n + 4;
    *origin = malloc((size_t)room * sizeof **origin);
    char *done = calloc((size_t)mesh->nv + 1, 1);
    if (!*origin || !done || mn_trimesh_alloc(out, room, mesh->nf, false)) {
        free(*origin);
        free(done);
        *origin = NULL;
        return mn_fail(MN_ENOMEM, "no memory to cut a mesh open");
    }
    mn_status status = MN_OK;
    memcpy(out->v, mesh->v, (size_t)mesh->nv * sizeof *out->v);
    memcpy(out->f, mesh->f, (size_t)mesh->nf * sizeof *out->f);
    for (int i = 0; i < mesh->nv; i++) (*origin)[i] = i;
    out->nv = mesh->nv;
    for (int e = 0; e < 2 * n && !status; e++) {
        int v = edges[e / 2][e % 2], face[MOST], group[MOST], m = 0, groups = 0;
        if (done[v]) continue;
        done[v] = 1;
        for (int i = 0; i < mesh->nf; i++)
            if (mesh->f[i][0] == v || mesh->f[i][1] == v || mesh->f[i][2] == v) {
                if (m == MOST) { status = mn_fail(MN_EFORMAT, "mesh: more than %d triangles meet in vertex %d", MOST, v); break; }
                group[m] = m;
                face[m++] = i;
            }
        for (int pass = 0; pass < m; pass++)           /* spread the smallest number through each group */
            for (int i = 0; i < m; i++)
                for (int j = 0; j < m; j++)
                    for (int a = 0; a < 3; a++)
                        for (int b = 0; b < 3; b++) {
                            int x = mesh->f[face[i]][a];
                            if (x == v || x != mesh->f[face[j]][b] || on_seam(n, edges, v, x)) continue;
                            if (group[i] < group[j]) group[j] = group[i];
                        }
        for (int i = 0; i < m && !status; i++) {
            if (group[i] != i || groups++ == 0) continue;
            if (out->nv == room) { status = mn_fail(MN_EFORMAT, "mesh: the seam makes more than %d vertices", room); break; }
            memcpy(out->v[out->nv], mesh->v[v], sizeof mesh->v[v]);
            (*origin)[out->nv] = v;
            for (int j = 0; j < m; j++)
                for (int a = 0; a < 3 && group[j] == i; a++)
                    if (mesh->f[face[j]][a] == v) out->f[face[j]][a] = out->nv;
            out->nv++;
        }
    }
    free(done);
    if (status) {
        mn_trimesh_free(out);
        free(*origin);
        *origin = NULL;
    }
    return status;
}

/* ---- borders ---- */

typedef struct edge { int a, b, opposite; } edge;  /* a -> b, and the third vertex of its triangle */

static int by_ends(const void *pa, const void *pb) {
    const edge *a = pa, *b = pb;
    return a->a != b->a ? (a->a < b->a ? -1 : 1) : (a->b > b->b) - (a->b < b->b);
}

mn_status mn_trimesh_border(const mn_trimesh *mesh, int *next, int *euler) {
    size_t n = (size_t)mesh->nf * 3;
    edge *e = malloc((n + 1) * sizeof *e);
    int *fan = calloc((size_t)mesh->nv + 1, sizeof *fan);     /* triangles at a vertex */
    if (!e || !fan) {
        free(e);
        free(fan);
        return mn_fail(MN_ENOMEM, "no memory for %zu edges", n);
    }
    for (int i = 0; i < mesh->nf; i++)
        for (int c = 0; c < 3; c++) {
            e[3 * i + c] = (edge){ mesh->f[i][c], mesh->f[i][(c + 1) % 3], mesh->f[i][(c + 2) % 3] };
            fan[mesh->f[i][c]]++;
        }
    qsort(e, n, sizeof *e, by_ends);
    for (int i = 0; i < mesh->nv; i++) next[i] = -1;
    mn_status status = MN_OK;
    int border = 0;
    for (size_t i = 0; i < n && !status; i++) {
        if (i && !by_ends(&e[i - 1], &e[i]))
            status = mn_fail(MN_EFORMAT, "mesh: edge %d-%d is used twice in the same direction", e[i].a, e[i].b);
        edge back = { e[i].b, e[i].a, 0 };
        if (bsearch(&back, e, n, sizeof *e, by_ends)) continue;
        border++;
        if (next[e[i].a] >= 0)
            status = mn_fail(MN_EFORMAT, "mesh: vertex %d lies on two borders", e[i].a);
        next[e[i].a] = e[i].b;
    }
    /* One fan per vertex: walking round through neighbouring triangles meets all of them. */
    for (int i = 0; i < mesh->nf && !status; i++)
        for (int c = 0; c < 3 && !status; c++) {
            int centre = mesh->f[i][c], start = mesh->f[i][(c + 1) % 3], at = start, seen = 0;
            if (fan[centre] < 0 || (next[centre] >= 0 && next[centre] != start)) continue;
            do {
                edge key = { centre, at, 0 }, *found = bsearch(&key, e, n, sizeof *e, by_ends);
                if (!found) break;
                at = found->opposite;
                seen++;
            } while (at != start && seen <= fan[centre]);
            if (seen != fan[centre])
                status = mn_fail(MN_EFORMAT, "mesh: vertex %d joins separate pieces of surface", centre);
            fan[centre] = -1;
        }
    if (euler) *euler = mesh->nv - (int)(n + (size_t)border) / 2 + mesh->nf;
    free(e);
    free(fan);
    return status;
}
