/* lua_tensor.c -- tensors as Lua values: creation, reading, arithmetic, and mien.scope.
 *
 * A tensor userdata holds one handle.  mien.scope(fn) keeps a list of the userdata
 * made while fn runs and frees their tensors on the way out, except those it returns;
 * Lua's collector, which sees only a few bytes per tensor, is thus not needed for
 * loops.  Outside scopes the collector is run whenever tensors outgrow a moving limit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "bind.h"

typedef struct { mn_tensor *t; long slot; } box;         /* slot: place in the scope list, -1 outside */

static struct { box **items; long n, cap; int depth; } live;
static size_t collect_at = (size_t)512 << 20;

static size_t in_use(void) { return mn_memory_on(MN_CPU).live + mn_memory_on(MN_CUDA).live; }

void bind_enter(lua_State *L) {
    mn_error_clear();
    size_t bytes = in_use();
    if (bytes > collect_at) {
        lua_gc(L, LUA_GCCOLLECT, 0);
        bytes = in_use();
        collect_at = bytes * 2 > ((size_t)512 << 20) ? bytes * 2 : (size_t)512 << 20;
    }
}

int bind_raise(lua_State *L) {
    char text[1100];
    snprintf(text, sizeof text, "%s", *mn_errmsg() ? mn_errmsg() : "unknown error");
    mn_error_clear();
    return luaL_error(L, "%s", text);
}
int bind_failed(lua_State *L) {
    lua_pushnil(L);
    lua_pushstring(L, mn_errmsg());
    lua_pushinteger(L, mn_errcode());
    mn_error_clear();
    return 3;
}

int bind_fail(lua_State *L) {
    mn_status code = mn_errcode();
    return code == MN_EARG || code == MN_ESHAPE || code == MN_EDTYPE || code == MN_EINTERNAL ? bind_raise(L) : bind_failed(L);
}

static void enlist(box *b) {
    b->slot = -1;
    if (!live.depth) return;
    if (live.n == live.cap) {
        long cap = live.cap ? 2 * live.cap : 256;
        box **items = realloc(live.items, (size_t)cap * sizeof *items);
        if (!items) return;                              /* then the collector frees it */
        live.items = items;
        live.cap = cap;
    }
    b->slot = live.n;
    live.items[live.n++] = b;
}

void bind_push_tensor(lua_State *L, mn_tensor *t) {
    if (!t) { bind_raise(L); return; }
    box *b = lua_newuserdata(L, sizeof *b);
    b->t = NULL;
    b->slot = -1;
    luaL_getmetatable(L, MN_TENSOR_TYPE);
    lua_setmetatable(L, -2);
    b->t = mn_retain(t);
    enlist(b);
}

bool bind_is_tensor(lua_State *L, int arg) {
    if (!lua_isuserdata(L, arg) || !lua_getmetatable(L, arg)) return false;
    luaL_getmetatable(L, MN_TENSOR_TYPE);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}
mn_tensor *bind_tensor(lua_State *L, int arg) {
    if (!bind_is_tensor(L, arg)) luaL_error(L, "argument %d: tensor expected, got %s", arg, luaL_typename(L, arg));
    box *b = lua_touserdata(L, arg);
    if (!b->t) luaL_error(L, "argument %d: this tensor was freed with the mien.scope that made it; return it from the scope to keep it", arg);
    return b->t;
}
mn_tensor *bind_opt_tensor(lua_State *L, int arg) { return lua_isnoneornil(L, arg) ? NULL : bind_tensor(L, arg); }

/* The copy is the value of the tensor in a table with weak keys. */
mn_tensor *bind_host(lua_State *L, int arg) {
    mn_tensor *t = bind_tensor(L, arg);
    if (mn_device_of(t) == MN_CPU) return t;
    lua_pushvalue(L, arg);
    luaL_getmetatable(L, "mien.hosted");
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        luaL_newmetatable(L, "mien.hosted");
        lua_pushliteral(L, "k");
        lua_setfield(L, -2, "__mode");
        lua_pushvalue(L, -1);
        lua_setmetatable(L, -2);
    }
    lua_insert(L, -2);
    mn_scope scope = mn_scope_open();
    mn_tensor *copy = mn_to(t, MN_CPU);
    bind_push_tensor(L, copy);
    mn_scope_close(scope);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    return copy;
}
mn_tensor *bind_opt_host(lua_State *L, int arg) { return lua_isnoneornil(L, arg) ? NULL : bind_host(L, arg); }

static bool moves(mn_dtype dtype) { return dtype == MN_F32 || dtype == MN_I32; }
void bind_push_made(lua_State *L, mn_tensor *t) {
    mn_scope scope = mn_scope_open();
    bind_push_tensor(L, t && moves(t->dtype) ? mn_to(t, bind_device(L)) : t);
    mn_scope_close(scope);
}

static int tensor_gc(lua_State *L) {
    box *b = lua_touserdata(L, 1);
    if (b->slot >= 0) live.items[b->slot] = NULL;
    mn_release(b->t);
    b->t = NULL;
    return 0;
}

/* ---- scopes ---- */

/* Tensors among the value (tables are searched, three levels deep) move to place *kept of the list, which is then one further. */
static void keep(lua_State *L, int at, long *kept, int depth) {
    if (bind_is_tensor(L, at)) {
        box *b = lua_touserdata(L, at);
        if (b->slot < *kept) return;
        box *other = live.items[*kept];
        live.items[b->slot] = other;
        if (other) other->slot = b->slot;
        live.items[*kept] = b;
        b->slot = (*kept)++;
    } else if (lua_istable(L, at) && depth < 3) {
        luaL_checkstack(L, 4, "scope");
        for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) keep(L, lua_gettop(L), kept, depth + 1);
    }
}

/* mien.scope(fn, ...): fn's results; every other tensor made inside is freed. */
static int l_scope(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    long mark = live.n, kept = mark;
    live.depth++;
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0), top = lua_gettop(L);
    live.depth--;
    if (!status) for (int i = 1; i <= top; i++) keep(L, i, &kept, 0);
    for (long i = kept; i < live.n; i++) {
        box *b = live.items[i];
        if (!b) continue;
        mn_release(b->t);
        b->t = NULL;
        b->slot = -1;
    }
    live.n = kept;                                       /* what was kept belongs to the enclosing scope */
    if (!live.depth) while (live.n > mark) if (live.items[--live.n]) live.items[live.n]->slot = -1;
    return status ? lua_error(L) : top;
}

/* mien.hold(tensor): the same numbers, which no scope frees */
static int l_hold(lua_State *L) {
    bind_enter(L);
    mn_tensor *t = bind_tensor(L, 1);
    const int depth = live.depth;
    live.depth = 0;
    bind_push_tensor(L, t);
    live.depth = depth;
    return 1;
}

static int l_no_grad(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    bool was = mn_tape_enable(false);
    int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
    mn_tape_enable(was);
    return status ? lua_error(L) : lua_gettop(L);
}

/* ---- options ---- */

int bind_shape(lua_State *L, int arg, int64_t shape[MN_MAXD]) {
    int nd = 0;
    if (lua_isnumber(L, arg)) { shape[0] = (int64_t)lua_tonumber(L, arg); return 1; }
    luaL_checktype(L, arg, LUA_TTABLE);
    for (nd = 0; ; nd++) {
        lua_rawgeti(L, arg, nd + 1);
        if (lua_isnil(L, -1)) { lua_pop(L, 1); break; }
        if (nd == MN_MAXD) luaL_error(L, "a shape has at most %d sizes", MN_MAXD);
        shape[nd] = (int64_t)luaL_checknumber(L, -1);
        lua_pop(L, 1);
    }
    return nd;
}
double bind_option(lua_State *L, int arg, const char *name, double def) {
    if (!lua_istable(L, arg)) return def;
    lua_getfield(L, arg, name);
    double v = lua_isboolean(L, -1) ? lua_toboolean(L, -1) : lua_isnil(L, -1) ? def : luaL_checknumber(L, -1);
    lua_pop(L, 1);
    return v;
}
void bind_check_options(lua_State *L, int arg, const char *what, const char *const *names) {
    if (!lua_istable(L, arg)) return;
    for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
        const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        int k = 0;
        while (key && names[k] && strcmp(names[k], key)) k++;
        if (key && names[k]) continue;
        char list[400] = "";
        for (k = 0; names[k]; k++) snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", k ? ", " : "", names[k]);
        luaL_error(L, "%s: unknown option '%s'; there are %s", what, key ? key : "(not a name)", list);
    }
}

mn_tensor *bind_field_host(lua_State *L, int arg, const char *name) {
    lua_getfield(L, arg, name);
    mn_tensor *t = NULL;
    if (bind_is_tensor(L, lua_gettop(L))) t = bind_host(L, lua_gettop(L));        /* the table keeps it */
    else if (!lua_isnil(L, -1)) luaL_error(L, "%s: tensor expected, got %s", name, luaL_typename(L, -1));
    lua_pop(L, 1);
    return t;
}
const char *bind_field_text(lua_State *L, int arg, const char *name) {
    lua_getfield(L, arg, name);
    if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "%s: text expected, got %s", name, luaL_typename(L, -1));
    const char *text = lua_tostring(L, -1);
    lua_pop(L, 1);
    return text;
}

/* ---- creation and reading ---- */

static mn_dtype dtype_arg(lua_State *L, int arg, mn_dtype def) {
    if (lua_isnoneornil(L, arg)) return def;
    const char *s = luaL_checkstring(L, arg);
    for (int d = 0; d < MN_NDTYPES; d++) if (!strcmp(s, mn_dtype_name(d))) return d;
    luaL_error(L, "element type: f32, f64, i32, u8 or f16 expected, got '%s'", s);
    return def;
}

static void store_number(mn_tensor *t, int64_t i, double v) {
    switch (t->dtype) {
    case MN_F32: ((float *)t->data)[i] = (float)v; break;
    case MN_F64: ((double *)t->data)[i] = v; break;
    case MN_I32: ((int32_t *)t->data)[i] = (int32_t)v; break;
    case MN_U8: ((uint8_t *)t->data)[i] = (uint8_t)v; break;
    default: ((_Float16 *)t->data)[i] = (_Float16)v; break;
    }
}

/* Sizes of a nested table; numbers must sit at one depth. */
static int table_shape(lua_State *L, int at, int64_t *shape, int nd) {
    if (!lua_istable(L, at)) return nd;
    if (nd == MN_MAXD) return luaL_error(L, "tensor: at most %d levels of tables", MN_MAXD);
    shape[nd] = (int64_t)lua_objlen(L, at);
    lua_rawgeti(L, at, 1);
    int r = table_shape(L, lua_gettop(L), shape, nd + 1);
    lua_pop(L, 1);
    return r;
}
static void table_fill(lua_State *L, int at, mn_tensor *t, int depth, int64_t *i) {
    if (depth == t->nd) {
        if (!lua_isnumber(L, at)) luaL_error(L, "tensor: number expected, got %s", luaL_typename(L, at));
        store_number(t, (*i)++, lua_tonumber(L, at));
        return;
    }
    if (!lua_istable(L, at) || (int64_t)lua_objlen(L, at) != t->shape[depth]) luaL_error(L, "tensor: rows of one length expected");
    luaL_checkstack(L, 2, "tensor");
    for (int64_t k = 1; k <= t->shape[depth]; k++) {
        lua_rawgeti(L, at, (int)k);
        table_fill(L, lua_gettop(L), t, depth + 1, i);
        lua_pop(L, 1);
    }
}
static int l_tensor(lua_State *L) {                      /* mien.tensor(table or number [, dtype]) */
    bind_enter(L);
    int64_t shape[MN_MAXD], i = 0;
    mn_scope s = mn_scope_open();
    int nd = table_shape(L, 1, shape, 0);
    mn_tensor *t = mn_empty(dtype_arg(L, 2, MN_F32), nd, shape);
    bind_push_tensor(L, t);
    mn_scope_close(s);
    int self = lua_gettop(L);
    table_fill(L, 1, bind_tensor(L, self), 0, &i);
    lua_settop(L, self);
    if (bind_device(L) != MN_CPU) bind_push_made(L, bind_tensor(L, self));
    return 1;
}

static int push_new(lua_State *L, mn_tensor *t, mn_scope s) {
    bind_push_tensor(L, t);
    mn_scope_close(s);
    return 1;
}
/* make(...) where tensors of that type are made */
#define MADE(L, dtype, make) \
    mn_scope s = mn_scope_open(); \
    const mn_device was = mn_device_use(moves(dtype) ? bind_device(L) : MN_CPU); \
    mn_tensor *made = (make); \
    mn_device_use(was); \
    return push_new(L, made, s)
static int l_zeros(lua_State *L) { int64_t sh[MN_MAXD]; bind_enter(L); int nd = bind_shape(L, 1, sh); mn_dtype d = dtype_arg(L, 2, MN_F32); MADE(L, d, mn_zeros(d, nd, sh)); }
static int l_full(lua_State *L) { int64_t sh[MN_MAXD]; bind_enter(L); int nd = bind_shape(L, 1, sh); double v = luaL_checknumber(L, 2); mn_dtype d = dtype_arg(L, 3, MN_F32); MADE(L, d, mn_full(d, nd, sh, v)); }
static int l_randn(lua_State *L) { int64_t sh[MN_MAXD]; bind_enter(L); int nd = bind_shape(L, 1, sh); mn_rng *r = bind_rng(L, 2); MADE(L, MN_F32, mn_randn(MN_F32, nd, sh, r)); }
static int l_rand(lua_State *L) { int64_t sh[MN_MAXD]; bind_enter(L); int nd = bind_shape(L, 1, sh); mn_rng *r = bind_rng(L, 2); MADE(L, MN_F32, mn_rand(MN_F32, nd, sh, r)); }
static int l_numpy_randn(lua_State *L) {                 /* mien.numpy_randn(seed, n): z of the published scripts, [1,n] */
    bind_enter(L);
    double seed = luaL_checknumber(L, 1), count = luaL_checknumber(L, 2);
    if (!(seed >= 0 && seed <= 4294967295.0 && seed == floor(seed))) return luaL_error(L, "numpy_randn: seed: a whole number in 0..2^32-1 expected, got %f", seed);
    if (!(count >= 1 && count <= 1 << 24)) return luaL_error(L, "numpy_randn: n: 1..2^24 expected, got %f", count);
    int64_t n = (int64_t)count, shape[2] = {1, n};
    mn_scope s = mn_scope_open();
    mn_tensor *d = mn_empty(MN_F64, 2, shape);
    if (d && !mn_numpy_randn((uint32_t)seed, n, d->data)) d = mn_cast(d, MN_F32);
    bind_push_made(L, d);
    mn_scope_close(s);
    return 1;
}

static int l_totable(lua_State *L) {                     /* flat list of numbers */
    bind_enter(L);
    mn_tensor *t = bind_host(L, 1);
    lua_createtable(L, (int)t->n, 0);
    for (int64_t i = 0; i < t->n; i++) { lua_pushnumber(L, mn_item(t, i)); lua_rawseti(L, -2, (int)i + 1); }
    return 1;
}
static int l_item(lua_State *L) {                        /* t:item([i]) counted from 1 over all elements */
    bind_enter(L);
    mn_tensor *t = bind_tensor(L, 1);
    int64_t i = (int64_t)luaL_optnumber(L, 2, 1);
    if (lua_isnoneornil(L, 2) && t->n != 1) return luaL_error(L, "item: one element expected, got %s", mn_shape_text(t));
    double v = mn_item(t, i - 1);
    if (mn_errcode()) return bind_raise(L);
    lua_pushnumber(L, v);
    return 1;
}
static int l_set(lua_State *L) {                         /* t:set(i, v) */
    bind_enter(L);
    mn_tensor *t = bind_tensor(L, 1);
    int64_t i = (int64_t)luaL_checknumber(L, 2);
    if (i < 1 || i > t->n) return luaL_error(L, "set: index %d of %d elements", (int)i, (int)t->n);
    if (t->node) return luaL_error(L, "set: a result that the tape recorded cannot be changed");
    const double v = luaL_checknumber(L, 3);
    mn_scope s = mn_scope_open();
    mn_tensor *one = mn_full(t->dtype, 1, (int64_t[]){1}, v), *place = mn_view(t, 1, (int64_t[]){1}, i - 1);
    if (one && place) mn_copy(place, one);
    mn_scope_close(s);
    if (mn_errcode()) return bind_raise(L);
    lua_settop(L, 1);
    return 1;
}
static int l_copy(lua_State *L) {                        /* t:copy(from): the numbers of a tensor of as many elements */
    bind_enter(L);
    mn_tensor *t = bind_tensor(L, 1), *from = bind_tensor(L, 2);
    if (t->n != from->n) return luaL_error(L, "copy: %s expected, got %s", mn_shape_text(t), mn_shape_text(from));
    mn_scope s = mn_scope_open();
    from = mn_cast(from, t->dtype);
    const bool failed = !from || mn_copy(t, from);
    mn_scope_close(s);
    if (failed) return bind_raise(L);
    lua_settop(L, 1);
    return 1;
}
static int l_zero_grad(lua_State *L) { mn_grad_zero(bind_tensor(L, 1)); lua_settop(L, 1); return 1; }
static int l_shape(lua_State *L) {
    mn_tensor *t = bind_tensor(L, 1);
    lua_createtable(L, t->nd, 0);
    for (int d = 0; d < t->nd; d++) { lua_pushnumber(L, (double)t->shape[d]); lua_rawseti(L, -2, d + 1); }
    return 1;
}
static int l_size(lua_State *L) {                        /* t:size(axis) */
    mn_tensor *t = bind_tensor(L, 1);
    int d = (int)luaL_checknumber(L, 2);
    if (d < 0) d += t->nd + 1;
    if (d < 1 || d > t->nd) return luaL_error(L, "size: axis %d of %s", d, mn_shape_text(t));
    lua_pushnumber(L, (double)t->shape[d - 1]);
    return 1;
}
static int l_dtype(lua_State *L) { lua_pushstring(L, mn_dtype_name(bind_tensor(L, 1)->dtype)); return 1; }
static int l_cast(lua_State *L) { bind_enter(L); mn_tensor *t = bind_tensor(L, 1); mn_dtype d = dtype_arg(L, 2, MN_F32); mn_scope s = mn_scope_open(); t = mn_cast(t, d); if (t && mn_device_of(t) == MN_CPU) bind_push_made(L, t); else bind_push_tensor(L, t); mn_scope_close(s); return 1; }
static int l_clone(lua_State *L) { bind_enter(L); mn_tensor *t = bind_tensor(L, 1); mn_scope s = mn_scope_open(); return push_new(L, mn_clone(t), s); }
static int l_detach(lua_State *L) { bind_enter(L); mn_tensor *t = bind_tensor(L, 1); mn_scope s = mn_scope_open(); return push_new(L, mn_detach(t), s); }
static int l_param(lua_State *L) { bind_enter(L); mn_tensor *t = bind_tensor(L, 1); if (t->node) return luaL_error(L, "param: a result of an op; detach or clone it first"); mn_param(t); lua_settop(L, 1); return 1; }
static int l_grad(lua_State *L) { bind_enter(L); mn_tensor *t = bind_tensor(L, 1); if (!t->grad) { lua_pushnil(L); return 1; } bind_push_tensor(L, t->grad); return 1; }
static int l_tostring(lua_State *L) {
    box *b = lua_touserdata(L, 1);
    if (!b->t) { lua_pushliteral(L, "tensor (freed)"); return 1; }
    luaL_Buffer buf;
    luaL_buffinit(L, &buf);
    lua_pushfstring(L, "tensor %s %s", mn_dtype_name(b->t->dtype), mn_shape_text(b->t));
    luaL_addvalue(&buf);
    if (mn_device_of(b->t) != MN_CPU) { lua_pushfstring(L, " %s", mn_device_name(mn_device_of(b->t))); luaL_addvalue(&buf); }
    if (b->t->n <= 16) {
        luaL_addstring(&buf, " {");
        for (int64_t i = 0; i < b->t->n; i++) { lua_pushfstring(L, i ? ", %f" : "%f", mn_item(b->t, i)); luaL_addvalue(&buf); }
        luaL_addstring(&buf, "}");
    }
    luaL_pushresult(&buf);
    return 1;
}

/* ---- arithmetic: numbers mix with tensors ---- */

static int arith(lua_State *L, const mn_opdef *def) {
    bind_enter(L);
    mn_scope s = mn_scope_open();
    mn_tensor *in[2], *like = bind_is_tensor(L, 1) ? bind_tensor(L, 1) : bind_tensor(L, 2);
    const mn_device was = mn_device_use(mn_device_of(like));
    for (int j = 0; j < 2; j++) {
        if (lua_isnumber(L, j + 1)) in[j] = mn_full(like->dtype, 0, NULL, lua_tonumber(L, j + 1));
        else in[j] = bind_is_tensor(L, j + 1) ? bind_tensor(L, j + 1) : NULL;
    }
    mn_device_use(was);
    for (int j = 0; j < 2; j++) if (!in[j] && !mn_errcode()) bind_tensor(L, j + 1);     /* raises */
    return push_new(L, mn_apply1(def, 2, in, 0, NULL), s);
}
static int l_add(lua_State *L) { return arith(L, &mn_op_add); }
static int l_sub(lua_State *L) { return arith(L, &mn_op_sub); }
static int l_mul(lua_State *L) { return arith(L, &mn_op_mul); }
static int l_div(lua_State *L) { return arith(L, &mn_op_div); }
static int l_unm(lua_State *L) { bind_enter(L); mn_tensor *t = bind_tensor(L, 1); mn_scope s = mn_scope_open(); return push_new(L, mn_call(neg, T(t)), s); }

/* mien.concat_rows({t1, t2, ...}): a list of any length along the first axis */
static int l_concat_rows(lua_State *L) {
    bind_enter(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    int n = (int)lua_objlen(L, 1);
    if (!n) return luaL_error(L, "concat_rows: an empty list");
    mn_scope s = mn_scope_open();
    mn_tensor *done = NULL, *some[MN_MAX_IN];
    for (int i = 0; i < n; ) {
        int k = 0;
        if (done) some[k++] = done;
        for (; k < MN_MAX_IN && i < n; i++) {
            lua_rawgeti(L, 1, i + 1);
            if (!bind_is_tensor(L, lua_gettop(L))) { mn_scope_close(s); return luaL_error(L, "concat_rows: element %d: tensor expected, got %s", i + 1, luaL_typename(L, -1)); }
            some[k++] = bind_tensor(L, lua_gettop(L));
            lua_pop(L, 1);
        }
        done = mn_apply1(&mn_op_concat, k, some, 0, NULL);
    }
    return push_new(L, done, s);
}

void bind_open_tensor(lua_State *L) {
    static const luaL_Reg make[] = {{"tensor", l_tensor}, {"zeros", l_zeros}, {"full", l_full}, {"randn", l_randn}, {"rand", l_rand},
        {"numpy_randn", l_numpy_randn}, {"concat_rows", l_concat_rows}, {"scope", l_scope}, {"hold", l_hold}, {"no_grad", l_no_grad}, {0}};
    static const luaL_Reg methods[] = {{"totable", l_totable}, {"item", l_item}, {"set", l_set}, {"shape", l_shape}, {"dim", l_size}, {"dtype", l_dtype},
        {"cast", l_cast}, {"clone", l_clone}, {"detach", l_detach}, {"copy", l_copy}, {"zero_grad", l_zero_grad}, {"param", l_param}, {"grad", l_grad}, {0}};
    static const luaL_Reg meta[] = {{"__gc", tensor_gc}, {"__tostring", l_tostring}, {"__add", l_add}, {"__sub", l_sub}, {"__mul", l_mul},
        {"__div", l_div}, {"__unm", l_unm}, {0}};
    luaL_newmetatable(L, MN_TENSOR_TYPE);
    luaL_register(L, NULL, meta);
    lua_newtable(L);
    luaL_register(L, NULL, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_register(L, NULL, make);
}
