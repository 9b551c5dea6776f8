/* internal.h -- struct bodies and the op interface, for engine/ only.
 *
 * Life of a tensor.  `handles` counts owners who may read its numbers (scopes,
 * Lua, C code that called mn_retain); when it reaches 0 the numbers are let go.
 * `edges` counts graph nodes that take the tensor as input and need a place to
 * add its gradient; the struct lives until both are 0.  A node that needs
 * numbers for its backward pass holds the *buffers* it asked for (mn_opdef.saves),
 * nothing else, so activations nobody needs are freed as soon as the code that
 * made them lets go.
 */
#ifndef MN_INTERNAL_H
#define MN_INTERNAL_H
#include "mien.h"

enum { MN_MAX_IN = 12, MN_MAX_OUT = 4, MN_MAX_ATTR = 16, MN_MAX_AUX = 4 };

typedef struct mn_pool mn_pool;
typedef struct mn_buf {
    int refs;
    void *data;
    size_t bytes;
    mn_pool *pool;                      /* where it came from; NULL: foreign memory */
    size_t margin;                      /* guard bytes before and behind data, in tests */
    mn_device device;
    void (*release)(void *);            /* foreign memory */
    void *owner;
} mn_buf;

typedef struct mn_op mn_op;

struct mn_tensor {
    int handles, edges;
    int nd;
    int64_t shape[MN_MAXD];
    int64_t n;                          /* product of shape */
    mn_dtype dtype;
    mn_device device;
    mn_buf *buf;
    void *data;                         /* inside buf */
    bool wants_grad;
    mn_tensor *grad;                    /* same shape and dtype, or NULL */
    mn_op *node;                        /* the op that made it, when a gradient may flow back */
    int node_out;                       /* which of its outputs */
};

typedef struct mn_attrdef { const char *name; double def; const char *doc; } mn_attrdef;
typedef struct mn_attr { const char *name; double value; } mn_attr;

/* Which numbers the backward pass reads: inputs 0..11, outputs 0..3.  Everything else may be freed. */
#define MN_SAVE_IN(j)  (1u << (j))
#define MN_SAVE_OUT(k) (1u << (16 + (k)))
#define MN_SAVE_ALL_IN 0xfffu

typedef struct mn_opdef {
    const char *name;
    const char *in;                     /* input names: "x w b?"; '?' may be absent (NULL, nil); "x..." one or more */
    const char *doc;                    /* one line: signature and formula */
    mn_attrdef attrs[MN_MAX_ATTR];
    int nout;                           /* 0 means 1 */
    unsigned saves;
    bool scatters;                      /* backward or forward adds in no fixed order on a GPU, unless MIEN_DETERMINISTIC=1 */
    unsigned host;                      /* MN_SAVE_IN(j): input j is read by the host and may be on any device */
    mn_status (*shape)(mn_op *);        /* checks, and creates outputs with mn_out */
    mn_status (*forward)(mn_op *);
    mn_status (*backward)(mn_op *);     /* NULL: not differentiable */
} mn_opdef;

struct mn_op {
    const mn_opdef *def;
    int nin;
    mn_tensor *in[MN_MAX_IN];           /* NULL where an optional input is absent */
    mn_tensor *out[MN_MAX_OUT];         /* weak once recorded: NULL when the output died */
    double attr[MN_MAX_ATTR];
    mn_tensor *aux[MN_MAX_AUX];         /* kept for backward by mn_keep_aux */
    mn_dtype dtype;                     /* of the real-valued inputs */
    mn_device device;
    bool recording;                     /* a gradient may flow back */
    /* the tape's side */
    int refs;
    uint64_t seq, mark;
    mn_buf *saved_in[MN_MAX_IN], *saved_out[MN_MAX_OUT];
    void *saved_in_data[MN_MAX_IN], *saved_out_data[MN_MAX_OUT];
};

/* ---- calling ops from C --------------------------------------------------
 *     y = mn_call(conv2d, T(x, w, b), {"stride", 2}, {"pad", 1});
 * NULL on failure; the error stays pending (mien.h).  mn_calln fills out[]. */
mn_status mn_apply(const mn_opdef *def, int nin, mn_tensor *const *in, int nattr, const mn_attr *attrs, mn_tensor **out);
mn_tensor *mn_apply1(const mn_opdef *def, int nin, mn_tensor *const *in, int nattr, const mn_attr *attrs);
#define T(...) (int)(sizeof((mn_tensor *[]){__VA_ARGS__}) / sizeof(mn_tensor *)), (mn_tensor *[]){__VA_ARGS__}
#define MN_ATTRS(...) (int)(sizeof((mn_attr[]){{0}, ##__VA_ARGS__}) / sizeof(mn_attr)) - 1, (mn_attr[]){{0}, ##__VA_ARGS__} + 1
#define mn_call(op, ins, ...) mn_apply1(&mn_op_##op, ins, MN_ATTRS(__VA_ARGS__))
#define mn_calln(out, op, ins, ...) mn_apply(&mn_op_##op, ins, MN_ATTRS(__VA_ARGS__), out)

/* The list of ops, from ops.def. */
#define MN_OP(name) extern const mn_opdef mn_op_##name;
#include "ops.def"
#undef MN_OP
const mn_opdef *const *mn_op_list(int *n);
const mn_opdef *mn_op_find(const char *name);
/* Parses def->in: fills names (pointers into a static copy are not needed: writes up to 32 chars each). */
int mn_op_inputs(const mn_opdef *def, char names[MN_MAX_IN][32], bool optional[MN_MAX_IN], bool *variadic);

/* ---- inside an op -------------------------------------------------------- */

/* Fail with the op's name in front: mn_op_fail(op, MN_ESHAPE, "x: expected [N,C,H,W], got %s", mn_shape_text(x)). */
mn_status mn_op_fail(const mn_op *op, mn_status code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
mn_status mn_out(mn_op *op, int k, mn_dtype dtype, int nd, const int64_t *shape);
static inline mn_status mn_out_like(mn_op *op, const mn_tensor *x) { return mn_out(op, 0, x->dtype, x->nd, x->shape); }
/* A forward pass that is pure reinterpretation: output k shares the memory of src. */
mn_status mn_out_alias(mn_op *op, int k, mn_tensor *src, int nd, const int64_t *shape);
mn_status mn_keep_aux(mn_op *op, int k, mn_tensor *t);   /* t stays alive until the backward pass is over */

/* In backward: */
static inline bool mn_wants(const mn_op *op, int j) { return j < op->nin && op->in[j] && op->in[j]->wants_grad; }
/* Gradient of output k, NULL when none arrived (possible only when nout > 1). */
static inline mn_tensor *mn_dout(const mn_op *op, int k) { return op->out[k] ? op->out[k]->grad : NULL; }
/* Gradient of input j to ADD into (zeroed when fresh); NULL with a pending error when memory runs out. */
mn_tensor *mn_din(mn_op *op, int j);
/* Or hand a finished tensor over: becomes the gradient, or is added to it. */
mn_status mn_din_give(mn_op *op, int j, mn_tensor *g);

/* ---- kernels --------------------------------------------------------------- */

typedef int (*mn_kernel)(const void *args, void *stream);
enum mn_kernel_id {
#define K(name) MN_K_##name,
#include "../kernels/kernels.def"
#undef K
    MN_K_COUNT
};
enum mn_tuned_id {
#define COMPOSE(name) MN_T_##name,
#define REPLACE(name) MN_T_##name,
#include "../kernels/tuned/tuned.def"
#undef COMPOSE
#undef REPLACE
    MN_T_COUNT
};
/* Runs kernel id for the op's device and dtype, or the tuned kernel that takes its place; a missing variant is a clear error. */
mn_status mn_launch(const mn_op *op, enum mn_kernel_id id, const void *args);
#define MN_LAUNCH(op, name, args) mn_launch(op, MN_K_##name, args)
/* The same outside ops: who for messages. */
mn_status mn_launch_on(const char *who, mn_device device, mn_dtype dtype, enum mn_kernel_id id, const void *args);
/* Is there a tuned version for the op's device and dtype?  Then mn_tuned runs it; *done = false: not for these arguments. */
bool mn_has_tuned(const mn_op *op, enum mn_tuned_id id);
mn_status mn_tuned(const mn_op *op, enum mn_tuned_id id, const void *args, bool *done);
#define MN_TUNED(op, name, args, done) mn_tuned(op, MN_T_##name, args, done)

/* ---- memory ---------------------------------------------------------------- */

void *mn_alloc(size_t bytes);            /* host, 64-byte aligned, cached; NULL + MN_ENOMEM */
void mn_dealloc(void *p, size_t bytes);
/* Fault injection for tests: the n-th host allocation from now fails (0 = off). */
void mn_alloc_fail_after(int64_t n);
mn_pool *mn_pool_of(mn_device device);   /* where new buffers come from: while a graph is recorded, its pool */
mn_pool *mn_pool_shared(mn_device device);   /* even then the device's own */
void *mn_pool_take(mn_pool *pool, size_t bytes);
void mn_pool_give(mn_pool *pool, void *p, size_t bytes);
mn_pool *mn_pool_retain(mn_pool *pool);
void mn_pool_release(mn_pool *pool);
mn_pool *mn_pool_record(void);           /* a new graph's pool, used until mn_pool_recorded */
void mn_pool_recorded(void);
mn_buf *mn_buf_new(mn_pool *pool, mn_device device, size_t bytes);
mn_buf *mn_buf_retain(mn_buf *b);
/* For tests: new buffers get guard bytes on both sides; how many were let go with changed ones. */
void mn_guard_buffers(bool on);
int64_t mn_guard_overruns(void);
void mn_buf_release(mn_buf *b);
void mn_tensor_attach(mn_tensor *t, mn_buf *b, void *data);   /* takes one reference */
void mn_tensor_drop_edge(mn_tensor *t);
void mn_op_release(mn_op *op);
mn_tensor *mn_scope_push(mn_tensor *t);  /* gives the scope one handle */

/* Where tensors without an input to follow are made: the host, except inside an op's forward and backward and a model's methods, where
 * it is the op's or the model's device.  Returns the former setting. */
mn_device mn_device_use(mn_device device);
mn_device mn_device_now(void);
/* Host memory whatever the setting, for numbers that the host works out; send it with mn_to. */
mn_tensor *mn_empty_host(mn_dtype dtype, int nd, const int64_t *shape);

static inline bool mn_is_real(mn_dtype d) { return d == MN_F32 || d == MN_F64; }
static inline bool mn_same_shape(const mn_tensor *a, const mn_tensor *b) {
    if (a->nd != b->nd) return false;
    for (int i = 0; i < a->nd; i++) if (a->shape[i] != b->shape[i]) return false;
    return true;
}
/* Adds src into dst (same shape and dtype), no tape. */
mn_status mn_accumulate(mn_tensor *dst, mn_tensor *src);
mn_status mn_fill(mn_tensor *t, double value);

#endif
