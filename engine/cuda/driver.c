/* driver.c -- opening the driver library (driver.h). */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include "driver.h"

static struct { pthread_once_t once; bool there; char why[256]; cuda_driver table; } state = {.once = PTHREAD_ONCE_INIT};

static void open_library(void) {
    const char *name = getenv("MIEN_CUDA_DRIVER");
    if (!name || !*name) name = "libcuda.so.1";
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) { snprintf(state.why, sizeof state.why, "the NVIDIA driver is not installed (%s)", dlerror()); return; }
    const char *missing = NULL;
#define DRIVER(field, symbol, params) \
    if (!(*(void **)&state.table.field = dlsym(library, #symbol)) && !missing) missing = #symbol;
    CUDA_DRIVER_FUNCTIONS
#undef DRIVER
    if (missing) { snprintf(state.why, sizeof state.why, "%s has no %s: a driver for CUDA 11.4 or later is needed", name, missing); return; }
    const int error = state.table.init(0);
    const char *text = NULL;
    if (error) {
        if (state.table.error_text(error, &text) || !text) text = "unknown error";
        snprintf(state.why, sizeof state.why, "the NVIDIA driver did not start: %s (%d)", text, error);
        return;
    }
    state.there = true;                            /* stays open: kernels may run until the process ends */
}

const cuda_driver *cuda_driver_get(const char **why) {
    pthread_once(&state.once, open_library);
    *why = state.why;
    return state.there ? &state.table : NULL;
}
