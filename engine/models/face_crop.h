/* face_crop.h -- the square around a face that DECA and EMOCA look at. */
#ifndef MN_FACE_CROP_H
#define MN_FACE_CROP_H
#include "../internal.h"

/* picture [H,W,3] u8; landmarks [K,2] f32: pixels (column, row), centres at whole numbers.  out[0]: the square, n x n pixels,
 * [1,3,n,n] in 0..1; out[1]: the similarity from the picture to it, [3,3]; out[2]: its side in the picture's pixels, i32 [1].
 * The landmarks' box times 1.1 is the face, 1.25 of it, cut to whole pixels, the square. */
mn_status mn_face_crop(mn_tensor *picture, mn_tensor *landmarks, int64_t n, mn_tensor **out);
#endif
