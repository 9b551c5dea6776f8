-- library.lua -- fills the library: a mapper for each of the twelve expressions, trained by recipes/train.lua from its prompt, and
-- contact sheets of them, of two compositions (closed eyes with frowned, and with raised brows), and of all at once (library.png).
--
--   mien recipes/library.lua
--   mien recipes/library.lua ablations=true        # also each expression without one part of the method, tagged 'ablation'
--
-- Mappers that are there already, trained on this generator, stay as they are, so that an interrupted run goes on where it was.
local mien = require 'mien'
mien.api(1)
local avatar, method = require 'mien.avatar', require 'mien.method'
local opt = mien.options {
  model     = {'', 'models by name or folder, with commas: each part from the first that has it; empty: the embedded avatar'},
  library   = {'', 'library file; empty: the default one'},
  steps     = {120, 'optimiser steps of each', whole = true, least = 1},
  batch     = {2, 'avatars a step', whole = true, least = 1},
  ablations = {false, 'also train what recipes/measure.lua compares with: method.ablations'},
  seeds     = {{100000, 100001, 100002, 100003}, 'avatars of the sheets', whole = true, least = 0, most = 2 ^ 32 - 1},
  sheets    = {true, 'draw the sheets'},
  seed      = {1, 'seeds everything', whole = true, least = 0},
  out       = {'out/library', 'folder of the sheets'},
}
local hash = mien.scope(function() return avatar.load(opt.model).generator:hash() end)
local library = assert(mien.store.open(opt.library ~= '' and opt.library or nil))

local function there(name)
  local about = library:mapper(name)
  return about and about.model_hash == hash
end

local function train(name, prompt, tag, changes)
  if there(name) then print(("'%s' is there"):format(name)) return end
  local words = {'name=' .. name, 'prompt=' .. prompt, 'steps=' .. opt.steps, 'batch=' .. opt.batch, 'seed=' .. opt.seed, 'model=' .. opt.model,
    'library=' .. opt.library, 'replace=true', ('out=%s/training'):format(opt.out)}
  for _, word in ipairs(changes) do words[#words + 1] = word end
  mien.recipe.run('recipes/train.lua', words)
  assert(library:tag(name, tag))
end

for _, prompt in ipairs(method.basis) do train(method.name_of(prompt), prompt, 'twelve', {}) end
if opt.ablations then
  for _, a in ipairs(method.ablations) do
    for _, prompt in ipairs(method.basis) do train(method.name_of(prompt, a.name), prompt, 'ablation', {a.option}) end
  end
end

-- A row for each avatar, a column for each expression.
local function overview()
  local a, rows, row_labels, column_labels, used = avatar.load(opt.model), {}, {}, {'untouched'}, {}
  local edits = {}
  for i, prompt in ipairs(method.basis) do
    local edit = method.stored(a, library, method.name_of(prompt))
    edits[i], column_labels[i + 1] = edit, (edit.name:gsub('_', ' '))
    used[i] = {name = edit.name, strength = 1, weights_sha256 = edit.weights_sha256}
  end
  for r, seed in ipairs(opt.seeds) do
    local who = a:person(seed)
    rows[r], row_labels[r] = {mien.to_pixels(a:picture(who.ws, who.shape, a:neutral()))}, ('seed %.0f'):format(seed)
    for i, edit in ipairs(edits) do
      local ws, alpha = method.apply(a, who, {edit})
      rows[r][i + 1] = mien.to_pixels(a:picture(ws, who.shape, alpha))
    end
  end
  local path = opt.out .. '/library.png'
  assert(mien.save_picture(path, mien.sheet{rows = rows, row_labels = row_labels, column_labels = column_labels}, {seeds = opt.seeds, mappers = used}))
  print(path)
end
if opt.sheets then
  assert(mien.mkdir(opt.out))
  mien.scope(function() mien.no_grad(overview) end)
end
library:close()

if opt.sheets then
  local seeds = table.concat(opt.seeds, ',')
  local function sheet(mappers)
    mien.recipe.run('recipes/edit.lua', {'mapper=' .. mappers, 'seeds=' .. seeds, 'yaw=-30,0,30', 'model=' .. opt.model, 'library=' .. opt.library,
      ('out=%s/%s'):format(opt.out, (mappers:gsub(',', '+')))})
  end
  for _, prompt in ipairs(method.basis) do sheet(method.name_of(prompt)) end
  sheet 'close_eyes,frown_brow'
  sheet 'close_eyes,raise_brow'
end
