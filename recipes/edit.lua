-- edit.lua -- applies stored mappers to avatars, from any camera, and writes pictures and a contact sheet.
--
--   mien recipes/edit.lua mapper=raise_brow seeds=0-3 yaw=-30,0,30 strength=0.8
--   mien recipes/edit.lua mapper=close_eyes,frown_brow strength=1,0.7          two edits at once
--   mien recipes/edit.lua mapper=smile,sad frames=5                            from one to the other in five pictures
--
-- Strength 0 is the untouched face, above 1 exaggerates.  Every edit prints the identity cosine to the unedited picture and
-- the CLIP score against the prompt, of several against their mean; min_id lowers the strength until the cosine holds.  Cameras are
-- all combinations of yaw, pitch, roll and fov.
local mien = require 'mien'
mien.api(1)
local avatar, method = require 'mien.avatar', require 'mien.method'
local opt = mien.options {
  mapper    = {mien.required, 'name of a mapper in the library, or several with commas'},
  seeds     = {{0, 1, 2, 3}, 'avatars: numbers and ranges, 0-5,9', whole = true, least = 0, most = 2 ^ 32 - 1},
  yaw       = {{0}, 'camera yaws, degrees, with commas'},
  pitch     = {{0}, 'camera pitches, degrees, with commas'},
  roll      = {{0}, 'camera rolls, degrees, with commas'},
  fov       = {{0}, 'fields of view, degrees, with commas; 0: the avatar\'s own', least = 0, most = 179},
  strength  = {{1}, 'strength of each mapper, with commas; the last one holds for the rest'},
  frames    = {0, 'pictures on the way from mapper to mapper (of a single one: from the untouched face); 0: all mappers at once', whole = true, least = 0},
  reference = {'', 'start from this expression: PNG file, name of an expression, or none; empty: what the mapper was trained with'},
  psi       = {1, 'truncation towards the mean face'},
  min_id    = {0, 'least identity cosine; 0: none', least = 0, most = 1},
  scale     = {2, 'pixels of the sheet per pixel of the picture', least = 0.1, most = 16},
  model     = {'', 'models by name or folder, with commas: each part from the first that has it; empty: the embedded avatar'},
  library   = {'', 'library file; empty: the default one'},
  mesh      = {false, 'also write the posed head mesh (OBJ and GLB) of the first avatar'},
  surface   = {false, 'also write the surface of its volume (PLY)'},
  maps      = {false, 'also write depth and normal maps of every view'},
  out       = {'out/edit', 'folder for the results'},
}
if opt.frames == 1 then error('frames: 0, or from 2 expected, got 1', 0) end
local each = 1 + math.max(1, opt.frames) * #opt.yaw * #opt.pitch * #opt.roll * #opt.fov
if #opt.seeds * each > 2000 then error(('%d avatars with %.0f pictures each: at most 2000 in all are possible'):format(#opt.seeds, each), 0) end
local a = avatar.load(opt.model)
local library = assert(mien.store.open(opt.library ~= '' and opt.library or nil, {create = false}))

local edits, prompts, texts = {}, {}, {}
for name in opt.mapper:gmatch '[^,]+' do
  local edit = method.stored(a, library, name)
  if opt.reference ~= '' then edit.code = method.codes(a, opt.reference):slice(1, 1, 1) end
  if not edit.code then error(("mapper '%s' does not say which expression it starts from: reference=... expected"):format(name), 0) end
  edit.strength = opt.strength[#edits + 1] or opt.strength[#opt.strength]
  edits[#edits + 1], prompts[#prompts + 1], texts[#texts + 1] = edit, edit.prompt, mien.no_grad(function() return a:text(edit.prompt) end)
end
if #edits == 0 then error('mapper: a name expected', 0) end
if #opt.strength > #edits then error(('strength: %d numbers for %d mapper%s'):format(#opt.strength, #edits, #edits == 1 and '' or 's'), 0) end

-- Views: {label, file name's part, camera} of every combination; what is a single 0 goes without saying.
local views = {{label = '', file = '', at = {}}}
for _, angle in ipairs{'yaw', 'pitch', 'roll', 'fov'} do
  local list, longer = opt[angle], {}
  for _, view in ipairs(views) do
    for _, degrees in ipairs(list) do
      local told = angle == 'yaw' or #list > 1 or degrees ~= 0
      local at = {[angle] = degrees}
      for k, v in pairs(view.at) do at[k] = v end
      longer[#longer + 1] = {label = told and ('%s %s %g'):format(view.label, angle, degrees) or view.label,
        file = told and ('%s_%s%+g'):format(view.file, angle, degrees) or view.file, at = at}
    end
  end
  views = longer
end
for _, view in ipairs(views) do
  local at = view.at
  view.camera = a:camera{yaw = at.yaw, pitch = at.pitch, roll = at.roll, focal = at.fov > 0 and 0.5 / math.tan(math.rad(at.fov / 2)) or nil}
end

-- Poses: {label, file name's part, share of each edit}.
local poses = {}
if opt.frames == 0 then
  poses[1] = {label = '', file = '', share = {}}
  for i = 1, #edits do poses[1].share[i] = 1 end
else
  local first = #edits == 1 and 0 or 1                             -- a single mapper is reached from the untouched face
  for frame = 1, opt.frames do
    local at, share, words = first + (#edits - first) * (frame - 1) / (opt.frames - 1), {}, {}
    for i = 1, #edits do
      share[i] = math.max(0, 1 - math.abs(at - i))
      if share[i] > 0 then words[#words + 1] = ('%s %.0f%%'):format(edits[i].name, 100 * share[i]) end
    end
    poses[frame] = {label = table.concat(words, ' '), file = ('_frame%02d'):format(frame), share = share}
  end
end

local rows, row_labels, column_labels, records, first_mesh = {}, {}, {'before'}, {}, nil
for _, pose in ipairs(poses) do
  for _, view in ipairs(views) do column_labels[#column_labels + 1] = (pose.label .. view.label):gsub('^ ', '') end
end
assert(mien.mkdir(opt.out))

-- What a pose means: the unit mean of the prompts by their shares.
local function goal_of(pose)
  if #texts == 1 then return texts[1] end
  local sum = texts[1] * pose.share[1]
  for i = 2, #texts do sum = sum + texts[i] * pose.share[i] end
  return a.unit(sum)
end

local function saved(path, pixels, seed, used, extra)
  local fields = {seeds = {seed}, mappers = used}
  for k, v in pairs(extra or {}) do fields[k] = v end
  assert(mien.save_picture(path, pixels, fields))
end

-- One avatar in one pose: its pictures are added to the row.
local function edit(seed, who, before, id0, pose, row)
  local factor, ws, alpha, planes, id, front = 1, nil, nil, nil, nil, nil
  local function scaled()
    local list = {}
    for i, e in ipairs(edits) do list[i] = {mapper = e.mapper, code = e.code, name = e.name, weights_sha256 = e.weights_sha256, strength = e.strength * pose.share[i] * factor} end
    return list
  end
  while true do
    ws, alpha = method.apply(a, who, scaled())
    planes = a:planes(ws, who.shape, alpha)
    front = a:view(planes, ws, a.front)
    id = a.cosine(a:identity(front), id0):item()
    if id ~= id then error(('strength: too large, the edited picture of seed %.0f holds no numbers'):format(seed), 0) end
    if id >= opt.min_id or factor == 0 then break end
    factor = factor > 0.05 and factor * 0.85 or 0
  end
  local goal = goal_of(pose)
  local score, score0 = a.cosine(a:embed(front), goal):item(), a.cosine(a:embed(before), goal):item()
  local note = factor < 1 and ('  strength lowered to %.2f of what was asked to hold min_id'):format(factor) or ''
  print(('seed %.0f%s  identity %.3f  CLIP %.2f (before %.2f)%s'):format(seed, pose.label ~= '' and '  ' .. pose.label or '', id, 100 * score, 100 * score0, note))
  local used = {}
  for _, e in ipairs(scaled()) do if e.strength ~= 0 then used[#used + 1] = {name = e.name, strength = e.strength, weights_sha256 = e.weights_sha256} end end
  for _, view in ipairs(views) do
    local picture, file = mien.to_pixels(a:view(planes, ws, view.camera)), ('%s/seed%.0f%s%s'):format(opt.out, seed, pose.file, view.file)
    saved(file .. '.png', picture, seed, used)
    row[#row + 1] = picture
    if opt.maps then
      local maps = mien.geometry.maps(a, planes, ws, view.camera)
      saved(file .. '_depth.png', maps.depth, seed, used, {near_m = maps.near, far_m = maps.far})
      saved(file .. '_normal.png', maps.normal, seed, used)
    end
  end
  records[#records + 1] = {seed = seed, identity = id, clip = 100 * score, mappers = used}
  if seed == opt.seeds[1] and pose == poses[#poses] then
    if opt.surface then
      assert(mien.ply_write(opt.out .. '/surface.ply', (mien.geometry.surface(a, planes))))
      print(opt.out .. '/surface.ply')
    end
    if opt.mesh then first_mesh = {shape = who.shape:clone(), alpha = alpha:clone(), ws = ws:clone(), fields = {seeds = {seed}, mappers = used}} end
  end
end

for r, seed in ipairs(opt.seeds) do
  rows[r] = mien.scope(function() return mien.no_grad(function()
    local who = a:person(seed, opt.psi)
    local before = a:picture(who.ws, who.shape, a:neutral())
    local id0, row = a:identity(before), {mien.to_pixels(before)}
    for _, pose in ipairs(poses) do edit(seed, who, before, id0, pose, row) end
    return row, first_mesh
  end) end)
  row_labels[r] = ('seed %.0f'):format(seed)
end
local names, used = {}, {}
for i, e in ipairs(edits) do
  names[i] = ('%s %g'):format(e.name, e.strength)
  used[i] = {name = e.name, strength = e.strength, weights_sha256 = e.weights_sha256}
end
local footer = table.concat(names, ', ') .. (opt.min_id > 0 and (', less where identity %g asked it'):format(opt.min_id) or '')
local sheet = mien.sheet{rows = rows, row_labels = row_labels, column_labels = column_labels, title = table.concat(prompts, '; '), footer = footer, scale = opt.scale}
assert(mien.save_picture(opt.out .. '/sheet.png', sheet, {seeds = opt.seeds, mappers = used}))
print(opt.out .. '/sheet.png')
if not mien.recipe.repeats then                                    -- the library keeps what each edit did; `mien rerun` is no new edit
  local sheet_sha256 = mien.sha256_file(opt.out .. '/sheet.png')
  for _, r in ipairs(records) do
    local mappers = {}
    for i, e in ipairs(r.mappers) do mappers[i] = {mapper = e.name, strength = e.strength} end
    assert(library:record_edit{model_hash = a.generator:hash(), options = opt, identity_before = 1, identity_after = r.identity, clip_score = r.clip,
      picture_path = opt.out .. '/sheet.png', picture_sha256 = sheet_sha256, seeds = {r.seed}, mappers = mappers})
  end
end
if first_mesh then require('mien.meshes').write(a, first_mesh.shape, first_mesh.alpha, opt.out .. '/head', first_mesh.ws, first_mesh.fields) end
library:close()
