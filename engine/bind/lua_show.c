/* lua_show.c -- a picture in the forms terminals take (lua/mien/terminal.lua chooses one). */
#include <stdlib.h>
#include "../io/png.h"
#include "../io/sixel.h"
#include "lua_store.h"

static int l_png_base64(lua_State *L) {                  /* mien.png_base64(picture u8 [H,W,C]) -> a PNG file in base64 */
    bind_enter(L);
    mn_tensor *t = bind_host(L, 1);
    mn_text out = {0};
    char *bytes = NULL;
    size_t size = 0;
    void **held = store_hold(L, free), **text = store_hold(L, free);
    mn_status status = mn_png_encode(t, 0, NULL, &bytes, &size);
    *held = bytes;
    if (!status) mn_base64_encode(bytes, size, &out);
    *text = out.s;
    if (status || out.failed) return bind_raise(L);
    lua_pushlstring(L, out.s, out.size);
    store_release(held);
    store_release(text);
    return 1;
}

static int l_sixel(lua_State *L) {                       /* mien.sixel(picture u8 [H,W,3]) -> the escape sequence that draws it */
    bind_enter(L);
    mn_tensor *t = bind_host(L, 1);
    mn_text out = {0};
    void **held = store_hold(L, free);
    mn_status status = mn_sixel_encode(t, &out);
    *held = out.s;
    if (status) return bind_raise(L);
    lua_pushlstring(L, out.s, out.size);
    store_release(held);
    return 1;
}

void bind_open_show(lua_State *L) {
    static const luaL_Reg functions[] = {{"png_base64", l_png_base64}, {"sixel", l_sixel}, {0}};
    luaL_register(L, NULL, functions);
}
