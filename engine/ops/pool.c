/* pool.c -- max_pool2d, avg_pool2d and adaptive_avg_pool2d over pictures [N,C,H,W], with torch's conventions:
 * output (H + 2 pad - k) / stride + 1; the padding is -infinity for the maximum, counted zeros for the mean. */
#include "nn.h"
#include "../../kernels/pool.h"

enum { SIZE, STRIDE, PAD };                        /* order of .attrs; adaptive: only SIZE */

static bool adaptive(const mn_op *op) { return op->def == &mn_op_adaptive_avg_pool2d; }

static struct k_pool sizes(const mn_op *op) {
    const int64_t *x = op->in[0]->shape;
    struct k_pool p = {.planes = x[0] * x[1], .H = x[2], .W = x[3], .OH = (int64_t)op->attr[SIZE], .OW = (int64_t)op->attr[SIZE]};
    if (adaptive(op)) return p;
    p.k = (int64_t)op->attr[SIZE];
    p.stride = op->attr[STRIDE] == 0 ? p.k : (int64_t)op->attr[STRIDE];
    p.pad = (int64_t)op->attr[PAD];
    p.OH = (p.H + 2 * p.pad - p.k) / p.stride + 1;
    p.OW = (p.W + 2 * p.pad - p.k) / p.stride + 1;
    return p;
}

static mn_status pool_shape(mn_op *op) {
    const mn_tensor *x = op->in[0];
    mn_status s = need(op, 0, "x", 4, "[N,C,H,W]");
    if (!s) s = need_int(op, SIZE, 1, 1 << 14);
    if (!s && !adaptive(op)) s = need_int(op, STRIDE, 0, 1 << 14);
    if (!s && !adaptive(op)) s = need_int(op, PAD, 0, (int)op->attr[SIZE] / 2);
    if (s) return s;
    const struct k_pool p = sizes(op);
    if (p.H < 1 || p.W < 1 || p.H * p.W > INT32_MAX || p.k > p.H + 2 * p.pad || p.k > p.W + 2 * p.pad)
        return mn_op_fail(op, MN_ESHAPE, "x: a picture no smaller than the window of %lld expected, got %s", (long long)p.k, mn_shape_text(x));
    return mn_out(op, 0, op->dtype, 4, (int64_t[]){x->shape[0], x->shape[1], p.OH, p.OW});
}

static mn_status forward(mn_op *op, enum mn_kernel_id kernel, mn_tensor *index) {
    struct k_pool p = sizes(op);
    p.n = op->out[0]->n;
    p.x = op->in[0]->data;
    p.out = op->out[0]->data;
    p.index = index ? index->data : NULL;
    return mn_launch(op, kernel, &p);
}

static mn_status backward(mn_op *op, enum mn_kernel_id kernel, mn_tensor *index) {
    struct k_pool p = sizes(op);
    mn_tensor *dx = din_slot(op, 0, &p.add);
    if (!dx) return mn_errcode();
    p.n = dx->n;
    p.x = mn_dout(op, 0)->data;
    p.out = dx->data;
    p.index = index ? index->data : NULL;
    return mn_launch(op, kernel, &p);
}

static mn_status max_forward(mn_op *op) {
    if (!op->recording) return forward(op, MN_K_max_pool_fwd, NULL);
    mn_status s = mn_keep_aux(op, 0, mn_empty(MN_I32, 4, op->out[0]->shape));
    return s ? s : forward(op, MN_K_max_pool_fwd, op->aux[0]);
}
static mn_status max_backward(mn_op *op) { return backward(op, MN_K_max_pool_bwd, op->aux[0]); }
static mn_status avg_forward(mn_op *op) { return forward(op, MN_K_avg_pool_fwd, NULL); }
static mn_status avg_backward(mn_op *op) { return backward(op, MN_K_avg_pool_bwd, NULL); }

const mn_opdef mn_op_max_pool2d = {
    .name = "max_pool2d", .in = "x", .doc = "max_pool2d(x, {k, stride, pad}): the largest of every k x k window; x [N,C,H,W]",
    .attrs = {{"k", 2, "side of the window"}, {"stride", 0, "step between windows; 0: k"}, {"pad", 0, "at most k/2"}},
    .shape = pool_shape, .forward = max_forward, .backward = max_backward};
const mn_opdef mn_op_avg_pool2d = {
    .name = "avg_pool2d", .in = "x", .doc = "avg_pool2d(x, {k, stride, pad}): the mean of every k x k window, padding counted as zeros; x [N,C,H,W]",
    .attrs = {{"k", 2, "side of the window"}, {"stride", 0, "step between windows; 0: k"}, {"pad", 0, "at most k/2"}},
    .shape = pool_shape, .forward = avg_forward, .backward = avg_backward};
const mn_opdef mn_op_adaptive_avg_pool2d = {
    .name = "adaptive_avg_pool2d", .in = "x", .doc = "adaptive_avg_pool2d(x, {out}): means over out x out cells that cover the picture evenly; x [N,C,H,W]",
    .attrs = {{"out", 1, "rows and columns of cells"}},
    .shape = pool_shape, .forward = avg_forward, .backward = avg_backward};
