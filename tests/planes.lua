-- planes.lua -- the settings by which the embedded generator's tri-planes differ from the published ones: what a point reads of the
-- mesh was drawn there (aligned), the volume moves with the head (follow), and layers have constants of their own (constants).
local mien, T = require 'mien', require 'mien.test'
local avatar = require 'mien.avatar'
local head = avatar.load().head
local P, C, HALF = 64, 4, 0.2                            -- texels and channels of a plane; metres from its middle to its edge

local function generator(settings)
  local gen = mien.new_model('next3d', ('{"z_dim":8,"w_dim":8,"plane_resolution":%d,"plane_channels":%d,"channel_base":256,"channel_max":8,"mouth":[16,4,16],"blending":[%d,16,%d],"decoder_hidden":4,"orth_shift":[0,0,0],"vertices":%d,"faces":%d%s}')
    :format(P, C, P, P, head:config 'vertices', head:config 'faces', settings), 1)
  gen:set_weight('faces', head:weight 'faces')
  return gen
end

-- Planes of a mesh whose texture and static planes are given.
local function planes_of(gen, mesh, texture, static)
  return mien.no_grad(function() return gen:planes(mien.zeros{1, gen:mapping(mien.zeros{1, 8}, mien.camera{}):dim(2), 8}, mesh, texture, static) end)
end

local function neutral() return head:mesh(mien.zeros{1, head:weight('shapedirs'):dim(3)}, mien.zeros{1, head:weight('exprdirs'):dim(3)}) end

T.test('aligned: the side and the top of the mesh lie where points read them', function(t)
  local mesh = neutral()
  local v = mesh:totable()
  -- what planes hold at a point: how much of the mesh they show
  local function shown(gen, point)
    local axes = gen:weight 'renderer.plane_axes':totable()
    local planes = planes_of(gen, mesh, mien.zeros{1, C, P, P} + 1, mien.zeros{1, 3 * C, P, P}):reshape(3, C, P, P)
    local out = {}
    for k = 2, 3 do                                      -- the blending network makes the first
      local at = {}
      for d = 1, 2 do
        local a = 9 * (k - 1) + 3 * (d - 1)
        at[d] = (axes[a + 1] * point[1] + axes[a + 2] * point[2] + axes[a + 3] * point[3]) / HALF
      end
      out[#out + 1] = mien.grid_sample(planes:slice(1, k, k), mien.tensor{{{at}}}):slice(2, 1, 1):item()
    end
    return out
  end
  local nose = 1
  for i = 1, head:config 'vertices' do if v[3 * i] > v[3 * nose] then nose = i end end
  local x, y, z = v[3 * nose - 2], v[3 * nose - 1], v[3 * nose]
  local aligned, published = generator ',"aligned":true', generator ''
  local inside, beyond = {x, y, z - 0.01}, {x, y, z + 0.01}
  t:near(shown(aligned, inside), {2, 1}, 1e-6)           -- two side views are added
  t:near(shown(aligned, beyond), {0, 0}, 1e-6)
  local crossed = shown(published, inside)
  t:ok(crossed[2] == 0, 'as published, the tip of the nose falls beside the top view')
end)

T.test('follow: the volume moves with the head', function(t)
  local gen = generator ',"aligned":true,"follow":[3,0.02,6],"neural_rendering_resolution":16'
  local mesh = neutral()
  local lead, rest, v = {7, 1000, 2500}, {}, mesh:totable()
  for k, i in ipairs(lead) do rest[k] = {v[3 * i + 1], v[3 * i + 2], v[3 * i + 3]} end
  gen:set_weight('follow.vertices', mien.tensor(lead, 'i32'))
  gen:set_weight('follow.rest', mien.tensor{rest})
  local rng = mien.rng(5, 0)
  local texture, static = mien.randn({1, C, P, P}, rng), mien.randn({1, 3 * C, P, P}, rng)
  local still, nowhere = planes_of(gen, mesh, texture, static)
  t:equal(nowhere:shape(), {1, 6, 6, 6, 3})
  t:near(nowhere, mien.zeros{1, 6, 6, 6, 3}, 1e-6)
  -- the whole head elsewhere: the same planes, and points that are that much further away lie where the others did
  local shift = mien.tensor{{{0.01, -0.02, 0.015}}}
  local moved, away = planes_of(gen, mesh + shift, texture, static)
  t:near(moved, still, 1e-3)
  t:near(away, mien.zeros{1, 6, 6, 6, 3} + shift * 2.5, 1e-5)
  local points = mien.rand({1, 20, 3}, rng) * 0.8 - 0.4
  t:near(gen:canonical(points, away), points - shift * 2.5, 1e-5)
  -- and so a camera that moves along sees the same
  local front, along = mien.camera{}, mien.camera{}:totable()
  for k = 1, 3 do along[4 * k] = along[4 * k] + 2.5 * shift:totable()[k] end
  local function seen(planes, camera, deformation) return mien.no_grad(function() return gen:neural(planes, camera, nil, nil, deformation) end) end
  local before = seen(still, front, nowhere)
  t:ok(before:square():mean():item() > 1e-4, 'there is something to see')
  t:near(seen(moved, mien.tensor{along}, away), before, 2e-3)
end)

T.test('follow: one vertex moves what is near it', function(t)
  local gen = generator ',"follow":[2,0.01,16]'
  gen:set_weight('follow.vertices', mien.tensor({0, 1}, 'i32'))
  gen:set_weight('follow.rest', mien.tensor{{{-0.1, 0, 0}, {0.1, 0, 0}}})
  local v = neutral():totable()
  for k, x in ipairs{-0.1, 0.02, 0, 0.1, 0, 0} do v[k] = x end
  local _, away = planes_of(gen, mien.tensor(v):reshape(1, -1, 3), mien.zeros{1, C, P, P}, mien.zeros{1, 3 * C, P, P})
  local points = mien.tensor{{{-0.25, 0.1, 0}, {0.25, 0.1, 0}, {-9, 0, 0}}}
  t:near(gen:canonical(points, away), {-0.25, 0.05, 0, 0.25, 0.1, 0, -9, -0.05, 0}, 1e-4)
end)

T.test('follow: what is wrong with it is named', function(t)
  t:fails("setting 'follow'", generator, ',"follow":[3,0,6]')
  t:fails("setting 'follow'", generator, ',"follow":[3,0.02,1]')
  t:fails("setting 'follow'", generator, ',"follow":3')
  local gen, still = generator ',"follow":[3,0.02,6]', generator ''
  local planes, front = mien.zeros{1, 3, C, P, P}, mien.camera{}
  t:fails('what planes() returned', function() gen:neural(planes, front) end)
  t:fails('[1,6,6,6,3]', function() gen:neural(planes, front, nil, nil, mien.zeros{1, 5, 5, 5, 3}) end)
  t:fails('none expected', function() still:neural(planes, front, nil, nil, mien.zeros{1, 6, 6, 6, 3}) end)
end)

T.test('constants: layers of the static planes from that size on add one', function(t)
  local gen = generator ',"constants":32'
  local there = {}
  for _, name in ipairs(select(2, gen:params())) do if name:find 'conv%d%.const$' then there[#there + 1] = name end end
  t:equal(there, {'backbone.synthesis.b32.conv0.const', 'backbone.synthesis.b32.conv1.const', 'backbone.synthesis.b64.conv0.const', 'backbone.synthesis.b64.conv1.const'})
  local ws = mien.randn({1, gen:mapping(mien.zeros{1, 8}, mien.camera{}):dim(2), 8}, mien.rng(6, 0))
  local function static() return mien.no_grad(function() return gen:static(ws) end) end
  local before = static()
  -- the same everywhere, it is what the layer's bias is
  for _, layer in ipairs{'b64.conv0', 'b32.conv1'} do
    local name = 'backbone.synthesis.' .. layer
    local const = gen:weight(name .. '.const')
    local level = mien.randn({const:dim(1)}, mien.rng(7, 0))
    gen:set_weight(name .. '.bias', level)
    local biased = static()
    gen:set_weight(name .. '.bias', level * 0)
    gen:set_weight(name .. '.const', level:reshape(-1, 1, 1):expand(const:dim(1), const:dim(2), const:dim(3)))
    t:ok((biased - before):square():mean():item() > 1e-4, 'a bias changes the planes')
    t:near(static(), biased, 1e-5)
    gen:set_weight(name .. '.const', const * 0)
    t:near(static(), before, 0)
  end
  -- in one texel of the last layer, it changes that texel alone, in all channels of the planes
  local name, at = 'backbone.synthesis.b64.conv1.const', 64 * 20 + 7
  local one = {}
  for i = 1, gen:weight(name):dim(1) * P * P do one[i] = i == at + 1 and 3 or 0 end
  gen:set_weight(name, mien.tensor(one):reshape(gen:weight(name):dim(1), P, P))
  local moved = (static() - before):abs():reshape(3 * C, P * P):totable()
  for i, d in ipairs(moved) do
    if (i - 1) % (P * P) == at then t:ok(d > 1e-4, 'the texel') else t:ok(d == 0, 'another texel') end
  end
end)

T.test('constants: a negative size is an error', function(t) t:fails("setting 'constants'", generator, ',"constants":-1') end)
