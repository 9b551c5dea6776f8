/* lua_op.c -- one C function serves every op of the table and every method of every model.
 * Messages take the name from the table: a function called through pcall has none.
 *
 * Options are a table after the inputs.  Axes (`axis`, `last`) count from 1 in Lua, from
 * the end when negative.  Sizes may follow directly: x:reshape(2, -1), x:permute(2, 1),
 * and x:slice(axis, first, last) takes both ends inclusive. */
#include <math.h>
#include <string.h>
#include "bind.h"

typedef struct { const char *name, *in; const mn_attrdef *attrs; } signature;

static int op_error(lua_State *L, const char *name, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    lua_pushfstring(L, "%s: ", name);
    lua_pushvfstring(L, fmt, args);
    va_end(args);
    lua_concat(L, 2);
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
    return lua_error(L);
}

static double from_one(const char *attr, double v) {
    bool axis = !strcmp(attr, "axis") || !strcmp(attr, "last");
    return axis && v > 0 ? v - 1 : v;
}

/* Reads inputs from stack position `first` on, then options; returns the number of inputs. */
static int read_call(lua_State *L, signature sig, int first, mn_tensor **in, double *attr) {
    char names[MN_MAX_IN][32];
    bool optional[MN_MAX_IN], variadic;
    const mn_opdef shim = {.in = sig.in};
    int declared = mn_op_inputs(&shim, names, optional, &variadic), n = 0, top = lua_gettop(L), at = first;
    for (int a = 0; a < MN_MAX_ATTR && sig.attrs[a].name; a++) attr[a] = sig.attrs[a].def;
    while (at <= top && (variadic || n < declared) && n < MN_MAX_IN) {
        bool skip = lua_isnil(L, at) && n < declared && optional[n];
        if (!skip && !bind_is_tensor(L, at)) break;
        in[n++] = skip ? NULL : bind_tensor(L, at);
        at++;
    }
    for (int j = n; j < declared; j++)
        if (!optional[j] && !(variadic && j == declared - 1 && n >= declared))
            return op_error(L, sig.name, "argument %d (%s): tensor expected, got %s", j + 1, names[j], at <= top ? luaL_typename(L, at) : "nothing");
    if (at <= top && lua_isnumber(L, at) && sig.attrs[0].name) {       /* sizes given directly */
        bool permute = !strcmp(sig.name, "permute"), slice = !strcmp(sig.name, "slice");
        for (int a = 0; at <= top; a++, at++) {
            if (a == MN_MAX_ATTR || !sig.attrs[a].name) return op_error(L, sig.name, "too many arguments");
            attr[a] = luaL_checknumber(L, at) - (permute || (slice && a < 2 && lua_tonumber(L, at) > 0) ? 1 : 0);
        }
        return n;
    }
    if (at <= top && !lua_isnil(L, at)) {
        if (!lua_istable(L, at)) return op_error(L, sig.name, "options: table expected, got %s", luaL_typename(L, at));
        for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
            int a = 0;
            const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
            while (key && a < MN_MAX_ATTR && sig.attrs[a].name && strcmp(sig.attrs[a].name, key)) a++;
            if (!key || a == MN_MAX_ATTR || !sig.attrs[a].name) {
                char list[300] = "";
                for (a = 0; a < MN_MAX_ATTR && sig.attrs[a].name; a++) snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", a ? ", " : "", sig.attrs[a].name);
                return op_error(L, sig.name, "unknown option '%s'; %s%s", key ? key : "(not a name)", *list ? "there are " : "there are none", list);
            }
            if (lua_isboolean(L, -1)) attr[a] = lua_toboolean(L, -1);
            else if (lua_isnumber(L, -1)) attr[a] = from_one(key, lua_tonumber(L, -1));
            else return op_error(L, sig.name, "option '%s': number expected, got %s", key, luaL_typename(L, -1));
        }
    }
    return n;
}

static int push_results(lua_State *L, mn_tensor **out, int n) {
    luaL_checkstack(L, n, "results");
    for (int k = 0; k < n; k++) { if (out[k]) bind_push_tensor(L, out[k]); else lua_pushnil(L); }
    return n;
}

static int failed(lua_State *L, mn_scope scope) {
    char text[1100];
    snprintf(text, sizeof text, "%s", mn_errmsg());
    mn_error_clear();
    mn_scope_close(scope);
    luaL_where(L, 1);
    lua_pushstring(L, text);
    lua_concat(L, 2);
    return lua_error(L);
}

static int l_op(lua_State *L) {
    const mn_opdef *def = lua_touserdata(L, lua_upvalueindex(1));
    mn_tensor *in[MN_MAX_IN] = {NULL}, *out[MN_MAX_OUT] = {NULL};
    mn_attr attrs[MN_MAX_ATTR];
    double attr[MN_MAX_ATTR];
    int nattr = 0;
    bind_enter(L);
    int n = read_call(L, (signature){def->name, def->in, def->attrs}, 1, in, attr);
    for (; nattr < MN_MAX_ATTR && def->attrs[nattr].name; nattr++) attrs[nattr] = (mn_attr){def->attrs[nattr].name, attr[nattr]};
    mn_scope scope = mn_scope_open();
    if (mn_apply(def, n, in, nattr, attrs, out)) return failed(L, scope);
    int r = push_results(L, out, def->nout ? def->nout : 1);
    mn_scope_close(scope);
    return r;
}

/* model:method(inputs..., options) */
static int l_method(lua_State *L) {
    const mn_method *method = lua_touserdata(L, lua_upvalueindex(1));
    mn_tensor *in[MN_MAX_IN] = {NULL}, *out[MN_MAX_OUT] = {NULL};
    double attr[MN_MAX_ATTR];
    char name[96];
    bind_enter(L);
    mn_model *m = bind_model(L, 1);
    snprintf(name, sizeof name, "%s.%s", m->def->name, method->name);
    read_call(L, (signature){name, method->in, method->attrs}, 2, in, attr);
    mn_scope scope = mn_scope_open();
    const mn_device was = mn_device_use(m->device);
    const mn_status status = method->run(m, in, attr, out);
    mn_device_use(was);
    if (status) return failed(L, scope);
    int r = push_results(L, out, method->nout ? method->nout : 1);
    mn_scope_close(scope);
    return r;
}
void bind_push_method(lua_State *L, const mn_method *method);
void bind_push_method(lua_State *L, const mn_method *method) {
    lua_pushlightuserdata(L, (void *)method);
    lua_pushcclosure(L, l_method, 1);
}

void bind_open_op(lua_State *L) {
    int n;
    const mn_opdef *const *ops = mn_op_list(&n);
    luaL_getmetatable(L, MN_TENSOR_TYPE);
    lua_getfield(L, -1, "__index");
    lua_newtable(L);                                       /* mien.ops[name] = documentation */
    for (int i = 0; i < n; i++) {
        lua_pushlightuserdata(L, (void *)ops[i]);
        lua_pushcclosure(L, l_op, 1);
        lua_pushvalue(L, -1);
        lua_setfield(L, -6, ops[i]->name);                 /* the module */
        lua_setfield(L, -3, ops[i]->name);                 /* tensor methods */
        lua_pushstring(L, ops[i]->doc);
        lua_setfield(L, -2, ops[i]->name);
    }
    lua_setfield(L, -4, "ops");
    lua_pop(L, 2);
}
