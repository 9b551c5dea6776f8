/* import_flame.c -- the FLAME head model and the files that published code uses beside it.
 *
 *     generic_model.pkl         the model (2019, 2020, 2023; Python 2 pickle with chumpy and scipy objects, or later ones)
 *     landmark_embedding.npy    DECA's landmarks: 51 fixed ones, 17 of the contour for 79 yaw angles, 68 fixed ones
 *     head_template.obj         optional: texture coordinates
 * Which is which is told by content.  Written, metres as they are, f32:
 *     v_template [V,3], shapedirs [V,3,S] (columns 0..S-1), exprdirs [V,3,E] (columns 300..300+E-1),
 *     posedirs [V,3,36], J_regressor [5,V] dense, weights [V,5], parents [5] (root -1), faces [F,3],
 *     lmk_faces [68], lmk_bary [68,3]: 17 contour points of yaw 0, then the 51: what Next3D feeds its generator,
 *     lmk_contour_faces [79,17], lmk_contour_bary [79,17,3], lmk_full_faces [68], lmk_full_bary [68,3],
 *     uv [T,2], uv_faces [F,3] when an OBJ is given.
 * Options shape=N and expr=N choose S and E: 100 and 50 are what DECA, EMOCA and Next3D use. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/import_internal.h"
#include "io/mesh.h"

enum { ROOT_JOINTS = 5, IDENTITY = 300, EXPRESSION = 100 };

static mn_tensor *get(import_source *src, const char *key, int nd, const int64_t *shape) {
    if (mn_errcode()) return NULL;
    const mn_pkl_value *v = mn_pkl_get(src->root, key);
    if (!v) mn_fail(MN_EFORMAT, "this is no FLAME model: it has no '%s'", key);
    mn_tensor *t = v ? mn_torch_tensor(src->torch, v) : NULL;
    if (!t) return mn_fail_context("%s", key), NULL;
    bool fits = mn_ndim(t) == nd;
    for (int i = 0; i < nd && fits; i++) fits = shape[i] < 0 || mn_dim(t, i) == shape[i];
    if (!fits) return mn_fail(MN_ESHAPE, "%s: found shape %s, expected %d axes as in the published models", key, mn_shape_text(t), nd), NULL;
    return t;
}

static mn_status take(import_job *job, import_source *src, const char *key, const char *name, mn_dtype dtype, int nd, const int64_t *shape) {
    mn_tensor *t = get(src, key, nd, shape);
    return t ? import_add(job, mn_cast(t, dtype), "%s", name) : mn_errcode();
}

/* Columns from..from+n-1 of shapedirs' last axis, which holds identity first and expression behind it. */
static mn_status columns(import_job *job, mn_tensor *all, int64_t from, int64_t n, const char *name) {
    int64_t rows = 3 * mn_dim(all, 0), wide = mn_dim(all, 2);
    mn_tensor *out = mn_empty(MN_F32, DIMS(mn_dim(all, 0), 3, n));
    const float *a = out ? mn_data(all) : NULL;
    for (int64_t r = 0; out && r < rows; r++) memcpy((float *)mn_data(out) + r * n, a + r * wide + from, (size_t)n * sizeof *a);
    return import_add(job, out, "%s", name);
}

/* Row 0 holds each joint's parent; the root's is 2^32 - 1. */
static mn_status parents(import_job *job, import_source *src) {
    mn_torch_view view;
    const mn_pkl_value *v = mn_pkl_get(src->root, "kintree_table");
    if (!v) return mn_fail(MN_EFORMAT, "this is no FLAME model: it has no 'kintree_table'");
    if (mn_torch_look(src->torch, v, &view)) return mn_errcode();
    if (view.nd != 2 || view.shape[0] != 2 || view.shape[1] != ROOT_JOINTS) return mn_fail(MN_ESHAPE, "kintree_table: expected shape [2,%d]", ROOT_JOINTS);
    mn_tensor *out = mn_zeros(MN_I32, DIMS(ROOT_JOINTS));
    for (int i = 0; out && i < ROOT_JOINTS; i++) {
        int64_t parent;
        if (!mn_torch_int_at(&view, i, &parent) || (i && (parent < 0 || parent >= i))) return mn_fail(MN_EFORMAT, "kintree_table: joint %d: expected a parent below it", i);
        ((int32_t *)mn_data(out))[i] = i ? (int32_t)parent : -1;
    }
    return import_add(job, out, "parents");
}

static mn_status model(import_job *job, import_source *src, int64_t *vertices) {
    int64_t shape = import_option(job, "shape", 100, 1, IDENTITY), expr = import_option(job, "expr", 50, 1, EXPRESSION);
    mn_tensor *dirs = mn_errcode() ? NULL : get(src, "shapedirs", 3, (int64_t[]){ -1, 3, IDENTITY + EXPRESSION });
    mn_tensor *narrow = dirs ? mn_cast(dirs, MN_F32) : NULL;
    if (!narrow) return mn_errcode();
    int64_t v = *vertices = mn_dim(dirs, 0);
    take(job, src, "v_template", "v_template", MN_F32, DIMS(v, 3));
    columns(job, narrow, 0, shape, "shapedirs");
    columns(job, narrow, IDENTITY, expr, "exprdirs");
    take(job, src, "posedirs", "posedirs", MN_F32, DIMS(v, 3, 9 * (ROOT_JOINTS - 1)));
    take(job, src, "J_regressor", "J_regressor", MN_F32, DIMS(ROOT_JOINTS, v));
    take(job, src, "weights", "weights", MN_F32, DIMS(v, ROOT_JOINTS));
    take(job, src, "f", "faces", MN_I32, DIMS(-1, 3));
    parents(job, src);
    import_config(job, "vertices", "%lld", (long long)v);
    import_config(job, "shape", "%lld", (long long)shape);
    import_config(job, "expr", "%lld", (long long)expr);
    return mn_errcode();
}

/* The tensor added under this name. */
static mn_tensor *added(const import_job *job, const char *name) {
    for (int i = 0; i < job->n; i++)
        if (!strcmp(job->names[i], name)) return job->tensors[i];
    return NULL;
}

/* Bytes of `first`, then of `second`; both are rows of the same width. */
static mn_tensor *stack(mn_tensor *first, int64_t rows_first, mn_tensor *second, int nd, const int64_t *shape) {
    if (!first || !second) return NULL;
    mn_tensor *out = mn_empty(mn_dtype_of(first), nd, shape);
    size_t row = mn_dtype_size(mn_dtype_of(first)) * (size_t)(nd == 2 ? shape[1] : 1), n = row * (size_t)rows_first;
    if (!out) return NULL;
    memcpy(mn_data(out), mn_data(first), n);
    memcpy((char *)mn_data(out) + n, mn_data(second), row * (size_t)(shape[0] - rows_first));
    return out;
}

static mn_status landmarks(import_job *job, import_source *src) {
    mn_tensor *contour = get(src, "dynamic_lmk_faces_idx", DIMS(79, 17)), *fixed = get(src, "static_lmk_faces_idx", DIMS(51));
    mn_tensor *contour_bary = get(src, "dynamic_lmk_bary_coords", DIMS(79, 17, 3)), *fixed_bary = get(src, "static_lmk_bary_coords", DIMS(51, 3));
    if (mn_errcode()) return mn_errcode();
    contour = mn_cast(contour, MN_I32), fixed = mn_cast(fixed, MN_I32), contour_bary = mn_cast(contour_bary, MN_F32), fixed_bary = mn_cast(fixed_bary, MN_F32);
    import_add(job, stack(contour, 17, fixed, DIMS(68)), "lmk_faces");
    import_add(job, stack(contour_bary, 17, fixed_bary, DIMS(68, 3)), "lmk_bary");
    import_add(job, contour, "lmk_contour_faces");
    import_add(job, contour_bary, "lmk_contour_bary");
    if (!mn_pkl_get(src->root, "full_lmk_faces_idx")) return mn_errcode();
    mn_tensor *full = get(src, "full_lmk_faces_idx", DIMS(1, 68)), *full_bary = get(src, "full_lmk_bary_coords", DIMS(1, 68, 3));
    if (!full || !full_bary) return mn_errcode();
    full = mn_cast(full, MN_I32), full_bary = mn_cast(full_bary, MN_F32);
    import_add(job, full ? mn_view(full, DIMS(68), 0) : NULL, "lmk_full_faces");
    return import_add(job, full_bary ? mn_view(full_bary, DIMS(68, 3), 0) : NULL, "lmk_full_bary");
}

/* A face's corners in ascending order, and the face. */
typedef struct corners { int32_t v[3], face; } corners;

static corners sorted(const int32_t *f, int32_t face) {
    corners c = { { f[0], f[1], f[2] }, face };
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 2 - i; k++)
            if (c.v[k] > c.v[k + 1]) { int32_t x = c.v[k]; c.v[k] = c.v[k + 1]; c.v[k + 1] = x; }
    return c;
}

static int by_corners(const void *a, const void *b) { return memcmp(a, b, 3 * sizeof(int32_t)); }

/* The OBJ's triangles may be in another order or begin at another corner: texture corners go by vertices. */
static mn_status texture(import_job *job, const char *path) {
    mn_mesh mesh;
    mn_tensor *faces = added(job, "faces");
    if (mn_obj_read(path, &mesh)) return mn_errcode();
    if (!mesh.uv || !mesh.fuv || mn_dim(mesh.f, 0) != mn_dim(faces, 0))
        return mn_fail(MN_EFORMAT, "%s: expected %lld triangles with texture coordinates, found %lld", path, (long long)mn_dim(faces, 0), (long long)mn_dim(mesh.f, 0));
    int32_t n = (int32_t)mn_dim(faces, 0), missing = 0;
    const int32_t *f = mn_data(faces), *of = mn_data(mesh.f), *ot = mn_data(mesh.fuv);
    mn_tensor *out = mn_empty(MN_I32, DIMS(n, 3));
    corners *list = out ? malloc((size_t)n * sizeof *list + 1) : NULL;
    if (!list) return mn_fail(MN_ENOMEM, "%s: no memory for %d triangles", path, n);
    for (int32_t i = 0; i < n; i++) list[i] = sorted(of + 3 * i, i);
    qsort(list, (size_t)n, sizeof *list, by_corners);
    for (int32_t i = 0; i < n; i++) {
        corners wanted = sorted(f + 3 * i, i), *found = bsearch(&wanted, list, (size_t)n, sizeof *list, by_corners);
        if (!found) missing++;
        for (int c = 0; found && c < 3; c++)
            for (int k = 0; k < 3; k++)
                if (of[3 * found->face + k] == f[3 * i + c]) ((int32_t *)mn_data(out))[3 * i + c] = ot[3 * found->face + k];
    }
    free(list);
    if (missing) return mn_fail(MN_EFORMAT, "%s: %d of the model's %d triangles are not in it", path, missing, n);
    import_config(job, "uv", "%lld", (long long)mn_dim(mesh.uv, 0));
    import_add(job, mesh.uv, "uv");
    return import_add(job, out, "uv_faces");
}

static bool is_obj(const char *path) {
    size_t n = strlen(path);
    return n > 4 && (!strcmp(path + n - 4, ".obj") || !strcmp(path + n - 4, ".OBJ"));
}

static mn_status run(import_job *job) {
    int64_t vertices = 0;
    const char *obj = NULL;
    mn_status s = MN_OK;
    for (int i = 0; !s && i < job->n_files; i++) {
        import_source src;
        if (is_obj(job->files[i])) {
            obj = job->files[i];
            continue;
        }
        s = import_open(job, job->files[i], &src);
        if (!s) s = mn_pkl_get(src.root, "shapedirs") ? model(job, &src, &vertices) : landmarks(job, &src);
        if (s) mn_fail_context("%s", job->files[i]);
        import_close(&src);
    }
    if (!s && !vertices) s = mn_fail(MN_EARG, "none of the files is a FLAME model (a pickle with 'shapedirs')");
    if (!s && !added(job, "lmk_faces")) s = mn_fail(MN_EARG, "none of the files has landmarks (landmark_embedding.npy)");
    if (s) return s;
    mn_tensor *faces = added(job, "faces"), *lmk = added(job, "lmk_faces");
    for (int64_t i = 0; i < mn_count(faces); i++)
        if (mn_item(faces, i) < 0 || mn_item(faces, i) >= (double)vertices) return mn_fail(MN_EFORMAT, "faces: expected vertices 0 to %lld, found %.0f", (long long)vertices - 1, mn_item(faces, i));
    for (int i = 0; i < 68; i++)
        if (mn_item(lmk, i) < 0 || mn_item(lmk, i) >= (double)mn_dim(faces, 0)) return mn_fail(MN_EFORMAT, "landmark %d: expected a triangle below %lld, found %.0f", i, (long long)mn_dim(faces, 0), mn_item(lmk, i));
    import_config(job, "faces", "%lld", (long long)mn_dim(faces, 0));
    return obj ? texture(job, obj) : MN_OK;
}

const mn_importer mn_importer_flame = { "flame", "generic_model.pkl landmark_embedding.npy [head_template.obj] [shape=100] [expr=50]", "the FLAME head model with its landmarks and texture coordinates", 2, 3, run };
