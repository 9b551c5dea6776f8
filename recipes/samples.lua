-- samples.lua -- pictures of a generator's own avatars, unedited, with the settings of published sampling scripts.
--
--   mien recipes/samples.lua model=next3d_ffhq_512 seeds=0-3 trunc=0.7 obj=demo.obj yaw=-20,0,20
--
-- The mesh comes from an OBJ file with its landmarks beside it (demo_kpt2d.txt), or is the neutral head; cameras stand around the head, or come
-- from a label file.  Seeds, trunc and trunc_cutoff mean what they mean there.
local mien = require 'mien'
mien.api(1)
local avatar, published = require 'mien.avatar', require 'mien.published'
local opt = mien.options {
  model        = {'', 'models by name or folder, with commas: each part from the first that has it; empty: the embedded avatar'},
  seeds        = {{0, 1, 2, 3}, 'avatars: numbers and ranges, 0-5,9', whole = true, least = 0, most = 2 ^ 32 - 1},
  trunc        = {1, 'truncation towards the mean face'},
  trunc_cutoff = {14, 'how many rows of the code it takes; the rest, the texture\'s, stay'},
  obj          = {'', 'mesh to show; empty: the neutral head'},
  yaw          = {{0}, 'camera yaws, degrees, with commas'},
  labels       = {'', 'dataset.json with cameras'},
  label        = {'', 'name of the camera in it; empty: its first'},
  scale        = {1, 'pixels of the sheet per pixel of the picture', least = 0.1, most = 16},
  out          = {'out/samples', 'folder for the pictures'},
}
if opt.labels == '' and opt.label ~= '' then error('label: a camera of labels=dataset.json, which is not given', 0) end
if opt.labels ~= '' and (#opt.yaw > 1 or opt.yaw[1] ~= 0) then error('yaw: the camera comes from labels=; one of the two expected', 0) end
local a = avatar.load(opt.model)
local cameras, titles = {}, {}
if opt.labels ~= '' then
  local known, names = published.labels(opt.labels)
  local name = opt.label ~= '' and opt.label or names[1]
  cameras[1] = known[name] or error(("label: no '%s' in %s"):format(tostring(name), opt.labels), 0)
  titles[1] = name
else
  for i, yaw in ipairs(opt.yaw) do cameras[i], titles[i] = a:camera{yaw = yaw}, ('yaw %g'):format(yaw) end
end
local mesh = opt.obj ~= '' and published.mesh(opt.obj)
assert(mien.mkdir(opt.out))

local rows, row_labels = {}, {}
for _, seed in ipairs(opt.seeds) do
  rows[#rows + 1] = mien.scope(function() return mien.no_grad(function()
    local who, row = a:person(seed, opt.trunc, opt.trunc_cutoff), {}
    local planes = a:planes_of(who.ws, mesh or a:mesh(who.shape, a:neutral()))
    for i, camera in ipairs(cameras) do
      row[i] = mien.to_pixels(a:view(planes, who.ws, camera))
      assert(mien.save_picture(('%s/seed%04d_%d.png'):format(opt.out, seed, i), row[i], {seeds = {seed}}))
    end
    return row
  end) end)
  row_labels[#row_labels + 1] = 'seed ' .. seed
end
local sheet = mien.sheet{rows = rows, row_labels = row_labels, column_labels = titles, title = opt.obj, scale = opt.scale}
assert(mien.save_picture(opt.out .. '/sheet.png', sheet, {seeds = opt.seeds}))
print(opt.out .. '/sheet.png')
