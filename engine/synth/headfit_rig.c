/* headfit_rig.c -- joints, skinning weights and landmarks of the head model.
 *
 * FLAME has five joints, the source six: our root takes the source's root and neck, our neck its head (the joint at the
 * base of the skull), jaw and eyes are its jaw and eyes. */
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "synth/headfit.h"

static const int JOINT_OF[MN_HEAD_JOINTS] = { 0, 0, 1, 2, 3, 4 };                 /* source joint -> ours */
static const int PIVOT_OF[HEADFIT_JOINTS] = { MN_J_ROOT, MN_J_HEAD, MN_J_JAW, MN_J_EYE_LEFT, MN_J_EYE_RIGHT };

/* Weights over the vertices in `use`, nearest to equal ones (least squares) among those with sum 1 and sum w v = pivot:
 *     w = u + A^T (A A^T)^-1 (t - A u),   A = rows x, y, z, 1 */
static mn_status affine_weights(const mn_trimesh *m, const char *use, int n, const double pivot[3], double *w) {
    double AA[16] = { 0 }, t[4] = { pivot[0], pivot[1], pivot[2], 1 };
    int order[4];
    for (int i = 0; i < m->nv; i++) {
        if (!use[i]) continue;
        double a[4] = { m->v[i][0], m->v[i][1], m->v[i][2], 1 };
        for (int r = 0; r < 4; r++) {
            t[r] -= a[r] / n;
            for (int c = 0; c < 4; c++) AA[4 * r + c] += a[r] * a[c];
        }
    }
    int info = LAPACKE_dgesv(LAPACK_ROW_MAJOR, 4, 1, AA, 4, order, t, 1);
    if (info) return mn_fail(MN_EFORMAT, "source head: the vertices round a joint lie in one plane (dgesv %d)", info);
    for (int i = 0; i < m->nv; i++) {
        const double *v = m->v[i];
        w[i] = use[i] ? 1. / n + t[0] * v[0] + t[1] * v[1] + t[2] * v[2] + t[3] : 0;
    }
    return MN_OK;
}

mn_status mn_headmesh_joints(const mn_geometry *source, const mn_headmesh *head, double *regressor) {
    const mn_trimesh *m = &head->mesh;
    char *use = malloc((size_t)m->nv + 1);
    mn_status status = use ? MN_OK : mn_fail(MN_ENOMEM, "no memory for the joints");
    for (int j = 0; j < HEADFIT_JOINTS && !status; j++) {
        int eye = j - 3, n = 0;                              /* the eyes' pivots come from their eyeballs, others from the skin around */
        double pivot[3], nearest = 1e300;
        for (int k = 0; k < 3; k++) pivot[k] = source->joints[3 * PIVOT_OF[j] + k];
        for (int pass = 0; pass < 2; pass++)
            for (int i = 0; i < m->nv; i++) {
                double d = hypot(hypot(m->v[i][0] - pivot[0], m->v[i][1] - pivot[1]), m->v[i][2] - pivot[2]);
                bool own = eye < 0 ? i < head->n_skin : i >= head->n_skin + eye * head->n_eye && i < head->n_skin + (eye + 1) * head->n_eye;
                if (!pass && own) nearest = fmin(nearest, d);
                if (pass) n += use[i] = own && d < 1.3 * nearest + 1;
            }
        status = affine_weights(m, use, n, pivot, regressor + (size_t)j * (size_t)m->nv);
    }
    free(use);
    return status;
}

mn_status mn_headmesh_weights(const mn_geometry *source, const mn_headmesh *head, double *weights) {
    int nv = head->mesh.nv;
    double *sampled = malloc((size_t)nv * MN_HEAD_JOINTS * sizeof *sampled);
    if (!sampled) return mn_fail(MN_ENOMEM, "no memory for skinning weights");
    mn_headmesh_sample(source, head, source->weights, MN_HEAD_JOINTS, sampled);
    memset(weights, 0, (size_t)nv * HEADFIT_JOINTS * sizeof *weights);
    for (int i = 0; i < nv; i++) {
        double *w = weights + i * HEADFIT_JOINTS, sum = 0;
        int most = 0;
        for (int j = 0; j < MN_HEAD_JOINTS; j++) w[JOINT_OF[j]] += sampled[i * MN_HEAD_JOINTS + j];
        for (int j = 0; j < HEADFIT_JOINTS; j++) sum += w[j];
        for (int j = 0; j < HEADFIT_JOINTS; j++) {
            w[j] = round(1024 * w[j] / sum);                 /* exact in half precision, and so is the sum */
            if (w[j] > w[most]) most = j;
        }
        sum = 0;
        for (int j = 0; j < HEADFIT_JOINTS; j++) sum += w[j];
        w[most] += 1024 - sum;
        for (int j = 0; j < HEADFIT_JOINTS; j++) w[j] /= 1024;
    }
    free(sampled);
    return MN_OK;
}

mn_status mn_headmesh_landmarks(const mn_geometry *source, const mn_headmesh *head, mn_place places[MN_HEAD_LANDMARKS]) {
    mn_trimesh whole = { 0 }, skin = { head->n_skin, head->n_skin_faces, head->mesh.v, head->mesh.f, NULL };
    mn_near *near = mn_near_new(&skin);
    mn_status status = near ? mn_headfit_source_mesh(source, &whole) : mn_errcode();
    double (*normal)[3] = malloc(((size_t)source->n_vertices + 1) * sizeof *normal);
    if (!status && !normal) status = mn_fail(MN_ENOMEM, "no memory for the landmarks");
    if (!status) {
        mn_trimesh_normals(&whole, normal);
        for (int i = 0; i < MN_HEAD_LANDMARKS; i++)
            places[i] = mn_near_find(near, whole.v[source->landmarks[i]], normal[source->landmarks[i]]);
    }
    free(normal);
    mn_trimesh_free(&whole);
    mn_near_free(near);
    return status;
}
