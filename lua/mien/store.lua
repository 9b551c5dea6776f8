-- store.lua -- opens the library (store/store.h) where it belongs.
--
--   local library = assert(mien.store.open())          -- nil, message, code on failure
--   local id = library:save{name = 'open_smile', status = 'complete', prompt = 'a smiling face',
--     model_hash = generator:hash(), seed = 1, options = {steps = 300}, weights = mapper}
--   local mapper, about = library:load('open_smile', generator:hash())
--   local run = library:begin_run{recipe = 'train_smile', options = opt, seed = 1}
--   run:log(step, {clip = 0.3, id = 0.1})  run:finish('complete')
--
-- The methods are listed in engine/bind/lua_store.c and lua_store_run.c.  A caller's mistake
-- raises an error; failures of the world return nil, message, code.
local core = require 'mien.core'
local store = {}

-- nil and a sentence when there is no home to have it in.
function store.default_path()
  local folder, message = require('mien.paths').data()
  if not folder then return nil, message end
  return folder .. '/library.db'
end

-- path: the default place when nil.  The library is made when it is not there, unless {create = false}.
function store.open(path, options)
  local create, message = not (options and options.create == false), nil
  if not path then path, message = store.default_path() end
  if not path then return nil, message end
  return core.store_open(path, {create = create})
end

-- Are two tables of options the same but for those in the set `free`?  JSON texts will do as well.
function store.same_options(a, b, free)
  local function essence(options)
    local kept = {}
    for key, value in pairs(type(options) == 'string' and core.json_decode(options) or options) do if not free[key] then kept[key] = value end end
    return core.json_encode(kept)
  end
  return essence(a) == essence(b)
end

-- A run of this recipe that was not completed, whose process is gone and whose options are the same but for those in `free`: taken over,
-- with its state {name = tensor}, {key = text}.  nil when there is none.
function store.interrupted(library, recipe, options, free)
  for _, old in ipairs(assert(library:runs())) do
    if old.recipe == recipe and old.has_state and store.same_options(old.options, options, free) then
      local run, tensors, texts = library:resume_run(old.id)
      if run then return run, tensors, texts end
      io.stderr:write(('note: %s\n'):format(tensors))
    end
  end
end

return store
