/* import_next3d.c -- the generator of a Next3D snapshot (a bare pickle with keys G, D, G_ema).
 *
 * Taken from G_ema, all under their published names: every tensor of its state dict but dense_faces (a fixed grid that
 * the forward pass does not use), and the tensors that are plain attributes: uv_face_mask, orth_scale,
 * orth_shift, renderer.plane_axes.  The settings are read off the modules' attributes and the tensors' shapes, because
 * those are what the published forward pass reads; the constructor's arguments are kept beside them as metadata.
 * The source text that such a snapshot carries for its loader to execute is not even looked at. */
#include <stdio.h>
#include <string.h>
#include "io/import_internal.h"

enum { FLAME_VERTICES = 5023 };         /* fixed in the published code: vertices before the 68 landmarks */

/* The submodule at a dotted path, or NULL. */
static const mn_pkl_value *module_at(const mn_pkl_value *m, const char *path) {
    char key[64];
    while (m && *path) {
        size_t n = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)n, path);
        m = mn_pkl_get(mn_pkl_get(mn_pkl_state(m), "_modules"), key);
        path += n + (path[n] == '.');
    }
    return m;
}

static const mn_pkl_value *attribute(const mn_pkl_value *root, const char *path, const char *name) {
    return mn_pkl_get(mn_pkl_state(module_at(root, path)), name);
}

static double number(const mn_pkl_value *v, const char *what, double fallback) {
    double x = fallback;
    if (v && mn_pkl_kind_of(v) != MN_PKL_NONE && !mn_pkl_real(v, &x)) mn_fail(MN_EFORMAT, "%s: expected a number, found %s", what, mn_pkl_kind_name(mn_pkl_kind_of(v)));
    return x;
}

/* A number that has to be there. */
static double need(const mn_pkl_value *v, const char *what) {
    if (!v || mn_pkl_kind_of(v) == MN_PKL_NONE) mn_fail(MN_EFORMAT, "this is no Next3D generator: it has no %s", what);
    return number(v, what, 0);
}

static int64_t dim(import_source *src, const char *name, int axis) {
    const mn_pkl_value *v = mn_torch_dict_find(src->dict, name);
    mn_torch_view view;
    if (!v) mn_fail(MN_EFORMAT, "this is no Next3D generator: it has no tensor %s", name);
    if (!v || mn_torch_look(src->torch, v, &view)) return 0;
    if (axis < view.nd) return view.shape[axis];
    mn_fail(MN_ESHAPE, "tensor %s: expected more than %d axes, found %d", name, axis, view.nd);
    return 0;
}

/* [input, final, conditioned] sizes of a network that is conditioned on a picture. */
static void conditional(import_job *job, const mn_pkl_value *g, const char *key, const char *path) {
    import_config(job, key, "[%.0f,%.0f,%.0f]", need(attribute(g, path, "in_size"), "in_size"), need(attribute(g, path, "final_size"), "final_size"),
                  need(attribute(g, path, "num_cond_res"), "num_cond_res"));
}

static bool truth(const mn_pkl_value *v, bool fallback) {
    bool b = fallback;
    mn_pkl_bool(v, &b);
    return b;
}

/* The learning rate that a layer's gains are made of. */
static double layer_rate(const mn_pkl_value *g, const char *path, double fallback) { return number(attribute(g, path, "bias_gain"), "bias_gain", fallback); }

/* Where the released scripts put their cameras. */
static void cameras(import_job *job, const mn_pkl_value *render) {
    const mn_pkl_value *pivot = mn_pkl_get(render, "avg_camera_pivot");
    import_config(job, "radius", "%.9g", number(mn_pkl_get(render, "avg_camera_radius"), "avg_camera_radius", 2.7));
    if (mn_pkl_count(pivot) != 3) return;
    import_config(job, "pivot", "[%.9g,%.9g,%.9g]", number(mn_pkl_item(pivot, 0), "avg_camera_pivot", 0), number(mn_pkl_item(pivot, 1), "avg_camera_pivot", 0),
                  number(mn_pkl_item(pivot, 2), "avg_camera_pivot", 0));
}

/* Ways of rendering that the released checkpoints do not use, and the generator here does not know: refused, not ignored. */
static mn_status refuse_unknown(const mn_pkl_value *render) {
    const mn_pkl_value *clamp = mn_pkl_get(render, "clamp_mode"), *noise = mn_pkl_get(render, "superresolution_noise_mode");
    if (truth(mn_pkl_get(render, "disparity_space_sampling"), false)) return mn_fail(MN_EFORMAT, "rendering_kwargs: disparity_space_sampling is on: depths here are even in space");
    if (clamp && !mn_pkl_is_text(clamp, "softplus")) return mn_fail(MN_EFORMAT, "rendering_kwargs: clamp_mode: softplus expected");
    if (noise && !mn_pkl_is_text(noise, "none") && !mn_pkl_is_text(noise, "const")) return mn_fail(MN_EFORMAT, "rendering_kwargs: superresolution_noise_mode: none or const expected");
    return MN_OK;
}

static mn_status settings(import_job *job, import_source *src, const mn_pkl_value *g, mn_tensor *scale, mn_tensor *shift) {
    static const char *const copied[] = { "depth_resolution", "depth_resolution_importance", "ray_start", "ray_end", "box_warp" };
    const mn_pkl_value *render = attribute(g, "", "rendering_kwargs"), *init = attribute(g, "", "_init_kwargs");
    int layers = 0;
    if (refuse_unknown(render)) return mn_errcode();
    while (import_has(src, "backbone.mapping.fc%d.weight", layers)) layers++;
    bool blind = truth(mn_pkl_get(render, "c_gen_conditioning_zero"), false);
    import_config(job, "z_dim", "%.0f", need(attribute(g, "", "z_dim"), "z_dim"));
    import_config(job, "c_dim", "%.0f", need(attribute(g, "", "c_dim"), "c_dim"));
    import_config(job, "w_dim", "%.0f", need(attribute(g, "", "w_dim"), "w_dim"));
    import_config(job, "mapping_layers", "%d", layers);
    import_config(job, "mapping_lr", "%.9g", layer_rate(g, "backbone.mapping.fc0", 0.01));
    import_config(job, "c_scale", "%.9g", blind ? 0 : number(mn_pkl_get(render, "c_scale"), "c_scale", 1));
    import_config(job, "plane_resolution", "%.0f", need(attribute(g, "backbone.synthesis", "img_resolution"), "backbone.synthesis.img_resolution"));
    import_config(job, "plane_channels", "%lld", (long long)dim(src, "decoder.net.0.weight", 1));
    import_config(job, "decoder_hidden", "%lld", (long long)dim(src, "decoder.net.0.weight", 0));
    import_config(job, "channel_base", "%.0f", need(mn_pkl_get(init, "channel_base"), "channel_base"));
    import_config(job, "channel_max", "%.0f", need(mn_pkl_get(init, "channel_max"), "channel_max"));
    import_config(job, "decoder_lr", "%.9g", layer_rate(g, "decoder.net.0", 1));
    import_config(job, "clamp", "%.9g", number(attribute(g, "backbone.synthesis.b4.conv1", "conv_clamp"), "conv_clamp", 0));
    import_config(job, "fill_mouth", truth(attribute(g, "", "fill_mouth"), true) ? "true" : "false");
    conditional(job, g, "mouth", "mouth_backbone.synthesis");
    conditional(job, g, "blending", "neural_blending.synthesis");
    import_config(job, "orth_scale", "%.9g", mn_item(scale, 0));
    import_config(job, "orth_shift", "[%.9g,%.9g,%.9g]", mn_item(shift, 0), mn_item(shift, 1), mn_item(shift, 2));
    import_config(job, "vertices", "%d", FLAME_VERTICES);
    import_config(job, "faces", "%lld", (long long)dim(src, "faces", 1));
    import_config(job, "neural_rendering_resolution", "%.0f", need(attribute(g, "", "neural_rendering_resolution"), "neural_rendering_resolution"));
    for (int i = 0; i < 5; i++) import_config(job, copied[i], "%.9g", need(mn_pkl_get(render, copied[i]), copied[i]));
    import_config(job, "white_back", truth(mn_pkl_get(render, "white_back"), false) ? "true" : "false");
    import_config(job, "sr_antialias", truth(mn_pkl_get(render, "sr_antialias"), true) ? "true" : "false");
    import_config(job, "sr_noise", mn_pkl_is_text(mn_pkl_get(render, "superresolution_noise_mode"), "const") ? "true" : "false");
    cameras(job, render);
    import_config(job, "sr_input", "%.0f", need(attribute(g, "superresolution", "input_resolution"), "superresolution.input_resolution"));
    import_config(job, "sr_channels", "[%lld,%lld]", (long long)dim(src, "superresolution.block0.conv1.weight", 0), (long long)dim(src, "superresolution.block1.conv1.weight", 0));
    import_config(job, "sr_up", "[%.0f,%.0f]", need(attribute(g, "superresolution.block0.conv0", "up"), "superresolution.block0.conv0.up"),
                  need(attribute(g, "superresolution.block1.conv0", "up"), "superresolution.block1.conv0.up"));
    import_config(job, "sr_clamp", "%.9g", number(attribute(g, "superresolution.block1.conv1", "conv_clamp"), "conv_clamp", 0));
    if (mn_errcode()) return mn_errcode();

    mn_text kwargs = { 0 };
    import_json(&kwargs, init, 0);
    mn_status s = import_meta(job, "next3d.init_kwargs", kwargs.s);
    kwargs.size = 0;
    import_json(&kwargs, render, 0);
    if (!s) s = import_meta(job, "next3d.rendering_kwargs", kwargs.s);
    mn_text_free(&kwargs);
    return s;
}

/* A tensor that is a plain attribute, with n elements. */
static mn_tensor *plain_tensor(import_job *job, import_source *src, const mn_pkl_value *v, const char *name, int64_t n) {
    mn_tensor *t = v ? mn_torch_tensor(src->torch, v) : NULL;
    if (!v) mn_fail(MN_EFORMAT, "this is no Next3D generator: it has no %s", name);
    else if (t && n && mn_count(t) != n) mn_fail(MN_ESHAPE, "%s: expected %lld elements, found %s", name, (long long)n, mn_shape_text(t));
    return mn_errcode() || import_add(job, t, "%s", name) ? NULL : t;
}

static mn_status run(import_job *job) {
    import_source src;
    mn_status s = import_open(job, job->files[0], &src);
    const mn_pkl_value *g = s ? NULL : mn_pkl_get(src.root, "G_ema");
    if (!s && !g) g = src.root;                                         /* a generator pickled on its own */
    if (!s && mn_pkl_kind_of(mn_pkl_get(mn_pkl_state(g), "_modules")) != MN_PKL_DICT)
        s = mn_fail(MN_EFORMAT, "expected a snapshot with a network under G_ema, found %s", mn_pkl_kind_name(mn_pkl_kind_of(g)));
    if (!s) s = import_list(&src, g);
    for (int i = 0; !s && i < mn_torch_dict_count(src.dict); i++) {
        const char *name = mn_torch_dict_name(src.dict, i);
        if (strcmp(name, "dense_faces")) s = import_add(job, mn_torch_dict_tensor(src.torch, src.dict, name), "%s", name);
    }
    if (!s) {
        plain_tensor(job, &src, attribute(g, "", "uv_face_mask"), "uv_face_mask", 0);
        plain_tensor(job, &src, attribute(g, "renderer", "plane_axes"), "renderer.plane_axes", 27);
        mn_tensor *scale = plain_tensor(job, &src, attribute(g, "", "orth_scale"), "orth_scale", 1);
        mn_tensor *shift = plain_tensor(job, &src, attribute(g, "", "orth_shift"), "orth_shift", 3);
        s = mn_errcode() ? mn_errcode() : settings(job, &src, g, scale, shift);
    }
    if (!s && mn_pkl_source_bytes(mn_torch_pickle(src.torch)))
        import_note(job, "the snapshot carries %zu bytes of Python source for its loader to execute; none was", mn_pkl_source_bytes(mn_torch_pickle(src.torch)));
    import_close(&src);
    return s;
}

const mn_importer mn_importer_next3d = { "next3d", "a Next3D snapshot (.pkl)", "the Next3D generator (G_ema), its settings and its mesh", 1, 1, run, NULL };
