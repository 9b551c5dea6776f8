/* The ICT-FaceKit importer on a made-up checkout: the published numbering, made-up places.  Lower teeth turn about a
 * known jaw; one eyeball's cornea sticks out. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "check.h"
#include "io/file.h"
#include "io/import.h"
#include "io/text.h"
#include "scratch.h"
#include "synth/synth.h"

enum { ALL = 26719, KEPT = 22895, TOOTH = 19602, LAST_TOOTH = 21095, EYE = 21451, EYE_R = 23021 };

static void place(int i, bool open, double v[3]) {
    v[0] = i % 7 - 3, v[1] = i % 11 - 20, v[2] = i % 5;
    if (i >= TOOTH && i <= LAST_TOOTH) {                    /* a turn by 0.4 about y = -1, z = 2 */
        double y = i % 3 - 1.0, z = 2 + i % 4, c = cos(0.4), s = sin(0.4);
        v[1] = open ? -1 + c * (y + 1) - s * (z - 2) : y;
        v[2] = open ? 2 + s * (y + 1) + c * (z - 2) : z;
    }
    for (int e = 0; e < 2; e++) {                           /* a box of half width 1 around x = +-3, y = 4, its back at z = 7 */
        int k = i - (e ? EYE_R : EYE);
        if (k < 0 || k > 769) continue;
        v[0] = (e ? -3 : 3) + (k % 3 - 1), v[1] = 4 + (k / 3 % 3 - 1), v[2] = k == 4 ? 11 : 7 + (k / 9 % 2);
    }
}

static void write_mesh(const char *path, bool open, int vertices) {
    mn_text t = { 0 };
    for (int i = 0; i < vertices; i++) {
        double v[3];
        place(i, open, v);
        mn_text_addf(&t, "v %.6f %.6f %.6f\n", v[0], v[1], v[2]);
    }
    mn_text_addf(&t, "vt 0 0\nvt 1 0\nvt 0 1\nvt 1 1\nf 1/2 2/3 3/4\nf 17417/2 17418/3 17419/4 17420/2\nf 17043/1 17044/1 17045/1\n");     /* the last one is a molar that is left out */
    CHECK_STATUS(MN_OK, mn_file_write(path, t.s, t.size));
    mn_text_free(&t);
}

static const char *within(const char *folder, const char *name) {
    static char path[4][600];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/FaceXModel/%s.obj", folder, name);
    return path[turn];
}

static const char *identity(int k) {
    static char name[20];
    snprintf(name, sizeof name, "identity%03d", k);
    return name;
}

static bool failed_with(const char *what) {
    bool ok = mn_errcode() && strstr(mn_errmsg(), what);
    if (!ok) fprintf(stderr, "expected an error with '%s', found '%s'\n", what, mn_errmsg());
    mn_error_clear();
    return ok;
}

static void check_head(mn_st *st) {
    mn_tensor *rest = mn_st_get(st, "v_template"), *joints = mn_st_get(st, "joints"), *faces = mn_st_get(st, "faces"), *uv = mn_st_get(st, "uv"), *index = mn_st_get(st, "orig_index");
    mn_tensor *weights = mn_cast(mn_st_get(st, "lbs_weights"), MN_F32), *expr = mn_cast(mn_st_get(st, "expr_basis"), MN_F32), *id = mn_cast(mn_st_get(st, "id_basis"), MN_F32);
    CHECK(rest && mn_dim(rest, 0) == KEPT && index && mn_item(index, 17038) == 17038 && mn_item(index, 17039) == 17416);
    static const double pivots[6][3] = { { 0, -19, -1.5 }, { 0, -13, -1 }, { 0, -4.5, -0.3 }, { 0, -1, 2 }, { 3, 4, 8 }, { -3, 4, 8 } };
    for (int i = 0; i < 18 && joints; i++) CHECK_NEAR(mn_item(joints, i), pivots[i / 3][i % 3], 2e-5);
    CHECK(faces && mn_dim(faces, 0) == 3 && mn_item(faces, 3) == 17039 && uv && mn_dim(uv, 0) == 3 && mn_item(uv, 0) == 1);      /* a quad became two; the unused texture point went */
    int tooth = 0, eye = 0;
    for (int i = 0; i < KEPT; i++) {
        if (mn_item(index, i) == TOOTH + 2) tooth = i;      /* away from the jaw's axis */
        if (mn_item(index, i) == EYE) eye = i;
    }
    CHECK_NEAR(mn_item(weights, 6 * tooth + 3), 1, 1e-3);
    CHECK_NEAR(mn_item(weights, 6 * eye + 4), 1, 0);
    double worst = 0, x[3];
    for (int i = 0; i < KEPT; i++) {
        double sum = 0;
        for (int j = 0; j < 6; j++) sum += mn_item(weights, 6 * i + j);
        worst = worse(worst, fabs(sum - 1));
    }
    CHECK_NEAR(worst, 0, 2e-3);
    for (int c = 0; c < 3; c++) x[c] = mn_item(rest, 3 * (eye + 4) + c) - pivots[4][c];
    CHECK_NEAR(x[0] * x[0] + x[1] * x[1] + x[2] * x[2], 1.55 * 1.55, 1e-4);      /* the cornea, pulled in */
    int unit = mn_synth_unit("jawOpen");
    double closed[3], open[3];
    place(TOOTH + 2, false, closed), place(TOOTH + 2, true, open);
    for (int c = 0; c < 3; c++) CHECK_NEAR(mn_item(expr, ((int64_t)unit * KEPT + tooth) * 3 + c), open[c] - closed[c], 1e-3);
    CHECK(mn_item(expr, ((int64_t)unit + 1) * KEPT * 3 + tooth * 3) == 0 && mn_dim(id, 0) == 100 && mn_item(id, 5) == 0);
    CHECK(strstr(mn_st_meta(st, "expr_names"), "\"jawOpen\"") && strstr(mn_st_meta(st, "licence"), "MIT"));
}

int main(void) {
    char folder[256], sub[300], out[256];
    const char *source = scratch_name(folder, ".ict");
    scratch_name(out, ".safetensors");
    snprintf(sub, sizeof sub, "%s/FaceXModel", folder);
    CHECK_STATUS(MN_ENOTFOUND, mn_import("ict-facekit", 1, &source, out, NULL, NULL));
    CHECK_STATUS(MN_OK, mn_dir_make(sub));
    write_mesh(within(folder, "generic_neutral_mesh"), false, 17420);
    CHECK(mn_import("ict-facekit", 1, &source, out, NULL, NULL) == MN_ESHAPE && failed_with("expected the 26719 vertices"));
    write_mesh(within(folder, "generic_neutral_mesh"), false, ALL);
    write_mesh(within(folder, "jawOpen"), true, ALL);
    bool linked = true;
    for (int k = 0; k < 100; k++) linked &= !symlink("generic_neutral_mesh.obj", within(folder, identity(k)));
    CHECK(mn_import("ict-facekit", 1, &source, out, NULL, NULL) == MN_ENOTFOUND && failed_with("PupilDilate_L.obj"));
    for (int k = 0; k < MN_EXPR_UNITS; k++)
        if (strcmp(mn_synth_unit_name(k), "jawOpen")) linked &= !symlink("generic_neutral_mesh.obj", within(folder, mn_synth_unit_name(k)));
    CHECK(linked);
    mn_scope scope = mn_scope_open();
    CHECK_STATUS(MN_OK, mn_import("ict-facekit", 1, &source, out, NULL, NULL));
    mn_st *st = mn_st_open(out);
    CHECK(st != NULL);
    if (st) check_head(st);
    if (st) mn_st_close(st);
    mn_scope_close(scope);
    for (int k = 0; k < 100; k++) remove(within(folder, identity(k)));
    for (int k = 0; k < MN_EXPR_UNITS; k++) remove(within(folder, mn_synth_unit_name(k)));
    remove(within(folder, "generic_neutral_mesh"));
    rmdir(sub);
    rmdir(folder);
    remove(out);
    CHECK(mn_memory_stats().tensors == 0);
    return check_done("import_ict");
}
