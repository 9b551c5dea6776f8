/* render_rays.c -- volume rendering of tri-planes through a two-layer decoder, in one op:
 *     p = origins + depths dirs, less the deformation there
 *     f = triplane_sample(planes, p),  y = softplus(f w0^T + b0) w1^T + b1
 *     sigma = y[0], rgb = 1.002 sigmoid(y[1..]) - 0.001,  raymarch(rgb, sigma, depths)
 * The plain form is that chain of ops; its backward pass runs the chain again on the tape.  For f32
 * kernels/tuned/render_rays.c does the same ray by ray, kernels/cuda/render_rays*.cu on a GPU.  Neither keeps anything per sample between the passes.
 * With w1 of one row there are no colours and only depth and weights are worth reading: the coarse pass. */
#include <string.h>
#include "layout.h"
#include "../cuda/cuda.h"
#include "nn.h"
#include "render.h"
#include "shape.h"
#include "../../kernels/raymarch.h"
#include "../../kernels/triplane.h"
#include "../../kernels/render_rays.h"

enum { PLANES, ORIGINS, DIRS, DEPTHS, W0, B0, W1, B1, AXES, DEFORMATION, INPUTS };
enum { BOX_WARP, CHANNELS_LAST };
enum { AUX_PLANES, AUX_RANGE };
enum { MOST_NODES = 512 };      /* across a deformation: kernels/undeform_at.h counts its numbers in 32 bits */

/* The fused form counts numbers of a picture's planes in 32 bits. */
static bool fusible(const mn_op *op) {
    const mn_tensor *planes = op->in[PLANES];
    return mn_has_tuned(op, MN_T_render_rays_fwd) && (planes->shape[0] == 0 || planes->n / planes->shape[0] < INT32_MAX);
}
static bool channels_last(const mn_op *op) { return op->attr[CHANNELS_LAST] != 0; }
static mn_tensor *axes_in(const mn_op *op) { return op->nin > AXES ? op->in[AXES] : NULL; }
static mn_tensor *deformation_in(const mn_op *op) { return op->nin > DEFORMATION ? op->in[DEFORMATION] : NULL; }

static mn_status render_rays_shape(mn_op *op) {
    mn_tensor *planes = op->in[PLANES], *t = op->in[DEPTHS], *w0 = op->in[W0], *w1 = op->in[W1], *axes = axes_in(op), *away = deformation_in(op);
    mn_status s = need(op, PLANES, "planes", 5, channels_last(op) ? "[N,3,H,W,C]" : "[N,3,C,H,W]");
    if (!s) s = need(op, ORIGINS, "origins", 3, "[N,R,3]");
    if (!s) s = need(op, DIRS, "dirs", 3, "[N,R,3]");
    if (!s) s = need(op, DEPTHS, "depths", 3, "[N,R,D]");
    if (!s) s = need(op, W0, "w0", 2, "[hidden,C]");
    if (!s) s = need(op, W1, "w1", 2, "[1+colours,hidden]");
    if (s) return s;
    const int64_t n = t->shape[0], r = t->shape[1], d = t->shape[2], c = planes->shape[channels_last(op) ? 4 : 2];
    if (planes->shape[0] != n || planes->shape[1] != 3 || planes->n == 0)
        return mn_op_fail(op, MN_ESHAPE, "planes: expected [%lld,3,...] to match depths %s, got %s", (long long)n, mn_shape_text(t), mn_shape_text(planes));
    if (d < 2 || d > K_RAYMARCH_MAX) return mn_op_fail(op, MN_ESHAPE, "depths: from 2 to %d samples a ray expected, got %s", K_RAYMARCH_MAX, mn_shape_text(t));
    for (int j = ORIGINS; j <= DIRS; j++)
        if (op->in[j]->shape[0] != n || op->in[j]->shape[1] != r || op->in[j]->shape[2] != 3)
            return mn_op_fail(op, MN_ESHAPE, "%s: expected [%lld,%lld,3] to match depths %s, got %s", j == ORIGINS ? "origins" : "dirs", (long long)n, (long long)r,
                              mn_shape_text(t), mn_shape_text(op->in[j]));
    if (w0->shape[1] != c || w0->shape[0] < 1) return mn_op_fail(op, MN_ESHAPE, "w0: expected [hidden,%lld] to match planes %s, got %s", (long long)c, mn_shape_text(planes), mn_shape_text(w0));
    if (w1->shape[1] != w0->shape[0] || w1->shape[0] < 1) return mn_op_fail(op, MN_ESHAPE, "w1: expected [1+colours,%lld] to match w0 %s, got %s", (long long)w0->shape[0], mn_shape_text(w0), mn_shape_text(w1));
    if ((s = need_vector(op, B0, "b0", w0->shape[0])) || (s = need_vector(op, B1, "b1", w1->shape[0]))) return s;
    if (axes && (axes->n != 27 || !mn_is_real(axes->dtype))) return mn_op_fail(op, MN_ESHAPE, "axes: expected [3,3,3], got %s", mn_shape_text(axes));
    if (!(op->attr[BOX_WARP] > 0)) return mn_op_fail(op, MN_EARG, "box_warp must be > 0, got %g", op->attr[BOX_WARP]);
    if (away && (away->nd != 5 || away->dtype != t->dtype || away->shape[0] != n || away->shape[1] < 2 || away->shape[1] > MOST_NODES || away->shape[2] != away->shape[1]
                 || away->shape[3] != away->shape[1] || away->shape[4] != 3))
        return mn_op_fail(op, MN_ESHAPE, "deformation: expected %s [%lld,G,G,G,3], G from 2 to %d, got %s %s", mn_dtype_name(t->dtype), (long long)n, MOST_NODES,
                          mn_dtype_name(away->dtype), mn_shape_text(away));
    for (int j = ORIGINS; j <= DEPTHS; j++)
        if (op->recording && mn_wants(op, j)) return mn_op_fail(op, MN_EARG, "no gradient flows to origins, dirs or depths here: use triplane_sample and raymarch");
    if (away && op->recording && mn_wants(op, DEFORMATION)) return mn_op_fail(op, MN_EARG, "no gradient flows to the deformation here");
    s = mn_out(op, 0, t->dtype, 3, (int64_t[]){n, r, w1->shape[0] - 1});
    if (!s) s = mn_out(op, 1, t->dtype, 3, (int64_t[]){n, r, 1});
    return s ? s : mn_out(op, 2, t->dtype, 3, (int64_t[]){n, r, d - 1});
}

/* ---- the plain form ---- */

/* A picture of G rows and columns for every z is looked up at (x, y); the two nearest z share the result. */
mn_tensor *mn_undeformed(mn_tensor *points, mn_tensor *deformation, double cube) {
    if (!points || !deformation || mn_errcode()) return NULL;
    const int64_t n = points->shape[0], m = points->shape[1], g = deformation->shape[1];
    const double most = 1 - 1 / (double)g;
    mn_tensor *levels = mn_empty_host(MN_F32, 1, &g);
    for (int64_t k = 0; levels && k < g; k++) ((float *)levels->data)[k] = (float)k;
    levels = mn_cast(mn_to(levels, points->device), points->dtype);
    mn_tensor *q = mn_call(clamp, T(mn_call(affine, T(points), {"scale", 2 / cube})), {"lo", -most}, {"hi", most});
    mn_tensor *grid = mn_call(slice, T(q), {"axis", 2}, {"stop", 2}), *z = mn_call(slice, T(q), {"axis", 2}, {"start", 2});
    mn_tensor *pictures = mn_reshape(mn_permute(deformation, 5, (int[]){0, 1, 4, 2, 3}), 4, (int64_t[]){n, 3 * g, g, g});
    mn_tensor *there = mn_call(grid_sample, T(pictures, grid ? mn_reshape(grid, 4, (int64_t[]){n, m, 1, 2}) : NULL));
    if (!there) return NULL;
    there = mn_permute(mn_reshape(there, 4, (int64_t[]){n, g, 3, m}), 4, (int[]){0, 3, 1, 2});                      /* [N,M,G,3] */
    z = mn_call(affine, T(z), {"scale", (double)g / 2}, {"shift", (double)(g - 1) / 2});
    mn_tensor *share = mn_call(relu, T(mn_call(affine, T(mn_call(abs, T(mn_call(sub, T(z, levels))))), {"scale", -1}, {"shift", 1})));
    if (!share) return NULL;
    return mn_call(sub, T(points, mn_call(sum, T(mn_call(mul, T(there, mn_reshape(share, 4, (int64_t[]){n, m, g, 1})))), {"axis", 2})));
}

static mn_status chain(const mn_op *op, mn_tensor *const *in, mn_tensor **out) {
    const int64_t n = in[DEPTHS]->shape[0], r = in[DEPTHS]->shape[1], d = in[DEPTHS]->shape[2], colours = in[W1]->shape[0] - 1;
    mn_tensor *o = mn_reshape(in[ORIGINS], 4, (int64_t[]){n, r, 1, 3}), *dir = mn_reshape(in[DIRS], 4, (int64_t[]){n, r, 1, 3});
    mn_tensor *p = mn_call(add, T(o, mn_call(mul, T(dir, mn_reshape(in[DEPTHS], 4, (int64_t[]){n, r, d, 1})))));
    p = p ? mn_reshape(p, 3, (int64_t[]){n, r * d, 3}) : NULL;
    if (deformation_in(op)) p = mn_undeformed(p, in[DEFORMATION], op->attr[BOX_WARP]);
    mn_tensor *f = mn_call(triplane_sample, T(in[PLANES], p, axes_in(op)),
                           {"box_warp", op->attr[BOX_WARP]}, {"channels_last", op->attr[CHANNELS_LAST]});
    mn_tensor *y = mn_call(linear, T(mn_call(softplus, T(mn_call(linear, T(f, in[W0], in[B0])))), in[W1], in[B1]));
    if (!y) return mn_errcode();
    y = mn_reshape(y, 4, (int64_t[]){n, r, d, colours + 1});
    mn_tensor *sigma = mn_call(slice, T(y), {"axis", 3}, {"stop", 1});
    if (!colours) return mn_calln(out, raymarch, T(mn_zeros(in[DEPTHS]->dtype, 4, (int64_t[]){n, r, d, 0}), sigma, in[DEPTHS]));
    mn_tensor *rgb = mn_call(affine, T(mn_call(sigmoid, T(mn_call(slice, T(y), {"axis", 3}, {"start", 1})))), {"scale", 1.002}, {"shift", -0.001});
    return mn_calln(out, raymarch, T(rgb, sigma, in[DEPTHS]));
}

static mn_status chain_forward(mn_op *op) {
    return chain(op, op->in, op->out);
}

static mn_status chain_backward(mn_op *op) {
    mn_tensor *in[INPUTS] = {NULL}, *out[3] = {NULL}, *loss = NULL;
    for (int j = 0; j < op->nin; j++) {
        in[j] = op->in[j] ? mn_detach(op->in[j]) : NULL;
        if (mn_wants(op, j) && in[j]) mn_param(in[j]);
    }
    if (mn_errcode()) return mn_errcode();
    const bool was = mn_tape_enable(true);
    mn_status s = chain(op, in, out);
    for (int k = 0; !s && k < 3; k++) {
        if (!mn_dout(op, k) || out[k]->n == 0) continue;
        mn_tensor *term = mn_call(sum, T(mn_call(mul, T(out[k], mn_dout(op, k)))));
        loss = loss ? mn_call(add, T(loss, term)) : term;
    }
    if (!s && loss) s = mn_backward(loss, NULL);
    mn_tape_enable(was);
    for (int j = 0; !s && j < op->nin; j++)
        if (mn_wants(op, j) && in[j]->grad) s = mn_din_give(op, j, in[j]->grad);
    return s;
}

/* ---- the fused form ---- */

static mn_status arguments(mn_op *op, mn_tensor *planes, mn_tensor *range, struct k_render_rays *p) {
    const int64_t *s = planes->shape, *t = op->in[DEPTHS]->shape;
    *p = (struct k_render_rays){.n = t[0] * t[1], .rays = t[1], .h = s[2], .w = s[3], .c = s[4], .d = t[2],
                                .hidden = op->in[W0]->shape[0], .colours = op->in[W1]->shape[0] - 1, .planes = planes->data,
                                .origins = op->in[ORIGINS]->data, .dirs = op->in[DIRS]->data, .depths = op->in[DEPTHS]->data, .range = range->data,
                                .w0 = op->in[W0]->data, .b0 = op->in[B0]->data, .w1 = op->in[W1]->data, .b1 = op->in[B1]->data};
    const mn_tensor *away = deformation_in(op);
    if (away) {
        p->deformation = away->data;
        p->nodes = away->shape[1];
        p->cube = op->attr[BOX_WARP];
    }
    return mn_plane_axes(op, axes_in(op), op->attr[BOX_WARP], p->axes);
}

static mn_status render_rays_forward(mn_op *op) {
    if (!fusible(op)) return chain_forward(op);
    mn_tensor *planes = op->in[PLANES], *range = mn_depth_range(op, op->in[DEPTHS]);
    const int64_t *s = planes->shape;
    if (!channels_last(op)) {
        mn_tensor *last = mn_transposed(op, s[0] * 3, s[2], s[3] * s[4], planes);
        planes = last ? mn_view(last, 5, (int64_t[]){s[0], 3, s[3], s[4], s[2]}, 0) : NULL;
    }
    if (!planes || !range) return mn_errcode();
    struct k_render_rays p;
    mn_status st = arguments(op, planes, range, &p);
    p.out = op->out[0]->data;
    p.depth = op->out[1]->data;
    p.weights = op->out[2]->data;
    bool done = false;
    if (!st) st = MN_TUNED(op, render_rays_fwd, &p, &done);
    if (st || !done) return st ? st : chain_forward(op);
    if (op->recording) {
        mn_keep_aux(op, AUX_PLANES, planes);
        mn_keep_aux(op, AUX_RANGE, range);
    }
    return MN_OK;
}

/* Adds the gradient of planes that are channels last to that of the input. */
static mn_status hand_over(mn_op *op, const struct k_render_rays *a, mn_tensor *last) {
    mn_tensor *dplanes = mn_din(op, PLANES);
    const int64_t n = op->in[PLANES]->shape[0];
    if (!dplanes || dplanes == last) return mn_errcode();
    return mn_transpose(op, n * 3, a->h * a->w, a->c, last->data, dplanes->data, true);
}
/* Gradient of the planes from that of the features. */
static mn_status spread(mn_op *op, const struct k_render_rays *a, mn_tensor *last) {
    const int64_t n = op->in[PLANES]->shape[0], m = a->rays * a->d;
    const mn_scatter plan = mn_scatter_plan(op, n * 3, a->c, m);
    struct k_triplane_bwd_planes p = {.n = n * 3 * plan.blocks * plan.chunks, .points = a->points, .dout = a->dfeatures, .dplanes = last->data,
                                      .m = m, .h = a->h, .w = a->w, .c = a->c, .block = plan.block, .blocks = plan.blocks, .chunk = plan.chunk, .chunks = plan.chunks};
    memcpy(p.axes, a->axes, sizeof p.axes);
    return MN_LAUNCH(op, triplane_bwd_planes, &p);
}

static mn_status render_rays_backward(mn_op *op) {
    if (!op->aux[AUX_PLANES] || !mn_has_tuned(op, MN_T_render_rays_bwd)) return chain_backward(op);
    struct k_render_rays p;
    mn_status s = arguments(op, op->aux[AUX_PLANES], op->aux[AUX_RANGE], &p);
    if (s) return s;
    mn_tensor *g[3] = {mn_dout(op, 0), mn_dout(op, 1), mn_dout(op, 2)}, *dw[4] = {NULL}, *points = NULL, *dfeatures = NULL, *last = NULL;
    const int64_t samples = p.n * p.d;
    const bool adds = op->device == MN_CUDA && !mn_cuda_deterministic();
    if (mn_wants(op, PLANES)) {
        const mn_tensor *planes = op->aux[AUX_PLANES];
        last = channels_last(op) ? mn_din(op, PLANES) : mn_zeros(MN_F32, planes->nd, planes->shape);
        points = adds ? NULL : mn_empty(MN_F32, 2, (int64_t[]){samples, 3});
        dfeatures = adds ? NULL : mn_empty(MN_F32, 2, (int64_t[]){samples, p.c});
    }
    const bool decoder = mn_wants(op, W0) || mn_wants(op, B0) || mn_wants(op, W1) || mn_wants(op, B1);
    for (int k = 0; decoder && k < 4; k++)                  /* found together; what nobody wants is dropped */
        dw[k] = mn_wants(op, W0 + k) ? mn_din(op, W0 + k) : mn_zeros(MN_F32, op->in[W0 + k]->nd, op->in[W0 + k]->shape);
    if (mn_errcode()) return mn_errcode();
    p.dout = g[0] && p.colours ? g[0]->data : NULL;
    p.ddepth = g[1] ? g[1]->data : NULL;
    p.dweights = g[2] ? g[2]->data : NULL;
    p.points = points ? points->data : NULL;
    p.dfeatures = dfeatures ? dfeatures->data : NULL;
    p.dplanes = last && adds ? last->data : NULL;
    if (decoder) {
        p.dw0 = dw[0]->data;
        p.db0 = dw[1]->data;
        p.dw1 = dw[2]->data;
        p.db1 = dw[3]->data;
    }
    bool done;
    s = MN_TUNED(op, render_rays_bwd, &p, &done);
    if (!s && !done) return chain_backward(op);
    if (!s && dfeatures) s = spread(op, &p, last);
    return s || !last ? s : hand_over(op, &p, last);
}

const mn_opdef mn_op_render_rays = {
    .name = "render_rays", .in = "planes origins dirs depths w0 b0 w1 b1 axes? deformation?", .nout = 3, .saves = MN_SAVE_ALL_IN, .scatters = true, .host = MN_SAVE_IN(AXES),
    .doc = "render_rays(planes [N,3,C,H,W], origins [N,R,3], dirs [N,R,3], depths [N,R,D], w0, b0, w1, b1, axes?, deformation?, {box_warp, channels_last}): "
           "colour [N,R,c], depth [N,R,1], weights [N,R,D-1] through the decoder C -> hidden -> 1+c; see triplane_sample and raymarch.  deformation "
           "[N,G,G,G,3] (z, y, x), taken off from every point before it is looked up: trilinear, its nodes in the centres of G x G x G cells of the cube",
    .attrs = {{"box_warp", 1, "side of the cube the planes span"}, {"channels_last", 0, "1: planes are [N,3,H,W,C]"}},
    .shape = render_rays_shape, .forward = render_rays_forward, .backward = render_rays_backward};
