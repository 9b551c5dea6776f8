/* lua_file.c -- whole files, folders, hashes, what is in a checkpoint, and the clock. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../io/file.h"
#include "../io/inspect.h"
#include "../io/sha256.h"
#include "lua_store.h"

enum { READ_MOST = 1 << 30 };

static int done(lua_State *L, mn_status status) {
    if (status) return bind_fail(L);
    lua_pushboolean(L, 1);
    return 1;
}

/* mien.sha256(text); mien.sha256_file(path) -> 64 hexadecimal digits */
static int l_sha256(lua_State *L) {
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    char hex[65];
    mn_sha256 s;
    mn_sha256_begin(&s);
    mn_sha256_add(&s, text, size);
    mn_sha256_end(&s, hex);
    lua_pushstring(L, hex);
    return 1;
}
static int l_sha256_file(lua_State *L) {
    char hex[65];
    bind_enter(L);
    if (mn_sha256_file(luaL_checkstring(L, 1), hex)) return bind_fail(L);
    lua_pushstring(L, hex);
    return 1;
}

static int l_file_read(lua_State *L) {                   /* mien.file_read(path [, most bytes]) */
    size_t size;
    bind_enter(L);
    const char *path = luaL_checkstring(L, 1);
    double most = luaL_optnumber(L, 2, READ_MOST);
    void **held = store_hold(L, free);
    if (!(*held = mn_file_read(path, most > 0 ? (size_t)most : 0, &size))) return bind_fail(L);
    lua_pushlstring(L, *held, size);
    store_release(held);
    return 1;
}
static int l_file_write(lua_State *L) {                  /* mien.file_write(path, bytes): all or nothing */
    size_t size;
    bind_enter(L);
    const char *path = luaL_checkstring(L, 1), *bytes = luaL_checklstring(L, 2, &size);
    return done(L, mn_file_write(path, bytes, size));
}
static int l_mkdir(lua_State *L) { bind_enter(L); return done(L, mn_dir_make(luaL_checkstring(L, 1))); }

static int l_file_kind(lua_State *L) {                   /* mien.file_kind(path) -> "file", "folder", "other" or nil; bytes; seconds since 1970 */
    struct stat st;
    if (stat(luaL_checkstring(L, 1), &st)) return 0;
    lua_pushstring(L, S_ISDIR(st.st_mode) ? "folder" : S_ISREG(st.st_mode) ? "file" : "other");
    lua_pushnumber(L, (double)st.st_size);
    lua_pushnumber(L, (double)st.st_mtime);
    return 3;
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }
static void close_folder(void *p) { closedir(p); }

static int l_folder(lua_State *L) {                      /* mien.folder(path) -> names in it, sorted, without . and .. */
    bind_enter(L);
    const char *path = luaL_checkstring(L, 1);
    void **held = store_hold(L, close_folder);
    DIR *d = *held = opendir(path);
    if (!d) {
        mn_fail(MN_EIO, "cannot open folder %s", path);
        return bind_fail(L);
    }
    int n = 0;
    lua_newtable(L);
    for (struct dirent *e; (e = readdir(d)); ) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
        lua_pushstring(L, e->d_name);
        lua_rawseti(L, -2, ++n);
    }
    const char **names = lua_newuserdata(L, ((size_t)n + 1) * sizeof *names);
    for (int i = 0; i < n; i++) { lua_rawgeti(L, -2, i + 1); names[i] = lua_tostring(L, -1); lua_pop(L, 1); }   /* the list keeps them */
    qsort(names, (size_t)n, sizeof *names, by_name);
    lua_newtable(L);
    for (int i = 0; i < n; i++) { lua_pushstring(L, names[i]); lua_rawseti(L, -2, i + 1); }
    store_release(held);
    return 1;
}

static int l_program(lua_State *L) {                     /* mien.program() -> path of the running program */
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    if (n <= 0 || n == sizeof path) return 0;
    lua_pushlstring(L, path, (size_t)n);
    return 1;
}

/* Lines are kept in C while the file is read: Lua may raise in mid-call. */
static void take_line(void *user, const char *line) {
    mn_text_add(user, line, strlen(line));
    mn_text_add(user, "\n", 1);
}
static int l_inspect(lua_State *L) {                     /* mien.inspect(path) -> what is in a checkpoint, as text */
    bind_enter(L);
    const char *path = luaL_checkstring(L, 1);
    mn_text t = {0};
    void **held = store_hold(L, free);
    mn_status status = mn_inspect(path, take_line, &t);
    *held = t.s;
    if (status || t.failed) return bind_fail(L);
    lua_pushlstring(L, t.s ? t.s : "", t.size);
    store_release(held);
    return 1;
}

static int l_clock(lua_State *L) {                       /* mien.clock() -> seconds, for differences */
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    lua_pushnumber(L, (double)t.tv_sec + 1e-9 * (double)t.tv_nsec);
    return 1;
}

void bind_open_file(lua_State *L) {
    static const luaL_Reg functions[] = {{"sha256", l_sha256}, {"sha256_file", l_sha256_file}, {"file_read", l_file_read}, {"file_write", l_file_write},
        {"file_kind", l_file_kind}, {"folder", l_folder}, {"mkdir", l_mkdir}, {"program", l_program}, {"inspect", l_inspect}, {"clock", l_clock}, {0}};
    luaL_register(L, NULL, functions);
}
