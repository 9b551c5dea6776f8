/* test_parity_small.c -- the generator and the head against independent numbers, through the comparison that `mien parity` makes
 * (tests/golden/parity): small models with the published structure, weights by formula. */
#include <unistd.h>
#include "formula.h"
#include "check.h"
#include "fake_gpu.h"
#include "engine/parity/parity.h"
#include "scratch.h"

#define GOLDEN "tests/golden/parity/"

static void copy(mn_model *m, const char *weight, mn_st *from, const char *name) {
    mn_tensor *to = mn_weight(m, "%s", weight), *t = mn_st_get(from, name);
    CHECK(to && t && to->n == t->n && to->dtype == t->dtype);
    if (to && t && to->n == t->n) memcpy(to->data, t->data, (size_t)t->n * mn_dtype_size(t->dtype));
}

static void scale(mn_model *m, const char *weight, double factor) {
    mn_tensor *t = mn_weight(m, "%s", weight);
    for (int64_t i = 0; t && i < t->n; i++) ((float *)t->data)[i] = (float)(factor * ((float *)t->data)[i]);
}

static void print_bad(void *arg, const char *line) {
    (void)arg;
    if (strstr(line, "OUT") || strstr(line, "WRONG") || strstr(line, "not computed by")) fprintf(stderr, "%s\n", line);
}

/* Saved, loaded, compared: all within the bars of the published goldens. */
static void compare(mn_model *m, const char *kind, const char *golden) {
    char path[256];
    bool fits = false;
    scratch_name(path, ".safetensors");
    CHECK_STATUS(MN_OK, mn_model_save(m, path, false, 0, NULL));
    for (int d = MN_CPU; d <= MN_CUDA; d++) {      /* MN_CUDA: tests/cuda/fake_driver.c */
        fits = false;
        CHECK_STATUS(MN_OK, mn_parity_run(kind, path, golden, NULL, (mn_device)d, print_bad, NULL, &fits));
        CHECK(fits);
    }
    unlink(path);
}

static void refused(mn_status want, const char *sentence, mn_status got) {
    CHECK(got == want && strstr(mn_errmsg(), sentence));
    mn_error_clear();
}

static void next3d(void) {
    static const char config[] = "{\"z_dim\":6,\"w_dim\":10,\"mapping_layers\":2,\"plane_resolution\":32,\"plane_channels\":4,\"channel_base\":256,\"channel_max\":12,"
        "\"mouth\":[16,4,16],\"blending\":[32,8,32],\"decoder_hidden\":8,\"vertices\":98,\"faces\":192,\"neural_rendering_resolution\":8,\"depth_resolution\":6,"
        "\"depth_resolution_importance\":6,\"sr_input\":16,\"sr_channels\":[8,6]}";
    mn_scope scope = mn_scope_open();
    mn_model *m = mn_model_new(&mn_model_next3d, config, 1);
    mn_st *st = mn_st_open(GOLDEN "next3d.safetensors");
    CHECK(m && st);
    float axes[27];
    memcpy(axes, mn_weight(m, "renderer.plane_axes")->data, sizeof axes);
    formula_fill(m);
    memcpy(mn_weight(m, "renderer.plane_axes")->data, axes, sizeof axes);
    scale(m, "backbone.mapping.fc0.weight", 100);
    scale(m, "backbone.mapping.fc1.weight", 100);
    scale(m, "decoder.net.0.weight", 20);
    scale(m, "decoder.net.2.weight", 12);
    copy(m, "faces", st, "in.faces");
    copy(m, "face_uvcoords", st, "in.face_uvcoords");
    compare(m, "next3d", GOLDEN "next3d.safetensors");
    mn_st_close(st);
    mn_model_release(m);
    mn_scope_close(scope);
}

static void set_parents(mn_model *m) { memcpy(mn_weight(m, "parents")->data, (int32_t[]){-1, 0, 1, 1, 1}, 5 * sizeof(int32_t)); }

static void flame(void) {
    static const char config[] = "{\"vertices\":98,\"faces\":192,\"shape\":6,\"expr\":4,\"contour\":true,\"fixed_landmarks\":true}";
    mn_scope scope = mn_scope_open();
    mn_model *m = mn_model_new(&mn_model_flame, config, 1);
    mn_st *st = mn_st_open(GOLDEN "flame.safetensors");
    CHECK(m && st);
    formula_fill(m);
    scale(m, "shapedirs", 0.01);
    scale(m, "exprdirs", 0.01);
    scale(m, "posedirs", 0.01);
    set_parents(m);
    static const char *const tables[] = {"v_template", "faces", "lmk_faces", "lmk_contour_faces", "lmk_full_faces"};
    for (int k = 0; k < 5; k++) {
        char name[40];
        snprintf(name, sizeof name, "in.%s", tables[k]);
        copy(m, tables[k], st, name);
    }
    compare(m, "flame", GOLDEN "flame.safetensors");
    mn_st_close(st);

    /* what does not fit is named */
    mn_tensor *long_code = mn_zeros(MN_F32, 2, (int64_t[]){1, 7}), *shape = mn_zeros(MN_F32, 2, (int64_t[]){1, 6}), *expr = mn_zeros(MN_F32, 2, (int64_t[]){1, 4});
    mn_tensor *pose = mn_zeros(MN_F32, 2, (int64_t[]){1, 15}), *eyes = mn_zeros(MN_F32, 2, (int64_t[]){1, 6}), *r[3] = {NULL};
    refused(MN_ESHAPE, "at most 6 shape", mn_parity_call(m, "forward", (mn_tensor *[]){long_code, expr, NULL, NULL}, r));
    refused(MN_ESHAPE, "15 (all joints)", mn_parity_call(m, "forward", (mn_tensor *[]){shape, expr, long_code, NULL}, r));
    refused(MN_EARG, "has them already", mn_parity_call(m, "forward", (mn_tensor *[]){shape, expr, pose, eyes}, r));
    mn_model_release(m);
    m = mn_model_new(&mn_model_flame, "{\"vertices\":4,\"faces\":2,\"shape\":2,\"expr\":2,\"landmarks\":false}", 1);
    set_parents(m);
    mn_tensor *two = mn_zeros(MN_F32, 2, (int64_t[]){1, 2});
    refused(MN_EARG, "no landmarks", mn_parity_call(m, "mesh", (mn_tensor *[]){two, two, NULL, NULL}, r));
    refused(MN_EARG, "no table", mn_parity_call(m, "fixed_landmarks", (mn_tensor *[]){mn_zeros(MN_F32, 3, (int64_t[]){1, 4, 3})}, r));
    mn_model_release(m);
    mn_scope_close(scope);
}

int main(void) {
    fake_gpu("");
    next3d();
    flame();
    return check_done("parity_small");
}
