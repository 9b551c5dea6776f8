/* import_flame.c -- the FLAME head model and the files that published code uses beside it.
 *
 *     generic_model.pkl         the model (2019, 2020, 2023; Python 2 pickle with chumpy and scipy objects, or later ones)
 *     landmark_embedding.npy    DECA's landmarks: 51 fixed ones, 17 of the contour for 79 yaw angles, 68 fixed ones; or
 *     flame_static_embedding.pkl, flame_dynamic_embedding.npy      RingNet's: the first two of these
 *     head_template.obj         optional: texture coordinates
 * Which is which is told by content.  Written, metres as they are, f32:
 *     v_template [V,3], shapedirs [V,3,S] (columns 0..S-1), exprdirs [V,3,E] (columns 300..300+E-1),
 *     posedirs [V,3,36], J_regressor [5,V] dense, weights [V,5], parents [5] (root -1), faces [F,3],
 *     lmk_faces [68], lmk_bary [68,3]: 17 contour points of yaw 0, then the 51: what Next3D feeds its generator,
 *     lmk_contour_faces [79,17], lmk_contour_bary [79,17,3], lmk_full_faces [68], lmk_full_bary [68,3],
 *     uv [T,2], uv_faces [F,3] when an OBJ is given.
 * Options shape=N and expr=N choose S and E, all of 300 and 100 at first; DECA, EMOCA and Next3D use the first 100 and 50. */
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
    int64_t shape = import_option(job, "shape", IDENTITY, 1, IDENTITY), expr = import_option(job, "expr", EXPRESSION, 1, EXPRESSION);
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

/* RingNet's contour is a list of 79 arrays of 17 rows: one tensor of them. */
static mn_tensor *rows_of(import_source *src, const char *key, mn_dtype dtype, int nd, const int64_t *shape) {
    const mn_pkl_value *list = mn_pkl_get(src->root, key);
    mn_tensor *out = mn_empty(dtype, nd, shape);
    if (!out) return NULL;
    if (mn_pkl_count(list) != (size_t)shape[0]) return mn_fail(MN_EFORMAT, "%s: a list of %lld rows expected, found %zu", key, (long long)shape[0], mn_pkl_count(list)), NULL;
    size_t bytes = (size_t)(mn_count(out) / shape[0]) * mn_dtype_size(dtype);
    for (int64_t i = 0; i < shape[0]; i++) {
        mn_tensor *row = mn_torch_tensor(src->torch, mn_pkl_item(list, (size_t)i));
        if (!row) return mn_fail_context("%s: row %lld", key, (long long)i), NULL;
        if (mn_count(row) != mn_count(out) / shape[0]) return mn_fail(MN_ESHAPE, "%s: row %lld: found %s", key, (long long)i, mn_shape_text(row)), NULL;
        if (!(row = mn_cast(row, dtype))) return NULL;
        memcpy((char *)mn_data(out) + (size_t)i * bytes, mn_data(row), bytes);
    }
    return out;
}

enum { CONTOUR_ROWS = 79, OUTLINE = 17, FIXED = 51, POINTS = OUTLINE + FIXED };

/* The landmarks of one or two files, as they come. */
typedef struct marks { mn_tensor *contour, *contour_bary, *fixed, *fixed_bary, *full, *full_bary; } marks;

static mn_tensor *narrowed(import_source *src, const char *key, mn_dtype dtype, int nd, const int64_t *shape) {
    mn_tensor *t = get(src, key, nd, shape);
    return t ? mn_cast(t, dtype) : NULL;
}

static mn_status read_landmarks(import_source *src, marks *k) {
    if (mn_pkl_get(src->root, "static_lmk_faces_idx")) {
        k->contour = narrowed(src, "dynamic_lmk_faces_idx", MN_I32, DIMS(CONTOUR_ROWS, OUTLINE));
        k->contour_bary = narrowed(src, "dynamic_lmk_bary_coords", MN_F32, DIMS(CONTOUR_ROWS, OUTLINE, 3));
        k->fixed = narrowed(src, "static_lmk_faces_idx", MN_I32, DIMS(FIXED));
        k->fixed_bary = narrowed(src, "static_lmk_bary_coords", MN_F32, DIMS(FIXED, 3));
        if (!mn_pkl_get(src->root, "full_lmk_faces_idx")) return mn_errcode();
        k->full = narrowed(src, "full_lmk_faces_idx", MN_I32, DIMS(1, POINTS));
        k->full_bary = narrowed(src, "full_lmk_bary_coords", MN_F32, DIMS(1, POINTS, 3));
        return mn_errcode();
    }
    mn_pkl_kind kind = mn_pkl_kind_of(mn_pkl_get(src->root, "lmk_face_idx"));
    if (kind == MN_PKL_LIST || kind == MN_PKL_TUPLE) {
        k->contour = rows_of(src, "lmk_face_idx", MN_I32, DIMS(CONTOUR_ROWS, OUTLINE));
        k->contour_bary = rows_of(src, "lmk_b_coords", MN_F32, DIMS(CONTOUR_ROWS, OUTLINE, 3));
    } else if (mn_pkl_get(src->root, "lmk_face_idx")) {
        k->fixed = narrowed(src, "lmk_face_idx", MN_I32, DIMS(FIXED));
        k->fixed_bary = narrowed(src, "lmk_b_coords", MN_F32, DIMS(FIXED, 3));
    } else return mn_fail(MN_EFORMAT, "neither a FLAME model (a pickle with 'shapedirs') nor its landmarks (static_lmk_faces_idx or lmk_face_idx)");
    return mn_errcode();
}

static mn_status landmarks(import_job *job, const marks *k) {
    bool any = k->contour || k->fixed;
    import_config(job, "landmarks", any ? "true" : "false");
    import_config(job, "contour", any ? "true" : "false");
    import_config(job, "fixed_landmarks", k->full ? "true" : "false");
    if (!any) {
        import_note(job, "no landmarks: the generator needs them; DECA publishes landmark_embedding.npy");
        return MN_OK;
    }
    if (!k->contour || !k->fixed) return mn_fail(MN_EARG, "RingNet's landmarks are two files: flame_static_embedding.pkl and flame_dynamic_embedding.npy; only one is here");
    import_add(job, stack(k->contour, OUTLINE, k->fixed, DIMS(POINTS)), "lmk_faces");
    import_add(job, stack(k->contour_bary, OUTLINE, k->fixed_bary, DIMS(POINTS, 3)), "lmk_bary");
    import_add(job, k->contour, "lmk_contour_faces");
    import_add(job, k->contour_bary, "lmk_contour_bary");
    if (!k->full) return mn_errcode();
    import_add(job, mn_view(k->full, DIMS(POINTS), 0), "lmk_full_faces");
    return import_add(job, mn_view(k->full_bary, DIMS(POINTS, 3), 0), "lmk_full_bary");
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
    job->reading = path;
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

/* Every index below `limit`, or a sentence. */
static mn_status check_indices(import_job *job, const char *name, int64_t limit) {
    mn_tensor *t = added(job, name);
    const int32_t *x = t ? mn_data(t) : NULL;
    for (int64_t i = 0; t && i < mn_count(t); i++)
        if (x[i] < 0 || x[i] >= limit) return mn_fail(MN_EFORMAT, "%s: number %lld: 0 to %lld expected, found %d", name, (long long)i + 1, (long long)limit - 1, x[i]);
    return MN_OK;
}

static mn_status run(import_job *job) {
    int64_t vertices = 0;
    const char *obj = NULL;
    marks k = { 0 };
    mn_status s = MN_OK;
    for (int i = 0; !s && i < job->n_files; i++) {
        import_source src;
        if (is_obj(job->files[i])) {
            obj = job->files[i];
            continue;
        }
        s = import_open(job, job->files[i], &src);
        bool head = !s && mn_pkl_get(src.root, "shapedirs");
        if (head && vertices) s = mn_fail(MN_EARG, "a second FLAME model: one, and its landmarks, expected");
        if (!s) s = head ? model(job, &src, &vertices) : read_landmarks(&src, &k);
        import_close(&src);
    }
    if (!s && !vertices) s = mn_fail(MN_EARG, "none of the files is a FLAME model (a pickle with 'shapedirs')");
    if (s || landmarks(job, &k)) return mn_errcode();
    int64_t faces = mn_dim(added(job, "faces"), 0);
    if (check_indices(job, "faces", vertices) || check_indices(job, "lmk_faces", faces) || check_indices(job, "lmk_contour_faces", faces) || check_indices(job, "lmk_full_faces", faces))
        return mn_errcode();
    import_config(job, "faces", "%lld", (long long)faces);
    return obj ? texture(job, obj) : MN_OK;
}

static const char *const options[] = { "expr", "shape", NULL };
const mn_importer mn_importer_flame = { "flame", "generic_model.pkl [landmark_embedding.npy] [head_template.obj] [shape=300] [expr=100]", "the FLAME head model with its landmarks and texture coordinates", 1, 4, run, options };
