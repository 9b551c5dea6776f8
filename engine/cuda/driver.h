/* driver.h -- the few functions of NVIDIA's driver library that the engine calls, found when first needed.
 *
 * The library is opened by name (libcuda.so.1, or what MIEN_CUDA_DRIVER names), so that the program starts and works on
 * machines without it, and is built without NVIDIA's headers: the types below are those of the driver's C interface, which
 * has kept them since CUDA 11.4.  Every function returns 0 or an error number. */
#ifndef MN_CUDA_DRIVER_H
#define MN_CUDA_DRIVER_H
#include <stddef.h>
#include <stdint.h>

typedef unsigned long long cu_ptr;                     /* an address on the GPU */
typedef struct cu_context *cu_context;
typedef struct cu_module *cu_module;
typedef struct cu_function *cu_function;
typedef struct cu_stream *cu_stream;
typedef struct cu_event *cu_event;
typedef struct cu_graph *cu_graph;
typedef struct cu_graph_exec *cu_graph_exec;

/* DRIVER(field, symbol, parameters) */
#define CUDA_DRIVER_FUNCTIONS \
    DRIVER(init, cuInit, (unsigned flags)) \
    DRIVER(version, cuDriverGetVersion, (int *version)) \
    DRIVER(error_name, cuGetErrorName, (int error, const char **text)) \
    DRIVER(error_text, cuGetErrorString, (int error, const char **text)) \
    DRIVER(device_count, cuDeviceGetCount, (int *n)) \
    DRIVER(device, cuDeviceGet, (int *device, int ordinal)) \
    DRIVER(device_name, cuDeviceGetName, (char *name, int size, int device)) \
    DRIVER(device_memory, cuDeviceTotalMem_v2, (size_t *bytes, int device)) \
    DRIVER(device_attribute, cuDeviceGetAttribute, (int *value, int attribute, int device)) \
    DRIVER(context_retain, cuDevicePrimaryCtxRetain, (cu_context *context, int device)) \
    DRIVER(context_use, cuCtxSetCurrent, (cu_context context)) \
    DRIVER(memory_info, cuMemGetInfo_v2, (size_t *free, size_t *total)) \
    DRIVER(alloc, cuMemAlloc_v2, (cu_ptr *p, size_t bytes)) \
    DRIVER(free, cuMemFree_v2, (cu_ptr p)) \
    DRIVER(host_alloc, cuMemHostAlloc, (void **p, size_t bytes, unsigned flags)) \
    DRIVER(upload, cuMemcpyHtoDAsync_v2, (cu_ptr to, const void *from, size_t bytes, cu_stream stream)) \
    DRIVER(download, cuMemcpyDtoHAsync_v2, (void *to, cu_ptr from, size_t bytes, cu_stream stream)) \
    DRIVER(copy, cuMemcpyDtoDAsync_v2, (cu_ptr to, cu_ptr from, size_t bytes, cu_stream stream)) \
    DRIVER(set8, cuMemsetD8Async, (cu_ptr p, unsigned char value, size_t n, cu_stream stream)) \
    DRIVER(set32, cuMemsetD32Async, (cu_ptr p, unsigned value, size_t n, cu_stream stream)) \
    DRIVER(stream_create, cuStreamCreate, (cu_stream *stream, unsigned flags)) \
    DRIVER(stream_wait, cuStreamSynchronize, (cu_stream stream)) \
    DRIVER(event_create, cuEventCreate, (cu_event *event, unsigned flags)) \
    DRIVER(event_record, cuEventRecord, (cu_event event, cu_stream stream)) \
    DRIVER(event_wait, cuEventSynchronize, (cu_event event)) \
    DRIVER(module_load, cuModuleLoadData, (cu_module *module, const void *image)) \
    DRIVER(module_function, cuModuleGetFunction, (cu_function *function, cu_module module, const char *name)) \
    DRIVER(function_set, cuFuncSetAttribute, (cu_function function, int attribute, int value)) \
    DRIVER(launch, cuLaunchKernel, (cu_function function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, \
                                    unsigned shared, cu_stream stream, void **params, void **extra)) \
    DRIVER(capture_begin, cuStreamBeginCapture_v2, (cu_stream stream, int mode)) \
    DRIVER(capture_end, cuStreamEndCapture, (cu_stream stream, cu_graph *graph)) \
    DRIVER(graph_instantiate, cuGraphInstantiateWithFlags, (cu_graph_exec *exec, cu_graph graph, unsigned long long flags)) \
    DRIVER(graph_nodes, cuGraphGetNodes, (cu_graph graph, void **nodes, size_t *n)) \
    DRIVER(graph_launch, cuGraphLaunch, (cu_graph_exec exec, cu_stream stream)) \
    DRIVER(graph_exec_destroy, cuGraphExecDestroy, (cu_graph_exec exec)) \
    DRIVER(graph_destroy, cuGraphDestroy, (cu_graph graph))

typedef struct cuda_driver {
#define DRIVER(field, symbol, params) int (*field) params;
    CUDA_DRIVER_FUNCTIONS
#undef DRIVER
} cuda_driver;

/* NULL where there is no driver; *why then says so in a sentence's end ("libcuda.so.1 is not there"). */
const cuda_driver *cuda_driver_get(const char **why);

enum {                                                 /* numbers of the interface that the engine uses */
    CU_OUT_OF_MEMORY = 2, CU_NO_BINARY = 209, CU_UNSUPPORTED_PTX = 222, CU_NOT_FOUND = 500,
    CU_ATTR_SMS = 16, CU_ATTR_MAJOR = 75, CU_ATTR_MINOR = 76, CU_ATTR_SHARED = 97,
    CU_FUNC_SHARED = 8, CU_STREAM_NON_BLOCKING = 1, CU_EVENT_NO_TIMING = 2, CU_CAPTURE_RELAXED = 2
};
#endif
