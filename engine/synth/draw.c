/* draw.c -- one person's picture: pose, project, rasterise, shade, and resolve to RGBA.
 *
 * Strands are drawn as screen-aligned ribbons, thinner at the tip but never thinner than about a sample.  The resolve
 * bends values above 0.7 towards 1, averages the samples of a pixel in linear light and applies the sRGB curve. */
#include "camera.h"
#include "synth/composite.h"
#include "synth/frame.h"
#include "synth/hair.h"
#include <stdlib.h>
#include <string.h>

static const float CM_PER_UNIT = 40;                        /* camera.h: 2.5 world units are a metre */
static const vec3 WORLD_ORIGIN = MN_WORLD_ORIGIN;
static const float HAIR_WIDTH = .10f, LASH_WIDTH = .022f;   /* cm; a strand stands for a bundle of hairs */
static const float LEAST_HAIR = .55f, LEAST_LASH = .42f;    /* half-widths in samples */
enum { MOST_SAMPLES = 8 };                                  /* across a pixel */
static const float NEAREST = 1;                             /* cm in front of the camera */

/* With 2 samples LEAST_HAIR makes the strands of a picture of 128 pixels 1.3 times as wide as they are, with 3 they are right; with 5
 * little is left of the grain that comes from where samples happen to lie. */
mn_shot mn_shot_default(void) {
    mn_shot shot = {.size = 128, .supersample = 5};
    mn_camera_orbit(0, 0, 0, MN_CAMERA_RADIUS, MN_CAMERA_FOCAL, shot.camera);
    return shot;
}

static mn_status check_shot(const mn_shot *shot) {
    if (shot->size < 1 || shot->size > 4096) return mn_fail(MN_EARG, "person_draw: size should be 1..4096, found %d", shot->size);
    if (shot->supersample < 1 || shot->supersample > MOST_SAMPLES || shot->size * shot->supersample > 8192)
        return mn_fail(MN_EARG, "person_draw: supersample should be 1..%d and size times it at most 8192, found %d for size %d", MOST_SAMPLES, shot->supersample, shot->size);
    for (int k = 0; k < MN_CAMERA; k++)
        if (!isfinite(shot->camera[k])) return mn_fail(MN_EARG, "person_draw: camera number %d is not finite", k);
    if (!(shot->camera[16] > 0 && shot->camera[20] > 0))
        return mn_fail(MN_EARG, "person_draw: focal lengths should be > 0, found %g and %g", (double)shot->camera[16], (double)shot->camera[20]);
    for (int k = 0; k < MN_EXPR_UNITS; k++)
        if (!isfinite(shot->expr[k])) return mn_fail(MN_EARG, "person_draw: the weight of %s is not finite", mn_synth_unit_name(k));
    for (int k = 0; k < 3; k++)
        if (!isfinite(shot->head[k]) || (k < 2 && !isfinite(shot->gaze[k]))) return mn_fail(MN_EARG, "person_draw: head and gaze angles should be finite");
    return MN_OK;
}

static void set_camera(mn_frame *f, const float *camera, int samples) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) f->R[3 * i + j] = camera[4 * j + i];                /* transpose: world to camera */
    vec3 place = v3_mad(WORLD_ORIGIN, (vec3){camera[3], camera[7], camera[11]}, CM_PER_UNIT), t = v3_apply(f->R, place);
    f->eye = place;
    v3_store(f->t, v3_scale(t, -1));
    float n = (float)samples;
    f->fx = camera[16] * n; f->skew = camera[17] * n; f->cx = camera[18] * n;
    f->fy = camera[20] * n; f->cy = camera[21] * n;
}

static void project(const mn_frame *f, const float *points, int n, float *out) {
    for (int i = 0; i < n; i++, out += 3) {
        vec3 p = v3_add(v3_apply(f->R, v3(points + 3 * (size_t)i)), v3(f->t));
        if (!(p.z > NEAREST)) { out[0] = out[1] = 0; out[2] = MN_RASTER_BEHIND; continue; }
        out[0] = (f->fx * p.x + f->skew * p.y) / p.z + f->cx;
        out[1] = f->fy * p.y / p.z + f->cy;
        out[2] = -1 / p.z;
    }
}

/* Unit normals over welded vertices; tension compares the area around a vertex with that at rest. */
static void set_normals(mn_frame *f) {
    const mn_head *h = f->head;
    const int32_t *weld = h->g.weld;
    int V = h->g.n_vertices;
    memset(f->normals, 0, (size_t)V * 3 * sizeof *f->normals);
    for (int i = 0; i < h->n_triangles; i++) {
        const int32_t *t = h->triangles + 3 * i;
        vec3 a = v3(f->vertices + 3 * t[0]), n = v3_cross(v3_sub(v3(f->vertices + 3 * t[1]), a), v3_sub(v3(f->vertices + 3 * t[2]), a));
        for (int k = 0; k < 3; k++) {
            float *sum = f->normals + 3 * weld[t[k]];
            sum[0] += n.x; sum[1] += n.y; sum[2] += n.z;
        }
    }
    for (int i = 0; i < V; i++) {
        vec3 n = v3(f->normals + 3 * weld[i]);
        f->tension[i] = f->person->rest_area[i] > 1e-9f ? sqrtf(v3_dot(n, n)) / f->person->rest_area[i] : 1;
    }
    for (int i = 0; i < V; i++) if (weld[i] == i) v3_store(f->normals + 3 * i, v3_unit(v3(f->normals + 3 * i)));
    for (int i = 0; i < V; i++) if (weld[i] != i) memcpy(f->normals + 3 * i, f->normals + 3 * weld[i], 3 * sizeof(float));
}

static void draw_mesh(mn_frame *f) {
    for (int i = 0; i < f->head->n_triangles; i++) {        /* y points down on the picture, so corners go 0, 2, 1 */
        const int32_t *t = f->head->triangles + 3 * i;
        mn_raster_triangle(&f->screen, f->seen + 3 * t[0], f->seen + 3 * t[2], f->seen + 3 * t[1], i, true);
    }
}

/* The piece of a strand from this point to the next. */
static void draw_piece(mn_frame *f, int at) {
    int k = at / f->points, j = at % f->points;
    bool hair = k < f->n_hairs;
    float steps = mn_strand_steps(f, k), least = hair ? LEAST_HAIR : LEAST_LASH, width = .5f * (hair ? HAIR_WIDTH : LASH_WIDTH) * f->fx, half[2];
    const float *a = f->seen_strands + 3 * (size_t)at;
    for (int e = 0; e < 2; e++) {
        float left = maxf(0, 1 - (float)(j + e) / steps);
        half[e] = maxf(least, width * -a[3 * e + 2] * (.35f + .65f * minf(1, 3 * left)));
    }
    mn_raster_ribbon(&f->screen, a, a + 3, half[0], half[1], f->head->n_triangles + at);
}

/* Long hair has some twenty layers: pieces are drawn in rounds, the nearest first, and the rasteriser learns before each what is covered. */
static mn_status draw_strands(mn_frame *f) {
    enum { BINS = 1024, ROUNDS = 8, AHEAD = 8 };
    int points = f->points, n = f->n_strands * points, pieces = f->n_strands * (points - 1), in_bin[BINS] = {0}, first[ROUNDS + 1] = {0};
    uint16_t *bin = malloc(((size_t)n + 1) * sizeof *bin);          /* of a piece: its nearer end's key, in BINS steps */
    int32_t *order = malloc(((size_t)pieces + 1) * sizeof *order);  /* pieces, round by round */
    if (!bin || !order) {
        free(bin);
        free(order);
        return mn_fail(MN_ENOMEM, "person_draw: no memory to sort %d strand points", n);
    }
    float lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < n; i++) {
        float key = f->seen_strands[3 * (size_t)i + 2];
        if (key < MN_RASTER_BEHIND) { lo = minf(lo, key); hi = maxf(hi, key); }
    }
    float scale = hi > lo ? (BINS - 1) / (hi - lo) : 0;
    for (int i = 0; i < n; i++) {
        const float *a = f->seen_strands + 3 * (size_t)i;
        if ((i + 1) % points == 0) continue;
        in_bin[bin[i] = (uint16_t)minf(maxf((minf(a[2], a[5]) - lo) * scale, 0), BINS - 1)]++;    /* NaN, of nothing before the camera: 0 */
    }
    uint8_t round_of[BINS];
    for (int b = 0, before = 0; b < BINS; before += in_bin[b++]) {
        round_of[b] = (uint8_t)((int64_t)before * ROUNDS / (pieces + 1));
        first[round_of[b] + 1] += in_bin[b];
    }
    for (int r = 1; r <= ROUNDS; r++) first[r] += first[r - 1];
    int next[ROUNDS];
    memcpy(next, first, sizeof next);
    for (int i = 0; i < n; i++) if ((i + 1) % points != 0) order[next[round_of[bin[i]]]++] = i;
    mn_status status = MN_OK;
    for (int r = 0; !status && r < ROUNDS; r++) {
        status = mn_raster_occlude(&f->screen);
        for (int i = first[r]; !status && i < first[r + 1]; i++) {
            if (i + AHEAD < pieces) __builtin_prefetch(f->seen_strands + 3 * (size_t)order[i + AHEAD]);
            draw_piece(f, order[i]);
        }
    }
    free(bin);
    free(order);
    return status;
}

/* Allocates and poses; the frame's arrays are freed by release() whatever happens here. */
static mn_status pose(mn_frame *f, const mn_synth *synth, const mn_shot *shot) {
    const mn_person *person = f->person;
    size_t V = (size_t)f->head->g.n_vertices;
    f->points = person->points;
    f->hair_steps = person->steps;
    f->n_hairs = person->n_strands;
    f->n_strands = f->n_hairs + mn_lash_count(f->head);
    size_t S = (size_t)f->n_strands * (size_t)f->points;
    f->vertices = malloc(V * 3 * sizeof(float));
    f->normals = malloc(V * 3 * sizeof(float));
    f->tension = malloc(V * sizeof(float));
    f->seen = malloc(V * 3 * sizeof(float));
    f->strands = malloc((S + 1) * 3 * sizeof(float));
    f->seen_strands = malloc((S + 1) * 3 * sizeof(float));
    if (!f->vertices || !f->normals || !f->tension || !f->seen || !f->strands || !f->seen_strands)
        return mn_fail(MN_ENOMEM, "person_draw: no memory for %zu vertices and %zu strand points", V, S);
    float skull[12];
    mn_person_pose(synth, person, shot->expr, shot->head, shot->gaze, f->vertices, skull);
    float A[9] = {skull[0], skull[1], skull[2], skull[4], skull[5], skull[6], skull[8], skull[9], skull[10]};
    vec3 b = {skull[3], skull[7], skull[11]};
    f->head_centre = v3_add(v3_apply(A, v3(mn_head_centre)), b);
    size_t hair = (size_t)f->n_hairs * (size_t)f->points;
    for (size_t i = 0; i < hair; i++) v3_store(f->strands + 3 * i, v3_add(v3_apply(A, v3(person->strands + 3 * i)), b));
    mn_lashes(f->head, f->vertices, f->points, f->strands + 3 * hair);
    return MN_OK;
}

static void release(mn_frame *f) {
    void *all[] = {f->vertices, f->normals, f->tension, f->seen, f->strands, f->seen_strands};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
    mn_raster_free(&f->screen);
    mn_raster_free(&f->shadow);
}

/* Samples of one pixel that share the colour of the one in their middle: all on one piece of a strand, a row's on one triangle of skin (whose
 * freckles and brows are finer than triangles); those on eyes, teeth and flesh share with nobody. */
typedef struct patch { int key, count, passed; } patch;

static int patch_key(const mn_frame *f, int id, int u, int v) {
    if (id >= f->head->n_triangles) return id * MOST_SAMPLES * MOST_SAMPLES;
    return (id * MOST_SAMPLES + v) * MOST_SAMPLES + (f->head->material[id] == MN_MAT_SKIN ? 0 : u);
}

static void resolve_pixel(const mn_frame *f, int x, int y, int ss, uint8_t *rgba) {
    patch patches[MOST_SAMPLES * MOST_SAMPLES];
    uint8_t of[MOST_SAMPLES * MOST_SAMPLES];                /* the patch of each covered sample */
    const int32_t *id = f->screen.id + (y * f->screen.width + x) * ss;
    int n = 0, covered = 0;
    float sum[3] = {0, 0, 0}, c[3];
    for (int v = 0; v < ss; v++)
        for (int u = 0; u < ss; u++) {
            int one = id[v * f->screen.width + u];
            if (one < 0) continue;
            int key = patch_key(f, one, u, v), k = n - 1;
            while (k >= 0 && patches[k].key != key) k--;
            if (k < 0) patches[k = n++] = (patch){key, 0, 0};
            patches[k].count++;
            of[covered++] = (uint8_t)k;
        }
    for (int v = 0, s = 0; s < covered; v++)
        for (int u = 0; u < ss; u++) {
            if (id[v * f->screen.width + u] < 0) continue;
            patch *p = &patches[of[s++]];
            if (p->passed++ != p->count / 2) continue;
            mn_frame_shade(f, x * ss + u, y * ss + v, c);
            for (int k = 0; k < 3; k++) sum[k] += (float)p->count * (c[k] > .7f ? .7f + .3f * (1 - expf(-(c[k] - .7f) / .3f)) : c[k]);
        }
    const float share = 1.f / (float)(ss * ss);
    for (int k = 0; k < 3; k++) rgba[k] = mn_srgb_byte((sum[k] + (float)(ss * ss - covered) * MN_COMPOSITE_GREY) * share);
    rgba[3] = (uint8_t)((float)covered * share * 255 + .5f);
}

/* Pixel by pixel in blocks: what neighbours look up around them stays in the cache. */
static void resolve(const mn_frame *f, int size, int ss, uint8_t *rgba) {
    enum { BLOCK = 8 };
    for (int top = 0; top < size; top += BLOCK)
        for (int left = 0; left < size; left += BLOCK)
            for (int y = top; y < top + BLOCK && y < size; y++)
                for (int x = left; x < left + BLOCK && x < size; x++) resolve_pixel(f, x, y, ss, rgba + 4 * ((size_t)y * (size_t)size + (size_t)x));
}

mn_status mn_person_draw(const mn_synth *synth, const mn_person *person, const mn_shot *shot, uint8_t *rgba) {
    if (check_shot(shot)) return mn_errcode();
    int samples = shot->size * shot->supersample;
    mn_frame f = {.head = &synth->head, .person = person, .light = mn_light_of(shot->light)};
    f.key_dir = v3_unit(v3(f.light.key_dir));
    f.fill_dir = v3_unit(v3(f.light.fill_dir));
    f.rim_dir = v3_unit(v3(f.light.rim_dir));
    for (int k = 0; k < MN_TURNS; k++) {
        float angle = 6.2831853f * (float)k / MN_TURNS;
        f.turn[k][0] = cosf(angle);
        f.turn[k][1] = sinf(angle);
    }
    set_camera(&f, shot->camera, samples);
    if (!pose(&f, synth, shot) && !mn_raster_new(&f.screen, samples, samples, true)) {
        set_normals(&f);
        project(&f, f.vertices, f.head->g.n_vertices, f.seen);
        project(&f, f.strands, f.n_strands * f.points, f.seen_strands);
        draw_mesh(&f);
        if (!draw_strands(&f) && !mn_frame_shadow(&f, samples >= 384 ? 640 : 384)) resolve(&f, shot->size, shot->supersample, rgba);
    }
    bool drawn = f.shadow.depth != NULL;
    release(&f);
    return drawn ? MN_OK : mn_errcode();
}
