/* mesh.c -- checks and normals of triangle meshes (mesh.h). */
#include <math.h>
#include "mesh.h"

static mn_status check_part(mn_tensor *t, const char *who, const char *part, mn_dtype dtype, int64_t rows, int64_t columns) {
    if (mn_dtype_of(t) != dtype) return mn_fail(MN_EDTYPE, "%s: mesh %s: expected %s, got %s", who, part, mn_dtype_name(dtype), mn_dtype_name(mn_dtype_of(t)));
    if (mn_ndim(t) != 2 || mn_dim(t, 1) != columns || (rows >= 0 && mn_dim(t, 0) != rows)) {
        if (rows < 0) return mn_fail(MN_ESHAPE, "%s: mesh %s: expected [n,%lld], got %s", who, part, (long long)columns, mn_shape_text(t));
        return mn_fail(MN_ESHAPE, "%s: mesh %s: expected [%lld,%lld], got %s", who, part, (long long)rows, (long long)columns, mn_shape_text(t));
    }
    if (mn_dim(t, 0) > INT32_MAX / 4) return mn_fail(MN_ESHAPE, "%s: mesh %s: %lld rows are too many", who, part, (long long)mn_dim(t, 0));
    if (mn_count(t) && !mn_data(t)) return mn_fail(MN_EDEVICE, "%s: mesh %s is on a device, expected host memory", who, part);
    if (dtype != MN_F32) return MN_OK;
    const float *x = mn_data(t);
    for (int64_t i = 0; i < mn_count(t); i++)
        if (!isfinite(x[i])) return mn_fail(MN_EARG, "%s: mesh %s: row %lld holds %g, expected finite numbers", who, part, (long long)(i / columns), (double)x[i]);
    return MN_OK;
}

static mn_status check_indices(mn_tensor *t, const char *who, const char *part, int64_t limit) {
    const int32_t *index = mn_data(t);
    for (int64_t i = 0; i < mn_count(t); i++)
        if (index[i] < 0 || index[i] >= limit)
            return mn_fail(MN_EARG, "%s: mesh %s: row %lld holds index %d, expected 0 to %lld", who, part, (long long)(i / 3), index[i], (long long)limit - 1);
    return MN_OK;
}

mn_status mn_mesh_check(const mn_mesh *m, const char *who) {
    mn_status status;
    if (mn_errcode() != MN_OK) return mn_errcode();
    if (!m->v || !m->f) return mn_fail(MN_EARG, "%s: mesh: %s is missing", who, m->v ? "f" : "v");
    if ((status = check_part(m->v, who, "v", MN_F32, -1, 3)) || (status = check_part(m->f, who, "f", MN_I32, -1, 3))) return status;
    int64_t vertices = mn_dim(m->v, 0), corners = vertices;
    if ((status = check_indices(m->f, who, "f", vertices))) return status;
    if (m->fuv && !m->uv) return mn_fail(MN_EARG, "%s: mesh: fuv is given without uv", who);
    if (m->uv) {
        if ((status = check_part(m->uv, who, "uv", MN_F32, m->fuv ? -1 : vertices, 2))) return status;
        corners = mn_dim(m->uv, 0);
    }
    if (m->fuv && ((status = check_part(m->fuv, who, "fuv", MN_I32, mn_dim(m->f, 0), 3)) || (status = check_indices(m->fuv, who, "fuv", corners)))) return status;
    if (m->normal && (status = check_part(m->normal, who, "normal", MN_F32, vertices, 3))) return status;
    if (m->color && (status = check_part(m->color, who, "color", MN_U8, vertices, 3))) return status;
    return MN_OK;
}

mn_tensor *mn_mesh_normals(mn_tensor *v, mn_tensor *f) {
    if (mn_mesh_check(&(mn_mesh){.v = v, .f = f}, "mesh normals") != MN_OK) return NULL;
    mn_tensor *out = mn_zeros(MN_F32, 2, (int64_t[]){mn_dim(v, 0), 3});
    if (!out) return NULL;
    const float *x = mn_data(v);
    const int32_t *index = mn_data(f);
    float *n = mn_data(out);
    for (int64_t i = 0; i < mn_dim(f, 0); i++) {
        const float *a = x + 3 * index[3 * i], *b = x + 3 * index[3 * i + 1], *c = x + 3 * index[3 * i + 2];
        float p[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]}, q[3] = {c[0] - a[0], c[1] - a[1], c[2] - a[2]};
        float area[3] = {p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]};
        for (int corner = 0; corner < 3; corner++)
            for (int d = 0; d < 3; d++) n[3 * index[3 * i + corner] + d] += area[d];
    }
    for (int64_t i = 0; i < mn_dim(v, 0); i++) {
        double length = sqrt((double)n[3 * i] * n[3 * i] + (double)n[3 * i + 1] * n[3 * i + 1] + (double)n[3 * i + 2] * n[3 * i + 2]);
        for (int d = 0; d < 3; d++) n[3 * i + d] = length > 0 ? (float)(n[3 * i + d] / length) : 0;
    }
    return out;
}
