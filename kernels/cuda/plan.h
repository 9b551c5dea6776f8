/* plan.h -- how a tuned GPU kernel is chosen and launched.
 *
 * A planner `kc_plan_<name>` (C, no CUDA headers, built on every machine) gets the argument struct of the plain kernel of
 * that name, or of its CPU twin in kernels/tuned/, and answers
 *     0   not applicable to these sizes or this GPU: the plain kernel or chain runs
 *     1   plan->launch[0..n) run in this order
 * It has no state and allocates nothing.  Memory for the time of the launches: set plan->work_bytes and return 1; the
 * planner is then called again with plan->work set (256-byte aligned, not initialised).
 * Device code is in kernels/cuda/ *.cu: extern "C" __global__ functions that take one struct by value.
 * A line in kernels/tuned/tuned.def is the whole registration. */
#ifndef KC_PLAN_H
#define KC_PLAN_H
#include <stddef.h>
#include <string.h>

enum { KC_LAUNCHES = 6, KC_ARGS = 1024 };
struct kc_gpu {
    int sm;                              /* 75, 80, 86, 89, 90, 100, 120 */
    int sms;                             /* multiprocessors */
    int shared;                          /* most bytes of shared memory that a block may ask for */
    int precision;                       /* mn_precision (engine/mien.h) */
    int deterministic;                   /* 1: equal arguments give equal bits, so no atomic adds of floats */
};
struct kc_launch {
    const char *kernel;                  /* name of the __global__ function */
    unsigned grid[3], block[3], shared;  /* shared: bytes of dynamic shared memory */
    size_t bytes;
    _Alignas(16) unsigned char args[KC_ARGS];   /* the kernel's struct, of that many bytes */
};
struct kc_plan {
    int n;
    struct kc_launch launch[KC_LAUNCHES];
    size_t work_bytes;
    void *work;
};
typedef int kc_planner(const void *args, const struct kc_gpu *gpu, struct kc_plan *plan);

/* Appends a launch of one-dimensional blocks; 0 when the plan is full or the struct too large, else 1. */
static inline int kc_put(struct kc_plan *plan, const char *kernel, unsigned gx, unsigned gy, unsigned gz, unsigned threads, unsigned shared,
                         const void *args, size_t bytes) {
    if (plan->n == KC_LAUNCHES || bytes > KC_ARGS) return 0;
    struct kc_launch *l = &plan->launch[plan->n++];
    l->kernel = kernel;
    l->grid[0] = gx; l->grid[1] = gy; l->grid[2] = gz;
    l->block[0] = threads; l->block[1] = 1; l->block[2] = 1;
    l->shared = shared;
    l->bytes = bytes;
    memcpy(l->args, args, bytes);
    return 1;
}
#endif
