/* headfit_mask.c -- where in the texture the moving mesh is to be shown, and where hair and background take over.
 *
 *     mask = smoothstep(distance to scalp, ears and neck / 1 cm),     1 on the eyeballs
 *
 * interpolated over the triangles, then spread by a few texels over the margins, so that a bilinear look-up at an island's
 * edge does not mix in the ground. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "synth/headfit.h"

enum { P = HEADFIT_MASK, SPREAD = 3 };
static const double FALLOFF = 1.0, BEHIND = 1.5;             /* centimetres; skin with z < BEHIND is behind the cheek */

/* The triangles of the source where the mask is to be 0. */
static mn_status take_ground(const mn_geometry *s, mn_trimesh *ground) {
    if (mn_headfit_source_mesh(s, ground)) return mn_errcode();
    int n = 0;
    for (int i = 0; i < ground->nf; i++) {
        int in = 0;
        for (int c = 0; c < 3; c++) {
            int v = ground->f[i][c], r = s->region[v];
            in += r == MN_R_SCALP || r == MN_R_EARS || r == MN_R_NECK || (r == MN_R_SKIN && ground->v[v][2] < BEHIND);
        }
        if (in == 3) memmove(ground->f[n++], ground->f[i], sizeof ground->f[i]);
    }
    ground->nf = n;
    return n ? MN_OK : mn_fail(MN_EFORMAT, "source head: no triangles of scalp, ears and neck");
}

/* value [V] at the head's vertices */
static mn_status vertex_mask(const mn_geometry *source, const mn_headmesh *head, double *value) {
    mn_trimesh ground = { 0 };
    mn_near *near = NULL;
    mn_status status = take_ground(source, &ground);
    if (!status && !(near = mn_near_new(&ground))) status = mn_errcode();
    for (int i = 0; i < head->mesh.nv && !status; i++) {
        double t = i < head->n_skin ? fmin(1, mn_near_find(near, head->mesh.v[i], NULL).distance / FALLOFF) : 1;
        value[i] = t * t * (3 - 2 * t);
    }
    mn_near_free(near);
    mn_trimesh_free(&ground);
    return status;
}

static void draw_triangle(const double *uv[3], const double value[3], float *mask, unsigned char *drawn) {
    double lo[2] = { 1, 1 }, hi[2] = { 0, 0 }, area = (uv[1][0] - uv[0][0]) * (uv[2][1] - uv[0][1]) - (uv[2][0] - uv[0][0]) * (uv[1][1] - uv[0][1]);
    for (int c = 0; c < 3; c++)
        for (int k = 0; k < 2; k++) { lo[k] = fmin(lo[k], uv[c][k]); hi[k] = fmax(hi[k], uv[c][k]); }
    for (int y = (int)(lo[1] * P); y <= (int)(hi[1] * P) && y < P; y++)
        for (int x = (int)(lo[0] * P); x <= (int)(hi[0] * P) && x < P; x++) {
            double u = (x + .5) / P, v = (y + .5) / P, sum = 0;
            bool in = true;
            for (int c = 0; c < 3 && in; c++) {
                const double *a = uv[(c + 1) % 3], *b = uv[(c + 2) % 3];
                double w = ((b[0] - a[0]) * (v - a[1]) - (u - a[0]) * (b[1] - a[1])) / area;
                in = w >= 0;
                sum += w * value[c];
            }
            if (!in) continue;
            mask[(P - 1 - y) * P + x] = (float)fmin(1, fmax(0, sum));
            drawn[(P - 1 - y) * P + x] = 1;
        }
}

/* Undrawn texels take the mean of the drawn ones around them. */
static void spread(float *mask, unsigned char *drawn) {
    for (int y = 0; y < P; y++)
        for (int x = 0; x < P; x++) {
            double sum = 0;
            int n = 0;
            for (int j = y > 0 ? y - 1 : 0; j <= y + 1 && j < P; j++)
                for (int i = x > 0 ? x - 1 : 0; i <= x + 1 && i < P; i++)
                    if (drawn[j * P + i] == 1) { sum += mask[j * P + i]; n++; }
            if (drawn[y * P + x] || !n) continue;
            mask[y * P + x] = (float)(sum / n);
            drawn[y * P + x] = 2;                            /* counts from the next pass on */
        }
    for (int i = 0; i < P * P; i++) drawn[i] = drawn[i] != 0;
}

mn_status mn_headmesh_mask(const mn_geometry *source, const mn_headmesh *head, float *mask) {
    double *value = malloc((size_t)head->mesh.nv * sizeof *value);
    unsigned char *drawn = calloc(P * P, 1);
    mn_status status = value && drawn ? vertex_mask(source, head, value) : mn_fail(MN_ENOMEM, "no memory for the face mask");
    memset(mask, 0, P * P * sizeof *mask);
    for (int i = 0; i < head->mesh.nf && !status; i++) {
        const double *uv[3];
        double at[3];
        for (int c = 0; c < 3; c++) {
            uv[c] = head->uv[head->uv_faces[i][c]];
            at[c] = value[head->mesh.f[i][c]];
        }
        draw_triangle(uv, at, mask, drawn);
    }
    for (int pass = 0; pass < SPREAD && !status; pass++) spread(mask, drawn);
    free(value);
    free(drawn);
    return status;
}
