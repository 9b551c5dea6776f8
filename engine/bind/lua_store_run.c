/* lua_store_run.c -- runs with their metrics and recorded edits, as methods of the library.
 * A run keeps its library alive.  One that Lua lets go of without finish() ends as "interrupted". */
#include <math.h>
#include <stdlib.h>
#include "lua_store.h"

static void free_runs(void *p) { mn_store_run_rows_free(p); }
static void free_metrics(void *p) { mn_store_metric_rows_free(p); }
static void free_edits(void *p) { mn_store_edit_rows_free(p); }

/* ---- a run in progress -------------------------------------------------- */

static mn_store_run **push_run(lua_State *L) {
    mn_store_run **run = lua_newuserdata(L, sizeof *run);
    *run = NULL;
    luaL_getmetatable(L, MN_RUN_TYPE);
    lua_setmetatable(L, -2);
    lua_createtable(L, 1, 0);
    lua_pushvalue(L, 1);
    lua_rawseti(L, -2, 1);
    lua_setfenv(L, -2);
    return run;
}

static mn_store_run *run_arg(lua_State *L) {
    mn_store_run *run = *(mn_store_run **)luaL_checkudata(L, 1, MN_RUN_TYPE);
    if (!run) luaL_error(L, "run: it is finished");
    bind_enter(L);
    return run;
}

static int l_begin_run(lua_State *L) {                   /* s:begin_run{recipe, options, seed} -> run */
    static const char *const names[] = {"recipe", "options", "seed", NULL};
    mn_store *s = store_arg(L);
    luaL_checktype(L, 2, LUA_TTABLE);
    bind_check_options(L, 2, "begin_run", names);
    const char *recipe = store_text(L, 2, "recipe"), *options = store_json(L, 2, "options");
    int64_t seed = store_integer_field(L, 2, "seed", 0);
    mn_store_run **run = push_run(L);
    return mn_store_run_begin(s, recipe, options, seed, run) ? bind_fail(L) : 1;
}

/* s:resume_run(id) -> run, and its state: {name = tensor}, {key = text} (nothing without one) */
static int l_resume_run(lua_State *L) {
    mn_store *s = store_arg(L);
    size_t size;
    void **state = store_hold(L, free);
    mn_store_run **run = push_run(L);
    if (mn_store_run_resume(s, store_integer(L, 2, "run"), run, state, &size)) return bind_fail(L);
    if (!*state) return 1;
    mn_st *st = mn_store_image_open((mn_bytes){*state, size});
    store_release(state);
    if (!st || !bind_push_st(L, st)) return bind_fail(L);
    lua_pop(L, 1);
    return 3;
}

static int l_run_id(lua_State *L) { lua_pushnumber(L, (double)mn_store_run_id(run_arg(L))); return 1; }

static int l_run_log(lua_State *L) {                     /* run:log(step, {name = number}) */
    mn_store_run *run = run_arg(L);
    int64_t step = store_integer(L, 2, "step");
    luaL_checktype(L, 3, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 3); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TNUMBER) return luaL_error(L, "log: numbers by name expected");
        if (mn_store_run_log(run, step, lua_tostring(L, -2), lua_tonumber(L, -1))) return bind_fail(L);
    }
    return 0;
}

static int done(lua_State *L, mn_status status) {
    if (status) return bind_fail(L);
    lua_pushboolean(L, 1);
    return 1;
}
static int l_run_flush(lua_State *L) { return done(L, mn_store_run_flush(run_arg(L))); }
static int l_run_set_mapper(lua_State *L) { mn_store_run *run = run_arg(L); return done(L, mn_store_run_set_mapper(run, luaL_checkstring(L, 2))); }

static int l_run_set_state(lua_State *L) {               /* run:set_state(bytes, model or {name = tensor} [, {key = text}]) */
    mn_store_run *run = run_arg(L);
    store_bytes state;
    lua_settop(L, 3);
    luaL_checkany(L, 2);
    if (store_image(L, 2, 3, &state)) return bind_fail(L);
    mn_store_run_set_state(run, state.bytes);
    store_release(state.held);
    return done(L, mn_errcode());
}

static int l_run_finish(lua_State *L) {                  /* run:finish(status [, message]) */
    mn_store_run *run = run_arg(L);
    const char *status = luaL_checkstring(L, 2), *message = luaL_optstring(L, 3, NULL);
    *(mn_store_run **)lua_touserdata(L, 1) = NULL;       /* freed whatever comes of it */
    return done(L, mn_store_run_finish(run, status, message));
}

static int l_run_gc(lua_State *L) {
    store_aside aside;
    mn_store_run **run = luaL_checkudata(L, 1, MN_RUN_TYPE), *open = *run;
    store_put_aside(&aside);
    *run = NULL;
    if (open) mn_store_run_finish(open, "interrupted", "the program ended without finishing it");
    store_take_back(&aside);                             /* nobody is left to tell of a failure */
    return 0;
}

/* ---- reading runs ------------------------------------------------------- */

static int l_runs(lua_State *L) {                        /* s:runs([mapper key, limit]) -> list, newest first */
    mn_store *s = store_arg(L);
    mn_store_run_rows **rows = (mn_store_run_rows **)store_hold(L, free_runs);
    if (mn_store_run_list(s, luaL_optstring(L, 2, NULL), (int)luaL_optnumber(L, 3, 0), rows)) return bind_fail(L);
    lua_createtable(L, (*rows)->n, 0);
    for (int i = 0; i < (*rows)->n; i++) {
        const mn_store_run_row *r = &(*rows)->row[i];
        lua_newtable(L);
        store_set_number(L, "id", (double)r->id);
        store_set_number(L, "seed", (double)r->seed);
        store_set_number(L, "started_at", (double)r->started_at);
        store_set_number(L, "finished_at", r->finished_at ? (double)r->finished_at : NAN);
        store_set_number(L, "metrics", (double)r->metrics);
        store_set_text(L, "recipe", r->recipe);
        store_set_text(L, "options", r->options);
        store_set_text(L, "engine", r->engine);
        store_set_text(L, "status", r->status);
        store_set_text(L, "message", r->message);
        store_set_text(L, "mapper", r->mapper);
        lua_pushboolean(L, r->has_state);
        lua_setfield(L, -2, "has_state");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int l_metrics(lua_State *L) {                     /* s:metrics(run id [, name]) -> {{step, key, value}}, by name and step */
    mn_store *s = store_arg(L);
    mn_store_metric_rows **rows = (mn_store_metric_rows **)store_hold(L, free_metrics);
    if (mn_store_run_metrics(s, store_integer(L, 2, "run"), luaL_optstring(L, 3, NULL), rows)) return bind_fail(L);
    lua_createtable(L, (*rows)->n, 0);
    for (int i = 0; i < (*rows)->n; i++) {
        lua_createtable(L, 0, 3);
        store_set_number(L, "step", (double)(*rows)->row[i].step);
        store_set_text(L, "key", (*rows)->row[i].key);
        lua_pushnumber(L, (*rows)->row[i].value);        /* NaN stays NaN */
        lua_setfield(L, -2, "value");
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* ---- edits -------------------------------------------------------------- */

static const mn_store_edit_mapper *edit_mappers(lua_State *L, int arg, int *n) {
    *n = 0;
    lua_getfield(L, arg, "mappers");
    if (lua_isnil(L, -1)) return NULL;
    luaL_checktype(L, -1, LUA_TTABLE);
    int list = lua_gettop(L), count = (int)lua_objlen(L, list);
    mn_store_edit_mapper *mappers = lua_newuserdata(L, ((size_t)count + 1) * sizeof *mappers);
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, list, i + 1);
        if (!lua_istable(L, -1)) luaL_error(L, "record_edit: mappers: item %d: {mapper, strength} expected, got %s", i + 1, luaL_typename(L, -1));
        mappers[i] = (mn_store_edit_mapper){.mapper = store_text(L, lua_gettop(L), "mapper"), .strength = store_number(L, lua_gettop(L), "strength", 1)};
        lua_pop(L, 1);
    }
    *n = count;
    return mappers;
}

static const int64_t *edit_seeds(lua_State *L, int arg, int *n) {
    *n = 0;
    lua_getfield(L, arg, "seeds");
    if (lua_isnil(L, -1)) return NULL;
    luaL_checktype(L, -1, LUA_TTABLE);
    int list = lua_gettop(L), count = (int)lua_objlen(L, list);
    int64_t *seeds = lua_newuserdata(L, ((size_t)count + 1) * sizeof *seeds);
    for (int i = 0; i < count; i++) {
        lua_rawgeti(L, list, i + 1);
        seeds[i] = store_integer(L, lua_gettop(L), "seeds");
        lua_pop(L, 1);
    }
    *n = count;
    return seeds;
}

/* s:record_edit{model_hash, options, identity_before, identity_after, clip_score, picture_path, picture_sha256,
 *               mappers = {{mapper = key, strength = 1}}, seeds = {...}} -> id */
static int l_record_edit(lua_State *L) {
    static const char *const names[] = {"model_hash", "options", "identity_before", "identity_after", "clip_score", "picture_path", "picture_sha256",
                                        "mappers", "seeds", NULL};
    mn_store *s = store_arg(L);
    int64_t id;
    luaL_checktype(L, 2, LUA_TTABLE);
    bind_check_options(L, 2, "record_edit", names);
    mn_store_edit e = {
        .model_hash = store_text(L, 2, "model_hash"), .options = store_json(L, 2, "options"), .identity_before = store_number(L, 2, "identity_before", NAN),
        .identity_after = store_number(L, 2, "identity_after", NAN), .clip_score = store_number(L, 2, "clip_score", NAN),
        .picture_path = store_text(L, 2, "picture_path"), .picture_sha256 = store_text(L, 2, "picture_sha256")};
    e.mappers = edit_mappers(L, 2, &e.n_mappers);
    e.seeds = edit_seeds(L, 2, &e.n_seeds);
    if (mn_store_edit_record(s, &e, &id)) return bind_fail(L);
    lua_pushnumber(L, (double)id);
    return 1;
}

static void push_edit(lua_State *L, const mn_store_edit *e) {
    lua_newtable(L);
    store_set_number(L, "id", (double)e->id);
    store_set_number(L, "created_at", (double)e->created_at);
    store_set_number(L, "identity_before", e->identity_before);
    store_set_number(L, "identity_after", e->identity_after);
    store_set_number(L, "clip_score", e->clip_score);
    store_set_text(L, "model_hash", e->model_hash);
    store_set_text(L, "options", e->options);
    store_set_text(L, "engine", e->engine);
    store_set_text(L, "picture_path", e->picture_path);
    store_set_text(L, "picture_sha256", e->picture_sha256);
    lua_createtable(L, e->n_mappers, 0);
    for (int i = 0; i < e->n_mappers; i++) {
        lua_createtable(L, 0, 3);
        store_set_text(L, "mapper", e->mappers[i].mapper);
        store_set_text(L, "weights_sha256", e->mappers[i].weights_sha256);
        store_set_number(L, "strength", e->mappers[i].strength);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "mappers");
    lua_createtable(L, e->n_seeds, 0);
    for (int i = 0; i < e->n_seeds; i++) { lua_pushnumber(L, (double)e->seeds[i]); lua_rawseti(L, -2, i + 1); }
    lua_setfield(L, -2, "seeds");
}

static int l_edits(lua_State *L) {                       /* s:edits([mapper key, limit]) -> list, newest first */
    mn_store *s = store_arg(L);
    mn_store_edit_rows **rows = (mn_store_edit_rows **)store_hold(L, free_edits);
    if (mn_store_edit_list(s, luaL_optstring(L, 2, NULL), (int)luaL_optnumber(L, 3, 0), rows)) return bind_fail(L);
    lua_createtable(L, (*rows)->n, 0);
    for (int i = 0; i < (*rows)->n; i++) { push_edit(L, &(*rows)->row[i]); lua_rawseti(L, -2, i + 1); }
    return 1;
}

void store_open_runs(lua_State *L) {
    static const luaL_Reg methods[] = {{"begin_run", l_begin_run}, {"resume_run", l_resume_run}, {"runs", l_runs}, {"metrics", l_metrics},
        {"record_edit", l_record_edit}, {"edits", l_edits}, {0}};
    static const luaL_Reg run[] = {{"id", l_run_id}, {"log", l_run_log}, {"flush", l_run_flush}, {"set_mapper", l_run_set_mapper},
        {"set_state", l_run_set_state}, {"finish", l_run_finish}, {0}};
    luaL_newmetatable(L, MN_RUN_TYPE);
    lua_newtable(L);
    luaL_register(L, NULL, run);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_run_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    luaL_register(L, NULL, methods);
}
