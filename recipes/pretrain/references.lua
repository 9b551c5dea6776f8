-- references.lua -- reference pictures of the twelve expressions: renders of people no network was trained on, from which E reads
-- the starting codes.  Written as u8 tensors [K,S,S,3] by name, and as a sheet to look at.
local mien = require 'mien'
mien.api(1)
local opt = mien.options {
  head   = {mien.required, 'the ICT head: a head.safetensors or an ICT-FaceKit checkout'},
  out    = {'data/avatar/references.safetensors', 'file'},
  people = {4, 'pictures of each expression', whole = true, least = 1},
  first  = {200000, 'seed of the first person', whole = true, least = 0},
  size   = {128, 'pixels', whole = true, least = 1, most = 1024},
  sheet  = {'', 'PNG of all of them; empty: none'},
}
local names = require('mien.people').expressions
local synth = assert(mien.synth_open(opt.head))
local z, expr, camera = {}, {}, {}
for p = 1, opt.people do
  z[p] = mien.numpy_randn(opt.first + p - 1, 80)
  local rng = mien.rng(opt.first + p, 5)
  for _, name in ipairs(names) do
    expr[#expr + 1] = mien.expression(name, 1):reshape(1, 57)
    camera[#camera + 1] = mien.camera{yaw = rng:uniform(-12, 12), pitch = rng:uniform(-5, 5)}
  end
end
local rgba = synth:render{z = mien.concat_rows(z), expr = mien.concat_rows(expr), camera = mien.concat_rows(camera), size = opt.size}
local pictures = mien.pictures(rgba)
local out, rows = {}, {}
for i, name in ipairs(names) do
  local list = {}
  for p = 1, opt.people do list[p] = mien.to_pixels(pictures:slice(1, (p - 1) * #names + i, (p - 1) * #names + i)) end
  rows[i] = list
  local all = {}
  for p, picture in ipairs(list) do all[p] = picture:cast('f32'):reshape(1, opt.size, opt.size, 3) end
  out[name] = mien.concat_rows(all):cast('u8')
end
assert(mien.st_save(opt.out, out, {first = tostring(opt.first), people = tostring(opt.people), recipe = 'recipes/pretrain/references.lua'}))
if opt.sheet ~= '' then assert(mien.png_write(opt.sheet, mien.sheet{rows = rows, row_labels = names})) end
print(opt.out)
