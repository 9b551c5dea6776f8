/* lua_store.h -- what lua_store.c (the library, its mappers), lua_store_run.c (runs, edits)
 * and lua_store_value.c (the conversions below) share. */
#ifndef MN_LUA_STORE_H
#define MN_LUA_STORE_H
#include "bind.h"
#include "store/store.h"

#define MN_STORE_TYPE "mien.store"
#define MN_RUN_TYPE   "mien.run"

mn_store *store_arg(lua_State *L);                       /* argument 1; raises when it is none or closed */

/* Push a holder that frees *p when Lua lets go of it, so that a Lua error cannot leak it. */
void **store_hold(lua_State *L, void (*release)(void *));
void store_release(void *held);                          /* free *p now: it may be large, which Lua's collector cannot see; NULL is fine */

/* Fields of the table at arg.  What they return lives as long as the call: in the table or on the stack. */
const char *store_text(lua_State *L, int arg, const char *name);              /* NULL when absent */
const char *store_json(lua_State *L, int arg, const char *name);              /* a JSON text, or a table made into one */
double store_number(lua_State *L, int arg, const char *name, double def);
int64_t store_integer_field(lua_State *L, int arg, const char *name, int64_t def);
bool store_flag(lua_State *L, int arg, const char *name);                     /* arg may be no table */
const char *const *store_texts(lua_State *L, int arg, const char *name, int *n);   /* NULL and 0 when absent */
int64_t store_integer(lua_State *L, int index, const char *what);             /* the value at index; raises unless whole */

/* Fields of the table on top of the stack. */
void store_set_text(lua_State *L, const char *name, const char *text);        /* NULL: not set */
void store_set_number(lua_State *L, const char *name, double number);         /* NaN: not set */
void store_set_list(lua_State *L, const char *name, int n, const char *const *texts);

/* The value at index as a safetensors image: the bytes, a model, or a table of tensors by
 * name, with the table of texts at `texts` (0: none); nil: none.  As a PNG file: the bytes, or a picture [H,W,C] u8.  Ends with store_release(out->held). */
typedef struct store_bytes { mn_bytes bytes; void **held; } store_bytes;
mn_status store_image(lua_State *L, int index, int texts, store_bytes *out);
mn_status store_png(lua_State *L, int index, store_bytes *out);

/* A finalizer may run inside any Lua call of a function whose error is pending: it puts that aside. */
typedef struct store_aside { mn_status code; char text[1024]; } store_aside;
void store_put_aside(store_aside *a);
void store_take_back(const store_aside *a);

void store_open_values(lua_State *L);
void store_open_runs(lua_State *L);                      /* adds the store's methods to the table on top */
#endif
