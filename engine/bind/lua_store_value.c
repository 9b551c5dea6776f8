/* lua_store_value.c -- Lua values to and from what the library takes: texts, whole numbers,
 * lists, JSON, safetensors images, pictures; holders for C memory that a Lua error must not leak. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/file.h"
#include "lua_store.h"

#define HOLDER_TYPE "mien.store.holder"

/* ---- holders ------------------------------------------------------------ */

typedef struct holder { void *p; void (*release)(void *); } holder;

void **store_hold(lua_State *L, void (*release)(void *)) {
    holder *h = lua_newuserdata(L, sizeof *h);
    *h = (holder){NULL, release};
    luaL_getmetatable(L, HOLDER_TYPE);
    lua_setmetatable(L, -2);
    return &h->p;
}

void store_release(void *held) {
    holder *h = held;                                    /* p is its first member */
    if (!h || !h->p) return;
    h->release(h->p);
    h->p = NULL;
}

static int l_holder_gc(lua_State *L) { store_release(luaL_checkudata(L, 1, HOLDER_TYPE)); return 0; }

/* ---- arguments and fields ----------------------------------------------- */

const char *store_text(lua_State *L, int arg, const char *name) {
    lua_getfield(L, arg, name);
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "store: %s: text expected, got %s", name, luaL_typename(L, -1));
    const char *text = lua_tostring(L, -1);              /* the table keeps it */
    lua_pop(L, 1);
    return text;
}

double store_number(lua_State *L, int arg, const char *name, double def) {
    lua_getfield(L, arg, name);
    if (!lua_isnil(L, -1) && !lua_isnumber(L, -1)) luaL_error(L, "store: %s: number expected, got %s", name, luaL_typename(L, -1));
    double x = lua_isnil(L, -1) ? def : lua_tonumber(L, -1);
    lua_pop(L, 1);
    return x;
}

/* Lua's numbers are doubles: whole ones are exact up to 2^53. */
int64_t store_integer(lua_State *L, int index, const char *what) {
    double x = luaL_checknumber(L, index);
    if (x != floor(x) || fabs(x) > 9007199254740992.0) luaL_error(L, "store: %s: whole number expected, got %g", what, x);
    return (int64_t)x;
}

int64_t store_integer_field(lua_State *L, int arg, const char *name, int64_t def) {
    lua_getfield(L, arg, name);
    int64_t n = lua_isnil(L, -1) ? def : store_integer(L, lua_gettop(L), name);
    lua_pop(L, 1);
    return n;
}

const char *const *store_texts(lua_State *L, int arg, const char *name, int *n) {
    *n = 0;
    lua_getfield(L, arg, name);
    if (lua_isnil(L, -1)) return NULL;
    if (!lua_istable(L, -1)) luaL_error(L, "store: %s: list of texts expected, got %s", name, luaL_typename(L, -1));
    int list = lua_gettop(L), count = (int)lua_objlen(L, list);
    const char **texts = lua_newuserdata(L, ((size_t)count + 1) * sizeof *texts);
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, list, i + 1);
        if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "store: %s: item %d: text expected, got %s", name, i + 1, luaL_typename(L, -1));
        texts[i] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    *n = count;
    return texts;
}

void store_set_text(lua_State *L, const char *name, const char *text) {
    if (!text) return;
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

void store_set_number(lua_State *L, const char *name, double number) {
    if (number != number) return;
    lua_pushnumber(L, number);
    lua_setfield(L, -2, name);
}

void store_set_list(lua_State *L, const char *name, int n, const char *const *texts) {
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) { lua_pushstring(L, texts[i]); lua_rawseti(L, -2, i + 1); }
    lua_setfield(L, -2, name);
}

bool store_flag(lua_State *L, int arg, const char *name) {
    if (!lua_istable(L, arg)) return false;
    lua_getfield(L, arg, name);
    bool on = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return on;
}

/* ---- images ------------------------------------------------------------- */

static mn_status pack_model(const mn_model *m, void **bytes, size_t *size) {
    const char **names = calloc((size_t)m->n + 1, sizeof *names);
    mn_tensor **tensors = calloc((size_t)m->n + 1, sizeof *tensors);
    if (!names || !tensors) mn_fail(MN_ENOMEM, "store: out of memory");
    for (int i = 0; names && tensors && i < m->n; i++) { names[i] = m->slots[i].name; tensors[i] = m->slots[i].t; }
    if (mn_errcode() == MN_OK)
        mn_store_image_pack(m->n, names, tensors, 2, (const char *[]){"mien.kind", m->def->name, "mien.config", m->config_text}, bytes, size);
    free(names);
    free(tensors);
    return mn_errcode();
}

static bool given_as_bytes(lua_State *L, int index, store_bytes *out) {
    *out = (store_bytes){{NULL, 0}, NULL};
    if (lua_type(L, index) == LUA_TSTRING) out->bytes.data = lua_tolstring(L, index, &out->bytes.size);
    return lua_isnil(L, index) || out->bytes.data;
}

mn_status store_image(lua_State *L, int index, int texts, store_bytes *out) {
    if (given_as_bytes(L, index, out)) return MN_OK;
    out->held = store_hold(L, free);
    if (lua_istable(L, index)) {
        bind_st b = bind_st_table(L, index, texts, "store");
        mn_store_image_pack(b.n, b.names, b.tensors, b.n_texts, b.texts, out->held, &out->bytes.size);
    } else pack_model(bind_model(L, index), out->held, &out->bytes.size);
    out->bytes.data = *out->held;
    return mn_errcode();
}

/* ---- pictures ----------------------------------------------------------- */

typedef struct png_job { mn_tensor *pixels; size_t size; } png_job;

static void *picture_to_png(const char *path, void *user) {
    png_job *job = user;
    return mn_png_write(path, job->pixels, 0, NULL) == MN_OK ? mn_file_read(path, 64 << 20, &job->size) : NULL;
}

mn_status store_png(lua_State *L, int index, store_bytes *out) {
    if (given_as_bytes(L, index, out)) return MN_OK;
    png_job job = {bind_tensor(L, index), 0};
    out->held = store_hold(L, free);
    *out->held = mn_store_image_with((mn_bytes){"", 0}, picture_to_png, &job);
    out->bytes = (mn_bytes){*out->held, job.size};
    return mn_errcode();
}

/* ---- JSON --------------------------------------------------------------- */

const char *store_json(lua_State *L, int arg, const char *name) {
    lua_getfield(L, arg, name);
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        return store_text(L, arg, name);
    }
    mn_text t = {0};
    void **held = store_hold(L, free);
    lua_pushvalue(L, -2);
    bind_json(L, &t);
    lua_pop(L, 1);
    *held = t.s;
    if (mn_errcode() != MN_OK) {
        mn_fail_context("store: %s: JSON cannot hold", name);
        bind_raise(L);
    }
    return t.s;
}

/* ---- finalizers --------------------------------------------------------- */

void store_put_aside(store_aside *a) {
    a->code = mn_errcode();
    snprintf(a->text, sizeof a->text, "%s", mn_errmsg());
    mn_error_clear();
}

void store_take_back(const store_aside *a) {
    mn_error_clear();
    if (a->code != MN_OK) mn_fail(a->code, "%s", a->text);
}

void store_open_values(lua_State *L) {
    luaL_newmetatable(L, HOLDER_TYPE);
    lua_pushcfunction(L, l_holder_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}
