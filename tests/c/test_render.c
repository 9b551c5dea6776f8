/* test_render.c -- values of the rendering ops against direct loops and numbers worked out by hand.
 * (Gradients, precisions and options: tests/op_cases.txt.)  The loops below follow the published formulas
 * in double, one number at a time, and share no code with the kernels. */
#include <omp.h>
#include <stdlib.h>
#include "internal.h"
#include "check.h"

#define SHAPE(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__}
static double at(mn_tensor *t, int64_t i) { return t ? mn_item(t, i) : NAN; }
static mn_tensor *f64(int nd, const int64_t *shape, const double *v) { return mn_from(MN_F64, nd, shape, v); }
static mn_tensor *i32(int nd, const int64_t *shape, const int32_t *v) { return mn_from(MN_I32, nd, shape, v); }

/* One channel of a picture at (gx,gy), zero outside. */
static double lookup(mn_tensor *x, int64_t plane, double gx, double gy) {
    const int64_t h = mn_dim(x, -2), w = mn_dim(x, -1);
    const double px = ((gx + 1) * (double)w - 1) / 2, py = ((gy + 1) * (double)h - 1) / 2;
    double s = 0;
    for (int64_t i = 0; i < h; i++)
        for (int64_t j = 0; j < w; j++)
            s += fmax(0, 1 - fabs(px - (double)j)) * fmax(0, 1 - fabs(py - (double)i)) * at(x, (plane * h + i) * w + j);
    return s;
}

static void test_lookups(void) {
    mn_scope scope = mn_scope_open();
    mn_rng rng = mn_rng_seed(3, 0);
    mn_tensor *x = mn_randn(MN_F64, SHAPE(2, 5, 4, 6), &rng), *grid = mn_randn(MN_F64, SHAPE(2, 3, 7, 2), &rng);
    mn_tensor *y = mn_call(grid_sample, T(x, grid));
    double worst = 0;
    for (int n = 0; n < 2; n++)
        for (int c = 0; c < 5; c++)
            for (int k = 0; k < 21; k++)
                worst = worse(worst, fabs(at(y, (n * 5 + c) * 21 + k) - lookup(x, n * 5 + c, at(grid, (n * 21 + k) * 2), at(grid, (n * 21 + k) * 2 + 1))));
    CHECK_NEAR(worst, 0, 1e-14);
    ((double *)grid->data)[0] = NAN;                    /* a corrupt point reads zero and touches no memory */
    ((double *)grid->data)[3] = 1e300;
    y = mn_call(grid_sample, T(x, grid));
    CHECK(at(y, 0) == 0 && at(y, 1) == 0);

    mn_tensor *planes = mn_randn(MN_F64, SHAPE(2, 3, 4, 5, 6), &rng), *points = mn_randn(MN_F64, SHAPE(2, 9, 3), &rng);
    mn_tensor *f = mn_call(triplane_sample, T(planes, points), {"box_warp", 3});
    mn_tensor *last = mn_call(triplane_sample, T(mn_call(permute, T(planes), {"d0", 0}, {"d1", 1}, {"d2", 3}, {"d3", 4}, {"d4", 2}), points), {"box_warp", 3}, {"channels_last", 1});
    worst = 0;
    for (int n = 0; n < 2; n++)
        for (int k = 0; k < 9; k++)
            for (int c = 0; c < 4; c++) {
                const double s = 2. / 3, px = s * at(points, (n * 9 + k) * 3), py = s * at(points, (n * 9 + k) * 3 + 1), pz = s * at(points, (n * 9 + k) * 3 + 2);
                const double v = (lookup(planes, n * 12 + c, px, py) + lookup(planes, n * 12 + 4 + c, px, pz) + lookup(planes, n * 12 + 8 + c, pz, py)) / 3;
                worst = worse(worst, fabs(at(f, (n * 9 + k) * 4 + c) - v));
                worst = worse(worst, fabs(at(last, (n * 9 + k) * 4 + c) - v));
            }
    CHECK_NEAR(worst, 0, 1e-14);
    mn_scope_close(scope);
}

/* Square of two triangles over the whole picture at depth z, seen from the front; four corners from `first` on. */
enum { QUAD = 12 };
static void quad(double *pos, double size, double z) {
    const double v[QUAD] = {size, size, z, -size, size, z, -size, -size, z, size, -size, z};
    memcpy(pos, v, sizeof v);
}

static void test_rasterize(void) {
    mn_scope scope = mn_scope_open();
    double pos[3 * QUAD];
    quad(pos, 1, 5);                                    /* vertices 0-3 far, 4-7 near and small, 8-11 at the same depth as 4-7 */
    quad(pos + QUAD, 0.6, 4);
    quad(pos + 2 * QUAD, 0.6, 4);
    /* (a,b): the order of a seen triangle has edge(t0; t1,t2) > 0 */
    const int32_t faces[6 * 3] = {0, 2, 1, 0, 3, 2, 8, 10, 9, 4, 6, 5, 4, 7, 6, 4, 6, 7};
    mn_tensor *o[3], *p = f64(SHAPE(1, 12, 3), pos), *f = i32(SHAPE(6, 3), faces);
    CHECK_STATUS(MN_OK, mn_calln(o, rasterize, T(p, f), {"size", 8}));
    int count[7] = {0};
    for (int k = 0; k < 64 && o[0]; k++) count[(int)at(o[0], k) + 1]++;
    /* A diagonal pixel lies exactly on the edge both triangles of a square share: missed by both. */
    CHECK(count[0] == 8 && count[1] == 28 - 6 && count[2] == 28 - 6 && count[6] == 0);
    CHECK(count[3] == 6 && count[4] == 0 && count[5] == 6);      /* equal depth: the lower index, 2, hides 3; 5 faces away */
    for (int k = 0; k < 64; k++) {
        const double w = at(o[1], 3 * k) + at(o[1], 3 * k + 1) + at(o[1], 3 * k + 2);
        CHECK_NEAR(w, at(o[0], k) < 0 ? 0 : 1, 1e-7);
        CHECK_NEAR(at(o[2], k), at(o[0], k) < 0 ? -1 : at(o[0], k) < 2 ? 5 : 4, 1e-6);
    }
    /* x runs left, y up: the pixel in the top right corner is near vertex 1 of the far square. */
    mn_tensor *attr = mn_call(interpolate, T(o[1], o[0], p, f));
    CHECK_NEAR(at(attr, 6 * 3), 1 - 13. / 8, 1e-7);
    CHECK_NEAR(at(attr, 6 * 3 + 1), 1 - 1. / 8, 1e-7);
    mn_scope_close(scope);
}

/* Against a loop over all faces for every pixel: random triangles of all sizes, some behind the camera. */
static double edge(const double *p, const double *s, const double *t) { return (p[0] - s[0]) * (t[1] - s[1]) - (p[1] - s[1]) * (t[0] - s[0]); }
static void test_rasterize_all(void) {
    mn_scope scope = mn_scope_open();
    enum { V = 40, F = 90, S = 23 };
    mn_rng rng = mn_rng_seed(11, 0);
    mn_tensor *pos = mn_randn(MN_F64, SHAPE(2, V, 3), &rng), *faces = mn_zeros(MN_I32, SHAPE(F, 3)), *o[3];
    for (int k = 0; k < 3 * F; k++) ((int32_t *)faces->data)[k] = (int32_t)mn_rng_below(&rng, V);
    ((int32_t *)faces->data)[0] = V;                    /* corrupt: skipped */
    ((int32_t *)faces->data)[4] = -7;
    CHECK_STATUS(MN_OK, mn_calln(o, rasterize, T(pos, faces), {"size", S}));
    int wrong = 0, seen = 0;
    double worst = 0;
    for (int n = 0; n < 2; n++)
        for (int k = 0; k < S * S; k++) {
            const double p[2] = {1 - (2. * (k % S) + 1) / S, 1 - (2. * (k / S) + 1) / S};
            double best = INFINITY, w[3] = {0, 0, 0};
            int index = -1;
            for (int f = 0; f < F; f++) {
                const int32_t *id = (int32_t *)faces->data + 3 * f;
                if (id[0] < 0 || id[1] < 0 || id[2] < 0 || id[0] >= V || id[1] >= V || id[2] >= V) continue;
                const double *v = (double *)pos->data + n * V * 3, *a = v + 3 * id[0], *b = v + 3 * id[1], *c = v + 3 * id[2];
                if (edge(a, b, c) <= 1e-8) continue;
                const double area = edge(c, a, b) + 1e-8, w0 = edge(p, b, c) / area, w1 = edge(p, c, a) / area, w2 = edge(p, a, b) / area;
                const double d = w0 * a[2] + w1 * b[2] + w2 * c[2];
                if (!(w0 > 0 && w1 > 0 && w2 > 0) || d < 0 || d >= best) continue;
                best = d;
                index = f;
                w[0] = w0; w[1] = w1; w[2] = w2;
            }
            const int64_t q = n * S * S + k;
            wrong += at(o[0], q) != index;
            seen += index >= 0;
            for (int e = 0; e < 3; e++) worst = worse(worst, fabs(at(o[1], 3 * q + e) - w[e]));
        }
    CHECK(seen > S * S / 2);
    CHECK(wrong == 0);
    CHECK_NEAR(worst, 0, 1e-12);
    mn_scope_close(scope);
}

static void test_rays(void) {
    mn_scope scope = mn_scope_open();
    /* Camera at (1,2,3) turned half round the y axis; focal 2, centre (0.5,0.25), skew 0.1. */
    const double cam[25] = {-1, 0, 0, 1, 0, 1, 0, 2, 0, 0, -1, 3, 0, 0, 0, 1, 2, 0.1, 0.5, 0, 2, 0.25, 0, 0, 1};
    mn_tensor *o[2];
    CHECK_STATUS(MN_OK, mn_calln(o, rays, T(f64(SHAPE(1, 25), cam)), {"res", 4}));
    const double x = 2.5 / 4, y = 1.5 / 4, xl = (x - 0.5 + 0.25 * 0.1 / 2 - 0.1 * y / 2) / 2, yl = (y - 0.25) / 2, len = sqrt(xl * xl + yl * yl + 1);
    const double want[3] = {-xl / len, yl / len, -1 / len};
    for (int k = 0; k < 3; k++) {
        CHECK_NEAR(at(o[0], 6 * 3 + k), k + 1, 0);
        CHECK_NEAR(at(o[1], 6 * 3 + k), want[k], 1e-15);
    }
    mn_scope_close(scope);
}

/* The published recipe, with its cdf array and the count of entries <= u. */
static double importance(const double *w, const double *t, int d, double u) {
    double m[64], s[64], cdf[64], b[64], sum = 0;
    for (int k = 0; k < d; k++) m[k] = fmax(k ? w[k - 1] : -INFINITY, k < d - 1 ? w[k] : -INFINITY);
    for (int k = 0; k < d - 1; k++) { s[k] = (m[k] + m[k + 1]) / 2 + 0.01; b[k] = (t[k] + t[k + 1]) / 2; }
    for (int k = 1; k <= d - 3; k++) sum += s[k] + 1e-5;
    cdf[0] = 0;
    for (int k = 1; k <= d - 3; k++) cdf[k] = cdf[k - 1] + (s[k] + 1e-5) / sum;
    int i = 0;
    for (int k = 0; k <= d - 3; k++) i += cdf[k] <= u;
    const int lo = i > 0 ? i - 1 : 0, hi = i < d - 3 ? i : d - 3;
    const double den = cdf[hi] - cdf[lo];
    return b[lo] + (u - cdf[lo]) / (den < 1e-5 ? 1 : den) * (b[hi] - b[lo]);
}

static void test_depths(void) {
    mn_scope scope = mn_scope_open();
    mn_rng rng = mn_rng_seed(5, 0);
    mn_tensor *origins = mn_zeros(MN_F64, SHAPE(1, 6, 3)), *u = mn_rand(MN_F64, SHAPE(1, 6, 9), &rng);
    mn_tensor *t = mn_call(depths_coarse, T(origins, u), {"near", 2}, {"far", 4}, {"steps", 9});
    for (int k = 0; k < 9; k++) CHECK_NEAR(at(t, 9 + k), 2 + 0.25 * (k + at(u, 9 + k)), 1e-15);
    mn_tensor *w = mn_rand(MN_F64, SHAPE(1, 6, 8), &rng), *v = mn_rand(MN_F64, SHAPE(1, 6, 30), &rng);
    for (int k = 0; k < 8; k++) ((double *)w->data)[k] = 0;     /* a ray that hit nothing */
    ((double *)w->data)[8 + 3] = 1e6;                           /* and one wall */
    ((double *)v->data)[0] = 0;
    mn_tensor *fine = mn_call(depths_importance, T(w, t, v)), *even = mn_call(depths_importance, T(w, t), {"steps", 4});
    double worst = 0;
    for (int r = 0; r < 6; r++) {
        for (int k = 0; k < 30; k++) worst = worse(worst, fabs(at(fine, r * 30 + k) - importance((double *)w->data + 8 * r, (double *)t->data + 9 * r, 9, at(v, r * 30 + k))));
        for (int k = 0; k < 4; k++) worst = worse(worst, fabs(at(even, r * 4 + k) - importance((double *)w->data + 8 * r, (double *)t->data + 9 * r, 9, (k + 0.5) / 4)));
    }
    CHECK_NEAR(worst, 0, 1e-12);
    mn_tensor *m[2];
    CHECK_STATUS(MN_OK, mn_calln(m, depths_merge, T(t, fine)));
    for (int r = 0; r < 6; r++)
        for (int k = 0; k < 39; k++) {
            const int from = (int)at(m[1], r * 39 + k);
            CHECK(from >= 0 && from < 39 && at(m[0], r * 39 + k) == (from < 9 ? at(t, r * 9 + from) : at(fine, r * 30 + from - 9)));
            CHECK(k == 0 || at(m[0], r * 39 + k) >= at(m[0], r * 39 + k - 1));
        }
    mn_scope_close(scope);
}

static void test_raymarch(void) {
    mn_scope scope = mn_scope_open();
    mn_rng rng = mn_rng_seed(6, 0);
    enum { R = 3, D = 6, C = 2 };
    mn_tensor *rgb = mn_rand(MN_F64, SHAPE(1, R, D, C), &rng), *sigma = mn_randn(MN_F64, SHAPE(1, R, D, 1), &rng), *t = mn_rand(MN_F64, SHAPE(1, R, D), &rng), *o[3];
    double lo = INFINITY, hi = -INFINITY;
    for (int k = 0; k < R * D; k++) {
        double *v = (double *)t->data + k;
        *v = 2 + k % D + 0.5 * *v;
        if (k >= 2 * D) ((double *)sigma->data)[k] = -3000;     /* the last ray hits nothing at all */
        lo = fmin(lo, *v);
        hi = fmax(hi, *v);
    }
    CHECK_STATUS(MN_OK, mn_calln(o, raymarch, T(rgb, sigma, t)));
    for (int r = 0; r < R; r++) {
        double through = 1, out[C] = {0}, depth = 0, sum = 0;
        for (int k = 0; k < D - 1; k++) {
            const int q = r * D + k;
            const double dens = log1p(exp((at(sigma, q) + at(sigma, q + 1)) / 2 - 1)), a = 1 - exp(-dens * (at(t, q + 1) - at(t, q))), w = a * through;
            through *= 1 - a + 1e-10;
            for (int c = 0; c < C; c++) out[c] += w * (at(rgb, q * C + c) + at(rgb, (q + 1) * C + c)) / 2;
            depth += w * (at(t, q) + at(t, q + 1)) / 2;
            sum += w;
            CHECK_NEAR(at(o[2], r * (D - 1) + k), w, 1e-14);
        }
        for (int c = 0; c < C; c++) CHECK_NEAR(at(o[0], r * C + c), 2 * out[c] - 1, 1e-14);
        CHECK_NEAR(at(o[1], r), sum > 0 ? fmin(fmax(depth / sum, lo), hi) : hi, 1e-13);
    }
    mn_scope_close(scope);
}

static void test_pictures(void) {
    mn_scope scope = mn_scope_open();
    const double ramp[4] = {0, 1, 2, 7};
    mn_tensor *two = f64(SHAPE(1, 1, 1, 2), ramp), *four = f64(SHAPE(1, 1, 1, 4), ramp);
    mn_tensor *up = mn_call(resize, T(two), {"h", 1}, {"w", 4});                    /* quarters between the pixels, edges held */
    const double want_up[4] = {0, 0.25, 0.75, 1};
    for (int k = 0; k < 4; k++) CHECK_NEAR(at(up, k), want_up[k], 1e-15);
    mn_tensor *down = mn_call(resize, T(four), {"h", 1}, {"w", 2});                 /* triangle of half-width 2 at 1 and 3: 3/4 3/4 1/4 */
    CHECK_NEAR(at(down, 0), (0.75 * 1 + 0.25 * 2) / 1.75, 1e-15);
    CHECK_NEAR(at(down, 1), (0.25 * 1 + 0.75 * 2 + 0.75 * 7) / 1.75, 1e-15);
    mn_tensor *plain = mn_call(resize, T(four), {"h", 1}, {"w", 2}, {"antialias", 0});
    CHECK_NEAR(at(plain, 0), 0.5, 1e-15);
    CHECK_NEAR(at(plain, 1), 4.5, 1e-15);
    mn_tensor *keys = mn_call(resize, T(four), {"h", 1}, {"w", 2}, {"antialias", 0}, {"mode", 1});   /* -3/32 19/32 19/32 -3/32 at 0.5 */
    CHECK_NEAR(at(keys, 0), (-3 * 0 + 19 * 0 + 19 * 1 - 3 * 2) / 32., 1e-15);
    CHECK_NEAR(at(keys, 1), (-3 * 1 + 19 * 2 + 19 * 7 - 3 * 7) / 32., 1e-15);

    mn_rng rng = mn_rng_seed(8, 0);
    mn_tensor *x = mn_randn(MN_F64, SHAPE(1, 2, 5, 6), &rng), *patch = mn_call(crop2d, T(x), {"y0", 1}, {"y1", 4}, {"x0", 2}, {"x1", 4});
    CHECK(patch && mn_dim(patch, 2) == 3 && mn_dim(patch, 3) == 2);
    CHECK(at(patch, 6 + 2 * 2 + 1) == at(x, 30 + 3 * 6 + 3));
    mn_tensor *back = mn_call(paste2d, T(mn_zeros(MN_F64, SHAPE(1, 2, 5, 6)), patch), {"y0", 1}, {"x0", 2});
    for (int k = 0; k < 60; k++) {
        const int row = k / 6 % 5, col = k % 6;
        CHECK(at(back, k) == (row >= 1 && row < 4 && col >= 2 && col < 4 ? at(x, k) : 0));
    }

    /* Boxes that are tensors: what crop2d, resize and paste2d do with the same numbers, for boxes from a pixel to all. */
    mn_tensor *big = mn_randn(MN_F64, SHAPE(1, 2, 24, 20), &rng), *small = mn_randn(MN_F64, SHAPE(1, 2, 9, 11), &rng);
    static const int32_t boxes[][4] = {{3, 4, 7, 8}, {0, 24, 0, 20}, {5, 19, 2, 16}, {20, 24, 18, 20}, {1, 3, 0, 20}};
    for (size_t k = 0; k < sizeof boxes / sizeof *boxes; k++) {
        const int32_t *b = boxes[k];
        mn_tensor *box = mn_from(MN_I32, SHAPE(1, 4), b), *cut = mn_call(crop2d, T(big), {"y0", b[0]}, {"y1", b[1]}, {"x0", b[2]}, {"x1", b[3]});
        mn_tensor *want = mn_call(resize, T(cut), {"h", 8}, {"w", 7}), *got = mn_call(crop_resize, T(big, box), {"h", 8}, {"w", 7});
        for (int i = 0; i < 2 * 8 * 7; i++) CHECK_NEAR(at(got, i), at(want, i), 1e-14);
        want = mn_call(paste2d, T(big, mn_call(resize, T(small), {"h", b[1] - b[0]}, {"w", b[3] - b[2]})), {"y0", b[0]}, {"x0", b[2]});
        got = mn_call(paste_resize, T(big, small, box));
        for (int i = 0; i < 2 * 24 * 20; i++) CHECK_NEAR(at(got, i), at(want, i), 1e-14);
    }
    const int32_t no_box[4] = {3, 25, 0, 2};
    CHECK(!mn_call(crop_resize, T(big, mn_from(MN_I32, SHAPE(1, 4), no_box)), {"h", 1}, {"w", 1}) && strstr(mn_errmsg(), "no box inside x [1,2,24,20]"));
    mn_error_clear();
    CHECK(!mn_call(paste_resize, T(big, small, mn_from(MN_I32, SHAPE(2, 2), no_box))) && strstr(mn_errmsg(), "box: expected [1,4]"));
    mn_error_clear();

    /* A ring with a hole, a soft outer pixel that the flood passes, one beyond a full corner, and a diagonal gap it does not. */
    const double alpha[25] = {0, 0.5, 0, 0, 0,  0, 1, 1, 1, 0,  0, 1, 0.2, 1, 0,  0, 1, 1, 0.999, 0,  1, 0, 0, 1, 0};
    const double filled[25] = {0, 0.5, 0, 0, 0,  0, 1, 1, 1, 0,  0, 1, 1, 1, 0,  0, 1, 1, 1, 0,  1, 1, 1, 1, 0};
    mn_tensor *f = mn_call(flood_fill, T(f64(SHAPE(1, 1, 5, 5), alpha)));
    for (int k = 0; k < 25; k++) CHECK_NEAR(at(f, k), filled[k], 0);
    mn_scope_close(scope);
}

int main(void) {
    test_lookups();
    test_rasterize();
    test_rasterize_all();
    test_rays();
    test_depths();
    test_raymarch();
    test_pictures();
    /* mistakes are named */
    mn_scope scope = mn_scope_open();
    mn_rng rng = mn_rng_seed(1, 0);
    mn_tensor *x = mn_randn(MN_F32, SHAPE(2, 3, 4, 4), &rng), *g = mn_randn(MN_F32, SHAPE(3, 2, 2, 2), &rng);
    CHECK(!mn_call(grid_sample, T(x, g)) && strstr(mn_errmsg(), "x: expected N = 1 or 3") && strstr(mn_errmsg(), "[2,3,4,4]"));
    mn_error_clear();
    CHECK(!mn_call(crop2d, T(x), {"y0", 1}, {"y1", 5}, {"x0", 0}, {"x1", 1}) && strstr(mn_errmsg(), "no box inside x [2,3,4,4]"));
    mn_error_clear();
    CHECK(!mn_call(resize, T(x), {"h", 3}) && strstr(mn_errmsg(), "h and w must be whole numbers"));
    mn_error_clear();
    /* gradients that scatter have the same bits on one thread and on three */
    mn_tensor *planes = mn_param(mn_randn(MN_F32, SHAPE(1, 3, 40, 9, 9), &rng)), *points = mn_rand(MN_F32, SHAPE(1, 5000, 3), &rng);
    mn_tensor *first = NULL;
    for (int threads = 1; threads <= 3; threads += 2) {
        omp_set_num_threads(threads);
        mn_tensor *y = mn_call(triplane_sample, T(planes, points), {"box_warp", 2});
        CHECK_STATUS(MN_OK, mn_backward(mn_call(sum, T(mn_call(mul, T(y, y)))), NULL));
        if (first) CHECK(!memcmp(first->data, mn_grad_of(planes)->data, (size_t)first->n * 4));
        else first = mn_clone(mn_grad_of(planes));
        mn_grad_zero(planes);
    }
    mn_scope_close(scope);
    CHECK(mn_memory_stats().tensors == 0);
    return check_done("render");
}
