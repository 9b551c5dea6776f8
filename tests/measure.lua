-- measure.lua -- recipes/measure.lua from end to end on made-up people, a made-up judge and untrained mappers: every part gives finite numbers, the
-- same ones again, and a page; a part that is not asked for stays as it was.
local mien, T = require 'mien', require 'mien.test'
local au, avatar, method = require 'mien.au', require 'mien.avatar', require 'mien.method'
local make_people = dofile 'tests/fixtures/people.lua'

local function make_judge(path)
  local thresholds = {present_from = {}, rise = {}}
  for _, name in ipairs(au.names) do thresholds.present_from[name], thresholds.rise[name] = 0.5, 0 end
  assert(au.new(1):save(path, {meta = {thresholds = mien.json_encode(thresholds), report = '{}'}}))
end

local function make_library(path)
  local a = avatar.load 'models/avatar'
  local library = assert(mien.store.open(path))
  local code = mien.no_grad(function() return a:references('smile'):slice(1, 1, 1):totable() end)
  assert(library:put_model{kind = 'next3d', name = a.folder, hash = a.generator:hash(), config = a.generator:config_json()})
  for _, name in ipairs{'smile', 'smile-no_cross'} do
    assert(library:save{name = name, status = 'complete', prompt = 'A person who is smiling', model_hash = a.generator:hash(), seed = 1,
      options = {code = code}, weights = method.new_mapper(a, {seed = 1})})
  end
  local old = ('1'):rep(64)                                                  -- left over from another generator
  assert(library:put_model{kind = 'next3d', name = 'old', hash = old})
  assert(library:save{name = 'smile-no_projection', status = 'complete', prompt = 'A person who is smiling', model_hash = old, seed = 1, weights = method.new_mapper(a, {seed = 1})})
  library:close()
end

local function finite(value)
  if type(value) == 'number' then return value == value and math.abs(value) < math.huge end
  if type(value) == 'table' then for _, v in pairs(value) do if not finite(v) then return false end end end
  return true
end

T.test('every part, twice the same; one part again', function(t)
  local folder = t:folder()
  make_people(folder .. '/people', 100000, 3, 4, 128)
  make_judge(folder .. '/au.safetensors')
  make_library(folder .. '/library.db')
  collectgarbage()
  local function run(out, extra)
    local command = "'%s' recipes/measure.lua people=%s/people judge=%s/au.safetensors library=%s/library.db out=%s %s 2>&1"
    local text, status = t:shell(command:format(mien.program(), folder, folder, folder, out, 'pictures=4 avatars=2 turned=1 ' .. (extra or '')))
    return status, text
  end
  local function read(out)
    local found = assert(mien.json_decode(assert(mien.file_read(out .. '/measure.json'))))
    for _, part in pairs(found) do part.seconds = nil end
    return found
  end
  local one, two = folder .. '/one', folder .. '/two'
  local status, text = run(one, 'page=' .. folder .. '/page.md')
  t:ok(status == 0, text)
  local found = read(one)
  for _, name in ipairs{'generator', 'encoder', 'retrieval', 'identity', 'edits', 'views'} do
    t:ok(found[name] and finite(found[name].numbers) and #found[name].rows > 1, name)
  end
  for name, r in pairs(found.encoder.numbers.units) do                       -- 0: the unit does not vary in these pictures
    t:ok(r[5] == 0 or r[5] > 0.95, ('AU%s is found again in true codes: %.3f'):format(name, r[5]))
  end
  t:ok(found.edits.numbers.variants.no_cross.smile, 'the ablation that is in the library is measured')
  t:ok(not found.edits.numbers.variants.no_projection, 'a mapper of another generator is not')
  t:equal(found.edits.numbers.variants.full.smile.cosines, found.edits.numbers.variants.code_alone.smile.cosines)    -- untrained: no change
  t:ok(mien.file_read(folder .. '/page.md'):find('| smile (6+12) |', 1, true) and mien.file_kind(one .. '/views.png'))
  status, text = run(two, 'what=retrieval,edits')
  t:ok(status == 0, text)
  local again = read(two)
  t:equal(again.edits.numbers, found.edits.numbers)
  t:equal(again.retrieval.numbers, found.retrieval.numbers)
  t:ok(not again.generator)
  status, text = run(two, 'what=edit')
  t:ok(status == 1 and text:find("'edit' is no part", 1, true), text)
end)
