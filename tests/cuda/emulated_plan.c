/* emulated_plan.c -- see emulated_plan.h.  The workspace begins as NaNs and has guards. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include "emulate.h"
#include "emulated_plan.h"

enum { GUARD = 256, PATTERN = 0xa5 };

static int run(const struct kc_launch *l, const struct kc_gpu *gpu) {
    const struct k_emulated_kernel *kernel = dlsym(RTLD_DEFAULT, l->kernel);
    const struct k_emulated_dim grid = {l->grid[0], l->grid[1], l->grid[2]}, block = {l->block[0], l->block[1], l->block[2]};
    if (!kernel || kernel->bytes != l->bytes || l->shared > (unsigned)gpu->shared || grid.y > 65535 || grid.z > 65535) {
        fprintf(stderr, "%s: no such kernel, or a launch that a GPU would refuse\n", l->kernel);
        return -1;
    }
    if (k_emulate(kernel, grid, block, l->shared, l->args)) {
        fprintf(stderr, "%s: %s\n", l->kernel, k_emulate_fault);
        return -1;
    }
    return 1;
}

int k_emulate_plan(kc_planner *planner, const void *args, const struct kc_gpu *gpu) {
    struct kc_plan plan = {0};
    if (!planner(args, gpu, &plan)) return 0;
    const size_t bytes = plan.work_bytes;
    unsigned char *memory = aligned_alloc(256, (bytes + 255) / 256 * 256 + 2 * GUARD);
    if (!memory) return -1;
    memset(memory, PATTERN, GUARD);
    memset(memory + GUARD, 0xff, bytes);
    memset(memory + GUARD + bytes, PATTERN, GUARD);
    if (bytes) {
        plan = (struct kc_plan){.work = memory + GUARD};
        if (!planner(args, gpu, &plan)) return -1;
    }
    int result = 1;
    for (int k = 0; k < plan.n && result == 1; k++) result = run(&plan.launch[k], gpu);
    for (int k = 0; k < GUARD && result == 1; k++)
        if (memory[k] != PATTERN || memory[GUARD + bytes + (size_t)k] != PATTERN) {
            fprintf(stderr, "%s: wrote outside its workspace\n", plan.launch[0].kernel);
            result = -1;
        }
    free(memory);
    return result;
}
