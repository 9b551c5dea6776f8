/* fake_gpu.h -- puts tests/cuda/fake_driver.c, which the build leaves beside the tests, in the place of NVIDIA's driver and cuBLAS. */
#ifndef FAKE_GPU_H
#define FAKE_GPU_H
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char k_emulate_fault[] __attribute__((weak));

/* faults: what is to go wrong, in the driver's words; "" for nothing.  Without the emulator (tests/cuda/emulate.c) in the program there are
 * only the plain kernels. */
static inline void fake_gpu(const char *faults) {
    char path[4096], driver[4200];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n < 0) { perror("/proc/self/exe"); exit(1); }
    path[n] = 0;
    snprintf(driver, sizeof driver, "%s/fake_driver.so", dirname(path));
    setenv("MIEN_CUDA_DRIVER", driver, 1);
    setenv("MIEN_CUDA_BLAS", driver, 1);
    setenv("FAKE_CUDA", faults, 1);
    if (!k_emulate_fault) setenv("MIEN_CUDA_PLAIN", "1", 1);
}
#endif
