/* test_models.c -- the encoder models against tests/golden/models (an independent implementation), their gradients against
 * differences in f64, their files, and what they say to wrong settings and inputs.
 *
 * Values: f32 against f64, measured 2e-7 to 2e-6 relative; 2e-5 leaves room for other summation orders.
 * Gradients: along random directions of length 1, central differences of fourth order with h = 1e-4, whose rounding is
 * 1e-11; PReLU is bent to slopes of 1 first, since a difference across its kink says nothing. */
#include <unistd.h>
#include "formula.h"
#include "check.h"
#include "engine/models/clip_picture.h"
#include "scratch.h"

static const char CLIP[] = "{\"image_resolution\":12,\"patch\":4,\"vision_width\":24,\"vision_layers\":2,\"embed_dim\":10,\"context\":7,\"vocab\":20,"
                           "\"text_width\":16,\"text_layers\":2,\"head_width\":8}";
static const char ARCFACE[] = "{\"units\":[2,1,1,1],\"widths\":[8,12,16,32],\"input\":24,\"embed\":20,\"se_reduction\":4,\"norm\":\"%s\",\"crop\":[]}";
static const char MAPPER[] = "{\"w_dim\":6,\"expr\":7,\"rows\":5,\"edit_first\":1,\"edit_count\":3,\"d\":4,\"hidden\":8,\"layers\":3,\"lr_mul\":0.5,\"cross\":%s}";

static mn_model *make(const mn_modeldef *def, const char *config) {
    mn_model *m = mn_model_new(def, config, 1);
    CHECK(m);
    formula_fill(m);
    return m;
}
static mn_status call(mn_model *m, const char *name, mn_tensor *const *in, mn_tensor **out) {
    double attr[MN_MAX_ATTR] = {0};
    for (const mn_method *p = m->def->methods; p->name; p++) {
        if (strcmp(p->name, name)) continue;
        for (int a = 0; a < MN_MAX_ATTR && p->attrs[a].name; a++) attr[a] = p->attrs[a].def;
        return p->run(m, in, attr, out);
    }
    return mn_fail(MN_ENOTFOUND, "%s has no method %s", m->def->name, name);
}

static void against(mn_st *golden, const char *name, mn_tensor *t) {
    mn_tensor *g = golden ? mn_st_get(golden, name) : NULL;
    double d2 = 0, g2 = 0;
    CHECK(g && t && g->n == t->n);
    for (int64_t i = 0; g && t && i < g->n; i++) {
        double d = mn_item(t, i) - mn_item(g, i);
        d2 += d * d;
        g2 += mn_item(g, i) * mn_item(g, i);
    }
    CHECK(g2 > 0);
    CHECK_NEAR(sqrt(d2 / g2), 0, 2e-5);
}

static mn_st *golden(const char *name) {
    char path[128];
    snprintf(path, sizeof path, "tests/golden/models/%s.safetensors", name);
    mn_st *st = mn_st_open(path);
    CHECK(st);
    return st;
}

/* ---- gradients ---- */

/* The loss whose gradient is checked, from inputs x. */
typedef mn_tensor *(*loss_fn)(mn_model *m, mn_tensor *const *x);

static double value(loss_fn loss, mn_model *m, mn_tensor *const *x) {
    mn_scope scope = mn_scope_open();
    bool was = mn_tape_enable(false);
    mn_tensor *l = loss(m, x);
    double v = l ? mn_item(l, 0) : NAN;
    mn_tape_enable(was);
    mn_scope_close(scope);
    return v;
}

static void move(mn_tensor *t, const mn_tensor *way, double h) {
    for (int64_t i = 0; i < t->n; i++) ((double *)t->data)[i] += h * ((const double *)way->data)[i];
}

static void check_direction(const char *what, loss_fn loss, mn_model *m, mn_tensor *const *x, mn_tensor *t, mn_rng *rng) {
    mn_scope scope = mn_scope_open();
    const double h = 1e-4;
    mn_tensor *way = mn_randn(MN_F64, t->nd, t->shape, rng), *g = mn_grad_of(t);
    double along = 0, size = 0, length = 0;
    CHECK(g);
    for (int64_t i = 0; i < way->n; i++) length += mn_item(way, i) * mn_item(way, i);
    for (int64_t i = 0; i < way->n; i++) ((double *)way->data)[i] /= sqrt(length);
    for (int64_t i = 0; g && i < g->n; i++) {
        along += mn_item(g, i) * mn_item(way, i);
        size += mn_item(g, i) * mn_item(g, i);
    }
    double f[4], steps[4] = {-2 * h, -h, h, 2 * h}, at = 0;
    for (int k = 0; k < 4; k++) {
        move(t, way, steps[k] - at);
        at = steps[k];
        f[k] = value(loss, m, x);
    }
    move(t, way, -at);
    double slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h), allowed = 1e-6 * sqrt(size / (double)t->n) + 1e-9;
    if (!(fabs(slope - along) <= allowed)) fprintf(stderr, "gradient of %s: %.9g by differences, %.9g by the tape\n", what, slope, along);
    CHECK(fabs(slope - along) <= allowed);
    mn_scope_close(scope);
}

/* Every trainable tensor and every real input of a model in f64. */
static void gradients(mn_model *m, loss_fn loss, int n, mn_tensor **x) {
    mn_rng rng = mn_rng_seed(3, 1);
    for (int s = 0; s < m->n; s++) {
        mn_slot *slot = &m->slots[s];
        if (slot->t->dtype != MN_F32) continue;
        mn_tensor *wide = mn_retain(mn_cast(slot->t, MN_F64));
        mn_release(slot->t);
        slot->t = wide;
    }
    for (int j = 0; j < n; j++) if (mn_is_real(x[j]->dtype)) x[j] = mn_param(mn_cast(x[j], MN_F64));
    mn_model_train(m, true);
    CHECK_STATUS(MN_OK, mn_backward(loss(m, x), NULL));
    for (int s = 0; s < m->n; s++) if (m->slots[s].trainable) check_direction(m->slots[s].name, loss, m, x, m->slots[s].t, &rng);
    for (int j = 0; j < n; j++) if (mn_is_real(x[j]->dtype)) check_direction("input", loss, m, x, x[j], &rng);
}

static mn_tensor *weighed(mn_tensor *y) {                 /* sum of squares of y + 0.3: every element counts differently */
    return mn_call(sum, T(mn_call(square, T(mn_call(affine, T(y), {"shift", 0.3})))));
}

/* PReLU with slopes of 1 is the identity: no kink. */
static void straighten(mn_model *m) {
    for (int s = 0; s < m->n; s++) {
        const char *name = m->slots[s].name;
        if (formula_ends(name, "layer.2.weight")) mn_fill(m->slots[s].t, 1);
    }
}

/* ---- CLIP ---- */

static mn_tensor *ids_of(const int32_t *v) { return mn_from(MN_I32, 2, (int64_t[]){3, 7}, v); }
static const int32_t IDS[21] = {1, 5, 6, 19, 0, 0, 0, 1, 19, 4, 4, 4, 4, 4, 1, 2, 3, 4, 5, 6, 19};

static mn_tensor *clip_loss(mn_model *m, mn_tensor *const *x) {
    mn_tensor *f[2] = {NULL}, *s[2] = {NULL};
    call(m, "image", &x[0], &f[0]);
    call(m, "text", &x[1], &f[1]);
    call(m, "similarity", f, s);
    return mn_call(add, T(weighed(s[1]), weighed(f[0])));
}

static void test_clip(void) {
    mn_scope scope = mn_scope_open();
    mn_st *g = golden("clip");
    mn_model *m = make(&mn_model_clip, CLIP);
    mn_tensor *x = formula_signal("image", MN_DIMS(2, 3, 12, 12)), *ids = ids_of(IDS), *f[2] = {NULL}, *s[2] = {NULL};
    CHECK_STATUS(MN_OK, call(m, "image", &x, &f[0]));
    CHECK_STATUS(MN_OK, call(m, "text", &ids, &f[1]));
    CHECK_STATUS(MN_OK, call(m, "similarity", f, s));
    against(g, "image_features", f[0]);
    against(g, "text_features", f[1]);
    against(g, "cosine", s[0]);
    CHECK_NEAR(mn_item(s[1], 0), mn_item(s[0], 0) * exp(mn_item(mn_weight(m, "logit_scale"), 0)), 1e-5);
    mn_model_release(m);

    /* an end token that is not the largest id: the same row as when it were */
    char config[400];
    snprintf(config, sizeof config, "%.*s,\"eot\":2}", (int)strlen(CLIP) - 1, CLIP);
    m = make(&mn_model_clip, config);
    int32_t first[21], named[21];
    memcpy(first, IDS, sizeof first);
    for (int i = 0; i < 21; i++) named[i] = IDS[i] == 2 ? 3 : IDS[i] == 19 ? 2 : IDS[i];
    mn_tensor *a = NULL, *b = NULL, *one = ids_of(named);
    CHECK_STATUS(MN_OK, call(m, "text", &one, &a));
    for (int i = 0; i < 21; i++) if (named[i] == 2 && i % 7 < 6) named[i + 1] = 2;       /* a second end token changes nothing */
    one = ids_of(named);
    CHECK_STATUS(MN_OK, call(m, "text", &one, &b));
    for (int64_t i = 0; a && b && i < a->n; i++) CHECK_NEAR(mn_item(a, i), mn_item(b, i), 0);
    memset(named, 0, sizeof named);
    one = ids_of(named);
    CHECK_STATUS(MN_EARG, call(m, "text", &one, &a));
    mn_model_release(m);

    m = make(&mn_model_clip, CLIP);
    gradients(m, clip_loss, 2, (mn_tensor *[]){x, ids});
    CHECK_STATUS(MN_ESHAPE, call(m, "image", &ids, f));
    CHECK_STATUS(MN_ESHAPE, call(m, "text", &x, f));
    mn_model_release(m);
    CHECK(!mn_model_new(&mn_model_clip, "{\"patch\":7,\"image_resolution\":12}", 1));
    CHECK(!mn_model_new(&mn_model_clip, "{\"patch\":6,\"image_resolution\":12,\"stem\":[1,1]}", 1));
    CHECK(!mn_model_new(&mn_model_clip, "{\"patch\":4,\"image_resolution\":12,\"stem\":[0]}", 1));
    CHECK(!mn_model_new(&mn_model_clip, "{\"patch\":4,\"image_resolution\":12,\"stem\":[1],\"stem_width\":0}", 1));
    mn_error_clear();

    /* a residual network before the patches: gradients reach their weights and the picture */
    snprintf(config, sizeof config, "%.*s,\"stem\":[1],\"stem_width\":16}", (int)strlen(CLIP) - 1, CLIP);
    m = make(&mn_model_clip, config);
    CHECK(mn_has_weight(m, "visual.stem.layer1.0.conv2.weight") && mn_weight(m, "visual.conv1.weight")->shape[1] == 16 && mn_weight(m, "visual.conv1.weight")->shape[2] == 1);
    gradients(m, clip_loss, 2, (mn_tensor *[]){x, ids});
    mn_model_release(m);
    mn_st_close(g);
    mn_scope_close(scope);
}

/* A 2 x 4 picture to 2 x 2: only the middle columns are left, and no pass changes a size. */
static void test_pictures(void) {
    mn_scope scope = mn_scope_open();
    uint8_t bytes[24];
    for (int i = 0; i < 24; i++) bytes[i] = (uint8_t)(10 * i);
    mn_tensor *u8 = mn_from(MN_U8, MN_DIMS(2, 4, 3), bytes), *crop = mn_clip_crop(u8, 2), *px = mn_clip_pixels(crop);
    CHECK(crop && crop->shape[0] == 2 && crop->shape[1] == 2);
    for (int i = 0; crop && i < 6; i++) CHECK(((uint8_t *)crop->data)[i] == bytes[3 + i] && ((uint8_t *)crop->data)[6 + i] == bytes[15 + i]);
    /* the differentiable way agrees where nothing is resampled */
    mn_tensor *x = mn_empty(MN_F32, MN_DIMS(1, 3, 2, 4));
    for (int c = 0; c < 3; c++) for (int i = 0; i < 8; i++) ((float *)x->data)[8 * c + i] = bytes[3 * i + c] / 127.5f - 1;
    for (int aa = 0; aa < 2; aa++) {
        mn_tensor *y = mn_clip_preprocess(x, 2, aa);
        for (int64_t i = 0; y && px && i < px->n; i++) CHECK_NEAR(mn_item(y, i), mn_item(px, i), 1e-5);
    }
    /* a constant stays one through both passes, up and down */
    uint8_t grey[5 * 7 * 3];
    memset(grey, 77, sizeof grey);
    mn_tensor *flat = mn_from(MN_U8, MN_DIMS(5, 7, 3), grey);
    for (int n = 3; n <= 9; n += 3) {
        crop = mn_clip_crop(flat, n);
        CHECK(crop && crop->n == 3 * n * n);
        for (int64_t i = 0; crop && i < crop->n; i++) CHECK_NEAR(mn_item(crop, i), 77, 0);
    }
    CHECK(!mn_clip_crop(x, 2));
    mn_error_clear();
    mn_scope_close(scope);
}

/* ---- ArcFace, encoder ---- */

static mn_tensor *embed_loss(mn_model *m, mn_tensor *const *x) {
    mn_tensor *e = NULL;
    call(m, "embed", x, &e);
    return weighed(e);
}

static void test_arcface(void) {
    static const char *const norms[] = {"batch", "group"};
    mn_scope scope = mn_scope_open();
    mn_st *g = golden("arcface");
    char config[256];
    for (int k = 0; k < 2; k++) {
        snprintf(config, sizeof config, ARCFACE, norms[k]);
        mn_model *m = make(&mn_model_arcface, config);
        mn_tensor *x = formula_signal("face", MN_DIMS(2, 3, 24, 24)), *e = NULL, *big = NULL;
        CHECK_STATUS(MN_OK, call(m, "embed", &x, &e));
        against(g, norms[k], e);
        mn_tensor *wide = formula_signal("wide", MN_DIMS(1, 3, 48, 48));
        CHECK_STATUS(MN_OK, call(m, "prepare", &wide, &big));
        CHECK_NEAR(mn_item(big, 0), (mn_item(wide, 0) + mn_item(wide, 1) + mn_item(wide, 48) + mn_item(wide, 49)) / 4, 1e-6);
        straighten(m);
        gradients(m, embed_loss, 1, (mn_tensor *[]){x});
        mn_model_release(m);
    }
    /* the published crop of a 256 picture: rows 35.., columns 32..; cell 0 covers the first two of 188 pixels */
    mn_model *m = make(&mn_model_arcface, "{\"units\":[1],\"widths\":[8],\"embed\":4}");
    mn_tensor *x = formula_signal("photo", MN_DIMS(1, 3, 256, 256)), *y = NULL;
    CHECK_STATUS(MN_OK, call(m, "prepare", &x, &y));
    CHECK(y && y->shape[2] == 112);
    double sum = 0;
    for (int r = 35; r < 37; r++) for (int c = 32; c < 34; c++) sum += mn_item(x, r * 256 + c);
    CHECK_NEAR(mn_item(y, 0), sum / 4, 1e-6);
    mn_model_release(m);
    CHECK(!mn_model_new(&mn_model_arcface, "{\"norm\":\"instance\"}", 1));
    CHECK(strstr(mn_errmsg(), "batch, group or layer"));
    mn_error_clear();
    CHECK(!mn_model_new(&mn_model_arcface, "{\"units\":[1,2]}", 1));
    mn_error_clear();
    mn_st_close(g);
    mn_scope_close(scope);
}

static void test_encoder(void) {
    static const char *const configs[] = {"{\"input\":48,\"blocks\":[2,1,1,1],\"width\":4,\"bottleneck\":true,\"hidden\":12,\"norm\":\"batch\",\"outputs\":[4,5,3,2]}",
                                          "{\"input\":48,\"blocks\":[1,2,1,1],\"width\":16,\"hidden\":12,\"norm\":\"group\",\"outputs\":[4,5,3,2]}"};
    static const char *const names[] = {"bottleneck", "basic"};
    mn_scope scope = mn_scope_open();
    mn_st *g = golden("encoder");
    for (int k = 0; k < 2; k++) {
        mn_model *m = make(&mn_model_encoder, configs[k]);
        mn_tensor *x = formula_signal("photo", MN_DIMS(2, 3, 48, 48)), *codes = NULL, *part[4] = {NULL};
        CHECK_STATUS(MN_OK, call(m, "encode", &x, &codes));
        against(g, names[k], codes);
        CHECK_STATUS(MN_OK, call(m, "split", &codes, part));
        CHECK(part[3] && part[0]->shape[1] == 4 && part[1]->shape[1] == 5 && part[2]->shape[1] == 3 && part[3]->shape[1] == 2);
        CHECK_NEAR(mn_item(part[2], 1), mn_item(codes, 10), 0);
        CHECK_STATUS(MN_ESHAPE, call(m, "split", &x, part));
        mn_model_release(m);
    }
    mn_st_close(g);
    mn_scope_close(scope);
}

/* ---- EMOCA's split: whose numbers are whose ---- */

static void test_emoca(void) {
    mn_scope scope = mn_scope_open();
    static const int rows[] = {50, 53, 56};
    mn_tensor *flame = mn_empty(MN_F32, MN_DIMS(1, 236)), *part[4] = {NULL}, *look[2] = {NULL};
    for (int i = 0; i < 236; i++) ((float *)flame->data)[i] = (float)i;
    for (int k = 0; k < 3; k++) {
        /* a model without its weights: the methods tried here read none */
        static const mn_modeldef bare = {.name = "emoca", .config = "{\"expression_rows\":50}"};
        mn_modeldef def = bare;
        def.methods = mn_model_emoca.methods;
        char config[48];
        snprintf(config, sizeof config, "{\"expression_rows\":%d}", rows[k]);
        mn_model m = {.refs = 1, .def = &def};
        m.config = mn_json_parse(config, strlen(config), "config", 0);
        m.defaults = mn_json_parse(def.config, strlen(def.config), "defaults", 0);
        mn_tensor *expr = mn_empty(MN_F32, MN_DIMS(1, rows[k]));
        for (int i = 0; i < rows[k]; i++) ((float *)expr->data)[i] = (float)(1000 + i);
        CHECK_STATUS(MN_OK, call(&m, "split", (mn_tensor *[]){flame, expr}, part));
        CHECK(part[3] && part[0]->n == 100 && part[1]->n == 50 && part[2]->n == 6 && part[3]->n == 3);
        if (!part[3]) continue;
        CHECK_NEAR(mn_item(part[0], 99), 99, 0);
        CHECK_NEAR(mn_item(part[1], 0), 1000, 0);
        CHECK_NEAR(mn_item(part[2], 0), rows[k] == 56 ? 1050 : 200, 0);
        CHECK_NEAR(mn_item(part[2], 3), rows[k] == 50 ? 203 : rows[k] == 53 ? 1050 : 1053, 0);
        CHECK_NEAR(mn_item(part[3], 0), 206, 0);
        CHECK_STATUS(MN_OK, call(&m, "appearance", &flame, look));
        CHECK_NEAR(mn_item(look[0], 0), 100, 0);
        CHECK_NEAR(mn_item(look[1], 26), 235, 0);
        mn_json_free(m.config);
        mn_json_free(m.defaults);
    }
    CHECK(!mn_model_new(&mn_model_emoca, "{\"expression_rows\":51}", 1));
    mn_error_clear();
    mn_scope_close(scope);
}

/* ---- Inception ---- */

static void test_inception(void) {
    mn_scope scope = mn_scope_open();
    mn_st *g = golden("inception");
    mn_model *m = make(&mn_model_inception, NULL);
    mn_tensor *x = mn_empty(MN_U8, MN_DIMS(1, 3, 40, 56)), *y = NULL;
    uint64_t start = formula_start("bytes");
    for (int64_t i = 0; i < x->n; i++) ((uint8_t *)x->data)[i] = (uint8_t)(formula_u(start, i) * 256);
    for (int front = 0; front < 2; front++) {
        CHECK_STATUS(MN_OK, m->def->methods->run(m, &x, (double[]){front}, &y));
        against(g, front ? "torch" : "nvidia", y);
    }
    mn_tensor *flat = mn_zeros(MN_F32, MN_DIMS(3, 40, 56));
    CHECK_STATUS(MN_ESHAPE, m->def->methods->run(m, &flat, (double[]){0}, &y));
    mn_model_release(m);
    mn_st_close(g);
    mn_scope_close(scope);
}

/* ---- Dual Mappers ---- */

static mn_tensor *edit_loss(mn_model *m, mn_tensor *const *x) {
    mn_tensor *r[4] = {NULL};
    call(m, "edit", x, r);
    return mn_call(add, T(weighed(r[0]), weighed(r[1])));
}

static void test_mapper(void) {
    mn_scope scope = mn_scope_open();
    mn_st *g = golden("mapper");
    for (int cross = 1; cross >= 0; cross--) {
        char config[256];
        snprintf(config, sizeof config, MAPPER, cross ? "true" : "false");
        mn_model *m = make(&mn_model_mapper, config);
        mn_tensor *in[2] = {formula_signal("ws", MN_DIMS(2, 5, 6)), formula_signal("alpha", MN_DIMS(2, 7))}, *r[4] = {NULL};
        CHECK_STATUS(MN_OK, call(m, "edit", in, r));
        against(g, cross ? "dw" : "plain_dw", r[2]);
        against(g, cross ? "dalpha" : "plain_dalpha", r[3]);
        for (int row = 0; row < 5 && r[0]; row++)                 /* only rows 1..3 move, by dw */
            CHECK_NEAR(mn_item(r[0], row * 6) - mn_item(in[0], row * 6), row >= 1 && row < 4 ? mn_item(r[2], (row - 1) * 6) : 0, 1e-6);
        CHECK_NEAR(mn_item(r[1], 3), mn_item(in[1], 3) + mn_item(r[3], 3), 1e-6);
        mn_tensor *half[4] = {NULL};
        CHECK_STATUS(MN_OK, m->def->methods->run(m, in, (double[]){0.5}, half));
        CHECK_NEAR(mn_item(half[1], 3), mn_item(in[1], 3) + mn_item(r[3], 3) / 2, 1e-6);
        CHECK_STATUS(MN_ESHAPE, call(m, "edit", (mn_tensor *[]){in[1], in[0]}, half));
        gradients(m, edit_loss, 2, in);
        mn_model_release(m);

        /* fresh: changes nothing, but gradients reach the last layers; and what it learns is kept in its file */
        m = mn_model_new(&mn_model_mapper, config, 5);
        in[0] = formula_signal("ws", MN_DIMS(2, 5, 6));
        in[1] = formula_signal("alpha", MN_DIMS(2, 7));
        CHECK_STATUS(MN_OK, call(m, "edit", in, r));
        for (int64_t i = 0; i < in[0]->n; i++) CHECK_NEAR(mn_item(r[0], i), mn_item(in[0], i), 0);
        for (int64_t i = 0; i < in[1]->n; i++) CHECK_NEAR(mn_item(r[1], i), mn_item(in[1], i), 0);
        mn_model_train(m, true);
        CHECK_STATUS(MN_OK, mn_backward(edit_loss(m, in), NULL));
        static const char *const last[] = {"texture.last.weight", "texture.shift", "emotion.last.weight", "emotion.last.bias"};
        for (int k = 0; k < 4; k++) {
            mn_tensor *grad = mn_grad_of(mn_weight(m, "%s", last[k]));
            double most = 0;
            for (int64_t i = 0; grad && i < grad->n; i++) most = worse(most, fabs(mn_item(grad, i)));
            CHECK(most > 1e-6 && most < INFINITY);
        }
        mn_model_release(m);
    }
    CHECK(!mn_model_new(&mn_model_mapper, "{\"rows\":4,\"edit_first\":2,\"edit_count\":3}", 1));
    mn_error_clear();
    mn_st_close(g);
    mn_scope_close(scope);
}

static void test_files(void) {
    char path[256], config[256];
    mn_scope scope = mn_scope_open();
    scratch_name(path, ".safetensors");
    snprintf(config, sizeof config, MAPPER, "true");
    mn_model *m = make(&mn_model_mapper, config), *back = NULL;
    CHECK_STATUS(MN_OK, mn_model_save(m, path, false, 0, NULL));
    CHECK((back = mn_model_load(path, false)));
    mn_tensor *in[2] = {formula_signal("ws", MN_DIMS(2, 5, 6)), formula_signal("alpha", MN_DIMS(2, 7))}, *a[4] = {NULL}, *b[4] = {NULL};
    CHECK_STATUS(MN_OK, call(m, "edit", in, a));
    if (back) CHECK_STATUS(MN_OK, call(back, "edit", in, b));
    for (int64_t i = 0; a[0] && b[0] && i < a[0]->n; i++) CHECK_NEAR(mn_item(a[0], i), mn_item(b[0], i), 0);
    mn_model_release(m);
    mn_model_release(back);
    unlink(path);
    mn_scope_close(scope);
}

/* Settings come from files too: what no network can have is refused by name, not divided by. */
#define SMALL "\"channel_base\":32,\"channel_max\":4,\"plane_resolution\":32,\"plane_channels\":4,\"w_dim\":4,"
static void test_settings(void) {
    static const struct { const mn_modeldef *def; const char *config, *words; } BAD[] = {
        {&mn_model_next3d, "{" SMALL "\"mouth\":[16,0,16]}", "setting 'mouth'"}, {&mn_model_next3d, "{" SMALL "\"mouth\":[16384,4,8]}", "setting 'mouth'"},
        {&mn_model_next3d, "{" SMALL "\"blending\":[8,4,32]}", "setting 'blending'"}, {&mn_model_next3d, "{" SMALL "\"blending\":[32,12,32]}", "setting 'blending'"},
        {&mn_model_next3d, "{" SMALL "\"mouth\":[8,4,8],\"blending\":[32,8,32],\"sr_up\":[1e300,2]}", "setting 'sr_up'"}, {&mn_model_next3d, "{" SMALL "\"mapping_layers\":1000000}", "more than 65536 tensors"},
        {&mn_model_arcface, "{\"units\":[1e300]}", "setting 'units'"}, {&mn_model_arcface, "{\"widths\":[0.5,1,1,1]}", "setting 'widths'"},
        {&mn_model_arcface, "{\"input\":1000000000}", "input: 1 to 8192"}, {&mn_model_encoder, "{\"blocks\":[1e300,1,1,1]}", "setting 'blocks'"},
        {&mn_model_encoder, "{\"outputs\":[-3,1,1,1]}", "setting 'outputs'"}, {&mn_model_clip, "{\"stem\":[0]}", "setting 'stem'"}};
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        CHECK(!mn_model_new(BAD[i].def, BAD[i].config, 1) && strstr(mn_errmsg(), BAD[i].words));
        if (!strstr(mn_errmsg(), BAD[i].words)) fprintf(stderr, "%s: %s\n", BAD[i].config, mn_errmsg());
        mn_error_clear();
    }
}

/* Pictures of which there is none. */
static void test_empty(void) {
    mn_scope scope = mn_scope_open();
    mn_model *m = make(&mn_model_encoder, "{\"input\":48,\"blocks\":[1,1,1,1],\"width\":16,\"hidden\":12,\"norm\":\"group\"}");
    mn_tensor *none = mn_zeros(MN_F32, 4, (int64_t[]){0, 3, 48, 48}), *out[4];
    CHECK_STATUS(MN_ESHAPE, call(m, "encode", &none, out));
    CHECK_STATUS(MN_ESHAPE, call(m, "prepare", &none, out));
    mn_model_release(m);
    m = make(&mn_model_clip, CLIP);
    mn_tensor *flat = mn_zeros(MN_F32, 4, (int64_t[]){1, 3, 0, 5});
    CHECK_STATUS(MN_ESHAPE, call(m, "preprocess", &flat, out));
    mn_model_release(m);
    mn_scope_close(scope);
}

int main(void) {
    int64_t before = mn_memory_stats().tensors;
    test_clip();
    test_pictures();
    test_arcface();
    test_encoder();
    test_emoca();
    test_mapper();
    test_files();
    test_inception();
    test_settings();
    test_empty();
    CHECK(mn_memory_stats().tensors == before);
    return check_done("models");
}
