/* test_march.c -- the surface is closed whatever the field (random signs meet all 256 cases), faces outward, and lies
 * where it should: a sphere's radius, area and volume against their formulas. */
#include <stdlib.h>
#include "check.h"
#include "march.h"

/* Signed volume; positive when the triangles face outward. */
static double volume(const mn_mesh *m) {
    const float *v = mn_data(m->v);
    const int32_t *f = mn_data(m->f);
    double sum = 0;
    for (int64_t t = 0; t < mn_dim(m->f, 0); t++) {
        const float *a = v + 3 * f[3 * t], *b = v + 3 * f[3 * t + 1], *c = v + 3 * f[3 * t + 2];
        sum += (a[0] * ((double)b[1] * c[2] - (double)b[2] * c[1]) + a[1] * ((double)b[2] * c[0] - (double)b[0] * c[2]) + a[2] * ((double)b[0] * c[1] - (double)b[1] * c[0])) / 6;
    }
    return sum;
}

static int by_pair(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Every edge occurs once in each direction: closed, consistently turned, and never four triangles at an edge. */
static bool closed(const mn_mesh *m) {
    int64_t n = mn_count(m->f), *edge = malloc((size_t)n * 2 * sizeof *edge), *back = edge + n;
    const int32_t *f = mn_data(m->f);
    bool good = true;
    for (int64_t i = 0; i < n; i++) {
        int64_t a = f[i], b = f[i % 3 == 2 ? i - 2 : i + 1];
        edge[i] = a << 32 | b;
        back[i] = b << 32 | a;
        good = good && a != b;
    }
    qsort(edge, (size_t)n, sizeof *edge, by_pair);
    qsort(back, (size_t)n, sizeof *back, by_pair);
    for (int64_t i = 0; i < n; i++) good = good && edge[i] == back[i] && (i == 0 || edge[i] != edge[i - 1]);
    free(edge);
    return good;
}

static void all_cases(void) {
    bool met[256] = {false};
    mn_rng rng = mn_rng_seed(6, 0);
    for (int turn = 0; turn < 40; turn++) {
        enum { N = 12 };
        mn_scope scope = mn_scope_open();
        mn_tensor *grid = mn_zeros(MN_F32, 3, (int64_t[]){N, N, N});
        float *g = mn_data(grid);
        double filled = mn_rng_uniform(&rng);
        for (int z = 1; z < N - 1; z++)
            for (int y = 1; y < N - 1; y++)
                for (int x = 1; x < N - 1; x++) g[(z * N + y) * N + x] = (float)(mn_rng_uniform(&rng) < filled ? 0.5 + mn_rng_uniform(&rng) : 0.5 - mn_rng_uniform(&rng));
        for (int i = 0; i < (N - 1) * N * N; i++) {
            int inside = 0;
            if (i % N == N - 1 || i / N % N == N - 1) continue;
            for (int c = 0; c < 8; c++) inside |= (g[i + (c & 1) + N * (c >> 1 & 1) + N * N * (c >> 2)] > 0.5f) << c;
            met[inside] = true;
        }
        mn_mesh m;
        CHECK_STATUS(MN_OK, mn_march(grid, 0.5, NULL, NULL, &m));
        CHECK(closed(&m) && volume(&m) > 0);
        CHECK_STATUS(MN_OK, mn_mesh_check(&m, "march"));
        mn_scope_close(scope);
    }
    int cases = 0;
    for (int i = 0; i < 256; i++) cases += met[i];
    CHECK(cases == 256);
}

static mn_tensor *ball(int64_t d, int64_t h, int64_t w, const double origin[3], const double step[3], double radius) {
    mn_tensor *grid = mn_empty(MN_F32, 3, (int64_t[]){d, h, w});
    for (int64_t i = 0; i < mn_count(grid); i++) {
        double x = origin[0] + step[0] * (double)(i % w), y = origin[1] + step[1] * (double)(i / w % h), z = origin[2] + step[2] * (double)(i / w / h);
        ((float *)mn_data(grid))[i] = (float)(radius - sqrt(x * x + y * y + z * z));
    }
    return grid;
}

static void sphere(void) {
    const double origins[2][3] = {{-1.1, -1.2, -1.3}, {-1.1, 1.2, -1.3}}, steps[2][3] = {{0.05, 0.05, 0.05}, {0.05, -0.05, 0.05}};
    for (int k = 0; k < 2; k++) {            /* once with y downward */
        mn_scope scope = mn_scope_open();
        mn_mesh m;
        mn_tensor *grid = ball(53, 49, 45, origins[k], steps[k], 1);
        CHECK_STATUS(MN_OK, mn_march(grid, 0, origins[k], steps[k], &m));
        CHECK(closed(&m));
        CHECK_NEAR(volume(&m), 4 * M_PI / 3, 0.01);        /* the inscribed mesh is 0.0052 smaller at this step */
        CHECK(mn_dim(m.v, 0) - mn_count(m.f) / 2 + mn_dim(m.f, 0) == 2);      /* Euler: one sphere */
        double worst = 0, turned = 0;
        for (int64_t i = 0; i < mn_dim(m.v, 0); i++) {
            double r = 0, dot = 0;
            for (int d = 0; d < 3; d++) {
                double x = mn_item(m.v, 3 * i + d);
                r += x * x;
                dot += x * mn_item(m.normal, 3 * i + d);
            }
            worst = worse(worst, fabs(sqrt(r) - 1));
            turned = worse(turned, 1 - dot / sqrt(r));
        }
        CHECK(worst < 1e-3);                 /* linear interpolation: about step^2 / 8 = 3e-4 */
        CHECK(turned < 1e-3);
        mn_scope_close(scope);
    }
}

static void exact_values(void) {             /* samples that lie on the level itself */
    mn_scope scope = mn_scope_open();
    mn_tensor *grid = mn_zeros(MN_F32, 3, (int64_t[]){5, 5, 5});
    for (int i = 0; i < 125; i++) ((float *)mn_data(grid))[i] = (float)(2 - (abs(i % 5 - 2) + abs(i / 5 % 5 - 2) + abs(i / 25 - 2)));
    mn_mesh m;
    CHECK_STATUS(MN_OK, mn_march(grid, 0, NULL, NULL, &m));
    CHECK(closed(&m));
    CHECK_NEAR(volume(&m), 4.0 / 3 * 8, 0.05);     /* the octahedron of radius 2, up to vertices kept 1/1024 off the samples */
    mn_scope_close(scope);
}

static void levels(void) {
    mn_scope scope = mn_scope_open();
    double level = 0;
    mn_rng rng = mn_rng_seed(7, 0);
    mn_tensor *grid = mn_empty(MN_F32, 3, (int64_t[]){20, 20, 20});
    float *g = mn_data(grid);
    for (int i = 0; i < 8000; i++) g[i] = (float)(i % 3 ? mn_rng_normal(&rng) : 10 + mn_rng_normal(&rng));
    g[5] = 1e6f;                                   /* an outlier does not matter */
    CHECK_STATUS(MN_OK, mn_march_level(grid, &level));
    CHECK_NEAR(level, 5, 1.5);                     /* in the gap between the two bells, 10 apart */
    g = mn_data(grid = mn_full(MN_F32, 3, (int64_t[]){2, 2, 2}, 3));
    CHECK_STATUS(MN_EARG, mn_march_level(grid, &level));
    mn_mesh m;
    CHECK_STATUS(MN_EARG, mn_march(grid, 3, NULL, NULL, &m));
    CHECK_STATUS(MN_EARG, mn_march(grid, NAN, NULL, NULL, &m));
    CHECK(!m.v);
    g[0] = 4;
    CHECK_STATUS(MN_EARG, mn_march(grid, 3.5, NULL, (double[]){1, 0, 1}, &m));
    CHECK_STATUS(MN_OK, mn_march(grid, 3.5, NULL, NULL, &m));
    CHECK(mn_dim(m.f, 0) == 1);
    g[1] = NAN;
    CHECK_STATUS(MN_EARG, mn_march(grid, 3.5, NULL, NULL, &m));
    CHECK_STATUS(MN_ESHAPE, mn_march(mn_zeros(MN_F32, 3, (int64_t[]){1, 2, 2}), 0, NULL, NULL, &m));
    CHECK_STATUS(MN_ESHAPE, mn_march(mn_zeros(MN_F64, 3, (int64_t[]){2, 2, 2}), 0, NULL, NULL, &m));
    mn_scope_close(scope);
}

int main(void) {
    all_cases();
    sphere();
    exact_values();
    levels();
    return check_done("march");
}
