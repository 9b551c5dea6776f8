/* blas.c -- matrix products on the GPU by cuBLAS, which is opened by name like the driver (MIEN_CUDA_BLAS names another).
 * Matrices here are row-major and cuBLAS's column-major: it is asked for C^T = B^T A^T, which is the same memory. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include "inside.h"
#include "../../kernels/matmul.h"

typedef struct blas_handle *blas_handle;
enum { OP_N = 0, OP_T = 1, R_32F = 0, GEMM_DEFAULT = -1, WORKSPACE = 32 << 20 };
/* cublasComputeType_t by precision: sums are in f32, factors as the setting says. */
static const int compute[] = {[MN_STRICT] = 68, [MN_TF32] = 77, [MN_HALF] = 74, [MN_BF16] = 75};

static struct {
    blas_handle handle;
    void *workspace;
    int (*create)(blas_handle *);
    int (*set_stream)(blas_handle, cu_stream);
    int (*set_workspace)(blas_handle, void *, size_t);
    int (*gemm)(blas_handle, int ta, int tb, int m, int n, int k, const void *alpha, const void *a, int a_type, int lda, long long a_step,
                const void *b, int b_type, int ldb, long long b_step, const void *beta, void *c, int c_type, int ldc, long long c_step,
                int batch, int compute, int algorithm);
} blas;

static void *open_library(void) {
    static const char *const names[] = {"libcublas.so.13", "libcublas.so.12", "libcublas.so.11", "/usr/local/cuda/lib64/libcublas.so"};
    const char *asked = getenv("MIEN_CUDA_BLAS");
    void *library = asked && *asked ? dlopen(asked, RTLD_NOW | RTLD_LOCAL) : NULL;
    for (size_t k = 0; !library && !(asked && *asked) && k < sizeof names / sizeof *names; k++) library = dlopen(names[k], RTLD_NOW | RTLD_LOCAL);
    return library;
}

static mn_status need_blas(const char *who) {
    if (blas.handle) return MN_OK;
    void *library = open_library();
    if (!library)
        return mn_fail(MN_EDEVICE, "%s: cuBLAS is not there (libcublas.so.13, .12 and .11 were tried): install it, or set MIEN_CUDA_PLAIN=1 for slow kernels without it", who);
    *(void **)&blas.create = dlsym(library, "cublasCreate_v2");
    *(void **)&blas.set_stream = dlsym(library, "cublasSetStream_v2");
    *(void **)&blas.set_workspace = dlsym(library, "cublasSetWorkspace_v2");
    *(void **)&blas.gemm = dlsym(library, "cublasGemmStridedBatchedEx");
    if (!blas.create || !blas.set_stream || !blas.set_workspace || !blas.gemm) return mn_fail(MN_EDEVICE, "%s: this cuBLAS lacks a function: version 11.2 or later is needed", who);
    /* A workspace of our own keeps results equal from run to run, and recording a graph from allocating. */
    if (!blas.workspace && !(blas.workspace = mn_pool_take(mn_pool_shared(MN_CUDA), WORKSPACE))) return mn_errcode();
    blas_handle handle = NULL;
    int e = blas.create(&handle);
    if (!e) e = blas.set_stream(handle, cuda.stream);
    if (!e) e = blas.set_workspace(handle, blas.workspace, WORKSPACE);
    if (e) return mn_fail(MN_EDEVICE, "%s: cuBLAS did not start (%d)", who, e);
    blas.handle = handle;
    return MN_OK;
}

mn_status mn_cuda_matmul(const char *who, const struct k_matmul *p) {
    if (p->n == 0) return MN_OK;
    if (p->K == 0 || p->sum == 0) return p->add ? MN_OK : mn_cuda_set(p->c, 0, 4, (size_t)p->n);
    if (p->M > INT32_MAX || p->N > INT32_MAX || p->K > INT32_MAX || p->batch > INT32_MAX) return mn_fail(MN_ESHAPE, "%s: a matrix with more than 2^31 rows", who);
    if (need_blas(who)) return mn_errcode();
    const int M = (int)p->M, N = (int)p->N, K = (int)p->K;
    const float one = 1, zero = 0;
    int e = 0;
    for (int64_t s = 0; s < p->sum && !e; s++)
        e = blas.gemm(blas.handle, p->tb ? OP_T : OP_N, p->ta ? OP_T : OP_N, N, M, K, &one,
                      (const float *)p->b + s * p->b_sum, R_32F, p->tb ? K : N, p->b_batch,
                      (const float *)p->a + s * p->a_sum, R_32F, p->ta ? M : K, p->a_batch,
                      p->add || s ? &one : &zero, p->c, R_32F, N, p->M * p->N, (int)p->batch, compute[mn_get_precision()], GEMM_DEFAULT);
    if (!e && cuda.sync && !cuda.recording) return mn_cuda_wait() ? mn_fail_context("%s: matmul", who) : MN_OK;
    return e ? mn_fail(MN_EDEVICE, "%s: cuBLAS refused a product of [%d,%d] and [%d,%d] (%d)", who, M, K, K, N, e) : MN_OK;
}
