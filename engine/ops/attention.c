/* attention.c -- scaled dot-product attention (Vaswani et al. 2017) over heads that are consecutive slices of the width:
 *     y = softmax(q k^T / sqrt(d)) v  per head;  causal: query l sees keys 0..l only.
 * Nothing of size L x M is kept for backward, which computes the probabilities again. */
#include "nn.h"
#include "../../kernels/attention.h"

enum { HEADS, CAUSAL };                            /* order of .attrs below */
enum { Q, KEY, V };

static mn_status attention_shape(mn_op *op) {
    const mn_tensor *q = op->in[Q], *k = op->in[KEY], *v = op->in[V];
    mn_status s = need(op, Q, "q", 3, "[B,L,W]");
    if (!s) s = need(op, KEY, "k", 3, "[B,M,W]");
    if (!s) s = need(op, V, "v", 3, "[B,M,W]");
    if (!s) s = need_int(op, HEADS, 1, 1 << 16);
    if (s) return s;
    if (q->shape[2] % (int64_t)op->attr[HEADS] || q->shape[2] == 0)
        return mn_op_fail(op, MN_EARG, "heads: must divide the width of q %s, got %g", mn_shape_text(q), op->attr[HEADS]);
    if (q->n == 0) return mn_op_fail(op, MN_ESHAPE, "q: at least one query expected, got %s", mn_shape_text(q));
    if (k->shape[0] != q->shape[0] || k->shape[2] != q->shape[2] || k->shape[1] < 1)
        return mn_op_fail(op, MN_ESHAPE, "k: expected [%lld,M,%lld] to match q, got %s", (long long)q->shape[0], (long long)q->shape[2], mn_shape_text(k));
    if (!mn_same_shape(k, v)) return mn_op_fail(op, MN_ESHAPE, "v: expected the shape of k %s, got %s", mn_shape_text(k), mn_shape_text(v));
    if (op->attr[CAUSAL] != 0 && k->shape[1] != q->shape[1])
        return mn_op_fail(op, MN_ESHAPE, "k: as many keys as queries expected when causal, got %s for q %s", mn_shape_text(k), mn_shape_text(q));
    return mn_out_like(op, q);
}

static struct k_attention sizes(const mn_op *op) {
    const mn_tensor *q = op->in[Q], *k = op->in[KEY], *v = op->in[V];
    struct k_attention p = {.B = q->shape[0], .heads = (int64_t)op->attr[HEADS], .L = q->shape[1], .M = k->shape[1],
                            .causal = op->attr[CAUSAL] != 0, .q = q->data, .k = k->data, .v = v->data};
    p.d = q->shape[2] / p.heads;
    p.scale = 1 / sqrt((double)p.d);
    return p;
}

/* The plain way: a matrix of probabilities for every head. */
static mn_status probabilities(mn_op *op, struct k_attention *p) {
    mn_tensor *t = mn_empty(op->dtype, 4, (int64_t[]){p->B, p->heads, p->L, p->M});
    if (!t) return mn_errcode();
    p->p = t->data;
    p->n = p->B * p->heads * p->L;
    return MN_LAUNCH(op, attention_probs, p);
}

static mn_status mix(mn_op *op, const struct k_attention *p, const void *a, bool swapped, const void *x, void *out, int add) {
    struct k_attention_mix m = {.heads = p->heads, .d = p->d, .T = swapped ? p->M : p->L, .S = swapped ? p->L : p->M,
                                .swapped = swapped, .add = add, .a = a, .x = x, .out = out};
    m.n = p->B * m.T * p->heads * p->d;
    return MN_LAUNCH(op, attention_mix, &m);
}

static mn_status attention_forward(mn_op *op) {
    struct k_attention p = sizes(op);
    p.y = op->out[0]->data;
    bool done;
    mn_status s = MN_TUNED(op, attention_fwd, &p, &done);
    if (s || done) return s;
    s = probabilities(op, &p);
    return s ? s : mix(op, &p, p.p, false, p.v, p.y, 0);
}

/* Input j's gradient, or NULL when it wants none. */
static mn_status slot(mn_op *op, int j, void **data, int *add) {
    if (!mn_wants(op, j)) return MN_OK;
    mn_tensor *t = din_slot(op, j, add);
    if (!t) return mn_errcode();
    *data = t->data;
    return MN_OK;
}

static mn_status attention_backward(mn_op *op) {
    struct k_attention p = sizes(op);
    p.dy = mn_dout(op, 0)->data;
    mn_status s = slot(op, Q, &p.dq, &p.add_q);
    if (!s) s = slot(op, KEY, &p.dk, &p.add_k);
    if (!s) s = slot(op, V, &p.dv, &p.add_v);
    bool done = false;
    if (!s) s = MN_TUNED(op, attention_bwd, &p, &done);
    if (s || done) return s;
    s = probabilities(op, &p);
    if (!s && (p.dq || p.dk)) {
        mn_tensor *ds = mn_empty(op->dtype, 4, (int64_t[]){p.B, p.heads, p.L, p.M});
        if (!ds) return mn_errcode();
        p.ds = ds->data;
        s = MN_LAUNCH(op, attention_bwd, &p);
    }
    if (!s && p.dq) s = mix(op, &p, p.ds, false, p.k, p.dq, p.add_q);
    if (!s && p.dk) s = mix(op, &p, p.ds, true, p.q, p.dk, p.add_k);
    if (!s && p.dv) s = mix(op, &p, p.p, true, p.dy, p.dv, p.add_v);
    return s;
}

const mn_opdef mn_op_attention = {
    .name = "attention", .in = "q k v", .saves = MN_SAVE_IN(0) | MN_SAVE_IN(1) | MN_SAVE_IN(2),
    .doc = "attention(q, k, v, {heads, causal}): softmax(q k^T / sqrt(W/heads)) v per head; q [B,L,W], k and v [B,M,W]; causal = 1: query l sees keys 0..l",
    .attrs = {{"heads", 1, "the width is split into this many slices"}, {"causal", 0, "1: no look ahead"}},
    .shape = attention_shape, .forward = attention_forward, .backward = attention_backward};
