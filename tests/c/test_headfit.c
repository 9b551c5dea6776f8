/* test_headfit.c -- remeshing, unwrapping and principal modes on small made-up surfaces, and the whole mesh part of the
 * head fit on a made-up head: an egg with eyes, a mouth and a neck. */
#include <math.h>
#include <stdlib.h>
#include "check.h"
#include "synth/headfit.h"
#include "synth/pca.h"
#include "synth/unwrap.h"

/* A square grid over [-1,1]^2, n cells a side, z = bump * (1 - x^2)(1 - y^2); cells with |x|, |y| < hole are left out. */
static mn_trimesh grid(int n, double bump, double hole) {
    mn_trimesh m;
    int *row = malloc((size_t)((n + 1) * (n + 1)) * sizeof *row), nv = 0;
    if (mn_trimesh_alloc(&m, (n + 1) * (n + 1), 2 * n * n, false)) abort();
    m.nf = 0;
    for (int i = 0; i < (n + 1) * (n + 1); i++) row[i] = -1;
    for (int y = 0; y < n; y++)
        for (int x = 0; x < n; x++) {
            double cx = fabs((2. * x + 1) / n - 1), cy = fabs((2. * y + 1) / n - 1);
            if (cx < hole && cy < hole) continue;
            int at[4] = { y * (n + 1) + x, y * (n + 1) + x + 1, (y + 1) * (n + 1) + x + 1, (y + 1) * (n + 1) + x };
            for (int k = 0; k < 4; k++)
                if (row[at[k]] < 0) {
                    double px = 2. * (at[k] % (n + 1)) / n - 1, py = 2. * (at[k] / (n + 1)) / n - 1;
                    row[at[k]] = nv;
                    m.v[nv][0] = px;
                    m.v[nv][1] = py;
                    m.v[nv++][2] = bump * (1 - px * px) * (1 - py * py);
                }
            for (int t = 0; t < 2; t++, m.nf++)
                for (int k = 0; k < 3; k++) m.f[m.nf][k] = row[at[(int[2][3]){ { 0, 1, 2 }, { 0, 2, 3 } }[t][k]]];
        }
    m.nv = nv;
    free(row);
    return m;
}

static double area_of(const mn_trimesh *m) {
    double sum = 0;
    for (int i = 0; i < m->nf; i++) sum += mn_trimesh_area(m, i);
    return sum;
}

static void test_clip(void) {
    mn_trimesh m = grid(7, 0, 0);
    int *next = malloc(2000 * sizeof *next), euler;
    CHECK_STATUS(MN_OK, mn_trimesh_clip(&m, (double[]){ .6, .8, 0, .1 }));
    /* by hand: the line 6 x + 8 y = 1 crosses the square from (-1, 7/8) to (1, -5/8): what is above has area 2 - 1/4 */
    CHECK_NEAR(area_of(&m), 1.75, 1e-9);
    double lowest = 1;
    for (int i = 0; i < m.nv; i++) lowest = fmin(lowest, .6 * m.v[i][0] + .8 * m.v[i][1] - .1);
    CHECK(lowest > -1e-12);
    CHECK_STATUS(MN_OK, mn_trimesh_border(&m, next, &euler));
    CHECK(euler == 1);
    mn_trimesh_free(&m);
    free(next);
}

static void test_border_errors(void) {
    mn_trimesh m = grid(2, 0, 0);
    int next[9];
    int t = m.f[3][0];
    m.f[3][0] = m.f[3][1];                      /* one triangle turned over */
    m.f[3][1] = t;
    CHECK_STATUS(MN_EFORMAT, mn_trimesh_border(&m, next, NULL));
    mn_trimesh_free(&m);
    mn_trimesh tie = { .nv = 5, .nf = 2, .v = calloc(5, sizeof *tie.v), .f = calloc(2, sizeof *tie.f) };
    memcpy(tie.f, (int[2][3]){ { 0, 1, 2 }, { 0, 3, 4 } }, sizeof(int[2][3]));      /* two triangles joined in one vertex */
    CHECK_STATUS(MN_EFORMAT, mn_trimesh_border(&tie, next, NULL));
    mn_trimesh_free(&tie);
}

static void test_near(void) {
    mn_trimesh m = grid(9, .7, .3);
    mn_near *near = mn_near_new(&m);
    mn_rng rng = mn_rng_seed(3, 0);
    double worst = 0;
    for (int i = 0; i < 300; i++) {
        double p[3], best = 1e300, q[3];
        for (int k = 0; k < 3; k++) p[k] = 3 * mn_rng_uniform(&rng) - 1.5;
        for (int f = 0; f < m.nf; f++) best = fmin(best, mn_place_on_face(&m, f, p).distance);
        mn_place at = mn_near_find(near, p, NULL);
        mn_place_point(&m, &at, q);
        double d = sqrt((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) + (p[2] - q[2]) * (p[2] - q[2]));
        worst = worse(worst, worse(fabs(at.distance - best), fabs(d - best)));
    }
    CHECK(worst < 1e-12);
    mn_near_free(near);
    mn_trimesh_free(&m);

    /* Two parallel sheets, the upper facing up, the lower down: the normal decides, not the distance. */
    mn_trimesh a = grid(1, 0, 0), two;
    if (mn_trimesh_alloc(&two, 8, 4, false)) abort();
    for (int i = 0; i < 8; i++) { memcpy(two.v[i], a.v[i % 4], sizeof a.v[0]); two.v[i][2] = i < 4 ? .1 : 0; }
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 3; k++) two.f[i][k] = i < 2 ? a.f[i][k] : 4 + a.f[i - 2][2 - k];
    near = mn_near_new(&two);
    CHECK(mn_near_find(near, (double[]){ .2, .1, .01 }, NULL).face >= 2);
    CHECK(mn_near_find(near, (double[]){ .2, .1, .01 }, (double[]){ 0, 0, 1 }).face < 2);
    mn_near_free(near);
    mn_trimesh_free(&two);
    mn_trimesh_free(&a);
}

static void test_remesh(void) {
    mn_trimesh m = grid(24, .5, .34), out, again;
    double *size = malloc((size_t)m.nv * sizeof *size);
    unsigned char *corner = calloc((size_t)m.nv, 1);
    mn_place *places, *places_again;
    int euler;
    for (int i = 0; i < m.nv; i++) {
        size[i] = .08 + .08 * (m.v[i][0] + 1) / 2;                     /* twice as coarse on the right */
        corner[i] = fabs(m.v[i][0]) == 1 && fabs(m.v[i][1]) == 1;
    }
    CHECK_STATUS(MN_OK, mn_remesh(&m, size, corner, 10, &out, &places));
    int *next = malloc((size_t)out.nv * sizeof *next);
    CHECK_STATUS(MN_OK, mn_trimesh_border(&out, next, &euler));
    CHECK(euler == 0);                                                 /* a disc with a hole, as before */
    int corners = 0, good = 0, edges = 0;
    double off = 0, border = 0, left = 0, right = 0;
    for (int i = 0; i < out.nv; i++) {
        const double *v = out.v[i];
        double p[3], outer = fmax(fabs(v[0]), fabs(v[1]));
        mn_place_point(&m, &places[i], p);
        for (int k = 0; k < 3; k++) off = worse(off, fabs(p[k] - v[k]));
        if (next[i] >= 0) border = worse(border, fmin(fabs(outer - 1), fabs(outer - 1. / 3)));
        corners += fabs(v[0]) == 1 && fabs(v[1]) == 1;
        left += v[0] < 0;
        right += v[0] > 0;
    }
    for (int i = 0; i < out.nf; i++)
        for (int c = 0; c < 3; c++) {
            const double *a = out.v[out.f[i][c]], *b = out.v[out.f[i][(c + 1) % 3]];
            double wanted = .08 + .08 * ((a[0] + b[0]) / 2 + 1) / 2;
            double l = sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) + (a[2] - b[2]) * (a[2] - b[2])) / wanted;
            good += l > .6 && l < 1.6;
            edges++;
        }
    CHECK(off < 1e-12);
    CHECK(border < 1e-9);                                              /* border vertices stay on their curves */
    CHECK(corners == 4);
    CHECK(good > .97 * edges);                                         /* measured: 0.99 */
    CHECK(left > 1.5 * right);
    CHECK_STATUS(MN_OK, mn_remesh(&m, size, corner, 10, &again, &places_again));
    CHECK(again.nv == out.nv && memcmp(again.v, out.v, (size_t)out.nv * sizeof *out.v) == 0);
    free(next);
    free(places);
    free(places_again);
    free(size);
    free(corner);
    mn_trimesh_free(&m);
    mn_trimesh_free(&out);
    mn_trimesh_free(&again);
}

static void test_cut(void) {
    mn_trimesh m = grid(4, 0, 0), open;
    int *origin, seam[2][2], next[40], euler;
    for (int e = 0; e < 2; e++)                                        /* from the border at (0,-1) to (0,0) */
        for (int i = 0; i < m.nv; i++)
            for (int k = 0; k < 2; k++)
                if (m.v[i][0] == 0 && m.v[i][1] == -1 + .5 * (e + k)) seam[e][k] = i;
    CHECK_STATUS(MN_OK, mn_trimesh_cut(&m, 2, seam, &open, &origin));
    CHECK(open.nv == m.nv + 2 && open.nf == m.nf);                     /* the inner end is not doubled */
    CHECK_STATUS(MN_OK, mn_trimesh_border(&open, next, &euler));
    CHECK(euler == 1);
    CHECK(origin[m.nv] != origin[m.nv + 1] && open.v[m.nv][0] == 0 && open.v[origin[m.nv]][1] == open.v[m.nv][1]);
    free(origin);
    mn_trimesh_free(&m);
    mn_trimesh_free(&open);
}

/* Unwraps a grid whose outer border goes to its own place in the unit square; returns the smallest signed area. */
static double unwrap_grid(const mn_trimesh *m, const double *texel, double (*uv)[2], double *stretch) {
    unsigned char *fixed = calloc((size_t)m->nv, 1);
    double smallest = 1;
    for (int i = 0; i < m->nv; i++) {
        fixed[i] = fmax(fabs(m->v[i][0]), fabs(m->v[i][1])) == 1;
        for (int k = 0; k < 2; k++) uv[i][k] = fixed[i] ? .5 + .5 * m->v[i][k] : .5;
    }
    CHECK_STATUS(MN_OK, mn_unwrap(m, fixed, texel, 8, uv, stretch));
    for (int i = 0; i < m->nf; i++) {
        const double *a = uv[m->f[i][0]], *b = uv[m->f[i][1]], *c = uv[m->f[i][2]];
        smallest = fmin(smallest, .5 * ((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])));
    }
    free(fixed);
    return smallest;
}

static void test_unwrap(void) {
    mn_trimesh flat = grid(12, 0, 0), dome = grid(16, 2.5, .26);
    double (*uv)[2] = malloc(400 * sizeof *uv), texel[400], stretch, worst = 0;
    for (int i = 0; i < 400; i++) texel[i] = 1;
    CHECK(unwrap_grid(&flat, texel, uv, &stretch) > 0);
    for (int i = 0; i < flat.nv; i++)
        for (int k = 0; k < 2; k++) worst = worse(worst, fabs(uv[i][k] - .5 - .5 * flat.v[i][k]));
    CHECK(worst < 1e-3);                                               /* a flat square is its own map */
    CHECK_NEAR(stretch, 1, 1e-4);
    CHECK(unwrap_grid(&dome, texel, uv, &stretch) > 0);                /* a steep dome with a hole: nothing turns over */
    CHECK(stretch > 1 && stretch < 2);
    /* a finer texture in the middle makes the middle larger */
    double before = 0, after = 0;
    unwrap_grid(&flat, texel, uv, &stretch);
    for (int i = 0; i < flat.nv; i++) before += pow(uv[i][0] - .5, 2) * (fabs(flat.v[i][0]) < .4 && fabs(flat.v[i][1]) < .4);
    for (int i = 0; i < flat.nv; i++) texel[i] = fabs(flat.v[i][0]) < .4 && fabs(flat.v[i][1]) < .4 ? .5 : 1;
    CHECK(unwrap_grid(&flat, texel, uv, &stretch) > 0);
    for (int i = 0; i < flat.nv; i++) after += pow(uv[i][0] - .5, 2) * (fabs(flat.v[i][0]) < .4 && fabs(flat.v[i][1]) < .4);
    CHECK(after > 1.5 * before);
    free(uv);
    mn_trimesh_free(&flat);
    mn_trimesh_free(&dome);
}

/* A shaken flat square relaxes back to itself; a map with a triangle turned over is refused. */
static void test_relax(void) {
    mn_trimesh flat = grid(10, 0, 0);
    unsigned char fixed[121];
    double uv[121][2], texel[121], worst = 0;
    mn_rng rng = mn_rng_seed(5, 0);
    for (int i = 0; i < flat.nv; i++) {
        fixed[i] = fmax(fabs(flat.v[i][0]), fabs(flat.v[i][1])) == 1;
        texel[i] = 1;
        for (int k = 0; k < 2; k++) uv[i][k] = .5 + .5 * flat.v[i][k] + (fixed[i] ? 0 : .05 * (mn_rng_uniform(&rng) - .5));
    }
    CHECK_STATUS(MN_OK, mn_unwrap_relax(&flat, fixed, texel, flat.nf, 200, uv));
    for (int i = 0; i < flat.nv; i++)
        for (int k = 0; k < 2; k++) worst = worse(worst, fabs(uv[i][k] - .5 - .5 * flat.v[i][k]));
    CHECK(worst < 1e-3);                                               /* shaken by up to 0.025 */
    uv[60][0] += .5;
    CHECK_STATUS(MN_EFORMAT, mn_unwrap_relax(&flat, fixed, texel, flat.nf, 1, uv));
    mn_trimesh_free(&flat);
}

static void test_pca(void) {
    enum { N = 4000, K = 5, D = 7 };
    /* rows: two orthogonal directions of lengths 3 and 1, in five mixed copies */
    static const double mix[K][2] = { { 1, 0 }, { 0, 1 }, { 1, 1 }, { -1, 2 }, { .5, 0 } };
    double rows[K * D] = { 0 }, *w = malloc(N * K * sizeof *w), modes[3 * D], map[K * 3], variance[3];
    mn_rng rng = mn_rng_seed(1, 0);
    for (int k = 0; k < K; k++) { rows[k * D + 2] = 3 * mix[k][0]; rows[k * D + 5] = mix[k][1]; }
    for (int i = 0; i < N; i++)
        for (int k = 0; k < K; k++) w[i * K + k] = k < 2 ? mn_rng_normal(&rng) : 0;
    CHECK_STATUS(MN_OK, mn_pca(N, K, D, w, rows, 3, modes, map, variance));
    CHECK_NEAR(modes[2], 3, .1);                                       /* N = 4000: standard deviation known to 1 % */
    CHECK_NEAR(modes[D + 5], 1, .05);
    CHECK_NEAR(modes[5], 0, .1);
    CHECK(variance[0] > 8 && variance[1] < 1.2 && variance[2] == 0);
    double worst = 0, square[2] = { 0 };
    for (int k = 0; k < K; k++)                                        /* codes reproduce every row, also those never sampled */
        for (int d = 0; d < D; d++) {
            double x = rows[k * D + d];
            for (int j = 0; j < 3; j++) x -= map[k * 3 + j] * modes[j * D + d];
            worst = worse(worst, fabs(x));
        }
    CHECK(worst < 1e-9);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < 2; j++) {
            double c = 0;
            for (int k = 0; k < K; k++) c += w[i * K + k] * map[k * 3 + j];
            square[j] += c * c / N;
        }
    CHECK_NEAR(square[0], 1, 1e-9);
    CHECK_NEAR(square[1], 1, 1e-9);
    CHECK_STATUS(MN_EARG, mn_pca(N, K, D, w, rows, K + 1, modes, map, NULL));
    free(w);
}

/* ---- a made-up head ---- */

enum { ROUND = 48, RISE = 40, BALL = 12, HEAD_V = (ROUND + 1) * (RISE + 1), BALL_V = (BALL + 1) * (BALL + 1),
       EGG_V = HEAD_V + 2 * BALL_V, EGG_F = 2 * ROUND * RISE + 4 * BALL * BALL };

typedef struct egg {
    mn_geometry g;
    float v[EGG_V * 3], joints[18], weights[EGG_V * 6];
    int32_t faces[EGG_F * 3], weld[EGG_V], landmarks[68];
    uint8_t region[EGG_V];
} egg;

/* A closed ellipsoid of around x up cells; its poles are rings of one place each (welded), its seam is welded too. */
static void ellipsoid(egg *e, int first, int *nf, int around, int up, const double centre[3], const double radius[3]) {
    for (int i = 0; i <= up; i++)
        for (int j = 0; j <= around; j++) {
            double a = 2 * M_PI * j / around, b = M_PI * i / up, d[3] = { sin(b) * sin(a), -cos(b), -sin(b) * cos(a) };
            int v = first + i * (around + 1) + j;
            for (int k = 0; k < 3; k++) e->v[3 * v + k] = (float)(centre[k] + radius[k] * (fabs(d[k]) < 1e-12 ? 0 : d[k]));
            e->weld[v] = first + i * (around + 1) + (i == 0 || i == up || j == around ? 0 : j);
            for (int k = 0; k < 3 && e->weld[v] != v; k++) e->v[3 * v + k] = e->v[3 * e->weld[v] + k];
        }
    for (int i = 0; i < up; i++)
        for (int j = 0; j < around; j++) {
            int a = first + i * (around + 1) + j, b = a + 1, c = b + around + 1, d = a + around + 1;
            for (int t = 0; t < 2; t++) {
                if ((t == 0 && i == 0) || (t == 1 && i == up - 1)) continue;           /* no area at the poles */
                for (int k = 0; k < 3; k++)                                  /* diagonals lean so that both halves are mirror images */
                    e->faces[3 * *nf + k] = (2 * j < around ? (int[2][3]){ { a, c, b }, { a, d, c } } : (int[2][3]){ { a, d, b }, { b, d, c } })[t][k];
                ++*nf;
            }
        }
}

static int nearest_vertex(const egg *e, double x, double y) {
    int best = 0;
    double least = 1e300;
    for (int i = 0; i < HEAD_V; i++) {
        if (e->region[i] == MN_R_CAVITY) continue;
        double d = pow(e->v[3 * i] - x, 2) + pow(e->v[3 * i + 1] - y, 2) - (e->v[3 * i + 2] > 0 ? 100 : 0);
        if (d < least) { least = d; best = i; }
    }
    return best;
}

static egg *make_egg(void) {
    egg *e = calloc(1, sizeof *e);
    int nf = 0;
    ellipsoid(e, 0, &nf, ROUND, RISE, (double[]){ 0, -3, 0 }, (double[]){ 8, 18, 9 });
    for (int i = 0; i < HEAD_V; i++) {                                  /* eyes and mouth: patches that are no skin */
        const float *p = e->v + 3 * i;
        bool eye = p[2] > 0 && hypot(fabs(p[0]) - 3.2, p[1] - 3.5) < 1.6, mouth = p[2] > 0 && fabs(p[0]) < 2.4 && fabs(p[1] + 3.2) < 1.3;
        e->region[i] = eye || mouth ? MN_R_CAVITY : p[1] < -9 ? MN_R_NECK : p[1] > 9 || p[2] < -2 ? MN_R_SCALP : MN_R_SKIN;
        e->weights[6 * i + (p[1] < -9 ? MN_J_NECK : MN_J_HEAD)] = 1;
    }
    static const float joint[18] = { 0, -19, -1, 0, -13, -1, 0, -4, 0, 0, 0, 2, 3.2f, 3.5f, 7, -3.2f, 3.5f, 7 };
    memcpy(e->joints, joint, sizeof joint);
    for (int eye = 0; eye < 2; eye++) {
        int first = HEAD_V + eye * BALL_V;
        double centre[3] = { eye ? -3.2 : 3.2, 3.5, 7 };
        ellipsoid(e, first, &nf, BALL, BALL, centre, (double[]){ 1.55, 1.55, 1.55 });
        for (int i = first; i < first + BALL_V; i++) {
            e->region[i] = MN_R_EYEBALL;
            e->weights[6 * i + MN_J_EYE_LEFT + eye] = 1;
        }
    }
    for (int i = 0; i < 68; i++) {                                      /* a rough iBUG layout */
        double a = 2 * M_PI * i / 68., x = 6 * cos(a), y = -1 + 8.2 * sin(a);
        if (i >= 36 && i < 48) { a = M_PI - 2 * M_PI * (i % 6) / 6; x = (i < 42 ? -3.2 : 3.2) + 2.6 * cos(a); y = 3.5 + 2.6 * sin(a); }
        if (i >= 48) { a = M_PI - 2 * M_PI * (i - 48) / 12; x = 3.6 * cos(a); y = -3.2 + 2.6 * sin(a); }
        if (i >= 27 && i < 31) { x = 0; y = 3 - (i - 27); }
        if (i >= 31 && i < 36) { x = i - 33; y = -1; }
        e->landmarks[i] = nearest_vertex(e, x, y);
    }
    e->g = (mn_geometry){ .n_vertices = EGG_V, .n_triangles = nf, .vertices = e->v, .triangles = e->faces, .region = e->region, .weld = e->weld,
                          .landmarks = e->landmarks, .joints = e->joints, .weights = e->weights };
    return e;
}

static void check_egg_texture(const mn_headmesh *h) {
    enum { P = 256 };
    unsigned char *cover = calloc(P * P, 1);
    int twice = 0, turned = 0, centre = 0;
    double lo = 1, hi = 0;
    for (int i = 0; i < h->mesh.nf; i++) {
        const double *t[3];
        for (int c = 0; c < 3; c++) {
            t[c] = h->uv[h->uv_faces[i][c]];
            for (int k = 0; k < 2; k++) { lo = fmin(lo, t[c][k]); hi = fmax(hi, t[c][k]); }
        }
        turned += !((t[1][0] - t[0][0]) * (t[2][1] - t[0][1]) - (t[2][0] - t[0][0]) * (t[1][1] - t[0][1]) > 0);
        for (int y = 0; y < P; y++)
            for (int x = 0; x < P; x++) {
                double u = (x + .5) / P, v = (y + .5) / P;
                bool in = true;
                for (int c = 0; c < 3 && in; c++) {
                    const double *a = t[c], *b = t[(c + 1) % 3];
                    in = (b[0] - a[0]) * (v - a[1]) - (u - a[0]) * (b[1] - a[1]) > 0;
                }
                if (in && cover[y * P + x]++) twice++;
                if (in && x == P / 2 && y == P / 2 && h->mesh.v[h->mesh.f[i][0]][2] > 0) centre++;
            }
    }
    CHECK(turned == 0);
    CHECK(twice == 0);                                                  /* no texel belongs to two triangles */
    CHECK(lo >= .01 && hi <= .99);
    CHECK(centre == 1);                                                 /* the middle of the picture is skin of the face */
    free(cover);
}

static void test_egg(void) {
    egg *e = make_egg();
    mn_headmesh h = { 0 };
    CHECK_STATUS(MN_OK, mn_headmesh_build(&e->g, 1200, &h));
    if (h.mesh.nv) {
        mn_trimesh skin = { h.n_skin, h.n_skin_faces, h.mesh.v, h.mesh.f, NULL };
        int *next = malloc((size_t)h.mesh.nv * sizeof *next), euler, mirrored = 0;
        CHECK(h.n_skin > 1000 && h.n_skin < 1400);
        CHECK_STATUS(MN_OK, mn_trimesh_border(&skin, next, &euler));
        CHECK(euler == -2);
        for (int i = 0; i < h.n_skin; i++)
            for (int j = 0; j < h.n_skin; j++)
                if (hypot(hypot(h.mesh.v[i][0] + h.mesh.v[j][0], h.mesh.v[i][1] - h.mesh.v[j][1]), h.mesh.v[i][2] - h.mesh.v[j][2]) < 1e-3) { mirrored++; break; }
        CHECK(mirrored == h.n_skin);
        CHECK_STATUS(MN_OK, mn_headmesh_unwrap(&e->g, &h));
        check_egg_texture(&h);

        double *numbers = malloc((size_t)h.mesh.nv * 5 * sizeof *numbers), off = 0, sum_off = 0;
        CHECK_STATUS(MN_OK, mn_headmesh_joints(&e->g, &h, numbers));
        for (int j = 0; j < 5; j++)
            for (int k = 0; k < 3; k++) {
                double p = 0;
                for (int i = 0; i < h.mesh.nv; i++) p += numbers[j * h.mesh.nv + i] * h.mesh.v[i][k];
                off = worse(off, fabs(p - e->joints[3 * (int[]){ MN_J_ROOT, MN_J_HEAD, MN_J_JAW, MN_J_EYE_LEFT, MN_J_EYE_RIGHT }[j] + k]));
            }
        CHECK(off < 1e-6);
        CHECK_STATUS(MN_OK, mn_headmesh_weights(&e->g, &h, numbers));
        for (int i = 0; i < h.mesh.nv; i++) {
            double sum = 0;
            for (int j = 0; j < 5; j++) sum += numbers[5 * i + j];
            sum_off = worse(sum_off, fabs(sum - 1));
        }
        CHECK(sum_off == 0);
        CHECK(numbers[5 * h.n_skin + 3] == 1 && numbers[5 * (h.n_skin + h.n_eye) + 4] == 1);
        mn_place marks[68];
        CHECK_STATUS(MN_OK, mn_headmesh_landmarks(&e->g, &h, marks));
        for (int i = 0; i < 68; i++) off = worse(off, marks[i].distance);
        CHECK(off < .25);                                               /* triangles here are 1 cm and more */
        free(numbers);
        free(next);
    }
    mn_headmesh_free(&h);

    for (int i = 0; i < EGG_V; i++) if (e->region[i] == MN_R_CAVITY && e->v[3 * i + 1] < 0) e->region[i] = MN_R_LIPS;
    CHECK_STATUS(MN_EFORMAT, mn_headmesh_build(&e->g, 1200, &h));       /* no mouth opening */
    free(e);
}

int main(void) {
    test_clip();
    test_border_errors();
    test_near();
    test_remesh();
    test_cut();
    test_unwrap();
    test_relax();
    test_pca();
    test_egg();
    mn_headfit_options o = mn_headfit_options_default();
    o.vertices = 3;
    CHECK_STATUS(MN_EARG, mn_headfit(NULL, &o, "unused", NULL));
    return check_done("headfit");
}
