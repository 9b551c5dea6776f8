-- planes.lua -- the two settings by which the embedded generator's tri-planes differ from the published ones: what a point reads of the
-- mesh was drawn there (aligned), and static planes move with the mesh (follow).
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

T.test('follow: static planes move with the mesh', function(t)
  local gen = generator ',"aligned":true,"follow":[3,0.1]'
  local mesh = neutral()
  local lead, rest, v = {7, 1000, 2500}, {}, mesh:totable()
  for k, i in ipairs(lead) do rest[k] = {v[3 * i + 1], v[3 * i + 2], v[3 * i + 3]} end
  gen:set_weight('follow.vertices', mien.tensor(lead, 'i32'))
  gen:set_weight('follow.rest', mien.tensor{rest})
  -- ramps along columns and rows, so that a value tells a place
  local ramp = {}
  for c = 0, 3 * C - 1 do
    ramp[c + 1] = {}
    for i = 0, P - 1 do
      ramp[c + 1][i + 1] = {}
      for j = 0, P - 1 do ramp[c + 1][i + 1][j + 1] = c % 2 == 0 and j or i end
    end
  end
  local texture, static = mien.zeros{1, C, P, P}, mien.tensor{ramp}
  local still = planes_of(gen, mesh, texture, static)
  t:near(still, planes_of(generator ',"aligned":true', mesh, texture, static), 1e-3)
  local shift = {0.01, -0.02, 0.015}
  local moved = planes_of(gen, mesh + mien.tensor(shift), texture, static)
  local a, b = still:totable(), moved:totable()
  local axes = {{1, 2}, {3, 2}, {1, 3}}                  -- of columns and rows
  for k = 0, 2 do
    for c = 0, 1 do
      local at = ((k * C + c) * P + P - 8) * P + P - 7 + 1   -- near a corner, beside the head
      t:near(a[at] - b[at], shift[axes[k + 1][c + 1]] / HALF * P / 2, 1e-3)
    end
  end
end)

T.test('follow: what is wrong with it is named', function(t)
  t:fails("setting 'follow'", generator, ',"follow":[3,0]')
  t:fails("setting 'follow'", generator, ',"follow":3')
end)
