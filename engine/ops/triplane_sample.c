/* triplane_sample.c -- features of 3-d points from three axis-aligned planes.
 * Published geometry (Next3D): a point is scaled by 2 / box_warp, multiplied by the
 * inverse of the plane's 3x3 axes, and its first two components are column and row.
 * Default axes put plane 0 at (x,y), plane 1 at (x,z), plane 2 at (z,y).
 * Planes may come channels-last already (option), which saves a copy per call. */
#include <math.h>
#include <string.h>
#include "layout.h"
#include "render.h"
#include "../../kernels/triplane.h"

enum { BOX_WARP, CHANNELS_LAST };
static const double default_axes[27] = {1, 0, 0, 0, 1, 0, 0, 0, 1,   1, 0, 0, 0, 0, 1, 0, 1, 0,   0, 0, 1, 0, 1, 0, 1, 0, 0};

/* First two columns of scale * inverse(a), a row-major 3x3; false when singular. */
static bool projection(const double *a, double scale, double out[6]) {
    const double c[9] = {a[4] * a[8] - a[5] * a[7], a[2] * a[7] - a[1] * a[8], a[1] * a[5] - a[2] * a[4],
                         a[5] * a[6] - a[3] * a[8], a[0] * a[8] - a[2] * a[6], a[2] * a[3] - a[0] * a[5],
                         a[3] * a[7] - a[4] * a[6], a[1] * a[6] - a[0] * a[7], a[0] * a[4] - a[1] * a[3]};
    const double det = a[0] * c[0] + a[1] * c[3] + a[2] * c[6];
    if (!(fabs(det) > 1e-12)) return false;
    for (int r = 0; r < 3; r++) {
        out[r] = scale * c[3 * r] / det;
        out[3 + r] = scale * c[3 * r + 1] / det;
    }
    return true;
}

/* [N,3,C,H,W] or, channels-last, [N,3,H,W,C]. */
static void sizes(const mn_op *op, int64_t *c, int64_t *h, int64_t *w) {
    const int64_t *s = op->in[0]->shape;
    const bool last = op->attr[CHANNELS_LAST] != 0;
    *c = s[last ? 4 : 2];
    *h = s[last ? 2 : 3];
    *w = s[last ? 3 : 4];
}

mn_status mn_plane_axes(const mn_op *op, mn_tensor *axes, double box_warp, double out[3][6]) {
    double m[27];
    memcpy(m, default_axes, sizeof m);
    axes = mn_to(axes, MN_CPU);                    /* 27 numbers; generators keep theirs on the host */
    if (mn_errcode()) return mn_errcode();
    for (int k = 0; k < 27 && axes; k++) m[k] = mn_item(axes, k);
    for (int k = 0; k < 3; k++)
        if (!projection(m + 9 * k, 2 / box_warp, out[k])) return mn_op_fail(op, MN_EARG, "axes: the matrix of plane %d is singular", k + 1);
    return MN_OK;
}
static mn_status axes_of(const mn_op *op, double out[3][6]) { return mn_plane_axes(op, op->nin > 2 ? op->in[2] : NULL, op->attr[BOX_WARP], out); }

static mn_status triplane_sample_shape(mn_op *op) {
    mn_tensor *planes = op->in[0], *points = op->in[1], *axes = op->nin > 2 ? op->in[2] : NULL;
    if (planes->nd != 5 || planes->shape[1] != 3 || !mn_is_real(planes->dtype))
        return mn_op_fail(op, MN_ESHAPE, "planes: expected [N,3,%s] of f32 or f64, got %s %s", op->attr[CHANNELS_LAST] != 0 ? "H,W,C" : "C,H,W",
                          mn_dtype_name(planes->dtype), mn_shape_text(planes));
    int64_t c, h, w;
    sizes(op, &c, &h, &w);
    if (h < 1 || w < 1) return mn_op_fail(op, MN_ESHAPE, "planes: empty pictures, %s", mn_shape_text(planes));
    if (points->nd != 3 || points->shape[2] != 3 || points->dtype != planes->dtype || points->shape[0] != planes->shape[0])
        return mn_op_fail(op, MN_ESHAPE, "points: expected [%lld,M,3] of %s to match planes %s, got %s %s", (long long)planes->shape[0],
                          mn_dtype_name(planes->dtype), mn_shape_text(planes), mn_dtype_name(points->dtype), mn_shape_text(points));
    if (axes && (axes->n != 27 || !mn_is_real(axes->dtype))) return mn_op_fail(op, MN_ESHAPE, "axes: expected [3,3,3], got %s", mn_shape_text(axes));
    if (!(op->attr[BOX_WARP] > 0)) return mn_op_fail(op, MN_EARG, "box_warp must be > 0, got %g", op->attr[BOX_WARP]);
    return mn_out(op, 0, planes->dtype, 3, (int64_t[]){points->shape[0], points->shape[1], c});
}

static mn_status triplane_sample_forward(mn_op *op) {
    mn_tensor *planes = op->in[0], *points = op->in[1];
    int64_t c, h, w;
    sizes(op, &c, &h, &w);
    mn_tensor *last = op->attr[CHANNELS_LAST] != 0 ? planes : mn_transposed(op, planes->shape[0] * 3, c, h * w, planes);
    if (!last) return mn_errcode();
    if (op->recording && mn_wants(op, 1)) mn_keep_aux(op, 0, last);
    struct k_triplane_fwd p = {.n = points->n / 3, .planes = last->data, .points = points->data, .out = op->out[0]->data,
                               .m = points->shape[1], .h = h, .w = w, .c = c};
    mn_status s = axes_of(op, p.axes);
    return s ? s : MN_LAUNCH(op, triplane_fwd, &p);
}

static mn_status backward_planes(mn_op *op, double axes[3][6]) {
    mn_tensor *points = op->in[1], *dplanes = mn_din(op, 0);
    int64_t c, h, w;
    sizes(op, &c, &h, &w);
    const bool channels_last = op->attr[CHANNELS_LAST] != 0;
    const int64_t n = points->shape[0];
    mn_tensor *last = channels_last ? dplanes : mn_zeros(points->dtype, 4, (int64_t[]){n * 3, h, w, c});
    if (!dplanes || !last) return mn_errcode();
    const mn_scatter plan = mn_scatter_plan(op, n * 3, c, points->shape[1]);
    struct k_triplane_bwd_planes p = {.n = n * 3 * plan.blocks * plan.chunks, .points = points->data, .dout = mn_dout(op, 0)->data, .dplanes = last->data,
                                      .m = points->shape[1], .h = h, .w = w, .c = c,
                                      .block = plan.block, .blocks = plan.blocks, .chunk = plan.chunk, .chunks = plan.chunks};
    memcpy(p.axes, axes, sizeof p.axes);
    mn_status s = MN_LAUNCH(op, triplane_bwd_planes, &p);
    return s || channels_last ? s : mn_transpose(op, n * 3, h * w, c, last->data, dplanes->data, true);
}

static mn_status triplane_sample_backward(mn_op *op) {
    mn_tensor *points = op->in[1];
    int64_t c, h, w;
    sizes(op, &c, &h, &w);
    double axes[3][6];
    mn_status s = axes_of(op, axes);
    if (!s && mn_wants(op, 0)) s = backward_planes(op, axes);
    if (!s && mn_wants(op, 1)) {
        mn_tensor *dpoints = mn_din(op, 1);
        if (!dpoints) return mn_errcode();
        struct k_triplane_bwd_points p = {.n = points->n / 3, .planes = op->aux[0]->data, .points = points->data, .dout = mn_dout(op, 0)->data,
                                          .dpoints = dpoints->data, .m = points->shape[1], .h = h, .w = w, .c = c};
        memcpy(p.axes, axes, sizeof p.axes);
        s = MN_LAUNCH(op, triplane_bwd_points, &p);
    }
    return s;
}

const mn_opdef mn_op_triplane_sample = {
    .name = "triplane_sample", .in = "planes points axes?", .saves = MN_SAVE_IN(1) | MN_SAVE_IN(2), .scatters = true, .host = MN_SAVE_IN(2),
    .doc = "triplane_sample(planes [N,3,C,H,W], points [N,M,3], axes? [3,3,3], {box_warp, channels_last}): [N,M,C], mean of three bilinear lookups, zero outside",
    .attrs = {{"box_warp", 1, "side of the cube the planes span"}, {"channels_last", 0, "1: planes are [N,3,H,W,C]"}},
    .shape = triplane_sample_shape, .forward = triplane_sample_forward, .backward = triplane_sample_backward};
