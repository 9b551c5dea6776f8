/* clip_picture.c -- preparing pictures for CLIP (clip_picture.h): the 8-bit way of the published preprocessing, equal to
 * it byte for byte, and the differentiable way that editing takes.
 *
 * 8-bit: Pillow's bicubic resampling (a = -0.5) with the filter widened when shrinking, one pass a direction, horizontal
 * first, weights in 22-bit fixed point, rounded and clamped to bytes between the passes; a pass that changes nothing is
 * left out.  Output i of a side of `in` pixels, scale = in / out, f = max(1, scale): centre c = (i + 0.5) scale, taps
 * from c - 2f to c + 2f, weight of tap j proportional to bicubic((j - c + 0.5) / f). */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "clip_picture.h"

static const double MEAN[3] = {0.48145466, 0.4578275, 0.40821073}, STD[3] = {0.26862954, 0.26130258, 0.27577711};
enum { FIXED = 22 };

static double bicubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

typedef struct taps { int first, count; int32_t *w; } taps;

static taps *plan(int64_t in, int64_t out) {
    double scale = (double)in / (double)out, f = scale > 1 ? scale : 1, support = 2 * f;
    int most = (int)ceil(support) * 2 + 1;
    taps *t = calloc((size_t)out, sizeof *t + (size_t)most * sizeof(int32_t));
    double *w = malloc((size_t)most * sizeof *w);
    if (!t || !w) { free(t); free(w); mn_fail(MN_ENOMEM, "clip: out of memory"); return NULL; }
    for (int64_t i = 0; i < out; i++) {
        double c = ((double)i + 0.5) * scale, sum = 0;
        int lo = (int)(c - support + 0.5), hi = (int)(c + support + 0.5);
        if (lo < 0) lo = 0;
        if (hi > in) hi = (int)in;
        t[i] = (taps){lo, hi - lo, (int32_t *)(t + out) + i * most};
        for (int j = 0; j < t[i].count; j++) sum += w[j] = bicubic((lo + j - c + 0.5) / f);
        for (int j = 0; j < t[i].count; j++) {
            double v = w[j] / sum * (1 << FIXED);
            t[i].w[j] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
        }
    }
    free(w);
    return t;
}

/* One direction: `lines` lines of pixels with 3 bytes; steps between lines and between a line's pixels. */
static void pass(const uint8_t *x, uint8_t *y, const taps *t, int64_t out, int64_t lines, int64_t x_line, int64_t x_step, int64_t y_line, int64_t y_step) {
    for (int64_t l = 0; l < lines; l++)
        for (int64_t i = 0; i < out; i++)
            for (int c = 0; c < 3; c++) {
                int64_t s = 1 << (FIXED - 1);
                for (int j = 0; j < t[i].count; j++) s += (int64_t)x[l * x_line + (t[i].first + j) * x_step + c] * t[i].w[j];
                s >>= FIXED;
                y[l * y_line + i * y_step + c] = (uint8_t)(s < 0 ? 0 : s > 255 ? 255 : s);
            }
}

static mn_tensor *resized(mn_tensor *x, int64_t h, int64_t w) {
    int64_t ih = x->shape[0], iw = x->shape[1];
    taps *t;
    if (w != iw) {
        mn_tensor *y = mn_empty_host(MN_U8, 3, (int64_t[]){ih, w, 3});
        if (!y || !(t = plan(iw, w))) return NULL;
        pass(x->data, y->data, t, w, ih, 3 * iw, 3, 3 * w, 3);
        free(t);
        x = y;
    }
    if (h != ih) {
        mn_tensor *y = mn_empty_host(MN_U8, 3, (int64_t[]){h, w, 3});
        if (!y || !(t = plan(ih, h))) return NULL;
        pass(x->data, y->data, t, h, w, 3, 3 * w, 3, 3 * w);
        free(t);
        x = y;
    }
    return x;
}

/* Shorter side n, the longer in proportion, rounded down; then where the middle square begins, halves to even. */
static void fit(int64_t *h, int64_t *w, int64_t n) {
    int64_t shorter = *h < *w ? *h : *w;
    *h = *h * n / shorter;
    *w = *w * n / shorter;
}
static int64_t middle(int64_t size, int64_t n) { return (int64_t)nearbyint((double)(size - n) / 2); }

mn_tensor *mn_clip_crop(mn_tensor *picture, int64_t n) {
    if (mn_errcode()) return NULL;
    if (!picture || picture->dtype != MN_U8 || picture->nd != 3 || picture->shape[2] != 3 || !picture->n) {
        mn_fail(MN_ESHAPE, "clip: picture: expected u8 [H,W,3], got %s %s", picture ? mn_dtype_name(picture->dtype) : "", mn_shape_text(picture));
        return NULL;
    }
    mn_scope scope = mn_scope_open();
    int64_t h = picture->shape[0], w = picture->shape[1];
    fit(&h, &w, n);
    mn_tensor *x = resized(picture, h, w), *y = mn_empty_host(MN_U8, 3, (int64_t[]){n, n, 3});
    int64_t top = middle(h, n), left = middle(w, n);
    for (int64_t i = 0; x && y && i < n; i++)
        memcpy((uint8_t *)y->data + i * n * 3, (const uint8_t *)x->data + ((top + i) * w + left) * 3, (size_t)n * 3);
    return mn_scope_leave(scope, x ? y : NULL);
}

mn_tensor *mn_clip_pixels(mn_tensor *crop) {
    if (mn_errcode() || !crop) return NULL;
    int64_t n = crop->shape[0];
    mn_tensor *y = mn_empty_host(MN_F32, 4, (int64_t[]){1, 3, n, n});
    for (int64_t i = 0; y && i < n * n; i++)
        for (int c = 0; c < 3; c++)                     /* in f32 steps, as published */
            ((float *)y->data)[c * n * n + i] = ((float)((const uint8_t *)crop->data)[3 * i + c] / 255.0f - (float)MEAN[c]) / (float)STD[c];
    return y;
}

mn_tensor *mn_clip_preprocess(mn_tensor *x, int64_t n, bool antialias) {
    if (mn_errcode() || !x) return NULL;
    mn_scope scope = mn_scope_open();
    int64_t ih = x->shape[2], iw = x->shape[3], h = ih, w = iw;
    mn_tensor *scale = mn_empty_host(x->dtype, 1, (int64_t[]){3}), *shift = mn_empty_host(x->dtype, 1, (int64_t[]){3});
    for (int k = 0; scale && shift && k < 3; k++) {     /* ((x + 1) / 2 - mean) / std */
        mn_fill(mn_view(scale, 1, (int64_t[]){1}, k), 0.5 / STD[k]);
        mn_fill(mn_view(shift, 1, (int64_t[]){1}, k), (0.5 - MEAN[k]) / STD[k]);
    }
    fit(&h, &w, n);
    if (h != ih || w != iw) x = mn_call(resize, T(x), {"h", h}, {"w", w}, {"mode", 1}, {"antialias", antialias});
    if (h != w) {
        int64_t y0 = middle(h, n), x0 = middle(w, n);
        x = mn_call(crop2d, T(x), {"y0", y0}, {"y1", y0 + n}, {"x0", x0}, {"x1", x0 + n});
    }
    return mn_scope_leave(scope, mn_call(channel_affine, T(x, mn_to(scale, x ? x->device : MN_CPU), mn_to(shift, x ? x->device : MN_CPU))));
}
