-- measure.lua -- how good the avatar and its edits are, on people and avatars that nothing was trained on: pictures against the renderer,
-- encoder, text to picture, identity, edits and views (recipes/measure/).
--
--   mien recipes/measure.lua                                          every part
--   mien recipes/measure.lua what=generator,encoder model=data/avatar
--
-- Writes out/measure.json, in which each part replaces what it found before, and, from all parts of this generator there, a page of tables (page=).
-- The people come from recipes/pretrain/people.lua, the mappers from recipes/library.lua, the judge from recipes/pretrain/au.lua.
local mien = require 'mien'
mien.api(1)
local avatar, au, method, paths, People = require 'mien.avatar', require 'mien.au', require 'mien.method', require 'mien.paths', require 'mien.people'
local parts = {'generator', 'encoder', 'retrieval', 'identity', 'edits', 'views'}
local opt = mien.options {
  what     = {table.concat(parts, ','), 'parts, with commas'},
  model    = {'', 'models by name or folder, with commas: each part from the first that has it; empty: the embedded avatar'},
  people   = {'data/people', 'folder of pictures; seeds from 100000 on are measured'},
  judge    = {'models/measures/au.safetensors', 'classifier of action units'},
  library  = {'', 'library file; empty: the default one'},
  pictures = {320, 'held-out pictures for generator and encoder', whole = true, least = 1},
  avatars  = {200, 'avatars that are edited', whole = true, least = 2},
  turned   = {20, 'avatars that are edited and turned', whole = true, least = 1},
  first    = {100000, 'seed of the first avatar', whole = true, least = 0},
  yaw      = {15, 'cameras of the edits: degrees to either side', least = 0, most = 180},
  pitch    = {6, 'cameras of the edits: degrees up or down', least = 0, most = 90},
  seed     = {1, 'seeds cameras, captions, galleries', whole = true, least = 0},
  out      = {'out/measure', 'folder of measure.json and pictures'},
  page     = {'', 'also write a page for people to this file'},
}

-- ---- what the parts share ------------------------------------------------------

local m = {opt = opt, no_grad = mien.no_grad, avatar = avatar.load(opt.model)}

function m:people()
  self.held_out = self.held_out or People.open(opt.people, 100000, math.huge)
  return self.held_out
end

function m:judge()
  self.classifier = self.classifier or assert(au.load(paths.find(opt.judge) or opt.judge))
  return self.classifier
end

function m:library()
  self.store = self.store or assert(mien.store.open(opt.library ~= '' and opt.library or nil, {create = false}))
  return self.store
end

-- A mapper of the library as an edit of strength 1; nil when there is none of that name for this generator.
function m:edit(name)
  if not self.mappers then
    self.mappers = {}
    for _, row in ipairs(assert(self:library():list{model_hash = self.avatar.generator:hash(), status = 'complete'})) do self.mappers[row.name] = true end
  end
  return self.mappers[name] and method.stored(self.avatar, self:library(), name) or nil
end

-- The longest training among the mappers of these expressions, seconds; nil when no run is known.
function m:training_seconds(expressions)
  local longest
  for _, expression in ipairs(expressions) do
    local run = (self:library():runs((expression:gsub(' ', '_')), 1) or {})[1]
    if run and run.finished_at then longest = math.max(longest or 0, run.finished_at - run.started_at) end
  end
  return longest
end

-- As many of the list as asked for, evenly spread.
function m.spread(list, count)
  if #list <= count then return list end
  local out = {}
  for i = 1, count do out[i] = list[math.floor((i - 0.5) * #list / count) + 1] end
  return out
end

-- Calls fn with batches of the list, without gradients; tensors it returns live on.
function m:each(title, list, fn, size)
  size = size or 8
  local bar = mien.progress.new(title, #list)
  for i = 1, #list, size do
    local batch = {unpack(list, i, math.min(i + size - 1, #list))}
    mien.scope(function() return self.no_grad(fn, batch) end)
    bar:step(i + #batch - 1, {}, i + size > #list)
  end
  bar:done()
end

-- The command that makes a part: what was typed, for this part alone.
function m.command(part)
  local words = {'mien', 'recipes/measure.lua', 'what=' .. part}
  for _, word in ipairs{unpack(arg, 2)} do
    if not word:match '^%-*what=' and not word:match '^%-*out=' and not word:match '^%-*page=' then words[#words + 1] = word end
  end
  return table.concat(words, ' ')
end

-- ---- results -------------------------------------------------------------------

local function verdict(row) return row[4] == nil and '' or row[4] and 'reached' or 'missed' end

local function show(part)
  print('\n' .. part.title)
  for _, row in ipairs(part.rows) do print(('  %-62s %-28s %-10s %s'):format(row[1], row[2], row[3] or '', verdict(row))) end
  for _, t in ipairs(part.tables or {}) do
    if t.title then print('  ' .. t.title) end
    for i = 0, #t.lines do
      local words = {}
      for k, cell in ipairs(i == 0 and t.header or t.lines[i]) do
        words[k] = (k == 1 and '%-22s' or '%' .. math.max(6, #t.header[k]) .. 's'):format(cell)
      end
      print('    ' .. table.concat(words, '  '))
    end
  end
  for _, note in ipairs(part.notes or {}) do print('  ' .. note) end
end

local function table_text(header, lines)
  local out = {'| ' .. table.concat(header, ' | ') .. ' |', '|' .. ('---|'):rep(#header)}
  for _, line in ipairs(lines) do
    local cells = {}
    for k = 1, #header do cells[k] = line[k] or '' end
    out[#out + 1] = '| ' .. table.concat(cells, ' | ') .. ' |'
  end
  return table.concat(out, '\n')
end

local function page(found)
  local out = {'# The embedded avatar, measured', '', 'Written by `mien recipes/measure.lua`; every part with the command that made it.'}
  local function add(text) out[#out + 1] = '\n' .. text end
  for _, name in ipairs(parts) do
    local part = found[name]
    if part and part.generator ~= m.avatar.generator:hash() then
      io.stderr:write(("page: %s was measured on another generator; what=%s measures it anew\n"):format(name, name))
    elseif part then
      add('## ' .. part.title)
      add('    ' .. part.command)
      local lines = {}
      for i, row in ipairs(part.rows) do lines[i] = {row[1], row[2], row[3] or '', verdict(row)} end
      add(table_text({'what', 'found', 'bar', ''}, lines))
      for _, t in ipairs(part.tables or {}) do
        if t.title then add(t.title .. ':') end
        add(table_text(t.header, t.lines))
      end
      add(table.concat(part.notes or {}, ' '))
    end
  end
  return table.concat(out, '\n') .. '\n'
end

-- ---- the run -------------------------------------------------------------------

assert(mien.mkdir(opt.out))
local file = opt.out .. '/measure.json'
local found = mien.file_kind(file) and assert(mien.json_decode(assert(mien.file_read(file)), file)) or {}
local known = {}
for _, name in ipairs(parts) do known[name] = true end
for name in opt.what:gmatch '[^,]+' do
  if not known[name] then error(("what: '%s' is no part; there are %s"):format(name, table.concat(parts, ', ')), 0) end
  local path = assert(paths.find('recipes/measure/' .. name .. '.lua'), 'recipes/measure is neither here nor beside the program')
  local began = mien.clock()
  local part = assert(loadfile(path))()(m)
  part.seconds = mien.clock() - began
  part.command = m.command(name)
  part.generator = m.avatar.generator:hash()
  found[name] = part
  show(part)
  assert(mien.file_write(file, mien.json_encode(found)))
end
if m.store then m.store:close() end
if opt.page ~= '' then assert(mien.file_write(opt.page, page(found))) end
print(('\n%s%s'):format(file, opt.page ~= '' and ', ' .. opt.page or ''))
