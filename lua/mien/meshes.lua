-- meshes.lua -- the posed head as a mesh file: metres, y up, texture from the generator's own pictures, and a morph target for
-- every expression unit of the head model under ARKit's name (all of ARKit's but tongueOut, and a few more).
local mien = require 'mien'
local json = require 'mien.core'
local meshes = {}

-- The triangle of every texel of a size x size texture, and where in it: index and bary of rasterize.
function meshes.texels(head, size)
  local uv = head:weight 'uv'
  local n = uv:dim(1)
  local flat = mien.concat(uv:slice(2, 1, 1) * -2 + 1, uv:slice(2, 2, 2) * 2 + -1, mien.full({n, 1}, 1), {axis = 2}):reshape(1, n, 3)
  return mien.rasterize(flat, head:weight 'uv_faces', {size = size})
end

-- Texture u8 [S,S,3]: every texel takes the colour it has in the pictures that see it best.
function meshes.texture(a, shape, alpha, ws, v)
  local head, s = a.head, 512
  local faces = head:weight 'faces'
  local normal = mien.mesh_normals(v, faces)
  local corners = mien.gather(mien.concat(v, normal, {axis = 2}), faces)                       -- [F,3,6]
  local index, bary = meshes.texels(head, s)
  local at = mien.interpolate(bary, index, corners):reshape(s * s, 6)
  local points, normals = at:slice(2, 1, 3), at:slice(2, 4, 6)
  local planes = a:planes(ws, shape, alpha)
  local colour, total
  for _, yaw in ipairs{0, -45, 45} do
    local camera = a:camera{yaw = yaw}
    local place, view = a.project(points, camera)
    local grid = (place * 2 + -1):reshape(1, 1, s * s, 2)
    local picture = mien.grid_sample(a:view(planes, ws, camera), grid):reshape(3, s * s)
    local facing = (normals * view):sum{axis = 2}:clamp{lo = 0.02, hi = 1}
    local weight = (facing * facing * facing * facing):reshape(1, s * s)
    colour = colour and colour + picture * weight or picture * weight
    total = total and total + weight or weight
  end
  return mien.to_pixels((colour / total):reshape(1, 3, s, s))
end

-- ARKit's name of a unit: it writes sides as words, and has some units once for both sides.
local ONCE = {browInnerUp = true, cheekPuff = true}
local function arkit(unit)
  local name, side = unit:match '^(.*)_([LR])$'
  if not name or ONCE[name] then return name or unit end
  return name .. (side == 'L' and 'Left' or 'Right')
end

-- Writes PATH.obj (with PATH.png and its material) and PATH.glb; fields: what their records hold besides the recipe and its options.
function meshes.write(a, who_shape, alpha, path, ws, fields)
  return mien.no_grad(function()
    local head = a.head
    local v = head:forward(who_shape, alpha)
    v = v:reshape(v:dim(2), 3)
    local mesh = {v = v, f = head:weight 'faces'}
    if head:has 'uv' then mesh.uv, mesh.fuv = head:weight 'uv', head:weight 'uv_faces' end
    local texture = ws and mesh.uv and meshes.texture(a, who_shape, alpha, ws, v) or nil
    local targets, names = {}, json.json_decode(head:config_json()).unit_names or {}
    local dirs = head:weight 'exprdirs'
    local flat = dirs:reshape(dirs:dim(1) * 3, dirs:dim(3))
    local at = {}
    for i, unit in ipairs(names) do
      local name, moved = arkit(unit), mien.linear(head:weight('units_to_expr'):slice(1, i, i), flat):reshape(v:dim(1), 3)
      at[name] = at[name] or #targets + 1
      targets[at[name]] = {name, targets[at[name]] and targets[at[name]][2] + moved or moved}
    end
    assert(mien.glb_write(path .. '.glb', mesh, {texture = texture, targets = targets, record = mien.record_text(path .. '.glb', fields)}))
    local file = path:match('([^/]*)$') .. '.png'
    if texture then assert(mien.save_picture(path .. '.png', texture, fields)) end
    assert(mien.obj_write(path .. '.obj', mesh, texture and file or nil))
    print(path .. '.glb, ' .. path .. '.obj')
  end)
end

return meshes
