/* test_mesh_io.c -- a cube through every mesh file: OBJ there and back, PLY and GLB read back byte by byte; bad input. */
#define _GNU_SOURCE                 /* memmem */
#include "check.h"
#include "scratch.h"
#include "io/file.h"
#include "io/json.h"
#include "io/mesh.h"

static char path[256];

/* The unit cube as six quads, outward, each with the same four texture corners but for two that differ. */
static const char cube[] =
    "# a cube\nmtllib none.mtl\no cube\n"
    "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nv 0 0 1 0.5 0.5 0.5\nv 1 0 1\nv 1 1 1\r\nv 0 1 1\n"
    "vt 0 0\nvt 1 0 0\nvt 1 1\nvt 0 1\nvt 0.25 0.75\nvn 0 0 1\ng front\nusemtl m\ns off\n"
    "f 5/1/1 6/2/1 7/3/1 8/4/1\n"
    "f 1/1 4/2 3/3 2/4\n"
    "f -8/1 -7/2 \\\n  -3/3 -4/4\n"
    "f 2/1 3/2 7/3 6/4\n\tf 3/1 4/2 8/3 7/4\n f 4/5/ 1/2 5/3 8/4";

static mn_status read_text(const char *text, mn_mesh *m) {
    return scratch_write(path, text, strlen(text)) ? mn_obj_read(path, m) : MN_EIO;
}

static mn_mesh read_cube(void) {
    mn_mesh m;
    CHECK_STATUS(MN_OK, read_text(cube, &m));
    CHECK(m.v && mn_dim(m.v, 0) == 8 && m.f && mn_dim(m.f, 0) == 12 && m.uv && mn_dim(m.uv, 0) == 5 && m.fuv && mn_dim(m.fuv, 0) == 12);
    return m;
}

static void same(mn_tensor *a, mn_tensor *b) {
    CHECK(a && b && mn_count(a) == mn_count(b) && mn_dim(a, 1) == mn_dim(b, 1) && memcmp(mn_data(a), mn_data(b), 4 * (size_t)mn_count(a)) == 0);
}

static void obj(void) {
    mn_mesh m = read_cube(), again;
    double volume = 0;                      /* of an outward closed mesh: positive, here 1 */
    const float *v = mn_data(m.v);
    const int32_t *f = mn_data(m.f);
    for (int t = 0; t < 12; t++) {
        const float *a = v + 3 * f[3 * t], *b = v + 3 * f[3 * t + 1], *c = v + 3 * f[3 * t + 2];
        volume += (a[0] * (b[1] * c[2] - b[2] * c[1]) + a[1] * (b[2] * c[0] - b[0] * c[2]) + a[2] * (b[0] * c[1] - b[1] * c[0])) / 6;
    }
    CHECK_NEAR(volume, 1, 1e-6);
    CHECK(mn_item(m.f, 12) == 0 && mn_item(m.f, 14) == 5 && mn_item(m.fuv, 30) == 4);
    CHECK_STATUS(MN_OK, mn_mesh_check(&m, "cube"));
    m.normal = mn_mesh_normals(m.v, m.f);
    for (int i = 0; i < 8; i++) {           /* away from the centre, unit length */
        double dot = 0, norm = 0;
        for (int d = 0; d < 3; d++) {
            dot += mn_item(m.normal, 3 * i + d) * (v[3 * i + d] - 0.5);
            norm += mn_item(m.normal, 3 * i + d) * mn_item(m.normal, 3 * i + d);
        }
        CHECK(dot > 0.7);
        CHECK_NEAR(norm, 1, 1e-6);
    }
    ((float *)mn_data(m.v))[0] = 1.0f / 3;  /* nine digits bring every float back */
    CHECK_STATUS(MN_OK, mn_obj_write(path, &m, "skin colour.png"));
    CHECK_STATUS(MN_OK, mn_obj_read(path, &again));
    same(m.v, again.v);
    same(m.f, again.f);
    same(m.uv, again.uv);
    same(m.fuv, again.fuv);
    char mtl[256];
    size_t size;
    char *text = mn_file_read(scratch_name(mtl, ".mtl"), 1000, &size);
    CHECK(text && strstr(text, "map_Kd skin colour.png\n"));
    free(text);
    unlink(mtl);
    CHECK_STATUS(MN_OK, mn_obj_write(path, &(mn_mesh){.v = m.v, .f = m.f, .normal = m.normal}, NULL));
    CHECK_STATUS(MN_OK, mn_obj_read(path, &again));
    same(m.f, again.f);
    CHECK(!again.uv && !again.fuv);
    CHECK_STATUS(MN_EARG, mn_obj_write(path, &again, "x.png"));
}

static void refuse(const char *text, const char *part) {
    mn_mesh m;
    mn_status status = read_text(text, &m);
    if (status != MN_EFORMAT || !strstr(mn_errmsg(), part)) fprintf(stderr, "for <<%.60s>> expected a message with <<%s>>\n", text, part);
    CHECK(status == MN_EFORMAT && strstr(mn_errmsg(), part) && !m.v);
    mn_error_clear();
}

static void bad_obj(void) {
    refuse("", "no face");
    refuse("v 0 0\nv 1 1 1", "line 1: expected 3 numbers after v");
    refuse("v 0 0 nan", "line 1");
    refuse("v 0 0 1e99", "line 1");
    refuse("v 0 0 x", "found 'x'");
    refuse("v 0 0 0\nvt 1\n", "line 2: expected 2 numbers");
    refuse("v 0 0 0\nv 0 0 0\nf 1 2\n", "line 3: expected a face of at least 3");
    refuse("v 0 0 0\n\nf 1 1 2\n", "line 3");
    refuse("v 0 0 0\nf 1 1 0\n", "vertex above, found '0");
    refuse("v 0 0 0\nf 1 1 -2\n", "vertex above");
    refuse("v 0 0 0\nf 1 1 99999999999999999999\n", "vertex above");
    refuse("v 0 0 0\nf 1 1 x\n", "found 'x");
    refuse("v 0 0 0\nf 1/1 1/1 1/1\n", "texture coordinate above");
    refuse("v 0 0 0\nvt 0 0\nf 1/1 1 1\n", "every face or on none");
    refuse("v 0 0 0\nvt 0 0\nf 1/1 1/1 1/1\nf 1 1 1\n", "every face or on none");
    refuse("v 0 0 0\nvt 0 0\nf 1/1/1/1 1 1\n", "a corner");
    char many[400] = "v 0 0 0\nf";
    for (int i = 0; i < 65; i++) strcat(many, " 1");
    refuse(many, "64 corners");
    mn_mesh m;
    CHECK_STATUS(MN_ENOTFOUND, mn_obj_read("no/such.obj", &m));
    mn_rng rng = mn_rng_seed(5, 0);         /* whatever damaged text still reads is a sound mesh */
    int refused = 0;
    for (int turn = 0; turn < 1500; turn++) {
        mn_scope scope = mn_scope_open();
        char bad[sizeof cube];
        memcpy(bad, cube, sizeof cube);
        if (turn < 100) bad[sizeof cube * (size_t)turn / 100] = 0;
        else for (int64_t k = mn_rng_below(&rng, 3); k >= 0; k--) bad[mn_rng_below(&rng, sizeof cube - 1)] ^= (char)(1 << mn_rng_below(&rng, 7));
        if (read_text(bad, &m)) refused += mn_errcode() == MN_EFORMAT;
        else CHECK_STATUS(MN_OK, mn_mesh_check(&m, "damaged cube"));
        mn_error_clear();
        mn_scope_close(scope);
    }
    CHECK(refused > 300);
}

static void ply(void) {
    mn_mesh m = read_cube();
    size_t size;
    m.normal = mn_mesh_normals(m.v, m.f);
    m.color = mn_full(MN_U8, 2, (int64_t[]){8, 3}, 77);
    CHECK_STATUS(MN_OK, mn_ply_write(path, &m));
    char *bytes = mn_file_read(path, 1 << 20, &size), *body = bytes ? strstr(bytes, "end_header\n") : NULL;
    CHECK(body && strstr(bytes, "element vertex 8\n") && strstr(bytes, "property uchar red\n") && strstr(bytes, "element face 12\n"));
    if (!body) return;
    body += 11;
    CHECK(bytes + size - body == 8 * (12 + 12 + 3) + 12 * (1 + 12 + 1 + 24));
    float x[3];
    memcpy(x, body + 6 * 27, sizeof x);
    CHECK(x[0] == 1 && x[1] == 1 && x[2] == 1 && body[6 * 27 + 24] == 77);
    int32_t corner[3];
    char *face = body + 8 * 27 + 10 * 38;   /* the last quad's first half: f 4/5 1/2 5/3 */
    memcpy(corner, face + 1, sizeof corner);
    memcpy(x, face + 14, 8);
    CHECK(face[0] == 3 && corner[0] == 3 && corner[1] == 0 && corner[2] == 4 && face[13] == 6 && x[0] == 0.25f && x[1] == 0.75f);
    free(bytes);
    mn_mesh plain = {.v = m.v, .f = m.f, .uv = mn_zeros(MN_F32, 2, (int64_t[]){8, 2})};
    CHECK_STATUS(MN_OK, mn_ply_write(path, &plain));
    bytes = mn_file_read(path, 1 << 20, &size);
    CHECK(strstr(bytes, "property float s\n") && bytes + size - strstr(bytes, "end_header\n") - 11 == 8 * 20 + 12 * 13);
    free(bytes);
}

/* ---- GLB: read back with our own JSON reader, following the indices as a viewer does ---- */

static int64_t num(const mn_json *j, const char *key) {
    const mn_json *v = mn_json_get(j, key);
    return v && v->is_int ? v->integer : -1;
}
static const mn_json *item(const mn_json *j, const char *key, int64_t i) {
    const mn_json *v = mn_json_get(j, key);
    return v && v->type == MN_JSON_ARRAY && i >= 0 && (size_t)i < v->count ? &v->items[i] : NULL;
}
static const char *numbers(const mn_json *root, const char *bin, int64_t accessor, const char *type, int64_t component, int64_t count) {
    const mn_json *a = item(root, "accessors", accessor), *view = item(root, "bufferViews", num(a, "bufferView"));
    int64_t width = strcmp(type, "SCALAR") ? type[3] - '0' : 1, length = num(item(root, "buffers", 0), "byteLength");
    CHECK(a && view && strcmp(mn_json_get(a, "type")->text, type) == 0 && num(a, "componentType") == component && num(a, "count") == count);
    CHECK(num(view, "byteLength") == count * width * 4 && num(view, "byteOffset") % 4 == 0 && num(view, "byteOffset") + num(view, "byteLength") <= length);
    CHECK(num(view, "target") == (component == 5125 ? 34963 : 34962));
    return bin + num(view, "byteOffset");
}

static void check_bounds(const mn_json *root, int64_t accessor, const float *x, int64_t n) {
    for (int d = 0; d < 3; d++) {
        float low = x[d], high = x[d];
        for (int64_t i = 0; i < n; i++) {
            low = fminf(low, x[3 * i + d]);
            high = fmaxf(high, x[3 * i + d]);
        }
        CHECK((float)item(item(root, "accessors", accessor), "min", d)->number == low);
        CHECK((float)item(item(root, "accessors", accessor), "max", d)->number == high);
    }
}

static void glb(void) {
    mn_mesh m = read_cube();
    mn_tensor *texture = mn_full(MN_U8, 3, (int64_t[]){4, 4, 3}, 9), *smile = mn_zeros(MN_F32, 2, (int64_t[]){8, 3});
    ((float *)mn_data(smile))[6 * 3 + 1] = 0.1f;
    mn_glb_options o = {.texture = texture, .record = "{\"recipe\":\"test\"}", .n_targets = 2,
                        .target_names = (const char *[]){"smile", "a \"quoted\" name"}, .targets = (mn_tensor *[]){smile, m.v}};
    CHECK_STATUS(MN_OK, mn_glb_write(path, &m, &o));
    size_t size;
    char *bytes = mn_file_read(path, 1 << 20, &size);
    uint32_t word[5], bin_head[2];
    if (!bytes) return;
    memcpy(word, bytes, sizeof word);
    CHECK(word[0] == 0x46546C67 && word[1] == 2 && word[2] == size && word[3] % 4 == 0 && word[4] == 0x4E4F534A);
    memcpy(bin_head, bytes + 20 + word[3], sizeof bin_head);
    CHECK(bin_head[0] % 4 == 0 && bin_head[1] == 0x004E4942 && 28 + word[3] + bin_head[0] == size);
    const char *bin = bytes + 28 + word[3];
    mn_json *root = mn_json_parse(bytes + 20, word[3], path, 20);
    CHECK(root && num(item(root, "buffers", 0), "byteLength") == bin_head[0]);
    if (!root) return;
    const mn_json *mesh = item(root, "meshes", 0), *primitive = item(mesh, "primitives", 0), *attributes = mn_json_get(primitive, "attributes");
    CHECK(num(item(root, "nodes", num(item(item(root, "scenes", num(root, "scene")), "nodes", 0), "x") + 1), "mesh") == 0);
    /* 8 corners with 3 faces each; equal pairs share an index: count the distinct ones here, another way */
    int64_t n = 0;
    for (int i = 0; i < 36; i++) {
        bool seen = false;
        for (int k = 0; k < i; k++) seen = seen || (mn_item(m.f, k) == mn_item(m.f, i) && mn_item(m.fuv, k) == mn_item(m.fuv, i));
        n += !seen;
    }
    const float *p = (const float *)numbers(root, bin, num(attributes, "POSITION"), "VEC3", 5126, n);
    const float *normal = (const float *)numbers(root, bin, num(attributes, "NORMAL"), "VEC3", 5126, n);
    const float *uv = (const float *)numbers(root, bin, num(attributes, "TEXCOORD_0"), "VEC2", 5126, n);
    const uint32_t *index = (const uint32_t *)numbers(root, bin, num(primitive, "indices"), "SCALAR", 5125, 36);
    const mn_json *targets = mn_json_get(primitive, "targets");
    CHECK(targets && targets->count == 2 && mn_json_get(mesh, "weights")->count == 2);
    const float *moved = (const float *)numbers(root, bin, num(&targets->items[0], "POSITION"), "VEC3", 5126, n);
    const float *turned = (const float *)numbers(root, bin, num(&targets->items[0], "NORMAL"), "VEC3", 5126, n);
    const float *grown = (const float *)numbers(root, bin, num(&targets->items[1], "NORMAL"), "VEC3", 5126, n);
    check_bounds(root, num(attributes, "POSITION"), p, n);
    check_bounds(root, num(&targets->items[0], "POSITION"), moved, n);
    mn_tensor *want = mn_mesh_normals(m.v, m.f);
    for (int i = 0; i < 36; i++) {
        int64_t v = (int64_t)mn_item(m.f, i), t = (int64_t)mn_item(m.fuv, i);
        CHECK(index[i] < n);
        for (int d = 0; d < 3; d++) {
            CHECK(p[3 * index[i] + d] == mn_item(m.v, 3 * v + d) && normal[3 * index[i] + d] == mn_item(want, 3 * v + d));
            CHECK(moved[3 * index[i] + d] == mn_item(smile, 3 * v + d));
            CHECK_NEAR(grown[3 * index[i] + d], 0, 1e-6);           /* a cube twice as large has the same normals */
        }
        CHECK(uv[2 * index[i]] == mn_item(m.uv, 2 * t) && uv[2 * index[i] + 1] == 1 - (float)mn_item(m.uv, 2 * t + 1));
        if (v == 7) CHECK(fabsf(turned[3 * index[i]]) + fabsf(turned[3 * index[i] + 1]) + fabsf(turned[3 * index[i] + 2]) > 0.01f);   /* next to the one that moved */
    }
    const mn_json *names = mn_json_get(mn_json_get(mesh, "extras"), "targetNames");
    CHECK(names && names->count == 2 && strcmp(names->items[0].text, "smile") == 0 && strcmp(names->items[1].text, "a \"quoted\" name") == 0);
    const mn_json *image = item(root, "bufferViews", num(item(root, "images", 0), "bufferView"));
    CHECK(image && memcmp(bin + num(image, "byteOffset"), "\x89PNG\r\n", 6) == 0);
    CHECK(memmem(bin + num(image, "byteOffset"), (size_t)num(image, "byteLength"), "trainedAlgorithmicMedia", 23) != NULL);
    CHECK(strstr(mn_json_get(mn_json_get(mn_json_get(root, "asset"), "extras"), "digitalSourceType")->text, "trainedAlgorithmicMedia"));
    mn_json_free(root);
    free(bytes);
}

static void glb_variants(void) {
    mn_mesh m = read_cube(), plain = {.v = m.v, .f = m.f, .color = mn_full(MN_U8, 2, (int64_t[]){8, 3}, 188)};
    CHECK_STATUS(MN_OK, mn_glb_write(path, &plain, NULL));
    size_t size;
    uint32_t length;
    char *bytes = mn_file_read(path, 1 << 20, &size);
    memcpy(&length, bytes + 12, 4);
    mn_json *root = mn_json_parse(bytes + 20, length, path, 20);
    const mn_json *attributes = mn_json_get(item(item(root, "meshes", 0), "primitives", 0), "attributes");
    const float *color = (const float *)numbers(root, bytes + 28 + length, num(attributes, "COLOR_0"), "VEC3", 5126, 8);
    CHECK_NEAR(color[5], 0.5029, 1e-4);                             /* sRGB 188 */
    CHECK(!mn_json_get(root, "images") && !mn_json_get(mn_json_get(root, "asset"), "extras") && !mn_json_get(attributes, "TEXCOORD_0"));
    mn_json_free(root);
    free(bytes);
    mn_glb_options o = {.texture = mn_zeros(MN_U8, 3, (int64_t[]){2, 2, 3})};
    CHECK_STATUS(MN_EARG, mn_glb_write(path, &plain, &o));
    o = (mn_glb_options){.n_targets = 1, .target_names = (const char *[]){"x"}, .targets = (mn_tensor *[]){mn_zeros(MN_F32, 2, (int64_t[]){7, 3})}};
    CHECK_STATUS(MN_ESHAPE, mn_glb_write(path, &plain, &o));
    o.targets = (mn_tensor *[]){mn_full(MN_F32, 2, (int64_t[]){8, 3}, INFINITY)};
    CHECK_STATUS(MN_EARG, mn_glb_write(path, &plain, &o));
    plain.f = mn_full(MN_I32, 2, (int64_t[]){1, 3}, 8);
    CHECK_STATUS(MN_EARG, mn_glb_write(path, &plain, NULL));
    plain.f = mn_zeros(MN_I32, 2, (int64_t[]){0, 3});
    CHECK_STATUS(MN_EARG, mn_glb_write(path, &plain, NULL));
    plain = (mn_mesh){.v = mn_full(MN_F32, 2, (int64_t[]){3, 3}, NAN), .f = plain.f};
    CHECK_STATUS(MN_EARG, mn_ply_write(path, &plain));
    CHECK_STATUS(MN_EARG, mn_ply_write(path, &(mn_mesh){.v = m.v}));
    CHECK_STATUS(MN_EDTYPE, mn_ply_write(path, &(mn_mesh){.v = m.v, .f = m.v}));
    CHECK_STATUS(MN_ESHAPE, mn_ply_write(path, &(mn_mesh){.v = m.uv, .f = m.f}));
    CHECK_STATUS(MN_ESHAPE, mn_ply_write(path, &(mn_mesh){.v = m.v, .f = m.f, .uv = m.uv}));
}

int main(void) {
    mn_scope scope = mn_scope_open();
    scratch_name(path, ".obj");
    obj();
    bad_obj();
    ply();
    glb();
    glb_variants();
    unlink(path);
    mn_scope_close(scope);
    return check_done("mesh_io");
}
