-- generator.lua -- trains the embedded avatar's generator on pictures of synthetic people.
--
-- Supervised: z holds the person's factors, the mesh (from the head model) the shape, expression and gaze, so for every
-- picture the renderer drew there is one right answer.  Loss: absolute differences of the picture, of its gradients and of a
-- half-size copy, all weighted towards brows, eyes and mouth; of the low-resolution picture and the coverage that volume
-- rendering gives.  Background: the renderer's mid grey; the volume itself is empty there.
--
-- A run of seconds= (or steps=) can be stopped with Ctrl-C and goes on from its checkpoint with the same numbers.
local mien = require 'mien'
mien.api(1)
local People = require 'mien.people'
local opt = mien.options {
  people  = {'data/people', 'folder of pictures (recipes/pretrain/people.lua)'},
  head    = {'data/avatar/head.safetensors', 'the head model'},
  out     = {'data/avatar', 'folder of generator.safetensors and the checkpoint'},
  steps   = {20000, 'steps in all; the learning rate falls along them'},
  seconds = {1e9, 'stop after this time (the checkpoint is kept)'},
  batch   = {4, 'pictures a step'},
  lr      = {0.0025, 'Adam learning rate'},
  seed    = {1, 'seeds weights, order, jitter'},
  save    = {180, 'seconds between checkpoints'},
  reload  = {600, 'seconds between looks for new pictures'},
  config  = {'', 'generator settings (JSON) instead of the default small ones'},
}

local head = assert(mien.load_model(opt.head))
local mask = assert(mien.st_load((opt.head:gsub('%.safetensors$', '_mask.safetensors')))).uv_face_mask
local small = [["z_dim":80,"w_dim":192,"plane_resolution":128,"plane_channels":16,"channel_base":2048,"channel_max":96,
"mouth":[32,4,32],"blending":[128,32,128],"decoder_hidden":32,"neural_rendering_resolution":64,"depth_resolution":14,"depth_resolution_importance":14,
"ray_start":2.25,"ray_end":3.15,"sr_input":64,"sr_channels":[32,16],"sr_up":[1,2],"focal":3.6,"radius":2.7]]
local config = ('{%s,"vertices":%d,"faces":%d}'):format(opt.config ~= '' and opt.config or small:gsub('\n', ''), head:config 'vertices', head:config 'faces')

local function topology(gen)
  gen:set_weight('faces', head:weight 'faces')
  local uv, at, rows = head:weight('uv'):totable(), head:weight('uv_faces'):totable(), {}
  for i, t in ipairs(at) do rows[i] = {2 * uv[2 * t + 1] - 1, -(2 * uv[2 * t + 2] - 1), 1} end
  gen:set_weight('face_uvcoords', mien.tensor(rows))
  gen:set_weight('uv_face_mask', mask)
end

local gen = mien.new_model('next3d', config, opt.seed)
local ema = mien.new_model('next3d', config, opt.seed)
topology(gen)
topology(ema)
gen:train(true)
local params, names = gen:params()
local averages = {}
for i, n in ipairs(names) do averages[i] = ema:weight(n) end
local adam = mien.adam(params, {lr = opt.lr, beta1 = 0.9, beta2 = 0.99, clip = 10})
local step = 0
local w_avg = mien.zeros{gen:config 'w_dim'}

-- ---- checkpoint: weights, averages, Adam's moments, step ----
local ckpt = opt.out .. '/generator_checkpoint.safetensors'
local function save()
  local t = {}
  for i, n in ipairs(names) do t['w.' .. n], t['e.' .. n] = params[i], averages[i] end
  local state, count = adam:state()
  for i, s in ipairs(state) do t[('adam.%05d'):format(i)] = s end
  t.w_avg = w_avg
  assert(mien.st_save(ckpt, t, {step = tostring(step), count = tostring(count), config = config}))
  ema:set_weight('backbone.mapping.w_avg', w_avg)
  assert(ema:save(opt.out .. '/generator.safetensors', {half = true, meta = {steps = tostring(step), recipe = 'recipes/pretrain/generator.lua'}}))
end
local file = io.open(ckpt, 'rb')
if file then
  file:close()
  local t, meta = assert(mien.st_load(ckpt))
  for _, n in ipairs(names) do gen:set_weight(n, t['w.' .. n]) ema:set_weight(n, t['e.' .. n]) end
  local state = {}
  for i = 1, 2 * #params do state[i] = t[('adam.%05d'):format(i)] end
  adam:restore(state, tonumber(meta.count))
  step, w_avg = tonumber(meta.step), t.w_avg:clone()
  print(('resuming at step %d'):format(step))
end
print(gen)

-- ---- one batch ----
local front = mien.camera{focal = gen:config 'focal', radius = gen:config 'radius'}
local to_shape, to_expr = head:weight 'id_to_shape', head:weight 'units_to_expr'

local function meshes(rows)
  local shape = mien.matmul(rows.z:slice(2, 1, 40):clamp{lo = -2.2, hi = 2.2}, to_shape)
  local expr = mien.matmul(rows.effective, to_expr)
  local g = rows.gaze * (math.pi / 180)
  local n = g:dim(1)
  local turn = mien.concat(-g:slice(2, 2, 2), g:slice(2, 1, 1), mien.zeros{n, 1}, {axis = 2})
  return head:mesh(shape, expr, nil, mien.concat(turn, turn, {axis = 2}))
end

local function differences(x)
  local h, w = x:dim(3), x:dim(4)
  return x:slice(4, 2, w) - x:slice(4, 1, w - 1), x:slice(3, 2, h) - x:slice(3, 1, h - 1)
end

local function l1(a, b, weight) return ((a - b):abs() * weight):mean() end

local function loss_of(rows, target, cover, rng)
  local n = target:dim(1)
  local size, res = target:dim(3), gen:config 'neural_rendering_resolution'
  local v = meshes(rows)
  local lms = v:slice(2, v:dim(2) - 67, v:dim(2))
  local weight = mien.landmark_weights(lms, rows.camera, size, 4, 4.5)
  local ws = gen:mapping(rows.z, front:expand(n, 25))
  local planes = gen:planes(ws, v)
  local coarse = mien.rand({n, res * res, gen:config 'depth_resolution'}, rng)
  local fine = mien.rand({n, res * res, gen:config 'depth_resolution_importance'}, rng)
  local image, features, _, seen = gen:render(planes, ws, rows.camera, coarse, fine)
  local half = mien.resize(target, {h = res, w = res, antialias = 1})
  local half_weight = mien.resize(weight, {h = res, w = res, antialias = 1})
  local half_cover = mien.resize(cover, {h = res, w = res, antialias = 1})
  local empty = (half + 1) * half_cover - 1                          -- black where nobody is
  local ix, iy = differences(image)
  local tx, ty = differences(target)
  local wx, wy = weight:slice(4, 1, size - 1), weight:slice(3, 1, size - 1)
  local small = mien.resize(image, {h = res, w = res, antialias = 1})
  local pixel = l1(image, target, weight)
  local raw = l1(features:slice(2, 1, 3), empty, half_weight)
  local covered = l1(seen, half_cover, 1)
  local edge = l1(ix, tx, wx) + l1(iy, ty, wy)
  return pixel + edge + l1(small, half, half_weight) + raw * 0.5 + covered * 0.3, pixel, raw, covered, ws
end

-- ---- the run ----
local data, order, opened
local function open_data()
  data, opened = People.open(opt.people, 0, 100000), os.time()
end
open_data()
local began, saved = os.time(), os.time()
local bar = mien.progress.new('generator', opt.steps)
local means = {}
while step < opt.steps and os.time() - began < opt.seconds and not mien.interrupted() do
  step = step + 1
  local rng = mien.rng(opt.seed, step)
  local refs = {}
  for i = 1, opt.batch do refs[i] = data.studio[rng:below(#data.studio) + 1] end
  local lr = opt.lr * math.min(1, step / 100) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * math.min(1, step / opt.steps))))
  local values = mien.scope(function()
    local rows = data:rows(refs)
    local target, cover = data:pictures(refs)
    local loss, pixel, raw, covered, ws = loss_of(rows, target, cover, rng)
    mien.backward(loss)
    local norm = adam:step(lr)
    mien.ema(w_avg, ws:slice(2, 1, 1):reshape(opt.batch, -1):mean{axis = 1}, step < 500 and 0.95 or 0.998)
    return {loss = loss:item(), pixel = pixel:item(), raw = raw:item(), cover = covered:item(), norm = norm}
  end)
  local decay = math.min(0.998, 1 - 1 / (1 + step / 10))
  for i = 1, #params do mien.ema(averages[i], params[i], decay) end
  for k, v in pairs(values) do means[k] = (means[k] or v) * 0.98 + v * 0.02 end
  bar:step(step, means)
  if os.time() - saved > opt.save then save() saved = os.time() end
  if os.time() - opened > opt.reload then open_data() end
end
save()
bar:done()
print(('%s/generator.safetensors after %d steps'):format(opt.out, step))
