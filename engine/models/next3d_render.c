/* next3d_render.c -- volume rendering of tri-planes with importance sampling, and super-resolution.
 *
 * The density is evaluated at the coarse depths, without a gradient, to place the fine ones; then the
 * field is rendered once at all depths in order.  The numbers are those of evaluating coarse and fine
 * samples separately and sorting the results, as the published code does. */
#include <math.h>
#include <stdio.h>
#include "next3d.h"
#include "stylegan2.h"
#include "../ops/shape.h"

/* The decoder's weights with their equalised learning rates. */
typedef struct { mn_tensor *w0, *b0, *w1, *b1; } decoder;
static decoder decoder_weights(mn_model *m) {
    decoder d = {mn_weight(m, "decoder.net.0.weight"), mn_weight(m, "decoder.net.0.bias"), mn_weight(m, "decoder.net.2.weight"), mn_weight(m, "decoder.net.2.bias")};
    double lr = mn_config(m, "decoder_lr");
    if (mn_errcode()) return d;
    d.w0 = mn_call(affine, T(d.w0), {"scale", lr / sqrt((double)d.w0->shape[1])});
    d.w1 = mn_call(affine, T(d.w1), {"scale", lr / sqrt((double)d.w1->shape[1])});
    if (lr != 1) {
        d.b0 = mn_call(affine, T(d.b0), {"scale", lr});
        d.b1 = mn_call(affine, T(d.b1), {"scale", lr});
    }
    return d;
}

/* Depths where the coarse samples t say the surface is: density alone, no gradient. */
static mn_tensor *fine_depths(mn_model *m, decoder d, mn_tensor *planes, mn_tensor **ray, mn_tensor *t, mn_tensor *u, mn_tensor *deformation, int64_t count) {
    bool was = mn_tape_enable(false);
    mn_tensor *r[3], *extra = NULL;
    mn_tensor *w1 = mn_call(slice, T(d.w1), {"axis", 0}, {"stop", 1}), *b1 = mn_call(slice, T(d.b1), {"axis", 0}, {"stop", 1});
    if (!mn_calln(r, render_rays, T(planes, ray[0], ray[1], t, d.w0, d.b0, w1, b1, mn_weight(m, "renderer.plane_axes"), deformation), {"box_warp", mn_config(m, "box_warp")}))
        extra = mn_call(depths_importance, T(r[2], t, u), {"steps", count});
    mn_tape_enable(was);
    return extra;
}

mn_status mn_next3d_render(mn_model *m, mn_tensor *planes, mn_tensor *cam, mn_tensor *coarse, mn_tensor *fine, mn_tensor *deformation, mn_tensor **out) {
    if (mn_errcode()) return mn_errcode();
    int64_t c = mn_config_int(m, "plane_channels"), p = mn_config_int(m, "plane_resolution"), res = mn_config_int(m, "neural_rendering_resolution");
    int64_t d = mn_config_int(m, "depth_resolution"), k = mn_config_int(m, "depth_resolution_importance");
    if (mn_expect(m, "render", "planes", planes, 5, (int64_t[]){-1, 3, c, p, p})) return mn_errcode();
    int64_t n = cam->shape[0];
    if (mn_next3d_expect_deformation(m, "render", deformation, n)) return mn_errcode();
    mn_scope scope = mn_scope_open();
    mn_tensor *ray[2] = {NULL}, *r[3] = {NULL}, *order[2];
    out[0] = out[1] = out[2] = NULL;
    mn_calln(ray, rays, T(cam), {"res", res});
    mn_tensor *t = mn_call(depths_coarse, T(ray[0], coarse), {"near", mn_config(m, "ray_start")}, {"far", mn_config(m, "ray_end")}, {"steps", d});
    decoder dec = decoder_weights(m);
    if (k > 0) {
        mn_tensor *extra = mn_next3d_note("depths_fine", fine_depths(m, dec, planes, ray, t, fine, deformation, k));
        if (!mn_calln(order, depths_merge, T(t, extra))) t = order[0];
    }
    if (!mn_calln(r, render_rays, T(planes, ray[0], ray[1], t, dec.w0, dec.b0, dec.w1, dec.b1, mn_weight(m, "renderer.plane_axes"), deformation), {"box_warp", mn_config(m, "box_warp")})) {
        mn_tensor *seen = mn_call(sum, T(r[2]), {"axis", 2}, {"keep", 1});
        mn_next3d_note("weights_sum", seen);
        if (mn_config(m, "white_back")) r[0] = mn_call(add, T(r[0], mn_call(affine, T(seen), {"scale", -2}, {"shift", 2})));
        out[0] = mn_reshape(mn_permute(r[0], 3, (int[]){0, 2, 1}), 4, (int64_t[]){n, c, res, res});
        out[1] = mn_reshape(r[1], 4, (int64_t[]){n, 1, res, res});
        out[2] = mn_reshape(seen, 4, (int64_t[]){n, 1, res, res});
    }
    bool whole = out[0] && out[1] && out[2];
    for (int i = 0; whole && i < 3; i++) mn_retain(out[i]);
    mn_scope_close(scope);
    if (!whole) return mn_errcode();
    for (int i = 0; i < 3; i++) mn_scope_push(out[i]);
    mn_next3d_note("feature_image", out[0]);
    mn_next3d_note("image_depth", out[1]);
    return MN_OK;
}

mn_tensor *mn_next3d_superres(mn_model *m, mn_tensor *features, mn_tensor *ws) {
    if (mn_errcode() || !features || !ws) return NULL;
    mn_scope scope = mn_scope_open();
    int64_t size = mn_config_int(m, "sr_input");
    double up[2] = {0}, clamp = mn_config(m, "sr_clamp"), smooth = mn_config(m, "sr_antialias");
    bool noise = mn_config(m, "sr_noise") != 0;
    mn_config_list(m, "sr_up", up, 2);
    mn_tensor *w = sg_row(ws, sg_rows((int)mn_config_int(m, "plane_resolution")) - 1);   /* the last static row */
    mn_tensor *x = features->shape[2] == size ? features : mn_call(resize, T(features), {"h", size}, {"w", size}, {"antialias", smooth});
    mn_tensor *rgb = mn_call(slice, T(x), {"axis", 1}, {"stop", 3});
    for (int k = 0; k < 2; k++) {
        char name[64];
        snprintf(name, sizeof name, "superresolution.block%d", k);
        x = sg_block(m, name, x, &rgb, w, w, w, (int)up[k], noise, clamp);
    }
    return mn_scope_leave(scope, rgb);
}
