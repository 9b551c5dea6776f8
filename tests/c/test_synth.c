/* test_synth.c -- synthetic people without the real head: streams and noise against known numbers, curves, nearest
 * points, ribbons and triangles, the population z gives, expressions, cameras, backgrounds. */
#include <stdlib.h>
#include "camera.h"
#include "check.h"
#include "synth/composite.h"
#include "synth/curves.h"
#include "synth/noise.h"
#include "synth/person.h"
#include "synth/raster.h"
#include "synth/vec.h"

/* Numbers of the reference renderer's random_numbers.py for Random(11, 77). */
static void test_streams(void) {
    mn_stream s = mn_stream_new(11, 77);
    static const double UNIFORM[4] = {0.0043290863041477445, 0.97215505744715602, 0.40634185982898652, 0.59151212257625629};
    static const double NORMAL[3] = {0.268868784, -0.572467296, 0.725041635};
    float normal[3];
    for (int k = 0; k < 4; k++) CHECK_NEAR(mn_stream_uniform(&s), UNIFORM[k], 1e-15);
    mn_stream_normals(&s, 3, normal);
    for (int k = 0; k < 3; k++) CHECK_NEAR(normal[k], NORMAL[k], 2e-6);
    CHECK(s.count == 10);                                   /* two numbers a normal */
    double sum = 0, square = 0;
    enum { N = 20000 };
    for (int k = 0; k < N; k++) { double u = mn_stream_uniform(&s); sum += u; square += u * u; }
    CHECK_NEAR(sum / N, .5, .01);
    CHECK_NEAR(square / N, 1 / 3., .01);
}

static void test_noise(void) {
    static const float P[3] = {1.3f, -2.7f, .4f};
    CHECK_NEAR(mn_noise3(P, 1.2f, 1, 3), 0.56063138, 1e-6);
    float lo = 1, hi = 0, last = 0;
    double jump = 0;
    for (int k = 0; k < 4000; k++) {
        float p[3] = {.01f * (float)k, 3.3f, -7.1f}, n = mn_noise3(p, 1, 5, 2);
        lo = minf(lo, n);
        hi = maxf(hi, n);
        if (k) jump = worse(jump, fabsf(n - last));
        last = n;
    }
    CHECK(lo >= 0 && hi <= 1 && hi - lo > .4f);
    CHECK(jump < .05f);                                     /* slope of one octave is at most 1 a cell, of two 2 / 1.5 * 1.015 */
}

static void test_curves(void) {
    static const float SQUARE[8] = {0, 0, 2, 0, 2, 2, 0, 2};
    float out[2 * 64], along, side;
    CHECK(mn_catmull_rom(SQUARE, 4, 8, true, out) == 32);
    CHECK(mn_catmull_rom(SQUARE, 4, 8, false, out) == 25);
    for (int k = 0; k < 4; k++) CHECK_NEAR(out[2 * 8 * (k < 3 ? k : 3)], SQUARE[2 * k], 1e-6);      /* goes through its points */
    CHECK_NEAR(mn_polyline_distance(SQUARE, 4, true, 1, -.5f, &along, &side), .5, 1e-6);
    CHECK_NEAR(along, .125, 1e-6);
    CHECK(side == -1);
    CHECK_NEAR(mn_polyline_distance(SQUARE, 4, false, -1, 1, NULL, NULL), sqrt(2), 1e-6);         /* the fourth side is open */
    CHECK(mn_inside_polygon(SQUARE, 4, 1, 1.9f) && !mn_inside_polygon(SQUARE, 4, 2.1f, 1));
    static const float X[3] = {0, 1, 3}, Y[3] = {10, 20, 0};
    CHECK_NEAR(mn_interp(-1, 3, X, Y), 10, 0);
    CHECK_NEAR(mn_interp(2, 3, X, Y), 10, 1e-6);
    CHECK_NEAR(mn_interp(9, 3, X, Y), 0, 0);
}

static void test_nearest(void) {
    enum { N = 400, Q = 300 };
    float points[3 * N];
    mn_stream s = mn_stream_new(3, 4);
    for (int k = 0; k < 3 * N; k++) points[k] = 10 * (float)mn_stream_uniform(&s);
    mn_grid *grid = mn_grid_new(points, N, .8f);
    CHECK(grid != NULL);
    int wrong = 0, none = 0;
    for (int q = 0; q < Q && grid; q++) {
        float p[3], best = INFINITY;
        int nearest = -1, any;
        for (int k = 0; k < 3; k++) p[k] = 16 * (float)mn_stream_uniform(&s) - 3;
        for (int i = 0; i < N; i++) {
            float d = 0;
            for (int k = 0; k < 3; k++) d += (p[k] - points[3 * i + k]) * (p[k] - points[3 * i + k]);
            if (d < best) { best = d; nearest = i; }
        }
        any = nearest;
        if (!(best < 2 * 2)) nearest = -1;
        wrong += mn_grid_nearest(grid, p, 1000, -1) != any || mn_grid_nearest(grid, p, 2, -1) != nearest || mn_grid_nearest(grid, p, 2, q % N) != nearest;
        none += nearest < 0;
    }
    CHECK(wrong == 0);
    CHECK(none > 10 && none < Q);                           /* both answers were asked for */
    mn_grid_free(grid);
}

static int count_id(const mn_raster *r, int id) {
    int n = 0;
    for (int i = 0; i < r->width * r->height; i++) n += r->id[i] == id;
    return n;
}

static void test_raster(void) {
    mn_raster r;
    CHECK(mn_raster_new(&r, 40, 30, true) == MN_OK);
    const float a[3] = {2, 2, -.5f}, b[3] = {22, 2, -.5f}, c[3] = {2, 22, -.25f}, d[3] = {22, 22, -.25f};
    mn_raster_triangle(&r, a, b, c, 1, true);
    mn_raster_triangle(&r, b, d, c, 2, true);
    CHECK(count_id(&r, 1) + count_id(&r, 2) == 400);        /* the square, its diagonal drawn once */
    CHECK_NEAR(count_id(&r, 1), 200, 20);
    CHECK_NEAR(r.depth[12 * 40 + 8], -.5 + .25 * 10.5 / 20, 1e-6);
    mn_raster_triangle(&r, a, c, b, 3, true);               /* turned away */
    CHECK(count_id(&r, 3) == 0);
    const float behind[3] = {0, 0, MN_RASTER_BEHIND}, far[3] = {3e38f, 1, -.9f}, wild[3] = {NAN, 1, -.9f};
    mn_raster_triangle(&r, a, b, behind, 4, false);
    mn_raster_triangle(&r, a, b, wild, 4, false);
    CHECK(count_id(&r, 4) == 0);
    mn_raster_triangle(&r, a, far, far, 5, false);          /* no area; must not run away */
    mn_raster_ribbon(&r, behind, a, 1, 1, 6);
    mn_raster_ribbon(&r, wild, a, 1, 1, 6);
    CHECK(count_id(&r, 6) == 0);
    const float p[3] = {5, 25, -.4f}, q[3] = {35, 15, -.6f};
    mn_raster_ribbon(&r, p, q, 2, 2, 7);
    CHECK_NEAR(count_id(&r, 7), 4 * sqrt(1000), 12);        /* what the square hides is nearer on neither side */
    mn_raster_ribbon(&r, p, q, 2, 2, 8);
    CHECK(count_id(&r, 8) == 0);                            /* the first of equals stays */
    mn_raster_free(&r);
}

/* A long triangle crosses many blocks of samples in x, its mirror image in x and y one or two: both must fill alike. */
static void test_raster_spans(void) {
    mn_raster wide, tall;
    CHECK(mn_raster_new(&wide, 64, 64, true) == MN_OK && mn_raster_new(&tall, 64, 64, true) == MN_OK);
    const float a[3] = {3.2f, 10.1f, -.5f}, b[3] = {60.7f, 11.9f, -.4f}, c[3] = {30.3f, 13.4f, -.3f};
    const float at[3] = {10.1f, 3.2f, -.5f}, bt[3] = {11.9f, 60.7f, -.4f}, ct[3] = {13.4f, 30.3f, -.3f};
    mn_raster_triangle(&wide, a, b, c, 1, false);
    mn_raster_triangle(&tall, at, bt, ct, 1, false);
    mn_raster_ribbon(&wide, a, c, 1.5f, .5f, 2);
    mn_raster_ribbon(&tall, at, ct, 1.5f, .5f, 2);
    int differ = 0;
    for (int y = 0; y < 64; y++) for (int x = 0; x < 64; x++) differ += wide.id[y * 64 + x] != tall.id[x * 64 + y];
    CHECK(count_id(&wide, 1) > 20 && count_id(&wide, 2) > 20);
    CHECK(differ <= 2);                                     /* rounding on an edge */
    mn_raster_free(&wide);
    mn_raster_free(&tall);
}

static double edge(const float *a, const float *b, double x, double y) {
    return ((double)b[0] - (double)a[0]) * (y - (double)a[1]) - ((double)b[1] - (double)a[1]) * (x - (double)a[0]);
}

/* Blocks of samples begin anywhere in a triangle and end beyond the picture: samples in it are drawn, no others, in the next row least of all. */
static void test_raster_blocks(void) {
    enum { W = 21, H = 12 };
    for (int shift = -9; shift < 20; shift++) {
        mn_raster r;
        CHECK(mn_raster_new(&r, W, H, true) == MN_OK);
        float p[3][3] = {{(float)shift + .3f, 1.2f, -.5f}, {(float)shift + 14.6f, 3.7f, -.4f}, {(float)shift + 5.1f, 15.4f, -.3f}};
        mn_raster_triangle(&r, p[0], p[1], p[2], 1, true);
        float a[3] = {(float)shift - 3, 2.6f, -.6f}, b[3] = {(float)shift + 13, 2.6f, -.6f};
        mn_raster_ribbon(&r, a, b, 1, 1, 2);
        int wrong = 0, inside = 0;
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                double least = INFINITY;
                for (int k = 0; k < 3; k++) least = fmin(least, edge(p[k], p[(k + 1) % 3], x + .5, y + .5));
                int want = x >= shift - 3 && x < shift + 13 && fabs(y + .5 - 2.6) <= 1 ? 2 : least > 0 ? 1 : -1;
                inside += want > 0;
                wrong += r.id[y * W + x] != want || (want < 0) != (r.depth[y * W + x] >= MN_RASTER_FAR);
            }
        CHECK(inside > 5 && wrong == 0);
        mn_raster_free(&r);
    }
}

/* Leaving out hidden ribbons must change nothing; tiles at the rim of a picture that is no multiple of them included. */
static void test_raster_occlude(void) {
    mn_raster plain, quick;
    CHECK(mn_raster_new(&plain, 75, 61, true) == MN_OK && mn_raster_new(&quick, 75, 61, true) == MN_OK);
    mn_rng rng = mn_rng_seed(5, 0);
    float p[3][3];
    for (int i = 0; i < 400; i++) {
        if (i == 100 || i == 250) CHECK(mn_raster_occlude(&quick) == MN_OK);
        for (int k = 0; k < 3; k++) {
            p[k][0] = (float)mn_rng_uniform(&rng) * 90 - 8;
            p[k][1] = (float)mn_rng_uniform(&rng) * 76 - 8;
            p[k][2] = -.3f - .4f * (float)mn_rng_uniform(&rng);
        }
        for (int both = 0; both < 2; both++) {
            mn_raster *r = both ? &quick : &plain;
            if (i < 100) mn_raster_triangle(r, p[0], p[1], p[2], i, false); else mn_raster_ribbon(r, p[0], p[1], 1.5f, .5f, i);
        }
    }
    int drawn = 0;
    for (int i = 0; i < 75 * 61; i++) drawn += plain.id[i] >= 100;
    CHECK(drawn > 100 && drawn < 75 * 61);                  /* some ribbons in front, some behind */
    CHECK(!memcmp(plain.depth, quick.depth, 75 * 61 * sizeof(float)) && !memcmp(plain.id, quick.id, 75 * 61 * sizeof(int32_t)));
    mn_raster_free(&plain);
    mn_raster_free(&quick);
}

static void random_z(mn_rng *rng, float z[MN_PERSON_Z]) {
    for (int k = 0; k < MN_PERSON_Z; k++) z[k] = (float)mn_rng_normal(rng);
}

/* Style frequencies at a tone follow the documented weights. */
static void test_styles(void) {
    static const float WEIGHT[3][MN_HAIR_STYLES] = {
        [0] = {[MN_HAIR_SHORT] = 3, [MN_HAIR_BUZZ] = .8f, [MN_HAIR_FRINGE] = 1.5f, [MN_HAIR_SLICK] = 1.2f, [MN_HAIR_BOB] = 1.8f,
               [MN_HAIR_LONG] = 2.2f, [MN_HAIR_CURLY] = 1.2f, [MN_HAIR_AFRO] = .15f, [MN_HAIR_BALD] = .3f},
        [1] = {[MN_HAIR_SHORT] = 2, [MN_HAIR_BUZZ] = 1, [MN_HAIR_FRINGE] = 2, [MN_HAIR_SLICK] = 1.2f, [MN_HAIR_BOB] = 2,
               [MN_HAIR_LONG] = 2, [MN_HAIR_CURLY] = 1.2f, [MN_HAIR_AFRO] = .4f, [MN_HAIR_BALD] = .3f},
        [2] = {[MN_HAIR_SHORT] = .8f, [MN_HAIR_BUZZ] = 2, [MN_HAIR_FRINGE] = .3f, [MN_HAIR_SLICK] = .5f, [MN_HAIR_BOB] = .6f,
               [MN_HAIR_LONG] = .6f, [MN_HAIR_CURLY] = 2, [MN_HAIR_AFRO] = 2.2f, [MN_HAIR_BALD] = .5f}};
    enum { N = 6000 };
    mn_rng rng = mn_rng_seed(1, 2);
    for (int tone = 0; tone < 3; tone++) {
        int count[MN_HAIR_STYLES] = {0};
        float total = 0;
        for (int k = 0; k < MN_HAIR_STYLES; k++) total += WEIGHT[tone][k];
        for (int i = 0; i < N; i++) {
            float z[MN_PERSON_Z];
            mn_traits t;
            random_z(&rng, z);
            z[40] = tone == 0 ? -6 : tone == 1 ? 0 : 6;
            mn_traits_from_z(z, &t);
            count[t.style]++;
        }
        for (int k = 0; k < MN_HAIR_STYLES; k++)            /* 4 standard errors of a share of .25 */
            CHECK_NEAR(count[k] / (double)N, WEIGHT[tone][k] / total, 4 * sqrt(.25 * .75 / N));
    }
}

static void test_population(void) {
    enum { N = 4000 };
    mn_rng rng = mn_rng_seed(3, 0);
    int bearded = 0, made_up = 0, both = 0, freckled = 0, dyed = 0, bad = 0;
    double tone = 0, identity = 0, blond_light = 0, light = 0;
    for (int i = 0; i < N; i++) {
        float z[MN_PERSON_Z];
        mn_traits t;
        random_z(&rng, z);
        mn_traits_from_z(z, &t);
        bearded += t.look.beard > 0;
        made_up += t.make_up > .5f;
        both += t.look.beard > 0 && t.make_up >= 1;
        freckled += t.look.freckles > 0;
        dyed += t.dye > .5f;
        tone += t.tone / N;
        identity += t.identity[7] * t.identity[7] / N;
        if (t.tone < .2f) { light++; blond_light += t.hair_place > 5.5f; }
        for (size_t k = 0; k < sizeof t.look / sizeof(float); k++) {
            float v = ((float *)&t.look)[k];
            bad += !(v >= 0 && v <= 3);
        }
        for (int k = MN_PERSON_MODES; k < MN_IDENTITY_MAX; k++) bad += t.identity[k] != 0;
    }
    CHECK(bad == 0);
    CHECK_NEAR(tone, .5, .02);
    CHECK_NEAR(identity, .74, .06);                         /* .81 * variance of N(0,1) clipped at 2.2, .909 */
    CHECK_NEAR(made_up / (double)N, .28, .03);
    CHECK(both == 0);
    CHECK(bearded > N / 7 && bearded < N / 3);
    CHECK(freckled > N / 10 && freckled < N / 3);
    CHECK_NEAR(dyed / (double)N, .032, .012);
    CHECK(blond_light / light > .2 && blond_light / light < .45);
}

/* A small step in z is a small step in every number of the look (the style itself may switch). */
static void test_continuity(void) {
    mn_rng rng = mn_rng_seed(9, 1);
    double worst = 0;
    for (int i = 0; i < 300; i++) {
        float z[MN_PERSON_Z];
        mn_traits a, b;
        random_z(&rng, z);
        mn_traits_from_z(z, &a);
        for (int k = 40; k < MN_PERSON_Z; k++) z[k] += 1e-3f * (float)mn_rng_normal(&rng);
        mn_traits_from_z(z, &b);
        if (a.style != b.style) continue;
        for (size_t k = 0; k < sizeof a.look / sizeof(float); k++) worst = worse(worst, fabsf(((float *)&a.look)[k] - ((float *)&b.look)[k]));
        for (int k = 0; k < 3; k++) worst = worse(worst, fabsf(a.iris[k] - b.iris[k]));
    }
    CHECK(worst > 1e-5f && worst < .03f);                   /* measured .011: freckles where they are rare */
}

static void test_expressions(void) {
    float w[MN_EXPR_UNITS], half[MN_EXPR_UNITS], out[MN_EXPR_UNITS];
    CHECK(mn_synth_unit("noseSneer_R") == 56 && mn_synth_unit("nose") < 0 && mn_synth_unit_name(57) == NULL);
    CHECK(!strcmp(mn_expression_name(0), "neutral") && !strcmp(mn_expression_name(12), "grin"));
    for (int i = 0; mn_expression_name(i); i++) {
        float sum = 0;
        CHECK_STATUS(MN_OK, mn_expression_named(mn_expression_name(i), 1, w));
        CHECK_STATUS(MN_OK, mn_expression_named(mn_expression_name(i), .5f, half));
        for (int k = 0; k < MN_EXPR_UNITS; k++) { sum += w[k]; CHECK_NEAR(half[k], .5f * w[k], 1e-6); }
        CHECK((sum > 0) == (i > 0));
    }
    mn_expression_named("angry", 1, w);                     /* AU 4, 5, 7 and 23 are there to be seen */
    CHECK(w[mn_synth_unit("browDown_L")] > 1 && w[mn_synth_unit("eyeWide_R")] > .5f && w[mn_synth_unit("eyeSquint_L")] > .5f && w[mn_synth_unit("mouthPress_R")] > .5f);
    CHECK_STATUS(MN_ENOTFOUND, mn_expression_named("smirk", 1, w));
    CHECK_STATUS(MN_EARG, mn_expression_named("smile", NAN, w));
    mn_expression_named("close eyes", 1, w);
    const float blink[2] = {.8f, 1.2f}, gaze[2] = {15, -9};
    mn_expression_effective(blink, gaze, w, out);
    CHECK_NEAR(out[14], .9, 1e-6);
    CHECK_NEAR(out[15], 1.35, 1e-6);
    CHECK_NEAR(out[mn_synth_unit("eyeLookOut_L")], .5, 1e-6);
    CHECK_NEAR(out[mn_synth_unit("eyeLookIn_R")], .5, 1e-6);
    CHECK_NEAR(out[mn_synth_unit("eyeLookDown_R")], .3, 1e-6);
    CHECK(out[mn_synth_unit("eyeLookUp_L")] == 0);
    mn_rng rng = mn_rng_seed(5, 5);
    int still = 0;
    for (int i = 0; i < 300; i++) {
        float sum = 0;
        mn_expression_random(&rng, w);
        for (int k = 0; k < MN_EXPR_UNITS; k++) { CHECK(w[k] >= 0 && w[k] <= 2); sum += w[k]; }
        still += sum == 0;
    }
    CHECK_NEAR(still / 300., .4 * .5 * .85 * .2 * .88, .03);
}

static void test_camera(void) {
    float c[MN_CAMERA];
    mn_camera_orbit(0, 0, 0, 2.7f, 3.6f, c);
    static const float FRONT[MN_CAMERA] = {1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 2.7f, 0, 0, 0, 1, 3.6f, 0, .5f, 0, 3.6f, .5f, 0, 0, 1};
    for (int k = 0; k < MN_CAMERA; k++) CHECK_NEAR(c[k], FRONT[k], 1e-6);
    mn_camera_orbit(30, 20, 25, 3, 2, c);
    CHECK(c[3] > 0 && c[7] > 0);                            /* towards the subject's left, and up */
    for (int i = 0; i < 3; i++) {                           /* a rotation whose z axis points at the origin */
        CHECK_NEAR(c[4 * i + 3], -3 * c[4 * i + 2], 1e-5);
        for (int j = 0; j < 3; j++) CHECK_NEAR(c[i] * c[j] + c[4 + i] * c[4 + j] + c[8 + i] * c[8 + j], i == j, 1e-6);
    }
    CHECK(c[4] < 0);                                        /* rolled clockwise: the right side is lower */
    mn_camera_orbit(30, 20, 0, 3, 2, c);
    mn_camera_look_at((float[]){0, 0, .2f}, 0, c);
    float to[3] = {-c[3], -c[7], .2f - c[11]}, length = sqrtf(to[0] * to[0] + to[1] * to[1] + to[2] * to[2]);
    for (int i = 0; i < 3; i++) CHECK_NEAR(c[4 * i + 2], to[i] / length, 1e-6);          /* the point lies ahead, */
    CHECK(c[4] == 0 && c[5] < 0);                           /* the horizon level, down below */
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) CHECK_NEAR(c[i] * c[j] + c[4 + i] * c[4 + j] + c[8 + i] * c[8 + j], i == j, 1e-6);
    mn_camera_orbit(0, 90, 0, 1, 1, c);                     /* straight down is no special case */
    CHECK_NEAR(c[7], 1, 1e-6);
    CHECK_NEAR(c[0], 1, 1e-6);
}

static void test_composite(void) {
    const float red[3] = {1, 0, 0}, blue[3] = {0, 0, 1};
    uint8_t rgba[3 * 3 * 4], rgb[27];
    float skin = .4f;
    for (int i = 0; i < 9; i++) {                           /* columns: nothing, half, all of a grey .4 */
        float a = (float)(i % 3) / 2;
        for (int k = 0; k < 3; k++) rgba[4 * i + k] = mn_srgb_byte(a * skin + (1 - a) * MN_COMPOSITE_GREY);
        rgba[4 * i + 3] = (uint8_t)(255 * a + .5f);
    }
    CHECK(rgba[0] == 128);
    mn_composite(rgba, 3, red, blue, rgb);
    CHECK(rgb[3 * 2] == mn_srgb_byte(skin));
    for (int y = 0; y < 3; y++) {
        float g = ((float)y + .5f) / 3;
        CHECK_NEAR(rgb[9 * y], mn_srgb_byte(1 - g), 1);
        CHECK_NEAR(rgb[9 * y + 2], mn_srgb_byte(g), 1);
        CHECK_NEAR(rgb[9 * y + 3], mn_srgb_byte(.5f * skin + .5f * (1 - g)), 2);
        CHECK_NEAR(rgb[9 * y + 5], mn_srgb_byte(.5f * skin + .5f * g), 2);
    }
    for (int k = 0; k < 256; k++) CHECK(mn_srgb_byte(mn_srgb_linear((float)k / 255)) == k);
}

int main(void) {
    test_streams();
    test_noise();
    test_curves();
    test_nearest();
    test_raster();
    test_raster_spans();
    test_raster_blocks();
    test_raster_occlude();
    test_styles();
    test_population();
    test_continuity();
    test_expressions();
    test_camera();
    test_composite();
    return check_done("synth");
}
