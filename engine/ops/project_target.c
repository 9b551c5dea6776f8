/* project_target.c -- the target of text-guided editing: the picture's embedding, with what it says about the
 * chosen attributes weakened and the text put in its place (Zhou et al., "CLIP-PAE", SIGGRAPH 2023, eqs. 7-9 of
 * the method this project implements).  With rows b_k of the basis,
 *
 *   c_k = e_I . b_k,  d_k = e_T . b_k,  e_P = sum c_k b_k,  r = e_I - e_P
 *   e'_T = sum (c_k - gamma |c_k|) b_k + gamma (sum |c_k| / sum d_k) e_T + r
 *        = e_I - gamma sum |c_k| b_k + gamma (sum |c_k| / sum d_k) e_T
 *
 * Meant for orthonormal rows (op gram_schmidt on the prompts, in their order: signs and order matter, since |c_k| does
 * not survive a rotation); rows that are not orthonormal are used in the same formula as they are.
 *
 * Guard.  Nothing in the formula keeps sum d_k away from 0: near it the target turns into a huge multiple of e_T, below
 * it into one that points away from the text.  So the divisor is never less than guard |e_T|: the target stays a
 * continuous function of the text that leans towards it, and agrees with the formula wherever sum d_k is larger.
 * The second result, sum d_k, lets a caller warn.  guard < 0: the formula as it stands.  divisor > 0: this number in
 * place of sum d_k (1 gives the published "pae+" for unit prompts as rows).
 *
 * e_T and the basis are constants: a gradient flows to e_I alone. */
#include "shape.h"
#include "nn.h"

enum { GAMMA, GUARD, DIVISOR };
enum { PICTURE, TEXT, BASIS };

static mn_status project_target_shape(mn_op *op) {
    const mn_tensor *x = op->in[PICTURE], *t = op->in[TEXT], *b = op->in[BASIS];
    mn_status s = need(op, PICTURE, "picture", 2, "[N,D]");
    if (!s) s = need(op, TEXT, "text", 2, "[1,D] or [N,D]");
    if (!s) s = need(op, BASIS, "basis", 2, "[K,D]");
    if (s) return s;
    int64_t n = x->shape[0], d = x->shape[1];
    if (t->shape[1] != d || (t->shape[0] != 1 && t->shape[0] != n))
        return mn_op_fail(op, MN_ESHAPE, "text: expected [1,%lld] or [%lld,%lld] to match picture, got %s", (long long)d, (long long)n, (long long)d, mn_shape_text(t));
    if (b->shape[1] != d || b->shape[0] < 1) return mn_op_fail(op, MN_ESHAPE, "basis: expected [K,%lld], got %s", (long long)d, mn_shape_text(b));
    if (!(op->attr[GAMMA] >= 0)) return mn_op_fail(op, MN_EARG, "gamma: at least 0 expected, got %g", op->attr[GAMMA]);
    if (!(op->attr[DIVISOR] >= 0)) return mn_op_fail(op, MN_EARG, "divisor: at least 0 expected, got %g", op->attr[DIVISOR]);
    if (t->wants_grad || b->wants_grad) return mn_op_fail(op, MN_EARG, "%s: a constant expected; detach it", t->wants_grad ? "text" : "basis");
    if ((s = mn_out(op, 0, x->dtype, 2, x->shape))) return s;
    return mn_out(op, 1, x->dtype, 1, t->shape);
}

/* gamma / divisor [M,1] from sum d_k [M]. */
static mn_tensor *factors(mn_op *op, mn_tensor *sums) {
    const double gamma = op->attr[GAMMA], guard = op->attr[GUARD], divisor = op->attr[DIVISOR];
    mn_tensor *least = NULL, *used = sums;
    if (divisor > 0) used = mn_full(sums->dtype, 1, sums->shape, divisor);
    else if (guard >= 0) {
        least = mn_call(sqrt, T(mn_call(sum, T(mn_call(square, T(op->in[TEXT]))), {"axis", 1})));
        used = mn_call(maximum, T(sums, mn_call(affine, T(least), {"scale", guard})));
    }
    mn_tensor *f = mn_call(affine, T(mn_call(recip, T(used))), {"scale", gamma});
    return f ? mn_reshape(f, 2, (int64_t[]){sums->shape[0], 1}) : NULL;
}

static mn_status copy(mn_tensor *to, mn_tensor *from) { return from ? mn_accumulate(to, from) : mn_errcode(); }

static mn_status forward(mn_op *op) {
    mn_tensor *x = op->in[PICTURE], *t = op->in[TEXT], *b = op->in[BASIS];
    mn_tensor *size = mn_call(abs, T(mn_call(linear, T(x, b))));                                          /* |c_k| [N,K] */
    mn_tensor *sums = mn_call(sum, T(mn_call(linear, T(t, b))), {"axis", 1});
    mn_tensor *f = sums ? factors(op, sums) : NULL;
    if (!f) return mn_errcode();
    if (mn_keep_aux(op, 0, f)) return mn_errcode();
    mn_tensor *total = mn_call(sum, T(size), {"axis", 1}, {"keep", 1});
    mn_tensor *put = mn_call(mul, T(mn_call(mul, T(total, f)), t));
    mn_tensor *y = mn_call(sub, T(x, mn_call(affine, T(mn_call(matmul, T(size, b))), {"scale", op->attr[GAMMA]})));
    mn_fill(op->out[0], 0);
    mn_fill(op->out[1], 0);
    mn_status s = copy(op->out[0], mn_call(add, T(y, put)));
    return s ? s : copy(op->out[1], sums);
}

/* dx = dy + (sign c  *  (factor (dy . e_T) - gamma dy B^T)) B */
static mn_status backward(mn_op *op) {
    mn_tensor *dy = mn_dout(op, 0), *x = op->in[PICTURE], *t = op->in[TEXT], *b = op->in[BASIS];
    if (!dy) return MN_OK;                                 /* only the sums were used: they do not depend on e_I */
    mn_tensor *c = mn_call(linear, T(x, b));
    mn_tensor *sign = mn_call(clamp, T(mn_call(affine, T(c), {"scale", 1e30})));
    mn_tensor *along = mn_call(mul, T(mn_call(sum, T(mn_call(mul, T(dy, t))), {"axis", 1}, {"keep", 1}), op->aux[0]));
    mn_tensor *g = mn_call(sub, T(along, mn_call(affine, T(mn_call(linear, T(dy, b))), {"scale", op->attr[GAMMA]})));
    g = mn_call(add, T(dy, mn_call(matmul, T(mn_call(mul, T(sign, g)), b))));
    return g ? mn_din_give(op, PICTURE, g) : mn_errcode();
}

static mn_status untaped(mn_op *op, mn_status (*run)(mn_op *)) {
    mn_scope scope = mn_scope_open();
    bool was = mn_tape_enable(false);
    mn_status s = run(op);
    mn_tape_enable(was);
    mn_scope_close(scope);
    return s;
}
static mn_status project_target_forward(mn_op *op) { return untaped(op, forward); }
static mn_status project_target_backward(mn_op *op) { return untaped(op, backward); }

const mn_opdef mn_op_project_target = {
    .name = "project_target", .in = "picture text basis", .nout = 2, .saves = MN_SAVE_IN(PICTURE) | MN_SAVE_IN(TEXT) | MN_SAVE_IN(BASIS),
    .doc = "project_target(picture [N,D], text [1,D] or [N,D], basis [K,D], {gamma, guard, divisor}): e_I - gamma sum |c_k| b_k + gamma (sum |c_k| / sum d_k) e_T, and sum d_k; constant in text and basis",
    .attrs = {{"gamma", 1, "strength of the text, at least 0"}, {"guard", 0.1, "the divisor is at least this times |e_T|; negative: no guard"}, {"divisor", 0, "positive: this in place of sum d_k"}},
    .shape = project_target_shape, .forward = project_target_forward, .backward = project_target_backward};
