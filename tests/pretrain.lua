-- pretrain.lua -- recipes that train the avatar's networks, a step or two on made-up people: what they promise beside a lower loss.
local mien, T = require 'mien', require 'mien.test'
local People = require 'mien.people'
local make_people = dofile 'tests/fixtures/people.lua'

local function run(t, words)
  local text, status = t:shell(("'%s' %s 2>&1"):format(mien.program(), words))
  t:ok(status == 0, text)
end

T.test('clip.lua: nothing is common to all features', function(t)
  local folder = t:folder()
  make_people(folder .. '/people', 0, 2, 4, 128)
  run(t, ("recipes/pretrain/clip.lua people='%s/people' out='%s' steps=2 batch=4 more=4"):format(folder, folder))
  local clip, data = assert(mien.load_model(folder .. '/clip.safetensors')), People.open(folder .. '/people', 0, 100)
  local features = mien.no_grad(function() return clip:image(clip:preprocess((data:pictures(data.all)))) end)
  local function length(x) return x:square():sum{axis = 2}:sqrt():mean():item() end
  local common = length(features:mean{axis = 1, keep = 1}) / length(features - features:mean{axis = 1, keep = 1})
  t:ok(common < 0.3, ('what is common is %.2f of what is not'):format(common))       -- 480 draws of 8 pictures: the mean is not exact
end)

T.test('generator.lua: noise patterns are learned', function(t)
  local folder, before = t:folder(), assert(mien.load_model 'models/avatar/generator.safetensors')
  make_people(folder .. '/people', 0, 2, 2, 128)
  run(t, ("recipes/pretrain/generator.lua people='%s/people' head=models/avatar/head.safetensors out='%s' steps=1 batch=1 lr=0.1 mapping=0 init=models/avatar/generator.safetensors"):format(folder, folder))
  local after = assert(mien.load_model(folder .. '/generator.safetensors'))
  for _, name in ipairs{'backbone.synthesis.b128.conv1.noise_const', 'texture_backbone.synthesis.b64.conv0.noise_const'} do
    local moved = (after:weight(name) - before:weight(name)):abs():mean():item()
    t:ok(moved > 0.00001 and moved < 0.1, ('%s moved by %g'):format(name, moved))
  end
end)

T.test('people: a chunk whose looks are not those of its people is named', function(t)
  local folder = t:folder()
  make_people(folder, 0, 2, 1, 8)
  local path = folder .. '/people_0.safetensors'
  local chunk, meta = assert(mien.st_load(path))
  for text, wrong in pairs{['2 people expected, got 1'] = 'light;red;bob;blue\n', ["its style;...' expected, got 'light;red'"] = 'light;red\nlight;red\n'} do
    meta.looks = wrong
    assert(mien.st_save(path, chunk, meta))
    local ok, why = pcall(People.open, folder, 0, 10)
    t:ok(not ok and tostring(why):find(text, 1, true) and tostring(why):find('people_0.safetensors', 1, true), tostring(why))
  end
end)
