/* layers.h -- what the encoder models share: fully connected layers, convolutions without bias and the
 * normalisation after them, each declared and applied under a prefix that names its tensors as torch does. */
#ifndef MN_LAYERS_H
#define MN_LAYERS_H
#include "model.h"
#include "trace.h"

/* P.weight [out,in], P.bias [out]; std of the initial weights, 0 for zeros. */
mn_status mn_declare_linear(mn_model *m, int64_t in, int64_t out, double std, const char *prefix);
mn_tensor *mn_use_linear(mn_model *m, const char *prefix, mn_tensor *x);

/* P.weight [out,in,kh,kw], He-initialised; no bias. */
mn_status mn_declare_conv(mn_model *m, int64_t in, int64_t out, int kh, int kw, const char *prefix);
mn_tensor *mn_use_conv(mn_model *m, const char *prefix, mn_tensor *x, int stride, int pad);

/* Normalisation as the setting `norm` says:
 *   "batch"  the published networks: running statistics P.running_mean, P.running_var, fixed
 *   "group"  channels in groups of 16 over space, from the sample itself (Wu & He, ECCV 2018)
 *   "layer"  the same with one group
 * then P.weight and P.bias per channel.  gain: the initial weight. */
typedef enum mn_norm { MN_NORM_BATCH, MN_NORM_GROUP, MN_NORM_LAYER } mn_norm;
mn_status mn_norm_of(mn_model *m, mn_norm *norm);       /* reads the setting */
mn_status mn_declare_norm(mn_model *m, mn_norm norm, int64_t channels, double gain, const char *prefix);
mn_tensor *mn_use_norm(mn_model *m, mn_norm norm, const char *prefix, mn_tensor *x, double eps);   /* x [N,C,...] */

/* x / sqrt(mean x^2 + eps) over the last axis; x / |x|. */
mn_tensor *mn_unit_moment(mn_tensor *x, double eps);
mn_tensor *mn_unit_length(mn_tensor *x);

/* "prefix.name" in a buffer of the caller's. */
typedef struct mn_name { char text[128]; } mn_name;
mn_name mn_join(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The part of pictures [N,3,H,W] that the setting `crop` keeps: [top, bottom, left, right] in 0..1. */
mn_tensor *mn_crop_of(mn_model *m, mn_tensor *pictures);
#endif
