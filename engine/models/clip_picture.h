/* clip_picture.h -- pictures as CLIP wants them. */
#ifndef MN_CLIP_PICTURE_H
#define MN_CLIP_PICTURE_H
#include "../internal.h"

/* 8-bit picture [H,W,3] -> [n,n,3]: shorter side to n by a bicubic filter in fixed point, then the middle square. */
mn_tensor *mn_clip_crop(mn_tensor *picture, int64_t n);
/* 8-bit picture [n,n,3] -> [1,3,n,n], less CLIP's mean, over its spread. */
mn_tensor *mn_clip_pixels(mn_tensor *crop);
/* Differentiable: pictures [N,3,H,W] in -1..1 -> [N,3,n,n], bicubic without (as CLIP-PAE edits) or with antialiasing. */
mn_tensor *mn_clip_preprocess(mn_tensor *pictures, int64_t n, bool antialias);
#endif
