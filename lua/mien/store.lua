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

function store.default_path() return require('mien.paths').data() .. '/library.db' end

-- path: the default place when nil.  The library is made when it is not there, unless {create = false}.
function store.open(path, options)
  local create = not (options and options.create == false)
  return core.store_open(path or store.default_path(), {create = create})
end

return store
