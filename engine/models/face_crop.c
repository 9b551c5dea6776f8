/* face_crop.c -- cutting a face out of a photograph as DECA does (face_crop.h): the square's corners (left, top), (left,
 * bottom), (right, top) come to (0,0), (0,n-1), (n-1,0).  Bilinear, no antialiasing; neighbours beyond the border are black. */
#include <math.h>
#include "face_crop.h"

static double pixel(const mn_tensor *p, int64_t y, int64_t x, int c) {
    int64_t h = p->shape[0], w = p->shape[1];
    return x >= 0 && x < w && y >= 0 && y < h ? ((const uint8_t *)p->data)[(y * w + x) * 3 + c] / 255.0 : 0;
}

mn_status mn_face_crop(mn_tensor *picture, mn_tensor *landmarks, int64_t n, mn_tensor **out) {
    if (mn_errcode()) return mn_errcode();
    if (!picture || picture->dtype != MN_U8 || picture->nd != 3 || picture->shape[2] != 3 || !picture->n)
        return mn_fail(MN_ESHAPE, "crop: picture: expected u8 [H,W,3], got %s %s", picture ? mn_dtype_name(picture->dtype) : "", mn_shape_text(picture));
    if (!landmarks || landmarks->dtype != MN_F32 || landmarks->nd != 2 || landmarks->shape[1] != 2 || landmarks->shape[0] < 2)
        return mn_fail(MN_ESHAPE, "crop: landmarks: expected f32 [68,2], got %s %s", landmarks ? mn_dtype_name(landmarks->dtype) : "", mn_shape_text(landmarks));
    double lo[2] = {INFINITY, INFINITY}, hi[2] = {-INFINITY, -INFINITY};
    for (int64_t k = 0; k < landmarks->n; k++) {
        double x = ((const float *)landmarks->data)[k];
        lo[k % 2] = fmin(lo[k % 2], x);
        hi[k % 2] = fmax(hi[k % 2], x);
    }
    double side = trunc((hi[0] - lo[0] + hi[1] - lo[1]) / 2 * 1.1 * 1.25);
    if (!(side >= 1 && side < 1e6)) return mn_fail(MN_EARG, "crop: landmarks: points of a face expected, their square is %g pixels wide", side);
    double left = (lo[0] + hi[0]) / 2 - side / 2, top = (lo[1] + hi[1]) / 2 - side / 2, scale = (double)(n - 1) / side;
    mn_tensor *x = mn_empty(MN_F32, 4, (int64_t[]){1, 3, n, n});
    const float to_crop[9] = {(float)scale, 0, (float)(-scale * left), 0, (float)scale, (float)(-scale * top), 0, 0, 1};
    const int32_t whole = (int32_t)side;
    out[1] = mn_from(MN_F32, 2, (int64_t[]){3, 3}, to_crop);
    out[2] = mn_from(MN_I32, 1, (int64_t[]){1}, &whole);
    if (mn_errcode()) return mn_errcode();
    for (int64_t i = 0; i < n * n; i++) {
        double sx = (double)(i % n) / scale + left, sy = (double)(i / n) / scale + top, fx = sx - floor(sx), fy = sy - floor(sy);
        int64_t x0 = (int64_t)floor(sx), y0 = (int64_t)floor(sy);
        for (int c = 0; c < 3; c++) {
            double upper = (1 - fx) * pixel(picture, y0, x0, c) + fx * pixel(picture, y0, x0 + 1, c);
            double lower = (1 - fx) * pixel(picture, y0 + 1, x0, c) + fx * pixel(picture, y0 + 1, x0 + 1, c);
            ((float *)x->data)[c * n * n + i] = (float)((1 - fy) * upper + fy * lower);
        }
    }
    out[0] = x;
    return MN_OK;
}
