/* lua_info.c -- the tables of ops and of models' methods as Lua tables: what help, completion, the reference page
 * and the editors' annotations are made from. */
#include <string.h>
#include "bind.h"

/* Pushes {name, doc, inputs = {{name, optional}}, variadic, options = {{name, default, doc}}, outputs, differentiable}. */
static void push_signature(lua_State *L, const char *name, const char *doc, const char *in, const mn_attrdef *attrs, int outputs) {
    char names[MN_MAX_IN][32];
    bool optional[MN_MAX_IN], variadic;
    const mn_opdef shim = {.in = in};
    int n = mn_op_inputs(&shim, names, optional, &variadic);
    lua_newtable(L);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, doc ? doc : "");
    lua_setfield(L, -2, "doc");
    lua_newtable(L);
    for (int i = 0; i < n; i++) {
        lua_newtable(L);
        lua_pushstring(L, names[i]);
        lua_setfield(L, -2, "name");
        lua_pushboolean(L, optional[i]);
        lua_setfield(L, -2, "optional");
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "inputs");
    lua_pushboolean(L, variadic);
    lua_setfield(L, -2, "variadic");
    lua_newtable(L);
    for (int i = 0; i < MN_MAX_ATTR && attrs[i].name; i++) {
        lua_newtable(L);
        lua_pushstring(L, attrs[i].name);
        lua_setfield(L, -2, "name");
        lua_pushnumber(L, attrs[i].def);
        lua_setfield(L, -2, "default");
        lua_pushstring(L, attrs[i].doc ? attrs[i].doc : "");
        lua_setfield(L, -2, "doc");
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "options");
    lua_pushinteger(L, outputs ? outputs : 1);
    lua_setfield(L, -2, "outputs");
}

static int l_ops(lua_State *L) {                         /* mien.op_list() -> signatures, in the table's order */
    int n;
    const mn_opdef *const *ops = mn_op_list(&n);
    lua_newtable(L);
    for (int i = 0; i < n; i++) {
        push_signature(L, ops[i]->name, ops[i]->doc, ops[i]->in, ops[i]->attrs, ops[i]->nout);
        lua_pushboolean(L, ops[i]->backward != NULL);
        lua_setfield(L, -2, "differentiable");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int l_models(lua_State *L) {                      /* mien.model_list() -> {{name, doc, config, methods = signatures}} */
    int n, k;
    const mn_modeldef *const *kinds = mn_model_kinds(&n);
    lua_newtable(L);
    for (int i = 0; i < n; i++) {
        lua_newtable(L);
        lua_pushstring(L, kinds[i]->name);
        lua_setfield(L, -2, "name");
        lua_pushstring(L, kinds[i]->doc);
        lua_setfield(L, -2, "doc");
        lua_pushstring(L, kinds[i]->config);
        lua_setfield(L, -2, "config");
        lua_newtable(L);
        k = 0;
        for (const mn_method *p = kinds[i]->methods; p && p->name; p++) {
            push_signature(L, p->name, p->doc, p->in, p->attrs, p->nout);
            lua_rawseti(L, -2, ++k);
        }
        lua_setfield(L, -2, "methods");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int l_methods(lua_State *L) {                     /* mien.methods(value) -> names of what value:name() may call */
    int n = 0;
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    if (!lua_isuserdata(L, 1) || !lua_getmetatable(L, 1)) return 0;
    lua_newtable(L);
    lua_getfield(L, 2, "__index");
    bool model = lua_isfunction(L, -1) && lua_getupvalue(L, -1, 1);      /* lua_model.c keeps the common methods there */
    for (lua_pushnil(L); lua_istable(L, -2) && lua_next(L, -2); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING) continue;
        lua_pushvalue(L, -2);
        lua_rawseti(L, 3, ++n);
    }
    luaL_getmetatable(L, MN_MODEL_TYPE);
    if (model && lua_rawequal(L, -1, 2))
        for (const mn_method *p = bind_model(L, 1)->def->methods; p && p->name; p++) { lua_pushstring(L, p->name); lua_rawseti(L, 3, ++n); }
    lua_settop(L, 3);
    return 1;
}

static int l_is_tensor(lua_State *L) { lua_pushboolean(L, bind_is_tensor(L, 1)); return 1; }   /* mien.is_tensor(value) */

void bind_open_info(lua_State *L) {
    static const luaL_Reg functions[] = {{"op_list", l_ops}, {"model_list", l_models}, {"methods", l_methods}, {"is_tensor", l_is_tensor}, {0}};
    luaL_register(L, NULL, functions);
}
