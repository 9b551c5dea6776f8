/* pca.h -- principal modes of samples that are linear combinations of known rows. */
#ifndef MIEN_PCA_H
#define MIEN_PCA_H
#include "mien.h"

/* Samples x_s = sum_k w[s,k] row_k, s < n, rows [K,D].  Their m leading principal directions about zero (not about the mean:
 * the zero code is to mean "no offset"), scaled so that each coefficient has mean square 1 over the samples:
 *     modes [m,D]             largest first; sign: the entry of largest magnitude is positive
 *     map [K,m]               code of row k: x = sum_k w_k row_k has the code w . map (least squares)
 *     variance [m] (or NULL)  mean square length of the samples along each
 * m <= K; modes beyond the rank of the samples are zero. */
mn_status mn_pca(int n, int K, int64_t D, const double *w, const double *rows, int m, double *modes, double *map, double *variance);
#endif
