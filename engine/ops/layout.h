/* layout.h -- channels-last copies for the ops that look pictures up at points. */
#ifndef MN_LAYOUT_H
#define MN_LAYOUT_H
#include "../internal.h"

/* out[b,j,i] = in[b,i,j], or += with add; both hold batch * rows * cols numbers of op's dtype. */
mn_status mn_transpose(mn_op *op, int64_t batch, int64_t rows, int64_t cols, const void *in, void *out, bool add);
/* A fresh [batch,cols,rows] with t's numbers [batch,rows,cols] transposed. */
mn_tensor *mn_transposed(mn_op *op, int64_t batch, int64_t rows, int64_t cols, mn_tensor *t);

/* How a scattering kernel is cut into rows: one for each table (plane, picture) or, when
 * tables are few, blocks of its channels; on a GPU also chunks of points.  On the CPU, and with MIEN_DETERMINISTIC=1, there is one chunk, so every sum has one order;
 * the blocks do not depend on the number of threads. */
typedef struct mn_scatter { int64_t block, blocks, chunk, chunks; } mn_scatter;
mn_scatter mn_scatter_plan(const mn_op *op, int64_t tables, int64_t channels, int64_t points);
#endif
