-- parity.lua -- `mien parity`: does an imported model compute what its authors' code computes?  A golden file holds inputs
-- and the numbers that the published code made of them; everything else in it is computed again and compared.
local core = require 'mien.core'
local cli = require 'mien.cli'
local parity = {}

parity.help = {parity = [[
MODEL is next3d, clip, arcface, emoca, inception, projection or tokenizer; CHECKPOINT an imported model,
or - where none is needed (projection, tokenizer, CLIP's preprocessing).
  --device NAME cpu, cuda or cuda:1 (MIEN_DEVICE)
  --precision P strict, tf32, bf16 or f16 factors; the bounds are those of strict
  --dump FILE   write what was computed, under the golden's names
  --bpe FILE    the tokenizer's vocabulary (bpe_simple_vocab_16e6.txt.gz)
A line per tensor: relative L2 error, largest error, the error allowed.  Exit status 0: all within bounds.]]}

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
  for line in file:lines() do
    local want = core.json_decode(line, golden)
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
    local dump = try(io.open(options.dump, 'wb'))
    dump:write(table.concat(out, '\n'), '\n')
    dump:close()
  end
  print(('%d texts as published, %d not'):format(good, bad))
  return bad == 0 and good > 0 and 0 or 1
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
  if kind == 'tokenizer' then return tokenizer(golden, options) end
  if options.device then core.device(options.device) end
  if options.precision then core.precision(options.precision) end
  local fits, report = core.parity_compare(kind, checkpoint, golden, options.dump)
  if fits == nil then cli.fail(report) end
  io.write(report)
  return fits and 0 or 1
end

return parity
