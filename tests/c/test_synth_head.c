/* test_synth_head.c -- the renderer of synthetic people from file to picture, on a made-up head: an ellipsoid with two
 * eyeballs, a tooth and one strip of lashes, in the tensors of head.safetensors.  Also what happens to damaged files. */
#include <stdlib.h>
#include "camera.h"
#include "check.h"
#include "scratch.h"
#include "synth/internal.h"

enum { ROWS = 40, COLS = 64, BALL_ROWS = 8, BALL_COLS = 12, LASHES = 3, MODES = 2, MAX_V = 8192, MAX_F = 16384 };

typedef struct made { float v[MAX_V][3], uv[MAX_V][2]; int32_t f[MAX_F][3], weld[MAX_V], mark[68]; uint8_t region[MAX_V]; int nv, nf; } made;
static made head;

/* A closed surface of rows x cols, poles on the y axis; u runs once around, the seam at the back. */
static void add_ellipsoid(made *h, const float c[3], const float r[3], int rows, int cols, uint8_t region) {
    int first = h->nv;
    for (int i = 0; i <= rows; i++)
        for (int j = 0; j <= cols; j++, h->nv++) {
            float a = 3.14159265f * (float)i / (float)rows, b = 6.2831853f * (float)j / (float)cols;
            float d[3] = {-sinf(a) * sinf(b), cosf(a), -sinf(a) * cosf(b)};
            for (int k = 0; k < 3; k++) h->v[h->nv][k] = c[k] + r[k] * d[k];
            /* the front half in the first tile, the back in the second */
            float u = (float)j / (float)cols;
            h->uv[h->nv][0] = u > .25f && u < .75f ? 2 * (u - .25f) : 1 + 2 * fmodf(u + .25f, 1);
            h->uv[h->nv][1] = 1 - (float)i / (float)rows;
            h->region[h->nv] = region;
            h->weld[h->nv] = j == cols ? h->nv - cols : i == 0 ? first : i == rows && j ? h->nv - j : h->nv;
        }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) {
            int a = first + i * (cols + 1) + j, b = a + 1, c2 = a + cols + 1, d = c2 + 1;
            if (i > 0) memcpy(h->f[h->nf++], (int32_t[]){a, c2, b}, 12);
            if (i < rows - 1) memcpy(h->f[h->nf++], (int32_t[]){b, c2, d}, 12);
        }
}

static int nearest_skin(const made *h, float x, float y) {
    int best = 0;
    float least = INFINITY;
    for (int i = 0; i < h->nv; i++) {
        float dx = h->v[i][0] - x, dy = h->v[i][1] - y, d = dx * dx + dy * dy;
        if (h->region[i] == MN_R_SKIN && h->v[i][2] > 0 && d < least) { least = d; best = i; }
    }
    return best;
}

static void set_landmarks(made *h) {
    for (int k = 0; k < 68; k++) {
        float x = 0, y = 0, t;
        if (k < 17) { t = (float)(k - 8) / 8; x = 7 * t; y = -7 + 9 * t * t; }                                          /* jaw */
        else if (k < 27) { t = (float)(k - 22) + .5f; x = 1.2f * t; y = 5.8f; }                                         /* brows */
        else if (k < 36) { x = k < 31 ? 0 : (float)(k - 33) * .8f; y = k < 31 ? 4 - (float)(k - 27) : -.5f; }              /* nose */
        else if (k < 48) { int e = (k - 36) % 6; t = 1.0472f * (float)e; x = (k < 42 ? -3 : 3) - 1.5f * cosf(t); y = 3.6f + .7f * sinf(t); }
        else { int e = k < 60 ? k - 48 : k - 60, n = k < 60 ? 12 : 8; t = 6.2831853f * (float)e / (float)n; x = -2.5f * cosf(t); y = -3.4f + sinf(t); }
        h->mark[k] = nearest_skin(h, x, y);
    }
}

static void make_head(made *h) {
    memset(h, 0, sizeof *h);
    add_ellipsoid(h, (float[]){0, 2, 0}, (float[]){7.5f, 12, 9}, ROWS, COLS, MN_R_SKIN);
    for (int side = 1; side >= -1; side -= 2) add_ellipsoid(h, (float[]){3.09f * (float)side, 3.6f, 8}, (float[]){1.2f, 1.2f, 1.2f}, BALL_ROWS, BALL_COLS, MN_R_EYEBALL);
    int first = h->nv;
    for (int c = 0; c < LASHES; c++)
        for (int k = 0; k < 6; k++, h->nv++) {
            memcpy(h->v[h->nv], (float[]){2.5f + .4f * (float)c, 4.4f + .05f * (float)k, 9 + .2f * (float)k}, 12);
            memcpy(h->uv[h->nv], (float[]){6.1f + .02654f * (float)c, .1f * (float)k}, 8);
            h->region[h->nv] = MN_R_LASHES;
            h->weld[h->nv] = h->nv;
        }
    for (int c = 0; c + 1 < LASHES; c++)
        for (int k = 0; k < 5; k++) {
            int a = first + 6 * c + k;
            memcpy(h->f[h->nf++], (int32_t[]){a, a + 6, a + 1}, 12);
            memcpy(h->f[h->nf++], (int32_t[]){a + 1, a + 6, a + 7}, 12);
        }
    set_landmarks(h);
}

/* ---- the file ----------------------------------------------------------- */

enum damage { SOUND, BAD_INDEX, BAD_NUMBER, LARGE, FAR_APART, BAD_SHAPE, BAD_NAMES, BAD_PARENT, MISSING, DAMAGES };

static mn_status save(const made *h, const char *path, enum damage damage) {
    mn_scope scope = mn_scope_open();
    int64_t V = h->nv, F = h->nf;
    mn_tensor *v = mn_from(MN_F32, 2, (int64_t[]){V, 3}, h->v), *f = mn_from(MN_I32, 2, (int64_t[]){F, 3}, h->f);
    mn_tensor *uv = mn_from(MN_F32, 2, (int64_t[]){damage == BAD_SHAPE ? V - 1 : V, 2}, h->uv), *uf = mn_from(MN_I32, 2, (int64_t[]){F, 3}, h->f);
    mn_tensor *modes = mn_zeros(MN_F32, 3, (int64_t[]){MODES, V, 3}), *units = mn_zeros(MN_F32, 3, (int64_t[]){MN_EXPR_UNITS, V, 3});
    mn_tensor *std = mn_full(MN_F32, 1, (int64_t[]){MODES}, 1), *weights = mn_zeros(MN_F32, 2, (int64_t[]){V, MN_HEAD_JOINTS});
    mn_tensor *region = mn_from(MN_U8, 1, &V, h->region), *weld = mn_from(MN_I32, 1, &V, h->weld), *mark = mn_from(MN_I32, 1, (int64_t[]){68}, h->mark);
    static const float JOINTS[6][3] = {{0, -19, -1.5f}, {0, -13, -1}, {0, -4.5f, -.3f}, {0, -.5f, 1.8f}, {3.09f, 3.6f, 8}, {-3.09f, 3.6f, 8}};
    int32_t parents[6] = {-1, 0, 1, 2, 2, damage == BAD_PARENT ? 5 : 2};
    mn_tensor *joints = mn_from(MN_F32, 2, (int64_t[]){6, 3}, JOINTS), *parent = mn_from(MN_I32, 1, (int64_t[]){6}, parents);
    float *m = mn_data(modes), *u = mn_data(units), *w = mn_data(weights);
    for (int64_t i = 0; i < V; i++) {
        const float *p = h->v[i];
        m[3 * i] = .03f * p[0];                                 /* a wider head; a longer one */
        m[3 * (V + i) + 1] = .03f * p[1];
        for (int side = 0; side < 2; side++)                    /* eyeBlink pulls the upper lid down */
            if ((p[0] > 0) == (side == 0) && p[1] > 3.7f && p[1] < 5 && p[2] > 3) u[3 * ((14 + side) * V + i) + 1] = -1.2f;
        if (p[1] < -3.4f) u[3 * (mn_synth_unit("jawOpen") * V + i) + 1] = -2;
        w[6 * i + (h->region[i] != MN_R_EYEBALL ? MN_J_HEAD : p[0] > 0 ? MN_J_EYE_LEFT : MN_J_EYE_RIGHT)] = 1;
    }
    if (damage == BAD_INDEX) ((int32_t *)mn_data(f))[100] = (int32_t)V;
    if (damage == BAD_NUMBER) u[5] = NAN;
    if (damage == LARGE) ((float *)mn_data(uv))[7] = 1e30f;
    for (int64_t i = 0; damage == FAR_APART && i < 3 * V; i++) ((float *)mn_data(v))[i] *= 1000;
    char names[4096] = "[";
    for (int k = 0; k < MN_EXPR_UNITS; k++)
        sprintf(names + strlen(names), "%s\"%s\"", k ? ", " : "", mn_synth_unit_name(damage == BAD_NAMES && k == 3 ? 4 : k));
    strcat(names, "]");
    const char *const name[] = {"v_template", "faces", "uv", "uv_faces", "id_basis", "id_std", "expr_basis", "region", "lmk68", "weld", "joints", "joint_parents", "lbs_weights"};
    mn_tensor *const tensor[] = {v, f, uv, uf, modes, std, units, region, mark, weld, joints, parent, weights};
    mn_status status = mn_st_save(path, damage == MISSING ? 12 : 13, name, tensor, 1, (const char *const[]){"expr_names", names});
    mn_scope_close(scope);
    return status;
}

/* ---- tests -------------------------------------------------------------- */

enum { SIZE = 64 };
typedef uint8_t picture[SIZE * SIZE * 4];

static void person_z(float z[MN_PERSON_Z], int style, float tone) {
    mn_rng rng = mn_rng_seed(4, 4);
    for (int k = 0; k < MN_PERSON_Z; k++) z[k] = (float)mn_rng_normal(&rng);
    z[0] = z[1] = 0;
    z[40] = tone;
    for (int k = 0; k < 9; k++) z[50 + k] = k == style ? 8 : 0;     /* person.h: the largest wins */
}

static mn_shot small_shot(void) {
    mn_shot shot = mn_shot_default();
    shot.size = SIZE;
    return shot;
}

static int covered(const uint8_t *p) {
    int n = 0;
    for (int i = 0; i < SIZE * SIZE; i++) n += p[4 * i + 3] > 127;
    return n;
}
static double rms(const uint8_t *a, const uint8_t *b) {
    double sum = 0;
    for (int i = 0; i < SIZE * SIZE * 4; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum / (SIZE * SIZE * 4));
}

static void test_geometry(const mn_synth *synth) {
    const mn_geometry *g = mn_synth_geometry(synth);
    CHECK(g->n_vertices == head.nv && g->n_triangles == head.nf && g->n_modes == MODES);
    float *neutral = malloc(sizeof head.v), *posed = malloc(sizeof head.v), skull[12], scale[2], w[MN_EXPR_UNITS] = {0};
    CHECK_STATUS(MN_OK, mn_synth_neutral(synth, (float[]){2, -1}, 2, neutral));
    CHECK_NEAR(neutral[3 * 700], head.v[700][0] * 1.06, 1e-5);
    CHECK_NEAR(neutral[3 * 700 + 1], head.v[700][1] * .97, 1e-5);
    CHECK_STATUS(MN_EARG, mn_synth_neutral(synth, w, MODES + 1, neutral));
    mn_synth_neutral(synth, w, 0, neutral);
    mn_synth_blink_scale(synth, neutral, scale);
    CHECK(scale[0] > .5f && scale[0] < 3 && fabsf(scale[0] - scale[1]) < .05f);
    w[mn_synth_unit("jawOpen")] = .5f;
    mn_synth_pose(synth, neutral, w, (float[]){0, 30, 0}, (float[]){20, 0}, posed, skull);
    int nose = g->landmarks[30], chin = g->landmarks[8];
    CHECK(posed[3 * nose] > neutral[3 * nose] + 2);             /* turned to the subject's left */
    CHECK_NEAR(posed[3 * chin + 1], neutral[3 * chin + 1] - 1, .05);
    for (int j = 0; j < 3; j++)                                 /* the skull's motion carries a skin vertex */
        CHECK_NEAR(posed[3 * nose + j], skull[4 * j] * neutral[3 * nose] + skull[4 * j + 1] * neutral[3 * nose + 1] + skull[4 * j + 2] * neutral[3 * nose + 2] + skull[4 * j + 3], 1e-4);
    int pupil = 0;
    for (int i = 0; i < head.nv; i++) if (head.region[i] == MN_R_EYEBALL && head.v[i][0] > 0 && head.v[i][2] > head.v[pupil][2] * (head.region[pupil] == MN_R_EYEBALL)) pupil = i;
    float still[3] = {posed[3 * pupil], posed[3 * pupil + 1], posed[3 * pupil + 2]};
    mn_synth_pose(synth, neutral, w, (float[]){0, 30, 0}, (float[]){0, 0}, posed, NULL);
    CHECK(still[0] > posed[3 * pupil] + .3f);                   /* gaze to the subject's left */
    free(neutral);
    free(posed);
}

static void test_pictures(const mn_synth *synth) {
    static picture bald, again, hair, dark, near;
    float z[MN_PERSON_Z];
    mn_shot shot = small_shot();
    person_z(z, 8, -1.5f);
    mn_person *p = mn_person_new(synth, z);
    CHECK(p != NULL);
    CHECK_STATUS(MN_OK, mn_person_draw(synth, p, &shot, bald));
    CHECK_STATUS(MN_OK, mn_person_draw(synth, p, &shot, again));
    CHECK(rms(bald, again) == 0);
    int middle = 4 * (SIZE * (SIZE / 2) + SIZE / 2);
    CHECK(bald[3] == 0 && bald[0] == 128 && bald[middle + 3] == 255);
    CHECK(bald[middle] > bald[middle + 2]);                     /* skin is redder than blue */
    CHECK_NEAR(covered(bald), 3.14159 * 7.5 * 12 / 900 * SIZE * SIZE, .15 * SIZE * SIZE);   /* an ellipse in a 30 cm picture */
    CHECK(!strcmp(mn_person_look(p).style, "bald") && mn_person_look(p).bald);
    shot.light = 5;
    mn_person_draw(synth, p, &shot, again);
    CHECK(rms(bald, again) > 2);
    shot.light = 0;
    mn_person_free(p);
    person_z(z, 5, -1.5f);
    p = mn_person_new(synth, z);
    mn_person_draw(synth, p, &shot, hair);
    CHECK(covered(hair) > covered(bald) + SIZE * SIZE / 20);
    CHECK(!strcmp(mn_person_look(p).style, "long"));
    mn_person_free(p);
    for (int k = 0; k < 40; k++) z[k] += .001f;                 /* hair grows nearly alike on nearly the same head */
    p = mn_person_new(synth, z);
    mn_person_draw(synth, p, &shot, near);
    CHECK(rms(hair, near) < 1);                                 /* measured .43 */
    mn_person_free(p);
    person_z(z, 8, 1.5f);
    p = mn_person_new(synth, z);
    mn_person_draw(synth, p, &shot, dark);
    CHECK(bald[middle] > dark[middle] + 30);
    mn_person_free(p);
}

/* Hair moves with the head it grows on and is cut, not stretched.  Afros have no strands that could be left out. */
static void test_hair(const mn_synth *synth) {
    enum { LENGTH = 76, AFRO = 7 };
    float z[MN_PERSON_Z];
    person_z(z, AFRO, -1.5f);
    z[LENGTH] = 0;
    mn_person *still = mn_person_new(synth, z);
    z[LENGTH] = -1;
    mn_person *cut = mn_person_new(synth, z);
    z[LENGTH] = 0;
    z[0] = .8f;
    mn_person *wide = mn_person_new(synth, z);
    z[0] = -.8f;
    mn_person *narrow = mn_person_new(synth, z);
    CHECK(still && cut && wide && narrow);
    const mn_hair_plan *plan = &synth->plan[AFRO];
    CHECK(still->n_strands == plan->count && cut->n_strands == plan->count && cut->points < still->points && cut->steps < still->steps);
    double moved = 0, bent = 0, loose = 0, grown = 0;
    for (int i = 0; i < plan->count; i++) {
        for (int j = 0; j < cut->points - 1; j++)
            for (int k = 0; k < 3; k++)
                moved = worse(moved, fabsf(still->strands[3 * (i * still->points + j) + k] - cut->strands[3 * (i * cut->points + j) + k]));
        for (int j = 0; j < still->points; j++)
            for (int k = 0; k < 3; k++) {
                int at = 3 * (i * still->points + j) + k;
                bent = worse(bent, fabsf(.5f * (wide->strands[at] + narrow->strands[at]) - still->strands[at]));
                grown = worse(grown, fabsf(wide->strands[at] - narrow->strands[at]));
            }
        for (int k = 0; k < 3; k++) {
            float skin = 0;
            for (int c = 0; c < 3; c++) {
                int v = 3 * plan->corner[3 * i + c] + k;
                skin += plan->bary[3 * i + c] * (wide->neutral[v] - still->neutral[v]);
            }
            int at = 3 * i * still->points + k;
            loose = worse(loose, fabsf(wide->strands[at] - still->strands[at] - skin));
        }
    }
    CHECK(moved == 0);
    CHECK(bent < 1e-4f && grown > .3f);                         /* cm */
    CHECK(loose < .02f);
    CHECK(mn_hair_steps(&cut->traits.hair) == cut->steps && mn_hair_points(&cut->traits.hair) == cut->points);
    mn_person_free(still);
    mn_person_free(cut);
    mn_person_free(wide);
    mn_person_free(narrow);
}

/* Threads that make and draw the same people get the same pictures. */
static void test_threads(const mn_synth *synth) {
    enum { N = 4 };
    static picture one[N], many[N];
    for (int pass = 0; pass < 2; pass++) {
        #pragma omp parallel for num_threads(pass ? 4 : 1)
        for (int i = 0; i < N; i++) {
            mn_person *p = mn_person_seeded(synth, (uint32_t)i);
            mn_shot shot = small_shot();
            shot.head[1] = 20;
            if (p) mn_person_draw(synth, p, &shot, pass ? many[i] : one[i]);
            mn_person_free(p);
        }
    }
    CHECK(covered(one[0]) > 0 && memcmp(one, many, sizeof one) == 0);
}

static void test_odd_shots(const mn_synth *synth) {
    static picture out;
    mn_person *p = mn_person_seeded(synth, 1);
    mn_shot shot = small_shot();
    mn_camera_orbit(10, 0, 0, .05f, 1, shot.camera);            /* inside the head: much lies behind the camera */
    CHECK_STATUS(MN_OK, mn_person_draw(synth, p, &shot, out));
    mn_camera_orbit(180, -80, 30, 2.7f, 300, shot.camera);      /* from below and behind, a few millimetres */
    CHECK_STATUS(MN_OK, mn_person_draw(synth, p, &shot, out));
    shot = small_shot();
    for (int i = 0; i < 3; i++) {                               /* turned round: nothing is before the camera */
        shot.camera[4 * i] *= -1;
        shot.camera[4 * i + 2] *= -1;
    }
    CHECK_STATUS(MN_OK, mn_person_draw(synth, p, &shot, out));
    CHECK(covered(out) == 0);
    shot = small_shot();
    CHECK_STATUS(MN_OK, mn_person_draw(synth, p, &shot, out));
    double share = (double)covered(out) / (SIZE * SIZE), odd = 0;
    shot.size = 37;                                             /* rows of 111 samples, which neither blocks nor tiles divide */
    shot.supersample = 3;
    CHECK_STATUS(MN_OK, mn_person_draw(synth, p, &shot, out));
    for (int i = 0; i < 37 * 37; i++) odd += out[4 * i + 3] > 127;
    CHECK_NEAR(odd / (37 * 37), share, .03);
    shot = small_shot();
    shot.size = 1;
    CHECK_STATUS(MN_OK, mn_person_draw(synth, p, &shot, out));
    shot.size = 0;
    CHECK_STATUS(MN_EARG, mn_person_draw(synth, p, &shot, out));
    shot = small_shot();
    shot.supersample = 9;
    CHECK_STATUS(MN_EARG, mn_person_draw(synth, p, &shot, out));
    shot = small_shot();
    shot.camera[5] = NAN;
    CHECK_STATUS(MN_EARG, mn_person_draw(synth, p, &shot, out));
    shot = small_shot();
    shot.expr[30] = INFINITY;
    CHECK_STATUS(MN_EARG, mn_person_draw(synth, p, &shot, out));
    mn_person_free(p);
    float z[MN_PERSON_Z] = {[7] = NAN};
    CHECK(!mn_person_new(synth, z) && strstr(mn_errmsg(), "number 7"));
    mn_error_clear();
    for (int k = 0; k < MN_PERSON_Z; k++) z[k] = k % 2 ? 1e6f : -1e6f;      /* far out, but a person */
    p = mn_person_new(synth, z);
    shot = small_shot();
    CHECK_STATUS(MN_OK, p ? mn_person_draw(synth, p, &shot, out) : mn_errcode());
    mn_person_free(p);
}

static void test_damaged(const char *path) {
    static const struct { enum damage damage; mn_status status; const char *words; } CASE[] = {
        {BAD_INDEX, MN_EFORMAT, "faces"}, {BAD_NUMBER, MN_EFORMAT, "holds nan"}, {LARGE, MN_EFORMAT, "holds 1e+30"}, {FAR_APART, MN_EFORMAT, "10 metres"}, {BAD_SHAPE, MN_EFORMAT, "uv_faces"},
        {BAD_NAMES, MN_EFORMAT, "entry 3"}, {BAD_PARENT, MN_EFORMAT, "joint 5"}, {MISSING, MN_ENOTFOUND, "lbs_weights"}};
    for (size_t k = 0; k < sizeof CASE / sizeof *CASE; k++) {
        CHECK_STATUS(MN_OK, save(&head, path, CASE[k].damage));
        CHECK(mn_synth_open(path, NULL) == NULL);
        CHECK(mn_errcode() == CASE[k].status && strstr(mn_errmsg(), CASE[k].words));
        mn_error_clear();
    }
    remove(path);
    CHECK(mn_synth_open(path, NULL) == NULL && mn_errcode() != MN_OK);
    mn_error_clear();
    CHECK(mn_synth_open(".", NULL) == NULL && strstr(mn_errmsg(), "generic_neutral_mesh"));     /* a folder, but no checkout */
    mn_error_clear();
    mn_synth_options o = mn_synth_options_default();
    o.texture_width = 7;
    CHECK(mn_synth_open(path, &o) == NULL && mn_errcode() == MN_EARG);
    mn_error_clear();
}

int main(void) {
    char path[256];
    scratch_name(path, ".safetensors");
    make_head(&head);
    CHECK_STATUS(MN_OK, save(&head, path, SOUND));
    int64_t tensors = mn_memory_stats().tensors;
    mn_synth_options o = {.texture_width = 256, .strands = 1500, .pattern = 20};
    mn_synth *synth = mn_synth_open(path, &o);
    CHECK(synth != NULL);
    if (synth) {
        test_geometry(synth);
        test_pictures(synth);
        test_hair(synth);
        test_threads(synth);
        test_odd_shots(synth);
    } else fprintf(stderr, "%s\n", mn_errmsg());
    mn_synth_close(synth);
    test_damaged(path);
    CHECK(mn_memory_stats().tensors == tensors);
    return check_done("synth_head");
}
