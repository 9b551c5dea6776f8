/* linalg.h -- small dense linear algebra on plain double arrays, row-major; no gradients. */
#ifndef MN_LINALG_H
#define MN_LINALG_H
#include "mien.h"

/* Symmetric eigenproblem a = v^T diag(w) v: a [n,n] is replaced by v, one unit eigenvector a row, eigenvalues w [n] descending. */
mn_status mn_eigen_symmetric(int64_t n, double *a, double *w);
/* Thin QR of a [m,n], m >= n: a = q r with q [m,n] orthonormal columns (replaces a), r [n,n] upper triangular with a diagonal >= 0. */
mn_status mn_qr(int64_t m, int64_t n, double *a, double *r);
/* Gram-Schmidt on the rows of x [n,d], in their order: an orthonormal basis of their span, one vector a row, basis_k . x_k > 0.
 * A row whose part outside the span so far is at most tol times its length adds nothing.  Each row is projected twice, which
 * keeps nearly dependent rows orthogonal to rounding.  basis [n,d] and kept [n] (source rows) are filled up to the returned count. */
int64_t mn_gram_schmidt(int64_t n, int64_t d, const double *x, double tol, double *basis, int32_t *kept);
#endif
