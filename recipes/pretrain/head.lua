-- head.lua -- the avatar's statistical head: fitted to samples of the source head, then written as a model file in the
-- form of engine/models/flame.c.  A fit that is there already is used as it is.
local mien = require 'mien'
mien.api(1)
local opt = mien.options {
  head = {'', 'the source: a head.safetensors or an ICT-FaceKit checkout; needed when there is no fit yet'},
  fit = {'data/head.safetensors', 'the fitted head'},
  out = {'data/avatar/head.safetensors', 'the model file'},
}
for _, path in ipairs{opt.fit, opt.out} do assert(mien.mkdir(path:match('^(.*)/') or '.')) end
local there = io.open(opt.fit, 'rb')
if there then there:close()
else
  if opt.head == '' then error(('there is no fit at %s: head=FOLDER names the source to fit'):format(opt.fit), 0) end
  local synth = assert(mien.synth_open(opt.head))
  assert(synth:fit_head(opt.fit))
end
local t, meta = assert(mien.st_load(opt.fit))
local v, f, uv = t.v_template:dim(1), t.faces:dim(1), t.uv:dim(1)
local config = ('{"vertices":%d,"faces":%d,"uv":%d,"shape":%d,"expr":%d,"pose_correctives":false,"units":%d,"identity_modes":%d,"unit_names":%s}')
  :format(v, f, uv, t.shapedirs:dim(3), t.exprdirs:dim(3), t.units_to_expr:dim(1), t.id_to_shape:dim(1), meta.unit_names)
local head = mien.new_model('flame', config)
for _, name in ipairs{'v_template', 'shapedirs', 'exprdirs', 'J_regressor', 'weights', 'parents', 'faces', 'uv', 'uv_faces', 'lmk_faces', 'lmk_bary', 'units_to_expr', 'id_to_shape'} do
  head:set_weight(name, t[name])
end
assert(head:save(opt.out, {meta = {source = meta.source or '', learned_from = meta.learned_from or ''}}))
print(opt.out)
