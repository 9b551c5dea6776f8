-- help.lua -- nothing can be added half-way: every function and method has a line of help, and every line is about
-- something; the generated pages are what the tables say now.
local mien, T = require 'mien', require 'mien.test'
local core, functions, help, docs = require 'mien.core', require 'mien.functions', require 'mien.help', require 'mien.docs'

local plain = {version = true, api_number = true, needs_avx2 = true, ops = true}       -- fields of the core that are no functions

-- All names that `known` does not know, in one sentence.
local function unknown(names, known)
  local list = {}
  for _, name in ipairs(names) do
    if not known(name) then list[#list + 1] = name end
  end
  table.sort(list)
  return #list == 0, ('no line in lua/mien/functions.lua for %s'):format(table.concat(list, ', '))
end

T.test('every function of the engine has its line', function(t)
  local names = {}
  for name in pairs(core) do names[#names + 1] = name end
  t:ok(unknown(names, function(name) return plain[name] or core.ops[name] or functions[name] end))
end)

T.test('every method has its line', function(t)
  local folder = t:folder()
  local library = assert(core.store_open(folder .. '/l.db', {create = true}))
  local values = {tensor = core.zeros{1}, rng = core.rng(1), adam = core.adam({core.zeros{1}:param()}, {}),
    words = core.words 'smile', store = library, run = library:begin_run{recipe = 'r', seed = 1}}
  for class, value in pairs(values) do                              -- of synth, bpe and graph there is none without files or a GPU
    local names = core.methods(value)
    t:ok(#names > 1, class)
    t:ok(unknown(names, function(name) return functions[class .. ':' .. name] or core.ops[name] end))
  end
  values.run:finish 'complete'
  library:close()
  local model, own = core.new_model('flame', '{"vertices":4,"faces":2,"shape":2,"expr":2}', 1), {}
  for _, kind in ipairs(core.model_list()) do
    for _, method in ipairs(kind.methods) do own[method.name] = true end
  end
  t:ok(unknown(core.methods(model), function(name) return own[name] or functions['model:' .. name] end))
end)

T.test("every method of avatars has its line", function(t)
  local names = {}
  for name, value in pairs(mien.avatar) do
    if type(value) == 'function' then names[#names + 1] = name end
  end
  t:ok(unknown(names, function(name) return functions['avatar:' .. name] or functions['avatar.' .. name] end))
end)

T.test('every line is about something', function(t)
  for name in pairs(functions) do
    local module, field = name:match '^(%w+)%.([%w_]+)$'
    local method = name:match '^avatar:([%w_]+)$'
    if module then t:equal(type(mien[module][field]), 'function', name)
    elseif method then t:equal(type(mien.avatar[method]), 'function', name)
    elseif not name:find ':' then t:ok(pcall(function() return mien[name] end), name) end
  end
end)

T.test('every op has help, every topic a text', function(t)
  for _, op in ipairs(core.op_list()) do t:ok(help.text(op.name):find(help.signature(op, 'mien.'), 1, true), op.name) end
  for _, name in ipairs(help.names()) do t:ok(#help.text(name) > #name, name) end
end)

T.test('the generated pages are not stale', function(t)
  for _, page in pairs(docs.pages) do
    local path = require('mien.paths').find(page[1])
    if path then t:ok(mien.file_read(path) == page[2](), page[1] .. ' is stale: run `mien docs`') end
    t:ok(loadstring(docs.meta()), 'the annotations are Lua')
  end
end)
