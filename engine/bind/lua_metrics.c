/* lua_metrics.c -- how alike two sets of pictures are (metrics.h): mien.fid, mien.kid. */
#include "bind.h"
#include "../metrics.h"

static int l_fid(lua_State *L) {                         /* mien.fid(real, generated [, {unbiased}]) -> number */
    static const char *const names[] = {"unbiased", NULL};
    double fid = 0;
    bind_enter(L);
    bind_check_options(L, 3, "fid", names);
    if (mn_fid(bind_host(L, 1), bind_host(L, 2), bind_option(L, 3, "unbiased", 0) != 0, &fid)) return bind_raise(L);
    lua_pushnumber(L, fid);
    return 1;
}

static int l_kid(lua_State *L) {                         /* mien.kid(real, generated [, {subsets, size, seed}]) -> number */
    static const char *const names[] = {"subsets", "size", "seed", NULL};
    double kid = 0;
    bind_enter(L);
    bind_check_options(L, 3, "kid", names);
    mn_tensor *real = bind_host(L, 1), *generated = bind_host(L, 2);
    int64_t least = mn_dim(real, 0) < mn_dim(generated, 0) ? mn_dim(real, 0) : mn_dim(generated, 0);
    mn_rng rng = mn_rng_seed((uint64_t)bind_option(L, 3, "seed", 0), 0x6b6964);
    double size = bind_option(L, 3, "size", (double)(least < 1000 ? least : 1000));
    if (mn_kid(real, generated, (int64_t)bind_option(L, 3, "subsets", 100), (int64_t)size, NULL, NULL, &rng, &kid)) return bind_raise(L);
    lua_pushnumber(L, kid);
    return 1;
}

void bind_open_metrics(lua_State *L) {
    static const luaL_Reg functions[] = {{"fid", l_fid}, {"kid", l_kid}, {0}};
    luaL_register(L, NULL, functions);
}
