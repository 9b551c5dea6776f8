/* next3d.c -- a mesh-driven tri-plane generator: the published Next3D (Sun et al.,
 * "Next3D: Generative Neural Texture Rasterization for 3D-Aware Head Avatars", CVPR
 * 2023) at full size, the embedded avatar at small size; sizes come from the
 * configuration.  Tensor names are those of the published checkpoints.
 *
 *   z, camera --mapping--> ws = static rows, then texture rows
 *   texture rows --G_uv--> neural texture F_uv
 *   F_uv, mesh --rasterise four orthogonal views--> front, side (two summed), top
 *   front mouth box --mouth network--> pasted --blending network--> front plane
 *   static rows --> three static planes; plane = rendering*alpha + static*(1-alpha)
 *   planes, camera --volume rendering (next3d_render.c)--> features --super-resolution--> picture
 *
 * Unlike the published code the mesh is not detached: gradients reach the vertices
 * through barycentrics and texture coordinates, which is how an expression code learns.
 * Details that have caused bugs: uncovered pixels sample the texture's centre; side
 * alpha is the binarised alpha of view 1 alone; planes 1 and 2 are sampled at (x,z)
 * and (z,y), crossing the side and top renderings, and the two side views are mirror
 * images of each other, as published.
 *
 * Three settings depart from that, for generators that are trained here.  aligned: a point
 * reads every rendering where the mesh at that point was drawn.
 * follow: planes are made in the frame of the template; what the shape of a head moves, the
 * volume with all its hair, is moved back before it is looked up (deformation_of() below),
 * so that planes need not be made anew for every shape.
 * constants: from this size on every layer of the static planes adds a learned constant to what its convolution gives. */
#include <math.h>
#include <stdio.h>
#include "next3d.h"
#include "stylegan2.h"
#include "../ops/render.h"
#include "../ops/shape.h"

/* Reports an intermediate result by name (trace.h). */
mn_tensor *mn_next3d_note(const char *name, mn_tensor *t) { return mn_noted(t, "%s", name); }

static int64_t channels(mn_model *m, int res) {
    int64_t c = mn_config_int(m, "channel_base") / res, top = mn_config_int(m, "channel_max");
    return c < top ? c : top;
}
static int plane_res(mn_model *m) { return (int)mn_config_int(m, "plane_resolution"); }
static int half_rows(mn_model *m) { return sg_rows(plane_res(m)); }
static bool aligned(mn_model *m) { return mn_config(m, "aligned") != 0; }

/* By how many vertices the frame of the planes follows the head (0: it stays), over which distance their movements mix (metres), and the
 * nodes of the deformation. */
typedef struct { int64_t vertices, nodes; double smoothing; } following;
static following following_of(mn_model *m) {
    double v[3] = {0};
    if (mn_config_list(m, "follow", v, 3) != 3 || !(v[0] >= 0 && v[0] < 1e6) || (v[0] >= 1 && !(v[1] > 0 && v[2] >= 2 && v[2] <= 128))) {
        mn_fail(MN_EARG, "%s: setting 'follow': [vertices, smoothing > 0, nodes from 2 to 128] expected", m->def->name);
        return (following){0, 0, 0};
    }
    return (following){(int64_t)v[0], (int64_t)v[2], v[1]};
}
/* Mesh to volume. */
static double world_scale(mn_model *m) { return mn_config(m, "orth_scale") * mn_config(m, "box_warp") / 2; }

/* ---- declaration ---- */

/* constants: the smallest size whose layers have a constant per channel and texel; 0: none has. */
static mn_status declare_plain(mn_model *m, const char *p, int64_t rgb, int64_t constants) {
    char name[96];
    int64_t w = mn_config_int(m, "w_dim");
    for (int res = 4; res <= plane_res(m); res *= 2) {
        snprintf(name, sizeof name, "%s.b%d", p, res);
        sg_declare_block(m, name, res == 4 ? 0 : channels(m, res / 2), channels(m, res), rgb, w, res);
        if (constants == 0 || res < constants) continue;
        for (int k = res == 4; k < 2; k++)              /* a block of 4 has the second layer only */
            mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(channels(m, res), res, res), "%s.conv%d.const", name, k);
    }
    return mn_errcode();
}

/* A conditional network: encoder from in_size down to final, decoder from 2*final up; fusion while final*2^j < cond. */
enum { MOST_LEVELS = 9 };       /* of an encoder, and one */
typedef struct { int in, final, cond; } conditional;
static conditional conditional_sizes(mn_model *m, const char *key) {
    int v[3] = {0}, n = mn_config_ints(m, key, 1, 1 << 16, v, 3), in = v[0], final = v[1];
    if (n != 3 || (in & (in - 1)) || (final & (final - 1)) || final < 4 || in < 2 * final || in >> MOST_LEVELS >= final || v[2] > in || 2 * final > plane_res(m))
        mn_fail(MN_EARG, "%s: setting '%s': [input, final, conditioned] expected: powers of two, final from 4 to half of plane_resolution, input from 2 to %d times it, conditioned up to input",
                m->def->name, key, 1 << (MOST_LEVELS - 1));
    return (conditional){in, final, v[2]};
}

static mn_status declare_conditional(mn_model *m, const char *p, const char *key) {
    char name[96];
    int64_t w = mn_config_int(m, "w_dim"), rgb = mn_config_int(m, "plane_channels");
    conditional k = conditional_sizes(m, key);
    if (mn_errcode()) return mn_errcode();
    int j = 0;
    for (int res = k.in; res >= 2 * k.final; res /= 2, j++) {
        snprintf(name, sizeof name, "%s.encoder.%d.fromrgb", p, j);
        sg_declare_conv(m, name, rgb, channels(m, res), 1, false);
        snprintf(name, sizeof name, "%s.encoder.%d.conv1", p, j);
        sg_declare_conv(m, name, channels(m, res), channels(m, res), 3, true);
        snprintf(name, sizeof name, "%s.encoder.%d.conv2", p, j);
        sg_declare_conv(m, name, channels(m, res), channels(m, res / 2), 3, true);
    }
    j = 0;
    for (int res = 2 * k.final; res <= plane_res(m); res *= 2, j++) {
        if (k.final << j < k.cond) {
            snprintf(name, sizeof name, "%s.fusion.%d", p, j);
            sg_declare_conv(m, name, (j ? 2 : 1) * channels(m, res / 2), channels(m, res / 2), 3, true);
        }
        snprintf(name, sizeof name, "%s.b%d", p, res);
        sg_declare_block(m, name, channels(m, res / 2), channels(m, res), rgb, w, res);
    }
    return mn_errcode();
}

static mn_status build(mn_model *m) {
    int64_t w = mn_config_int(m, "w_dim"), c = mn_config_int(m, "plane_channels"), hidden = mn_config_int(m, "decoder_hidden");
    int64_t faces = mn_config_int(m, "faces"), p = plane_res(m), constants = mn_config_int(m, "constants");
    int sr[2] = {0}, up[2] = {0};
    if (mn_errcode()) return mn_errcode();
    if (constants < 0) return mn_fail(MN_EARG, "next3d: setting 'constants': a size of the static planes' layers, or 0, expected, got %lld", (long long)constants);
    if (p < 8 || (p & (p - 1))) return mn_fail(MN_EARG, "next3d: plane_resolution: a power of two from 8 on expected, got %lld", (long long)p);
    sg_declare_mapping(m, "backbone.mapping", mn_config_int(m, "z_dim"), mn_config_int(m, "c_dim"), w, (int)mn_config_int(m, "mapping_layers"), mn_config(m, "mapping_lr"));
    declare_plain(m, "backbone.synthesis", 3 * c, constants);
    declare_plain(m, "texture_backbone.synthesis", c, 0);
    declare_conditional(m, "mouth_backbone.synthesis", "mouth");
    declare_conditional(m, "neural_blending.synthesis", "blending");
    mn_declare(m, MN_INIT_NORMAL, 1, true, MN_DIMS(hidden, c), "decoder.net.0.weight");
    mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(hidden), "decoder.net.0.bias");
    mn_declare(m, MN_INIT_NORMAL, 1, true, MN_DIMS(c + 1, hidden), "decoder.net.2.weight");
    mn_declare(m, MN_INIT_ZERO, 0, true, MN_DIMS(c + 1), "decoder.net.2.bias");
    if (mn_config_ints(m, "sr_channels", 1, 1 << 16, sr, 2) != 2 || mn_config_ints(m, "sr_up", 1, 8, up, 2) != 2)
        return mn_fail(MN_EARG, "next3d: sr_channels and sr_up: two numbers each expected");
    int64_t res = mn_config_int(m, "sr_input");
    for (int k = 0; k < 2; k++) {
        char name[64];
        snprintf(name, sizeof name, "superresolution.block%d", k);
        res *= up[k];
        sg_declare_block(m, name, k ? sr[0] : c, sr[k], 3, w, (int)res);
    }
    mn_declare_index(m, MN_DIMS(1, faces, 3), "faces");
    mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(1, faces, 3, 3), "face_uvcoords");
    mn_declare(m, MN_INIT_CONST, 1, false, MN_DIMS(1, 1, p, p), "uv_face_mask");
    /* planes sampled at (x,y), (x,z), (z,y), or, aligned, at (x,y), (z,y), (x,z): rows are the axes of the plane's frame */
    static const float axes[2][27] = {{1, 0, 0, 0, 1, 0, 0, 0, 1,  1, 0, 0, 0, 0, 1, 0, 1, 0,  0, 0, 1, 0, 1, 0, 1, 0, 0},
                                      {1, 0, 0, 0, 1, 0, 0, 0, 1,  0, 0, 1, 0, 1, 0, 1, 0, 0,  1, 0, 0, 0, 0, 1, 0, 1, 0}};
    mn_declare_values(m, axes[aligned(m)], MN_DIMS(3, 3, 3), "renderer.plane_axes");
    following lead = following_of(m);
    if (lead.vertices > 0) {
        mn_declare_index(m, MN_DIMS(lead.vertices), "follow.vertices");
        mn_declare(m, MN_INIT_ZERO, 0, false, MN_DIMS(1, lead.vertices, 3), "follow.rest");
    }
    mn_keep_on_host(m, "renderer.plane_axes");
    mn_keep_on_host(m, "faces");
    mn_keep_on_host(m, "face_uvcoords");
    return mn_errcode();
}

/* ---- backbones ---- */

static mn_tensor *plain(mn_model *m, const char *p, mn_tensor *ws, int first) {
    mn_scope scope = mn_scope_open();
    mn_tensor *x = NULL, *img = NULL;
    bool noise = mn_config(m, "noise") != 0;
    double clamp = mn_config(m, "clamp");
    char name[96];
    for (int res = 4; res <= plane_res(m); res *= 2) {
        int r = first + sg_first_row(res);
        snprintf(name, sizeof name, "%s.b%d", p, res);
        x = sg_block(m, name, x, &img, res == 4 ? NULL : sg_row(ws, r), sg_row(ws, r + 1), sg_row(ws, r + 2), 2, noise, clamp);
    }
    return mn_scope_leave(scope, img);
}
mn_tensor *mn_next3d_texture(mn_model *m, mn_tensor *ws) { return mn_next3d_note("texture", plain(m, "texture_backbone.synthesis", ws, half_rows(m))); }
mn_tensor *mn_next3d_static(mn_model *m, mn_tensor *ws) { return mn_next3d_note("static_plane", plain(m, "backbone.synthesis", ws, 0)); }

static mn_tensor *conditional_network(mn_model *m, const char *p, const char *key, mn_tensor *cond, mn_tensor *ws) {
    mn_scope scope = mn_scope_open();
    conditional k = conditional_sizes(m, key);
    mn_tensor *e[MOST_LEVELS] = {NULL}, *h = NULL, *x = NULL, *img = NULL;
    bool noise = mn_config(m, "noise") != 0;
    double clamp = mn_config(m, "clamp");
    char name[96];
    int n = 0, j = 0;
    for (int res = k.in; res >= 2 * k.final; res /= 2, n++) {
        if (n) cond = sg_down2(cond);
        snprintf(name, sizeof name, "%s.encoder.%d.fromrgb", p, n);
        mn_tensor *t = sg_conv(m, name, cond, false, false);
        h = h ? mn_call(add, T(t, h)) : t;
        snprintf(name, sizeof name, "%s.encoder.%d.conv1", p, n);
        h = sg_conv(m, name, h, true, false);
        snprintf(name, sizeof name, "%s.encoder.%d.conv2", p, n);
        e[n] = h = sg_conv(m, name, h, true, true);
    }
    for (int res = 2 * k.final; res <= plane_res(m); res *= 2, j++) {
        if (k.final << j < k.cond) {                       /* e[n-1] is the deepest */
            snprintf(name, sizeof name, "%s.fusion.%d", p, j);
            x = sg_conv(m, name, j ? mn_call(concat, T(x, e[n - 1 - j]), {"axis", 1}) : e[n - 1], false, false);
        }
        int r = sg_first_row(res);
        snprintf(name, sizeof name, "%s.b%d", p, res);
        x = sg_block(m, name, x, &img, sg_row(ws, r), sg_row(ws, r + 1), sg_row(ws, r + 2), 2, noise, clamp);
    }
    return mn_scope_leave(scope, img);
}

/* ---- rasterised views ---- */

static const double VIEWS[4][3] = {{0, 0, 0}, {0, 90, 0}, {0, -90, 0}, {90, 0, 0}};

mn_tensor *mn_next3d_view(mn_tensor *points, double scale, const double *orth_shift, int view) {
    float s[3], c[3], M[9], shift[3];
    if (mn_errcode() || !points) return NULL;
    for (int k = 0; k < 3; k++) {
        float a = (float)VIEWS[view][k] * (float)M_PI / 180.0f;
        s[k] = sinf(a);
        c[k] = cosf(a);
        shift[k] = (float)orth_shift[k];
    }
    float X[9] = {1, 0, 0, 0, c[0], -s[0], 0, s[0], c[0]}, Y[9] = {c[1], 0, s[1], 0, 1, 0, -s[1], 0, c[1]}, Z[9] = {c[2], -s[2], 0, s[2], c[2], 0, 0, 0, 1}, ZY[9];
    for (int i = 0; i < 9; i++) { ZY[i] = 0; for (int k = 0; k < 3; k++) ZY[i] += Z[i / 3 * 3 + k] * Y[k * 3 + i % 3]; }
    for (int i = 0; i < 9; i++) { M[i] = 0; for (int k = 0; k < 3; k++) M[i] += ZY[i / 3 * 3 + k] * X[k * 3 + i % 3]; }
    for (int i = 3; i < 6; i++) M[i] = -M[i];              /* y is negated before the rotation */
    mn_dtype d = points->dtype;
    mn_tensor *rot = mn_cast(mn_from(MN_F32, MN_DIMS(3, 3), M), d), *sh = mn_cast(mn_from(MN_F32, MN_DIMS(3), shift), d);
    mn_tensor *q = mn_call(affine, T(mn_call(add, T(mn_call(matmul, T(points, rot)), sh))), {"scale", scale});
    mn_tensor *flip = mn_cast(mn_from(MN_F32, MN_DIMS(3), (float[]){-1, 1, -1}), d), *away = mn_cast(mn_from(MN_F32, MN_DIMS(3), (float[]){0, 0, 10}), d);
    return mn_call(add, T(mn_call(mul, T(q, flip)), away));
}

/* Aligned, the first side view and the top view are mirrored, so that columns and rows grow with z. */
static bool mirrored(mn_model *m, int view) { return aligned(m) && (view == 1 || view == 3); }

/* The same with the model's own scale and shift. */
static mn_tensor *to_view(mn_model *m, mn_tensor *points, int view) {
    static const float MIRROR[2][3] = {{-1, 1, 1}, {1, -1, 1}};
    double shift[3], scale = mn_config(m, "orth_scale");
    mn_tensor *q = mn_config_list(m, "orth_shift", shift, 3) == 3 ? mn_next3d_view(points, scale, shift, view) : NULL;
    return q && mirrored(m, view) ? mn_call(mul, T(q, mn_cast(mn_from(MN_F32, MN_DIMS(3), MIRROR[view == 3]), q->dtype))) : q;
}

/* The published code takes triangles as (0,2,1); in a mirror they are (0,1,2). */
static int corner(int k, bool mirror) { return mirror ? k : (3 - k) % 3; }
typedef struct { mn_tensor *faces, *uv; } triangles;       /* [F,3], [F,3,2] */
static mn_tensor *faces_of(mn_model *m, bool mirror) {
    mn_tensor *f = mn_weight(m, "faces");
    if (!f) return NULL;
    mn_tensor *g = mn_empty_host(MN_I32, 2, f->shape + 1);
    for (int64_t i = 0; g && i < f->n; i++) ((int32_t *)g->data)[i] = ((int32_t *)f->data)[i - i % 3 + corner((int)(i % 3), mirror)];
    return mn_to(g, m->device);
}
static mn_tensor *uv_of(mn_model *m, bool mirror) {
    mn_tensor *uv = mn_weight(m, "face_uvcoords");
    if (!uv) return NULL;
    mn_tensor *g = mn_empty_host(MN_F32, MN_DIMS(uv->shape[1], 3, 2));
    for (int64_t f = 0; g && f < uv->shape[1]; f++)
        for (int k = 0; k < 3; k++)
            for (int d = 0; d < 2; d++) ((float *)g->data)[(3 * f + k) * 2 + d] = ((float *)uv->data)[(3 * f + corner(k, mirror)) * 3 + d];
    return mn_to(g, m->device);
}

/* Pixels per view: what the mesh shows of a texture, and how much of it (alpha, filled inside). */
static mn_status draw_view(mn_model *m, mn_tensor *texture, mn_tensor *v, triangles mesh, int view, mn_tensor **picture, mn_tensor **alpha) {
    char name[32];
    mn_tensor *r[3];
    if (mn_calln(r, rasterize, T(to_view(m, v, view), mesh.faces), {"size", plane_res(m)})) return mn_errcode();
    snprintf(name, sizeof name, "pix_to_face.view%d", view);
    mn_next3d_note(name, r[0]);
    mn_tensor *grid = mn_call(interpolate, T(r[1], r[0], mesh.uv));                   /* [N,P,P,2], (0,0) where nothing is hit */
    *picture = mn_call(grid_sample, T(texture, grid));
    bool was = mn_tape_enable(false);
    mn_tensor *a = mn_call(grid_sample, T(mn_weight(m, "uv_face_mask"), mn_detach(grid)));
    if (a) a = mn_call(mul, T(a, mn_reshape(mn_call(nonzero, T(mn_call(sum, T(mn_detach(r[1])), {"axis", 3}))), 4, a->shape)));   /* nothing is hit: weights 0 */
    if (mn_trace.note && a && grid) {                                            /* texture coordinates where the mask shows the mesh */
        mn_tensor *shown = mn_reshape(a, 4, (int64_t[]){a->shape[0], a->shape[2], a->shape[3], 1});
        mn_noted(mn_permute(mn_call(mul, T(mn_detach(grid), shown)), 4, (int[]){0, 3, 1, 2}), "uv.view%d", view);
    }
    *alpha = mn_config(m, "fill_mouth") ? mn_call(flood_fill, T(a)) : a;
    mn_tape_enable(was);
    return mn_errcode();
}

/* ---- mouth ---- */

/* Front rendering -> mouth network inside the box around the lips -> blending network: the front plane.
 * The box's place stays on the device, so that nothing here waits for it. */
static mn_tensor *with_mouth(mn_model *m, mn_tensor *front, mn_tensor *ws, mn_tensor *lms) {
    const int size = conditional_sizes(m, "mouth").in;
    mn_tensor *box = mn_next3d_note("mouth_box", mn_call(mouth_box, T(lms), {"res", plane_res(m)}));
    mn_tensor *in = mn_next3d_note("mouth_in", mn_call(crop_resize, T(front, box), {"h", size}, {"w", size}));
    mn_tensor *plane = mn_next3d_note("mouth_plane", conditional_network(m, "mouth_backbone.synthesis", "mouth", in, ws));
    mn_tensor *stitched = mn_next3d_note("stitch_in", mn_call(paste_resize, T(front, plane, box)));
    return mn_next3d_note("stitch_out", conditional_network(m, "neural_blending.synthesis", "blending", stitched, ws));
}

/* ---- planes ---- */

/* How far the head's shape has moved the volume from where the template has it, at the centres g of G x G x G cells:
 *     sum_i s_i (u_i - r_i),   s = softmax_i(-|g - r_i|^2 / (2 smoothing^2)),
 * u and r the leading vertices in the volume, now and at rest: [N,G,G,G,3] (z, y, x), NULL where nothing is followed.  No gradient: the
 * vertices that lead are those which no expression moves. */
static mn_tensor *deformation_of(mn_model *m, mn_tensor *v) {
    following lead = following_of(m);
    if (mn_errcode() || lead.vertices == 0) return NULL;
    mn_scope scope = mn_scope_open();
    const int64_t g = lead.nodes, n = v->shape[0];
    const double scale = world_scale(m), half = mn_config(m, "box_warp") / 2, sharp = 1 / (lead.smoothing * lead.smoothing * scale * scale);
    bool was = mn_tape_enable(false);
    mn_tensor *nodes = mn_empty_host(MN_F32, MN_DIMS(g * g * g, 3));
    for (int64_t i = 0; nodes && i < g * g * g; i++) {
        const int64_t at[3] = {i % g, i / g % g, i / (g * g)};
        for (int k = 0; k < 3; k++) ((float *)nodes->data)[3 * i + k] = (float)(((double)(2 * at[k] + 1) / (double)g - 1) * half);
    }
    nodes = mn_cast(mn_to(nodes, m->device), v->dtype);
    mn_tensor *rest = mn_call(affine, T(mn_weight(m, "follow.rest")), {"scale", scale});
    mn_tensor *now = mn_call(gather, T(mn_permute(v, 3, (int[]){1, 0, 2}), mn_weight(m, "follow.vertices")));       /* [K,N,3] */
    mn_tensor *moved = mn_permute(mn_call(sub, T(mn_call(affine, T(now), {"scale", scale}), mn_permute(rest, 3, (int[]){1, 0, 2}))), 3, (int[]){1, 0, 2});
    rest = mn_reshape(rest, 2, (int64_t[]){lead.vertices, 3});
    mn_tensor *dot = mn_call(affine, T(mn_call(matmul, T(nodes, rest), {"tb", 1})), {"scale", sharp});
    mn_tensor *size = mn_call(affine, T(mn_call(sum, T(mn_call(mul, T(rest, rest))), {"axis", 1})), {"scale", sharp / 2});
    mn_tensor *shares = mn_call(softmax, T(mn_call(sub, T(dot, size))));                                             /* [G^3,K]; |g|^2 is the same for all */
    mn_tensor *away = mn_reshape(mn_call(matmul, T(shares, moved)), 5, (int64_t[]){n, g, g, g, 3});
    mn_tape_enable(was);
    return mn_scope_leave(scope, away);
}

mn_status mn_next3d_expect_deformation(mn_model *m, const char *method, mn_tensor *away, int64_t n) {
    const following lead = following_of(m);
    const int64_t g = lead.nodes;
    if (mn_errcode()) return mn_errcode();
    if (lead.vertices == 0) return away ? mn_fail(MN_EARG, "%s.%s: deformation: none expected, for nothing is followed (setting 'follow')", m->def->name, method) : MN_OK;
    if (!away) return mn_fail(MN_EARG, "%s.%s: deformation: what planes() returned beside the planes expected, got nothing", m->def->name, method);
    return mn_expect(m, method, "deformation", away, 5, (int64_t[]){n, g, g, g, 3});
}

/* A mesh in the frame of the planes. */
static mn_tensor *undeformed(mn_model *m, mn_tensor *v, mn_tensor *away) {
    const double scale = world_scale(m);
    mn_tensor *p = mn_undeformed(mn_call(affine, T(v), {"scale", scale}), away, mn_config(m, "box_warp"));
    return mn_call(affine, T(p), {"scale", 1 / scale});
}

/* rendering*alpha + static*(1-alpha) = static + alpha*(rendering - static) */
static mn_tensor *blend(mn_tensor *rendering, mn_tensor *alpha, mn_tensor *fixed) {
    mn_tensor *rest = mn_call(affine, T(alpha), {"scale", -1}, {"shift", 1});
    return mn_call(add, T(mn_call(mul, T(rendering, alpha)), mn_call(mul, T(fixed, rest))));
}

mn_tensor *mn_next3d_planes(mn_model *m, mn_tensor *texture, mn_tensor *fixed, mn_tensor *ws, mn_tensor *v, mn_tensor **deformation) {
    *deformation = NULL;
    if (mn_errcode() || !texture || !fixed || !ws || !v) return NULL;
    int64_t c = mn_config_int(m, "plane_channels"), verts = mn_config_int(m, "vertices"), n = v->shape[0], p = plane_res(m);
    if (mn_expect(m, "planes", "v", v, 3, (int64_t[]){-1, verts + 68, 3}) || mn_expect(m, "planes", "texture", texture, 4, (int64_t[]){n, c, p, p})
        || mn_expect(m, "planes", "static", fixed, 4, (int64_t[]){n, 3 * c, p, p}))
        return NULL;
    *deformation = deformation_of(m, v);
    mn_scope scope = mn_scope_open();
    if (*deformation) v = undeformed(m, v, *deformation);
    mn_tensor *mesh = mn_call(slice, T(v), {"axis", 1}, {"stop", verts});
    mn_tensor *lms = to_view(m, mn_detach(mn_call(slice, T(v), {"axis", 1}, {"start", verts})), 0);
    const triangles plain = {faces_of(m, false), uv_of(m, false)}, turned = aligned(m) ? (triangles){faces_of(m, true), uv_of(m, true)} : plain;
    mn_tensor *view[4], *alpha[4];
    for (int k = 0; k < 4; k++)
        if (draw_view(m, texture, mesh, mirrored(m, k) ? turned : plain, k, &view[k], &alpha[k])) return mn_scope_leave(scope, NULL);
    mn_tensor *front = mn_next3d_note("rendering.front", view[0]), *side = mn_next3d_note("rendering.side", mn_call(add, T(view[1], view[2]))), *top = mn_next3d_note("rendering.top", view[3]);
    mn_tensor *a_side = mn_call(nonzero, T(alpha[1]));
    mn_next3d_note("alpha.front", alpha[0]); mn_next3d_note("alpha.side", a_side); mn_next3d_note("alpha.top", alpha[3]);
    mn_next3d_note("lms2d_front", lms);
    front = lms ? with_mouth(m, front, ws, lms) : NULL;
    mn_tensor *s[3];
    for (int k = 0; k < 3; k++) s[k] = mn_call(slice, T(fixed), {"axis", 1}, {"start", k * c}, {"stop", (k + 1) * c});
    mn_tensor *all = mn_next3d_note("blended", mn_call(concat, T(blend(front, alpha[0], s[0]), blend(side, a_side, s[1]), blend(top, alpha[3], s[2])), {"axis", 1}));
    return mn_scope_leave(scope, mn_reshape(all, 5, (int64_t[]){n, 3, c, p, p}));
}

/* ---- methods ---- */

static mn_status run_mapping(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    if (mn_expect(m, "mapping", "z", in[0], 2, (int64_t[]){-1, mn_config_int(m, "z_dim")}) || mn_expect(m, "mapping", "c", in[1], 2, (int64_t[]){-1, mn_config_int(m, "c_dim")})) return mn_errcode();
    int cutoff = attr[1] < 0 ? half_rows(m) : (int)attr[1];
    out[0] = sg_mapping(m, "backbone.mapping", in[0], in[1], 2 * half_rows(m), (int)mn_config_int(m, "mapping_layers"), mn_config(m, "mapping_lr"), mn_config(m, "c_scale"), attr[0], cutoff);
    return mn_errcode();
}
static mn_status check_ws(mn_model *m, const char *method, mn_tensor *ws) {
    return mn_expect(m, method, "ws", ws, 3, (int64_t[]){-1, 2 * half_rows(m), mn_config_int(m, "w_dim")});
}
static mn_status run_texture(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    if (!check_ws(m, "texture", in[0])) out[0] = mn_next3d_texture(m, in[0]);
    return mn_errcode();
}
static mn_status run_static(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    if (!check_ws(m, "static", in[0])) out[0] = mn_next3d_static(m, in[0]);
    return mn_errcode();
}
static mn_status run_planes(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    if (check_ws(m, "planes", in[0])) return mn_errcode();
    mn_tensor *texture = in[2] ? in[2] : mn_next3d_texture(m, in[0]), *fixed = in[3] ? in[3] : mn_next3d_static(m, in[0]);
    out[0] = mn_next3d_planes(m, texture, fixed, in[0], in[1], &out[1]);
    return mn_errcode();
}
static mn_status run_render(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    mn_tensor *r[3] = {NULL};
    if (check_ws(m, "render", in[1]) || mn_expect(m, "render", "camera", in[2], 2, (int64_t[]){-1, 25})) return mn_errcode();
    if (mn_next3d_render(m, in[0], in[2], in[3], in[4], in[5], r)) return mn_errcode();
    out[0] = mn_next3d_superres(m, r[0], in[1]);
    out[1] = r[0];
    out[2] = r[1];
    out[3] = r[2];
    return mn_errcode();
}
static mn_status run_neural(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    mn_tensor *r[3] = {NULL};
    if (mn_expect(m, "neural", "camera", in[1], 2, (int64_t[]){-1, 25}) || mn_next3d_render(m, in[0], in[1], in[2], in[3], in[4], r)) return mn_errcode();
    out[0] = mn_call(slice, T(r[0]), {"axis", 1}, {"stop", 3});
    return mn_errcode();
}
static mn_status run_canonical(mn_model *m, mn_tensor *const *in, const double *attr, mn_tensor **out) {
    (void)attr;
    if (mn_expect(m, "canonical", "points", in[0], 3, (int64_t[]){-1, -1, 3}) || mn_next3d_expect_deformation(m, "canonical", in[1], in[0]->shape[0])) return mn_errcode();
    out[0] = mn_undeformed(in[0], in[1], mn_config(m, "box_warp"));
    return mn_errcode();
}
static const mn_method methods[] = {
    {"mapping", "z c", "mapping(z [N,Z], c [N,25], {psi, cutoff}): ws [N,rows,W]; psi truncates the first cutoff rows (default: the static half)", {{"psi", 1, 0}, {"cutoff", -1, 0}}, 0, run_mapping},
    {"texture", "ws", "texture(ws): the neural texture [N,C,P,P]", {{0}}, 0, run_texture},
    {"static", "ws", "static(ws): the static planes [N,3C,P,P]", {{0}}, 0, run_static},
    {"planes", "ws v texture? static?", "planes(ws, v [N,V+68,3], texture, static): tri-planes [N,3,C,P,P]; texture and static are computed when absent.  Then, where planes follow the head, the deformation [N,G,G,G,3] by which the volume is moved back", {{0}}, 2, run_planes},
    {"render", "planes ws camera coarse? fine? deformation?", "render(planes, ws, camera [N,25], coarse, fine, deformation): picture [N,3,S,S], features [N,C,R,R], depth [N,1,R,R], coverage [N,1,R,R]; coarse and fine are random draws in [0,1), deformation what planes gave", {{0}}, 4, run_render},
    {"neural", "planes camera coarse? fine? deformation?", "neural(planes, camera [N,25], coarse, fine, deformation): the picture that super-resolution would start from [N,3,R,R]", {{0}}, 0, run_neural},
    {"canonical", "points deformation", "canonical(points [N,M,3], deformation): where points of the volume lie in the planes", {{0}}, 0, run_canonical},
    {0}};

const mn_modeldef mn_model_next3d = {
    .name = "next3d", .doc = "mesh-driven tri-plane generator of head avatars", .build = build, .methods = methods,
    .config = "{\"z_dim\":512,\"c_dim\":25,\"w_dim\":512,\"mapping_layers\":2,\"mapping_lr\":0.01,\"c_scale\":1,\"plane_resolution\":256,\"plane_channels\":32,"
              "\"channel_base\":32768,\"channel_max\":512,\"noise\":true,\"clamp\":0,\"fill_mouth\":true,\"mouth\":[64,4,64],\"blending\":[256,32,256],"
              "\"orth_scale\":5,\"orth_shift\":[0,-0.01,-0.01],\"aligned\":false,\"follow\":[0,0,0],\"constants\":0,\"decoder_hidden\":64,\"decoder_lr\":1,\"vertices\":5023,\"faces\":9976,"
              "\"neural_rendering_resolution\":64,\"depth_resolution\":48,\"depth_resolution_importance\":48,\"ray_start\":2.25,\"ray_end\":3.3,"
              "\"box_warp\":1,\"white_back\":false,\"sr_input\":128,\"sr_channels\":[256,128],\"sr_up\":[2,2],\"sr_clamp\":256,\"sr_antialias\":true,\"sr_noise\":false,"
              "\"focal\":4.2647,\"radius\":2.7,\"pivot\":[0,0,0]}"};
