-- docs.lua -- `mien docs`: the pages made from the tables of ops, models and functions.
--   docs/ops.md          the reference page
--   lua/meta/mien.lua    annotations for editors that speak LuaLS
-- The files are committed; tests/help.lua fails when they are stale.
local core = require 'mien.core'
local help = require 'mien.help'
local docs = {}

docs.help = {docs = 'Without a word both are written, below the current folder; with one the page goes to standard output.'}

-- ---- docs/ops.md --------------------------------------------------------------

local function describe(lines, op, level, prefix)
  local function add(text) lines[#lines + 1] = text end
  add(('%s %s'):format(level, op.name))
  add ''
  add(('    %s'):format(help.signature(op, prefix)))
  add ''
  local text = op.doc:gsub('^[%w_]+%b()[:%s]*', '', 1)             -- the line repeats the signature
  text = text ~= '' and text or op.doc
  add((text:gsub('[*_<]', '\\%0')) .. (op.differentiable == false and ' (no gradient)' or ''))
  add ''
  for _, o in ipairs(op.options) do add(('- `%s` (%s): %s'):format(o.name, help.default(o), o.doc ~= '' and o.doc or 'see above')) end
  if #op.options > 0 then add '' end
end

function docs.ops()
  local lines = {'# Ops and models', '',
    'Made by `mien docs` from the engine\'s tables; do not edit. `x?` may be absent (nil), `x...` stands for one or more.',
    'Every op is a function `mien.op(...)` and a method `x:op(...)` of tensors; options follow in a table, axes count from 1, from the end when negative.',
    'Sizes may follow directly: `x:reshape(2, -1)`, `x:permute(2, 1)`, `x:expand(4, 3)`. `x:slice(axis, first, last)` counts elements from 1, both ends included;',
    'in a table `start` and `stop` count from 0, without the stop, as in C.', ''}
  for _, op in ipairs(core.op_list()) do describe(lines, op, '##', 'mien.') end
  for _, kind in ipairs(core.model_list()) do
    lines[#lines + 1] = ('## Model %s'):format(kind.name)
    lines[#lines + 1] = ''
    lines[#lines + 1] = kind.doc:sub(1, 1):upper() .. kind.doc:sub(2) .. '. Settings and their defaults:'
    lines[#lines + 1] = ''
    lines[#lines + 1] = '    ' .. kind.config
    lines[#lines + 1] = ''
    for _, method in ipairs(kind.methods) do describe(lines, method, '###', 'model:') end
  end
  while lines[#lines] == '' do lines[#lines] = nil end
  return table.concat(lines, '\n') .. '\n'
end

-- ---- lua/meta/mien.lua ----------------------------------------------------------

local keyword = {['end'] = true, ['repeat'] = true, ['in'] = true, ['or'] = true, ['and'] = true, ['not'] = true}

-- An op as a function of `owner`, or as a method whose first input is the object.
local function annotate(lines, op, owner, method)
  local function add(text) lines[#lines + 1] = text end
  local names = {}
  add('---' .. op.doc)
  for i, input in ipairs(op.inputs) do
    if op.variadic and i == #op.inputs then
      add('---@param ... mien.tensor')
      names[#names + 1] = '...'
    elseif not (method == 'first' and i == 1) then
      local name = keyword[input.name] and input.name .. '_' or input.name
      add(('---@param %s%s mien.tensor'):format(name, input.optional and '?' or ''))
      names[#names + 1] = name
    end
  end
  if #op.options > 0 and not op.variadic then
    local fields = {}
    for i, o in ipairs(op.options) do fields[i] = o.name .. '?: number' end
    add(('---@param options? {%s}'):format(table.concat(fields, ', ')))
    names[#names + 1] = 'options'
  end
  add('---@return mien.tensor' .. (', mien.tensor'):rep(op.outputs - 1))
  add(('function %s%s%s(%s) end'):format(owner, method and ':' or '.', op.name, table.concat(names, ', ')))
  add ''
end

function docs.meta()
  local lines = {'---@meta mien', '', '-- Annotations for editors that speak LuaLS, made by `mien docs`; do not edit.', '',
    '---@class mien', 'local mien = {}', '', '---@class mien.tensor', '---@operator add(mien.tensor|number): mien.tensor',
    '---@operator sub(mien.tensor|number): mien.tensor', '---@operator mul(mien.tensor|number): mien.tensor',
    '---@operator div(mien.tensor|number): mien.tensor', '---@operator unm: mien.tensor', 'local tensor = {}', ''}
  for _, op in ipairs(core.op_list()) do annotate(lines, op, 'mien') end
  for _, op in ipairs(core.op_list()) do
    if not op.variadic then annotate(lines, op, 'tensor', 'first') end
  end
  lines[#lines + 1] = 'mien.version = \'\'\n'
  local functions, classes, modules = require 'mien.functions', {tensor = true}, {}
  local names = {}
  for name in pairs(functions) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local class, method = name:match '^(%w+):([%w_]+)$'
    if class and not classes[class] then
      classes[class] = true
      lines[#lines + 1] = ('---@class mien.%s\nlocal %s = {}\n'):format(class, class)
    end
    local module = name:match '^(%w+)%.'
    if module and not modules[module] then
      modules[module] = true
      lines[#lines + 1] = ('mien.%s = {}\n'):format(module)
    end
    lines[#lines + 1] = ('---%s%s'):format(method or name, functions[name])
    if functions[name]:sub(1, 1) == ':' then lines[#lines + 1] = ('mien.%s = nil ---@type any\n'):format(name)
    else lines[#lines + 1] = ('function %s(...) end\n'):format(class and name or 'mien.' .. name) end
  end
  for _, kind in ipairs(core.model_list()) do
    local class = kind.name
    lines[#lines + 1] = ('---%s\n---@class mien.%s : mien.model\nlocal %s = {}\n'):format(kind.doc, class, class)
    for _, method in ipairs(kind.methods) do annotate(lines, method, class, 'all') end
  end
  lines[#lines + 1] = 'return mien'
  return table.concat(lines, '\n') .. '\n'
end

docs.pages = {ops = {'docs/ops.md', docs.ops}, meta = {'lua/meta/mien.lua', docs.meta}}

function docs.main(words)
  if words[1] then
    local page = docs.pages[words[1]]
    if not page or words[2] then require('mien.cli').misuse(("'%s': ops or meta expected"):format(words[2] or words[1])) end
    io.write(page[2]())
    return
  end
  for _, name in ipairs{'ops', 'meta'} do
    local path, make = unpack(docs.pages[name])
    local ok, message = core.mkdir(path:match '^(.*)/')
    if ok then ok, message = core.file_write(path, make()) end
    if not ok then require('mien.cli').fail(message) end
    print(path)
  end
end

return docs
