/* adam.h -- arguments of the optimiser's kernels (engine/optim.c has the formulas).
 * All parameters are treated by one launch: a table cuts them into parts, and what a step needs to know is kept beside them, so
 * that a recorded step goes on counting. */
#ifndef K_ADAM_H
#define K_ADAM_H
#include <stdint.h>
enum { K_ADAM_PART = 1 << 14 };         /* most elements of a part */
struct k_adam_part { void *x, *m, *v; const void *g; int64_t n; double rate; };   /* rate: times the learning rate */
/* The state, f32: steps taken, learning rate, norm of the gradient before clipping; then what adam_plan tells adam_update: factor on the gradient,
 * step size (negative: no step, the gradient is not finite), 1/sqrt(1-b2^t); loss scale and the steps it has lasted. */
enum { K_ADAM_COUNT, K_ADAM_LR, K_ADAM_NORM, K_ADAM_FACTOR, K_ADAM_STEP, K_ADAM_ROOT, K_ADAM_SCALE, K_ADAM_LASTED, K_ADAM_STATE };
struct k_adam_norm {
    int64_t n;                          /* parts */
    const void *parts;                  /* [n] struct k_adam_part */
    void *sums;                         /* [n]: of g^2 */
};
struct k_adam_plan {
    int64_t n;                          /* 1 */
    int64_t parts;
    const void *sums;
    void *state;
    double beta1, beta2, clip;
    int scaling;                        /* 1: the loss scale follows what is finite */
};
struct k_adam_update {
    int64_t n;                          /* parts */
    const void *parts, *state;
    double beta1, beta2, eps, weight_decay;
};
/* ema = decay ema + (1 - decay) x */
struct k_ema {
    int64_t n;
    const void *x;
    void *ema;
    double decay;
};
#endif
