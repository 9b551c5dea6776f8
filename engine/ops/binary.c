/* binary.c -- the broadcasting functions of kernels/binary.def as ops.
 * Shapes are aligned at their last axes; an axis of size 1 stretches (NumPy's rule). */
#include "../internal.h"
#include "../../kernels/binary.h"
#include "shape.h"

enum { NONE = 0, BOTH = MN_SAVE_IN(0) | MN_SAVE_IN(1) };

static mn_status binary_shape(mn_op *op) {
    mn_tensor *a = op->in[0], *b = op->in[1];
    int64_t shape[MN_MAXD];
    int nd = a->nd > b->nd ? a->nd : b->nd;
    if (!mn_is_real(a->dtype) || !mn_is_real(b->dtype))
        return mn_op_fail(op, MN_EDTYPE, "f32 or f64 expected, got %s and %s", mn_dtype_name(a->dtype), mn_dtype_name(b->dtype));
    for (int d = 0; d < nd; d++) {
        int64_t x = d < nd - a->nd ? 1 : a->shape[d - (nd - a->nd)], y = d < nd - b->nd ? 1 : b->shape[d - (nd - b->nd)];
        if (x != y && x != 1 && y != 1) return mn_op_fail(op, MN_ESHAPE, "shapes %s and %s do not broadcast", mn_shape_text(a), mn_shape_text(b));
        shape[d] = x == 1 ? y : x;
    }
    return mn_out(op, 0, op->dtype, nd, shape);
}

/* Element step of each axis of x inside the result's shape, 0 where it stretches. */
static void steps(const mn_tensor *x, int nd, int64_t *step) {
    int64_t s = 1;
    for (int d = nd - 1; d >= 0; d--) {
        int k = d - (nd - x->nd);
        int64_t size = k < 0 ? 1 : x->shape[k];
        step[d] = size == 1 ? 0 : s;
        s *= size;
    }
}

/* Rows and inner run: neighbouring axes that both sides walk alike are merged first. */
static struct k_binary plan(const mn_op *op, int nd, const int64_t *full) {
    struct k_binary p = {.a = op->in[0]->data, .b = op->in[1]->data};
    int64_t sa[MN_MAXD], sb[MN_MAXD];
    steps(op->in[0], nd, sa);
    steps(op->in[1], nd, sb);
    int m = 0;
    for (int d = 0; d < nd; d++) {
        if (full[d] == 1) continue;
        if (m && p.step_a[m - 1] == sa[d] * full[d] && p.step_b[m - 1] == sb[d] * full[d]) {
            p.dim[m - 1] *= full[d];
            p.step_a[m - 1] = sa[d];
            p.step_b[m - 1] = sb[d];
        } else {
            p.dim[m] = full[d];
            p.step_a[m] = sa[d];
            p.step_b[m++] = sb[d];
        }
    }
    if (!m) { p.inner = 1; p.n = 1; p.ia = p.ib = 1; return p; }
    p.inner = p.dim[--m];
    p.ia = p.step_a[m] != 0;
    p.ib = p.step_b[m] != 0;
    p.nd = m;
    p.n = 1;
    for (int d = 0; d < m; d++) p.n *= p.dim[d];
    /* one long run: cut it so that threads share it */
    if (p.n < 16 && p.inner >= 65536 && p.inner % 16 == 0) {
        int64_t run = p.inner / 16;
        p.dim[m] = 16;
        p.step_a[m] = p.ia ? run : 0;
        p.step_b[m] = p.ib ? run : 0;
        p.nd = m + 1;
        p.n *= 16;
        p.inner = run;
    }
    return p;
}

static mn_status forward(mn_op *op, enum mn_kernel_id kernel) {
    mn_tensor *y = op->out[0];
    if (!y->n) return MN_OK;
    struct k_binary p = plan(op, y->nd, y->shape);
    p.out = y->data;
    return mn_launch(op, kernel, &p);
}

static mn_status backward(mn_op *op, enum mn_kernel_id ka, enum mn_kernel_id kb) {
    mn_tensor *dy = mn_dout(op, 0);
    for (int j = 0; j < 2; j++) {
        if (!mn_wants(op, j) || !dy->n) continue;
        mn_tensor *x = op->in[j];
        bool whole = x->n == dy->n;                   /* nothing stretched: add straight into its gradient */
        mn_tensor *g = whole ? mn_din(op, j) : mn_zeros(dy->dtype, dy->nd, dy->shape);
        if (!g) return mn_errcode();
        struct k_binary p = plan(op, dy->nd, dy->shape);
        p.dy = dy->data;
        p.out = g->data;
        if (!(op->def->saves & MN_SAVE_IN(0))) {      /* expression reads neither side: any valid memory will do */
            p.a = p.b = dy->data;
            p.nd = 0;
            p.n = 1;
            p.inner = dy->n;
            p.ia = p.ib = 1;
        }
        mn_status s = mn_launch(op, j ? kb : ka, &p);
        if (!s && !whole) s = mn_din_give(op, j, mn_sum_to(g, x->nd, x->shape));
        if (s) return s;
    }
    return MN_OK;
}

#define B(op_name, saved, fwd, da, db, text)                                                                        \
    static mn_status op_name##_forward(mn_op *op) { return forward(op, MN_K_##op_name##_fwd); }                      \
    static mn_status op_name##_backward(mn_op *op) { return backward(op, MN_K_##op_name##_bwd_a, MN_K_##op_name##_bwd_b); } \
    const mn_opdef mn_op_##op_name = {.name = #op_name, .in = "a b", .doc = text, .saves = saved,                    \
        .shape = binary_shape, .forward = op_name##_forward, .backward = op_name##_backward};
#include "../../kernels/binary.def"
