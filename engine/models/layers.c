/* layers.c -- layers the encoders share (layers.h), and the trace (trace.h). */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "layers.h"
#include "../ops/shape.h"

_Thread_local struct mn_trace mn_trace;

mn_tensor *mn_noted(mn_tensor *t, const char *fmt, ...) {
    if (!mn_trace.note || !t) return t;
    char name[128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    mn_trace.note(mn_trace.data, name, t);
    return t;
}

mn_name mn_join(const char *fmt, ...) {
    mn_name name;
    va_list args;
    va_start(args, fmt);
    vsnprintf(name.text, sizeof name.text, fmt, args);
    va_end(args);
    return name;
}

/* ---- linear, convolution ---- */

mn_status mn_declare_linear(mn_model *m, int64_t in, int64_t out, double std, const char *p) {
    mn_declare(m, MN_INIT_NORMAL, std, true, MN_DIMS(out, in), "%s.weight", p);
    return mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(out), "%s.bias", p);
}
mn_tensor *mn_use_linear(mn_model *m, const char *p, mn_tensor *x) {
    return mn_call(linear, T(x, mn_weight(m, "%s.weight", p), mn_weight(m, "%s.bias", p)));
}

mn_status mn_declare_conv(mn_model *m, int64_t in, int64_t out, int kh, int kw, const char *p) {
    double fan = (double)in * kh * kw;
    return mn_declare(m, MN_INIT_NORMAL, sqrt(2 / fan), true, MN_DIMS(out, in, kh, kw), "%s.weight", p);
}
mn_tensor *mn_use_conv(mn_model *m, const char *p, mn_tensor *x, int stride, int pad) {
    return mn_call(conv2d, T(x, mn_weight(m, "%s.weight", p)), {"stride", stride}, {"pad", pad});
}

/* ---- normalisation ---- */

mn_status mn_norm_of(mn_model *m, mn_norm *norm) {
    static const char *const names[] = {"batch", "group", "layer"};
    const char *text = mn_config_text(m, "norm");
    for (int k = 0; k < 3; k++) if (!strcmp(text, names[k])) { *norm = (mn_norm)k; return mn_errcode(); }
    return mn_fail(MN_EARG, "%s: setting 'norm': batch, group or layer expected, got '%s'", m->def->name, text);
}

mn_status mn_declare_norm(mn_model *m, mn_norm norm, int64_t channels, double gain, const char *p) {
    mn_declare(m, MN_INIT_CONST, gain, true, MN_DIMS(channels), "%s.weight", p);
    mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(channels), "%s.bias", p);
    if (norm != MN_NORM_BATCH) return mn_errcode();
    mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(channels), "%s.running_mean", p);
    return mn_declare(m, MN_INIT_CONST, 1, false, MN_DIMS(channels), "%s.running_var", p);
}

mn_tensor *mn_use_norm(mn_model *m, mn_norm norm, const char *p, mn_tensor *x, double eps) {
    mn_tensor *w = mn_weight(m, "%s.weight", p), *b = mn_weight(m, "%s.bias", p);
    if (!x || !w || !b) return NULL;
    mn_scope scope = mn_scope_open();
    if (norm == MN_NORM_BATCH) {
        /* (x - mean) / sqrt(var + eps) * w + b as one scale and shift per channel */
        mn_tensor *mean = mn_weight(m, "%s.running_mean", p), *var = mn_weight(m, "%s.running_var", p);
        w = mn_call(mul, T(w, mn_call(rsqrt, T(mn_call(affine, T(var), {"shift", eps})))));
        b = mn_call(sub, T(b, mn_call(mul, T(mean, w))));
    } else {
        int64_t c = x->shape[1], groups = norm == MN_NORM_GROUP && c % 16 == 0 ? c / 16 : 1, n = x->shape[0];
        int nd = x->nd;
        int64_t shape[MN_MAXD];
        memcpy(shape, x->shape, sizeof shape);
        mn_tensor *rows = mn_reshape(x, 2, (int64_t[]){n * groups, x->n / (n * groups)});
        x = mn_reshape(mn_call(layer_norm, T(rows), {"eps", eps}), nd, shape);
    }
    return mn_scope_leave(scope, mn_call(channel_affine, T(x, w, b)));
}

/* ---- lengths ---- */

mn_tensor *mn_unit_moment(mn_tensor *x, double eps) {
    mn_tensor *mean = mn_call(mean, T(mn_call(square, T(x))), {"axis", -1}, {"keep", 1});
    return mn_call(mul, T(x, mn_call(rsqrt, T(mn_call(affine, T(mean), {"shift", eps})))));
}
mn_tensor *mn_unit_length(mn_tensor *x) {
    return mn_call(mul, T(x, mn_call(rsqrt, T(mn_call(sum, T(mn_call(square, T(x))), {"axis", -1}, {"keep", 1})))));
}

mn_tensor *mn_crop_of(mn_model *m, mn_tensor *x) {
    double box[4];
    if (mn_config_list(m, "crop", box, 4) != 4) {
        mn_fail(MN_EARG, "%s: crop: [top, bottom, left, right] expected", m->def->name);
        return NULL;
    }
    if (box[0] == 0 && box[1] == 1 && box[2] == 0 && box[3] == 1) return x;
    double h = (double)x->shape[2], w = (double)x->shape[3];
    return mn_call(crop2d, T(x), {"y0", round(box[0] * h)}, {"y1", round(box[1] * h)}, {"x0", round(box[2] * w)}, {"x1", round(box[3] * w)});
}
