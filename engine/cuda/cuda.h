/* cuda.h -- the GPU as the rest of the engine sees it.
 *
 * A process uses one GPU, chosen by mn_device_choose (or MIEN_DEVICE) and opened when the first tensor goes there.  All work runs in
 * order on one stream, so memory can be handed on as soon as the last user of a block has been *launched*.
 * Functions fail with MN_EDEVICE (the GPU or its driver) or MN_ENOMEM and a sentence; after a fault that the driver does not recover
 * from the GPU counts as lost, and everything that would use it says so.
 *
 * Environment, read when the GPU is opened:
 *   MIEN_CUDA_DRIVER     another driver library than libcuda.so.1
 *   MIEN_SYNC=1          wait after every launch, so that a fault is reported by the op that caused it
 *   MIEN_DETERMINISTIC=1 equal arguments give equal bits: sums that many threads add to are made by one
 *   MIEN_CUDA_PLAIN=1    the kernels of kernels/ alone, no tuned ones and no cuBLAS: for comparing */
#ifndef MN_CUDA_H
#define MN_CUDA_H
#include "../internal.h"

struct k_matmul;

/* How many GPUs there are; 0 also without a driver, *why (may be NULL) then says what is missing. */
int mn_cuda_count(const char **why);
/* The GPU with that number, without opening it. */
typedef struct mn_gpu { char name[256]; int sm, sms; size_t memory; } mn_gpu;
mn_status mn_cuda_describe(int ordinal, mn_gpu *gpu);
/* Which GPU MN_CUDA stands for; fails when another one is in use already or there is none of that number. */
mn_status mn_cuda_select(int ordinal);
int mn_cuda_selected(void);
mn_status mn_cuda_open(void);
bool mn_cuda_deterministic(void);                      /* false while no GPU is open */

void *mn_cuda_alloc(size_t bytes);                     /* NULL without a message when memory is short; for engine/alloc.c */
void mn_cuda_free(void *p);
size_t mn_cuda_free_bytes(void);                       /* of the GPU, for all processes */

/* Copies; upload returns when `from` may be changed, download when `to` is complete, the others at once. */
mn_status mn_cuda_upload(void *to, const void *from, size_t bytes);
mn_status mn_cuda_download(void *to, const void *from, size_t bytes);
mn_status mn_cuda_copy(void *to, const void *from, size_t bytes);
mn_status mn_cuda_set(void *to, uint32_t value, size_t width, size_t n);   /* n values of 1 or 4 bytes */
mn_status mn_cuda_wait(void);                          /* until everything launched so far is done; reports its faults */

/* who: the op, for messages. */
mn_status mn_cuda_launch(const char *who, enum mn_kernel_id kernel, const void *args);
/* The tuned version, or *done = false when there is none for these arguments. */
mn_status mn_cuda_tuned(const char *who, enum mn_tuned_id tuned, const void *args, bool *done);
bool mn_cuda_has_tuned(enum mn_tuned_id tuned);
/* Matrix product by cuBLAS (blas.c). */
mn_status mn_cuda_matmul(const char *who, const struct k_matmul *p);

/* ---- recording launches (graph.c) ----
 * Between begin and end nothing runs: launches and copies on the GPU are recorded, memory that tensors take comes from the graph's own
 * pool and stays the graph's, uploads are done at once and become constants of the graph, downloads fail. */
typedef struct mn_graph mn_graph;
mn_status mn_graph_begin(void);
mn_graph *mn_graph_end(void);                          /* NULL on failure; also ends a recording that an error cut short */
mn_status mn_graph_launch(mn_graph *graph);
int64_t mn_graph_nodes(const mn_graph *graph);
bool mn_graph_recording(void);
void mn_graph_free(mn_graph *graph);                   /* tensors made while recording stay valid until they are released */
void mn_graph_constant(mn_buf *buf);                   /* while recording: buf is kept as it is for as long as the graph */
#endif
