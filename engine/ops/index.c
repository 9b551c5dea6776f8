/* index.c -- rows by index (embedding lookup) and one element per row (for cross entropy). */
#include "shape.h"
#include "../../kernels/shape.h"

static mn_status check_index(const mn_op *op, int64_t limit) {
    mn_tensor *index = op->in[1];
    if (index->dtype != MN_I32) return mn_op_fail(op, MN_EDTYPE, "index: i32 expected, got %s", mn_dtype_name(index->dtype));
    const int32_t *v = index->data;
    for (int64_t i = 0; index->device == MN_CPU && i < index->n; i++)
        if (v[i] < 0 || v[i] >= limit)
            return mn_op_fail(op, MN_EARG, "index: element %lld is %d, 0..%lld expected", (long long)i, v[i], (long long)limit - 1);
    return MN_OK;
}

static mn_status gather_shape(mn_op *op) {
    mn_tensor *x = op->in[0], *index = op->in[1];
    int64_t shape[MN_MAXD];
    int nd = 0;
    if (!mn_is_real(x->dtype) || x->nd < 1) return mn_op_fail(op, MN_ESHAPE, "x: real rows expected, got %s %s", mn_dtype_name(x->dtype), mn_shape_text(x));
    if (index->nd + x->nd - 1 > MN_MAXD) return mn_op_fail(op, MN_ESHAPE, "index %s of x %s gives too many axes", mn_shape_text(index), mn_shape_text(x));
    mn_status s = check_index(op, x->shape[0]);
    if (s) return s;
    for (int d = 0; d < index->nd; d++) shape[nd++] = index->shape[d];
    for (int d = 1; d < x->nd; d++) shape[nd++] = x->shape[d];
    return mn_out(op, 0, x->dtype, nd, shape);
}
static mn_status gather_forward(mn_op *op) {
    mn_tensor *x = op->in[0];
    struct k_gather p = {op->in[1]->n, x->shape[0] ? x->n / x->shape[0] : 0, x->shape[0], x->data, op->in[1]->data, op->out[0]->data};
    return MN_LAUNCH(op, gather, &p);
}
static mn_status gather_backward(mn_op *op) {
    mn_tensor *dx = mn_din(op, 0), *dy = mn_dout(op, 0);
    if (!dx) return mn_errcode();
    struct k_gather_bwd p = {dy->n, dx->shape[0] ? dx->n / dx->shape[0] : 0, dx->shape[0], dy->data, op->in[1]->data, dx->data};
    return MN_LAUNCH(op, gather_bwd, &p);
}
const mn_opdef mn_op_gather = {.name = "gather", .in = "x index", .doc = "gather(x, index): rows x[index[i]] (from 0) of the first axis",
    .saves = MN_SAVE_IN(1), .scatters = true, .shape = gather_shape, .forward = gather_forward, .backward = gather_backward};

static mn_status pick_shape(mn_op *op) {
    mn_tensor *x = op->in[0], *index = op->in[1];
    if (x->nd != 2 || !mn_is_real(x->dtype) || index->n != x->shape[0])
        return mn_op_fail(op, MN_ESHAPE, "x [N,C] and index [N] expected, got %s and %s", mn_shape_text(x), mn_shape_text(index));
    mn_status s = check_index(op, x->shape[1]);
    return s ? s : mn_out(op, 0, x->dtype, 1, x->shape);
}
static mn_status pick_forward(mn_op *op) {
    mn_tensor *x = op->in[0];
    struct k_pick p = {x->shape[0], x->shape[1], x->data, op->in[1]->data, op->out[0]->data};
    return MN_LAUNCH(op, pick, &p);
}
static mn_status pick_backward(mn_op *op) {
    mn_tensor *dx = mn_din(op, 0);
    if (!dx) return mn_errcode();
    struct k_pick_bwd p = {dx->shape[0], dx->shape[1], mn_dout(op, 0)->data, op->in[1]->data, dx->data};
    return MN_LAUNCH(op, pick_bwd, &p);
}
const mn_opdef mn_op_pick = {.name = "pick", .in = "x index", .doc = "pick(x [N,C], index [N]): x[i, index[i]] (from 0)",
    .saves = MN_SAVE_IN(1), .shape = pick_shape, .forward = pick_forward, .backward = pick_backward};
