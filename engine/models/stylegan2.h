/* stylegan2.h -- the pieces of StyleGAN2 that the generator's four networks and super-resolution share. */
#ifndef MN_STYLEGAN2_H
#define MN_STYLEGAN2_H
#include "model.h"

/* Rows of w that block b{res} uses: conv0, conv1, torgb = first, first+1, first+2; b4 has no conv0: 0, 1. */
static inline int sg_first_row(int res) { int k = 31 - __builtin_clz((unsigned)res); return k == 2 ? -1 : 2 * k - 5; }
/* Rows of a whole network up to res: two a block. */
static inline int sg_rows(int res) { return 2 * (31 - __builtin_clz((unsigned)res)) - 2; }

mn_status sg_declare_mapping(mn_model *m, const char *prefix, int64_t z, int64_t c, int64_t w, int layers, double lr);
/* lr: learning rate of the hidden layers relative to the others (published: 0.01).  ws [N,rows,w] from z [N,Z], c [N,C]; rows [0,cutoff) are pulled towards w_avg by psi (cutoff <= 0: all). */
mn_tensor *sg_mapping(mn_model *m, const char *prefix, mn_tensor *z, mn_tensor *c, int rows, int layers, double lr, double c_scale, double psi, int cutoff);

/* in 0: the block of a learned constant (b4).  noise_res: size of the stored noise (the block's output). */
mn_status sg_declare_block(mn_model *m, const char *prefix, int64_t in, int64_t out, int64_t rgb, int64_t w, int res);
/* x [N,C,H,W] (NULL for b4), *img the picture so far (NULL for none) -> new x, new *img.  Styles w0 (conv0), w1, w2: [N,w]. */
mn_tensor *sg_block(mn_model *m, const char *prefix, mn_tensor *x, mn_tensor **img, mn_tensor *w0, mn_tensor *w1, mn_tensor *w2,
                    int up, bool noise, double clamp);

mn_status sg_declare_conv(mn_model *m, const char *prefix, int64_t in, int64_t out, int kernel, bool bias);
/* Encoder convolution: equalised weight, optional halving, optional lrelu. */
mn_tensor *sg_conv(mn_model *m, const char *prefix, mn_tensor *x, bool lrelu, bool down);

mn_tensor *sg_row(mn_tensor *ws, int row);               /* [N,rows,w] -> [N,w] */
mn_tensor *sg_up2(mn_tensor *x);                         /* picture twice as large, FIR [1,3,3,1] */
mn_tensor *sg_down2(mn_tensor *x);
/* Modulated convolution with shared weights: inputs scaled by s [N,I], outputs by the demodulation factor. */
mn_tensor *sg_modconv(mn_tensor *x, mn_tensor *w, mn_tensor *s, bool demodulate, int up);
#endif
