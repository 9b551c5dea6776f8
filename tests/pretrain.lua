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

T.test('generator.lua: the networks of the face rest before their share of the steps', function(t)
  local folder, before = t:folder(), assert(mien.load_model 'models/avatar/generator.safetensors')
  make_people(folder .. '/people', 0, 2, 2, 128)
  for faces, moves in pairs{[0.5] = true, [1] = false} do
    local out = ('%s/%g'):format(folder, faces)
    assert(mien.mkdir(out))
    run(t, ("recipes/pretrain/generator.lua people='%s/people' head=models/avatar/head.safetensors out='%s' steps=2 batch=1 lr=0.1 faces=%g mapping=0 init=models/avatar/generator.safetensors"):format(folder, out, faces))
    local after = assert(mien.load_model(out .. '/generator.safetensors'))
    local function moved(name) return (after:weight(name) - before:weight(name)):abs():mean():item() > 0 end
    t:ok(moved 'backbone.synthesis.b64.conv0.weight', 'hair learns at once')
    for _, name in ipairs{'texture_backbone.synthesis.b64.conv0.weight', 'mouth_backbone.synthesis.b16.conv1.weight', 'neural_blending.synthesis.b64.conv1.weight'} do
      t:equal(moved(name), moves)
    end
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

T.test('people: factors are centred and scaled, and those of a hair style are about it alone', function(t)
  local crowd = mien.randn({4096, 80}, mien.rng(1, 76))
  local factors = People.factors(crowd)
  local f = factors(crowd)
  local mean = f:mean{axis = 1, keep = 1}
  t:near(mean, mean * 0, 1e-3)
  for k, v in ipairs((f - mean):square():mean{axis = 1}:totable()) do t:ok(math.abs(v - 1) < 0.05 or v < 1e-3, ('spread of number %d: %g'):format(k, v)) end
  -- hair cut shorter or longer: the trait, and this style's own number and its square
  local CUT, TRAITS, SHAPE, OWN, STYLE = 77, 42, 40, 11, 33
  local some = crowd:slice(1, 1, 30)
  local z, traits = some:totable(), mien.person_traits(some):totable()
  for i = 1, 30 do z[80 * (i - 1) + CUT] = z[80 * (i - 1) + CUT] + (z[80 * (i - 1) + CUT] > 0 and -1 or 1) end
  local before, after, seen = factors(some):totable(), factors(mien.tensor(z):reshape(30, 80)):totable(), {}
  local count = #before / 30
  for i = 1, 30 do
    local style, moved, expected = 0, {}, {}
    for k = 1, 9 do if traits[TRAITS * (i - 1) + STYLE + k] == 1 then style = k end end
    for k = 1, count do if math.abs(after[count * (i - 1) + k] - before[count * (i - 1) + k]) > 1e-4 then moved[#moved + 1] = k end end
    local own = TRAITS + SHAPE + OWN * (style - 1)
    if style < 9 then expected = {30, own + 1, own + 8} end              -- bald heads have nothing to cut
    t:equal(moved, expected)
    seen[style] = true
  end
  local styles = 0
  for _ in pairs(seen) do styles = styles + 1 end
  t:ok(styles > 5, 'most styles were there')
end)
