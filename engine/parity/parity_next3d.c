/* parity_next3d.c -- the generator against published numbers: mapping, every stage, pictures, explicit jitter, gradients.
 * Of a big map X the golden holds X.samples at the flat positions idx256 (idx64 for mouth_in, idx512 for image), X.mean and
 * X.std per channel, and X.ch0, the first channel in half precision.
 * The loss behind the gradients is mean(picture * cotangent); the cotangent is named in the golden, not stored: draw.c. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "draw.h"
#include "parity.h"
#include "../models/next3d.h"
#include "../ops/shape.h"

/* x [C,S] at S positions: [C,n]; its mean and spread over S: [C]. */
static void summaries(mn_parity *p, mn_tensor *x, const char *name, mn_tensor *index) {
    x = mn_to(x, MN_CPU);
    index = mn_to(index, MN_CPU);
    if (!x) return;
    int64_t c = x->shape[0], s = x->shape[1];
    mn_tensor *picked = index ? mn_empty_host(MN_F32, MN_DIMS(c, index->n)) : NULL, *mean = mn_empty_host(MN_F32, MN_DIMS(c)), *std = mn_empty_host(MN_F32, MN_DIMS(c));
    if (mn_errcode()) return;
    for (int64_t k = 0; k < c; k++) {
        const float *row = (const float *)x->data + k * s;
        double sum = 0, sum2 = 0;
        for (int64_t i = 0; i < s; i++) sum += row[i];
        for (int64_t i = 0; i < s; i++) sum2 += (row[i] - sum / (double)s) * (row[i] - sum / (double)s);
        ((float *)mean->data)[k] = (float)(sum / (double)s);
        ((float *)std->data)[k] = (float)sqrt(sum2 / (double)s);
        for (int64_t i = 0; picked && i < index->n; i++) {
            int32_t at = ((const int32_t *)index->data)[i];
            ((float *)picked->data)[k * index->n + i] = at >= 0 && at < s ? row[at] : NAN;
        }
    }
    mn_parity_put(p, picked && c == 1 ? mn_view(picked, 1, (int64_t[]){index->n}, 0) : picked, "%s.samples", name);
    mn_parity_put(p, mean, "%s.mean", name);
    mn_parity_put(p, std, "%s.std", name);
}

/* A map of the first picture, [1,C,H,W]. */
static void put_map(mn_parity *p, const char *name, mn_tensor *t, const char *positions) {
    int64_t c = t->shape[1], h = t->shape[2], w = t->shape[3];
    summaries(p, mn_view(t, 2, (int64_t[]){c, h * w}, 0), name, mn_parity_in(p, MN_I32, 1, "%s", positions));
    mn_parity_put(p, mn_view(t, 2, (int64_t[]){h, w}, 0), "%s.ch0", name);
    if (c == 1) mn_parity_put(p, mn_view(t, 2, (int64_t[]){h, w}, 0), "%s", name);
    else mn_parity_put(p, mn_view(t, 3, (int64_t[]){c, h, w}, 0), "%s", name);
}

typedef struct notes { mn_parity *p; mn_tensor *faces; } notes;

/* Rows of depths [1,rays,K] that the golden holds. */
static void put_rays(mn_parity *p, mn_tensor *t) {
    mn_tensor *index = mn_parity_in(p, MN_I32, 1, "ray_idx");
    if (index) mn_parity_put(p, mn_call(gather, T(mn_view(t, 2, t->shape + 1, 0), index)), "depths_fine");
}

static void keep(void *data, const char *name, mn_tensor *t) {
    notes *n = data;
    int view;
    if (mn_errcode()) return;
    if (!strcmp(name, "depths_fine")) put_rays(n->p, t);
    else if (!strcmp(name, "weights_sum")) mn_parity_put(n->p, mn_view(t, 1, (int64_t[]){t->n}, 0), "weights_sum");
    else if (!strcmp(name, "lms2d_front")) mn_parity_put(n->p, mn_call(affine, T(mn_call(slice, T(mn_view(t, 2, t->shape + 1, 0)), {"axis", 1}, {"stop", 2})), {"scale", -1}), "lms2d_front");
    else if (!strcmp(name, "mouth_box")) mn_parity_put(n->p, mn_view(t, 1, (int64_t[]){4}, 0), "mouth_box");
    else if (sscanf(name, "pix_to_face.view%d", &view) == 1) {
        int64_t s = t->shape[t->nd - 1];
        if (n->faces && view < 4 && n->faces->shape[1] == s) mn_copy(mn_view(n->faces, 1, (int64_t[]){s * s}, view * s * s), mn_view(t, 1, (int64_t[]){s * s}, 0));
    } else if (!strcmp(name, "feature_image")) {
        mn_parity_put(n->p, mn_view(t, 3, t->shape + 1, 0), "feature_image");
        mn_parity_put(n->p, mn_view(t, 3, (int64_t[]){3, t->shape[2], t->shape[3]}, 0), "image_raw");
    } else if (!strcmp(name, "image_depth")) mn_parity_put(n->p, mn_view(t, 3, t->shape + 1, 0), "image_depth");
    else if (t->nd == 4) put_map(n->p, name, t, !strcmp(name, "mouth_in") ? "idx64" : "idx256");
}

static const mn_method *method(mn_model *m, const char *name) {
    for (const mn_method *k = m->def->methods; k->name; k++) if (!strcmp(k->name, name)) return k;
    return NULL;
}

static mn_tensor *mapped(mn_parity *p, mn_model *m, double psi, double cutoff, const char *name) {
    mn_tensor *in[2] = {mn_parity_need(p, MN_F32, 2, "in.z"), mn_parity_need(p, MN_F32, 2, "in.c_cond")}, *ws = NULL;
    if (!in[0] || !in[1] || method(m, "mapping")->run(m, in, (double[]){psi, cutoff}, &ws)) return NULL;
    mn_parity_put(p, ws, "%s", name);
    return ws;
}

/* Picture and its parts from what planes() gave; jit: with the golden's own draws. */
static mn_tensor *picture(mn_parity *p, mn_model *m, mn_tensor *const *planes, mn_tensor *ws, bool jit) {
    mn_tensor *coarse = jit ? mn_parity_in(p, MN_F32, 2, "jit_coarse") : NULL, *fine = jit ? mn_parity_in(p, MN_F32, 2, "jit_fine") : NULL, *r[4] = {NULL};
    mn_tensor *c = mn_parity_need(p, MN_F32, 2, "in.c");
    if (mn_errcode()) return NULL;
    if (coarse) coarse = mn_view(coarse, 3, (int64_t[]){1, coarse->shape[0], coarse->shape[1]}, 0);
    if (fine) fine = mn_view(fine, 3, (int64_t[]){1, fine->shape[0], fine->shape[1]}, 0);
    if (method(m, "render")->run(m, (mn_tensor *[]){planes[0], ws, c, coarse, fine, planes[1]}, NULL, r)) return NULL;
    if (jit) {
        put_map(p, "jit.image", r[0], "idx512");
        mn_parity_put(p, mn_view(r[1], 3, r[1]->shape + 1, 0), "jit.feature_image");
        mn_parity_put(p, mn_view(r[2], 3, r[2]->shape + 1, 0), "jit.image_depth");
    }
    return r[0];
}

static mn_status gradients(mn_parity *p, mn_model *m, mn_tensor *ws, mn_tensor *v, uint32_t seed) {
    ws = mn_param(mn_clone(ws));
    v = mn_param(mn_clone(v));
    mn_tensor *planes[2] = {NULL};
    if (mn_errcode() || method(m, "planes")->run(m, (mn_tensor *[]){ws, v, NULL, NULL}, NULL, planes)) return mn_errcode();
    mn_tensor *x = picture(p, m, planes, ws, false), *cot = x ? mn_empty_host(MN_F32, 4, x->shape) : NULL;
    if (!cot) return mn_errcode();
    mn_draw_normal(seed, "cotangent", cot->n, cot->data);
    cot = mn_to(cot, x->device);
    mn_tensor *terms = mn_call(mul, T(x, cot)), *loss = mn_call(mean, T(terms)), *power = mn_call(mean, T(mn_call(square, T(mn_detach(terms)))));
    mn_parity_put(p, loss, "loss");
    if (power) mn_parity_least(p, "loss", sqrt(mn_item(mn_to(power, MN_CPU), 0) / (double)terms->n));
    if (!loss || mn_backward(loss, NULL)) return mn_errcode();
    mn_parity_put(p, mn_view(mn_grad_of(ws), 2, ws->shape + 1, 0), "grad_ws");
    return mn_parity_put(p, mn_view(mn_grad_of(v), 2, v->shape + 1, 0), "grad_v_undetached");
}

static mn_status run(mn_parity *p, mn_model *m) {
    mn_tensor *ws = mapped(p, m, 1, -1, "ws"), *v = mn_parity_need(p, MN_F32, 3, "in.v"), *planes[2] = {NULL}, *x = NULL, *u8 = mn_parity_in(p, MN_U8, 2, "in.uv_face_mask");
    if (mn_errcode()) return mn_errcode();
    mapped(p, m, 0.7, -1, "ws_psi0.7_cutoff14");
    mapped(p, m, 0.7, (double)ws->shape[1], "ws_psi0.7");
    mn_tensor *mask = mn_weight(m, "uv_face_mask");
    if (u8 && mask && u8->n == mask->n) mn_copy(mask, mn_parity_floats(u8, 1 / 255.0, 0));   /* goldens are made with a mask of their own */
    int64_t side = mn_config_int(m, "plane_resolution");
    notes n = {p, mn_empty(MN_I32, MN_DIMS(4, side, side))};
    mn_parity_listen(keep, &n);
    if (!method(m, "planes")->run(m, (mn_tensor *[]){ws, v, NULL, NULL}, NULL, planes)) x = picture(p, m, planes, ws, false);
    mn_parity_listen(NULL, NULL);
    if (!x) return mn_errcode();
    mn_parity_put(p, n.faces, "pix_to_face");
    put_map(p, "image", x, "idx512");
    if (mn_parity_has(p, "jit_coarse")) picture(p, m, planes, ws, true);
    const char *seed = mn_parity_meta(p, "weights_seed");
    if (mn_errcode() || !mn_parity_has(p, "grad_ws") || !seed) return mn_errcode();
    return gradients(p, m, ws, v, (uint32_t)strtoul(seed, NULL, 10));
}

/* Half-precision tensors are compared at half precision's own 5e-4; a spread or mean is as good as the map it is of. */
static const mn_parity_bar bars[] = {{"pix_to_face", 0}, {"mouth_box", 0}, {"*.ch0", 5e-4}, {"image", 5e-4}, {"uv.view[0-3]", 5e-4}, {"alpha.front", 5e-4}, {"alpha.side", 0}, {"alpha.top", 5e-4},
                                     {"*depth*", 1e-3}, {"grad_*", 1e-3}, {"*", 1e-4}, {0}};
static const char *const inputs[] = {"in.*", "idx*", "ray_idx", "jit_coarse", "jit_fine", NULL};
const mn_parity_kind mn_parity_next3d = {"next3d", true, inputs, bars, run};
