/* lua_model.c -- models as Lua values: mien.new_model, mien.load_model, their methods, weights, saving. */
#include <stdlib.h>
#include <string.h>
#include "bind.h"
#include "../models/next3d.h"

void bind_push_method(lua_State *L, const mn_method *method);

mn_model *bind_model(lua_State *L, int arg) { return *(mn_model **)luaL_checkudata(L, arg, MN_MODEL_TYPE); }

static int push_model(lua_State *L, mn_model *m) {
    const bool failed = mn_model_to(m, bind_device(L)) != MN_OK;
    mn_model **p = lua_newuserdata(L, sizeof *p);
    *p = m;
    luaL_getmetatable(L, MN_MODEL_TYPE);
    lua_setmetatable(L, -2);
    return failed ? bind_raise(L) : 1;
}

/* mien.new_model(kind, config JSON or nil, seed); mien.load_model(path) -> model or nil, message, code */
static int l_new(lua_State *L) {
    bind_enter(L);
    const mn_modeldef *def = mn_model_kind(luaL_checkstring(L, 1));
    mn_model *m = def ? mn_model_new(def, luaL_optstring(L, 2, NULL), (uint64_t)luaL_optnumber(L, 3, 0)) : NULL;
    return m ? push_model(L, m) : bind_raise(L);
}
static bool half;                                        /* how load_model keeps weights, unless told */
static int l_load(lua_State *L) {
    bind_enter(L);
    static const char *const names[] = {"half", NULL};
    bind_check_options(L, 2, "load_model", names);
    mn_model *m = mn_model_load(luaL_checkstring(L, 1), bind_option(L, 2, "half", half) != 0);
    return m ? push_model(L, m) : bind_failed(L);
}
/* mien.weights([name]): the setting; sets it when a name is given */
static int l_weights(lua_State *L) {
    if (!lua_isnoneornil(L, 1)) {
        const char *name = luaL_checkstring(L, 1);
        bool f16 = !strcmp(name, "f16");
        if (!f16 && strcmp(name, "f32")) return luaL_error(L, "weights: f32 or f16 expected, got '%s'", name);
        half = f16;
    }
    lua_pushstring(L, half ? "f16" : "f32");
    return 1;
}
static int l_gc(lua_State *L) {
    mn_model **p = luaL_checkudata(L, 1, MN_MODEL_TYPE);
    mn_model_release(*p);
    *p = NULL;
    return 0;
}

static int l_kind(lua_State *L) { lua_pushstring(L, bind_model(L, 1)->def->name); return 1; }
static int l_hash(lua_State *L) {
    bind_enter(L);
    const char *hash = mn_model_hash(bind_model(L, 1));
    if (!hash) return bind_raise(L);
    lua_pushstring(L, hash);
    return 1;
}
static int l_config(lua_State *L) {                      /* m:config(name) -> number, text or list */
    bind_enter(L);
    mn_model *m = bind_model(L, 1);
    const char *key = luaL_checkstring(L, 2);
    const mn_json *v = mn_json_get(m->config, key);
    if (!v) v = mn_json_get(m->defaults, key);
    if (!v) return luaL_error(L, "%s: no setting '%s'", m->def->name, key);
    if (v->type == MN_JSON_STRING) lua_pushstring(L, v->text);
    else if (v->type == MN_JSON_ARRAY) {
        double list[64];
        int n = mn_config_list(m, key, list, 64);
        if (mn_errcode()) return bind_raise(L);
        lua_createtable(L, n, 0);
        for (int i = 0; i < n; i++) { lua_pushnumber(L, list[i]); lua_rawseti(L, -2, i + 1); }
    } else lua_pushnumber(L, mn_config(m, key));
    return 1;
}
static int l_config_json(lua_State *L) { lua_pushstring(L, bind_model(L, 1)->config_text); return 1; }
static int l_numbers(lua_State *L) { lua_pushnumber(L, (double)mn_model_numbers(bind_model(L, 1))); return 1; }
static int l_params(lua_State *L) {                      /* list of trainable tensors, list of their names */
    mn_model *m = bind_model(L, 1);
    int k = 0;
    lua_newtable(L);
    lua_newtable(L);
    for (int i = 0; i < m->n; i++) {
        if (!m->slots[i].trainable) continue;
        k++;
        bind_push_tensor(L, m->slots[i].t);
        lua_rawseti(L, -3, k);
        lua_pushstring(L, m->slots[i].name);
        lua_rawseti(L, -2, k);
    }
    return 2;
}
static int l_weight(lua_State *L) {                      /* m:weight(name): the tensor itself */
    bind_enter(L);
    bind_push_tensor(L, mn_weight(bind_model(L, 1), "%s", luaL_checkstring(L, 2)));
    return 1;
}
static int l_has(lua_State *L) { lua_pushboolean(L, mn_has_weight(bind_model(L, 1), "%s", luaL_checkstring(L, 2))); return 1; }
/* m:set_weight(name, tensor): copies the numbers in */
static int l_set_weight(lua_State *L) {
    bind_enter(L);
    mn_tensor *w = mn_weight(bind_model(L, 1), "%s", luaL_checkstring(L, 2)), *t = bind_tensor(L, 3);
    if (!w) return bind_raise(L);
    if (w->n != t->n) return luaL_error(L, "set_weight: %s expected, got %s", mn_shape_text(w), mn_shape_text(t));
    mn_scope s = mn_scope_open();
    t = mn_cast(t, w->dtype);
    const bool failed = !t || mn_copy(w, t);
    mn_scope_close(s);
    return failed ? bind_raise(L) : 0;
}
static int l_train(lua_State *L) {
    bind_enter(L);
    if (mn_model_train(bind_model(L, 1), lua_isnoneornil(L, 2) || lua_toboolean(L, 2))) return bind_raise(L);
    lua_settop(L, 1);
    return 1;
}
static int l_restore(lua_State *L) {
    bind_enter(L);
    if (mn_model_restore(bind_model(L, 1), luaL_checkstring(L, 2))) return bind_failed(L);
    lua_settop(L, 1);
    return 1;
}
/* m:save(path, {half = bool, meta = {key = text}}) -> true or nil, message, code */
static int l_save(lua_State *L) {
    bind_enter(L);
    static const char *const names[] = {"half", "meta", NULL};
    mn_model *m = bind_model(L, 1);
    const char *path = luaL_checkstring(L, 2);
    int n;
    bind_check_options(L, 3, "save", names);
    bool half = bind_option(L, 3, "half", 0) != 0;
    lua_settop(L, 3);
    if (lua_istable(L, 3)) lua_getfield(L, 3, "meta");
    else lua_pushnil(L);
    const char **meta = bind_texts(L, 4, "save", &n);
    if (mn_model_save(m, path, half, n, meta)) return bind_failed(L);
    lua_pushboolean(L, 1);
    return 1;
}

/* m.method: a bound engine method of this kind, else a common one */
static int l_index(lua_State *L) {
    mn_model *m = bind_model(L, 1);
    const char *key = luaL_checkstring(L, 2);
    lua_pushvalue(L, 2);
    lua_rawget(L, lua_upvalueindex(1));
    if (!lua_isnil(L, -1)) return 1;
    for (const mn_method *p = m->def->methods; p && p->name; p++)
        if (!strcmp(p->name, key)) { bind_push_method(L, p); return 1; }
    char list[400] = "";
    for (const mn_method *p = m->def->methods; p && p->name; p++) snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", *list ? ", " : "", p->name);
    return luaL_error(L, "%s has no method '%s'; there are %s", m->def->name, key, list);
}
static int l_tostring(lua_State *L) {
    mn_model *m = bind_model(L, 1);
    lua_pushfstring(L, "model %s: %d tensors, %f trainable numbers", m->def->name, m->n, (double)mn_model_numbers(m));
    return 1;
}
/* mien.trace(fn) -> {name = tensor}: the models' intermediate results while fn runs (the last of each name) */
typedef struct { char *name; mn_tensor *t; } note;
typedef struct { int n, cap; note *list; } notes;
static void take_note(void *data, const char *name, mn_tensor *t) {
    notes *k = data;
    int i = 0;
    while (i < k->n && strcmp(k->list[i].name, name)) i++;
    if (i == k->cap) {
        int cap = k->cap ? 2 * k->cap : 64;
        note *list = realloc(k->list, (size_t)cap * sizeof *list);
        if (!list) { mn_fail(MN_ENOMEM, "trace: out of memory"); return; }
        k->list = list;
        k->cap = cap;
    }
    if (i == k->n) {
        char *copy = strdup(name);
        if (!copy) { mn_fail(MN_ENOMEM, "trace: out of memory"); return; }
        k->list[k->n++] = (note){copy, NULL};
    }
    mn_release(k->list[i].t);
    k->list[i].t = mn_retain(t);
}
static int l_trace(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    notes k = {0};
    struct mn_trace was = mn_trace;
    mn_trace.note = take_note;
    mn_trace.data = &k;
    int status = lua_pcall(L, 0, 0, 0);
    mn_trace = was;
    lua_newtable(L);
    for (int i = 0; i < k.n; i++) {
        if (!status) { bind_push_tensor(L, k.list[i].t); lua_setfield(L, -2, k.list[i].name); }
        mn_release(k.list[i].t);
        free(k.list[i].name);
    }
    free(k.list);
    if (status) { lua_pop(L, 1); return lua_error(L); }
    return 1;
}

/* mien.model_kinds(): {kind = {doc =, config =, methods = {name = doc}}} */
static int l_kinds(lua_State *L) {
    int n;
    const mn_modeldef *const *kinds = mn_model_kinds(&n);
    lua_newtable(L);
    for (int i = 0; i < n; i++) {
        lua_newtable(L);
        lua_pushstring(L, kinds[i]->doc);
        lua_setfield(L, -2, "doc");
        lua_pushstring(L, kinds[i]->config);
        lua_setfield(L, -2, "config");
        lua_newtable(L);
        for (const mn_method *p = kinds[i]->methods; p && p->name; p++) { lua_pushstring(L, p->doc); lua_setfield(L, -2, p->name); }
        lua_setfield(L, -2, "methods");
        lua_setfield(L, -2, kinds[i]->name);
    }
    return 1;
}

void bind_open_model(lua_State *L) {
    static const luaL_Reg make[] = {{"new_model", l_new}, {"load_model", l_load}, {"weights", l_weights}, {"model_kinds", l_kinds}, {"trace", l_trace}, {0}};
    static const luaL_Reg common[] = {{"kind", l_kind}, {"hash", l_hash}, {"config", l_config}, {"config_json", l_config_json}, {"numbers", l_numbers},
        {"params", l_params}, {"weight", l_weight}, {"has", l_has}, {"set_weight", l_set_weight}, {"train", l_train}, {"restore", l_restore}, {"save", l_save}, {0}};
    luaL_newmetatable(L, MN_MODEL_TYPE);
    lua_newtable(L);
    luaL_register(L, NULL, common);
    lua_pushcclosure(L, l_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_gc);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, l_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
    luaL_register(L, NULL, make);
}
