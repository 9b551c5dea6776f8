/* layout.c -- see layout.h. */
#include "layout.h"
#include "../cuda/cuda.h"
#include "../../kernels/transpose.h"

mn_status mn_transpose(mn_op *op, int64_t batch, int64_t rows, int64_t cols, const void *in, void *out, bool add) {
    const int64_t t = K_TRANSPOSE_TILE;
    struct k_transpose p = {.n = batch * ((rows + t - 1) / t) * ((cols + t - 1) / t), .in = in, .out = out, .rows = rows, .cols = cols, .add = add};
    return MN_LAUNCH(op, transpose, &p);
}

mn_tensor *mn_transposed(mn_op *op, int64_t batch, int64_t rows, int64_t cols, mn_tensor *t) {
    mn_tensor *out = mn_empty(t->dtype, 3, (int64_t[]){batch, cols, rows});
    return out && !mn_transpose(op, batch, rows, cols, t->data, out->data, false) ? out : NULL;
}

mn_scatter mn_scatter_plan(const mn_op *op, int64_t tables, int64_t channels, int64_t points) {
    const bool ordered = op->device == MN_CPU || mn_cuda_deterministic();
    mn_scatter s = {.block = tables >= 8 || channels < 16 ? channels : channels >= 32 ? 16 : 8, .chunk = ordered ? points : 1024};
    if (op->device == MN_CUDA && ordered) s.block = 1;   /* a row is then one thread: as many as there are channels */
    if (s.block < 1) s.block = 1;
    if (s.chunk < 1) s.chunk = 1;
    s.blocks = (channels + s.block - 1) / s.block;
    s.chunks = (points + s.chunk - 1) / s.chunk;
    return s;
}
