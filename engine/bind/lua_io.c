/* lua_io.c -- safetensors and PNG files, pictures from tensors. */
#include <stdlib.h>
#include <string.h>
#include "bind.h"

bool bind_push_st(lua_State *L, mn_st *st) {
    lua_newtable(L);
    lua_newtable(L);
    lua_newtable(L);
    for (int i = 0; i < mn_st_count(st); i++) {
        mn_scope s = mn_scope_open();
        mn_tensor *t = mn_st_get(st, mn_st_name(st, i));
        if (t) bind_push_made(L, t);
        mn_scope_close(s);
        if (!t) { mn_st_close(st); return false; }
        lua_setfield(L, -4, mn_st_name(st, i));
        lua_pushstring(L, mn_st_name(st, i));
        lua_rawseti(L, -2, i + 1);
    }
    for (int i = 0; i < mn_st_meta_count(st); i++) {
        lua_pushstring(L, mn_st_meta(st, mn_st_meta_key(st, i)));
        lua_setfield(L, -3, mn_st_meta_key(st, i));
    }
    mn_st_close(st);
    return true;
}

/* mien.st_load(path) -> {name = tensor}, {key = text}, {names in order}; or nil, message, code */
static int l_st_load(lua_State *L) {
    bind_enter(L);
    mn_st *st = mn_st_open(luaL_checkstring(L, 1));
    return st && bind_push_st(L, st) ? 3 : bind_failed(L);
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

const char **bind_texts(lua_State *L, int at, const char *who, int *n) {
    int i = *n = 0;
    if (!lua_istable(L, at)) return NULL;
    for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) (*n)++;
    const char **pairs = lua_newuserdata(L, (2 * (size_t)*n + 1) * sizeof *pairs);
    for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "%s: metadata: texts expected", who);
        pairs[i++] = lua_tostring(L, -2);
        pairs[i++] = lua_tostring(L, -1);
    }
    qsort(pairs, (size_t)*n, 2 * sizeof *pairs, by_name);
    return pairs;
}

bind_st bind_st_table(lua_State *L, int tensors, int texts, const char *who) {
    bind_st b = {0};
    int n = 0;
    for (lua_pushnil(L); lua_next(L, tensors); lua_pop(L, 1)) n++;
    b.texts = bind_texts(L, texts, who, &b.n_texts);
    b.names = lua_newuserdata(L, ((size_t)n + 1) * sizeof *b.names);
    b.tensors = lua_newuserdata(L, ((size_t)n + 1) * sizeof *b.tensors);
    for (lua_pushnil(L); lua_next(L, tensors); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) luaL_error(L, "%s: tensors by name expected", who);
        b.names[b.n++] = lua_tostring(L, -2);
    }
    qsort(b.names, (size_t)n, sizeof *b.names, by_name);
    for (int i = 0; i < n; i++) {
        lua_getfield(L, tensors, b.names[i]);
        b.tensors[i] = bind_host(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    return b;
}

/* mien.st_save(path, {name = tensor}, {key = text}) -> true or nil, message, code; names are written sorted */
static int l_st_save(lua_State *L) {
    bind_enter(L);
    const char *path = luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    bind_st b = bind_st_table(L, 2, 3, "st_save");
    if (mn_st_save(path, b.n, b.names, b.tensors, b.n_texts, b.texts)) return bind_failed(L);
    lua_pushboolean(L, 1);
    return 1;
}

/* mien.png_write(path, pixels [H,W,C] u8, {keyword = text}) -> true or nil, message, code */
static int l_png_write(lua_State *L) {
    bind_enter(L);
    const char *path = luaL_checkstring(L, 1);
    mn_tensor *t = bind_host(L, 2);
    int n;
    const char **texts = bind_texts(L, 3, "png_write", &n);
    if (mn_png_write(path, t, n, texts)) return bind_failed(L);
    lua_pushboolean(L, 1);
    return 1;
}
static int l_png_read(lua_State *L) {
    bind_enter(L);
    mn_scope s = mn_scope_open();
    mn_tensor *t = mn_png_read(luaL_checkstring(L, 1));
    if (!t) { mn_scope_close(s); return bind_failed(L); }
    bind_push_made(L, t);
    mn_scope_close(s);
    return 1;
}
static int l_png_text(lua_State *L) {                    /* {keyword = text} */
    bind_enter(L);
    int n;
    char **pairs;
    if (mn_png_text(luaL_checkstring(L, 1), &n, &pairs)) return bind_failed(L);
    lua_newtable(L);
    for (int i = 0; i < n; i++) { lua_pushstring(L, pairs[2 * i + 1]); lua_setfield(L, -2, pairs[2 * i]); }
    mn_png_text_free(n, pairs);
    return 1;
}

/* mien.to_pixels(x [3,H,W] or [1,3,H,W] in -1..1) -> [H,W,3] u8 = clamp(x*127.5 + 128), the published viewer's rule */
static int l_to_pixels(lua_State *L) {
    bind_enter(L);
    mn_tensor *x = bind_host(L, 1);
    int at = x->nd == 4 && x->shape[0] == 1 ? 1 : 0;
    if (x->nd - at != 3 || x->dtype != MN_F32 || (x->shape[at] != 3 && x->shape[at] != 1))
        return luaL_error(L, "to_pixels: one f32 picture [3,H,W] or [1,H,W] expected, got %s", mn_shape_text(x));
    int64_t c = x->shape[at], h = x->shape[at + 1], w = x->shape[at + 2], shape[3] = {h, w, 3};
    mn_scope s = mn_scope_open();
    mn_tensor *y = mn_empty(MN_U8, 3, shape);
    if (y) {
        const float *p = x->data;
        uint8_t *q = y->data;
        for (int64_t i = 0; i < h * w; i++)
            for (int64_t k = 0; k < 3; k++) {
                float v = p[(c == 1 ? 0 : k) * h * w + i] * 127.5f + 128;
                q[3 * i + k] = (uint8_t)(v < 0 || v != v ? 0 : v > 255 ? 255 : v);
            }
    }
    bind_push_made(L, y);
    mn_scope_close(s);
    return 1;
}
/* mien.from_pixels([H,W,3] u8) -> [1,3,H,W] f32 in -1..1: (p - 127.5) / 127.5 */
static int l_from_pixels(lua_State *L) {
    bind_enter(L);
    mn_tensor *x = bind_host(L, 1);
    if (x->nd != 3 || x->dtype != MN_U8 || x->shape[2] != 3) return luaL_error(L, "from_pixels: [H,W,3] u8 expected, got %s", mn_shape_text(x));
    int64_t n = x->shape[0] * x->shape[1], shape[4] = {1, 3, x->shape[0], x->shape[1]};
    mn_scope s = mn_scope_open();
    mn_tensor *y = mn_empty(MN_F32, 4, shape);
    if (y) for (int64_t i = 0; i < n; i++) for (int k = 0; k < 3; k++)
        ((float *)y->data)[k * n + i] = ((float)((uint8_t *)x->data)[3 * i + k] - 127.5f) / 127.5f;
    bind_push_made(L, y);
    mn_scope_close(s);
    return 1;
}

void bind_open_io(lua_State *L) {
    static const luaL_Reg functions[] = {{"st_load", l_st_load}, {"st_save", l_st_save}, {"png_write", l_png_write}, {"png_read", l_png_read},
        {"png_text", l_png_text}, {"to_pixels", l_to_pixels}, {"from_pixels", l_from_pixels}, {0}};
    luaL_register(L, NULL, functions);
}
