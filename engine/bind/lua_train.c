/* lua_train.c -- backward, Adam, EMA, random streams, memory figures. */
#include <stdlib.h>
#include <string.h>
#include "bind.h"
#include "../cuda/cuda.h"

static int l_backward(lua_State *L) {                    /* mien.backward(loss [, seed]) */
    bind_enter(L);
    if (mn_backward(bind_tensor(L, 1), bind_opt_tensor(L, 2))) return bind_raise(L);
    return 0;
}

/* ---- Adam ---- */

typedef struct { mn_adam *a; int n; } adam_box;
static mn_adam *adam_arg(lua_State *L) { return ((adam_box *)luaL_checkudata(L, 1, MN_ADAM_TYPE))->a; }

/* The list of n numbers in field rates of the options at 2, or NULL; it lives on the Lua stack. */
static const double *adam_rates(lua_State *L, int n) {
    if (!lua_istable(L, 2)) return NULL;
    lua_getfield(L, 2, "rates");
    const int at = lua_gettop(L);
    if (lua_isnil(L, at)) return NULL;
    if (!lua_istable(L, at) || (int)lua_objlen(L, at) != n) luaL_error(L, "adam: rates: a list of %d numbers, one a parameter, expected", n);
    double *rates = lua_newuserdata(L, ((size_t)n + 1) * sizeof *rates);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, at, i + 1);
        if (lua_type(L, -1) != LUA_TNUMBER) luaL_error(L, "adam: rates: number %d is a %s", i + 1, luaL_typename(L, -1));
        rates[i] = lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    return rates;
}
static int l_adam(lua_State *L) {                        /* mien.adam({params}, {lr, beta1, beta2, eps, weight_decay, clip, rates = {one a parameter}}) */
    static const char *const names[] = {"lr", "beta1", "beta2", "eps", "weight_decay", "clip", "rates", NULL};
    bind_enter(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    bind_check_options(L, 2, "adam", names);
    int n = (int)lua_objlen(L, 1);
    mn_adam_options o = {bind_option(L, 2, "lr", 1e-3), bind_option(L, 2, "beta1", 0.9), bind_option(L, 2, "beta2", 0.999),
                         bind_option(L, 2, "eps", 1e-8), bind_option(L, 2, "weight_decay", 0), bind_option(L, 2, "clip", 0), adam_rates(L, n)};
    mn_tensor **params = lua_newuserdata(L, ((size_t)n + 1) * sizeof *params);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 1, i + 1);
        params[i] = bind_tensor(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    adam_box *b = lua_newuserdata(L, sizeof *b);
    *b = (adam_box){NULL, n};
    luaL_getmetatable(L, MN_ADAM_TYPE);
    lua_setmetatable(L, -2);
    return (b->a = mn_adam_new(params, n, &o)) ? 1 : bind_raise(L);
}
static int l_adam_gc(lua_State *L) { adam_box *b = luaL_checkudata(L, 1, MN_ADAM_TYPE); mn_adam_free(b->a); b->a = NULL; return 0; }
static int l_adam_step(lua_State *L) {                   /* a:step([lr]) -> gradient norm before clipping; nothing while a graph is recorded */
    double norm = 0;
    bind_enter(L);
    const bool recording = mn_graph_recording();
    if (mn_adam_step(adam_arg(L), luaL_optnumber(L, 2, -1), recording ? NULL : &norm)) return bind_raise(L);
    if (recording) return 0;
    lua_pushnumber(L, norm);
    return 1;
}
static int l_adam_rate(lua_State *L) {                   /* a:rate(lr): for the steps to come */
    bind_enter(L);
    return mn_adam_rate(adam_arg(L), luaL_checknumber(L, 2)) ? bind_raise(L) : 0;
}
static int l_adam_scale(lua_State *L) {                  /* a:scale([s]) -> tensor [1] to multiply losses with */
    bind_enter(L);
    mn_scope scope = mn_scope_open();
    bind_push_tensor(L, mn_adam_scale(adam_arg(L), luaL_optnumber(L, 2, 0)));
    mn_scope_close(scope);
    return 1;
}
static int l_adam_state(lua_State *L) {                  /* a:state() -> {m1, v1, m2, v2, ...}: the tensors themselves, step count */
    adam_box *b = luaL_checkudata(L, 1, MN_ADAM_TYPE);
    lua_newtable(L);
    for (int i = 0; i < 2 * b->n; i++) { bind_push_tensor(L, mn_adam_state(b->a, i / 2, i % 2)); lua_rawseti(L, -2, i + 1); }
    lua_pushnumber(L, (double)mn_adam_count(b->a));
    return 2;
}
static int l_adam_restore(lua_State *L) {                /* a:restore(list, count) */
    bind_enter(L);
    adam_box *b = luaL_checkudata(L, 1, MN_ADAM_TYPE);
    luaL_checktype(L, 2, LUA_TTABLE);
    for (int i = 0; i < 2 * b->n; i++) {
        mn_tensor *to = mn_adam_state(b->a, i / 2, i % 2);
        lua_rawgeti(L, 2, i + 1);
        mn_tensor *from = bind_tensor(L, lua_gettop(L));
        if (from->n != to->n || from->dtype != MN_F32) return luaL_error(L, "adam: restore: state %d: %s expected, got %s", i + 1, mn_shape_text(to), mn_shape_text(from));
        if (mn_copy(to, from)) return bind_raise(L);
        lua_pop(L, 1);
    }
    return mn_adam_set_count(b->a, (int64_t)luaL_checknumber(L, 3)) ? bind_raise(L) : 0;
}
static int l_ema(lua_State *L) {                         /* mien.ema(ema, t, decay) */
    bind_enter(L);
    return mn_ema_update(bind_tensor(L, 1), bind_tensor(L, 2), luaL_checknumber(L, 3)) ? bind_raise(L) : 0;
}

/* ---- random streams ---- */

mn_rng *bind_rng(lua_State *L, int arg) { return luaL_checkudata(L, arg, MN_RNG_TYPE); }
static int l_rng(lua_State *L) {                         /* mien.rng(seed [, stream]) */
    uint64_t seed = (uint64_t)luaL_optnumber(L, 1, 0), stream = (uint64_t)luaL_optnumber(L, 2, 0);
    mn_rng *r = lua_newuserdata(L, sizeof *r);
    *r = mn_rng_seed(seed, stream);
    luaL_getmetatable(L, MN_RNG_TYPE);
    lua_setmetatable(L, -2);
    return 1;
}
static int l_rng_uniform(lua_State *L) {
    double lo = luaL_optnumber(L, 2, 0), hi = luaL_optnumber(L, 3, 1);
    lua_pushnumber(L, lo + (hi - lo) * mn_rng_uniform(bind_rng(L, 1)));
    return 1;
}
static int l_rng_normal(lua_State *L) { lua_pushnumber(L, mn_rng_normal(bind_rng(L, 1))); return 1; }
static int l_rng_below(lua_State *L) { lua_pushnumber(L, (double)mn_rng_below(bind_rng(L, 1), (int64_t)luaL_checknumber(L, 2))); return 1; }
static int l_rng_counter(lua_State *L) {                 /* r:counter([n]): read or set the position in the stream */
    mn_rng *r = bind_rng(L, 1);
    if (!lua_isnoneornil(L, 2)) r->counter = (uint64_t)luaL_checknumber(L, 2);
    lua_pushnumber(L, (double)r->counter);
    return 1;
}

static int l_memory(lua_State *L) {
    mn_memory m = mn_memory_stats();
    lua_newtable(L);
    lua_pushnumber(L, (double)m.live); lua_setfield(L, -2, "live");
    lua_pushnumber(L, (double)m.peak); lua_setfield(L, -2, "peak");
    lua_pushnumber(L, (double)m.cached); lua_setfield(L, -2, "cached");
    lua_pushnumber(L, (double)m.tensors); lua_setfield(L, -2, "tensors");
    m = mn_memory_on(MN_CUDA);
    lua_pushnumber(L, (double)m.live); lua_setfield(L, -2, "gpu_live");
    lua_pushnumber(L, (double)m.peak); lua_setfield(L, -2, "gpu_peak");
    lua_pushnumber(L, (double)m.cached); lua_setfield(L, -2, "gpu_cached");
    return 1;
}
static int l_reset_peak(lua_State *L) { (void)L; mn_memory_reset_peak(); return 0; }
static int l_interrupted(lua_State *L) { lua_pushboolean(L, mn_interrupted()); return 1; }
static int l_interrupt_clear(lua_State *L) { (void)L; mn_interrupt_clear(); return 0; }

/* mien.precision([name]): the setting; sets it when a name is given.  The engine has nobody to tell that the variable is misspelt. */
static int l_precision(lua_State *L) {
    mn_precision p;
    const char *given = luaL_optstring(L, 1, NULL), *first = getenv("MIEN_PRECISION"), *name = given ? given : first;
    if (name && (given || *name) && !mn_precision_find(name, &p))
        return luaL_error(L, "%s: strict, bf16, tf32 or f16 expected, got '%s'", given ? "precision" : "MIEN_PRECISION", name);
    if (given) mn_set_precision(p);
    lua_pushstring(L, mn_precision_name(mn_get_precision()));
    return 1;
}

void bind_open_train(lua_State *L) {
    static const luaL_Reg functions[] = {{"backward", l_backward}, {"adam", l_adam}, {"ema", l_ema}, {"rng", l_rng}, {"memory", l_memory},
        {"memory_reset_peak", l_reset_peak}, {"interrupted", l_interrupted}, {"interrupt_clear", l_interrupt_clear},
        {"precision", l_precision}, {0}};
    static const luaL_Reg adam[] = {{"step", l_adam_step}, {"rate", l_adam_rate}, {"scale", l_adam_scale}, {"state", l_adam_state}, {"restore", l_adam_restore}, {0}};
    static const luaL_Reg rng[] = {{"uniform", l_rng_uniform}, {"normal", l_rng_normal}, {"below", l_rng_below}, {"counter", l_rng_counter}, {0}};
    luaL_newmetatable(L, MN_ADAM_TYPE);
    lua_newtable(L); luaL_register(L, NULL, adam); lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_adam_gc); lua_setfield(L, -2, "__gc");
    luaL_newmetatable(L, MN_RNG_TYPE);
    lua_newtable(L); luaL_register(L, NULL, rng); lua_setfield(L, -2, "__index");
    lua_pop(L, 2);
    luaL_register(L, NULL, functions);
}
