/* lua_mesh.c -- meshes as tables of tensors {v, f, uv, fuv, normal, color} (io/mesh.h), their files, and the
 * surface of a sampled field (march.h).  Index tensors count from 0, as in the files. */
#include <string.h>
#include "../io/mesh.h"
#include "../march.h"
#include "bind.h"

enum { TARGETS_MOST = 512 };

static mn_mesh mesh_arg(lua_State *L, int arg) {
    static const char *const names[] = {"v", "f", "uv", "fuv", "normal", "color", NULL};
    luaL_checktype(L, arg, LUA_TTABLE);
    bind_check_options(L, arg, "mesh", names);
    return (mn_mesh){bind_field_host(L, arg, "v"), bind_field_host(L, arg, "f"), bind_field_host(L, arg, "uv"), bind_field_host(L, arg, "fuv"),
                     bind_field_host(L, arg, "normal"), bind_field_host(L, arg, "color")};
}

static int push_mesh(lua_State *L, const mn_mesh *m, mn_scope scope) {
    static const char *const names[] = {"v", "f", "uv", "fuv", "normal", "color"};
    mn_tensor *const parts[] = {m->v, m->f, m->uv, m->fuv, m->normal, m->color};
    lua_newtable(L);
    for (int i = 0; i < 6; i++)
        if (parts[i]) { bind_push_made(L, parts[i]); lua_setfield(L, -2, names[i]); }
    mn_scope_close(scope);
    return 1;
}

static int done(lua_State *L, mn_status status) {
    if (status) return bind_fail(L);
    lua_pushboolean(L, 1);
    return 1;
}

static int l_obj_read(lua_State *L) {                    /* mien.obj_read(path) -> mesh or nil, message, code */
    bind_enter(L);
    const char *path = luaL_checkstring(L, 1);
    mn_mesh m;
    mn_scope s = mn_scope_open();
    if (mn_obj_read(path, &m)) { mn_scope_close(s); return bind_fail(L); }
    return push_mesh(L, &m, s);
}
static int l_obj_write(lua_State *L) {                   /* mien.obj_write(path, mesh [, texture's file name]) */
    bind_enter(L);
    const char *path = luaL_checkstring(L, 1), *texture = luaL_optstring(L, 3, NULL);
    mn_mesh m = mesh_arg(L, 2);
    return done(L, mn_obj_write(path, &m, texture));
}
static int l_ply_write(lua_State *L) {                   /* mien.ply_write(path, mesh) */
    bind_enter(L);
    const char *path = luaL_checkstring(L, 1);
    mn_mesh m = mesh_arg(L, 2);
    return done(L, mn_ply_write(path, &m));
}

/* mien.glb_write(path, mesh, {texture = u8 [H,W,3], record = text, targets = {{name, [V,3]}, ...}}) */
static int l_glb_write(lua_State *L) {
    static const char *const names[] = {"texture", "record", "targets", NULL};
    const char *target_names[TARGETS_MOST];
    mn_tensor *targets[TARGETS_MOST];
    mn_glb_options o = {.target_names = target_names, .targets = targets};
    bind_enter(L);
    const char *path = luaL_checkstring(L, 1);
    mn_mesh m = mesh_arg(L, 2);
    bind_check_options(L, 3, "glb_write", names);
    if (lua_istable(L, 3)) {
        o.texture = bind_field_host(L, 3, "texture");
        o.record = bind_field_text(L, 3, "record");
        lua_getfield(L, 3, "targets");
        int n = lua_istable(L, -1) ? (int)lua_objlen(L, -1) : 0;
        if (n > TARGETS_MOST) return luaL_error(L, "glb_write: %d targets, at most %d are possible", n, TARGETS_MOST);
        for (int i = 0; i < n; i++) {
            lua_rawgeti(L, -1, i + 1);
            if (!lua_istable(L, -1)) return luaL_error(L, "glb_write: target %d: {name, tensor} expected, got %s", i + 1, luaL_typename(L, -1));
            lua_rawgeti(L, -1, 1);
            lua_rawgeti(L, -2, 2);
            if (lua_type(L, -2) != LUA_TSTRING || !bind_is_tensor(L, lua_gettop(L))) return luaL_error(L, "glb_write: target %d: {name, tensor} expected", i + 1);
            target_names[i] = lua_tostring(L, -2);
            targets[i] = bind_host(L, lua_gettop(L));
            lua_pop(L, 3);
        }
        o.n_targets = n;
    }
    return done(L, mn_glb_write(path, &m, &o));
}

static int l_normals(lua_State *L) {                     /* mien.mesh_normals(v, f) -> [V,3] */
    bind_enter(L);
    mn_tensor *v = bind_host(L, 1), *f = bind_host(L, 2);
    mn_scope s = mn_scope_open();
    mn_tensor *t = mn_mesh_normals(v, f);
    if (!t) { mn_scope_close(s); return bind_raise(L); }
    bind_push_made(L, t);
    mn_scope_close(s);
    return 1;
}

static bool read_point(lua_State *L, const char *name, double point[3]) {
    lua_getfield(L, 2, name);
    bool given = !lua_isnil(L, -1);
    if (given && (!lua_istable(L, -1) || lua_objlen(L, -1) != 3)) luaL_error(L, "march: %s: three numbers expected", name);
    for (int k = 0; given && k < 3; k++) {
        lua_rawgeti(L, -1, k + 1);
        point[k] = luaL_checknumber(L, -1);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return given;
}
/* mien.march(grid [D,H,W], {level, origin = {x,y,z}, step = {x,y,z}}) -> mesh, level; without a level one is found */
static int l_march(lua_State *L) {
    static const char *const names[] = {"level", "origin", "step", NULL};
    double origin[3] = {0, 0, 0}, step[3] = {1, 1, 1}, level = 0;
    bind_enter(L);
    mn_tensor *grid = bind_host(L, 1);
    bool found = false;
    if (!lua_isnoneornil(L, 2)) {
        luaL_checktype(L, 2, LUA_TTABLE);
        bind_check_options(L, 2, "march", names);
        read_point(L, "origin", origin);
        read_point(L, "step", step);
        lua_getfield(L, 2, "level");
        found = !lua_isnil(L, -1);
        if (found) level = luaL_checknumber(L, -1);
    }
    mn_mesh m;
    mn_scope s = mn_scope_open();
    if ((!found && mn_march_level(grid, &level)) || mn_march(grid, level, origin, step, &m)) { mn_scope_close(s); return bind_raise(L); }
    push_mesh(L, &m, s);
    lua_pushnumber(L, level);
    return 2;
}

void bind_open_mesh(lua_State *L) {
    static const luaL_Reg functions[] = {{"obj_read", l_obj_read}, {"obj_write", l_obj_write}, {"ply_write", l_ply_write}, {"glb_write", l_glb_write},
        {"mesh_normals", l_normals}, {"march", l_march}, {0}};
    luaL_register(L, NULL, functions);
}
