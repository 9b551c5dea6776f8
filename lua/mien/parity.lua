-- parity.lua -- `mien parity`: does an imported model compute what its authors' code computes?  A golden file holds inputs
-- and the numbers that the published code made of them; everything else in it is computed again and compared.
local core = require 'mien.core'
local cli = require 'mien.cli'
local paths = require 'mien.paths'
local parity = {}

local models = table.concat(core.parity_models(), ', ') .. ', tokenizer'      -- which is here

parity.help = {parity = 'MODEL is one of ' .. models .. [[.
CHECKPOINT is an imported model, the file its authors publish (imported for this comparison alone; for flame
its folder, or the model with its landmarks beside it), or - where none is needed (projection, tokenizer, CLIP's
preprocessing, FID and KID).
  --device NAME cpu, cuda or cuda:1 (MIEN_DEVICE)
  --precision P strict, tf32, bf16 or f16 factors; the bounds are those of strict
  --dump FILE   write what was computed, under the golden's names
  --bpe FILE    the tokenizer's vocabulary (bpe_simple_vocab_16e6.txt.gz)
A line per tensor: relative L2 error, largest error, the error allowed.  Exit status 0: all within bounds; 1: some
are not, or it could not be done; 2: not understood.]]}

local function try(value, message) if value == nil then cli.fail(message) end return value end

-- ---- tokenizer: a JSON line per text, {text =, clean =, ids = without start and end, too_long =} ----

local function same(a, b)
  if #a ~= #b then return false end
  for i = 1, #a do if a[i] ~= b[i] then return false end end
  return true
end

-- The ids between start and end, and whether 77 positions are too few.
local function encode(bpe, text)
  local ids = {}
  local row = bpe:tokens(text, {context = 4096}):totable()
  row = row[1] and type(row[1]) == 'table' and row[1] or row
  local stop = bpe:count() - 1                           -- the last id is the end token
  local last = #row
  while row[last] ~= stop do last = last - 1 end         -- a text may hold end tokens of its own
  for i = 2, last - 1 do ids[#ids + 1] = row[i] end
  local fits = pcall(bpe.tokens, bpe, text, {context = 77})
  return ids, not fits
end

local function tokenizer(golden, options)
  if not options.bpe then cli.misuse('the tokenizer needs its vocabulary: --bpe FILE') end
  local bpe = try(core.bpe(options.bpe))
  local file = try(io.open(golden, 'rb'))
  local good, bad, out = 0, 0, {}
  local number = 0
  for line in file:lines() do
    number = number + 1
    local want, why = core.json_decode(line, ('%s: line %d'):format(golden, number))
    if not want then cli.fail(why) end
    if type(want.text) ~= 'string' or type(want.clean) ~= 'string' or type(want.ids) ~= 'table' then
      cli.fail(('%s: line %d: {"text": a text, "clean": a text, "ids": [numbers]} expected'):format(golden, number))
    end
    local ids, too_long = encode(bpe, want.text)
    local clean = core.bpe_clean(want.text)
    if same(ids, want.ids) and clean == want.clean and too_long == (want.too_long or false) then good = good + 1
    else
      bad = bad + 1
      print(('%s: %s expected, got %s'):format(core.json_encode(want.text), table.concat(want.ids, ' '), table.concat(ids, ' ')))
    end
    out[#out + 1] = ('{"text": %s, "clean": %s, "ids": [%s]%s}'):format(core.json_encode(want.text), core.json_encode(clean),
      table.concat(ids, ', '), too_long and ', "too_long": true' or '')
  end
  file:close()
  if options.dump then
    try(core.file_write(options.dump, table.concat(out, '\n') .. '\n'))
  end
  print(('%d texts as published, %d not'):format(good, bad))
  return bad == 0 and good > 0 and 0 or 1
end

-- ---- a published file in the place of an imported model ----

-- Does it begin as a safetensors file does: the header's length, eight bytes of which the last are zero, and a brace?
local function is_imported(path)
  local file = try(io.open(path, 'rb'))
  local head = file:read(9)
  file:close()
  return head ~= nil and head:find '^.....%z%z%z{' ~= nil
end

-- FLAME's landmarks lie beside the model, under the names that their authors gave them: DECA's file, else RingNet's two.
local landmarks = {{'landmark_embedding.npy'}, {'flame_static_embedding.pkl', 'flame_dynamic_embedding.npy'}}

local function sources_of(kind, checkpoint)
  if kind ~= 'flame' then return {checkpoint} end
  if core.file_kind(checkpoint) == 'folder' then checkpoint = checkpoint .. '/generic_model.pkl' end
  local list, folder = {checkpoint}, checkpoint:match '^(.*/)' or ''
  for _, names in ipairs(landmarks) do
    for _, name in ipairs(#list == 1 and names or {}) do
      if core.file_kind(folder .. name) == 'file' then list[#list + 1] = folder .. name end
    end
  end
  return list
end

-- Calls compare with the imported model, which is removed afterwards.
local function with_import(kind, checkpoint, compare)
  local folder = paths.temporary()
  local model = folder .. '/model.safetensors'
  local ok, fits, report = pcall(function()
    local sources = sources_of(kind, checkpoint)
    try(core.import_files(kind, sources, model))
    print(('%s: imported for this comparison'):format(table.concat(sources, ', ')))
    return compare(model)
  end)
  paths.remove(folder)
  if not ok then error(fits, 0) end
  return fits, report
end

-- ---- the command ----

local function read_words(words)
  local plain, options, i = {}, {}, 1
  while i <= #words do
    local name = words[i]:match '^%-%-(%w+)$'
    if name == 'dump' or name == 'bpe' or name == 'device' or name == 'precision' then
      options[name] = words[i + 1] or cli.misuse(('--%s: a value expected'):format(name))
      i = i + 1
    elseif words[i]:find '^%-%-' then cli.misuse(("unknown option '%s'; there are --bpe, --device, --dump, --precision"):format(words[i]))
    else plain[#plain + 1] = words[i] end
    i = i + 1
  end
  if #plain ~= 3 then cli.misuse('MODEL CHECKPOINT GOLDEN expected') end
  return plain[1], plain[2], plain[3], options
end

function parity.main(words)
  local kind, checkpoint, golden, options = read_words(words)
  if not (', ' .. models .. ','):find((', %s,'):format(kind), 1, true) then cli.misuse(("no model '%s' to compare; there are %s"):format(kind, models)) end
  if (kind == 'tokenizer' or kind == 'projection') and checkpoint ~= '-' then cli.misuse(('%s needs no checkpoint: - expected, got \'%s\''):format(kind, checkpoint)) end
  if kind == 'tokenizer' then return tokenizer(golden, options) end
  for _, name in ipairs{'device', 'precision'} do
    local ok, why = pcall(core[name], options[name])
    if not ok then cli.misuse(why) end
  end
  local function compare(model) return core.parity_compare(kind, model, golden, options.dump) end
  local imported = checkpoint == '-' or core.file_kind(checkpoint) ~= 'folder' and is_imported(checkpoint)
  local fits, report
  if imported then fits, report = compare(checkpoint) else fits, report = with_import(kind, checkpoint, compare) end
  if fits == nil then cli.fail(report) end
  io.write(report)
  return fits and 0 or 1
end

return parity
