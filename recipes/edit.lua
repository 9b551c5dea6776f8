-- edit.lua -- applies stored mappers to avatars, from any camera, and writes pictures and a contact sheet.
--
--   mien recipes/edit.lua mapper=raise_brow seeds=0-3 yaw=-30,0,30 strength=0.8
--   mien recipes/edit.lua mapper=close_eyes,frown_brow strength=1,0.7          two edits at once
--
-- Strength 0 is the untouched face, above 1 exaggerates.  Every edit prints the identity cosine to the unedited picture and
-- the CLIP score against the prompt; min_id lowers the strength until the cosine holds.
local mien = require 'mien'
mien.api(1)
local avatar, method = require 'mien.avatar', require 'mien.method'
local opt = mien.options {
  mapper    = {mien.required, 'name of a mapper in the library, or several with commas'},
  seeds     = {{0, 1, 2, 3}, 'avatars: numbers and ranges, 0-5,9'},
  yaw       = {{0}, 'camera yaws, degrees, with commas'},
  pitch     = {0, 'camera pitch, degrees'},
  roll      = {0, 'camera roll, degrees'},
  strength  = {{1}, 'strength of each mapper, with commas'},
  reference = {'', 'PNG whose expression is the starting code; empty: the mapper\'s own'},
  psi       = {1, 'truncation towards the mean face'},
  min_id    = {0, 'least identity cosine; 0: none'},
  scale     = {2, 'pixels of the sheet per pixel of the picture'},
  model     = {'', 'models by name or folder, with commas: each part from the first that has it; empty: the embedded avatar'},
  library   = {'', 'library file; empty: the default one'},
  mesh      = {false, 'also write the posed head mesh (OBJ and GLB) of the first avatar'},
  surface   = {false, 'also write the surface of its volume (PLY)'},
  maps      = {false, 'also write depth and normal maps of every view'},
  out       = {'out/edit', 'folder for the results'},
}
local a = avatar.load(opt.model)
local library = assert(mien.store.open(opt.library ~= '' and opt.library or nil))

local edits, prompts, used = {}, {}, {}
for name in opt.mapper:gmatch('[^,]+') do
  local edit, message = method.stored(a, library, name)
  if not edit then error(message, 0) end
  if opt.reference ~= '' then edit.code = mien.no_grad(function() return a:references(opt.reference) end) end
  edit.strength = opt.strength[#edits + 1] or opt.strength[#opt.strength]
  edits[#edits + 1], prompts[#prompts + 1] = edit, edit.prompt
  used[#used + 1] = {name = name, strength = edit.strength, weights_sha256 = edit.weights_sha256}
end
assert(mien.mkdir(opt.out))
local goal = mien.no_grad(function() return a:text(prompts[1]) end)

local function scaled(factor)
  local out = {}
  for i, e in ipairs(edits) do out[i] = {mapper = e.mapper, code = e.code, strength = e.strength * factor} end
  return out
end

local rows, row_labels, column_labels, records = {}, {}, {'before'}, {}
for _, yaw in ipairs(opt.yaw) do column_labels[#column_labels + 1] = ('yaw %g'):format(yaw) end
local first_mesh
for _, seed in ipairs(opt.seeds) do
  mien.scope(function() mien.no_grad(function()
    local who = a:person(seed, opt.psi)
    local before = a:picture(who.ws, who.shape, a:neutral())
    local id0, factor, ws, alpha, planes, after, id = a:identity(before), 1, nil, nil, nil, nil, nil
    repeat
      ws, alpha = method.apply(a, who, scaled(factor))
      planes = a:planes(ws, who.shape, alpha)
      after = a:view(planes, ws, a.front)
      id = a.cosine(a:identity(after), id0):item()
      if id >= opt.min_id or factor < 0.05 then break end
      factor = factor * 0.85
    until false
    local score, score0 = a.cosine(a:embed(after), goal):item(), a.cosine(a:embed(before), goal):item()
    local note = factor < 1 and ('  strength lowered to %.2f of what was asked to hold min_id'):format(factor) or ''
    print(('seed %d  identity %.3f  CLIP %.2f (before %.2f)%s'):format(seed, id, 100 * score, 100 * score0, note))
    local row = {mien.to_pixels(before)}
    for _, yaw in ipairs(opt.yaw) do
      local camera = a:camera{yaw = yaw, pitch = opt.pitch, roll = opt.roll}
      local picture, file = mien.to_pixels(a:view(planes, ws, camera)), ('%s/seed%d_yaw%+g.png'):format(opt.out, seed, yaw)
      assert(mien.save_picture(file, picture, {seeds = {seed}, mappers = used}))
      row[#row + 1] = picture
      if opt.maps then
        local maps = mien.geometry.maps(a, planes, ws, camera)
        assert(mien.save_picture(file:gsub('%.png$', '_depth.png'), maps.depth, {seeds = {seed}, mappers = used, near_m = maps.near, far_m = maps.far}))
        assert(mien.save_picture(file:gsub('%.png$', '_normal.png'), maps.normal, {seeds = {seed}, mappers = used}))
      end
    end
    if opt.surface and seed == opt.seeds[1] then
      assert(mien.ply_write(opt.out .. '/surface.ply', (mien.geometry.surface(a, planes))))
      print(opt.out .. '/surface.ply')
    end
    rows[#rows + 1] = row
    records[#records + 1] = {seed = seed, identity = id, clip = 100 * score, factor = factor}
    if opt.mesh and not first_mesh then first_mesh = {shape = who.shape:clone(), alpha = alpha:clone(), ws = ws:clone()} end
    return nil
  end) return rows[#rows], first_mesh end)
  row_labels[#row_labels + 1] = 'seed ' .. seed
end
local names = {}
for i, e in ipairs(edits) do names[i] = ('%s %g'):format(e.name, e.strength) end
local sheet = mien.sheet{rows = rows, row_labels = row_labels, column_labels = column_labels, title = table.concat(prompts, '; '), footer = table.concat(names, ', '), scale = opt.scale}
assert(mien.save_picture(opt.out .. '/sheet.png', sheet, {seeds = opt.seeds, mappers = used}))
print(opt.out .. '/sheet.png')
if not mien.recipe.repeats then                                    -- the library keeps what each edit did; `mien rerun` is no new edit
  local sheet_sha256 = mien.sha256_file(opt.out .. '/sheet.png')
  for _, r in ipairs(records) do
    local mappers = {}
    for i, e in ipairs(edits) do mappers[i] = {mapper = e.name, strength = e.strength * r.factor} end
    assert(library:record_edit{model_hash = a.generator:hash(), options = opt, identity_before = 1, identity_after = r.identity, clip_score = r.clip,
      picture_path = opt.out .. '/sheet.png', picture_sha256 = sheet_sha256, seeds = {r.seed}, mappers = mappers})
  end
end
if first_mesh then require('mien.meshes').write(a, first_mesh.shape, first_mesh.alpha, opt.out .. '/head', first_mesh.ws) end
library:close()
