/* bench_render.c -- how long the rendering ops take: milliseconds (the fastest of several runs), one line each.
 * docs/bench/render.md holds the build command and what was measured. */
#include <omp.h>
#include <time.h>
#include "internal.h"
#include "check.h"

static double now(void) {
    struct timespec t;
    clock_gettime(omp_get_max_threads() == 1 ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}
#define SHAPE(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]){__VA_ARGS__}
#define TIME(name, statements) do {                                                                       \
    double best = 1e30;                                                                                   \
    for (int run = 0; run < 5; run++) {                                                                   \
        mn_scope turn = mn_scope_open();                                                                  \
        double start = now();                                                                             \
        statements;                                                                                       \
        double took = now() - start;                                                                      \
        best = took < best ? took : best;                                                                 \
        mn_scope_close(turn);                                                                             \
    }                                                                                                     \
    printf("%-44s %8.2f  %s\n", name, best, mn_errmsg());                                                 \
} while (0)

/* A sphere of 10,000 triangles that fills the picture, and its texture coordinates. */
enum { LONG = 100, LAT = 50 };
static void sphere(mn_tensor **pos, mn_tensor **faces, mn_tensor **uv) {
    float p[(LAT + 1) * LONG][3], t[(LAT + 1) * LONG][2];
    int32_t f[2 * LAT * LONG][3];
    for (int i = 0; i <= LAT; i++)
        for (int j = 0; j < LONG; j++) {
            const double a = M_PI * i / LAT, b = 2 * M_PI * j / LONG;
            const double v[3] = {0.95 * sin(a) * cos(b), 0.95 * cos(a), 5 + sin(a) * sin(b)};
            for (int k = 0; k < 3; k++) p[i * LONG + j][k] = (float)v[k];
            t[i * LONG + j][0] = (float)(2. * j / LONG - 1);
            t[i * LONG + j][1] = (float)(2. * i / LAT - 1);
        }
    for (int i = 0; i < LAT; i++)
        for (int j = 0; j < LONG; j++) {
            const int32_t a = i * LONG + j, b = i * LONG + (j + 1) % LONG, quad[2][3] = {{a, b, a + LONG}, {b, b + LONG, a + LONG}};
            memcpy(f[2 * a], quad, sizeof quad);
        }
    *pos = mn_from(MN_F32, SHAPE(1, (LAT + 1) * LONG, 3), p);
    *faces = mn_from(MN_I32, SHAPE(2 * LAT * LONG, 3), f);
    *uv = mn_from(MN_F32, SHAPE((LAT + 1) * LONG, 2), t);
}

static void mesh(void) {
    mn_scope scope = mn_scope_open();
    mn_rng rng = mn_rng_seed(1, 0);
    mn_tensor *pos, *faces, *uv, *o[3];
    sphere(&pos, &faces, &uv);
    mn_tensor *texture = mn_randn(MN_F32, SHAPE(1, 32, 256, 256), &rng), *seed = mn_randn(MN_F32, SHAPE(1, 32, 256, 256), &rng);
    TIME("rasterize 10,000 faces, 256x256", mn_calln(o, rasterize, T(pos, faces), {"size", 256}));
    mn_calln(o, rasterize, T(pos, faces), {"size", 256});
    TIME("interpolate uv", mn_call(interpolate, T(o[1], o[0], uv, faces)));
    mn_tensor *grid = mn_call(interpolate, T(o[1], o[0], uv, faces));
    TIME("grid_sample 32 channels", mn_call(grid_sample, T(texture, grid)));
    mn_param(texture);
    TIME("  and back to the texture", mn_backward(mn_call(grid_sample, T(texture, grid)), seed));
    TIME("resize 64x64 to 128x128, 32 channels", mn_call(resize, T(mn_view(seed, SHAPE(1, 32, 64, 64), 0)), {"h", 128}, {"w", 128}));
    mn_scope_close(scope);
}

/* Planes [1,3,c,size,size], 64x64 rays, d coarse and d fine samples, decoder c -> hidden -> 1 + c. */
typedef struct scene { int64_t c, size, d; mn_tensor *planes, *cam, *w0, *b0, *w1, *b1, *seed; } scene;

/* Through one op per step, as the published code does it. */
static mn_tensor *field(scene *s, mn_tensor *origin, mn_tensor *dir, mn_tensor *t) {
    const int64_t rays = mn_dim(t, 1), d = mn_dim(t, 2);
    mn_tensor *p = mn_call(add, T(mn_view(origin, SHAPE(1, rays, 1, 3), 0), mn_call(mul, T(mn_view(dir, SHAPE(1, rays, 1, 3), 0), mn_view(t, SHAPE(1, rays, d, 1), 0)))));
    mn_tensor *f = mn_call(triplane_sample, T(s->planes, mn_view(p, SHAPE(1, rays * d, 3), 0)));
    mn_tensor *y = mn_call(linear, T(mn_call(softplus, T(mn_call(linear, T(f, s->w0, s->b0)))), s->w1, s->b1));
    return mn_call(reshape, T(y), {"d0", 1}, {"d1", rays}, {"d2", d}, {"d3", s->c + 1});
}
static mn_tensor *step_by_step(scene *s) {
    mn_tensor *ray[2], *order[2], *o[3];
    mn_calln(ray, rays, T(s->cam), {"res", 64});
    mn_tensor *t = mn_call(depths_coarse, T(ray[0]), {"steps", s->d}), *y = field(s, ray[0], ray[1], t), *sigma = mn_call(slice, T(y), {"axis", 3}, {"stop", 1});
    const bool was = mn_tape_enable(false);
    mn_calln(o, raymarch, T(sigma, sigma, t));
    mn_tensor *fine = mn_call(depths_importance, T(o[2], t), {"steps", s->d});
    mn_tape_enable(was);
    mn_calln(order, depths_merge, T(t, fine));
    y = mn_call(merge_samples, T(y, field(s, ray[0], ray[1], fine), order[1]));
    mn_tensor *rgb = mn_call(affine, T(mn_call(sigmoid, T(mn_call(slice, T(y), {"axis", 3}, {"start", 1})))), {"scale", 1.002}, {"shift", -0.001});
    mn_calln(o, raymarch, T(rgb, mn_call(slice, T(y), {"axis", 3}, {"stop", 1}), order[0]));
    return o[0];
}
/* Through render_rays: a pass without colours says where the fine samples go, then all samples at once. */
static mn_tensor *fused(scene *s) {
    mn_tensor *ray[2], *order[2], *o[3];
    mn_calln(ray, rays, T(s->cam), {"res", 64});
    const bool was = mn_tape_enable(false);
    mn_tensor *t = mn_call(depths_coarse, T(ray[0]), {"steps", s->d}), *w = mn_call(slice, T(s->w1), {"axis", 0}, {"stop", 1}), *b = mn_call(slice, T(s->b1), {"axis", 0}, {"stop", 1});
    mn_calln(o, render_rays, T(s->planes, ray[0], ray[1], t, s->w0, s->b0, w, b));
    mn_calln(order, depths_merge, T(t, mn_call(depths_importance, T(o[2], t), {"steps", s->d})));
    mn_tape_enable(was);
    mn_calln(o, render_rays, T(s->planes, ray[0], ray[1], order[0], s->w0, s->b0, s->w1, s->b1));
    return o[0];
}

static void volume(int64_t c, int64_t size, int64_t d, int64_t hidden) {
    static const float cam[25] = {1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 2.7f, 0, 0, 0, 1, 4.2647f, 0, 0.5f, 0, 4.2647f, 0.5f, 0, 0, 1};
    mn_scope scope = mn_scope_open();
    mn_rng rng = mn_rng_seed(2, 0);
    scene s = {c, size, d, mn_randn(MN_F32, SHAPE(1, 3, c, size, size), &rng), mn_from(MN_F32, SHAPE(1, 25), cam), mn_randn(MN_F32, SHAPE(hidden, c), &rng),
               mn_randn(MN_F32, SHAPE(hidden), &rng), mn_randn(MN_F32, SHAPE(c + 1, hidden), &rng), mn_randn(MN_F32, SHAPE(c + 1), &rng), mn_randn(MN_F32, SHAPE(1, 4096, c), &rng)};
    printf("planes %lldx%lld, %lld channels, 64x64 rays, %lld + %lld samples, %lld hidden\n", (long long)size, (long long)size, (long long)c, (long long)d, (long long)d, (long long)hidden);
    for (int way = 0; way < 2; way++) {
        mn_tensor *(*render)(scene *) = way ? fused : step_by_step;
        mn_memory_reset_peak();
        TIME(way ? "  render_rays: forward" : "  op by op: forward", render(&s));
        mn_tensor *trained[5] = {s.planes, s.w0, s.b0, s.w1, s.b1};
        for (int k = 0; k < 5; k++) mn_param(trained[k]);
        TIME(way ? "  render_rays: and back" : "  op by op: and back", mn_backward(render(&s), s.seed));
        printf("  most memory %.0f MB\n", (double)mn_memory_stats().peak * 1e-6);
        for (int k = 0; k < 5; k++) { mn_grad_zero(trained[k]); trained[k]->wants_grad = false; }
    }
    mn_scope_close(scope);
}

int main(void) {
    mesh();
    volume(16, 128, 14, 32);
    volume(32, 256, 48, 64);
    return mn_errcode() != 0;
}
