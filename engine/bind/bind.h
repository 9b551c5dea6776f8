/* bind.h -- what the binding's files share.  Only engine/bind/ includes lua.h.
 *
 * Conventions: a caller's mistake raises a Lua error; the world's failures (a file, a
 * locked library) return nil, message, code.  Indices in Lua start at 1; contents of
 * index tensors start at 0, as in the files they come from. */
#ifndef MN_BIND_H
#define MN_BIND_H
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include "../internal.h"
#include "../io/text.h"
#include "../models/model.h"

#define MN_TENSOR_TYPE "mien.tensor"
#define MN_MODEL_TYPE  "mien.model"
#define MN_RNG_TYPE    "mien.rng"
#define MN_ADAM_TYPE   "mien.adam"

/* Raise the pending engine error and clear it. */
int bind_raise(lua_State *L);
/* Or return nil, message, code (for failures of the world). */
int bind_failed(lua_State *L);
/* Whichever the pending error's code asks for: a caller's mistake raises, a failure of the world is returned. */
int bind_fail(lua_State *L);
/* Run at the start of each bound function: clears what an earlier one left, collects under memory pressure. */
void bind_enter(lua_State *L);

/* Push a userdata owning one handle of t (which a C scope may own as well); NULL raises the pending error. */
void bind_push_tensor(lua_State *L, mn_tensor *t);
mn_tensor *bind_tensor(lua_State *L, int arg);           /* raises when it is none */
mn_tensor *bind_opt_tensor(lua_State *L, int arg);       /* NULL for nil */
/* For functions that read numbers themselves: the tensor, or a copy of it on the host that lives as long as the one at arg. */
mn_tensor *bind_host(lua_State *L, int arg);
mn_tensor *bind_opt_host(lua_State *L, int arg);
/* Where Lua makes tensors: mien.device(), at first MIEN_DEVICE. */
mn_device bind_device(lua_State *L);
/* bind_push_tensor of numbers that the host made: f32 and i32 go to bind_device, bytes and what only files hold stay. */
void bind_push_made(lua_State *L, mn_tensor *t);
bool bind_is_tensor(lua_State *L, int arg);
mn_model *bind_model(lua_State *L, int arg);
mn_rng *bind_rng(lua_State *L, int arg);
/* A list of whole numbers {2,3} or one number at arg -> shape. */
int bind_shape(lua_State *L, int arg, int64_t shape[MN_MAXD]);
/* Number field of an options table at arg (which may be nil), def when absent. */
double bind_option(lua_State *L, int arg, const char *name, double def);
/* Refuse keys of the options table at arg that are not in names (NULL-ended). */
void bind_check_options(lua_State *L, int arg, const char *what, const char *const *names);

/* A table {key = text} (anything else: none) as *n pairs sorted by key, so that the same texts always give the same bytes; they live on the Lua
 * stack.  Errors begin with `who`. */
const char **bind_texts(lua_State *L, int at, const char *who, int *n);
/* A table of tensors by name at `tensors` and one of texts at `texts` (as bind_texts has it) as mn_st_save takes them, sorted by
 * name; what they point to lives on the Lua stack.  Errors begin with `who`. */
typedef struct bind_st { int n, n_texts; const char **names, **texts; mn_tensor **tensors; } bind_st;
bind_st bind_st_table(lua_State *L, int tensors, int texts, const char *who);
/* The other way: pushes {name = tensor}, {key = text} and {names in order}, closes st; false leaves an error pending. */
bool bind_push_st(lua_State *L, mn_st *st);

/* The value on top of the stack as JSON.  What JSON cannot hold is left pending, not raised: t is the caller's to free. */
mn_status bind_json(lua_State *L, mn_text *t);
/* The tensor in field `name` of the table at arg, on the host; NULL when absent. */
mn_tensor *bind_field_host(lua_State *L, int arg, const char *name);
/* The text in field `name` of the table at arg, NULL when absent; the table keeps it. */
const char *bind_field_text(lua_State *L, int arg, const char *name);

/* Each adds functions to the module table on top of the stack. */
void bind_open_tensor(lua_State *L);
void bind_open_op(lua_State *L);
void bind_open_model(lua_State *L);
void bind_open_parity(lua_State *L);
void bind_open_metrics(lua_State *L);
void bind_open_import(lua_State *L);
void bind_open_train(lua_State *L);
void bind_open_device(lua_State *L);
void bind_open_io(lua_State *L);
void bind_open_synth(lua_State *L);
void bind_open_store(lua_State *L);
void bind_open_json(lua_State *L);
void bind_open_file(lua_State *L);
void bind_open_sheet(lua_State *L);
void bind_open_mesh(lua_State *L);
void bind_open_text(lua_State *L);
void bind_open_info(lua_State *L);
void bind_open_repl(lua_State *L);
void bind_open_show(lua_State *L);
int luaopen_mien_core(lua_State *L);
#endif
