/* resnet.h -- a residual network, and with a two-layer head, as DECA and EMOCA encode faces. */
#ifndef MN_RESNET_H
#define MN_RESNET_H
#include "layers.h"

typedef struct mn_resnet {
    int blocks[4];                       /* residual blocks in the four groups */
    int64_t width;                       /* channels after the stem; group g has width * 2^g */
    bool bottleneck;                     /* 1x1, 3x3, 1x1 with four times the channels; else 3x3, 3x3 */
    int64_t hidden;                      /* of the head */
    mn_norm norm;
    int64_t side;                        /* of the final map when the head reads all of it; 0: its mean, as published */
} mn_resnet;

mn_status mn_resnet_of(mn_model *m, mn_resnet *r);       /* from the settings blocks, width, bottleneck, hidden, norm */
/* The network without a head, under its own prefix; *channels is what comes out.  Groups of no blocks are left out from the end. */
mn_status mn_resnet_declare_trunk(mn_model *m, const mn_resnet *r, const char *prefix, int64_t *channels);
/* x [N,3,n,n] -> map [N,channels,n/s,n/s], s = mn_resnet_stride. */
mn_tensor *mn_resnet_trunk(mn_model *m, const mn_resnet *r, const char *prefix, const char *tag, mn_tensor *x);
int64_t mn_resnet_stride(const mn_resnet *r);
/* Tensors P.encoder.* and P.layers.*; P may be "". */
mn_status mn_resnet_declare(mn_model *m, const mn_resnet *r, const char *prefix, int64_t outputs);
/* x [N,3,n,n] -> codes [N,outputs].  tag names the encoder in reported intermediate results. */
mn_tensor *mn_resnet_encode(mn_model *m, const mn_resnet *r, const char *prefix, const char *tag, mn_tensor *x);
/* Columns start .. start + count - 1 of codes [N,C]. */
mn_tensor *mn_columns(mn_tensor *codes, int64_t start, int64_t count);
#endif
