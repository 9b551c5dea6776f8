-- help.lua -- `?name`: ops and models' methods from the engine's tables, functions and methods from functions.lua.  A word
-- that names nothing is searched in all texts.
local core = require 'mien.core'
local help = {}

local topics, order                      -- name -> {title, text...}; names in a sensible order

-- An option's default, as Lua writes it: axes count from 1 there.
function help.default(o)
  local axis = o.name == 'axis' or o.name == 'last'
  return ('%.6g'):format(axis and o.default >= 0 and o.default + 1 or o.default)
end

-- 'lrelu(x, {slope = 0.2, gain = 1.41421})'
function help.signature(op, prefix)
  local words = {}
  for i, input in ipairs(op.inputs) do
    words[#words + 1] = input.name .. (op.variadic and i == #op.inputs and '...' or '') .. (input.optional and '?' or '')
  end
  local options = {}
  for i, o in ipairs(op.options) do options[i] = ('%s = %s'):format(o.name, help.default(o)) end
  if #options > 0 then words[#words + 1] = '{' .. table.concat(options, ', ') .. '}' end
  return ('%s%s(%s)'):format(prefix or '', op.name, table.concat(words, ', '))
end

-- Lines about an op or a model's method.
local function lines_of(op, prefix)
  local lines = {help.signature(op, prefix), '  ' .. op.doc}
  for _, o in ipairs(op.options) do
    lines[#lines + 1] = ('  %-10s %s [%s]'):format(o.name, o.doc, help.default(o))
  end
  if op.differentiable == false then lines[#lines + 1] = '  no gradient' end
  return lines
end

local function build()
  topics, order = {}, {}
  local function add(name, lines)
    if not topics[name] then order[#order + 1] = name end
    topics[name] = lines
  end
  for _, op in ipairs(core.op_list()) do add(op.name, lines_of(op, 'mien.')) end
  for _, kind in ipairs(core.model_list()) do
    local lines = {('%s: %s'):format(kind.name, kind.doc), '  settings ' .. kind.config, '  methods:'}
    for _, method in ipairs(kind.methods) do
      lines[#lines + 1] = '    ' .. help.signature(method)
      add(kind.name .. ':' .. method.name, lines_of(method, kind.name .. ':'))
    end
    add(kind.name, lines)
  end
  local functions = {}
  for name, text in pairs(require 'mien.functions') do functions[#functions + 1] = {name, text} end
  table.sort(functions, function(a, b) return a[1] < b[1] end)
  for _, f in ipairs(functions) do add(f[1], {(f[1]:find ':' and '' or 'mien.') .. f[1] .. f[2]}) end
end

local function ready() if not topics then build() end end

-- All names there is help for.
function help.names()
  ready()
  return order
end

-- Option names of an op or of a model's method of that name; nil when there are none.
function help.options(name)
  local function found(list)
    for _, op in ipairs(list) do
      if op.name == name and #op.options > 0 then
        local names = {}
        for i, o in ipairs(op.options) do names[i] = o.name end
        return names
      end
    end
  end
  local names = found(core.op_list())
  for _, kind in ipairs(core.model_list()) do names = names or found(kind.methods) end
  return names
end

-- The text about a name: exact, as a method of anything, else whatever mentions it.  nil when nothing does.
function help.text(name)
  ready()
  name = name:gsub('^mien%.', ''):gsub('%(.*$', '')
  if topics[name] then return table.concat(topics[name], '\n') end
  local found = {}
  local last = name:match '[.:]([%w_]+)$' or name           -- x:sum is about any method sum, and the op
  if topics[last] then return table.concat(topics[last], '\n') end
  for _, topic in ipairs(order) do
    if topic:match '[.:](.+)$' == last then found[#found + 1] = table.concat(topics[topic], '\n') end
  end
  if #found > 0 then return table.concat(found, '\n') end
  local word = name:lower()
  for _, topic in ipairs(order) do
    if word ~= '' and table.concat(topics[topic], ' '):lower():find(word, 1, true) then found[#found + 1] = topics[topic][1] .. (topics[topic][2] and '\n' .. topics[topic][2] or '') end
  end
  return #found > 0 and table.concat(found, '\n') or nil
end

local function print_overview()
  ready()
  print [[
?name   about an op, a function, a method or a kind of model; ?word searches
x = 1   makes a global; an expression is printed; ; at the end: not printed
$1 _    printed values; Ctrl-C gives up a line or a computation, Ctrl-D ends
]]
  local ops = {}
  for i, op in ipairs(core.op_list()) do ops[i] = op.name end
  local kinds, functions = {}, {}
  for i, kind in ipairs(core.model_list()) do kinds[i] = kind.name end
  for name in pairs(require 'mien.functions') do
    if not name:find ':' then functions[#functions + 1] = name end
  end
  table.sort(functions)
  for _, part in ipairs{{'ops', ops}, {'models', kinds}, {'functions', functions}} do
    local line = part[1] .. ':'
    for _, name in ipairs(part[2]) do
      if #line + #name + 1 > 100 then print(line) line = '   ' end
      line = line .. ' ' .. name
    end
    print(line)
  end
end

function help.show(name)
  if name == '' then print_overview() return end
  print(help.text(name) or ("nothing is known about '%s'; ? lists what is"):format(name))
end

return help
