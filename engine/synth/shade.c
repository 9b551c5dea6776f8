/* shade.c -- the colour of one sample: skin, mouth, teeth, eyes and hair.
 *
 * Surfaces: wrapped diffuse d = sat((n.l + w) / (1 + w)) with w largest in red on skin (a cheap stand-in for light
 * scattered under it), Blinn highlights (Blinn 1977) scaled by a gloss map, hemisphere ambient, rim.
 * Hair: strands reflect by the sine between tangent and half vector (Kajiya & Kay 1989). */
#include "synth/frame.h"
#include "synth/noise.h"

static const float PUPIL = .130f, IRIS = .365f;            /* radii: sine of the angle from the eye's axis */
static const float SCLERA[3] = {.748f, .713f, .674f};
static const float EXPOSURE = .86f;

/* x^n for x in 0..1; the constants n are known where it is inlined. */
static inline float power(float x, int n) {
    float r = 1;
    for (; n; n >>= 1, x *= x) if (n & 1) r *= x;
    return r;
}

/* ---- what is there ------------------------------------------------------ */

/* q->eye is the direction from the pivot of the resting eyeball: +z through the pupil. */
static void paint_eye(const mn_frame *f, mn_point *q) {
    const float *iris = f->person->traits.iris;
    float x = q->eye.x, y = q->eye.y, r = sqrtf(x * x + y * y), angle = atan2f(y, x);
    /* lids and corners shade the ball: darker above, at the sides and a little below */
    float shade = (1 - .45f * smoothstep(.05f, .55f, y)) * (1 - .38f * smoothstep(.35f, .9f, fabsf(x))) * (1 - .2f * smoothstep(-.1f, -.5f, y));
    for (int k = 0; k < 3; k++) q->colour[k] = SCLERA[k] * (k == 0 ? sqrtf(shade) : shade);
    if (q->eye.z <= 0) return;
    float vein = smoothstep(.45f, 1, r) * (.25f + .6f * mn_noise2(angle * 9 + 3, r * 14) * mn_noise2(angle * 23, r * 5 + 9));
    q->colour[0] *= 1 - .06f * vein; q->colour[1] *= 1 - .35f * vein; q->colour[2] *= 1 - .38f * vein;
    float inside = smoothstep(IRIS * 1.06f, IRIS * .90f, r);
    if (inside <= 0) return;
    float fibre = mn_noise2(angle * 14, r * 6) * .6f + mn_noise2(angle * 31, r * 9) * .4f, rr = r / IRIS;
    float bright = (.55f + .75f * fibre) * (1.05f - .55f * smoothstep(.70f, 1, rr));      /* dark limbal ring */
    float ring = .45f * smoothstep(.62f, .38f, rr);                                       /* warmer around the pupil */
    float caustic = .8f + .55f * saturate(-(y * f->key_dir.y + x * f->key_dir.x) / IRIS * .9f);
    float around = smoothstep(PUPIL * .92f, PUPIL * 1.08f, r);
    float c[3] = {iris[0] * bright * caustic * (1 + ring * .8f), iris[1] * bright * caustic * (1 + ring * .25f), iris[2] * bright * caustic};
    for (int k = 0; k < 3; k++) q->colour[k] += (c[k] * around + .004f * (1 - around) - q->colour[k]) * inside;
}

static void sample_texture(const mn_frame *f, float u, float v, float out[4]) {           /* bilinear; u, v in 0..1, v up */
    int width = f->person->texture_width, height = f->person->texture_height;
    float x = clampf(u * (float)width - .5f, 0, (float)width - 1.001f), y = clampf((1 - v) * (float)height - .5f, 0, (float)height - 1.001f);
    int xi = (int)x, yi = (int)y;
    float fx = x - (float)xi, fy = y - (float)yi;
    const float *a = f->person->texture + 4 * ((size_t)yi * (size_t)width + (size_t)xi), *b = a + 4 * width;
    for (int k = 0; k < 4; k++) out[k] = (a[k] * (1 - fx) + a[4 + k] * fx) * (1 - fy) + (b[k] * (1 - fx) + b[4 + k] * fx) * fy;
}

/* Creases: compressed skin (area ratio below 1) darkens, red least, and loses gloss. */
static void skin_colour(const mn_frame *f, const float uv[2], float tension, mn_point *q) {
    float texel[4];
    sample_texture(f, uv[0], uv[1], texel);
    tension = clampf(tension, .25f, 1.06f);
    float dark = powf(tension, .55f);
    q->colour[0] = texel[0] * sqrtf(dark) * (.5f + .5f * dark);
    q->colour[1] = texel[1] * dark;
    q->colour[2] = texel[2] * dark;
    q->gloss = texel[3] * tension;
}

static void surface_point(const mn_frame *f, int id, mn_point *q) {
    const mn_head *h = f->head;
    const int32_t *t = h->triangles + 3 * id;
    const float *s[3] = {f->seen + 3 * t[0], f->seen + 3 * t[1], f->seen + 3 * t[2]};
    float x = (float)q->x + .5f, y = (float)q->y + .5f, w[3], sum = 0;
    for (int k = 0; k < 3; k++) {           /* barycentric weights, times the area (drawn as corners 0, 2, 1: positive); perspective: w / z */
        const float *a = s[(k + 2) % 3], *b = s[(k + 1) % 3];
        w[k] = maxf(0, (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) * -s[k][2];
        sum += w[k];
    }
    if (!(sum > 0)) w[0] = sum = 1;         /* a sliver, of which rounding leaves nothing */
    float tension = 0, uv[2] = {0, 0}, inner[3] = {0, 0, 0};
    q->p = q->n = q->eye = (vec3){0, 0, 0};
    for (int k = 0; k < 3; k++) {
        float a = w[k] / sum;
        q->p = v3_mad(q->p, v3(f->vertices + 3 * t[k]), a);
        q->n = v3_mad(q->n, v3(f->normals + 3 * t[k]), a);
        q->eye = v3_mad(q->eye, v3(h->eye_coord + 3 * t[k]), a);
        tension += a * f->tension[t[k]];
        for (int c = 0; c < 2; c++) uv[c] += a * h->corner_uv[6 * id + 2 * k + c];
        for (int c = 0; c < 3; c++) inner[c] += a * h->inner_colour[3 * t[k] + c];
    }
    q->n = v3_unit(q->n);
    q->material = h->material[id];
    if (q->material == MN_MAT_SKIN) skin_colour(f, uv, tension, q);
    else if (q->material == MN_MAT_EYE) {
        paint_eye(f, q);
        q->gloss = 1.2f;
    } else {
        for (int k = 0; k < 3; k++) q->colour[k] = inner[k];
        q->gloss = q->material == MN_MAT_FLESH ? .4f : 1;
    }
}

static void strand_point(const mn_frame *f, int at, mn_point *q) {
    static const float LASH_COLOUR[3] = {.006f, .006f, .006f};
    int strand = at / f->points, j = at % f->points;
    vec3 a = v3(f->strands + 3 * (size_t)at), b = v3(f->strands + 3 * (size_t)at + 3);
    const float *A = f->seen_strands + 3 * (size_t)at;
    float dx = A[3] - A[0], dy = A[4] - A[1];
    float u = saturate((((float)q->x + .5f - A[0]) * dx + ((float)q->y + .5f - A[1]) * dy) / (dx * dx + dy * dy + 1e-6f));
    float root = .35f + .65f * smoothstep(0, .45f, ((float)j + u) / mn_strand_steps(f, strand));    /* darker at the root */
    const float *colour = strand < f->n_hairs ? f->person->strand_colour + 3 * (size_t)strand : LASH_COLOUR;
    q->material = MN_MAT_HAIR;
    q->gloss = .3f;
    q->p = v3_mad(a, v3_sub(b, a), u);
    q->tangent = v3_unit(v3_sub(b, a));
    for (int k = 0; k < 3; k++) q->colour[k] = colour[k] * root;
    /* normal: mostly away from the head centre, so the hair shades as one volume */
    vec3 view = v3_unit(v3_sub(f->eye, q->p));
    vec3 facing = v3_unit(v3_mad(view, q->tangent, -v3_dot(view, q->tangent)));
    vec3 outward = v3_unit(v3_sub(q->p, f->head_centre));
    q->n = v3_unit(v3_add(v3_scale(facing, .35f), v3_scale(outward, .65f)));
}

/* ---- how light falls on it ---------------------------------------------- */

static float sine(float cosine) { return sqrtf(maxf(0, 1 - cosine * cosine)); }

static void light_hair(const mn_frame *f, const mn_point *q, float lit, float open, float out[3]) {
    const mn_light *L = &f->light;
    float diffuse = sine(v3_dot(q->tangent, f->key_dir)), th = v3_dot(q->tangent, v3_unit(v3_add(f->key_dir, q->view)));
    float sharp = .22f * power(sine(th), 80), broad = .5f * power(sine(th + .12f), 18);
    float key = saturate(v3_dot(q->n, f->key_dir) * .6f + .4f) * lit, fill = saturate(v3_dot(q->n, f->fill_dir) * .6f + .4f);
    float rim = power(sine(v3_dot(q->tangent, v3_unit(v3_add(f->rim_dir, q->view)))), 24) * .5f * saturate(v3_dot(q->n, f->rim_dir) * .5f + .5f);
    float up = .5f + .5f * q->n.y;
    for (int k = 0; k < 3; k++) {
        float ambient = L->ground[k] * (1 - up) + L->sky[k] * up;
        float light = L->key[k] * diffuse * key * .85f + L->fill[k] * fill * .7f + ambient * open * open * .9f;
        out[k] = q->colour[k] * light + L->key[k] * key * (sharp * .35f + broad * (q->colour[k] * 1.2f + .01f))
               + L->rim[k] * rim * (q->colour[k] * 1.2f + .02f);
    }
}

static void light_surface(const mn_frame *f, const mn_point *q, float lit, float open, float out[3]) {
    static const float WRAP[4][3] = {[MN_MAT_SKIN] = {.30f, .12f, .08f}, [MN_MAT_FLESH] = {.12f, .10f, .10f},
                                     [MN_MAT_TEETH] = {.12f, .10f, .10f}, [MN_MAT_EYE] = {.25f, .22f, .20f}};
    static const float SHADOW_POWER[3] = {.75f, 1.05f, 1.15f};      /* skin: redder shadows */
    const mn_light *L = &f->light;
    int m = q->material;
    float nk = v3_dot(q->n, f->key_dir), nf = v3_dot(q->n, f->fill_dir), nr = v3_dot(q->n, f->rim_dir), nv = saturate(v3_dot(q->n, q->view));
    float hk = saturate(v3_dot(q->n, v3_unit(v3_add(f->key_dir, q->view)))), hf = saturate(v3_dot(q->n, v3_unit(v3_add(f->fill_dir, q->view))));
    float spec = 0, spec_fill = 0, shadow[3] = {lit, lit, lit}, ambient_open[3] = {open, open, open};
    if (m == MN_MAT_SKIN) {
        spec = (power(hk, 14) * .55f + power(hk, 48) * 1.1f) * q->gloss;
        spec_fill = power(hf, 12) * .5f * q->gloss;
        for (int k = 0; k < 3 && lit > 0 && lit < 1; k++) shadow[k] = powf(lit, SHADOW_POWER[k]);
        ambient_open[0] = powf(open, .85f);
        ambient_open[1] = ambient_open[2] = powf(open, 1.1f);
    }
    if (m == MN_MAT_EYE) { spec = power(hk, 900) * 14 + power(hk, 60) * .35f; spec_fill = power(hf, 500) * 2; }
    if (m == MN_MAT_TEETH) { spec = power(hk, 60) * 2; spec_fill = power(hf, 40) * .6f; }
    if (m == MN_MAT_FLESH) { spec = power(hk, 50) * 1.2f * q->colour[0]; spec_fill = power(hf, 40) * .3f * q->colour[0]; }
    float fresnel = .6f + 2.4f * power(1 - nv, 4), grazing = power(1 - nv, 3), up = .5f + .5f * q->n.y;
    for (int k = 0; k < 3; k++) {
        float w = WRAP[m][k], d = saturate((nk + w) / (1 + w)), fill = saturate((nf + w) / (1 + w)), rim = saturate((nr + .1f) / 1.1f);
        float ambient = (L->ground[k] * (1 - up) + L->sky[k] * up) * ambient_open[k];
        float diffuse = L->key[k] * d * shadow[k] + L->fill[k] * fill * (.4f + .6f * open) + ambient + L->rim[k] * rim * .5f * open;
        float shine = (L->key[k] * spec * lit * saturate(nk * 4) + L->fill[k] * spec_fill * open) * fresnel * (m == MN_MAT_EYE ? .5f : .16f);
        shine += L->rim[k] * grazing * saturate(nr + .3f) * .35f * q->gloss * open + ambient * grazing * .10f * q->gloss;
        if (m == MN_MAT_FLESH || m == MN_MAT_TEETH) diffuse *= .2f + .8f * open;
        if (m == MN_MAT_FLESH) shine *= saturate(q->colour[0] * 4);
        out[k] = q->colour[k] * diffuse + shine;
    }
}

void mn_frame_shade(const mn_frame *f, int x, int y, float out[3]) {
    int o = y * f->screen.width + x, id = f->screen.id[o];
    mn_point q;                                             /* 25 numbers, of which each material needs most: not cleared */
    q.x = x;
    q.y = y;
    q.depth = -1 / f->screen.depth[o];
    q.turn = f->turn[mn_hash32((uint32_t)o * 2654435761u) % MN_TURNS];
    if (id < f->head->n_triangles) surface_point(f, id, &q); else strand_point(f, id - f->head->n_triangles, &q);
    q.view = v3_unit(v3_sub(f->eye, q.p));
    if (q.material != MN_MAT_HAIR && v3_dot(q.n, q.view) < 0) q.n = v3_scale(q.n, -1);
    float lit = mn_frame_key_visible(f, &q), open = mn_frame_open(f, &q);
    if (q.material == MN_MAT_HAIR) light_hair(f, &q, lit, open, out); else light_surface(f, &q, lit, open, out);
    for (int k = 0; k < 3; k++) out[k] *= EXPOSURE;
}
