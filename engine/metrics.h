/* metrics.h -- how alike two sets of pictures are, from their features (models/inception.c), real [N,D] and generated [M,D]. */
#ifndef MN_METRICS_H
#define MN_METRICS_H
#include "internal.h"

/* Frechet inception distance (Heusel et al., NeurIPS 2017).  Covariances divide by N, as published, or if `unbiased` by N - 1, as pytorch-fid's. */
mn_status mn_fid(mn_tensor *real, mn_tensor *generated, bool unbiased, double *fid);
/* Kernel inception distance (Binkowski et al., ICLR 2018), the mean over `subsets` pairs of subsets of `size` rows.  The rows
 * [subsets,size], i32, are given, or NULL: drawn without replacement from rng.  Usually reported times 1000. */
mn_status mn_kid(mn_tensor *real, mn_tensor *generated, int64_t subsets, int64_t size, mn_tensor *real_rows, mn_tensor *generated_rows, mn_rng *rng, double *kid);
#endif
