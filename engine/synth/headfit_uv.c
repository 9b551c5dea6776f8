/* headfit_uv.c -- the head's texture layout: one square, the face in front, a seam down the back of the head.
 *
 * The skin is opened along its middle line from the neck over the back of the head to the crown, and its outline laid on
 * the curve |x|^3 + |y|^3 = 1 (convex, and it leaves the corners of the square to the eyeballs): the seam's end at the
 * top, the neck at the bottom.  unwrap.h does the inside; eyes and mouth stay holes.  Each eyeball is a disc. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "synth/headfit.h"
#include "synth/unwrap.h"

static const double MARGIN = .012, EYE_RADIUS = .056, SEAM_SHARE = .68;
enum { ROUNDS = 12, CURVE_STEPS = 4096 };

/* The point at fraction t (0 at the top, counter-clockwise) of the outline, by arc length. */
static void outline_point(const double *arc, double t, double p[2]) {
    double wanted = (t - floor(t)) * arc[CURVE_STEPS];
    int lo = 0, hi = CURVE_STEPS;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (arc[mid] <= wanted) lo = mid; else hi = mid;
    }
    double a = M_PI / 2 + 2 * M_PI * (lo + (wanted - arc[lo]) / (arc[hi] - arc[lo])) / CURVE_STEPS;
    double c = cos(a), s = sin(a), r = pow(pow(fabs(c), 3) + pow(fabs(s), 3), -1. / 3);
    p[0] = .5 + (.5 - MARGIN) * r * c;
    p[1] = .5 + (.5 - MARGIN) * r * s;
}

static void outline_arc(double *arc) {
    double last[2] = { 0, 1 };
    arc[0] = 0;
    for (int i = 1; i <= CURVE_STEPS; i++) {
        double a = M_PI / 2 + 2 * M_PI * i / CURVE_STEPS, c = cos(a), s = sin(a), r = pow(pow(fabs(c), 3) + pow(fabs(s), 3), -1. / 3);
        arc[i] = arc[i - 1] + hypot(r * c - last[0], r * s - last[1]);
        last[0] = r * c;
        last[1] = r * s;
    }
}

/* The seam: edges of the middle line from the neck border up the back to the crown.  top: its inner end. */
static int find_seam(const mn_trimesh *m, const int *next, int (*edges)[2], int *top) {
    int n = 0, start = -1, at, from = -1;
    for (int i = 0; i < m->nv; i++)                          /* the lowest point of the middle line at the back */
        if (next[i] >= 0 && fabs(m->v[i][0]) < 1e-4 && m->v[i][2] < 0 && (start < 0 || m->v[i][1] < m->v[start][1])) start = i;
    if (start < 0) return 0;
    for (at = start; ; ) {
        int to = -1;
        for (int i = 0; i < m->nf && to < 0; i++)
            for (int c = 0; c < 3; c++) {
                int a = m->f[i][c], b = m->f[i][(c + 1) % 3];
                if (b == at) { int t = a; a = b; b = t; }
                if (a == at && b != from && fabs(m->v[b][0]) < 1e-4) { to = b; break; }
            }
        /* the crown: from here on the way leads down towards the forehead */
        if (to < 0 || m->v[to][1] + .3 * m->v[to][2] < m->v[at][1] + .3 * m->v[at][2]) break;
        edges[n][0] = at;
        edges[n++][1] = to;
        from = at;
        at = to;
    }
    *top = at;
    return n;
}

/* Lay the outer border on the outline: both sides of the seam share SEAM_SHARE of it, by length in texels. */
static void lay_border(const mn_trimesh *open, const int *origin, const int *seam_row, const int *next, int top, const double *texel,
                       unsigned char *fixed, double (*uv)[2]) {
    double arc[CURVE_STEPS + 1], total[3] = { 0 }, run[3] = { 0 };
    outline_arc(arc);
    for (int pass = 0; pass < 2; pass++) {
        int part = 0;                                        /* 0: first side of the seam, 1: neck, 2: second side */
        for (int at = top; ; at = next[at]) {
            if (pass) {
                double share[3] = { SEAM_SHARE / 2, 1 - SEAM_SHARE, SEAM_SHARE / 2 }, t = 0;
                for (int k = 0; k < 3; k++) t += share[k] * run[k] / total[k];
                fixed[at] = 1;
                outline_point(arc, t, uv[at]);
            }
            int to = next[at];
            double d = 0;
            for (int k = 0; k < 3; k++) d += (open->v[to][k] - open->v[at][k]) * (open->v[to][k] - open->v[at][k]);
            bool seam_edge = seam_row[origin[at]] >= 0 && seam_row[origin[to]] >= 0;
            if (part == 0 && !seam_edge) part = 1;
            if (part == 1 && seam_edge) part = 2;
            (pass ? run : total)[part] += sqrt(d) * 2 / (texel[origin[at]] + texel[origin[to]]);
            if (to == top) break;
        }
    }
}

static mn_status unwrap_skin(const mn_geometry *s, mn_headmesh *head, mn_trimesh *open, double (**uv)[2]) {
    mn_trimesh skin = { head->n_skin, head->n_skin_faces, head->mesh.v, head->mesh.f, NULL };
    size_t n = (size_t)skin.nv + 1;
    int *next = malloc(4 * n * sizeof *next), (*edges)[2] = malloc(n * sizeof *edges), *origin = NULL, top = -1;
    int *seam_row = malloc(n * sizeof *seam_row), *tag = malloc(((size_t)skin.nf + 1) * sizeof *tag);
    double *texel = malloc(2 * n * sizeof *texel), *open_texel = malloc(4 * n * sizeof *open_texel);
    unsigned char *fixed = calloc(4 * n, 1);
    mn_status status = MN_OK;
    if (!next || !edges || !seam_row || !tag || !texel || !open_texel || !fixed) status = mn_fail(MN_ENOMEM, "no memory for the texture layout");
    if (!status) status = mn_trimesh_border(&skin, next, NULL);
    if (!status) {
        for (int i = 0; i < skin.nf; i++) tag[i] = head->place[skin.f[i][0]].face;
        skin.tag = tag;
        status = mn_headfit_sizes(s, &skin, texel + n, texel);
    }
    int n_seam = status ? 0 : find_seam(&skin, next, edges, &top);
    if (!status && n_seam == 0) status = mn_fail(MN_EFORMAT, "source head: no middle line at the back to open the skin along");
    if (!status) status = mn_trimesh_cut(&skin, n_seam, edges, open, &origin);
    if (!status) status = mn_trimesh_border(open, next, NULL);
    if (!status) *uv = calloc((size_t)open->nv + 1, sizeof **uv);
    if (!status && !*uv) status = mn_fail(MN_ENOMEM, "no memory for the texture layout");
    if (!status) {
        for (int i = 0; i < skin.nv; i++) seam_row[i] = -1;
        for (int i = 0; i < n_seam; i++) seam_row[edges[i][0]] = seam_row[edges[i][1]] = i;
        for (int i = 0; i < open->nv; i++) {
            (*uv)[i][0] = (*uv)[i][1] = .5;
            open_texel[i] = texel[origin[i]];
        }
        lay_border(open, origin, seam_row, next, top, texel, fixed, *uv);
        status = mn_unwrap(open, fixed, open_texel, ROUNDS, *uv, &head->stretch);
    }
    free(next);
    free(edges);
    free(origin);
    free(seam_row);
    free(tag);
    free(texel);
    free(open_texel);
    free(fixed);
    return status;
}

/* The discs of the eyeballs, in the two lower corners.  The back pole is one texture vertex per spoke. */
static void lay_eyes(const mn_geometry *s, mn_headmesh *head) {
    for (int eye = 0; eye < 2; eye++) {
        int first = head->n_skin + eye * head->n_eye, first_uv = head->nt, pole = first + head->n_eye - 1;
        const float *pivot = s->joints + 3 * (MN_J_EYE_LEFT + eye);
        double centre[2] = { eye ? MARGIN + EYE_RADIUS : 1 - MARGIN - EYE_RADIUS, MARGIN + EYE_RADIUS };
        for (int i = 0; i < head->n_eye - 1; i++) {
            double d[3], len = 0;
            for (int k = 0; k < 3; k++) { d[k] = head->mesh.v[first + i][k] - pivot[k]; len += d[k] * d[k]; }
            double angle = acos(fmin(1, fmax(-1, d[2] / sqrt(len)))), across = hypot(d[0], d[1]);
            double r = EYE_RADIUS * pow(angle / M_PI, .7);    /* the front half reaches to 0.62 of the radius */
            head->uv[head->nt][0] = centre[0] + (across > 1e-6 ? r * d[0] / across : 0);
            head->uv[head->nt++][1] = centre[1] + (across > 1e-6 ? r * d[1] / across : 0);
        }
        for (int i = head->n_skin_faces + eye * (head->mesh.nf - head->n_skin_faces) / 2, end = i + (head->mesh.nf - head->n_skin_faces) / 2; i < end; i++) {
            double mid[2] = { 0, 0 };
            int back = -1;
            for (int c = 0; c < 3; c++) {
                int v = head->mesh.f[i][c];
                head->uv_faces[i][c] = first_uv + v - first;
                if (v == pole) { back = c; continue; }
                for (int k = 0; k < 2; k++) mid[k] += .5 * (head->uv[first_uv + v - first][k] - centre[k]);
            }
            if (back < 0) continue;
            double len = hypot(mid[0], mid[1]);
            for (int k = 0; k < 2; k++) head->uv[head->nt][k] = centre[k] + EYE_RADIUS * mid[k] / len;
            head->uv_faces[i][back] = head->nt++;
        }
    }
}

mn_status mn_headmesh_unwrap(const mn_geometry *source, mn_headmesh *head) {
    mn_trimesh open = { 0 };
    double (*uv)[2] = NULL;
    mn_status status = unwrap_skin(source, head, &open, &uv);
    if (!status) {
        head->uv = calloc((size_t)open.nv + 2 * (size_t)head->n_eye + 4 * HEADFIT_SPOKES, sizeof *head->uv);
        head->uv_faces = calloc((size_t)head->mesh.nf + 1, sizeof *head->uv_faces);
        if (!head->uv || !head->uv_faces) status = mn_fail(MN_ENOMEM, "no memory for the texture layout");
    }
    if (!status) {
        memcpy(head->uv, uv, (size_t)open.nv * sizeof *uv);
        memcpy(head->uv_faces, open.f, (size_t)open.nf * sizeof *open.f);
        head->nt = open.nv;
        lay_eyes(source, head);
    }
    mn_trimesh_free(&open);
    free(uv);
    return status;
}
