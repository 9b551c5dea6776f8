/* The importers: small files in the published containers become safetensors with the published names; the large
 * models' lists of tensors are checked against their tables (tests/golden/ckpt/NAME.names). */
#include <stdlib.h>
#include "check.h"
#include "io/file.h"
#include "io/import.h"
#include "io/json.h"
#include "pickle_emit.h"
#include "scratch.h"

#define GOLDEN "tests/golden/ckpt/"

static char out[256];

static mn_st *import_one(const char *kind, const char *a, const char *b, const char *c, const char *d) {
    const char *sources[4] = { a, b, c, d };
    int n = 1 + (b != NULL) + (c != NULL) + (d != NULL);
    return mn_import(kind, n, sources, out, NULL, NULL) ? NULL : mn_st_open(out);
}

static bool failed_with(const char *what) {
    bool ok = mn_errcode() && strstr(mn_errmsg(), what);
    if (!ok) fprintf(stderr, "expected an error with '%s', found '%s'\n", what, mn_errmsg());
    mn_error_clear();
    return ok;
}

/* The configuration's value, a number or (index >= 0) one of a list. */
static double setting(mn_st *st, const char *key, int index) {
    const char *text = st ? mn_st_meta(st, "mien.config") : NULL;
    mn_json *config = text ? mn_json_parse(text, strlen(text), "config", 0) : NULL;
    const mn_json *v = mn_json_get(config, key);
    if (v && index >= 0) v = (size_t)index < v->count ? &v->items[index] : NULL;
    double x = !v ? -12345 : v->type == MN_JSON_BOOL ? v->truth : v->is_int ? (double)v->integer : v->number;
    mn_json_free(config);
    return x;
}

static bool shaped(mn_tensor *t, const char *shape) { return t && !strcmp(mn_shape_text(t), shape); }

/* RingNet keeps the same landmarks in two files, the contour as lists of rows. */
static void ringnet(void) {
    mn_st *one = import_one("flame", GOLDEN "flame.pkl", GOLDEN "flame_landmarks.npy", NULL, NULL);
    mn_tensor *bary = one ? mn_st_get(one, "lmk_bary") : NULL, *rows = one ? mn_st_get(one, "lmk_contour_faces") : NULL;
    mn_st *two = import_one("flame", GOLDEN "flame.pkl", GOLDEN "flame_static.pkl", GOLDEN "flame_dynamic.npy", NULL);
    CHECK(bary && rows && two && setting(two, "contour", -1) == 1 && setting(two, "fixed_landmarks", -1) == 0);
    mn_tensor *bary2 = two ? mn_st_get(two, "lmk_bary") : NULL, *rows2 = two ? mn_st_get(two, "lmk_contour_faces") : NULL;
    bool same = bary2 && rows2;
    for (int64_t i = 0; same && i < mn_count(bary2); i++) same = mn_item(bary, i) == mn_item(bary2, i);
    for (int64_t i = 0; same && i < mn_count(rows2); i++) same = mn_item(rows, i) == mn_item(rows2, i);
    CHECK(same);
    if (one) mn_st_close(one);
    if (two) mn_st_close(two);
    CHECK(!import_one("flame", GOLDEN "flame.pkl", GOLDEN "flame_static.pkl", NULL, NULL) && failed_with("two files"));
}

static void flame(void) {
    mn_scope scope = mn_scope_open();
    mn_st *st = import_one("flame", GOLDEN "flame_landmarks.npy", GOLDEN "flame.obj", GOLDEN "flame.pkl", "shape=10");
    CHECK(st && !strcmp(mn_st_meta(st, "mien.kind"), "flame") && mn_st_count(st) == 16);
    if (!st) return;
    CHECK(setting(st, "vertices", -1) == 12 && setting(st, "faces", -1) == 20 && setting(st, "shape", -1) == 10 && setting(st, "expr", -1) == 100 && setting(st, "uv", -1) == 13);
    CHECK(setting(st, "landmarks", -1) == 1 && setting(st, "contour", -1) == 1 && setting(st, "fixed_landmarks", -1) == 1);
    mn_tensor *shape = mn_st_get(st, "shapedirs"), *expr = mn_st_get(st, "exprdirs"), *parents = mn_st_get(st, "parents"), *joints = mn_st_get(st, "J_regressor");
    CHECK(shaped(shape, "[12,3,10]") && mn_item(shape, 9) == 9 && mn_item(shape, 30 + 13) == 1003);      /* vertex 1, y, column 3 */
    CHECK(shaped(expr, "[12,3,100]") && mn_dtype_of(expr) == MN_F32 && mn_item(expr, 0) == 300 && mn_item(expr, 49) == 349);
    static const int tree[] = { -1, 0, 1, 1, 1 };
    for (int i = 0; i < 5; i++) CHECK(mn_item(parents, i) == tree[i]);
    CHECK(shaped(joints, "[5,12]") && mn_item(joints, 13) == 1 && mn_item(joints, 12) == 0);
    mn_tensor *lmk = mn_st_get(st, "lmk_faces"), *bary = mn_st_get(st, "lmk_bary");
    CHECK(shaped(lmk, "[68]") && mn_item(lmk, 16) == 16 && mn_item(lmk, 17) == 0 && mn_item(lmk, 20) == 3);      /* the contour, then the others */
    CHECK(shaped(bary, "[68,3]") && mn_item(bary, 0) == 0 && mn_item(bary, 50) == 0.5 && mn_item(bary, 51) == 0.5 && mn_item(bary, 52) == 0.25);
    CHECK(shaped(mn_st_get(st, "lmk_contour_bary"), "[79,17,3]") && shaped(mn_st_get(st, "lmk_full_bary"), "[68,3]"));
    mn_tensor *f = mn_st_get(st, "faces"), *fuv = mn_st_get(st, "uv_faces");
    bool all = shaped(fuv, "[20,3]");
    for (int i = 0; all && i < 60; i++) all = mn_item(fuv, i) == mn_item(f, i) + 1;                       /* whatever the OBJ's order */
    CHECK(all);
    CHECK(strstr(mn_st_meta(st, "mien.sources"), "{\"file\":\"flame.pkl\",\"bytes\":39617,\"sha256\":\"a5a2505c6eaee414"));
    mn_st_close(st);
    CHECK(!import_one("flame", GOLDEN "flame.pkl", GOLDEN "flame_landmarks.npy", "shape=301", NULL) && failed_with("a whole number from 1 to 300"));
    CHECK(!import_one("flame", GOLDEN "flame.pkl", "shapes=10", NULL, NULL) && failed_with("import flame: unknown option 'shapes=10'; there are expr, shape"));
    CHECK(!import_one("clip", GOLDEN "flame.pkl", "shape=10", NULL, NULL) && failed_with("import clip: unknown option 'shape=10'; there are none"));
    CHECK(!import_one("flame", GOLDEN "flame.pkl", GOLDEN "flame.pkl", NULL, NULL) && failed_with("a second FLAME model"));
    st = import_one("flame", GOLDEN "flame.pkl", NULL, NULL, NULL);                    /* a head without landmarks says so */
    CHECK(st && setting(st, "landmarks", -1) == 0 && !mn_st_has(st, "lmk_faces") && setting(st, "shape", -1) == 300);
    if (st) mn_st_close(st);
    ringnet();
    CHECK(!import_one("flame", GOLDEN "module.pkl", GOLDEN "flame.pkl", NULL, NULL) && failed_with("import flame: " GOLDEN "module.pkl: neither a FLAME model"));
    CHECK(!import_one("flame", GOLDEN "make.py", NULL, NULL, NULL) && failed_with("import flame: " GOLDEN "make.py: pickle"));      /* named once */
    CHECK(!import_one("giraffe", GOLDEN "flame.pkl", NULL, NULL, NULL) && mn_errcode() == MN_ENOTFOUND && failed_with("there are next3d, clip"));
    mn_scope_close(scope);
}

static void next3d(void) {
    mn_scope scope = mn_scope_open();
    mn_st *st = import_one("next3d", GOLDEN "next3d.pkl", NULL, NULL, NULL);
    CHECK(st && mn_st_count(st) == 15 && !mn_st_has(st, "dense_faces"));
    if (!st) return;
    static const struct { const char *key; int index; double want; } settings[] = {
        { "z_dim", -1, 11 }, { "w_dim", -1, 13 }, { "mapping_layers", -1, 2 }, { "c_scale", -1, 0.5 }, { "plane_resolution", -1, 64 }, { "plane_channels", -1, 3 }, { "decoder_hidden", -1, 5 },
        { "channel_base", -1, 2048 }, { "mouth", 0, 32 }, { "mouth", 1, 4 }, { "mouth", 2, 16 }, { "blending", 0, 64 }, { "orth_scale", -1, 5 }, { "orth_shift", 1, -0.5 }, { "faces", -1, 7 },
        { "neural_rendering_resolution", -1, 32 }, { "depth_resolution_importance", -1, 10 }, { "ray_end", -1, 3.5 }, { "white_back", -1, 0 }, { "sr_channels", 0, 6 }, { "sr_channels", 1, 4 }, { "sr_up", 1, 2 }, { "sr_clamp", -1, 256 } };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) CHECK_NEAR(setting(st, settings[i].key, settings[i].index), settings[i].want, 0);
    CHECK(shaped(mn_st_get(st, "renderer.plane_axes"), "[3,3,3]") && mn_item(mn_st_get(st, "renderer.plane_axes"), 26) == 26);
    CHECK(shaped(mn_st_get(st, "uv_face_mask"), "[1,1,4,4]") && mn_dtype_of(mn_st_get(st, "faces")) == MN_I32);
    CHECK(shaped(mn_st_get(st, "backbone.mapping.fc0.weight"), "[3,2]") && mn_item(mn_st_get(st, "backbone.mapping.fc0.weight"), 1) == -2.5);
    CHECK(strstr(mn_st_meta(st, "next3d.init_kwargs"), "\"conv_clamp\":null,\"topology_path\":\"a/b.obj\""));
    CHECK(strstr(mn_st_meta(st, "next3d.rendering_kwargs"), "\"avg_camera_pivot\":[0,0,0.25]"));
    mn_st_close(st);
    CHECK(!import_one("next3d", GOLDEN "module.pkl", NULL, NULL, NULL) && failed_with("this is no Next3D generator"));
    CHECK(!import_one("next3d", GOLDEN "state_zip.pt", NULL, NULL, NULL) && failed_with("expected a snapshot with a network under G_ema"));
    mn_scope_close(scope);
}

/* A legacy file with these tensors (lines "name SIZExSIZE...", "-" for a scalar), all parts of one storage of n halves;
 * spread: every element is the first one (strides 0), else tensor k begins at element k. */
static void write_state(const char *path, const char *lines, int n, bool spread, const char *prefix) {
    emit e = { 0 };
    char name[200], shape[60];
    int used, k = 0;
    legacy_head(&e);
    ops(&e, "\x80\x02}"); text(&e, "state_dict"); op(&e, '}'); op(&e, '(');
    for (; sscanf(lines, "%159s %59s%n", name, shape, &used) == 2; lines += used, k++) {
        int64_t size[4], stride[4] = { 0 };
        int nd = 0;
        for (char *at = shape; *at != '-' && nd < 4; at++) {
            size[nd++] = strtoll(at, &at, 10);
            if (!*at) break;
        }
        for (int64_t i = nd - 1, step = 1; i >= 0 && !spread; step *= size[i--]) stride[i] = step;
        op(&e, 'X'); number(&e, strlen(prefix) + strlen(name), 4); ops(&e, prefix); ops(&e, name);
        tensor(&e, "HalfStorage", "0", n, spread ? 0 : k, nd, size, stride);
    }
    ops(&e, "us.\x80\x02]"); text(&e, "0"); ops(&e, "a.");
    number(&e, (uint64_t)n, 8);
    for (int i = 0; i < n; i++) number(&e, 0x3c00 + (uint64_t)i % 1024, 2);         /* 1 and up */
    CHECK_STATUS(MN_OK, mn_file_write(path, e.b, e.n));
    emit_free(&e);
}

static void clip(void) {
    static const char table[] = "visual.conv1.weight 8x3x2x2 visual.proj 8x6 token_embedding.weight 20x4 positional_embedding 7x4 visual.positional_embedding 10x8 visual.class_embedding 8 "
        "visual.ln_pre.weight 8 visual.ln_pre.bias 8 visual.ln_post.weight 8 visual.ln_post.bias 8 ln_final.weight 4 ln_final.bias 4 text_projection 4x6 logit_scale - unwanted 3x3 "
        "visual.transformer.resblocks.0.ln_1.weight 8 visual.transformer.resblocks.0.ln_1.bias 8 visual.transformer.resblocks.0.attn.in_proj_weight 24x8 visual.transformer.resblocks.0.attn.in_proj_bias 24 "
        "visual.transformer.resblocks.0.attn.out_proj.weight 8x8 visual.transformer.resblocks.0.attn.out_proj.bias 8 visual.transformer.resblocks.0.ln_2.weight 8 visual.transformer.resblocks.0.ln_2.bias 8 "
        "visual.transformer.resblocks.0.mlp.c_fc.weight 32x8 visual.transformer.resblocks.0.mlp.c_fc.bias 32 visual.transformer.resblocks.0.mlp.c_proj.weight 8x32 visual.transformer.resblocks.0.mlp.c_proj.bias 8 "
        "transformer.resblocks.0.ln_1.weight 4 transformer.resblocks.0.ln_1.bias 4 transformer.resblocks.0.attn.in_proj_weight 12x4 transformer.resblocks.0.attn.in_proj_bias 12 "
        "transformer.resblocks.0.attn.out_proj.weight 4x4 transformer.resblocks.0.attn.out_proj.bias 4 transformer.resblocks.0.ln_2.weight 4 transformer.resblocks.0.ln_2.bias 4 "
        "transformer.resblocks.0.mlp.c_fc.weight 16x4 transformer.resblocks.0.mlp.c_fc.bias 16 transformer.resblocks.0.mlp.c_proj.weight 4x16 transformer.resblocks.0.mlp.c_proj.bias 4";
    char path[256], damaged[sizeof table];
    mn_scope scope = mn_scope_open();
    scratch_name(path, ".pt");
    for (int wrapped = 0; wrapped < 2; wrapped++) {
        write_state(path, table, 400, false, wrapped ? "module." : "");
        mn_st *st = import_one("clip", path, NULL, NULL, NULL);
        CHECK(st && mn_st_count(st) == 38 && !mn_st_has(st, "unwanted"));
        CHECK(setting(st, "image_resolution", -1) == 6 && setting(st, "patch", -1) == 2 && setting(st, "vision_width", -1) == 8 && setting(st, "vision_layers", -1) == 1 && setting(st, "text_width", -1) == 4 &&
              setting(st, "context", -1) == 7 && setting(st, "vocab", -1) == 20 && setting(st, "embed_dim", -1) == 6);
        mn_tensor *proj = st ? mn_st_get(st, "visual.proj") : NULL;
        CHECK(proj && mn_dtype_of(proj) == MN_F16 && ((uint16_t *)mn_data(proj))[0] == 0x3c01);
        mn_st_close(st);
    }
    strcpy(damaged, table);
    memcpy(strstr(damaged, "12x4"), "12x5", 4);
    write_state(path, damaged, 400, false, "");
    CHECK(!import_one("clip", path, NULL, NULL, NULL) && mn_errcode() == MN_ESHAPE && failed_with("transformer.resblocks.0.attn.in_proj_weight: expected shape [12,4], found [12,5]"));
    remove(path);
    mn_scope_close(scope);
}

/* Nothing but the table's last tensor is wrong: all others were asked for by their right names and shapes. */
static void tables(void) {
    static const struct { const char *kind, *last, *wrong, *message; } models[] = {
        { "arcface", "output_layer.4.running_var 512", "output_layer.4.running_var 513", "output_layer.4.running_var: expected shape [512], found [513]" },
        { "inception", "fc.bias 1008", "fc.bias 1009", "fc.bias: expected shape [1008], found [1009]" },
        { "emoca", "deca.E_expression.layers.2.bias 50", "deca.E_expression.layers.2.bias 51", "deca.E_expression.layers.2.bias: expected shape [50], found [51]" } };
    char path[256];
    scratch_name(path, ".pt");
    for (int i = 0; i < 3; i++) {
        size_t n;
        char names[100];
        mn_scope scope = mn_scope_open();
        snprintf(names, sizeof names, GOLDEN "%s.names", models[i].kind);
        char *list = mn_file_read(names, 1 << 20, &n), *last = list ? strstr(list, models[i].last) : NULL;
        CHECK(last != NULL);
        if (!last) continue;
        memcpy(last, models[i].wrong, strlen(models[i].wrong));
        write_state(path, strchr(list, '\n') + 1, 1, true, "");
        CHECK(!import_one(models[i].kind, path, NULL, NULL, NULL) && failed_with(models[i].message));
        free(list);
        mn_scope_close(scope);
    }
    remove(path);
    CHECK(mn_memory_stats().tensors == 0);
}

int main(void) {
    scratch_name(out, ".safetensors");
    flame();
    next3d();
    clip();
    remove(out);
    tables();
    CHECK(mn_file_read(out, 1, &(size_t){ 0 }) == NULL && mn_errcode() == MN_ENOTFOUND);      /* a failed import leaves nothing */
    mn_error_clear();
    return check_done("import");
}
