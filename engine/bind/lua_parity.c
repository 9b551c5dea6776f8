/* lua_parity.c -- parity with published numbers from Lua (parity/parity.h). */
#include "bind.h"
#include "../parity/parity.h"

typedef struct lines { mn_text text; } lines;
static void add_line(void *arg, const char *line) { mn_text_addf(&((lines *)arg)->text, "%s\n", line); }

/* mien.parity_compare(kind, checkpoint or "-", golden [, dump]) -> within bounds, report as a text; or nil, message, code */
static int l_compare(lua_State *L) {
    bind_enter(L);
    const char *kind = luaL_checkstring(L, 1), *checkpoint = luaL_checkstring(L, 2), *golden = luaL_checkstring(L, 3), *dump = luaL_optstring(L, 4, NULL);
    lines l = {{0}};
    bool fits = false;
    mn_status s = mn_parity_run(kind, checkpoint, golden, dump, bind_device(L), add_line, &l, &fits);
    if (!s && l.text.failed) s = mn_fail(MN_ENOMEM, "parity: out of memory");
    if (s) {
        mn_text_free(&l.text);
        return bind_failed(L);
    }
    lua_pushboolean(L, fits);
    lua_pushstring(L, l.text.s ? l.text.s : "");
    mn_text_free(&l.text);
    return 2;
}

/* mien.parity_models() -> names of the models that can be compared */
static int l_models(lua_State *L) {
    const char *name;
    lua_newtable(L);
    for (int i = 0; (name = mn_parity_model(i)); i++) {
        lua_pushstring(L, name);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

void bind_open_parity(lua_State *L) {
    lua_pushcfunction(L, l_models);
    lua_setfield(L, -2, "parity_models");
    lua_pushcfunction(L, l_compare);
    lua_setfield(L, -2, "parity_compare");
}
