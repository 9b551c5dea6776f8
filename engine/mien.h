/* mien.h -- the engine's public interface.
 *
 *     mn_scope mark = mn_scope_open();
 *     mn_tensor *x = mn_randn(MN_F32, 2, (int64_t[]){4, 8}, &rng);
 *     mn_tensor *w = mn_param(mn_zeros(MN_F32, 2, (int64_t[]){8, 3}));
 *     mn_tensor *y = mn_call(matmul, T(x, w));                     (internal.h)
 *     if (!y) fprintf(stderr, "%s\n", mn_errmsg());
 *     mn_scope_close(mark);                                        x, w, y are gone
 *
 * Errors.  A function that can fail returns a status code, or NULL where it
 * returns an object, and leaves one sentence in mn_errmsg(): the op or file, the
 * argument, what was expected and what came.  The error stays *pending* until
 * mn_error_clear(): while it is, ops return NULL at once without touching the
 * message, so a chain of ops needs one check at its end.  Whoever handles an
 * error clears it; the Lua binding does so on entry.  Nothing here prints,
 * exits or aborts.
 *
 * Ownership.  Every tensor a function returns belongs to the innermost open
 * scope of the calling thread, which releases it on close.  mn_retain keeps it
 * longer; every mn_retain is paired with one mn_release.
 *
 * Layout.  Tensors are dense and row-major; pictures are [N,C,H,W].
 */
#ifndef MIEN_H
#define MIEN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MN_VERSION "0.1.0"
#define MN_API 1                     /* what recipes declare: mien.api(1) */

/* ---- errors ------------------------------------------------------------- */

typedef enum mn_status {
    MN_OK = 0,
    MN_EARG,        /* an argument has a value that makes no sense */
    MN_ESHAPE,      /* tensor shapes do not fit */
    MN_EDTYPE,      /* tensor element types do not fit */
    MN_ENOMEM,
    MN_EIO,         /* the operating system refused */
    MN_EFORMAT,     /* a file is not what it claims to be */
    MN_ENOTFOUND,   /* a file, model, mapper, tensor... of that name is not there */
    MN_EBUSY,       /* locked by another process */
    MN_EINTR,       /* the user pressed Ctrl-C */
    MN_EDEVICE,     /* no such device, or it failed */
    MN_EINTERNAL    /* a mistake of ours */
} mn_status;

/* Record a sentence and return code.  printf-style; keeps the first error when one is pending. */
mn_status mn_fail(mn_status code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Put context in front of the pending message: mn_fail_context("loading %s", path). */
mn_status mn_fail_context(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
const char *mn_errmsg(void);         /* "" when nothing is pending */
mn_status mn_errcode(void);          /* MN_OK when nothing is pending */
void mn_error_clear(void);

/* How convolutions and matrix products of f32 tensors are computed.  MN_STRICT: in f32.  Otherwise factors are rounded to
 * bfloat16, to IEEE half precision or to TF32 (19 bits, NVIDIA's), and sums are in f32, which is several times faster where there are
 * instructions for it: bf16 on processors with AVX-512 BF16 or AMX, all three on GPUs.  Processors that lack them, and f16 and tf32 on any,
 * go on in f32.  One setting for the whole process; good enough for training, too coarse for comparing numbers. */
typedef enum { MN_STRICT, MN_BF16, MN_TF32, MN_HALF } mn_precision;
void mn_set_precision(mn_precision precision);
mn_precision mn_get_precision(void);
const char *mn_precision_name(mn_precision precision);  /* "strict", "bf16", "tf32", "f16" */
bool mn_precision_find(const char *name, mn_precision *precision);

/* Ctrl-C: a signal handler calls mn_interrupt(); op dispatch and long loops poll
 * mn_interrupted() and return MN_EINTR.  mn_interrupt_clear() re-arms. */
void mn_interrupt(void);
bool mn_interrupted(void);
void mn_interrupt_clear(void);

/* ---- tensors ------------------------------------------------------------ */

enum { MN_MAXD = 6 };
typedef enum mn_dtype { MN_F32, MN_F64, MN_I32, MN_U8, MN_F16, MN_NDTYPES } mn_dtype;
typedef enum mn_device { MN_CPU, MN_CUDA } mn_device;   /* MN_CUDA: the one GPU this process uses */
typedef struct mn_tensor mn_tensor;
typedef struct mn_rng mn_rng;

typedef struct mn_scope { size_t mark; } mn_scope;
mn_scope mn_scope_open(void);
void mn_scope_close(mn_scope scope);
/* Close, but hand `keep` (may be NULL) to the enclosing scope and return it. */
mn_tensor *mn_scope_leave(mn_scope scope, mn_tensor *keep);

mn_tensor *mn_empty(mn_dtype dtype, int nd, const int64_t *shape);   /* not initialised */
mn_tensor *mn_zeros(mn_dtype dtype, int nd, const int64_t *shape);
mn_tensor *mn_full(mn_dtype dtype, int nd, const int64_t *shape, double value);
mn_tensor *mn_randn(mn_dtype dtype, int nd, const int64_t *shape, mn_rng *rng);
mn_tensor *mn_rand(mn_dtype dtype, int nd, const int64_t *shape, mn_rng *rng);   /* [0,1) */
/* Copy numbers in; src has the tensor's dtype. */
mn_tensor *mn_from(mn_dtype dtype, int nd, const int64_t *shape, const void *src);
/* Wrap memory that is not ours (an mmap): release(owner) is called when the last tensor over it goes, or at once on failure. */
mn_tensor *mn_wrap(mn_dtype dtype, int nd, const int64_t *shape, void *data, void (*release)(void *), void *owner);
mn_tensor *mn_view(mn_tensor *t, int nd, const int64_t *shape, int64_t offset);  /* shares memory, no gradient */
mn_tensor *mn_cast(mn_tensor *t, mn_dtype dtype);       /* a copy (or t itself); not differentiable */
mn_tensor *mn_clone(mn_tensor *t);                      /* copy of the numbers, no gradient */
mn_tensor *mn_detach(mn_tensor *t);                     /* same memory, no gradient */
mn_tensor *mn_retain(mn_tensor *t);                     /* returns t */
void mn_release(mn_tensor *t);                          /* NULL is fine */

/* ---- devices: a tensor's numbers are in the memory of the host or of the GPU, and an op runs where its inputs are ---- */

/* "cpu", "cuda" or "cuda:1" -> *device; chooses the GPU, which is opened when it is first used. */
mn_status mn_device_choose(const char *name, mn_device *device);
mn_device mn_device_of(const mn_tensor *t);
const char *mn_device_name(mn_device device);           /* "cpu", "cuda:0" */
mn_tensor *mn_to(mn_tensor *t, mn_device device);       /* a copy there, or t itself; not differentiable */
mn_status mn_copy(mn_tensor *to, mn_tensor *from);      /* the numbers of a tensor with as many of the same type, any devices */

int mn_ndim(const mn_tensor *t);
int64_t mn_dim(const mn_tensor *t, int axis);           /* axis < 0 counts from the end; 1 beyond the first */
int64_t mn_count(const mn_tensor *t);                   /* number of elements */
mn_dtype mn_dtype_of(const mn_tensor *t);
void *mn_data(mn_tensor *t);                            /* host pointer, NULL for device tensors */
size_t mn_dtype_size(mn_dtype dtype);
const char *mn_dtype_name(mn_dtype dtype);              /* "f32" ... */
const char *mn_shape_text(const mn_tensor *t);          /* "[1,3,64,64]"; a few recent results stay valid */
double mn_item(mn_tensor *t, int64_t index);            /* one element as a double */

/* ---- gradients ---------------------------------------------------------- */

mn_tensor *mn_param(mn_tensor *t);                      /* t now wants a gradient; returns t */
mn_tensor *mn_grad_of(mn_tensor *t);                    /* NULL before a backward pass; owned by t */
void mn_grad_zero(mn_tensor *t);
/* d loss / d (every parameter that took part), added to what their gradients hold.  loss has one element,
 * or seed (same shape as loss) is given as its gradient.  The graph is freed on the way. */
mn_status mn_backward(mn_tensor *loss, mn_tensor *seed);
bool mn_tape_enable(bool on);                           /* returns the former state */

/* ---- memory ------------------------------------------------------------- */

typedef struct mn_memory { size_t live, peak, cached; int64_t tensors; } mn_memory;
mn_memory mn_memory_stats(void);                        /* of the host */
mn_memory mn_memory_on(mn_device device);
/* When memory runs out on this thread, run(data) may let go of tensors; what was asked for is then tried once more. */
void mn_on_shortage(void (*run)(void *), void *data);
void mn_memory_reset_peak(void);
void mn_memory_trim(void);                              /* give cached blocks back */

/* ---- random numbers (counter based: Philox4x32-10) ---------------------- */

struct mn_rng { uint64_t key, counter; };
mn_rng mn_rng_seed(uint64_t seed, uint64_t stream);     /* equal arguments, equal numbers, on any thread count */
uint64_t mn_rng_next(mn_rng *rng);                      /* 64 random bits */
double mn_rng_uniform(mn_rng *rng);                     /* [0,1) */
double mn_rng_normal(mn_rng *rng);
int64_t mn_rng_below(mn_rng *rng, int64_t n);           /* 0..n-1 */
/* NumPy's RandomState(seed).randn(n): the published scripts' z for that seed. */
mn_status mn_numpy_randn(uint32_t seed, int64_t n, double *out);

/* ---- optimiser: Adam (Kingma & Ba 2015) --------------------------------- */

typedef struct mn_adam mn_adam;
/* clip: global norm, 0 = off; rates: NULL, or of each parameter what its learning rate is multiplied with (copied) */
typedef struct mn_adam_options { double lr, beta1, beta2, eps, weight_decay, clip; const double *rates; } mn_adam_options;
mn_adam *mn_adam_new(mn_tensor *const *params, int n, const mn_adam_options *options);
void mn_adam_free(mn_adam *adam);
/* One step with learning rate lr (the last one's, at first options', if < 0).  Gradients are zeroed.  A step whose gradient is not finite
 * changes nothing; with grad_norm, which reports the norm before clipping, that is an error (not while scaling). */
mn_status mn_adam_step(mn_adam *adam, double lr, double *grad_norm);
mn_status mn_adam_rate(mn_adam *adam, double lr);       /* for the steps to come, recorded ones too */
/* scale >= 1: from now on losses are multiplied by the tensor [1] that is returned, which follows what overflows; 0: the tensor as it is. */
mn_tensor *mn_adam_scale(mn_adam *adam, double scale);
/* For checkpoints: state tensors m and v of parameter i, and the step count. */
mn_tensor *mn_adam_state(mn_adam *adam, int i, int which);
int64_t mn_adam_count(mn_adam *adam);
mn_status mn_adam_set_count(mn_adam *adam, int64_t count);
/* ema = decay * ema + (1 - decay) * t, in place. */
mn_status mn_ema_update(mn_tensor *ema, mn_tensor *t, double decay);

/* ---- safetensors (engine/io/safetensors.c) ------------------------------ */

typedef struct mn_st mn_st;                             /* an open file, mmapped, reference counted */
mn_st *mn_st_open(const char *path);                    /* NULL on failure; checks every bound */
void mn_st_close(mn_st *st);                            /* tensors taken from it stay valid */
int mn_st_count(const mn_st *st);
const char *mn_st_name(const mn_st *st, int i);
bool mn_st_has(const mn_st *st, const char *name);
/* The tensor over the mapping (read-only memory) in its stored dtype; I64, BF16, F64... are given as found
 * where mn_dtype has them, else converted (I64 -> I32 with a range check, BF16 -> F32). */
mn_tensor *mn_st_get(mn_st *st, const char *name);
const char *mn_st_meta(const mn_st *st, const char *key);   /* __metadata__ string or NULL */
int mn_st_meta_count(const mn_st *st);
const char *mn_st_meta_key(const mn_st *st, int i);
/* Writes PATH.partial, fsyncs, renames: the name appears only when the file is complete.
 * meta: n_meta pairs key, value. */
mn_status mn_st_save(const char *path, int n, const char *const *names, mn_tensor *const *tensors,
                     int n_meta, const char *const *meta);

/* ---- PNG (engine/io/png.c) ---------------------------------------------- */

/* pixels [H,W,C] u8, C 1, 3 or 4.  text: n_text pairs keyword, UTF-8 text. */
mn_status mn_png_write(const char *path, mn_tensor *pixels, int n_text, const char *const *text);
mn_tensor *mn_png_read(const char *path);               /* [H,W,3] u8 whatever was stored */
/* Text chunks as newly allocated pairs; free with mn_png_text_free. */
mn_status mn_png_text(const char *path, int *n, char ***pairs);
void mn_png_text_free(int n, char **pairs);

#endif
