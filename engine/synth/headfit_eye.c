/* headfit_eye.c -- two eyeballs of an own topology: rings round the optical axis (+z), poles in front and behind.
 *
 * Rings are close together over the iris, whose edge must stay sharp, and wide apart at the back.  In the texture each eye
 * is a disc, front pole in the middle, radius growing with the angle from the axis; the front half gets most of it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "synth/headfit.h"

static const double RINGS[] = { 5, 12, 20, 28, 37, 48, 61, 77, 97, 122, 150 };      /* degrees from the axis */
enum { N_RINGS = sizeof RINGS / sizeof *RINGS, EYE_VERTICES = N_RINGS * HEADFIT_SPOKES + 2, EYE_FACES = 2 * N_RINGS * HEADFIT_SPOKES };

/* The eyeball of one side as a mesh; tags are source triangles. */
static mn_status take_eyeball(const mn_geometry *s, int side, mn_trimesh *ball) {
    if (mn_trimesh_alloc(ball, s->n_vertices, s->n_triangles, true)) return mn_errcode();
    for (int i = 0; i < s->n_vertices; i++)
        for (int k = 0; k < 3; k++) ball->v[i][k] = s->vertices[3 * i + k];
    ball->nf = 0;
    for (int i = 0; i < s->n_triangles; i++) {
        const int32_t *f = s->triangles + 3 * i;
        if (s->region[f[0]] != MN_R_EYEBALL || (s->vertices[3 * f[0]] > 0) != (side > 0)) continue;
        for (int c = 0; c < 3; c++) ball->f[ball->nf][c] = f[c];
        ball->tag[ball->nf++] = i;
    }
    return ball->nf ? MN_OK : mn_fail(MN_EFORMAT, "source head: no eyeball triangles (region 3) on the %s side", side > 0 ? "left" : "right");
}

/* Unit direction from the pivot of vertex i of an eye; spokes run counter-clockwise seen from the front. */
static void direction(int i, double d[3], double *angle, double *turn) {
    int ring = (i - 1) / HEADFIT_SPOKES;
    *angle = i == 0 ? 0 : i == EYE_VERTICES - 1 ? M_PI : RINGS[ring] * M_PI / 180;
    *turn = 2 * M_PI * ((i - 1) % HEADFIT_SPOKES + .5) / HEADFIT_SPOKES;
    d[0] = sin(*angle) * cos(*turn);
    d[1] = sin(*angle) * sin(*turn);
    d[2] = cos(*angle);
}

static void eye_faces(int (*f)[3], int first) {
    int n = 0;
    for (int j = 0; j < HEADFIT_SPOKES; j++) {
        int k = (j + 1) % HEADFIT_SPOKES;
        for (int c = 0; c < 3; c++) f[n][c] = first + (int[]){ 0, 1 + j, 1 + k }[c];
        n++;
        for (int r = 0; r + 1 < N_RINGS; r++) {
            int a = 1 + r * HEADFIT_SPOKES, b = a + HEADFIT_SPOKES;
            for (int c = 0; c < 3; c++) {
                f[n][c] = first + (int[]){ a + j, b + j, b + k }[c];
                f[n + 1][c] = first + (int[]){ a + j, b + k, a + k }[c];
            }
            n += 2;
        }
        int last = 1 + (N_RINGS - 1) * HEADFIT_SPOKES;
        for (int c = 0; c < 3; c++) f[n][c] = first + (int[]){ last + j, EYE_VERTICES - 1, last + k }[c];
        n++;
    }
}

static mn_status grow(mn_headmesh *head, int nv, int nf) {
    void *v = realloc(head->mesh.v, (size_t)nv * sizeof *head->mesh.v);
    if (v) head->mesh.v = v;
    void *f = realloc(head->mesh.f, (size_t)nf * sizeof *head->mesh.f);
    if (f) head->mesh.f = f;
    void *p = realloc(head->place, (size_t)nv * sizeof *head->place);
    if (p) head->place = p;
    return v && f && p ? MN_OK : mn_fail(MN_ENOMEM, "no memory for the eyeballs");
}

mn_status mn_headmesh_add_eyes(const mn_geometry *source, mn_headmesh *head) {
    mn_status status = grow(head, head->n_skin + 2 * EYE_VERTICES, head->n_skin_faces + 2 * EYE_FACES);
    head->n_eye = EYE_VERTICES;
    for (int eye = 0; eye < 2 && !status; eye++) {
        mn_trimesh ball = { 0 };
        mn_near *near = NULL;
        status = take_eyeball(source, eye ? -1 : 1, &ball);
        if (!status && !(near = mn_near_new(&ball))) status = mn_errcode();
        const float *pivot = source->joints + 3 * (MN_J_EYE_LEFT + eye);
        for (int i = 0; i < EYE_VERTICES && !status; i++) {
            double d[3], p[3], angle, turn;
            direction(i, d, &angle, &turn);
            if (eye) d[0] = -d[0];                           /* the right eye is the mirror image of the left */
            for (int k = 0; k < 3; k++) p[k] = pivot[k] + 1.55 * d[k];
            mn_place place = mn_near_find(near, p, d);
            int v = head->mesh.nv++;
            mn_place_point(&ball, &place, head->mesh.v[v]);
            place.face = ball.tag[place.face];
            head->place[v] = place;
        }
        if (!status) {
            int (*f)[3] = head->mesh.f + head->mesh.nf;
            eye_faces(f, head->mesh.nv - EYE_VERTICES);
            for (int i = 0; i < EYE_FACES && eye; i++) { int t = f[i][1]; f[i][1] = f[i][2]; f[i][2] = t; }
            head->mesh.nf += EYE_FACES;
        }
        mn_near_free(near);
        mn_trimesh_free(&ball);
    }
    return status;
}
