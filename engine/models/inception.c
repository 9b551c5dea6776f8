/* inception.c -- Inception-v3 (Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016) with the weights and
 * the peculiarities of the TensorFlow graph of 2015 that FID and KID are defined by: average pools divide by the number
 * of real pixels, the last block pools by maximum, batch norm has eps 1e-3.  Names as in pytorch-fid's file.
 *
 * Every step is conv (no bias), norm, relu.  One description of the network serves building and running: a `map` is a
 * tensor, or while building only its number of channels.
 *
 * Two front ends enlarge the bytes of a picture to 299 x 299; both are bilinear without antialiasing:
 *   0, NVIDIA:        source row j H / 299 (no half-pixel shift), neighbours clamped, (x - 128) / 128
 *   1, pytorch-fid:   half-pixel centres, u / 255 * 2 - 1 */
#include <stdio.h>
#include "layers.h"

enum { SIDE = 299 };
static const double EPS = 1e-3;

typedef struct map { mn_tensor *t; int64_t channels; } map;
typedef struct net { mn_model *m; bool declare; char block[24]; } net;

/* ---- steps ---- */

/* kernel kh x kw; same: padded to keep the size. */
static map conv(net *n, const char *branch, map x, int64_t out, int kh, int kw, int stride, bool same) {
    mn_name p = mn_join("%s%s%s", n->block, *branch ? "." : "", branch), c = mn_join("%s.conv", p.text), b = mn_join("%s.bn", p.text);
    if (n->declare) {
        mn_declare_conv(n->m, x.channels, out, kh, kw, c.text);
        mn_declare_norm(n->m, MN_NORM_BATCH, out, 1, b.text);
        return (map){NULL, out};
    }
    mn_scope scope = mn_scope_open();
    mn_tensor *t = x.t;
    if (same && kh != kw) {                              /* conv2d pads both sides alike: zeros are put in first */
        mn_tensor *one = mn_full(MN_F32, 1, (int64_t[]){1}, 1);
        t = mn_call(upfirdn2d, T(t, one), {"padx0", kw / 2}, {"padx1", kw / 2}, {"pady0", kh / 2}, {"pady1", kh / 2});
    }
    t = mn_use_conv(n->m, c.text, t, stride, same && kh == kw ? kh / 2 : 0);
    t = mn_call(relu, T(mn_use_norm(n->m, MN_NORM_BATCH, b.text, t, EPS)));
    return (map){mn_scope_leave(scope, t), out};
}
static map square(net *n, const char *branch, map x, int64_t out, int k) { return conv(n, branch, x, out, k, k, 1, true); }

static map max_pool(net *n, map x, int stride, int pad) {
    return n->declare ? x : (map){mn_call(max_pool2d, T(x.t), {"k", 3}, {"stride", stride}, {"pad", pad}), x.channels};
}

/* 3 x 3 means over the pixels that are there: the mean with zeros, over the mean of ones with zeros. */
static map mean_pool(net *n, map x) {
    if (n->declare || !x.t) return x;
    mn_scope scope = mn_scope_open();
    mn_tensor *ones = mn_full(x.t->dtype, 4, (int64_t[]){1, 1, x.t->shape[2], x.t->shape[3]}, 1);
    mn_tensor *share = mn_call(avg_pool2d, T(ones), {"k", 3}, {"stride", 1}, {"pad", 1});
    mn_tensor *y = mn_call(div, T(mn_call(avg_pool2d, T(x.t), {"k", 3}, {"stride", 1}, {"pad", 1}), share));
    return (map){mn_scope_leave(scope, y), x.channels};
}

/* Channels one after the other; parts end with channels 0. */
static map join(net *n, const map *parts) {
    mn_tensor *t[6];
    int k = 0;
    int64_t channels = 0;
    for (; parts[k].channels; k++) { t[k] = parts[k].t; channels += parts[k].channels; }
    if (n->declare) return (map){NULL, channels};
    return (map){mn_apply1(&mn_op_concat, k, t, 1, &(mn_attr){"axis", 1}), channels};
}
#define JOIN(...) join(n, (map[]){__VA_ARGS__, {NULL, 0}})

/* ---- blocks, by torchvision's letters ---- */

static map block_a(net *n, map x, int64_t pool) {
    map one = square(n, "branch1x1", x, 64, 1), five = square(n, "branch5x5_2", square(n, "branch5x5_1", x, 48, 1), 64, 5);
    map three = square(n, "branch3x3dbl_3", square(n, "branch3x3dbl_2", square(n, "branch3x3dbl_1", x, 64, 1), 96, 3), 96, 3);
    return JOIN(one, five, three, square(n, "branch_pool", mean_pool(n, x), pool, 1));
}

static map block_b(net *n, map x) {
    map three = conv(n, "branch3x3", x, 384, 3, 3, 2, false), twice = square(n, "branch3x3dbl_2", square(n, "branch3x3dbl_1", x, 64, 1), 96, 3);
    return JOIN(three, conv(n, "branch3x3dbl_3", twice, 96, 3, 3, 2, false), max_pool(n, x, 2, 0));
}

static map block_c(net *n, map x, int64_t w) {
    map one = square(n, "branch1x1", x, 192, 1), seven = square(n, "branch7x7_1", x, w, 1), twice = square(n, "branch7x7dbl_1", x, w, 1);
    seven = conv(n, "branch7x7_3", conv(n, "branch7x7_2", seven, w, 1, 7, 1, true), 192, 7, 1, 1, true);
    twice = conv(n, "branch7x7dbl_3", conv(n, "branch7x7dbl_2", twice, w, 7, 1, 1, true), w, 1, 7, 1, true);
    twice = conv(n, "branch7x7dbl_5", conv(n, "branch7x7dbl_4", twice, w, 7, 1, 1, true), 192, 1, 7, 1, true);
    return JOIN(one, seven, twice, square(n, "branch_pool", mean_pool(n, x), 192, 1));
}

static map block_d(net *n, map x) {
    map three = conv(n, "branch3x3_2", square(n, "branch3x3_1", x, 192, 1), 320, 3, 3, 2, false);
    map seven = conv(n, "branch7x7x3_2", square(n, "branch7x7x3_1", x, 192, 1), 192, 1, 7, 1, true);
    seven = conv(n, "branch7x7x3_4", conv(n, "branch7x7x3_3", seven, 192, 7, 1, 1, true), 192, 3, 3, 2, false);
    return JOIN(three, seven, max_pool(n, x, 2, 0));
}

static map block_e(net *n, map x, bool by_maximum) {
    map one = square(n, "branch1x1", x, 320, 1), three = square(n, "branch3x3_1", x, 384, 1);
    map twice = square(n, "branch3x3dbl_2", square(n, "branch3x3dbl_1", x, 448, 1), 384, 3);
    map a = conv(n, "branch3x3_2a", three, 384, 1, 3, 1, true), b = conv(n, "branch3x3_2b", three, 384, 3, 1, 1, true);
    map c = conv(n, "branch3x3dbl_3a", twice, 384, 1, 3, 1, true), d = conv(n, "branch3x3dbl_3b", twice, 384, 3, 1, 1, true);
    return JOIN(one, a, b, c, d, square(n, "branch_pool", by_maximum ? max_pool(n, x, 1, 1) : mean_pool(n, x), 192, 1));
}

/* ---- the network ---- */

static void at(net *n, const char *name) { snprintf(n->block, sizeof n->block, "%s", name); }

static map mixed(net *n, map x, const char *name, char kind, int64_t size) {
    mn_scope scope = mn_scope_open();
    at(n, name);
    map y = kind == 'A' ? block_a(n, x, size) : kind == 'B' ? block_b(n, x) : kind == 'C' ? block_c(n, x, size) : kind == 'D' ? block_d(n, x) : block_e(n, x, size);
    y.t = mn_scope_leave(scope, mn_noted(y.t, "%s", name));
    return y;
}

static map network(net *n, map x) {
    static const struct { const char *name; int out, k, stride; bool same, pool; } stem[] = {
        {"Conv2d_1a_3x3", 32, 3, 2, false, false}, {"Conv2d_2a_3x3", 32, 3, 1, false, false}, {"Conv2d_2b_3x3", 64, 3, 1, true, true},
        {"Conv2d_3b_1x1", 80, 1, 1, false, false}, {"Conv2d_4a_3x3", 192, 3, 1, false, true}};
    static const struct { const char *name; char kind; int size; } blocks[] = {
        {"Mixed_5b", 'A', 32}, {"Mixed_5c", 'A', 64}, {"Mixed_5d", 'A', 64}, {"Mixed_6a", 'B', 0}, {"Mixed_6b", 'C', 128}, {"Mixed_6c", 'C', 160},
        {"Mixed_6d", 'C', 160}, {"Mixed_6e", 'C', 192}, {"Mixed_7a", 'D', 0}, {"Mixed_7b", 'E', 0}, {"Mixed_7c", 'E', 1}};
    for (int k = 0; k < 5; k++) {
        at(n, stem[k].name);
        x = conv(n, "", x, stem[k].out, stem[k].k, stem[k].k, stem[k].stride, stem[k].same);
        mn_noted(x.t, "%s", stem[k].name);
        if (stem[k].pool) x = max_pool(n, x, 2, 0);
    }
    mn_noted(x.t, "maxpool2");
    for (size_t k = 0; k < sizeof blocks / sizeof *blocks; k++) x = mixed(n, x, blocks[k].name, blocks[k].kind, blocks[k].size);
    return x;
}

static mn_status build(mn_model *m) {
    network(&(net){.m = m, .declare = true}, (map){NULL, 3});
    return mn_errcode();
}

/* ---- front ends ---- */

/* TensorFlow 1's bilinear: row i comes from i H / 299, in 0..255. */
static mn_tensor *enlarged(mn_tensor *u8) {
    int64_t planes = u8->shape[0] * 3, h = u8->shape[2], w = u8->shape[3];
    mn_tensor *y = mn_empty_host(MN_F32, 4, (int64_t[]){u8->shape[0], 3, SIDE, SIDE});
    for (int64_t q = 0; y && q < planes * SIDE; q++) {
        const uint8_t *plane = (const uint8_t *)u8->data + q / SIDE * h * w;
        float *to = (float *)y->data + q * SIDE;
        double v = (double)(q % SIDE) * (double)h / SIDE;
        int64_t r0 = (int64_t)v, r1 = r0 + 1 < h ? r0 + 1 : r0;
        double fv = v - (double)r0;
        for (int64_t j = 0; j < SIDE; j++) {
            double u = (double)j * (double)w / SIDE;
            int64_t c0 = (int64_t)u, c1 = c0 + 1 < w ? c0 + 1 : c0;
            double fu = u - (double)c0;
            double top = plane[r0 * w + c0] * (1 - fu) + plane[r0 * w + c1] * fu, low = plane[r1 * w + c0] * (1 - fu) + plane[r1 * w + c1] * fu;
            to[j] = (float)(top * (1 - fv) + low * fv);
        }
    }
    return y;
}

/* Pictures in -1..1 become bytes as the published evaluation has it: 127.5 x + 128, clamped, truncated. */
static mn_tensor *bytes(mn_tensor *x) {
    x = mn_to(x, MN_CPU);                                  /* bytes and the first resizing are the host's */
    if (!x || x->dtype == MN_U8) return x;
    mn_tensor *wide = mn_cast(x, MN_F32), *y = mn_empty_host(MN_U8, 4, x->shape);
    for (int64_t i = 0; wide && y && i < y->n; i++) {
        float v = ((const float *)wide->data)[i] * 127.5f + 128;
        ((uint8_t *)y->data)[i] = (uint8_t)(v > 0 ? v < 255 ? v : 255 : 0);
    }
    return wide ? y : NULL;
}

static mn_tensor *front(mn_model *m, mn_tensor *u8, bool torch) {
    if (!u8) return NULL;
    if (!torch) return mn_call(affine, T(mn_to(mn_noted(enlarged(u8), "resized"), m->device)), {"scale", 1 / 128.0}, {"shift", -1});
    mn_tensor *x = mn_empty_host(MN_F32, 4, u8->shape);
    for (int64_t i = 0; x && i < x->n; i++) ((float *)x->data)[i] = (float)((const uint8_t *)u8->data)[i] / 255.0f;
    return mn_call(affine, T(mn_call(resize, T(mn_to(x, m->device)), {"h", SIDE}, {"w", SIDE}, {"antialias", 0})), {"scale", 2}, {"shift", -1});
}

static mn_status run_features(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    mn_tensor *x = in[0];
    if (!x || x->nd != 4 || x->shape[1] != 3 || !x->n || (x->dtype != MN_U8 && !mn_is_real(x->dtype)))
        return mn_fail(MN_ESHAPE, "inception.features: pictures: expected [N,3,H,W] of u8 or real numbers, got %s %s", x ? mn_dtype_name(x->dtype) : "", mn_shape_text(x));
    mn_scope scope = mn_scope_open();
    map y = network(&(net){.m = m}, (map){front(m, bytes(x), attr[0] != 0), 3});
    out[0] = mn_scope_leave(scope, mn_call(mean, T(y.t), {"axis", 2}, {"last", 3}));
    return mn_errcode();
}

static const mn_method methods[] = {
    {"features", "pictures", "features(pictures [N,3,H,W], u8 or in -1..1, {front}): [N,2048]; pictures become bytes, so no gradient passes",
     {{"front", 0, "0: as NVIDIA's evaluation enlarges pictures; 1: as pytorch-fid does"}}, 0, run_features},
    {0}};

const mn_modeldef mn_model_inception = {
    .name = "inception", .doc = "pictures to the features that FID and KID compare", .build = build, .methods = methods, .config = "{}"};
