/* nn.h -- checks and helpers that the layers of a network share. */
#ifndef MN_NN_H
#define MN_NN_H
#include <math.h>
#include "../internal.h"

/* Input j is real-valued; with nd > 0 it has that many dimensions, described by `layout`.  An absent input passes. */
static inline mn_status need(const mn_op *op, int j, const char *name, int nd, const char *layout) {
    const mn_tensor *x = op->in[j];
    if (!x) return MN_OK;
    if (!mn_is_real(x->dtype)) return mn_op_fail(op, MN_EDTYPE, "%s: f32 or f64 expected, got %s", name, mn_dtype_name(x->dtype));
    if (nd > 0 && x->nd != nd) return mn_op_fail(op, MN_ESHAPE, "%s: expected %s, got %s", name, layout, mn_shape_text(x));
    return MN_OK;
}

/* Input j, when given, has exactly n elements in one dimension. */
static inline mn_status need_vector(const mn_op *op, int j, const char *name, int64_t n) {
    const mn_tensor *x = op->in[j];
    if (!x) return MN_OK;
    mn_status s = need(op, j, name, 0, "");
    if (!s && (x->nd != 1 || x->n != n)) s = mn_op_fail(op, MN_ESHAPE, "%s: expected [%lld], got %s", name, (long long)n, mn_shape_text(x));
    return s;
}

/* Attribute a is a whole number in [lo, hi]. */
static inline mn_status need_int(const mn_op *op, int a, int lo, int hi) {
    double v = op->attr[a];
    if (v >= lo && v <= hi && v == (double)(int)v) return MN_OK;
    return mn_op_fail(op, MN_EARG, "%s: a whole number from %d to %d expected, got %g", op->def->attrs[a].name, lo, hi, v);
}

/* Elements of each channel of x [N,C,...]. */
static inline int64_t inner_size(const mn_tensor *x) {
    int64_t S = 1;
    for (int d = 2; d < x->nd; d++) S *= x->shape[d];
    return S;
}

/* Where backward writes input j's gradient.  *add = 1: add to what is there; 0: overwrite (spares clearing it first). */
static inline mn_tensor *din_slot(mn_op *op, int j, int *add) {
    mn_tensor *x = op->in[j];
    *add = x->grad != NULL;
    if (x->grad) return x->grad;
    mn_tensor *g = mn_empty(x->dtype, x->nd, x->shape);
    if (g) x->grad = mn_retain(g);
    return g;
}
#endif
