-- mesh_gradient.lua -- the gradient reaches the expression code through the mesh: alpha -> vertices -> barycentrics -> texture
-- coordinates -> sampled features, against central differences in f64.
local mien, T = require 'mien', require 'mien.test'

T.test('alpha through the rasterised mesh', function(t)
  local head = assert(mien.load_model 'models/avatar/head.safetensors')
  local rng = mien.rng(3)
  local dirs, template = head:weight('exprdirs'):cast('f64'), head:weight('v_template'):cast('f64')
  local n = template:dim(1)
  local flat = dirs:reshape(3 * n, dirs:dim(3))
  local faces, uvf = head:weight 'faces', head:weight 'uv_faces'
  local uv = mien.gather((head:weight('uv') * 2 + -1):cast('f64'), uvf)                       -- [F,3,2]
  local texture = mien.resize(mien.randn({1, 3, 8, 8}, rng), {h = 32, w = 32}):cast('f64')     -- smooth, so that differences are too
  local order = mien.tensor({0, 2, 1}, 'i32')
  local swapped = mien.tensor((function()
    local f, out = faces:totable(), {}
    for i = 1, #f, 3 do out[#out + 1] = {f[i], f[i + 2], f[i + 1]} end
    return out
  end)(), 'i32')
  local uv_swapped = uv:permute(2, 1, 3):gather(order):permute(2, 1, 3)
  local cotangent = mien.randn({1, 3, 48, 48}, rng):cast('f64')
  local scale, shift = mien.tensor({-5, 5, -5}, 'f64'), mien.tensor({0, 0, 10}, 'f64')
  local function loss(alpha)
    local v = mien.linear(alpha, flat):reshape(1, n, 3) + template
    local index, bary = mien.rasterize(v * scale + shift, swapped, {size = 48})
    return (mien.grid_sample(texture, mien.interpolate(bary, index, uv_swapped)) * cotangent):sum()
  end
  local alpha = (mien.randn({1, dirs:dim(3)}, rng) * 0.3):cast('f64'):clone():param()
  mien.backward(loss(alpha))
  local gradient, top = alpha:grad():totable(), 0
  for _, g in ipairs(gradient) do top = math.max(top, math.abs(g)) end
  t:ok(top > 1e-3, 'some gradient arrives')
  for k = 1, dirs:dim(3), 7 do
    local function at(h)
      local moved = alpha:detach():clone()
      moved:set(k, moved:item(k) + h)
      return mien.no_grad(function() return loss(moved):item() end)
    end
    local h = 1e-6
    t:near((at(h) - at(-h)) / (2 * h) / top, gradient[k] / top, 1e-5, 'code ' .. k)
  end
end)
