/* tape.c -- applying ops, recording them, and walking back.
 *
 * Every op whose inputs want a gradient leaves a node (the mn_op itself) behind
 * its outputs; the graph is therefore owned by its results and disappears with
 * them.  mn_backward visits the nodes behind a loss from the latest to the
 * earliest; a node's backward always ADDS into its inputs' gradients.  The
 * gradient of an intermediate result is freed as soon as its node has run, and
 * so are the node's saved numbers.
 *
 * Inputs of half precision are computed with as f32: widened for the time of the
 * op's forward and again of its backward, so that the f16 numbers are all that stays. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "internal.h"
#include "cuda/cuda.h"
#include "../kernels/unary.h"

static _Thread_local bool tape_off;
static _Thread_local uint64_t next_seq = 1, epoch;

bool mn_tape_enable(bool on) { bool was = !tape_off; tape_off = !on; return was; }

/* ---- the op table ---- */

static const mn_opdef *const ops[] = {
#define MN_OP(name) &mn_op_##name,
#include "ops.def"
#undef MN_OP
};
const mn_opdef *const *mn_op_list(int *n) { *n = (int)(sizeof ops / sizeof *ops); return ops; }
const mn_opdef *mn_op_find(const char *name) {
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(ops[i]->name, name)) return ops[i];
    return NULL;
}

int mn_op_inputs(const mn_opdef *def, char names[MN_MAX_IN][32], bool optional[MN_MAX_IN], bool *variadic) {
    int n = 0;
    *variadic = false;
    for (const char *p = def->in; *p && n < MN_MAX_IN;) {
        size_t len = strcspn(p, " "), name = len;
        optional[n] = len && p[len - 1] == '?';
        if (optional[n]) name--;
        if (len > 3 && !strncmp(p + len - 3, "...", 3)) { *variadic = true; name -= 3; }
        snprintf(names[n++], 32, "%.*s", (int)name, p);
        p += len + (p[len] == ' ');
    }
    return n;
}

mn_status mn_op_fail(const mn_op *op, mn_status code, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return mn_fail(code, "%s: %s", op->def->name, text);
}

/* ---- kernels ---- */

#define K(name) extern int k_cpu_##name##_f32(const void *, void *) __attribute__((weak)); \
                extern int k_cpu_##name##_f64(const void *, void *) __attribute__((weak));
#include "../kernels/kernels.def"
#undef K
static const struct { const char *name; mn_kernel cpu[2]; } kernels[] = {
#define K(name) {#name, {k_cpu_##name##_f32, k_cpu_##name##_f64}},
#include "../kernels/kernels.def"
#undef K
};

mn_status mn_launch_on(const char *who, mn_device device, mn_dtype dtype, enum mn_kernel_id id, const void *args) {
    if (device == MN_CUDA && dtype == MN_F32) return mn_cuda_launch(who, id, args);
    mn_kernel k = device == MN_CPU ? kernels[id].cpu[dtype == MN_F64] : NULL;
    if (!k) return mn_fail(MN_EINTERNAL, "%s: kernel %s has no %s variant on %s", who, kernels[id].name, mn_dtype_name(dtype), mn_device_name(device));
    if (k(args, NULL)) return mn_fail(MN_EDEVICE, "%s: kernel %s failed", who, kernels[id].name);
    return MN_OK;
}

#define COMPOSE(name) extern int kt_##name(const void *) __attribute__((weak));
#define REPLACE(name) COMPOSE(name)
#include "../kernels/tuned/tuned.def"
#undef COMPOSE
static const struct { const char *name; int (*cpu)(const void *); } tuned[] = {
#define COMPOSE(name) {#name, kt_##name},
#include "../kernels/tuned/tuned.def"
#undef COMPOSE
#undef REPLACE
};
/* Which tuned kernel takes a kernel's place, + 1. */
static const unsigned char tuned_of[MN_K_COUNT] = {
#define COMPOSE(name)
#define REPLACE(name) [MN_K_##name] = MN_T_##name + 1,
#include "../kernels/tuned/tuned.def"
#undef COMPOSE
#undef REPLACE
};

bool mn_has_tuned(const mn_op *op, enum mn_tuned_id id) {
    if (op->dtype != MN_F32) return false;
    return op->device == MN_CUDA ? mn_cuda_has_tuned(id) : tuned[id].cpu != NULL;
}

mn_status mn_tuned(const mn_op *op, enum mn_tuned_id id, const void *args, bool *done) {
    *done = false;
    if (op->dtype != MN_F32) return MN_OK;
    if (op->device == MN_CUDA) return mn_cuda_tuned(op->def->name, id, args, done);
    const int r = tuned[id].cpu ? tuned[id].cpu(args) : -1;
    *done = r >= 0;
    return r > 0 ? mn_op_fail(op, MN_EDEVICE, "tuned kernel %s: the library refused, or memory is short", tuned[id].name) : MN_OK;
}

mn_status mn_launch(const mn_op *op, enum mn_kernel_id id, const void *args) {
    bool done = false;
    mn_status s = tuned_of[id] ? mn_tuned(op, (enum mn_tuned_id)(tuned_of[id] - 1), args, &done) : MN_OK;
    return s || done ? s : mn_launch_on(op->def->name, op->device, op->dtype, id, args);
}

/* ---- outputs and gradients, called by ops ---- */

mn_status mn_out(mn_op *op, int k, mn_dtype dtype, int nd, const int64_t *shape) {
    op->out[k] = mn_empty(dtype, nd, shape);
    return op->out[k] ? MN_OK : mn_errcode();
}

mn_status mn_out_alias(mn_op *op, int k, mn_tensor *src, int nd, const int64_t *shape) {
    op->out[k] = mn_view(src, nd, shape, 0);
    return op->out[k] ? MN_OK : mn_errcode();
}

mn_status mn_keep_aux(mn_op *op, int k, mn_tensor *t) {
    if (!t) return mn_errcode();
    op->aux[k] = mn_retain(t);
    return MN_OK;
}

mn_status mn_accumulate(mn_tensor *dst, mn_tensor *src) {
    if (dst->n != src->n || dst->dtype != src->dtype)
        return mn_fail(MN_EINTERNAL, "gradient of shape %s added to one of shape %s", mn_shape_text(src), mn_shape_text(dst));
    int64_t n = dst->n;
    if (dst->device != src->device)
        return mn_fail(MN_EDEVICE, "gradient on %s added to one on %s", src->device == MN_CPU ? "the host" : "the GPU", dst->device == MN_CPU ? "the host" : "the GPU");
    if (dst->device == MN_CUDA) {                     /* affine's backward: out += a * dy */
        struct k_unary p = {.n = n, .dy = src->data, .out = dst->data, .a = 1};
        return mn_launch_on("sum of gradients", MN_CUDA, dst->dtype, MN_K_affine_bwd, &p);
    }
    if (dst->dtype == MN_F32) {
        float *d = dst->data;
        const float *s = src->data;
        #pragma omp parallel for simd if (n > 65536)
        for (int64_t i = 0; i < n; i++) d[i] += s[i];
    } else {
        double *d = dst->data;
        const double *s = src->data;
        for (int64_t i = 0; i < n; i++) d[i] += s[i];
    }
    return MN_OK;
}

mn_tensor *mn_din(mn_op *op, int j) {
    mn_tensor *x = op->in[j];
    if (!x->grad) {
        mn_tensor *g = mn_zeros(x->dtype, x->nd, x->shape);
        if (g) x->grad = mn_retain(g);
    }
    return x->grad;
}

mn_status mn_din_give(mn_op *op, int j, mn_tensor *g) {
    mn_tensor *x = op->in[j];
    if (!g) return mn_errcode() ? mn_errcode() : mn_op_fail(op, MN_EINTERNAL, "no gradient given for input %d", j + 1);
    if (g->n != x->n || g->dtype != x->dtype)
        return mn_op_fail(op, MN_EINTERNAL, "gradient %s for an input of shape %s", mn_shape_text(g), mn_shape_text(x));
    if (x->grad) return mn_accumulate(x->grad, g);
    /* Adopt the numbers when nobody else will read them: a fresh tensor, or the output's own gradient
     * (freed right after this node) when there is no second input to share it with. */
    bool own = (g->handles == 1 && g->buf->refs == 1) || (op->nin == 1 && mn_dout(op, 0) && g->buf == mn_dout(op, 0)->buf);
    mn_tensor *mine = own ? g : mn_clone(g);
    if (!mine) return mn_errcode();
    if (!mn_same_shape(mine, x)) mine = mn_view(mine, x->nd, x->shape, 0);
    if (!mine) return mn_errcode();
    x->grad = mn_retain(mine);
    return MN_OK;
}

/* ---- applying ---- */

void mn_op_release(mn_op *op) {
    if (--op->refs > 0) return;
    for (int j = 0; j < op->nin; j++) {
        if (op->in[j]) mn_tensor_drop_edge(op->in[j]);
        mn_buf_release(op->saved_in[j]);
    }
    for (int k = 0; k < MN_MAX_OUT; k++) mn_buf_release(op->saved_out[k]);
    for (int k = 0; k < MN_MAX_AUX; k++) mn_release(op->aux[k]);
    free(op);
}

static mn_status bind_inputs(mn_op *op, int nin, mn_tensor *const *in) {
    char names[MN_MAX_IN][32];
    bool optional[MN_MAX_IN] = {false}, variadic;
    int declared = mn_op_inputs(op->def, names, optional, &variadic);
    if (nin > MN_MAX_IN || (!variadic && nin > declared))
        return mn_op_fail(op, MN_EARG, "%d inputs given, at most %d expected (%s)", nin, variadic ? MN_MAX_IN : declared, op->def->in);
    op->nin = nin;
    op->dtype = MN_F32;
    bool have_real = false, placed = false;
    for (int j = 0; j < (nin > declared ? nin : declared); j++) {
        mn_tensor *x = j < nin ? in[j] : NULL;
        const char *name = names[j < declared ? j : declared - 1];
        if (!x) {
            if (j < declared && !optional[j]) return mn_op_fail(op, MN_EARG, "input '%s' is missing", name);
            continue;
        }
        if (!x->data) return mn_op_fail(op, MN_EARG, "input '%s' has been freed", name);
        if (x->dtype == MN_F16) {
            if (x->wants_grad) return mn_op_fail(op, MN_EDTYPE, "input '%s' is f16, which can have no gradient", name);
            if (!(x = mn_cast(x, MN_F32))) return mn_errcode();
        }
        if (mn_is_real(x->dtype)) {
            if (have_real && x->dtype != op->dtype)
                return mn_op_fail(op, MN_EDTYPE, "input '%s' is %s, the inputs before it are %s", name, mn_dtype_name(x->dtype), mn_dtype_name(op->dtype));
            op->dtype = x->dtype;
            have_real = true;
        }
        if (!(op->def->host & MN_SAVE_IN(j))) {
            if (placed && x->device != op->device) {
                char first[16];
                snprintf(first, sizeof first, "%s", mn_device_name(op->device));
                return mn_op_fail(op, MN_EDEVICE, "input '%s' is on %s, the inputs before it are on %s; mien.to moves a tensor", name, mn_device_name(x->device), first);
            }
            op->device = x->device;
            placed = true;
        }
        op->in[j] = x;
        op->recording |= x->wants_grad && op->def->backward && !tape_off;
    }
    return MN_OK;
}

static mn_status bind_attrs(mn_op *op, int nattr, const mn_attr *attrs) {
    const mn_attrdef *defs = op->def->attrs;
    for (int a = 0; a < MN_MAX_ATTR && defs[a].name; a++) op->attr[a] = defs[a].def;
    for (int i = 0; i < nattr; i++) {
        int a = 0;
        while (a < MN_MAX_ATTR && defs[a].name && strcmp(defs[a].name, attrs[i].name)) a++;
        if (a == MN_MAX_ATTR || !defs[a].name) return mn_op_fail(op, MN_EARG, "unknown option '%s'", attrs[i].name);
        op->attr[a] = attrs[i].value;
    }
    return MN_OK;
}

/* Turn the finished op into a node behind its outputs; in: the inputs as they were given, half precision not widened. */
static void record(mn_op *op, int nout, mn_tensor *const *in) {
    op->seq = next_seq++;
    for (int j = 0; j < op->nin; j++) {
        mn_tensor *x = op->in[j] = in[j];
        if (!x) continue;
        x->edges++;
        if (op->def->saves & MN_SAVE_IN(j)) {
            op->saved_in[j] = mn_buf_retain(x->buf);
            op->saved_in_data[j] = x->data;
        }
    }
    for (int k = 0; k < nout; k++) {
        mn_tensor *y = op->out[k];
        if (!y || !mn_is_real(y->dtype)) { op->out[k] = NULL; continue; }
        if (op->def->saves & MN_SAVE_OUT(k)) {
            op->saved_out[k] = mn_buf_retain(y->buf);
            op->saved_out_data[k] = y->data;
        }
        y->node = op;
        y->node_out = k;
        y->wants_grad = true;
        op->refs++;
    }
}

mn_status mn_apply(const mn_opdef *def, int nin, mn_tensor *const *in, int nattr, const mn_attr *attrs, mn_tensor **out) {
    int nout = def->nout ? def->nout : 1;
    for (int k = 0; k < nout; k++) out[k] = NULL;
    if (mn_errcode()) return mn_errcode();
    if (mn_interrupted()) return mn_fail(MN_EINTR, "%s: interrupted", def->name);
    mn_op *op = calloc(1, sizeof *op);
    if (!op) return mn_fail(MN_ENOMEM, "%s: out of memory", def->name);
    op->def = def;
    mn_scope scope = mn_scope_open();
    mn_status s = bind_inputs(op, nin, in);
    if (!s) s = bind_attrs(op, nattr, attrs);
    bool was = mn_tape_enable(false);             /* ops built from ops record themselves only */
    const mn_device made = mn_device_use(op->device);
    if (!s) s = def->shape(op);
    if (!s) s = def->forward(op);
    mn_device_use(made);
    mn_tape_enable(was);
    if (!s && mn_errcode()) s = mn_errcode();
    if (s) {
        for (int k = 0; k < MN_MAX_AUX; k++) mn_release(op->aux[k]);
        free(op);
        mn_scope_close(scope);
        return s;
    }
    for (int k = 0; k < nout; k++) out[k] = op->out[k];
    for (int k = 0; k < nout; k++) if (out[k]) mn_retain(out[k]);
    if (op->recording) { op->refs = 1; record(op, nout, in); mn_op_release(op); }
    else {
        for (int k = 0; k < MN_MAX_AUX; k++) mn_release(op->aux[k]);
        free(op);
    }
    mn_scope_close(scope);
    for (int k = 0; k < nout; k++) mn_scope_push(out[k]);
    return MN_OK;
}

mn_tensor *mn_apply1(const mn_opdef *def, int nin, mn_tensor *const *in, int nattr, const mn_attr *attrs) {
    mn_tensor *out[MN_MAX_OUT] = {NULL};
    mn_apply(def, nin, in, nattr, attrs, out);
    return out[0];
}

/* ---- backward ---- */

static int later_first(const void *a, const void *b) {
    uint64_t x = (*(mn_op *const *)a)->seq, y = (*(mn_op *const *)b)->seq;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* A node in the list holds its outputs too: an intermediate result whose last handle is gone lives by the
 * edges of its consumers alone, and they let go before the node that needs the result's gradient has run. */
static void hold(mn_op *op, uint64_t mark) {
    op->mark = mark;
    op->refs++;
    for (int k = 0; k < MN_MAX_OUT; k++) if (op->out[k]) op->out[k]->edges++;
}
static void let_go(mn_op *op) {
    for (int k = 0; k < MN_MAX_OUT; k++) if (op->out[k]) mn_tensor_drop_edge(op->out[k]);
    mn_op_release(op);
}

/* All nodes behind root, latest first, each held; *n < 0 when memory ran out. */
static mn_op **collect(mn_op *root, int64_t *n) {
    int64_t cap = 256, done = 0;
    mn_op **list = malloc((size_t)cap * sizeof *list);
    *n = 0;
    if (!list) { *n = -1; return NULL; }
    epoch++;
    hold(root, epoch);
    list[(*n)++] = root;
    for (; done < *n; done++)
        for (int j = 0; j < list[done]->nin; j++) {
            mn_op *p = list[done]->in[j] ? list[done]->in[j]->node : NULL;
            if (!p || p->mark == epoch) continue;
            if (*n == cap) {
                mn_op **more = realloc(list, 2 * (size_t)cap * sizeof *list);
                if (!more) {
                    while (*n) let_go(list[--*n]);
                    free(list);
                    *n = -1;
                    return NULL;
                }
                list = more;
                cap *= 2;
            }
            hold(p, epoch);
            list[(*n)++] = p;
        }
    qsort(list, (size_t)*n, sizeof *list, later_first);
    return list;
}

/* Numbers the op saved are put back where its inputs and outputs lost theirs; half precision is widened again. */
static mn_status run_backward(mn_op *op) {
    mn_tensor *lent_in[MN_MAX_IN] = {NULL}, *lent_out[MN_MAX_OUT] = {NULL}, *given[MN_MAX_IN];
    bool any = false;
    for (int k = 0; k < MN_MAX_OUT; k++) any |= mn_dout(op, k) != NULL;
    if (!any) return MN_OK;
    for (int j = 0; j < op->nin; j++)
        if (op->saved_in[j] && !op->in[j]->data) {
            mn_tensor_attach(lent_in[j] = op->in[j], op->saved_in[j], op->saved_in_data[j]);
        }
    for (int k = 0; k < MN_MAX_OUT; k++)
        if (op->saved_out[k] && op->out[k] && !op->out[k]->data)
            mn_tensor_attach(lent_out[k] = op->out[k], op->saved_out[k], op->saved_out_data[k]);
    const mn_device made = mn_device_use(op->device);
    memcpy(given, op->in, sizeof given);
    for (int j = 0; j < op->nin; j++)
        if (op->saved_in[j] && op->in[j]->dtype == MN_F16) op->in[j] = mn_cast(op->in[j], MN_F32);
    mn_status s = mn_errcode() ? mn_errcode() : op->def->backward(op);
    memcpy(op->in, given, sizeof given);
    mn_device_use(made);
    for (int j = 0; j < op->nin; j++) if (lent_in[j]) { lent_in[j]->buf = NULL; lent_in[j]->data = NULL; }
    for (int k = 0; k < MN_MAX_OUT; k++) if (lent_out[k]) { lent_out[k]->buf = NULL; lent_out[k]->data = NULL; }
    return s ? s : mn_errcode();
}

/* Let go of what the node saved and of its inputs, so memory falls while walking back. */
static void strip(mn_op *op) {
    for (int j = 0; j < op->nin; j++) {
        mn_buf_release(op->saved_in[j]);
        op->saved_in[j] = NULL;
        if (op->in[j]) mn_tensor_drop_edge(op->in[j]);
        op->in[j] = NULL;
    }
    for (int k = 0; k < MN_MAX_OUT; k++) { mn_buf_release(op->saved_out[k]); op->saved_out[k] = NULL; }
    for (int k = 0; k < MN_MAX_AUX; k++) { mn_release(op->aux[k]); op->aux[k] = NULL; }
    for (int k = 0; k < MN_MAX_OUT; k++)
        if (op->out[k]) mn_grad_zero(op->out[k]);
}

mn_status mn_backward(mn_tensor *loss, mn_tensor *seed) {
    if (mn_errcode()) return mn_errcode();
    if (!loss) return mn_fail(MN_EARG, "backward: no loss given");
    if (!loss->wants_grad) return mn_fail(MN_EARG, "backward: nothing behind this loss wants a gradient");
    if (!seed && loss->n != 1) return mn_fail(MN_ESHAPE, "backward: the loss has shape %s, one element expected", mn_shape_text(loss));
    if (seed && (seed->n != loss->n || seed->dtype != loss->dtype))
        return mn_fail(MN_ESHAPE, "backward: seed %s for a loss of shape %s", mn_shape_text(seed), mn_shape_text(loss));
    mn_scope scope = mn_scope_open();
    bool was = mn_tape_enable(false);
    const mn_device made = mn_device_use(loss->device);
    mn_tensor *g = seed ? mn_clone(seed) : mn_full(loss->dtype, loss->nd, loss->shape, 1);
    mn_device_use(made);
    mn_status s = g ? MN_OK : mn_errcode();
    if (g && loss->grad) s = mn_accumulate(loss->grad, g);
    else if (g) loss->grad = mn_retain(g);
    mn_scope_close(scope);
    if (!s && loss->node) {
        int64_t n;
        mn_op **list = collect(loss->node, &n);
        if (n < 0) s = mn_fail(MN_ENOMEM, "backward: out of memory");
        for (int64_t i = 0; i < n; i++) {
            mn_scope inner = mn_scope_open();
            if (!s && mn_interrupted()) s = mn_fail(MN_EINTR, "backward: interrupted");
            if (!s && list[i]->def && (s = run_backward(list[i]))) mn_fail_context("backward of %s", list[i]->def->name);
            mn_scope_close(inner);
            strip(list[i]);
            let_go(list[i]);
        }
        free(list);
    }
    mn_tape_enable(was);
    return s;
}
