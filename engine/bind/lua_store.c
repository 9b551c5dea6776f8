/* lua_store.c -- the library as a Lua value: mien.store_open(path, {create}) and its methods
 * for models, prompts, bases and mappers.  Rows are plain tables with the field names of
 * store/store.h; data (weights, thumbnail) are texts of bytes.  lua/mien/store.lua knows the
 * default place. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../io/file.h"
#include "lua_store.h"

static void free_prompts(void *p) { mn_store_prompt_rows_free(p); }
static void free_basis(void *p) { mn_store_basis_free(p); }
static void free_mapper(void *p) { mn_store_mapper_free(p); }
static void free_mappers(void *p) { mn_store_mapper_rows_free(p); }
static void free_model(void *p) { mn_model_release(p); }

mn_store *store_arg(lua_State *L) {
    mn_store *s = *(mn_store **)luaL_checkudata(L, 1, MN_STORE_TYPE);
    if (!s) luaL_error(L, "store: it is closed");
    bind_enter(L);
    lua_settop(L, 4);                                    /* absent arguments become nil, so that holders lie above all of them */
    return s;
}

static void *open_model(const char *path, void *unused) {
    (void)unused;
    return mn_model_load(path, false);
}

/* ---- the library -------------------------------------------------------- */

/* mien.store_open(path, {create = bool}) -> store; create makes the file and its folder */
static int l_open(lua_State *L) {
    const char *path = luaL_checkstring(L, 1), *slash = strrchr(path, '/');
    bind_enter(L);
    bool create = store_flag(L, 2, "create");
    mn_store **s = lua_newuserdata(L, sizeof *s);
    *s = NULL;
    luaL_getmetatable(L, MN_STORE_TYPE);
    lua_setmetatable(L, -2);
    if (create && slash && slash > path) {
        lua_pushlstring(L, path, (size_t)(slash - path));
        if (mn_dir_make(lua_tostring(L, -1))) return bind_failed(L);
        lua_pop(L, 1);
    }
    return mn_store_open(path, create ? MN_STORE_CREATE : 0, s) ? bind_fail(L) : 1;
}

static int l_close(lua_State *L) {                       /* s:close(); again is fine */
    mn_store **s = luaL_checkudata(L, 1, MN_STORE_TYPE), *open = *s;
    bind_enter(L);
    *s = NULL;
    return mn_store_close(open) ? bind_raise(L) : 0;
}
/* At collection, where no error may be raised and none overtaken. */
static int l_let_go(lua_State *L) {
    store_aside aside;
    mn_store **s = luaL_checkudata(L, 1, MN_STORE_TYPE);
    store_put_aside(&aside);
    mn_store_close(*s);
    *s = NULL;
    store_take_back(&aside);
    return 0;
}
static int l_path(lua_State *L) { lua_pushstring(L, mn_store_path(store_arg(L))); return 1; }
static int l_timeout(lua_State *L) { mn_store_timeout(store_arg(L), (int)luaL_checknumber(L, 2)); return 0; }

/* A growing list of sentences, kept in C while the check runs: Lua may raise in mid-call. */
typedef struct sentences { char *text; size_t size; } sentences;

static void note_sentence(void *user, const char *sentence) {
    sentences *all = user;
    size_t n = strlen(sentence) + 1;
    char *bigger = realloc(all->text, all->size + n);
    if (!bigger) return;                                 /* the count still tells */
    all->text = bigger;
    memcpy(bigger + all->size, sentence, n);
    all->size += n;
}

static int l_verify(lua_State *L) {                      /* s:verify() -> list of sentences, one per problem */
    mn_store *s = store_arg(L);
    sentences all = {NULL, 0};
    int problems;
    void **held = store_hold(L, free);
    mn_status status = mn_store_verify(s, note_sentence, &all, &problems);
    *held = all.text;
    if (status) return bind_fail(L);
    lua_newtable(L);
    int i = 0;
    for (size_t at = 0; at < all.size; at += strlen(all.text + at) + 1) { lua_pushstring(L, all.text + at); lua_rawseti(L, -2, ++i); }
    return 1;
}

static int l_gc_library(lua_State *L) {                  /* s:gc() -> {blobs, prompts, runs, bytes_before, bytes_after} */
    mn_store_gc_result r;
    if (mn_store_gc(store_arg(L), &r)) return bind_fail(L);
    lua_newtable(L);
    store_set_number(L, "blobs", (double)r.blobs);
    store_set_number(L, "prompts", (double)r.prompts);
    store_set_number(L, "runs", (double)r.runs);
    store_set_number(L, "bytes_before", (double)r.bytes_before);
    store_set_number(L, "bytes_after", (double)r.bytes_after);
    return 1;
}

/* ---- models, prompts, bases --------------------------------------------- */

static int push_id(lua_State *L, mn_status status, const int64_t *id) {
    if (status) return bind_fail(L);
    lua_pushnumber(L, (double)*id);
    return 1;
}

static int l_put_model(lua_State *L) {                   /* s:put_model{kind, name, hash, config} -> id */
    mn_store *s = store_arg(L);
    int64_t id;
    luaL_checktype(L, 2, LUA_TTABLE);
    return push_id(L, mn_store_model_put(s, store_text(L, 2, "kind"), store_text(L, 2, "name"), store_text(L, 2, "hash"), store_json(L, 2, "config"), &id), &id);
}

static int l_put_prompt(lua_State *L) {                  /* s:put_prompt(text [, encoder hash, embedding f32]) -> id */
    mn_store *s = store_arg(L);
    int64_t id;
    const char *text = luaL_checkstring(L, 2), *encoder = luaL_optstring(L, 3, NULL);
    mn_tensor *e = encoder ? bind_host(L, 4) : NULL;
    if (e && (e->dtype != MN_F32 || e->n > INT32_MAX)) return luaL_error(L, "put_prompt: f32 embedding expected, got %s %s", mn_dtype_name(e->dtype), mn_shape_text(e));
    return push_id(L, mn_store_prompt_put(s, text, encoder, e ? mn_data(e) : NULL, e ? (int)e->n : 0, &id), &id);
}

static int l_embedding(lua_State *L) {                   /* s:embedding(text, encoder hash) -> tensor [1,n], or nothing */
    mn_store *s = store_arg(L);
    float **e = (float **)store_hold(L, free);
    int n;
    if (mn_store_prompt_embedding(s, luaL_checkstring(L, 2), luaL_checkstring(L, 3), e, &n)) return bind_fail(L);
    if (!*e) return 0;
    mn_scope scope = mn_scope_open();
    bind_push_made(L, mn_from(MN_F32, 2, (int64_t[]){1, n}, *e));
    mn_scope_close(scope);
    return 1;
}

static int l_prompts(lua_State *L) {                     /* s:prompts([words, limit]) -> {{id, text, created_at, mappers}} */
    mn_store *s = store_arg(L);
    mn_store_prompt_rows **rows = (mn_store_prompt_rows **)store_hold(L, free_prompts);
    if (mn_store_prompt_search(s, luaL_optstring(L, 2, NULL), (int)luaL_optnumber(L, 3, 0), rows)) return bind_fail(L);
    lua_createtable(L, (*rows)->n, 0);
    for (int i = 0; i < (*rows)->n; i++) {
        const mn_store_prompt *p = &(*rows)->row[i];
        lua_newtable(L);
        store_set_number(L, "id", (double)p->id);
        store_set_number(L, "created_at", (double)p->created_at);
        store_set_number(L, "mappers", (double)p->mappers);
        store_set_text(L, "text", p->text);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int l_put_basis(lua_State *L) {                   /* s:put_basis{name, gamma, options, prompts = {...}} -> id */
    mn_store *s = store_arg(L);
    int64_t id;
    luaL_checktype(L, 2, LUA_TTABLE);
    mn_store_basis b = {.name = store_text(L, 2, "name"), .gamma = store_number(L, 2, "gamma", NAN), .options = store_json(L, 2, "options")};
    b.prompts = store_texts(L, 2, "prompts", &b.n);
    return push_id(L, mn_store_basis_put(s, &b, &id), &id);
}

static int l_basis(lua_State *L) {                       /* s:basis(name) -> {id, name, gamma, options, prompts, created_at} */
    mn_store *s = store_arg(L);
    mn_store_basis **b = (mn_store_basis **)store_hold(L, free_basis);
    if (mn_store_basis_load(s, luaL_checkstring(L, 2), b)) return bind_fail(L);
    lua_newtable(L);
    store_set_number(L, "id", (double)(*b)->id);
    store_set_number(L, "created_at", (double)(*b)->created_at);
    store_set_text(L, "name", (*b)->name);
    store_set_number(L, "gamma", (*b)->gamma);
    store_set_text(L, "options", (*b)->options);
    store_set_list(L, "prompts", (*b)->n, (*b)->prompts);
    return 1;
}

/* ---- mappers ------------------------------------------------------------ */

/* s:save{name, status, prompt, basis, model_hash, seed, options, engine, notes, tags, weights, thumbnail, replace} -> id */
static int l_save(lua_State *L) {
    static const char *const names[] = {"name", "status", "prompt", "basis", "model_hash", "seed", "options", "engine", "notes", "tags",
                                        "weights", "thumbnail", "replace", NULL};
    mn_store *s = store_arg(L);
    int64_t id;
    luaL_checktype(L, 2, LUA_TTABLE);
    bind_check_options(L, 2, "save", names);
    mn_store_mapper m = {
        .name = store_text(L, 2, "name"), .status = store_text(L, 2, "status"), .prompt = store_text(L, 2, "prompt"), .basis = store_text(L, 2, "basis"),
        .model_hash = store_text(L, 2, "model_hash"), .options = store_json(L, 2, "options"), .engine = store_text(L, 2, "engine"),
        .notes = store_text(L, 2, "notes"), .seed = store_integer_field(L, 2, "seed", 0)};
    m.tags = store_texts(L, 2, "tags", &m.n_tags);
    store_bytes thumbnail, weights;
    lua_getfield(L, 2, "thumbnail");
    lua_getfield(L, 2, "weights");
    int at = lua_gettop(L);
    if (store_png(L, at - 1, &thumbnail) || store_image(L, at, 0, &weights)) return bind_fail(L);
    m.thumbnail = thumbnail.bytes;
    m.weights = weights.bytes;
    mn_store_mapper_save(s, &m, store_flag(L, 2, "replace") ? MN_STORE_REPLACE : 0, &id);
    store_release(thumbnail.held);
    store_release(weights.held);
    return push_id(L, mn_errcode(), &id);
}

static void push_mapper(lua_State *L, const mn_store_mapper *m) {
    lua_newtable(L);
    store_set_number(L, "id", (double)m->id);
    store_set_number(L, "created_at", (double)m->created_at);
    store_set_number(L, "updated_at", (double)m->updated_at);
    store_set_number(L, "seed", (double)m->seed);
    store_set_number(L, "edits", (double)m->edits);
    store_set_number(L, "weights_size", (double)m->weights.size);
    store_set_number(L, "thumbnail_size", (double)m->thumbnail.size);
    store_set_text(L, "name", m->name);
    store_set_text(L, "status", m->status);
    store_set_text(L, "prompt", m->prompt);
    store_set_text(L, "basis", m->basis);
    store_set_text(L, "model_hash", m->model_hash);
    store_set_text(L, "model_name", m->model_name);
    store_set_text(L, "options", m->options);
    store_set_text(L, "engine", m->engine);
    store_set_text(L, "notes", m->notes);
    store_set_text(L, "weights_sha256", m->weights_sha256);
    store_set_list(L, "tags", m->n_tags, m->tags);
    if (m->weights.data) { lua_pushlstring(L, m->weights.data, m->weights.size); lua_setfield(L, -2, "weights"); }
    if (m->thumbnail.data) { lua_pushlstring(L, m->thumbnail.data, m->thumbnail.size); lua_setfield(L, -2, "thumbnail"); }
}

static int l_mapper(lua_State *L) {                      /* s:mapper(key) -> table with weights and thumbnail */
    mn_store *s = store_arg(L);
    mn_store_mapper **m = (mn_store_mapper **)store_hold(L, free_mapper);
    if (mn_store_mapper_load(s, luaL_checkstring(L, 2), m)) return bind_fail(L);
    push_mapper(L, *m);
    store_release(m);
    return 1;
}

/* s:load(key, generator hash) -> model, table without weights.  A mapper trained on another generator is refused. */
static int l_load(lua_State *L) {
    mn_store *s = store_arg(L);
    mn_store_mapper **m = (mn_store_mapper **)store_hold(L, free_mapper);
    const char *key = luaL_checkstring(L, 2), *hash = luaL_checkstring(L, 3);
    if (mn_store_mapper_load(s, key, m) || mn_store_mapper_check(s, *m, hash)) return bind_fail(L);
    void **model = store_hold(L, free_model);
    if (!(*model = mn_store_image_with((*m)->weights, open_model, NULL))) {
        mn_fail_context("mapper '%s'", (*m)->name);
        return bind_fail(L);
    }
    mn_model **box = lua_newuserdata(L, sizeof *box);
    *box = NULL;
    luaL_getmetatable(L, MN_MODEL_TYPE);
    lua_setmetatable(L, -2);
    *box = *model;
    *model = NULL;                                       /* Lua's from here on */
    (*m)->weights.data = (*m)->thumbnail.data = NULL;
    push_mapper(L, *m);
    store_release(m);
    return 2;
}

static int l_list(lua_State *L) {                        /* s:list{words, tag, status, model_hash, limit} -> list of tables without data */
    static const char *const names[] = {"words", "tag", "status", "model_hash", "limit", NULL};
    mn_store *s = store_arg(L);
    mn_store_filter f = {0};
    mn_store_mapper_rows **rows = (mn_store_mapper_rows **)store_hold(L, free_mappers);
    bind_check_options(L, 2, "list", names);
    if (lua_istable(L, 2))
        f = (mn_store_filter){store_text(L, 2, "words"), store_text(L, 2, "tag"), store_text(L, 2, "status"), store_text(L, 2, "model_hash"),
                              (int)store_number(L, 2, "limit", 0)};
    if (mn_store_mapper_list(s, &f, rows)) return bind_fail(L);
    lua_createtable(L, (*rows)->n, 0);
    for (int i = 0; i < (*rows)->n; i++) { push_mapper(L, &(*rows)->row[i]); lua_rawseti(L, -2, i + 1); }
    return 1;
}

static int done(lua_State *L, mn_status status) {
    if (status) return bind_fail(L);
    lua_pushboolean(L, 1);
    return 1;
}
static int l_rename(lua_State *L) { mn_store *s = store_arg(L); return done(L, mn_store_mapper_rename(s, luaL_checkstring(L, 2), luaL_checkstring(L, 3))); }
static int l_tag(lua_State *L) { mn_store *s = store_arg(L); return done(L, mn_store_mapper_tag(s, luaL_checkstring(L, 2), luaL_checkstring(L, 3))); }
static int l_untag(lua_State *L) { mn_store *s = store_arg(L); return done(L, mn_store_mapper_untag(s, luaL_checkstring(L, 2), luaL_checkstring(L, 3))); }
static int l_delete(lua_State *L) {                      /* s:delete(key, {force = bool}) */
    mn_store *s = store_arg(L);
    return done(L, mn_store_mapper_delete(s, luaL_checkstring(L, 2), store_flag(L, 3, "force") ? MN_STORE_FORCE : 0));
}
static int l_export(lua_State *L) {                      /* s:export(key, path, {replace = bool}) */
    mn_store *s = store_arg(L);
    return done(L, mn_store_mapper_export(s, luaL_checkstring(L, 2), luaL_checkstring(L, 3), store_flag(L, 4, "replace") ? MN_STORE_REPLACE : 0));
}
static int l_import(lua_State *L) {                      /* s:import(path [, name]) -> id */
    mn_store *s = store_arg(L);
    int64_t id;
    return push_id(L, mn_store_mapper_import(s, luaL_checkstring(L, 2), luaL_optstring(L, 3, NULL), &id), &id);
}

void bind_open_store(lua_State *L) {
    static const luaL_Reg functions[] = {{"store_open", l_open}, {0}};
    static const luaL_Reg methods[] = {{"close", l_close}, {"path", l_path}, {"timeout", l_timeout}, {"verify", l_verify}, {"gc", l_gc_library},
        {"put_model", l_put_model}, {"put_prompt", l_put_prompt}, {"embedding", l_embedding}, {"prompts", l_prompts}, {"put_basis", l_put_basis},
        {"basis", l_basis}, {"save", l_save}, {"mapper", l_mapper}, {"load", l_load}, {"list", l_list}, {"rename", l_rename}, {"tag", l_tag},
        {"untag", l_untag}, {"delete", l_delete}, {"export", l_export}, {"import", l_import}, {0}};
    store_open_values(L);
    luaL_newmetatable(L, MN_STORE_TYPE);
    lua_newtable(L);
    luaL_register(L, NULL, methods);
    store_open_runs(L);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, l_let_go);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    luaL_register(L, NULL, functions);
}
