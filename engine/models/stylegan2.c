/* stylegan2.c -- mapping network, modulated convolution, synthesis block (Karras et al.,
 * "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020), with the
 * equalised learning rates of its published form: stored weights are used times
 * lr / sqrt(fan in), stored biases times lr. */
#include <math.h>
#include <stdio.h>
#include "layers.h"
#include "stylegan2.h"
#include "../ops/shape.h"

#define SQRT2 1.4142135623730951

mn_tensor *sg_row(mn_tensor *ws, int row) {
    mn_tensor *r = mn_call(slice, T(ws), {"axis", 1}, {"start", row}, {"stop", row + 1});
    return r ? mn_reshape(r, 2, (int64_t[]){r->shape[0], r->shape[2]}) : NULL;
}

mn_tensor *sg_up2(mn_tensor *x) {
    return mn_call(upfirdn2d, T(x), {"up", 2}, {"padx0", 2}, {"padx1", 1}, {"pady0", 2}, {"pady1", 1}, {"gain", 4});
}
mn_tensor *sg_down2(mn_tensor *x) {
    return mn_call(upfirdn2d, T(x), {"down", 2}, {"padx0", 1}, {"padx1", 1}, {"pady0", 1}, {"pady1", 1});
}

/* x W^T with equalised rate. */
static mn_tensor *fc(mn_tensor *x, mn_tensor *w, mn_tensor *b, double lr) {
    if (!w) return NULL;
    mn_tensor *y = mn_call(linear, T(mn_call(affine, T(x), {"scale", lr / sqrt((double)w->shape[1])}), w));
    return b ? mn_call(add, T(y, lr == 1 ? b : mn_call(affine, T(b), {"scale", lr}))) : y;
}

/* ---- mapping ---- */

mn_status sg_declare_mapping(mn_model *m, const char *p, int64_t z, int64_t c, int64_t w, int layers, double lr) {
    mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(w), "%s.w_avg", p);
    mn_declare(m, MN_INIT_NORMAL, 1, true, MN_DIMS(w, c), "%s.embed.weight", p);
    mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(w), "%s.embed.bias", p);
    for (int k = 0; k < layers; k++) {
        mn_declare(m, MN_INIT_NORMAL, 1 / lr, true, MN_DIMS(w, k ? w : z + w), "%s.fc%d.weight", p, k);
        mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(w), "%s.fc%d.bias", p, k);
    }
    return mn_errcode();
}

mn_tensor *sg_mapping(mn_model *m, const char *p, mn_tensor *z, mn_tensor *c, int rows, int layers, double lr, double c_scale, double psi, int cutoff) {
    mn_scope scope = mn_scope_open();
    mn_tensor *e = fc(mn_call(affine, T(c), {"scale", c_scale}), mn_weight(m, "%s.embed.weight", p), mn_weight(m, "%s.embed.bias", p), 1);
    mn_tensor *x = mn_call(concat, T(mn_unit_moment(z, 1e-8), mn_unit_moment(e, 1e-8)), {"axis", 1});
    for (int k = 0; k < layers; k++)
        x = mn_call(lrelu, T(fc(x, mn_weight(m, "%s.fc%d.weight", p, k), mn_weight(m, "%s.fc%d.bias", p, k), lr)));
    if (!x) return mn_scope_leave(scope, NULL);
    int64_t n = x->shape[0], w = x->shape[1];
    mn_tensor *near = x;
    if (psi != 1) {
        mn_tensor *avg = mn_weight(m, "%s.w_avg", p);
        near = mn_call(add, T(mn_call(affine, T(mn_call(sub, T(x, avg))), {"scale", psi}), avg));
    }
    if (cutoff <= 0 || cutoff > rows) cutoff = rows;
    mn_tensor *ws = mn_call(expand, T(mn_reshape(near, 3, (int64_t[]){n, 1, w})), {"d0", n}, {"d1", cutoff}, {"d2", w});
    if (cutoff < rows)
        ws = mn_call(concat, T(ws, mn_call(expand, T(mn_reshape(x, 3, (int64_t[]){n, 1, w})), {"d0", n}, {"d1", rows - cutoff}, {"d2", w})), {"axis", 1});
    return mn_scope_leave(scope, ws);
}

/* ---- modulated convolution ---- */

mn_tensor *sg_modconv(mn_tensor *x, mn_tensor *w, mn_tensor *s, bool demodulate, int up) {
    return mn_call(modconv2d, T(x, w, s), {"demodulate", demodulate}, {"up", up});
}

/* ---- synthesis block ---- */

static mn_status declare_layer(mn_model *m, const char *p, const char *layer, int64_t in, int64_t out, int64_t w, int k, int res) {
    mn_declare(m, MN_INIT_NORMAL, 1, true, MN_DIMS(out, in, k, k), "%s.%s.weight", p, layer);
    mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(out), "%s.%s.bias", p, layer);
    mn_declare(m, MN_INIT_NORMAL, 1, true, MN_DIMS(in, w), "%s.%s.affine.weight", p, layer);
    mn_declare(m, MN_INIT_CONST, 1, true, MN_DIMS(in), "%s.%s.affine.bias", p, layer);
    if (!res) return mn_errcode();
    mn_declare(m, MN_INIT_NORMAL, 1, false, MN_DIMS(res, res), "%s.%s.noise_const", p, layer);
    return mn_declare(m, MN_INIT_ZERO, 0, true, 0, NULL, "%s.%s.noise_strength", p, layer);
}

mn_status sg_declare_block(mn_model *m, const char *p, int64_t in, int64_t out, int64_t rgb, int64_t w, int res) {
    if (in) declare_layer(m, p, "conv0", in, out, w, 3, res);
    else mn_declare(m, MN_INIT_NORMAL, 1, true, MN_DIMS(out, res, res), "%s.const", p);
    declare_layer(m, p, "conv1", out, out, w, 3, res);
    return declare_layer(m, p, "torgb", out, rgb, w, 1, 0);
}

static mn_tensor *style(mn_model *m, const char *p, const char *layer, mn_tensor *w) {
    return fc(w, mn_weight(m, "%s.%s.affine.weight", p, layer), mn_weight(m, "%s.%s.affine.bias", p, layer), 1);
}

/* Demodulated convolution, the layer's constant where it has one, noise, bias, lrelu, gain, clamp: in this order. */
static mn_tensor *styled(mn_model *m, const char *p, const char *layer, mn_tensor *x, mn_tensor *w, int up, bool noise, double clamp) {
    mn_scope scope = mn_scope_open();
    mn_tensor *y = sg_modconv(x, mn_weight(m, "%s.%s.weight", p, layer), style(m, p, layer, w), true, up);
    if (mn_has_weight(m, "%s.%s.const", p, layer)) y = mn_call(add, T(y, mn_weight(m, "%s.%s.const", p, layer)));
    mn_tensor *nc = NULL, *ns = NULL;
    if (noise && (nc = mn_weight(m, "%s.%s.noise_const", p, layer)) && (ns = mn_weight(m, "%s.%s.noise_strength", p, layer))) {
        nc = mn_reshape(nc, 4, (int64_t[]){1, 1, nc->shape[0], nc->shape[1]});
        ns = mn_reshape(ns, 1, (int64_t[]){1});
    }
    y = mn_call(bias_act, T(y, mn_weight(m, "%s.%s.bias", p, layer), nc, ns), {"act", 1}, {"gain", SQRT2}, {"clamp", clamp});
    return mn_scope_leave(scope, y);
}

mn_tensor *sg_block(mn_model *m, const char *p, mn_tensor *x, mn_tensor **img, mn_tensor *w0, mn_tensor *w1, mn_tensor *w2,
                    int up, bool noise, double clamp) {
    if (mn_has_weight(m, "%s.conv0.weight", p)) x = styled(m, p, "conv0", x, w0, up, noise, clamp);
    else {
        mn_tensor *c = mn_weight(m, "%s.const", p);
        if (!c || !w1) return NULL;
        x = mn_call(expand, T(c), {"d0", w1->shape[0]}, {"d1", c->shape[0]}, {"d2", c->shape[1]}, {"d3", c->shape[2]});
    }
    x = styled(m, p, "conv1", x, w1, 1, noise, clamp);
    if (!x) return NULL;
    mn_tensor *s = mn_call(affine, T(style(m, p, "torgb", w2)), {"scale", 1 / sqrt((double)x->shape[1])});
    mn_tensor *rgb = sg_modconv(x, mn_weight(m, "%s.torgb.weight", p), s, false, 1);
    rgb = mn_call(bias_act, T(rgb, mn_weight(m, "%s.torgb.bias", p)), {"act", 0}, {"gain", 1}, {"clamp", clamp});
    if (*img && rgb && (*img)->shape[2] * 2 == rgb->shape[2]) *img = sg_up2(*img);
    *img = *img ? mn_call(add, T(*img, rgb)) : rgb;
    return x;
}

/* ---- encoder convolution ---- */

mn_status sg_declare_conv(mn_model *m, const char *p, int64_t in, int64_t out, int kernel, bool bias) {
    mn_declare(m, MN_INIT_NORMAL, 1, true, MN_DIMS(out, in, kernel, kernel), "%s.weight", p);
    if (bias) mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(out), "%s.bias", p);
    return mn_errcode();
}

mn_tensor *sg_conv(mn_model *m, const char *p, mn_tensor *x, bool lrelu, bool down) {
    mn_tensor *w = mn_weight(m, "%s.weight", p), *b = mn_has_weight(m, "%s.bias", p) ? mn_weight(m, "%s.bias", p) : NULL;
    if (!w || !x) return NULL;
    mn_scope scope = mn_scope_open();
    int64_t k = w->shape[2];
    w = mn_call(affine, T(w), {"scale", 1 / sqrt((double)(w->shape[1] * k * k))});
    if (down) {
        x = mn_call(upfirdn2d, T(x), {"padx0", 2}, {"padx1", 2}, {"pady0", 2}, {"pady1", 2});
        x = mn_call(conv2d, T(x, w), {"stride", 2});
    } else {
        x = mn_call(conv2d, T(x, w), {"pad", k / 2});
    }
    if (b || lrelu) x = mn_call(bias_act, T(x, b), {"act", lrelu}, {"gain", lrelu ? SQRT2 : 1});
    return mn_scope_leave(scope, x);
}
