/* gram_schmidt.c -- orthonormal rows spanning x's rows, in their order (engine/linalg.h); worked out in f64.
 * The number of rows depends on the numbers, so the work is done when the shape is asked for,
 * by the host: a few hundred rows once per prompt. */
#include <math.h>
#include "../internal.h"
#include "../linalg.h"

enum { TOL };

static mn_status gram_schmidt_shape(mn_op *op) {
    mn_tensor *x = op->in[0];
    if (x->nd != 2 || !mn_is_real(x->dtype)) return mn_op_fail(op, MN_ESHAPE, "x: expected [N,D] of f32 or f64, got %s %s", mn_dtype_name(x->dtype), mn_shape_text(x));
    if (!(op->attr[TOL] >= 0)) return mn_op_fail(op, MN_EARG, "tol must be >= 0, got %g", op->attr[TOL]);
    const int64_t n = x->shape[0], d = x->shape[1];
    mn_tensor *wide = mn_cast(mn_to(x, MN_CPU), MN_F64), *basis = mn_empty_host(MN_F64, 2, x->shape), *kept = mn_empty_host(MN_I32, 1, &n);
    if (!wide || !basis || !kept) return mn_errcode();
    for (int64_t i = 0; i < wide->n; i++)
        if (!isfinite(((double *)wide->data)[i])) return mn_op_fail(op, MN_EARG, "x: element %lld is not finite", (long long)i);
    const int64_t rank = mn_gram_schmidt(n, d, wide->data, op->attr[TOL], basis->data, kept->data);
    mn_tensor *rows = mn_cast(mn_view(basis, 2, (int64_t[]){rank, d}, 0), x->dtype);
    if (!rows) return mn_errcode();
    rows = mn_to(rows, op->device);
    mn_status s = rows ? mn_out_alias(op, 0, rows, 2, rows->shape) : mn_errcode();
    return s ? s : mn_out_alias(op, 1, mn_to(mn_view(kept, 1, &rank, 0), op->device), 1, &rank);
}
static mn_status gram_schmidt_forward(mn_op *op) { (void)op; return MN_OK; }

const mn_opdef mn_op_gram_schmidt = {
    .name = "gram_schmidt", .in = "x", .nout = 2, .attrs = {{"tol", 1e-4, "a row whose remainder is at most tol of its length is left out"}},
    .doc = "gram_schmidt(x [N,D], {tol}): orthonormal rows [K,D] in x's order, row k along what x's row adds to the span, and the rows [K] of x that were used",
    .shape = gram_schmidt_shape, .forward = gram_schmidt_forward};
