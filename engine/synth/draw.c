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
static const vec3 WORLD_ORIGIN = {0, 3.5f, .5f};            /* cm */
static const float HAIR_WIDTH = .10f, LASH_WIDTH = .022f;   /* cm; a strand stands for a bundle of hairs */
static const float LEAST_HAIR = .55f, LEAST_LASH = .42f;    /* half-widths in samples */
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
    if (shot->supersample < 1 || shot->supersample > 8 || shot->size * shot->supersample > 8192)
        return mn_fail(MN_EARG, "person_draw: supersample should be 1..8 and size times it at most 8192, found %d for size %d", shot->supersample, shot->size);
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

static void draw_strand(mn_frame *f, int k) {
    bool hair = k < f->n_hairs;
    float steps = mn_strand_steps(f, k), least = hair ? LEAST_HAIR : LEAST_LASH, width = .5f * (hair ? HAIR_WIDTH : LASH_WIDTH) * f->fx;
    for (int j = 0; j + 1 < f->points; j++) {
        int at = k * f->points + j;
        const float *a = f->seen_strands + 3 * (size_t)at;
        float half[2];
        for (int e = 0; e < 2; e++) {
            float left = maxf(0, 1 - (float)(j + e) / steps);
            half[e] = maxf(least, width * -a[3 * e + 2] * (.35f + .65f * minf(1, 3 * left)));
        }
        mn_raster_ribbon(&f->screen, a, a + 3, half[0], half[1], f->head->n_triangles + at);
    }
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

/* Samples of a pixel that follow each other on the same piece of a strand share its colour. */
static void resolve(const mn_frame *f, int size, int ss, uint8_t *rgba) {
    const float share = 1.f / (float)(ss * ss);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++, rgba += 4) {
            float sum[3] = {0, 0, 0}, c[3];
            int covered = 0, last = -1;
            for (int s = 0; s < ss * ss; s++) {
                int u = x * ss + s % ss, v = y * ss + s / ss, id = f->screen.id[v * f->screen.width + u];
                if (id < 0) continue;
                if (id != last || id < f->head->n_triangles) {
                    mn_frame_shade(f, u, v, c);
                    for (int k = 0; k < 3; k++) if (c[k] > .7f) c[k] = .7f + .3f * (1 - expf(-(c[k] - .7f) / .3f));
                }
                for (int k = 0; k < 3; k++) sum[k] += c[k];
                last = id;
                covered++;
            }
            for (int k = 0; k < 3; k++)
                rgba[k] = mn_srgb_byte((sum[k] + (float)(ss * ss - covered) * MN_COMPOSITE_GREY) * share);
            rgba[3] = (uint8_t)((float)covered * share * 255 + .5f);
        }
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
        bool ready = !mn_raster_occlude(&f.screen);
        for (int k = 0; ready && k < f.n_strands; k++) draw_strand(&f, k);
        if (ready && !mn_frame_shadow(&f, samples >= 384 ? 640 : 384)) resolve(&f, shot->size, shot->supersample, rgba);
    }
    bool drawn = f.shadow.depth != NULL;
    release(&f);
    return drawn ? MN_OK : mn_errcode();
}
