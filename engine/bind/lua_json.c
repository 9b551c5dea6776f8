/* lua_json.c -- JSON texts from Lua values and back.
 *
 *     mien.json_encode{b = 1, a = {true, 'x'}}      {"a":[true,"x"],"b":1}
 *     mien.json_decode('{"a":[1,null]}')            {a = {1}}
 *
 * Keys are sorted, so that equal tables give equal texts; an empty table is an object; null becomes nil. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../io/json.h"
#include "lua_store.h"

enum { NEST = 16 };

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static void encode(lua_State *L, mn_text *t, int depth);

static void encode_object(lua_State *L, mn_text *t, int table, int depth) {
    int n = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) n++;
    const char **keys = lua_newuserdata(L, ((size_t)n + 1) * sizeof *keys);
    n = 0;
    for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) { mn_fail(MN_EARG, "a table with both a list and names, or other keys"); lua_pop(L, 2); break; }
        keys[n++] = lua_tostring(L, -2);
    }
    qsort(keys, (size_t)n, sizeof *keys, by_name);
    mn_text_add(t, "{", 1);
    for (int i = 0; i < n && mn_errcode() == MN_OK; i++) {
        if (i) mn_text_add(t, ",", 1);
        mn_text_add_json(t, keys[i]);
        mn_text_add(t, ":", 1);
        lua_getfield(L, table, keys[i]);
        encode(L, t, depth + 1);
        lua_pop(L, 1);
    }
    mn_text_add(t, "}", 1);
    lua_pop(L, 1);
}

/* The shortest of 15 to 17 digits that reads back as x. */
static void add_number(mn_text *t, double x) {
    char digits[40];
    int precision = 15;
    do snprintf(digits, sizeof digits, "%.*g", precision, x);
    while (strtod(digits, NULL) != x && ++precision <= 17);
    mn_text_add(t, digits, strlen(digits));
}

/* The value on top of the stack.  Complaints are left pending: nothing may be raised while t holds memory. */
static void encode(lua_State *L, mn_text *t, int depth) {
    int top = lua_gettop(L), n;
    double x;
    if (depth > NEST || !lua_checkstack(L, 8)) { mn_fail(MN_EARG, "tables nested more than %d deep", NEST); return; }
    switch (lua_type(L, top)) {
    case LUA_TSTRING:
        if (mn_utf8_prefix(lua_tostring(L, top), lua_objlen(L, top)) != strlen(lua_tostring(L, top))) mn_fail(MN_EARG, "a text that is not UTF-8 or holds a zero byte");
        else mn_text_add_json(t, lua_tostring(L, top));
        break;
    case LUA_TBOOLEAN: mn_text_addf(t, lua_toboolean(L, top) ? "true" : "false"); break;
    case LUA_TNUMBER:
        x = lua_tonumber(L, top);
        if (!isfinite(x)) mn_fail(MN_EARG, "%s", isnan(x) ? "NaN" : "an infinite number");
        else add_number(t, x);
        break;
    case LUA_TTABLE:
        if (!(n = (int)lua_objlen(L, top))) { encode_object(L, t, top, depth); break; }
        mn_text_add(t, "[", 1);
        for (int i = 1; i <= n && mn_errcode() == MN_OK; i++) {
            if (i > 1) mn_text_add(t, ",", 1);
            lua_rawgeti(L, top, i);
            encode(L, t, depth + 1);
            lua_pop(L, 1);
        }
        mn_text_add(t, "]", 1);
        break;
    default: mn_fail(MN_EARG, "a %s", luaL_typename(L, top));
    }
}

mn_status bind_json(lua_State *L, mn_text *t) {
    encode(L, t, 0);
    return mn_errcode();
}

static void push_json(lua_State *L, const mn_json *v) {
    luaL_checkstack(L, 4, "json");
    switch (v->type) {
    case MN_JSON_NULL: lua_pushnil(L); break;
    case MN_JSON_BOOL: lua_pushboolean(L, v->truth); break;
    case MN_JSON_NUMBER: lua_pushnumber(L, v->number); break;
    case MN_JSON_STRING: lua_pushlstring(L, v->text, v->count); break;
    default:
        lua_newtable(L);
        for (size_t i = 0; i < v->count; i++) {
            push_json(L, &v->items[i]);
            if (v->type == MN_JSON_ARRAY) lua_rawseti(L, -2, (int)i + 1);
            else lua_setfield(L, -2, v->items[i].key);
        }
    }
}

static void free_text(void *p) { free(p); }
static void free_json(void *p) { mn_json_free(p); }

static int l_encode(lua_State *L) {                      /* mien.json_encode(value) -> text */
    bind_enter(L);
    luaL_checkany(L, 1);
    mn_text t = {0};
    void **held = store_hold(L, free_text);
    lua_pushvalue(L, 1);
    mn_status status = bind_json(L, &t);
    *held = t.s;
    if (status) {
        mn_fail_context("json_encode: JSON cannot hold");
        return bind_raise(L);
    }
    lua_pushlstring(L, t.s, t.size);
    store_release(held);
    return 1;
}

static int l_decode(lua_State *L) {                      /* mien.json_decode(text [, where]) -> value or nil, message, code */
    lua_settop(L, 2);                                    /* an absent second argument becomes nil, below what is pushed here */
    size_t size;
    bind_enter(L);
    const char *text = luaL_checklstring(L, 1, &size);
    void **held = store_hold(L, free_json);
    if (!(*held = mn_json_parse(text, size, luaL_optstring(L, 2, "JSON text"), 0))) return bind_failed(L);
    push_json(L, *held);
    store_release(held);
    return 1;
}

void bind_open_json(lua_State *L) {
    static const luaL_Reg functions[] = {{"json_encode", l_encode}, {"json_decode", l_decode}, {0}};
    luaL_register(L, NULL, functions);
}
