-- geometry.lua -- the shape that the volume holds: depth and normal maps of a view, and the surface as a mesh.
--
--   (volume: what avatar:planes gives)
--   local maps = geometry.maps(a, volume, ws, camera)       {depth =, normal = u8 [R,R,3], near =, far = metres}
--   local mesh, level = geometry.surface(a, volume)         {v, f, normal, color}, metres, y up
--
-- The field is the generator's decoder on features of the tri-planes: a density s and a colour.  The surface is where
-- the opacity of one centimetre, 1 - exp(-softplus(s - 1) / 40), crosses the level that parts inside from outside best
-- (Otsu 1979): bounded, unlike the density, whose scale depends on the model.  World units: 2.5 are a metre.
local mien = require 'mien'
local geometry = {}

local PER_METRE = 2.5
local CENTIMETRE = PER_METRE / 100

-- ---- maps -------------------------------------------------------------------

local function byte(x) return math.max(0, math.min(255, math.floor(x * 255 + 0.5))) end

-- Where the ray of pixel i (from 0) ends in the camera's axes (x right, y down, z into the scene).
local function end_point(i, depth, dirs, turn)
  local d, x, y, z = depth[i + 1], dirs[3 * i + 1], dirs[3 * i + 2], dirs[3 * i + 3]
  return {d * (turn[1] * x + turn[5] * y + turn[9] * z), d * (turn[2] * x + turn[6] * y + turn[10] * z), d * (turn[3] * x + turn[7] * y + turn[11] * z)}
end

-- depth: white is near, black far or nothing; normal: red right, green up, blue towards the camera.
-- Where rays pass through (coverage below a half) there is nothing.
function geometry.maps(a, volume, ws, camera)
  return mien.no_grad(function()
    local _, _, distance, coverage = a.generator:render(volume.planes, ws, camera, nil, nil, volume.deformation)
    local size = distance:dim(4)
    local _, dirs = mien.rays(camera, {res = size})
    local depth, seen, turn = distance:totable(), coverage:totable(), camera:totable()
    dirs = dirs:totable()
    local near, far = math.huge, -math.huge
    for i = 1, #depth do
      if seen[i] >= 0.5 then near, far = math.min(near, depth[i]), math.max(far, depth[i]) end
    end
    local depth_map, normal_map = mien.zeros({size, size, 3}, 'u8'), mien.zeros({size, size, 3}, 'u8')
    if near > far then return {depth = depth_map, normal = normal_map} end
    local function at(x, y)                                -- nil outside and where nothing is
      if x < 0 or y < 0 or x >= size or y >= size or seen[y * size + x + 1] < 0.5 then return nil end
      return end_point(y * size + x, depth, dirs, turn)
    end
    for y = 0, size - 1 do
      for x = 0, size - 1 do
        local i, here = y * size + x, at(x, y)
        if here then
          local grey = byte(1 - 0.9 * (depth[i + 1] - near) / math.max(far - near, 1e-6))
          for k = 1, 3 do depth_map:set(3 * i + k, grey) end
          local right, left, down, up = at(x + 1, y) or here, at(x - 1, y) or here, at(x, y + 1) or here, at(x, y - 1) or here
          local ux, uy, uz = right[1] - left[1], right[2] - left[2], right[3] - left[3]
          local vx, vy, vz = down[1] - up[1], down[2] - up[2], down[3] - up[3]
          local nx, ny, nz = vy * uz - vz * uy, vz * ux - vx * uz, vx * uy - vy * ux
          local length = math.sqrt(nx * nx + ny * ny + nz * nz)
          if length > 0 then
            normal_map:set(3 * i + 1, byte(0.5 + 0.5 * nx / length)):set(3 * i + 2, byte(0.5 - 0.5 * ny / length)):set(3 * i + 3, byte(0.5 - 0.5 * nz / length))
          end
        end
      end
    end
    return {depth = depth_map, normal = normal_map, near = near / PER_METRE, far = far / PER_METRE}
  end)
end

-- ---- surface ----------------------------------------------------------------

-- The decoder at points [1,M,3] of the world: raw density [M,1] and colour [M,3] in 0..1.
local function decode(generator, volume, points)
  local function weight(name) return generator:weight('decoder.net.' .. name) end
  local w0, w1 = weight '0.weight', weight '2.weight'
  local at = volume.deformation and generator:canonical(points, volume.deformation) or points
  local x = mien.triplane_sample(volume.planes, at, generator:weight 'renderer.plane_axes', {box_warp = generator:config 'box_warp'})
  x = x:reshape(points:dim(2), -1)
  x = mien.softplus(mien.linear(x, w0 * (1 / math.sqrt(w0:dim(2))), weight '0.bias'))
  x = mien.linear(x, w1 * (1 / math.sqrt(w1:dim(2))), weight '2.bias')
  return x:slice(2, 1, 1), mien.sigmoid(x:slice(2, 2, 4)) * 1.002 - 0.001
end

-- Opacity of one centimetre on a cube of size^3 samples, [size,size,size], z slowest.
local function opacity(generator, volume, size)
  local half = generator:config 'box_warp' / 2
  local step = 2 * half / (size - 1)
  local xy = {}
  for y = 0, size - 1 do
    for x = 0, size - 1 do xy[#xy + 1] = {x * step - half, y * step - half} end
  end
  xy = mien.tensor(xy)
  local slabs = {}
  for z = 1, size do
    slabs[z] = mien.scope(function()
      local points = mien.concat(xy, mien.full({size * size, 1}, (z - 1) * step - half), {axis = 2}):reshape(1, -1, 3)
      local density = decode(generator, volume, points)
      return (mien.exp(mien.softplus(density - 1) * -CENTIMETRE) * -1 + 1):reshape(1, size, size)
    end)
  end
  return mien.concat_rows(slabs), -half, step
end

-- size: samples along a side of the volume.
function geometry.surface(a, volume, size)
  return mien.no_grad(function()
    local grid, first, step = opacity(a.generator, volume, size or 160)
    local mesh, level = mien.march(grid, {origin = {first, first, first}, step = {step, step, step}})
    local _, color = decode(a.generator, volume, mesh.v:reshape(1, -1, 3))
    mesh.color = (color * 255 + 0.5):clamp{lo = 0, hi = 255}:cast 'u8'
    mesh.v = mesh.v * (1 / PER_METRE)
    return mesh, level
  end)
end

return geometry
