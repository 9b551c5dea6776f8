/* grid_sample.c -- look a picture up at points: bilinear, zero outside, align_corners false.
 * Works on channels-last copies, so that a texel's channels are one contiguous read;
 * the copy of x is kept for the gradient to the grid, when one is wanted. */
#include "layout.h"
#include "../../kernels/grid_sample.h"

static mn_status grid_sample_shape(mn_op *op) {
    mn_tensor *x = op->in[0], *grid = op->in[1];
    if (x->nd != 4 || !mn_is_real(x->dtype) || x->shape[2] < 1 || x->shape[3] < 1)
        return mn_op_fail(op, MN_ESHAPE, "x: expected [N,C,H,W] of f32 or f64, got %s %s", mn_dtype_name(x->dtype), mn_shape_text(x));
    if (grid->nd != 4 || grid->shape[3] != 2 || grid->dtype != x->dtype)
        return mn_op_fail(op, MN_ESHAPE, "grid: expected [N,Ho,Wo,2] of %s, got %s %s", mn_dtype_name(x->dtype), mn_dtype_name(grid->dtype), mn_shape_text(grid));
    if (x->shape[0] != grid->shape[0] && x->shape[0] != 1)
        return mn_op_fail(op, MN_ESHAPE, "x: expected N = 1 or %lld to match grid %s, got %s", (long long)grid->shape[0], mn_shape_text(grid), mn_shape_text(x));
    return mn_out(op, 0, x->dtype, 4, (int64_t[]){grid->shape[0], x->shape[1], grid->shape[1], grid->shape[2]});
}

static mn_status grid_sample_forward(mn_op *op) {
    mn_tensor *x = op->in[0], *grid = op->in[1], *out = op->out[0];
    const int64_t n = grid->shape[0], ho = grid->shape[1], wo = grid->shape[2], c = x->shape[1], h = x->shape[2], w = x->shape[3];
    mn_tensor *last = mn_transposed(op, x->shape[0], c, h * w, x), *sampled = mn_empty(x->dtype, 4, (int64_t[]){n, ho, wo, c});
    if (!last || !sampled) return mn_errcode();
    if (op->recording && mn_wants(op, 1)) mn_keep_aux(op, 0, last);
    struct k_grid_sample_fwd p = {.n = n * ho, .x = last->data, .grid = grid->data, .out = sampled->data,
                                  .h = h, .w = w, .c = c, .ho = ho, .wo = wo, .shared = x->shape[0] == 1};
    mn_status s = MN_LAUNCH(op, grid_sample_fwd, &p);
    return s ? s : mn_transpose(op, n, ho * wo, c, sampled->data, out->data, false);
}

static mn_status backward_x(mn_op *op, mn_tensor *dout) {
    mn_tensor *x = op->in[0], *grid = op->in[1], *dx = mn_din(op, 0);
    const int64_t nx = x->shape[0], c = x->shape[1], h = x->shape[2], w = x->shape[3];
    mn_tensor *last = mn_zeros(x->dtype, 4, (int64_t[]){nx, h, w, c});
    if (!dx || !last) return mn_errcode();
    const int64_t points = nx ? grid->n / 2 / nx : 0;
    const mn_scatter s = mn_scatter_plan(op, nx, c, points);
    struct k_grid_sample_bwd_x p = {.n = nx * s.blocks * s.chunks, .grid = grid->data, .dout = dout->data, .dx = last->data, .h = h, .w = w, .c = c,
                                    .points = points, .block = s.block, .blocks = s.blocks, .chunk = s.chunk, .chunks = s.chunks};
    mn_status st = MN_LAUNCH(op, grid_sample_bwd_x, &p);
    return st ? st : mn_transpose(op, nx, h * w, c, last->data, dx->data, true);
}

static mn_status grid_sample_backward(mn_op *op) {
    mn_tensor *x = op->in[0], *grid = op->in[1];
    const int64_t n = grid->shape[0], ho = grid->shape[1], wo = grid->shape[2], c = x->shape[1];
    mn_tensor *dout = mn_transposed(op, n, c, ho * wo, mn_dout(op, 0));
    mn_status s = dout ? MN_OK : mn_errcode();
    if (!s && mn_wants(op, 0)) s = backward_x(op, dout);
    if (!s && mn_wants(op, 1)) {
        mn_tensor *dgrid = mn_din(op, 1);
        if (!dgrid) return mn_errcode();
        struct k_grid_sample_bwd_grid p = {.n = n * ho, .x = op->aux[0]->data, .grid = grid->data, .dout = dout->data, .dgrid = dgrid->data,
                                           .h = x->shape[2], .w = x->shape[3], .c = c, .ho = ho, .wo = wo, .shared = x->shape[0] == 1};
        s = MN_LAUNCH(op, grid_sample_bwd_grid, &p);
    }
    return s;
}

const mn_opdef mn_op_grid_sample = {
    .name = "grid_sample", .in = "x grid", .saves = MN_SAVE_IN(1), .scatters = true,
    .doc = "grid_sample(x [N,C,H,W], grid [N,Ho,Wo,2]): [N,C,Ho,Wo], x at points (column, row) in [-1,1], bilinear, zero outside; x of N = 1 serves every grid",
    .shape = grid_sample_shape, .forward = grid_sample_forward, .backward = grid_sample_backward};
