/* lua_synth.c -- synthetic people for the pretraining recipes: rendering many pictures at
 * once, and loading batches of them with a chosen background. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bind.h"
#include "../camera.h"
#include "../synth/caption.h"
#include "../synth/composite.h"
#include "../synth/headfit.h"
#include "../synth/synth.h"

#define SYNTH_TYPE "mien.synth"
static mn_synth *synth_arg(lua_State *L) { return *(mn_synth **)luaL_checkudata(L, 1, SYNTH_TYPE); }

static int l_open(lua_State *L) {                        /* mien.synth_open(path) -> synth or nil, message, code */
    bind_enter(L);
    mn_synth_options o = mn_synth_options_default();
    if (lua_isnumber(L, 2)) o.texture_width = (int)lua_tonumber(L, 2);
    mn_synth *s = mn_synth_open(luaL_checkstring(L, 1), &o);
    if (!s) return bind_failed(L);
    *(mn_synth **)lua_newuserdata(L, sizeof s) = s;
    luaL_getmetatable(L, SYNTH_TYPE);
    lua_setmetatable(L, -2);
    return 1;
}
static int l_gc(lua_State *L) {
    mn_synth **s = luaL_checkudata(L, 1, SYNTH_TYPE);
    mn_synth_close(*s);
    *s = NULL;
    return 0;
}

static int push_units(lua_State *L, const float *w) {
    mn_scope s = mn_scope_open();
    bind_push_made(L, mn_from(MN_F32, 1, (int64_t[]){MN_EXPR_UNITS}, w));
    mn_scope_close(s);
    return 1;
}
static int l_named(lua_State *L) {                       /* mien.expression(name [, strength]) -> [57] unit weights */
    float w[MN_EXPR_UNITS];
    bind_enter(L);
    if (mn_expression_named(luaL_checkstring(L, 1), (float)luaL_optnumber(L, 2, 1), w)) return bind_raise(L);
    return push_units(L, w);
}
static int l_random(lua_State *L) {                      /* mien.expression_random(rng) -> [57] */
    float w[MN_EXPR_UNITS];
    bind_enter(L);
    mn_expression_random(bind_rng(L, 1), w);
    return push_units(L, w);
}
static int l_names(lua_State *L) {                       /* list of named expressions and action units */
    lua_newtable(L);
    for (int i = 0; mn_expression_name(i); i++) { lua_pushstring(L, mn_expression_name(i)); lua_rawseti(L, -2, i + 1); }
    return 1;
}
static int l_unit_names(lua_State *L) {
    lua_newtable(L);
    for (int i = 0; i < MN_EXPR_UNITS; i++) { lua_pushstring(L, mn_synth_unit_name(i)); lua_rawseti(L, -2, i + 1); }
    return 1;
}
static int l_camera(lua_State *L) {                      /* mien.camera{yaw, pitch, roll, radius, focal, pivot} -> [1,25]; degrees */
    static const char *const names[] = {"yaw", "pitch", "roll", "radius", "focal", "pivot", NULL};
    float cam[MN_CAMERA];
    bind_enter(L);
    bind_check_options(L, 1, "camera", names);
    mn_camera_orbit((float)bind_option(L, 1, "yaw", 0), (float)bind_option(L, 1, "pitch", 0), (float)bind_option(L, 1, "roll", 0),
                    (float)bind_option(L, 1, "radius", MN_CAMERA_RADIUS), (float)bind_option(L, 1, "focal", MN_CAMERA_FOCAL), cam);
    if (lua_istable(L, 1)) lua_getfield(L, 1, "pivot");
    if (lua_istable(L, 1) && !lua_isnil(L, -1)) {
        float pivot[3];
        if (!lua_istable(L, -1) || lua_objlen(L, -1) != 3) return luaL_error(L, "camera: pivot: {x, y, z} expected");
        for (int i = 0; i < 3; i++) {
            lua_rawgeti(L, -1, i + 1);
            pivot[i] = (float)lua_tonumber(L, -1);
            lua_pop(L, 1);
        }
        if (pivot[0] != 0 || pivot[1] != 0 || pivot[2] != 0) mn_camera_look_at(pivot, (float)bind_option(L, 1, "roll", 0), cam);
    }
    mn_scope s = mn_scope_open();
    bind_push_made(L, mn_from(MN_F32, 2, (int64_t[]){1, MN_CAMERA}, cam));
    mn_scope_close(s);
    return 1;
}

static mn_tensor *field_tensor(lua_State *L, const char *name, mn_dtype dtype, int64_t rows, int64_t cols) {
    lua_getfield(L, 2, name);
    mn_tensor *t = lua_isnil(L, -1) ? NULL : bind_host(L, lua_gettop(L));
    lua_pop(L, 1);
    if (t && (t->dtype != dtype || t->n != rows * cols))
        luaL_error(L, "render: %s: %s [%d,%d] expected, got %s %s", name, mn_dtype_name(dtype), (int)rows, (int)cols, mn_dtype_name(t->dtype), mn_shape_text(t));
    return t;
}

static void push_look(lua_State *L, mn_look k) {
    lua_newtable(L);
    lua_pushstring(L, k.skin); lua_setfield(L, -2, "skin");
    lua_pushstring(L, k.hair); lua_setfield(L, -2, "hair");
    lua_pushstring(L, k.style); lua_setfield(L, -2, "style");
    lua_pushstring(L, k.eyes); lua_setfield(L, -2, "eyes");
    lua_pushboolean(L, k.bald); lua_setfield(L, -2, "bald");
    lua_pushboolean(L, k.wavy); lua_setfield(L, -2, "wavy");
    lua_pushnumber(L, k.beard); lua_setfield(L, -2, "beard");
    lua_pushnumber(L, k.goatee); lua_setfield(L, -2, "goatee");
    lua_pushnumber(L, k.freckles); lua_setfield(L, -2, "freckles");
    lua_pushnumber(L, k.make_up); lua_setfield(L, -2, "make_up");
    lua_pushnumber(L, k.lipstick); lua_setfield(L, -2, "lipstick");
}

/* s:render{z [P,80], expr [P*K,57], camera [P*K,25], gaze?, head?, light?, size, supersample}
 * -> rgba u8 [P*K,S,S,4] over mid grey, effective unit weights [P*K,57], looks of the P people.
 * Picture p*K + k shows person p. */
static int l_render(lua_State *L) {
    static const char *const names[] = {"z", "expr", "camera", "gaze", "head", "light", "size", "supersample", NULL};
    bind_enter(L);
    mn_synth *synth = synth_arg(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    bind_check_options(L, 2, "render", names);
    lua_getfield(L, 2, "z");
    mn_tensor *z = bind_host(L, lua_gettop(L));
    lua_getfield(L, 2, "expr");
    mn_tensor *expr = bind_host(L, lua_gettop(L));
    lua_pop(L, 2);
    int64_t people = z->n / MN_PERSON_Z, shots = expr->n / MN_EXPR_UNITS;
    if (z->n != people * MN_PERSON_Z || z->dtype != MN_F32 || expr->dtype != MN_F32 || !people || shots % people)
        return luaL_error(L, "render: z [P,%d] and expr [P*K,%d] expected, got %s and %s", MN_PERSON_Z, MN_EXPR_UNITS, mn_shape_text(z), mn_shape_text(expr));
    mn_tensor *camera = field_tensor(L, "camera", MN_F32, shots, MN_CAMERA), *gaze = field_tensor(L, "gaze", MN_F32, shots, 2);
    mn_tensor *head = field_tensor(L, "head", MN_F32, shots, 3), *light = field_tensor(L, "light", MN_I32, shots, 1);
    mn_shot base = mn_shot_default();
    base.size = (int)bind_option(L, 2, "size", base.size);
    base.supersample = (int)bind_option(L, 2, "supersample", base.supersample);
    mn_scope scope = mn_scope_open();
    mn_tensor *rgba = mn_empty(MN_U8, 4, (int64_t[]){shots, base.size, base.size, 4}), *eff = mn_empty(MN_F32, 2, (int64_t[]){shots, MN_EXPR_UNITS});
    mn_look *looks = calloc((size_t)people, sizeof *looks);
    if (!looks) mn_fail(MN_ENOMEM, "out of memory");
    mn_status failed = mn_fail_context("render");
    char text[1024];
    snprintf(text, sizeof text, "%s", mn_errmsg());
    mn_error_clear();
    int64_t k = shots / people;
    #pragma omp parallel for schedule(dynamic)
    for (int64_t p = 0; p < people; p++) {
        mn_status stop;
        #pragma omp atomic read
        stop = failed;
        if (stop || mn_interrupted()) continue;
        mn_person *person = mn_person_new(synth, (const float *)z->data + p * MN_PERSON_Z);
        for (int64_t i = p * k; person && i < (p + 1) * k; i++) {
            mn_shot shot = base;
            memcpy(shot.expr, (const float *)expr->data + i * MN_EXPR_UNITS, sizeof shot.expr);
            if (camera) memcpy(shot.camera, (const float *)camera->data + i * MN_CAMERA, sizeof shot.camera);
            if (gaze) memcpy(shot.gaze, (const float *)gaze->data + 2 * i, sizeof shot.gaze);
            if (head) memcpy(shot.head, (const float *)head->data + 3 * i, sizeof shot.head);
            if (light) shot.light = ((const int32_t *)light->data)[i];
            mn_person_effective(person, shot.gaze, shot.expr, (float *)eff->data + i * MN_EXPR_UNITS);
            if (mn_person_draw(synth, person, &shot, (uint8_t *)rgba->data + i * 4 * base.size * base.size)) break;
        }
        if (person) looks[p] = mn_person_look(person);
        mn_person_free(person);
        if (mn_errcode()) {                              /* each thread has its own pending error */
            #pragma omp critical
            {
                snprintf(text, sizeof text, "%s", mn_errmsg());
                #pragma omp atomic write
                failed = mn_errcode();
            }
            mn_error_clear();
        }
    }
    if (!failed && mn_interrupted()) { failed = MN_EINTR; snprintf(text, sizeof text, "render: interrupted"); }
    if (failed) { free(looks); mn_scope_close(scope); return luaL_error(L, "%s", text); }
    bind_push_made(L, rgba);
    bind_push_made(L, eff);
    lua_newtable(L);
    for (int64_t p = 0; p < people; p++) { push_look(L, looks[p]); lua_rawseti(L, -2, (int)p + 1); }
    free(looks);
    mn_scope_close(scope);
    return 3;
}

/* mien.pictures(rgba [N,S,S,4] u8, index [n] i32 or nil for all, top [n,3] or nil, bottom [n,3])
 * -> [n,3,S,S] f32 in -1..1, coverage [n,1,S,S].  top, bottom: sRGB 0..1 of a vertical ramp behind each person;
 * without them the mid grey stays. */
static int l_pictures(lua_State *L) {
    bind_enter(L);
    mn_tensor *rgba = bind_host(L, 1), *index = bind_opt_host(L, 2), *top = bind_opt_host(L, 3), *bottom = bind_opt_host(L, 4);
    if (rgba->dtype != MN_U8 || rgba->nd != 4 || rgba->shape[3] != 4) return luaL_error(L, "pictures: rgba: u8 [N,S,S,4] expected, got %s", mn_shape_text(rgba));
    int64_t size = rgba->shape[1], n = index ? index->n : rgba->shape[0], area = size * rgba->shape[2];
    if (index && index->dtype != MN_I32) return luaL_error(L, "pictures: index: i32 expected");
    for (int64_t i = 0; index && i < n; i++)
        if (((int32_t *)index->data)[i] < 0 || ((int32_t *)index->data)[i] >= rgba->shape[0]) return luaL_error(L, "pictures: index %d of %d pictures", ((int32_t *)index->data)[i], (int)rgba->shape[0]);
    if (top && (!bottom || top->n != 3 * n || bottom->n != 3 * n)) return luaL_error(L, "pictures: top and bottom [%d,3] expected", (int)n);
    if (rgba->shape[2] != size) return luaL_error(L, "pictures: square pictures expected, got %s", mn_shape_text(rgba));
    mn_scope scope = mn_scope_open();
    mn_tensor *y = mn_empty(MN_F32, 4, (int64_t[]){n, 3, size, size}), *a = mn_empty(MN_F32, 4, (int64_t[]){n, 1, size, size});
    if (y && a) {
        #pragma omp parallel for
        for (int64_t i = 0; i < n; i++) {
            const uint8_t *p = (const uint8_t *)rgba->data + (index ? ((int32_t *)index->data)[i] : i) * area * 4;
            uint8_t *rgb = top ? malloc((size_t)area * 3) : NULL;
            if (rgb) mn_composite(p, (int)size, (const float *)top->data + 3 * i, (const float *)bottom->data + 3 * i, rgb);
            float *out = (float *)y->data + i * 3 * area, *cover = (float *)a->data + i * area;
            for (int64_t k = 0; k < area; k++) {
                for (int c = 0; c < 3; c++) out[c * area + k] = ((float)(rgb ? rgb[3 * k + c] : p[4 * k + c]) - 127.5f) / 127.5f;
                cover[k] = (float)p[4 * k + 3] / 255;
            }
            free(rgb);
        }
    }
    bind_push_made(L, y);
    bind_push_made(L, a);
    mn_scope_close(scope);
    return 2;
}

/* mien.caption(z [80] or nil, weights [57], rng) -> text; z: mention the looks of that person */
static int l_caption(lua_State *L) {
    char text[MN_CAPTION];
    bind_enter(L);
    mn_tensor *z = bind_opt_host(L, 1), *w = bind_host(L, 2);
    mn_rng *rng = bind_rng(L, 3);
    if (w->dtype != MN_F32 || w->n != MN_EXPR_UNITS || (z && (z->dtype != MN_F32 || z->n != MN_PERSON_Z)))
        return luaL_error(L, "caption: z [%d] and weights [%d] expected, got %s and %s", MN_PERSON_Z, MN_EXPR_UNITS, mn_shape_text(z), mn_shape_text(w));
    mn_look look;
    if (z) look = mn_look_from_z(z->data);
    if (mn_caption(z ? &look : NULL, w->data, rng, text, sizeof text)) return bind_raise(L);
    lua_pushstring(L, text);
    return 1;
}
/* mien.person_traits(z [n,80]) -> [n,42] */
static int l_person_traits(lua_State *L) {
    bind_enter(L);
    mn_tensor *z = bind_host(L, 1);
    if (z->dtype != MN_F32 || z->nd != 2 || z->shape[1] != MN_PERSON_Z)
        return luaL_error(L, "person_traits: z f32 [n,%d] expected, got %s %s", MN_PERSON_Z, mn_dtype_name(z->dtype), mn_shape_text(z));
    mn_scope scope = mn_scope_open();
    mn_tensor *out = mn_empty(MN_F32, 2, (int64_t[]){z->shape[0], MN_PERSON_TRAITS});
    for (int64_t i = 0; out && i < z->shape[0]; i++)
        mn_person_traits((const float *)z->data + i * MN_PERSON_Z, (float *)out->data + i * MN_PERSON_TRAITS);
    bind_push_made(L, out);
    mn_scope_close(scope);
    return 1;
}
static int l_caption_words(lua_State *L) {               /* every word a caption can hold, one a line */
    bind_enter(L);
    char *words = mn_caption_words();
    if (!words) return bind_raise(L);
    lua_pushstring(L, words);
    free(words);
    return 1;
}

/* mien.backgrounds(rng, n) -> top [n,3], bottom [n,3] */
static int l_backgrounds(lua_State *L) {
    bind_enter(L);
    mn_rng *rng = bind_rng(L, 1);
    int64_t n = (int64_t)luaL_checknumber(L, 2);
    mn_scope scope = mn_scope_open();
    mn_tensor *t = mn_empty(MN_F32, 2, (int64_t[]){n, 3}), *b = mn_empty(MN_F32, 2, (int64_t[]){n, 3});
    for (int64_t i = 0; t && b && i < n; i++) mn_background_random(rng, (float *)t->data + 3 * i, (float *)b->data + 3 * i);
    bind_push_made(L, t);
    bind_push_made(L, b);
    mn_scope_close(scope);
    return 2;
}

/* mien.landmark_weights(landmarks [N,68,3] in metres, camera [N,25], size, gain, radius)
 * -> [N,1,size,size]: 1 + gain * exp(-d^2 / 2 radius^2), d the distance in pixels to the nearest landmark of brows, eyes or mouth. */
static int l_landmark_weights(lua_State *L) {
    bind_enter(L);
    mn_tensor *lms = bind_host(L, 1), *cam = bind_host(L, 2);
    int64_t size = (int64_t)luaL_checknumber(L, 3), n = cam->shape[0];
    double gain = luaL_optnumber(L, 4, 3), radius = luaL_optnumber(L, 5, 4);
    if (lms->dtype != MN_F32 || lms->n != n * 68 * 3 || cam->n != n * MN_CAMERA || size < 1 || size > 4096)
        return luaL_error(L, "landmark_weights: landmarks [N,68,3], camera [N,25] and a size expected, got %s, %s, %d", mn_shape_text(lms), mn_shape_text(cam), (int)size);
    mn_scope scope = mn_scope_open();
    mn_tensor *y = mn_empty(MN_F32, 4, (int64_t[]){n, 1, size, size});
    #pragma omp parallel for
    for (int64_t i = 0; i < (y ? n : 0); i++) {
        const float *c = (const float *)cam->data + i * MN_CAMERA;
        float at[68][2], *out = (float *)y->data + i * size * size;
        int k = 0;
        for (int l = 17; l < 68; l++) {
            if (l >= 27 && l < 36) continue;             /* the nose */
            const float *p = (const float *)lms->data + (i * 68 + l) * 3;
            float d[3], q[3];
            for (int a = 0; a < 3; a++) d[a] = p[a] * 2.5f - c[4 * a + 3];
            for (int a = 0; a < 3; a++) q[a] = c[a] * d[0] + c[4 + a] * d[1] + c[8 + a] * d[2];
            at[k][0] = (c[16] * q[0] / q[2] + c[18]) * (float)size;
            at[k++][1] = (c[20] * q[1] / q[2] + c[21]) * (float)size;
        }
        for (int64_t yy = 0; yy < size; yy++)
            for (int64_t xx = 0; xx < size; xx++) {
                float best = 1e9f;
                for (int l = 0; l < k; l++) {
                    float dx = at[l][0] - (float)xx - .5f, dy = at[l][1] - (float)yy - .5f, d = dx * dx + dy * dy;
                    best = d < best ? d : best;
                }
                double e = best / (2 * radius * radius);
                out[yy * size + xx] = (float)(1 + (e < 12 ? gain * exp(-e) : 0));
            }
    }
    bind_push_made(L, y);
    mn_scope_close(scope);
    return 1;
}

/* s:fit_head(path): the statistical head learned from samples of this source (synth/headfit.h) -> true or nil, message, code */
static int l_fit_head(lua_State *L) {
    bind_enter(L);
    mn_synth *synth = synth_arg(L);
    if (mn_headfit(synth, NULL, luaL_checkstring(L, 2), NULL)) return bind_fail(L);
    lua_pushboolean(L, 1);
    return 1;
}

void bind_open_synth(lua_State *L) {
    static const luaL_Reg functions[] = {{"synth_open", l_open}, {"expression", l_named}, {"expression_random", l_random}, {"expression_names", l_names},
        {"unit_names", l_unit_names}, {"camera", l_camera}, {"pictures", l_pictures}, {"backgrounds", l_backgrounds},
        {"landmark_weights", l_landmark_weights}, {"person_traits", l_person_traits}, {"caption", l_caption}, {"caption_words", l_caption_words}, {0}};
    luaL_newmetatable(L, SYNTH_TYPE);
    lua_newtable(L);
    lua_pushcfunction(L, l_render);
    lua_setfield(L, -2, "render");
    lua_pushcfunction(L, l_fit_head);
    lua_setfield(L, -2, "fit_head");
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    luaL_register(L, NULL, functions);
}
