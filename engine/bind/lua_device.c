/* lua_device.c -- where Lua's tensors and models live, what GPUs there are, and recorded loops on them. */
#include <stdlib.h>
#include <string.h>
#include "bind.h"
#include "../cuda/cuda.h"

static struct { bool known; mn_device device; } lua;

mn_device bind_device(lua_State *L) {
    const char *name = lua.known ? NULL : getenv("MIEN_DEVICE");
    lua.known = true;
    if (name && *name && mn_device_choose(name, &lua.device)) {
        mn_fail_context("MIEN_DEVICE");
        bind_raise(L);
    }
    return lua.device;
}

static int l_device(lua_State *L) {                      /* mien.device([name]) -> 'cpu' or 'cuda:0' */
    bind_enter(L);
    if (!lua_isnoneornil(L, 1)) {
        if (mn_device_choose(luaL_checkstring(L, 1), &lua.device)) return bind_raise(L);
        lua.known = true;
    }
    lua_pushstring(L, mn_device_name(bind_device(L)));
    return 1;
}

static int l_to(lua_State *L) {                          /* t:to(name) -> a copy there, or t itself */
    mn_device device;
    bind_enter(L);
    mn_tensor *t = bind_tensor(L, 1);
    if (mn_device_choose(luaL_checkstring(L, 2), &device)) return bind_raise(L);
    if (mn_device_of(t) == device) { lua_settop(L, 1); return 1; }
    mn_scope s = mn_scope_open();
    bind_push_tensor(L, mn_to(t, device));
    mn_scope_close(s);
    return 1;
}
static int l_on(lua_State *L) { lua_pushstring(L, mn_device_name(mn_device_of(bind_tensor(L, 1)))); return 1; }

/* mien.devices() -> {{device, name, sm, processors, memory}}, or {} and what is missing */
static int l_devices(lua_State *L) {
    const char *why = NULL;
    bind_enter(L);
    const int n = mn_cuda_count(&why);
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        mn_gpu gpu;
        if (mn_cuda_describe(i, &gpu)) return bind_raise(L);
        lua_newtable(L);
        lua_pushfstring(L, "cuda:%d", i); lua_setfield(L, -2, "device");
        lua_pushstring(L, gpu.name); lua_setfield(L, -2, "name");
        lua_pushnumber(L, gpu.sm); lua_setfield(L, -2, "sm");
        lua_pushnumber(L, gpu.sms); lua_setfield(L, -2, "processors");
        lua_pushnumber(L, (double)gpu.memory); lua_setfield(L, -2, "memory");
        lua_rawseti(L, -2, i + 1);
    }
    if (n) lua_pushnil(L); else lua_pushstring(L, why);
    return 2;
}
static int l_synchronize(lua_State *L) { bind_enter(L); return mn_cuda_wait() ? bind_raise(L) : 0; }

/* ---- recorded loops: lua/mien/graph.lua is what recipes use ---- */

typedef struct { mn_graph *g; } graph_box;
static graph_box *graph_arg(lua_State *L) { return luaL_checkudata(L, 1, "mien.graph"); }

static int l_graph_begin(lua_State *L) { bind_enter(L); return mn_graph_begin() ? bind_raise(L) : 0; }
static int l_graph_end(lua_State *L) {                   /* mien.graph_end() -> graph, or nil and the sentence of what cut it short */
    mn_graph *g = mn_graph_end();
    if (!g) return bind_failed(L);
    graph_box *b = lua_newuserdata(L, sizeof *b);
    b->g = g;
    luaL_getmetatable(L, "mien.graph");
    lua_setmetatable(L, -2);
    return 1;
}
static int l_graph_launch(lua_State *L) {
    bind_enter(L);
    graph_box *b = graph_arg(L);
    return mn_graph_launch(b->g) ? bind_raise(L) : 0;
}
static int l_graph_nodes(lua_State *L) { lua_pushnumber(L, (double)mn_graph_nodes(graph_arg(L)->g)); return 1; }
static int l_graph_gc(lua_State *L) {
    graph_box *b = graph_arg(L);
    mn_graph_free(b->g);
    b->g = NULL;
    return 0;
}

/* A shortage of memory: tensors that Lua no longer reaches are let go. */
static void collect(void *L) { lua_gc(L, LUA_GCCOLLECT, 0); }

void bind_open_device(lua_State *L) {
    static const luaL_Reg functions[] = {{"device", l_device}, {"devices", l_devices}, {"to", l_to}, {"synchronize", l_synchronize},
        {"graph_begin", l_graph_begin}, {"graph_end", l_graph_end}, {0}};
    static const luaL_Reg methods[] = {{"to", l_to}, {"device", l_on}, {0}};
    static const luaL_Reg graph[] = {{"launch", l_graph_launch}, {"nodes", l_graph_nodes}, {0}};
    luaL_newmetatable(L, "mien.graph");
    lua_newtable(L); luaL_register(L, NULL, graph); lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_graph_gc); lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    luaL_register(L, NULL, functions);
    luaL_getmetatable(L, MN_TENSOR_TYPE);
    lua_getfield(L, -1, "__index");
    luaL_register(L, NULL, methods);
    lua_pop(L, 2);
    mn_on_shortage(collect, L);
}
