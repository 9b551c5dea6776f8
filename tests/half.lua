-- half.lua -- weights kept as f16 in memory: what is computed is what the same f16 numbers give when they are widened once, forward
-- and backward; memory is half; what cannot be is refused.
local mien, T = require 'mien', require 'mien.test'

-- Kinds, their settings, and a run that makes its input give a gradient: fn(model, input) -> tensor
local kinds = {
  next3d = {'{"z_dim":32,"w_dim":64,"mapping_layers":2,"plane_resolution":16,"plane_channels":4,"channel_base":1024,"channel_max":64,"mouth":[16,4,16],"blending":[16,8,16],'
    .. '"decoder_hidden":8,"vertices":12,"faces":20,"neural_rendering_resolution":8,"depth_resolution":4,"depth_resolution_importance":4,"sr_input":8,"sr_channels":[8,8],"sr_up":[2,2]}',
    {1, 32}, function(m, z)
      local ws = m:mapping(z, mien.camera{})
      return (m:render(m:planes(ws, mien.randn({1, 80, 3}, mien.rng(4, 0)) * 0.1), ws, mien.camera{}))
    end},
  clip = {'{"image_resolution":32,"patch":8,"vision_width":64,"vision_layers":2,"embed_dim":32,"context":16,"vocab":500,"text_width":64,"text_layers":1,"head_width":16}',
    {2, 3, 32, 32}, function(m, x) return m:similarity(m:image(x), m:text(mien.tensor({{1, 7, 499, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, 'i32'))) end},
  arcface = {'{"units":[1,1],"widths":[16,32],"input":16,"embed":32,"se_reduction":4,"crop":[]}', {1, 3, 16, 16}, function(m, x) return m:embed(x) end},
}

-- What a model makes of an input, and the input's gradient.
local function results(model, shape, fn)
  local x = mien.randn(shape, mien.rng(2, 0)):param()
  local y = fn(model, x)
  mien.backward((y * mien.randn(y:shape(), mien.rng(3, 0))):sum())
  return y:reshape(-1):totable(), x:grad():reshape(-1):totable()
end

for kind, case in pairs(kinds) do
  T.test(kind .. ': as with the f16 numbers widened', function(t)
    local config, shape, fn = unpack(case)
    local folder = t:folder()
    local full, narrow = folder .. '/full.safetensors', folder .. '/narrow.safetensors'
    local made = mien.new_model(kind, config, 5)
    if kind == 'next3d' then
      local corners = {}
      for i = 0, 19 do corners[i + 1] = {i % 12, (i + 1) % 12, (i + 2 + math.floor(i / 12)) % 12} end
      made:set_weight('faces', mien.tensor(corners, 'i32'))
    end
    assert(made:save(full))
    local half = assert(mien.load_model(full, {half = true}))
    assert(half:save(narrow))
    local widened = assert(mien.load_model(narrow))
    local y, dx = results(half, shape, fn)
    local want, dwant = results(widened, shape, fn)
    t:equal(y, want)
    t:equal(dx, dwant)
    t:ok(math.max(unpack(dx)) > 0, 'a gradient')
    local exact = results(made, shape, fn)
    local differs = false
    for i = 1, #y do differs = differs or y[i] ~= exact[i] end
    t:ok(differs, 'f16 was rounded to')
  end)
end

T.test('memory is half', function(t)
  local path = t:folder() .. '/model.safetensors'
  local made = mien.new_model('arcface', '{"units":[2,2],"widths":[64,128],"input":16,"embed":256,"se_reduction":4,"crop":[]}', 1)
  local numbers = made:numbers()
  assert(made:save(path, {half = true}))
  local function bytes(half)
    collectgarbage()
    collectgarbage()
    local before = mien.memory().live
    local model = assert(mien.load_model(path, {half = half}))
    return mien.memory().live - before, model
  end
  t:ok(bytes(false) > 4 * numbers, 'f32 of an f16 file')
  t:ok(bytes(true) < 0.1 * numbers, 'f16 of an f16 file stays in the file')
  assert(made:save(path))
  local size, half = bytes(true)
  t:ok(size > 2 * numbers * 0.95 and size < 2.1 * numbers, ('f16 of an f32 file: %d bytes for %d numbers'):format(size, numbers))
  -- one layer at a time is widened: what a run takes more than with f32 is the largest of them
  local x = mien.randn({1, 3, 16, 16}, mien.rng(1, 0))
  local function peak(model)
    mien.memory_reset_peak()
    local before = mien.memory().live
    mien.scope(function() mien.no_grad(function() model:embed(x) end) end)
    return mien.memory().peak - before
  end
  t:ok(peak(half) < peak(made) + 1.1 * 4 * 256 * 128 * 8 * 8, 'scratch is bounded')
end)

T.test('what cannot be is refused', function(t)
  local path = t:folder() .. '/model.safetensors'
  local made = mien.new_model('arcface', kinds.arcface[1], 1)
  made:set_weight('body.0.res_layer.1.weight', mien.full({16, 16, 3, 3}, 7e4))
  local saved, why = made:save(path, {half = true})
  t:ok(not saved and not mien.file_kind(path))
  t:equal(why, "arcface: 'body.0.res_layer.1.weight' has a value beyond what f16 holds (65504), at position 0: save it as f32")
  assert(made:save(path))
  local model, message = mien.load_model(path, {half = true})
  t:ok(not model)
  t:equal(message, path .. ": 'body.0.res_layer.1.weight' has a value beyond what f16 holds (65504), at position 0: load it as f32")
  made:set_weight('body.0.res_layer.1.weight', mien.full({16, 16, 3, 3}, 1))
  assert(made:save(path))
  t:equal({mien.weights(), mien.weights 'f16'}, {'f32', 'f16'})
  local half = assert(mien.load_model(path))
  mien.weights 'f32'
  t:fails('cannot be trained: load it as f32', half.train, half)
  t:fails("load_model: unknown option 'halve'", mien.load_model, path, {halve = true})
  t:fails("input 'x' is f16, which can have no gradient", mien.square, mien.tensor{1, 2}:cast 'f16':param())
  t:near(mien.square(mien.tensor{1.5, 2}:cast 'f16'), {2.25, 4}, 0)
end)
