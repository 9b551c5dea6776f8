/* tensor.c -- dense row-major tensors: creation, views, reference counts, scopes.
 * The rules of ownership are in mien.h and internal.h. */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include "internal.h"
#include "cuda/cuda.h"
#include "../kernels/random.h"

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

/* Bytes on both sides of every new buffer's numbers, filled with GUARD and looked at when the buffer is let go: for tests. */
enum { GUARD = 0xA5 };
static size_t margin;
static int64_t overruns;
void mn_guard_buffers(bool on) { margin = on ? 256 : 0; }
int64_t mn_guard_overruns(void) { return overruns; }

static mn_status move(mn_device device, bool out, void *host, void *p, size_t bytes) {
    if (device == MN_CUDA) return out ? mn_cuda_upload(p, host, bytes) : mn_cuda_download(host, p, bytes);
    memcpy(out ? p : host, out ? host : p, bytes);
    return MN_OK;
}
static void guard(mn_buf *b, bool out) {
    unsigned char bytes[256];
    for (int side = 0; side < 2; side++) {
        memset(bytes, out ? GUARD : 0, sizeof bytes);
        if (move(b->device, out, bytes, side ? (char *)b->data + b->bytes : (char *)b->data - b->margin, b->margin)) return;
        for (size_t i = 0; i < b->margin; i++) if (bytes[i] != GUARD) { overruns++; break; }
    }
}

mn_buf *mn_buf_new(mn_pool *pool, mn_device device, size_t bytes) {
    mn_buf *b = calloc(1, sizeof *b);
    if (!b) { mn_fail(MN_ENOMEM, "out of memory"); return NULL; }
    b->refs = 1;
    b->bytes = bytes ? bytes : 1;
    b->device = device;
    b->margin = margin;
    char *block = mn_pool_take(pool, b->bytes + 2 * b->margin);
    if (!block) {
        if (!mn_errcode()) mn_fail(MN_ENOMEM, "out of memory");
        free(b);
        return NULL;
    }
    b->data = block + b->margin;
    b->pool = mn_pool_retain(pool);
    if (b->margin) guard(b, true);
    return b;
}
mn_buf *mn_buf_retain(mn_buf *b) { b->refs++; return b; }
void mn_buf_release(mn_buf *b) {
    if (!b || --b->refs) return;
    if (b->release) b->release(b->owner);
    if (b->pool) {
        if (b->margin) guard(b, false);
        mn_pool_give(b->pool, (char *)b->data - b->margin, b->bytes + 2 * b->margin);
        mn_pool_release(b->pool);
    }
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

/* ---- creation ---- */

static _Thread_local mn_device making;             /* mn_device_use */
mn_device mn_device_use(mn_device device) {
    const mn_device was = making;
    making = device;
    return was;
}

mn_device mn_device_now(void) { return making; }

static size_t bytes_of(const mn_tensor *t) { return (size_t)t->n * mn_dtype_size(t->dtype); }

static mn_tensor *new_in(mn_pool *pool, mn_device device, mn_dtype dtype, int nd, const int64_t *shape) {
    if (mn_errcode()) return NULL;
    mn_tensor *t = new_tensor(dtype, nd, shape);
    if (!t) return NULL;
    mn_buf *b = mn_buf_new(pool, device, bytes_of(t));
    if (!b) { mn_release(t); return NULL; }
    mn_tensor_attach(t, b, b->data);
    return mn_scope_push(t);
}
mn_tensor *mn_empty(mn_dtype dtype, int nd, const int64_t *shape) { return new_in(mn_pool_of(making), making, dtype, nd, shape); }
mn_tensor *mn_empty_host(mn_dtype dtype, int nd, const int64_t *shape) { return new_in(mn_pool_shared(MN_CPU), MN_CPU, dtype, nd, shape); }

static void put_number(void *data, mn_dtype dtype, int64_t i, double value) {
    switch (dtype) {
    case MN_F32: ((float *)data)[i] = (float)value; break;
    case MN_F64: ((double *)data)[i] = value; break;
    case MN_I32: ((int32_t *)data)[i] = (int32_t)value; break;
    case MN_U8: ((uint8_t *)data)[i] = (uint8_t)value; break;
    case MN_F16: ((_Float16 *)data)[i] = (_Float16)value; break;
    default: break;
    }
}

/* Numbers of 4 bytes and of 1 by the GPU's own means, zeros of any kind too; others come from the host. */
static mn_status fill_on_gpu(mn_tensor *t, double value) {
    union { double room; uint32_t bits; } one = {0};
    const size_t size = mn_dtype_size(t->dtype);
    put_number(&one, t->dtype, 0, value);
    if (size == 4 || size == 1) return mn_cuda_set(t->data, one.bits, size, (size_t)t->n);
    if (value == 0) return mn_cuda_set(t->data, 0, 1, bytes_of(t));
    mn_scope scope = mn_scope_open();
    mn_tensor *host = mn_empty_host(t->dtype, t->nd, t->shape);
    if (host) mn_fill(host, value);
    mn_status s = host ? mn_copy(t, host) : mn_errcode();
    mn_scope_close(scope);
    return s;
}

mn_status mn_fill(mn_tensor *t, double value) {
    if (t->device == MN_CUDA) return fill_on_gpu(t, value);
    switch (t->dtype) {
    case MN_F32: for (int64_t i = 0; i < t->n; i++) ((float *)t->data)[i] = (float)value; break;
    case MN_U8: memset(t->data, (int)value, (size_t)t->n); break;
    default: for (int64_t i = 0; i < t->n; i++) put_number(t->data, t->dtype, i, value);
    }
    return MN_OK;
}

mn_tensor *mn_full(mn_dtype dtype, int nd, const int64_t *shape, double value) {
    mn_tensor *t = mn_empty(dtype, nd, shape);
    return t && !mn_fill(t, value) ? t : NULL;
}
mn_tensor *mn_zeros(mn_dtype dtype, int nd, const int64_t *shape) {
    mn_tensor *t = mn_empty(dtype, nd, shape);
    if (t && t->device == MN_CPU) memset(t->data, 0, bytes_of(t));
    else if (t && mn_fill(t, 0)) return NULL;
    return t;
}

/* The stream's next n numbers; on the GPU f32 draws are made there, from the same counters. */
static mn_tensor *random_tensor(mn_dtype dtype, int nd, const int64_t *shape, mn_rng *rng, double (*draw)(mn_rng *)) {
    if (!mn_is_real(dtype)) { mn_fail(MN_EDTYPE, "random tensor: f32 or f64 expected, got %s", mn_dtype_name(dtype)); return NULL; }
    mn_tensor *t = making == MN_CUDA && dtype == MN_F64 ? mn_empty_host(dtype, nd, shape) : mn_empty(dtype, nd, shape);
    if (!t) return NULL;
    if (t->device == MN_CUDA) {
        struct k_random p = {.n = t->n, .key = rng->key, .counter = rng->counter, .normal = draw == mn_rng_normal, .out = t->data};
        rng->counter += (uint64_t)t->n;
        return mn_launch_on("random tensor", MN_CUDA, dtype, MN_K_random, &p) ? NULL : t;
    }
    for (int64_t i = 0; i < t->n; i++) put_number(t->data, dtype, i, draw(rng));
    return mn_to(t, making);
}
mn_tensor *mn_randn(mn_dtype dtype, int nd, const int64_t *shape, mn_rng *rng) { return random_tensor(dtype, nd, shape, rng, mn_rng_normal); }
mn_tensor *mn_rand(mn_dtype dtype, int nd, const int64_t *shape, mn_rng *rng) { return random_tensor(dtype, nd, shape, rng, mn_rng_uniform); }

/* ---- devices ---- */

mn_device mn_device_of(const mn_tensor *t) { return t->device; }
const char *mn_device_name(mn_device device) {
    static _Thread_local char name[16];
    if (device == MN_CPU) return "cpu";
    snprintf(name, sizeof name, "cuda:%d", mn_cuda_selected());
    return name;
}
mn_status mn_device_choose(const char *name, mn_device *device) {
    int ordinal = 0, end = 0;
    *device = MN_CPU;
    if (!strcmp(name, "cpu")) return MN_OK;
    if (strcmp(name, "cuda") && (sscanf(name, "cuda:%d%n", &ordinal, &end) != 1 || name[end])) return mn_fail(MN_EARG, "device: cpu, cuda or cuda:N expected, got '%s'", name);
    mn_status s = mn_cuda_select(strcmp(name, "cuda") ? ordinal : mn_cuda_selected());
    if (!s) *device = MN_CUDA;
    return s;
}

mn_status mn_copy(mn_tensor *to, mn_tensor *from) {
    if (to->n != from->n || to->dtype != from->dtype)
        return mn_fail(MN_ESHAPE, "copy: %s %s expected, got %s %s", mn_dtype_name(to->dtype), mn_shape_text(to), mn_dtype_name(from->dtype), mn_shape_text(from));
    if (!to->n) return MN_OK;
    if (to->device == MN_CUDA) return (from->device == MN_CUDA ? mn_cuda_copy : mn_cuda_upload)(to->data, from->data, bytes_of(to));
    if (from->device == MN_CUDA) return mn_cuda_download(to->data, from->data, bytes_of(to));
    memcpy(to->data, from->data, bytes_of(to));
    return MN_OK;
}

mn_tensor *mn_to(mn_tensor *t, mn_device device) {
    if (!t || t->device == device) return t;
    mn_tensor *copy = new_in(mn_pool_shared(device), device, t->dtype, t->nd, t->shape);
    if (!copy || mn_copy(copy, t)) return NULL;
    if (device == MN_CUDA) mn_graph_constant(copy->buf);
    return copy;
}

mn_tensor *mn_from(mn_dtype dtype, int nd, const int64_t *shape, const void *src) {
    mn_tensor *t = mn_empty_host(dtype, nd, shape);
    if (t && t->n) memcpy(t->data, src, bytes_of(t));
    return mn_to(t, making);
}

mn_tensor *mn_wrap(mn_dtype dtype, int nd, const int64_t *shape, void *data, void (*release)(void *), void *owner) {
    mn_tensor *t = mn_errcode() ? NULL : new_tensor(dtype, nd, shape);
    mn_buf *b = t ? calloc(1, sizeof *b) : NULL;
    if (!b) {
        if (t) { mn_release(t); mn_fail(MN_ENOMEM, "out of memory"); }
        release(owner);
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
mn_tensor *mn_clone(mn_tensor *t) {
    mn_tensor *c = t ? new_in(mn_pool_of(t->device), t->device, t->dtype, t->nd, t->shape) : NULL;
    return c && !mn_copy(c, t) ? c : NULL;
}

double mn_item(mn_tensor *t, int64_t i) {
    if (!t || i < 0 || i >= t->n || !t->data) {
        mn_fail(MN_EARG, "item: index %lld of a tensor with %lld elements", (long long)i, (long long)(t ? t->n : 0));
        return 0;
    }
    double one;                                       /* room for a number of any type */
    const char *at = (const char *)t->data + (size_t)i * mn_dtype_size(t->dtype);
    if (t->device == MN_CUDA && mn_cuda_download(&one, at, mn_dtype_size(t->dtype))) return 0;
    const void *p = t->device == MN_CUDA ? (const void *)&one : at;
    switch (t->dtype) {
    case MN_F32: return *(const float *)p;
    case MN_F64: return *(const double *)p;
    case MN_I32: return *(const int32_t *)p;
    case MN_U8: return *(const uint8_t *)p;
    default: return (double)*(const _Float16 *)p;
    }
}

#define CAST(S, D)                                                                                \
    _Pragma("omp parallel for simd if (t->n > 65536)")                                            \
    for (int64_t i = 0; i < t->n; i++) ((D *)c->data)[i] = (D)((S *)t->data)[i];                  \
    break
#define CAST_FROM(S)                                                                              \
    switch (dtype) {                                                                              \
    case MN_F32: CAST(S, float);                                                                  \
    case MN_F64: CAST(S, double);                                                                 \
    case MN_I32: CAST(S, int32_t);                                                                \
    case MN_U8: CAST(S, uint8_t);                                                                 \
    default: CAST(S, _Float16);                                                                   \
    }
/* By the host, also for a tensor of the GPU: types change where files are read and written. */
mn_tensor *mn_cast(mn_tensor *t, mn_dtype dtype) {
    if (!t || t->dtype == dtype) return t;
    const mn_device device = t->device;
    mn_tensor *c = mn_empty_host(dtype, t->nd, t->shape);
    t = mn_to(t, MN_CPU);
    if (!c || !t) return NULL;
    switch (t->dtype) {
    case MN_F32: CAST_FROM(float) break;
    case MN_F64: CAST_FROM(double) break;
    case MN_I32: CAST_FROM(int32_t) break;
    case MN_U8: CAST_FROM(uint8_t) break;
    default: CAST_FROM(_Float16) break;
    }
    return mn_to(c, device);
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
mn_tensor *mn_grad_of(mn_tensor *t) { return t->grad; }
void mn_grad_zero(mn_tensor *t) { mn_release(t->grad); t->grad = NULL; }
