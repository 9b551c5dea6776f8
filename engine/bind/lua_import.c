/* lua_import.c -- importers of published checkpoints (io/import.h) for `mien import`. */
#include <stdlib.h>
#include <string.h>
#include "../io/import.h"
#include "lua_store.h"

enum { SOURCES_MOST = 32 };

/* Notes are kept in C while files are read: Lua may raise in mid-call. */
static void take_note(void *arg, const char *line) { mn_text_addf(arg, "%s\n", line); }

/* mien.import_files(kind, {files and KEY=VALUE}, out) -> notes as a text; or nil, message, code */
static int l_import(lua_State *L) {
    const char *sources[SOURCES_MOST];
    bind_enter(L);
    const char *kind = luaL_checkstring(L, 1), *out = luaL_checkstring(L, 3);
    luaL_checktype(L, 2, LUA_TTABLE);
    int n = (int)lua_objlen(L, 2);
    if (n > SOURCES_MOST) return luaL_error(L, "import: %d files and options, at most %d are possible", n, SOURCES_MOST);
    for (int i = 0; i < n; i++) {
        lua_rawgeti(L, 2, i + 1);
        if (lua_type(L, -1) != LUA_TSTRING) return luaL_error(L, "import: item %d: text expected, got %s", i + 1, luaL_typename(L, -1));
        sources[i] = lua_tostring(L, -1);                /* the table keeps it */
        lua_pop(L, 1);
    }
    mn_text notes = {0};
    void **held = store_hold(L, free);
    mn_status status = mn_import(kind, n, sources, out, take_note, &notes);
    *held = notes.s;
    if (status || notes.failed) return bind_failed(L);
    lua_pushlstring(L, notes.s ? notes.s : "", notes.size);
    store_release(held);
    return 1;
}

static int l_importers(lua_State *L) {                   /* mien.importers() -> {{kind, files, doc, options = {names}}} */
    int n;
    const mn_importer *const *all = mn_importers(&n);
    lua_newtable(L);
    for (int i = 0; i < n; i++) {
        lua_newtable(L);
        lua_pushstring(L, all[i]->kind);
        lua_setfield(L, -2, "kind");
        lua_pushstring(L, all[i]->files);
        lua_setfield(L, -2, "files");
        lua_pushstring(L, all[i]->doc);
        lua_setfield(L, -2, "doc");
        lua_newtable(L);
        for (int k = 0; all[i]->options && all[i]->options[k]; k++) { lua_pushstring(L, all[i]->options[k]); lua_rawseti(L, -2, k + 1); }
        lua_setfield(L, -2, "options");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

void bind_open_import(lua_State *L) {
    static const luaL_Reg functions[] = {{"import_files", l_import}, {"importers", l_importers}, {0}};
    luaL_register(L, NULL, functions);
}
