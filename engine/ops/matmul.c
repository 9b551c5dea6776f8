/* matmul.c -- matrix products: `matmul` over the last two axes with batches, and `linear`, a fully connected layer.
 *     C = A B:  dA = dC B^T,  dB = A^T dC;  a side shared by the whole batch sums its gradient over the batch. */
#include "nn.h"
#include "../../kernels/matmul.h"

static mn_status product(mn_op *op, struct k_matmul *p) {
    p->n = p->batch * p->M * p->N;
    return MN_LAUNCH(op, matmul, p);
}

/* ---- matmul ---- */

enum { TA, TB };                                   /* order of .attrs */

/* Sizes of the product; a or b is "shared" when it is one matrix for a batch of the other. */
struct sizes { int64_t M, N, K, batch; bool a_shared, b_shared; };

static struct sizes sizes_of(const mn_op *op) {
    const mn_tensor *a = op->in[0], *b = op->in[1];
    const bool ta = op->attr[TA] != 0, tb = op->attr[TB] != 0;
    int64_t ca = 1, cb = 1;
    for (int d = 0; d < a->nd - 2; d++) ca *= a->shape[d];
    for (int d = 0; d < b->nd - 2; d++) cb *= b->shape[d];
    return (struct sizes){.M = mn_dim(a, ta ? -1 : -2), .K = mn_dim(a, ta ? -2 : -1), .N = mn_dim(b, tb ? -2 : -1),
                          .batch = ca == 1 ? cb : ca, .a_shared = ca == 1 && cb != 1, .b_shared = cb == 1 && ca != 1};
}

static mn_status matmul_shape(mn_op *op) {
    const mn_tensor *a = op->in[0], *b = op->in[1];
    mn_status s = need(op, 0, "a", 0, "");
    if (!s) s = need(op, 1, "b", 0, "");
    if (s) return s;
    if (a->nd < 2) return mn_op_fail(op, MN_ESHAPE, "a: expected [...,M,K], got %s", mn_shape_text(a));
    if (b->nd < 2) return mn_op_fail(op, MN_ESHAPE, "b: expected [...,K,N], got %s", mn_shape_text(b));
    const struct sizes z = sizes_of(op);
    const int64_t kb = mn_dim(b, op->attr[TB] != 0 ? -1 : -2);
    if (kb != z.K)
        return mn_op_fail(op, MN_ESHAPE, "b: expected %lld along the summed axis to match a %s, got %s", (long long)z.K, mn_shape_text(a), mn_shape_text(b));
    bool same = a->nd == b->nd;
    for (int d = 0; same && d < a->nd - 2; d++) same = a->shape[d] == b->shape[d];
    const bool one = z.a_shared || z.b_shared || z.batch == 1;
    if (!same && !one)
        return mn_op_fail(op, MN_ESHAPE, "b: expected the batch of a %s, or one matrix, got %s", mn_shape_text(a), mn_shape_text(b));
    const mn_tensor *lead = z.a_shared || (z.batch == 1 && b->nd > a->nd) ? b : a;
    int64_t shape[MN_MAXD];
    for (int d = 0; d < lead->nd - 2; d++) shape[d] = lead->shape[d];
    shape[lead->nd - 2] = z.M;
    shape[lead->nd - 1] = z.N;
    return mn_out(op, 0, op->dtype, lead->nd, shape);
}

static mn_status matmul_forward(mn_op *op) {
    struct sizes z = sizes_of(op);
    const int ta = op->attr[TA] != 0, tb = op->attr[TB] != 0;
    if (z.b_shared && !ta) { z.M *= z.batch; z.batch = 1; }          /* one tall matrix instead of many */
    struct k_matmul p = {.batch = z.batch, .M = z.M, .N = z.N, .K = z.K, .sum = 1, .ta = ta, .tb = tb,
                         .a = op->in[0]->data, .a_batch = z.a_shared ? 0 : z.M * z.K,
                         .b = op->in[1]->data, .b_batch = z.b_shared ? 0 : z.K * z.N, .c = op->out[0]->data};
    return product(op, &p);
}

static mn_status matmul_backward(mn_op *op) {
    struct sizes z = sizes_of(op);
    const int ta = op->attr[TA] != 0, tb = op->attr[TB] != 0;
    if (z.b_shared && !ta) { z.M *= z.batch; z.batch = 1; z.b_shared = false; }
    const int64_t sa = z.a_shared ? 0 : z.M * z.K, sb = z.b_shared ? 0 : z.K * z.N, sc = z.M * z.N;
    const void *a = op->in[0]->data, *b = op->in[1]->data, *dc = mn_dout(op, 0)->data;
    mn_status s = MN_OK;
    if (mn_wants(op, 0)) {
        int add;
        mn_tensor *da = din_slot(op, 0, &add);
        if (!da) return mn_errcode();
        struct k_matmul p = {.M = z.M, .N = z.K, .K = z.N, .a = dc, .ta = 0, .b = b, .tb = !tb, .c = da->data, .add = add};
        int64_t step_a = sc, step_b = sb;
        if (ta) { p = (struct k_matmul){.M = z.K, .N = z.M, .K = z.N, .a = b, .ta = tb, .b = dc, .tb = 1, .c = da->data, .add = add}; step_a = sb; step_b = sc; }
        p.batch = z.a_shared ? 1 : z.batch;
        p.sum = z.a_shared ? z.batch : 1;
        p.a_batch = p.a_sum = step_a;
        p.b_batch = p.b_sum = step_b;
        s = product(op, &p);
    }
    if (!s && mn_wants(op, 1)) {
        int add;
        mn_tensor *db = din_slot(op, 1, &add);
        if (!db) return mn_errcode();
        struct k_matmul p = {.M = z.K, .N = z.N, .K = z.M, .a = a, .ta = !ta, .b = dc, .tb = 0, .c = db->data, .add = add};
        int64_t step_a = sa, step_b = sc;
        if (tb) { p = (struct k_matmul){.M = z.N, .N = z.K, .K = z.M, .a = dc, .ta = 1, .b = a, .tb = ta, .c = db->data, .add = add}; step_a = sc; step_b = sa; }
        p.batch = z.b_shared ? 1 : z.batch;
        p.sum = z.b_shared ? z.batch : 1;
        p.a_batch = p.a_sum = step_a;
        p.b_batch = p.b_sum = step_b;
        s = product(op, &p);
    }
    return s;
}

const mn_opdef mn_op_matmul = {
    .name = "matmul", .in = "a b", .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1),
    .doc = "matmul(a, b, {ta, tb}): product over the last two axes, [...,M,K] x [...,K,N]; ta, tb = 1 take a side as transposed; equal batches, or one matrix for the other's batch",
    .attrs = {{"ta", 0, "a is stored [...,K,M]"}, {"tb", 0, "b is stored [...,N,K]"}},
    .shape = matmul_shape, .forward = matmul_forward, .backward = matmul_backward};

/* ---- linear ---- */

static mn_status linear_shape(mn_op *op) {
    const mn_tensor *x = op->in[0], *w = op->in[1];
    mn_status s = need(op, 0, "x", 0, "");
    if (!s) s = need(op, 1, "w", 2, "[O,I]");
    if (s) return s;
    if (x->nd < 1) return mn_op_fail(op, MN_ESHAPE, "x: expected [...,I], got a single number");
    if (mn_dim(x, -1) != w->shape[1])
        return mn_op_fail(op, MN_ESHAPE, "w: expected [O,%lld] to match x %s, got %s", (long long)mn_dim(x, -1), mn_shape_text(x), mn_shape_text(w));
    if ((s = need_vector(op, 2, "b", w->shape[0]))) return s;
    int64_t shape[MN_MAXD];
    for (int d = 0; d < x->nd; d++) shape[d] = x->shape[d];
    shape[x->nd - 1] = w->shape[0];
    return mn_out(op, 0, op->dtype, x->nd, shape);
}

static int64_t rows_of(const mn_tensor *x) {
    int64_t rows = 1;
    for (int d = 0; d < x->nd - 1; d++) rows *= x->shape[d];
    return rows;
}

static mn_status linear_forward(mn_op *op) {
    const mn_tensor *x = op->in[0], *w = op->in[1], *b = op->in[2];
    struct k_matmul p = {.batch = 1, .sum = 1, .M = rows_of(x), .N = w->shape[0], .K = w->shape[1],
                         .a = x->data, .b = w->data, .tb = 1, .c = op->out[0]->data, .add = b != NULL};
    if (b) {
        struct k_row_fill f = {.n = p.M, .cols = p.N, .b = b->data, .out = op->out[0]->data};
        mn_status s = MN_LAUNCH(op, row_fill, &f);
        if (s) return s;
    }
    return product(op, &p);
}

static mn_status linear_backward(mn_op *op) {
    const mn_tensor *x = op->in[0], *w = op->in[1];
    const int64_t rows = rows_of(x), O = w->shape[0], I = w->shape[1];
    const void *dy = mn_dout(op, 0)->data;
    mn_status s = MN_OK;
    if (mn_wants(op, 0)) {
        int add;
        mn_tensor *dx = din_slot(op, 0, &add);
        if (!dx) return mn_errcode();
        struct k_matmul p = {.batch = 1, .sum = 1, .M = rows, .N = I, .K = O, .a = dy, .b = w->data, .c = dx->data, .add = add};
        s = product(op, &p);
    }
    if (!s && mn_wants(op, 1)) {
        int add;
        mn_tensor *dw = din_slot(op, 1, &add);
        if (!dw) return mn_errcode();
        struct k_matmul p = {.batch = 1, .sum = 1, .M = O, .N = I, .K = rows, .a = dy, .ta = 1, .b = x->data, .c = dw->data, .add = add};
        s = product(op, &p);
    }
    if (!s && mn_wants(op, 2)) {
        mn_tensor *db = mn_din(op, 2);
        if (!db) return mn_errcode();
        struct k_column_sum p = {.n = (O + 63) / 64, .rows = rows, .cols = O, .x = dy, .out = db->data};
        s = MN_LAUNCH(op, column_sum, &p);
    }
    return s;
}

const mn_opdef mn_op_linear = {
    .name = "linear", .in = "x w b?", .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1),
    .doc = "linear(x, w, b?): x w^T + b over the last axis; x [...,I], w [O,I], b [O]",
    .shape = linear_shape, .forward = linear_forward, .backward = linear_backward};
