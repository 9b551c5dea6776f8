/* lua_text.c -- tokenizers as Lua values: mien.bpe(path) and mien.words(list) (io/tokenizer.h).
 * Both have :tokens(text, {context, truncate}) -> i32 [1,context]; ids count from 0. */
#include <stdlib.h>
#include <string.h>
#include "../io/tokenizer.h"
#include "lua_store.h"

#define BPE_TYPE   "mien.bpe"
#define WORDS_TYPE "mien.words"
enum { CONTEXT = 77, CONTEXT_MOST = 4096 };

static mn_bpe *bpe_arg(lua_State *L) { return *(mn_bpe **)luaL_checkudata(L, 1, BPE_TYPE); }
static mn_words *words_arg(lua_State *L) { return *(mn_words **)luaL_checkudata(L, 1, WORDS_TYPE); }

static int read_context(lua_State *L, bool *truncate) {
    static const char *const names[] = {"context", "truncate", NULL};
    bind_check_options(L, 3, "tokens", names);
    double context = bind_option(L, 3, "context", CONTEXT);
    *truncate = bind_option(L, 3, "truncate", 0) != 0;
    if (!(context >= 2 && context <= CONTEXT_MOST)) luaL_error(L, "tokens: context: 2 to %d expected, got %f", CONTEXT_MOST, context);
    return (int)context;
}

/* Lines of a text from malloc -> list; the text is freed. */
static int push_lines(lua_State *L, char *text) {
    int n = 0;
    void **held = store_hold(L, free);
    *held = text;
    lua_newtable(L);
    for (char *p = text, *end; *p; p = *end ? end + 1 : end) {
        end = strchr(p, '\n');
        if (!end) end = p + strlen(p);
        lua_pushlstring(L, p, (size_t)(end - p));
        lua_rawseti(L, -2, ++n);
    }
    store_release(held);
    return 1;
}

/* ---- byte pairs ---- */

static int l_bpe(lua_State *L) {                         /* mien.bpe(path) -> tokenizer or nil, message, code */
    bind_enter(L);
    const char *path = luaL_checkstring(L, 1);
    mn_bpe **p = lua_newuserdata(L, sizeof *p);
    *p = NULL;
    luaL_getmetatable(L, BPE_TYPE);
    lua_setmetatable(L, -2);
    return (*p = mn_bpe_open(path)) ? 1 : bind_fail(L);
}
static int l_bpe_gc(lua_State *L) { mn_bpe **p = luaL_checkudata(L, 1, BPE_TYPE); mn_bpe_free(*p); *p = NULL; return 0; }
static int l_bpe_count(lua_State *L) { lua_pushinteger(L, mn_bpe_count(bpe_arg(L))); return 1; }
static int l_bpe_tokens(lua_State *L) {
    bool truncate;
    bind_enter(L);
    mn_bpe *b = bpe_arg(L);
    const char *text = luaL_checkstring(L, 2);
    int64_t shape[] = {1, read_context(L, &truncate)};
    mn_scope s = mn_scope_open();
    mn_tensor *t = mn_empty(MN_I32, 2, shape);
    if (!t || mn_bpe_tokens(b, text, (int)shape[1], truncate, t->data)) { mn_scope_close(s); return bind_raise(L); }
    bind_push_made(L, t);
    mn_scope_close(s);
    return 1;
}
static int l_bpe_clean(lua_State *L) {                   /* mien.bpe_clean(text): as the word pattern sees it */
    bind_enter(L);
    const char *text = luaL_checkstring(L, 1);
    void **held = store_hold(L, free);
    if (!(*held = mn_bpe_clean(text))) return bind_raise(L);
    lua_pushstring(L, *held);
    store_release(held);
    return 1;
}

/* ---- words ---- */

static int l_words(lua_State *L) {                       /* mien.words(one word a line, or a JSON array of texts) */
    bind_enter(L);
    const char *list = luaL_checkstring(L, 1);
    mn_words **p = lua_newuserdata(L, sizeof *p);
    *p = NULL;
    luaL_getmetatable(L, WORDS_TYPE);
    lua_setmetatable(L, -2);
    return (*p = mn_words_parse(list)) ? 1 : bind_raise(L);
}
static int l_words_gc(lua_State *L) { mn_words **p = luaL_checkudata(L, 1, WORDS_TYPE); mn_words_free(*p); *p = NULL; return 0; }
static int l_words_count(lua_State *L) { lua_pushinteger(L, mn_words_count(words_arg(L))); return 1; }
static int l_words_word(lua_State *L) { lua_pushstring(L, mn_words_word(words_arg(L), (int)luaL_checknumber(L, 2))); return 1; }
static int l_words_tokens(lua_State *L) {                /* -> ids [1,context], list of the words that have none */
    bool truncate;
    int n;
    char **unknown;
    bind_enter(L);
    mn_words *w = words_arg(L);
    const char *text = luaL_checkstring(L, 2);
    int64_t shape[] = {1, read_context(L, &truncate)};
    void **held = store_hold(L, free);
    mn_scope s = mn_scope_open();
    mn_tensor *t = mn_empty(MN_I32, 2, shape);
    if (!t || mn_words_encode(w, text, (int)shape[1], truncate, t->data, &n, &unknown)) { mn_scope_close(s); return bind_raise(L); }
    *held = unknown;
    bind_push_made(L, t);
    mn_scope_close(s);
    lua_newtable(L);
    for (int i = 0; i < n; i++) { lua_pushstring(L, unknown[i]); lua_rawseti(L, -2, i + 1); }
    store_release(held);
    return 2;
}
static int l_words_split(lua_State *L) {                 /* mien.words_split(text) -> its words, lower case */
    bind_enter(L);
    char *lines = mn_words_split(luaL_checkstring(L, 1));
    return lines ? push_lines(L, lines) : bind_raise(L);
}

static void open_type(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction gc) {
    luaL_newmetatable(L, name);
    lua_newtable(L);
    luaL_register(L, NULL, methods);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}

void bind_open_text(lua_State *L) {
    static const luaL_Reg functions[] = {{"bpe", l_bpe}, {"bpe_clean", l_bpe_clean}, {"words", l_words}, {"words_split", l_words_split}, {0}};
    static const luaL_Reg bpe[] = {{"count", l_bpe_count}, {"tokens", l_bpe_tokens}, {0}};
    static const luaL_Reg words[] = {{"count", l_words_count}, {"tokens", l_words_tokens}, {"word", l_words_word}, {0}};
    open_type(L, BPE_TYPE, bpe, l_bpe_gc);
    open_type(L, WORDS_TYPE, words, l_words_gc);
    luaL_register(L, NULL, functions);
}
