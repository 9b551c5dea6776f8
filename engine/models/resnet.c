/* resnet.c -- residual network (He et al., "Deep Residual Learning", CVPR 2016; the stride of a bottleneck
 * on its 3x3 convolution, as torchvision has it) and head: what emoca.c and encoder.c encode faces with;
 * clip.c has the network without the head before its small towers.
 *
 *   stem: conv 7x7/2, norm, relu, max pool 3x3/2     four groups of blocks     mean over the map
 *   head: layers.0, relu, layers.2
 */
#include <math.h>
#include "resnet.h"
#include "../ops/shape.h"

static const double EPS = 1e-5;

mn_status mn_resnet_of(mn_model *m, mn_resnet *r) {
    int n = mn_config_ints(m, "blocks", 0, 256, r->blocks, 4);
    r->width = mn_config_int(m, "width");
    r->bottleneck = mn_config(m, "bottleneck") != 0;
    r->hidden = mn_config_int(m, "hidden");
    if (mn_errcode() || mn_norm_of(m, &r->norm)) return mn_errcode();
    if (n != 4) return mn_fail(MN_EARG, "%s: blocks: four numbers expected, got %d", m->def->name, n);
    return MN_OK;
}

static int64_t channels(const mn_resnet *r, int group) { return (r->width << group) * (r->bottleneck ? 4 : 1); }

static mn_status declare_block(mn_model *m, const mn_resnet *r, const char *p, int64_t in, int64_t mid, int64_t out, bool project) {
    if (r->bottleneck) {
        mn_declare_conv(m, in, mid, 1, 1, mn_join("%s.conv1", p).text);
        mn_declare_norm(m, r->norm, mid, 1, mn_join("%s.bn1", p).text);
        mn_declare_conv(m, mid, mid, 3, 3, mn_join("%s.conv2", p).text);
        mn_declare_norm(m, r->norm, mid, 1, mn_join("%s.bn2", p).text);
        mn_declare_conv(m, mid, out, 1, 1, mn_join("%s.conv3", p).text);
        mn_declare_norm(m, r->norm, out, 0.3, mn_join("%s.bn3", p).text);
    } else {
        mn_declare_conv(m, in, mid, 3, 3, mn_join("%s.conv1", p).text);
        mn_declare_norm(m, r->norm, mid, 1, mn_join("%s.bn1", p).text);
        mn_declare_conv(m, mid, out, 3, 3, mn_join("%s.conv2", p).text);
        mn_declare_norm(m, r->norm, out, 0.3, mn_join("%s.bn2", p).text);
    }
    if (!project) return mn_errcode();
    mn_declare_conv(m, in, out, 1, 1, mn_join("%s.downsample.0", p).text);
    return mn_declare_norm(m, r->norm, out, 1, mn_join("%s.downsample.1", p).text);
}

static int groups(const mn_resnet *r) {
    int n = 4;
    while (n > 1 && !r->blocks[n - 1]) n--;
    return n;
}

int64_t mn_resnet_stride(const mn_resnet *r) { return 2 << groups(r); }

mn_status mn_resnet_declare_trunk(mn_model *m, const mn_resnet *r, const char *prefix, int64_t *out_channels) {
    int64_t in = r->width;
    mn_declare_conv(m, 3, in, 7, 7, mn_join("%s.conv1", prefix).text);
    mn_declare_norm(m, r->norm, in, 1, mn_join("%s.bn1", prefix).text);
    for (int g = 0; g < groups(r); g++)
        for (int k = 0; k < r->blocks[g] && !mn_errcode(); k++) {
            int64_t out = channels(r, g);
            declare_block(m, r, mn_join("%s.layer%d.%d", prefix, g + 1, k).text, in, r->width << g, out, !k && (g || in != out));
            in = out;
        }
    *out_channels = in;
    return mn_errcode();
}

mn_status mn_resnet_declare(mn_model *m, const mn_resnet *r, const char *prefix, int64_t outputs) {
    const char *dot = *prefix ? "." : "";
    mn_name h = mn_join("%s%slayers", prefix, dot);
    int64_t in;
    if (mn_resnet_declare_trunk(m, r, mn_join("%s%sencoder", prefix, dot).text, &in)) return mn_errcode();
    if (r->side) in *= r->side * r->side;
    mn_declare_linear(m, in, r->hidden, sqrt(2 / (double)in), mn_join("%s.0", h.text).text);
    return mn_declare_linear(m, r->hidden, outputs, 1 / sqrt((double)r->hidden), mn_join("%s.2", h.text).text);
}

static mn_tensor *conv_norm(mn_model *m, const mn_resnet *r, const char *p, int k, mn_tensor *x, int stride, int pad) {
    return mn_use_norm(m, r->norm, mn_join("%s.bn%d", p, k).text, mn_use_conv(m, mn_join("%s.conv%d", p, k).text, x, stride, pad), EPS);
}

static mn_tensor *block(mn_model *m, const mn_resnet *r, const char *p, mn_tensor *x, int stride) {
    mn_scope scope = mn_scope_open();
    mn_tensor *pass = x, *y;
    if (mn_has_weight(m, "%s.downsample.0.weight", p)) {
        pass = mn_use_conv(m, mn_join("%s.downsample.0", p).text, x, stride, 0);
        pass = mn_use_norm(m, r->norm, mn_join("%s.downsample.1", p).text, pass, EPS);
    }
    if (r->bottleneck) {
        y = mn_call(relu, T(conv_norm(m, r, p, 1, x, 1, 0)));
        y = mn_call(relu, T(conv_norm(m, r, p, 2, y, stride, 1)));
        y = conv_norm(m, r, p, 3, y, 1, 0);
    } else {
        y = mn_call(relu, T(conv_norm(m, r, p, 1, x, stride, 1)));
        y = conv_norm(m, r, p, 2, y, 1, 1);
    }
    return mn_scope_leave(scope, mn_call(relu, T(mn_call(add, T(y, pass)))));
}

mn_tensor *mn_resnet_trunk(mn_model *m, const mn_resnet *r, const char *prefix, const char *tag, mn_tensor *x) {
    mn_scope scope = mn_scope_open();
    x = mn_call(relu, T(conv_norm(m, r, prefix, 1, x, 2, 3)));
    x = mn_noted(mn_call(max_pool2d, T(x), {"k", 3}, {"stride", 2}, {"pad", 1}), "%s.stem", tag);
    for (int g = 0; g < groups(r); g++) {
        for (int k = 0; k < r->blocks[g] && x; k++) x = block(m, r, mn_join("%s.layer%d.%d", prefix, g + 1, k).text, x, g && !k ? 2 : 1);
        mn_noted(x, "%s.layer%d", tag, g + 1);
    }
    return mn_scope_leave(scope, x);
}

mn_tensor *mn_resnet_encode(mn_model *m, const mn_resnet *r, const char *prefix, const char *tag, mn_tensor *x) {
    const char *dot = *prefix ? "." : "";
    mn_name h = mn_join("%s%slayers", prefix, dot);
    mn_scope scope = mn_scope_open();
    x = mn_resnet_trunk(m, r, mn_join("%s%sencoder", prefix, dot).text, tag, x);
    x = r->side && x ? mn_reshape(x, 2, (int64_t[]){x->shape[0], x->n / x->shape[0]}) : mn_call(mean, T(x), {"axis", 2}, {"last", 3});
    mn_noted(x, "%s.features", tag);
    x = mn_call(relu, T(mn_use_linear(m, mn_join("%s.0", h.text).text, x)));
    return mn_scope_leave(scope, mn_noted(mn_use_linear(m, mn_join("%s.2", h.text).text, x), "%s.code", tag));
}

mn_tensor *mn_columns(mn_tensor *codes, int64_t start, int64_t count) {
    return mn_call(slice, T(codes), {"axis", 1}, {"start", start}, {"stop", start + count});
}
