/* test_parity.c -- the comparison with published numbers itself: that it passes what is equal, finds what is not, and says
 * what it cannot compute; NumPy's random numbers; the projected target worked out by hand. */
#include <stdlib.h>
#include <unistd.h>
#include "formula.h"
#include "check.h"
#include "engine/parity/draw.h"
#include "engine/parity/parity.h"
#include "scratch.h"

static const char CLIP[] = "{\"image_resolution\":8,\"patch\":4,\"vision_width\":16,\"vision_layers\":1,\"embed_dim\":6,\"context\":5,\"vocab\":20,"
                           "\"text_width\":16,\"text_layers\":1,\"head_width\":8}";

static char report[8000];
static void collect(void *arg, const char *line) {
    (void)arg;
    size_t n = strlen(report);
    snprintf(report + n, sizeof report - n, "%s\n", line);
}
static bool compare(const char *kind, const char *model, const char *golden, const char *dump) {
    bool fits = false;
    report[0] = 0;
    CHECK_STATUS(MN_OK, mn_parity_run(kind, model, golden, dump, MN_CPU, collect, NULL, &fits));
    return fits;
}
static mn_status refused(const char *kind, const char *model, const char *golden) {
    bool fits = true;
    mn_status s = mn_parity_run(kind, model, golden, NULL, MN_CPU, NULL, NULL, &fits);
    CHECK(!fits);
    return s;
}

static void golden_says(const char *sentence, const char *model, const char *golden, int n, const char *const *names, mn_tensor *const *tensors) {
    CHECK_STATUS(MN_OK, mn_st_save(golden, n, names, tensors, 0, NULL));
    CHECK(refused("clip", model, golden) != MN_OK);
    CHECK(strstr(mn_errmsg(), sentence) && strstr(mn_errmsg(), golden));
    mn_error_clear();
}

static void test_compare(void) {
    mn_scope scope = mn_scope_open();
    char base[256], model[280], golden[280], dump[280];
    scratch_name(base, "");
    snprintf(model, sizeof model, "%s.model", base);
    snprintf(golden, sizeof golden, "%s.golden", base);
    snprintf(dump, sizeof dump, "%s.dump", base);
    mn_model *m = mn_model_new(&mn_model_clip, CLIP, 1);
    formula_fill(m);
    CHECK_STATUS(MN_OK, mn_model_save(m, model, false, 0, NULL));
    const int32_t ids[10] = {1, 2, 19, 0, 0, 1, 5, 6, 7, 19};
    mn_tensor *image = formula_signal("image", MN_DIMS(3, 3, 8, 8)), *tokens = mn_from(MN_I32, MN_DIMS(2, 5), ids), *feature = NULL;
    for (const mn_method *k = m->def->methods; k->name; k++) if (!strcmp(k->name, "image")) CHECK_STATUS(MN_OK, k->run(m, &image, NULL, &feature));
    CHECK(feature);
    if (!feature) { mn_scope_close(scope); return; }
    mn_model_release(m);

    /* a golden may hold the first rows only, and name the precision of its numbers */
    static const char *const names[] = {"image", "tokens", "image_features", "f64r.image_features", "logit_scale"};
    mn_tensor *rows = mn_view(feature, 2, (int64_t[]){2, 6}, 0), *scale = mn_full(MN_F32, 0, NULL, 0);
    mn_model *again = mn_model_load(model, false);
    ((float *)scale->data)[0] = (float)mn_item(mn_weight(again, "logit_scale"), 0);
    mn_model_release(again);
    mn_tensor *all[5] = {image, tokens, feature, rows, scale};
    CHECK_STATUS(MN_OK, mn_st_save(golden, 5, names, all, 0, NULL));
    CHECK(compare("clip", model, golden, dump));
    CHECK(strstr(report, "3 within bounds, 0 out, 0 not computed"));
    mn_st *st = mn_st_open(dump);
    CHECK(st && mn_st_count(st) == 3);
    mn_tensor *written = st ? mn_st_get(st, "f64r.image_features") : NULL;
    CHECK(written && written->shape[0] == 2);
    if (written) CHECK_NEAR(mn_item(written, 5), mn_item(feature, 5), 1e-6);
    if (st) mn_st_close(st);

    /* one number off by a thousandth is found; so is one that is none */
    float *x = all[3]->data, kept = x[4];
    x[4] += 1e-3f * fabsf(kept) + 1e-3f;
    CHECK_STATUS(MN_OK, mn_st_save(golden, 5, names, all, 0, NULL));
    CHECK(!compare("clip", model, golden, NULL));
    CHECK(strstr(report, "OUT") && strstr(report, "1 within bounds, 2 out"));
    x[4] = NAN;
    CHECK_STATUS(MN_OK, mn_st_save(golden, 5, names, all, 0, NULL));
    CHECK(!compare("clip", model, golden, NULL));
    CHECK(strstr(report, "1 within bounds, 2 out"));
    x[4] = kept;

    /* a tensor we have no name for, one of another shape */
    static const char *const strange[] = {"image", "tokens", "v.something", "image_features"};
    CHECK_STATUS(MN_OK, mn_st_save(golden, 4, strange, (mn_tensor *[]){image, tokens, feature, mn_view(feature, 2, (int64_t[]){6, 3}, 0)}, 0, NULL));
    CHECK(!compare("clip", model, golden, NULL));
    CHECK(strstr(report, "not computed by mien") && strstr(report, "WRONG SHAPE"));

    CHECK_STATUS(MN_ENOTFOUND, refused("clap", model, golden));
    CHECK_STATUS(MN_EARG, refused("arcface", "-", golden));
    CHECK_STATUS(MN_EARG, refused("arcface", model, golden));
    CHECK(refused("clip", model, "/nonexistent/golden") != MN_OK);
    mn_error_clear();

    /* a sentence for a missing input, one of another type or of other sizes, and a golden of another model */
    golden_says("no tensor 'tokens', from which others are computed", model, golden, 1, names, (mn_tensor *[]){image});
    golden_says("'tokens': i32 with 2 axes expected, got f32 [3,6]", model, golden, 3, names, (mn_tensor *[]){image, feature, feature});
    golden_says("'image': f32 with 4 axes expected, got f32 [3,6]", model, golden, 3, names, (mn_tensor *[]){feature, tokens, feature});
    static const char *const pairs[] = {"image", "tokens", "image_features", "grad_pairs"};
    golden_says("grad_pairs: row 2: a picture and a text expected", model, golden, 4, pairs,
                (mn_tensor *[]){image, tokens, feature, mn_from(MN_I32, MN_DIMS(2, 2), (int32_t[]){2, 1, 3, 0})});
    golden_says("none of its 3 tensors is computed for clip", model, golden, 3, (const char *const[]){"image", "tokens", "in.img"}, (mn_tensor *[]){image, tokens, feature});
    mn_error_clear();
    unlink(model);
    unlink(golden);
    unlink(dump);
    mn_scope_close(scope);
}

/* Where a golden allows no difference, NaN is one: also before numbers that are right. */
static void test_exact(void) {
    mn_scope scope = mn_scope_open();
    char golden[256];
    scratch_name(golden, ".golden");
    static const char *const names[] = {"gammas", "n2.texts", "n2.e_T", "n2.e_I", "n2.e_I_now", "n2.qr.kept"};
    mn_tensor *one = mn_full(MN_F64, MN_DIMS(1), 1), *x = mn_from(MN_F64, MN_DIMS(2, 3), (double[]){1, 0, 0, 0, 1, 0});
    mn_tensor *kept = mn_from(MN_F64, MN_DIMS(2), (double[]){0, 1}), *all[6] = {one, x, x, x, x, kept};
    for (int k = 0; k < 2; k++) {
        ((double *)kept->data)[0] = k ? NAN : 0;
        CHECK_STATUS(MN_OK, mn_st_save(golden, 6, names, all, 0, NULL));
        CHECK(compare("projection", "-", golden, NULL) == !k);
        CHECK(strstr(report, k ? "0 within bounds, 1 out" : "1 within bounds, 0 out"));
    }
    unlink(golden);
    mn_scope_close(scope);
}

/* numpy 1.24: seeded as draw.h says.  Of 100000 numbers the outermost layer's tail is entered 20 times or more. */
static void test_draw(void) {
    static const float first[] = {1.370068073272705f, 0.514995813369751f, 1.330713152885437f, -1.276211142539978f}, other[] = {1.0021624565124512f, -0.1766224205493927f, -2.0982565879821777f, 1.2767046689987183f};
    enum { N = 100000 };
    float *x = malloc(N * sizeof *x);
    CHECK(x);
    if (!x) return;
    mn_draw_normal(1, "cotangent", N, x);
    for (int i = 0; i < 4; i++) CHECK_NEAR(x[i], first[i], 0);
    double sum = 0;
    for (int i = 0; i < N; i++) sum += (double)x[i] * (i % 7);
    CHECK_NEAR(sum, -471.34437962592347, 1e-4);
    mn_draw_normal(90210, "other", 4, x);
    for (int i = 0; i < 4; i++) CHECK_NEAR(x[i], other[i], 0);
    free(x);
}

static void check_target(const double *expected, mn_tensor *t, const mn_attr *attrs, int n) {
    mn_tensor *x = mn_cast(mn_from(MN_F32, MN_DIMS(1, 3), (float[]){1, -2, 3}), MN_F64), *r[2] = {NULL};
    mn_tensor *basis = mn_cast(mn_from(MN_F32, MN_DIMS(2, 3), (float[]){1, 0, 0, 0, 1, 0}), MN_F64);
    CHECK_STATUS(MN_OK, mn_apply(&mn_op_project_target, 3, (mn_tensor *[]){x, t, basis}, n, attrs, r));
    for (int i = 0; r[0] && i < 3; i++) CHECK_NEAR(mn_item(r[0], i), expected[i], 1e-12);
    if (r[1]) CHECK_NEAR(mn_item(r[1], 0), mn_item(t, 0) + mn_item(t, 1), 1e-12);
}

static void test_projection(void) {
    mn_scope scope = mn_scope_open();
    mn_tensor *t = mn_cast(mn_from(MN_F32, MN_DIMS(1, 3), (float[]){1, 1, 0}), MN_F64), *away = mn_cast(mn_from(MN_F32, MN_DIMS(1, 3), (float[]){1, -1, 0}), MN_F64);
    /* c = 1, -2; |c| sums to 3, d to 2: (1, -2, 3) - gamma (1, 2, 0) + gamma 3/2 (1, 1, 0) */
    check_target((double[]){1.5, -2.5, 3}, t, NULL, 0);
    check_target((double[]){2, -3, 3}, t, (mn_attr[]){{"gamma", 2}}, 1);
    check_target((double[]){1, -2, 3}, t, (mn_attr[]){{"gamma", 0}}, 1);
    check_target((double[]){3, -1, 3}, t, (mn_attr[]){{"divisor", 1}}, 1);
    /* d sums to 0: the divisor is 0.1 |e_T| */
    const double f = 3 / (0.1 * sqrt(2.0));
    check_target((double[]){f, -4 - f, 3}, away, NULL, 0);
    check_target((double[]){f / 5, -4 - f / 5, 3}, away, (mn_attr[]){{"guard", 0.5}}, 1);
    /* constants are constants */
    mn_tensor *x = mn_zeros(MN_F64, MN_DIMS(1, 3)), *basis = mn_param(mn_full(MN_F64, MN_DIMS(1, 3), 1)), *r[2] = {NULL};
    CHECK_STATUS(MN_EARG, mn_apply(&mn_op_project_target, 3, (mn_tensor *[]){x, t, basis}, 0, NULL, r));
    CHECK_STATUS(MN_EARG, mn_apply(&mn_op_project_target, 3, (mn_tensor *[]){x, t, mn_detach(basis)}, 1, (mn_attr[]){{"gamma", -1}}, r));
    CHECK_STATUS(MN_ESHAPE, mn_apply(&mn_op_project_target, 3, (mn_tensor *[]){x, mn_zeros(MN_F64, MN_DIMS(2, 3)), mn_detach(basis)}, 0, NULL, r));
    mn_scope_close(scope);
}

int main(void) {
    int64_t before = mn_memory_stats().tensors;
    test_compare();
    test_exact();
    test_draw();
    test_projection();
    CHECK(mn_memory_stats().tensors == before);
    return check_done("parity");
}
