/* tensor.c -- dense row-major tensors: creation, views, reference counts, scopes.
 * The rules of ownership are in mien.h and internal.h. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include "internal.h"

int64_t mn_tensors_alive;                       /* for leak tests */

/* ---- scopes: a per-thread stack of handles ---- */

static _Thread_local struct { mn_tensor **items; size_t n, cap; } stack;

mn_tensor *mn_scope_push(mn_tensor *t) {
    if (!t) return NULL;
    if (stack.n == stack.cap) {
        size_t cap = stack.cap ? 2 * stack.cap : 256;
        mn_tensor **items = realloc(stack.items, cap * sizeof *items);
        if (!items) { mn_release(t); mn_fail(MN_ENOMEM, "out of memory: scope of %zu tensors", cap); return NULL; }
        stack.items = items;
        stack.cap = cap;
    }
    stack.items[stack.n++] = t;
    return t;
}

mn_scope mn_scope_open(void) { return (mn_scope){stack.n}; }

void mn_scope_close(mn_scope scope) {
    while (stack.n > scope.mark) mn_release(stack.items[--stack.n]);
    if (stack.n == 0) { free(stack.items); stack.items = NULL; stack.cap = 0; }
}

mn_tensor *mn_scope_leave(mn_scope scope, mn_tensor *keep) {
    if (keep) mn_retain(keep);
    mn_scope_close(scope);
    return mn_scope_push(keep);
}

/* ---- buffers ---- */

mn_buf *mn_buf_new(size_t bytes) {
    mn_buf *b = calloc(1, sizeof *b);
    if (!b) { mn_fail(MN_ENOMEM, "out of memory"); return NULL; }
    b->refs = 1;
    b->bytes = bytes ? bytes : 1;
    if (!(b->data = mn_alloc(b->bytes))) { free(b); return NULL; }
    return b;
}
mn_buf *mn_buf_retain(mn_buf *b) { b->refs++; return b; }
void mn_buf_release(mn_buf *b) {
    if (!b || --b->refs) return;
    if (b->release) b->release(b->owner);
    else if (b->bytes) mn_dealloc(b->data, b->bytes);
    free(b);
}

/* ---- tensors ---- */

size_t mn_dtype_size(mn_dtype d) {
    static const size_t size[MN_NDTYPES] = {4, 8, 4, 1, 2};
    return size[d];
}
const char *mn_dtype_name(mn_dtype d) {
    static const char *const name[MN_NDTYPES] = {"f32", "f64", "i32", "u8", "f16"};
    return (unsigned)d < MN_NDTYPES ? name[d] : "?";
}

/* A tensor without memory; one handle, not in any scope. */
static mn_tensor *new_tensor(mn_dtype dtype, int nd, const int64_t *shape) {
    int64_t n = 1;
    if ((unsigned)dtype >= MN_NDTYPES) { mn_fail(MN_EDTYPE, "tensor: unknown element type %d", (int)dtype); return NULL; }
    if (nd < 0 || nd > MN_MAXD) { mn_fail(MN_ESHAPE, "tensor: %d dimensions, at most %d are possible", nd, MN_MAXD); return NULL; }
    for (int i = 0; i < nd; i++) {
        if (shape[i] > (int64_t)1 << 40) { mn_fail(MN_ESHAPE, "tensor: dimension %d is more than 2^40", i + 1); return NULL; }
        if (shape[i] < 0) { mn_fail(MN_ESHAPE, "tensor: dimension %d is %lld", i + 1, (long long)shape[i]); return NULL; }
        if (__builtin_mul_overflow(n, shape[i], &n) || n > ((int64_t)1 << 40)) {
            mn_fail(MN_ESHAPE, "tensor: more than 2^40 elements");
            return NULL;
        }
    }
    mn_tensor *t = calloc(1, sizeof *t);
    if (!t) { mn_fail(MN_ENOMEM, "out of memory"); return NULL; }
    t->handles = 1;
    t->nd = nd;
    for (int i = 0; i < nd; i++) t->shape[i] = shape[i];
    t->n = n;
    t->dtype = dtype;
    mn_tensors_alive++;
    return t;
}

static void free_tensor(mn_tensor *t) {
    if (t->node) {
        t->node->out[t->node_out] = NULL;
        mn_op_release(t->node);
    }
    mn_release(t->grad);
    mn_buf_release(t->buf);
    free(t);
    mn_tensors_alive--;
}

mn_tensor *mn_retain(mn_tensor *t) { t->handles++; return t; }

void mn_release(mn_tensor *t) {
    if (!t || --t->handles > 0) return;
    if (t->edges == 0) { free_tensor(t); return; }
    mn_buf_release(t->buf);             /* nobody can read it any more; the graph saved what it needs */
    t->buf = NULL;
    t->data = NULL;
}

void mn_tensor_drop_edge(mn_tensor *t) {
    if (--t->edges == 0 && t->handles == 0) free_tensor(t);
}

void mn_tensor_attach(mn_tensor *t, mn_buf *b, void *data) {
    t->buf = b;
    t->data = data;
    t->device = b->device;
}

mn_tensor *mn_empty(mn_dtype dtype, int nd, const int64_t *shape) {
    if (mn_errcode()) return NULL;
    mn_tensor *t = new_tensor(dtype, nd, shape);
    if (!t) return NULL;
    mn_buf *b = mn_buf_new((size_t)t->n * mn_dtype_size(dtype));
    if (!b) { mn_release(t); return NULL; }
    mn_tensor_attach(t, b, b->data);
    return mn_scope_push(t);
}

mn_tensor *mn_zeros(mn_dtype dtype, int nd, const int64_t *shape) {
    mn_tensor *t = mn_empty(dtype, nd, shape);
    if (t) memset(t->data, 0, (size_t)t->n * mn_dtype_size(dtype));
    return t;
}

void mn_fill(mn_tensor *t, double value) {
    switch (t->dtype) {
    case MN_F32: for (int64_t i = 0; i < t->n; i++) ((float *)t->data)[i] = (float)value; break;
    case MN_F64: for (int64_t i = 0; i < t->n; i++) ((double *)t->data)[i] = value; break;
    case MN_I32: for (int64_t i = 0; i < t->n; i++) ((int32_t *)t->data)[i] = (int32_t)value; break;
    case MN_U8: memset(t->data, (int)value, (size_t)t->n); break;
    case MN_F16: for (int64_t i = 0; i < t->n; i++) ((_Float16 *)t->data)[i] = (_Float16)value; break;
    default: break;
    }
}

mn_tensor *mn_full(mn_dtype dtype, int nd, const int64_t *shape, double value) {
    mn_tensor *t = mn_empty(dtype, nd, shape);
    if (t) mn_fill(t, value);
    return t;
}

static mn_tensor *random_tensor(mn_dtype dtype, int nd, const int64_t *shape, mn_rng *rng, double (*draw)(mn_rng *)) {
    if (!mn_is_real(dtype)) { mn_fail(MN_EDTYPE, "random tensor: f32 or f64 expected, got %s", mn_dtype_name(dtype)); return NULL; }
    mn_tensor *t = mn_empty(dtype, nd, shape);
    for (int64_t i = 0; t && i < t->n; i++) {
        double v = draw(rng);
        if (dtype == MN_F32) ((float *)t->data)[i] = (float)v;
        else ((double *)t->data)[i] = v;
    }
    return t;
}
mn_tensor *mn_randn(mn_dtype dtype, int nd, const int64_t *shape, mn_rng *rng) { return random_tensor(dtype, nd, shape, rng, mn_rng_normal); }
mn_tensor *mn_rand(mn_dtype dtype, int nd, const int64_t *shape, mn_rng *rng) { return random_tensor(dtype, nd, shape, rng, mn_rng_uniform); }

mn_tensor *mn_from(mn_dtype dtype, int nd, const int64_t *shape, const void *src) {
    mn_tensor *t = mn_empty(dtype, nd, shape);
    if (t && t->n) memcpy(t->data, src, (size_t)t->n * mn_dtype_size(dtype));
    return t;
}

mn_tensor *mn_wrap(mn_dtype dtype, int nd, const int64_t *shape, void *data, void (*release)(void *), void *owner) {
    mn_tensor *t = mn_errcode() ? NULL : new_tensor(dtype, nd, shape);
    mn_buf *b = t ? calloc(1, sizeof *b) : NULL;
    if (!b) {
        if (t) { mn_release(t); mn_fail(MN_ENOMEM, "out of memory"); }
        return NULL;
    }
    *b = (mn_buf){.refs = 1, .data = data, .release = release, .owner = owner};
    mn_tensor_attach(t, b, data);
    return mn_scope_push(t);
}

mn_tensor *mn_view(mn_tensor *t, int nd, const int64_t *shape, int64_t offset) {
    if (!t || mn_errcode()) return NULL;
    mn_tensor *v = new_tensor(t->dtype, nd, shape);
    if (!v) return NULL;
    if (offset < 0 || offset > t->n || v->n > t->n - offset) {
        mn_fail(MN_ESHAPE, "view: %lld elements at offset %lld of %s", (long long)v->n, (long long)offset, mn_shape_text(t));
        mn_release(v);
        return NULL;
    }
    mn_tensor_attach(v, mn_buf_retain(t->buf), (char *)t->data + (size_t)offset * mn_dtype_size(t->dtype));
    return mn_scope_push(v);
}
mn_tensor *mn_detach(mn_tensor *t) { return t ? mn_view(t, t->nd, t->shape, 0) : NULL; }
mn_tensor *mn_clone(mn_tensor *t) { return t ? mn_from(t->dtype, t->nd, t->shape, t->data) : NULL; }

double mn_item(mn_tensor *t, int64_t i) {
    if (!t || i < 0 || i >= t->n || !t->data) {
        mn_fail(MN_EARG, "item: index %lld of a tensor with %lld elements", (long long)i, (long long)(t ? t->n : 0));
        return 0;
    }
    switch (t->dtype) {
    case MN_F32: return ((float *)t->data)[i];
    case MN_F64: return ((double *)t->data)[i];
    case MN_I32: return ((int32_t *)t->data)[i];
    case MN_U8: return ((uint8_t *)t->data)[i];
    default: return (double)((_Float16 *)t->data)[i];
    }
}

#define CAST_FROM(S)                                                                              \
    switch (dtype) {                                                                              \
    case MN_F32: for (int64_t i = 0; i < t->n; i++) ((float *)c->data)[i] = (float)((S *)t->data)[i]; break;       \
    case MN_F64: for (int64_t i = 0; i < t->n; i++) ((double *)c->data)[i] = (double)((S *)t->data)[i]; break;     \
    case MN_I32: for (int64_t i = 0; i < t->n; i++) ((int32_t *)c->data)[i] = (int32_t)((S *)t->data)[i]; break;   \
    case MN_U8: for (int64_t i = 0; i < t->n; i++) ((uint8_t *)c->data)[i] = (uint8_t)((S *)t->data)[i]; break;    \
    default: for (int64_t i = 0; i < t->n; i++) ((_Float16 *)c->data)[i] = (_Float16)((S *)t->data)[i]; break;     \
    }
mn_tensor *mn_cast(mn_tensor *t, mn_dtype dtype) {
    if (!t || t->dtype == dtype) return t;
    mn_tensor *c = mn_empty(dtype, t->nd, t->shape);
    if (!c) return NULL;
    switch (t->dtype) {
    case MN_F32: CAST_FROM(float) break;
    case MN_F64: CAST_FROM(double) break;
    case MN_I32: CAST_FROM(int32_t) break;
    case MN_U8: CAST_FROM(uint8_t) break;
    default: CAST_FROM(_Float16) break;
    }
    return c;
}

int mn_ndim(const mn_tensor *t) { return t->nd; }
int64_t mn_dim(const mn_tensor *t, int axis) {
    if (axis < 0) axis += t->nd;
    return axis >= 0 && axis < t->nd ? t->shape[axis] : 1;
}
int64_t mn_count(const mn_tensor *t) { return t->n; }
mn_dtype mn_dtype_of(const mn_tensor *t) { return t->dtype; }
void *mn_data(mn_tensor *t) { return t->device == MN_CPU ? t->data : NULL; }

const char *mn_shape_text(const mn_tensor *t) {
    static _Thread_local char ring[8][96];
    static _Thread_local int next;
    char *s = ring[next++ & 7], *p = s;
    if (!t) return "nothing";
    *p++ = '[';
    for (int i = 0; i < t->nd; i++) p += snprintf(p, 16, i ? ",%lld" : "%lld", (long long)t->shape[i]);
    *p++ = ']';
    *p = 0;
    return s;
}

mn_tensor *mn_param(mn_tensor *t) { if (t) t->wants_grad = true; return t; }
bool mn_wants_grad(const mn_tensor *t) { return t->wants_grad; }
mn_tensor *mn_grad_of(mn_tensor *t) { return t->grad; }
void mn_grad_zero(mn_tensor *t) { mn_release(t->grad); t->grad = NULL; }
