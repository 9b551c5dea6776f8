/* lua_sheet.c -- labels on pictures and labelled grids of them (io/label.h).  lua/mien/sheet.lua makes the
 * pictures from tensors. */
#include <string.h>
#include "../io/label.h"
#include "bind.h"

/* The list in field `name` (nil: none) as n texts; absent items are NULL.  The array is Lua's and stays on the stack. */
static const char *const *text_list(lua_State *L, const char *name, int n) {
    lua_getfield(L, 1, name);
    if (lua_isnil(L, -1)) return NULL;
    if (!lua_istable(L, -1)) luaL_error(L, "sheet: %s: list of texts expected, got %s", name, luaL_typename(L, -1));
    int list = lua_gettop(L), given = (int)lua_objlen(L, list);
    if (given > n) luaL_error(L, "sheet: %s: %d texts for %d", name, given, n);
    const char **texts = lua_newuserdata(L, ((size_t)n + 1) * sizeof *texts);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, list, i + 1);
        if (lua_type(L, -1) == LUA_TNUMBER) {            /* kept by the list as the text it becomes */
            lua_pushstring(L, lua_tostring(L, -1));
            lua_replace(L, -2);
            lua_pushvalue(L, -1);
            lua_rawseti(L, list, i + 1);
        }
        if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "sheet: %s: item %d: text expected, got %s", name, i + 1, luaL_typename(L, -1));
        texts[i] = lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    return texts;
}

/* mien.sheet_compose{pictures = {u8 [H,W,3] or false, row after row}, columns, row_labels, column_labels, title, footer,
 * scale, gap} -> u8 [H,W,3] */
static int l_compose(lua_State *L) {
    static const char *const names[] = {"pictures", "columns", "row_labels", "column_labels", "title", "footer", "scale", "gap", NULL};
    bind_enter(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    bind_check_options(L, 1, "sheet", names);
    lua_getfield(L, 1, "pictures");
    if (!lua_istable(L, 2)) return luaL_error(L, "sheet: pictures: list expected, got %s", luaL_typename(L, 2));
    int n = (int)lua_objlen(L, 2), columns = (int)bind_option(L, 1, "columns", n);
    if (n < 1 || columns < 1 || n > 65536) return luaL_error(L, "sheet: %d pictures in %d columns, at least 1 of each expected", n, columns);
    int rows = (n + columns - 1) / columns;
    mn_tensor **pictures = lua_newuserdata(L, (size_t)rows * (size_t)columns * sizeof *pictures);
    memset(pictures, 0, (size_t)rows * (size_t)columns * sizeof *pictures);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 2, i + 1);
        if (bind_is_tensor(L, lua_gettop(L))) pictures[i] = bind_host(L, lua_gettop(L));
        else if (lua_toboolean(L, -1)) return luaL_error(L, "sheet: picture %d: tensor or false expected, got %s", i + 1, luaL_typename(L, -1));
        lua_pop(L, 1);
    }
    mn_sheet sheet = {.rows = rows, .columns = columns, .pictures = pictures, .row_labels = text_list(L, "row_labels", rows),
        .column_labels = text_list(L, "column_labels", columns), .title = bind_field_text(L, 1, "title"), .footer = bind_field_text(L, 1, "footer"),
        .scale = (int)bind_option(L, 1, "scale", 1), .gap = (int)bind_option(L, 1, "gap", 4)};
    if (!sheet.gap) sheet.gap = -1;                      /* in C 0 asks for the default */
    mn_scope s = mn_scope_open();
    mn_tensor *t = mn_sheet_compose(&sheet);
    if (!t) { mn_scope_close(s); return bind_raise(L); }
    bind_push_made(L, t);
    mn_scope_close(s);
    return 1;
}

/* mien.label(picture u8 [H,W,3], x, y, text [, {scale, color = {r, g, b} 0..255}]): draws in place; returns the picture */
static int l_label(lua_State *L) {
    static const char *const names[] = {"scale", "color", NULL};
    uint8_t color[3] = {0, 0, 0};
    bind_enter(L);
    mn_tensor *t = bind_host(L, 1);
    double x = luaL_checknumber(L, 2), y = luaL_checknumber(L, 3);
    const char *text = luaL_checkstring(L, 4);
    bind_check_options(L, 5, "label", names);
    if (lua_istable(L, 5)) {
        lua_getfield(L, 5, "color");
        for (int k = 0; lua_istable(L, -1) && k < 3; k++) { lua_rawgeti(L, -1, k + 1); color[k] = (uint8_t)luaL_checknumber(L, -1); lua_pop(L, 1); }
    }
    if (mn_label_draw(t, (int64_t)x, (int64_t)y, text, (int)bind_option(L, 5, "scale", 1), color)) return bind_raise(L);
    lua_settop(L, 1);
    return 1;
}

void bind_open_sheet(lua_State *L) {
    static const luaL_Reg functions[] = {{"sheet_compose", l_compose}, {"label", l_label}, {0}};
    luaL_register(L, NULL, functions);
}
