-- generator.lua -- trains the embedded avatar's generator on pictures of synthetic people.
--
-- Supervised: z holds the person's factors, the mesh (from the head model) the shape, expression and gaze, so for every
-- picture the renderer drew there is one right answer.  Loss: absolute differences of the picture, of its gradients and of a
-- half-size copy, all weighted towards brows, eyes and mouth; squared differences of a quarter-size copy, which the colours and outlines
-- of hair decide; structural similarity, which sees that hair has strands; absolute differences of the low-resolution picture and of the
-- coverage that volume rendering gives.  Background: the renderer's mid grey; the volume itself is empty there.
--
-- The neural texture covers what expressions, jaw and eyes move (uv_face_mask); all else, hair above all, is left to the static planes, which
-- have more texels and channels for it, constants of their own (where strands lie), and follow the shape of the head.
--
-- What z means is learned first and without pictures: the first numbers of w are to be what makes people look different (People.factors), from
-- millions of people.  Which of nine hair styles somebody has depends on z so abruptly that pictures
-- alone, a few people at a time, leave a mixture of styles; and a trait that moves w less than others do is learned more slowly, because
-- Adam moves every weight by as much.  The mapping network then stays as it is.
--
-- A run can be stopped with Ctrl-C (or after seconds=) and goes on from its checkpoint with the same numbers.
local mien = require 'mien'
mien.api(1)
local measures, meshes, People, trainer = require 'mien.measures', require 'mien.meshes', require 'mien.people', require 'mien.trainer'
local opt = mien.options {
  people  = {'data/people', 'folder of pictures (recipes/pretrain/people.lua)'},
  head    = {'data/avatar/head.safetensors', 'the head model'},
  out     = {'data/avatar', 'folder of generator.safetensors and the checkpoint'},
  steps   = {20000, 'steps in all; the learning rate falls along them', whole = true, least = 1},
  seconds = {1e9, 'stop after this time (the checkpoint is kept)', least = 0},
  batch   = {4, 'pictures a step', whole = true, least = 1},
  lr      = {0.004, 'Adam learning rate', least = 0},
  seed    = {1, 'seeds weights, order, jitter', whole = true, least = 0},
  save    = {180, 'seconds between checkpoints', least = 0},
  style   = {40, 'the learning rate of the layers that turn w into styles, times lr', least = 0},
  noise   = {20, 'the learning rate of the noise patterns, times lr', least = 0},
  conv    = {4, 'the learning rate of convolutions and constants, times lr', least = 0},
  ssim    = {6, 'weight of structural similarity', least = 0},
  config  = {'', 'generator settings, a JSON object, instead of the default small ones'},
  mapping = {40000, 'steps of the mapping network alone, before the first picture; 0: the mapping network of init', whole = true, least = 0},
  step_precision = {'bf16', 'precision of the steps on pictures alone; strict is the faster one where the processor has no AVX-512'},
  faces   = {0, 'share of the steps from which on the networks of the face learn too: they take two fifths of a step, and have less to learn than hair', least = 0, most = 1},
  init    = {'', 'a generator of the same sizes whose weights a new run starts from'},
}

local head = assert(mien.load_model(opt.head))
local small = [["z_dim":80,"w_dim":192,"mapping_layers":5,"mapping_lr":1,"plane_resolution":128,"plane_channels":16,"channel_base":4096,"channel_max":96,
"mouth":[32,4,32],"blending":[128,32,128],"decoder_hidden":32,"neural_rendering_resolution":64,"depth_resolution":14,"depth_resolution_importance":14,
"ray_start":2.25,"ray_end":3.15,"sr_input":64,"sr_channels":[32,16],"sr_up":[1,2],"focal":3.6,"radius":2.7,
"orth_shift":[0,0,0],"follow":[256,0.015,16],"aligned":true,"constants":64]]
local settings = opt.config ~= '' and (opt.config:match '^%s*{(.*)}%s*$' or error('config: a JSON object expected', 0)) or small:gsub('\n', '')
local config = ('{%s,"vertices":%d,"faces":%d}'):format(settings, head:config 'vertices', head:config 'faces')
if opt.mapping == 0 and opt.init == '' then error('mapping: 0 takes the mapping network of init=, which is not given', 0) end

-- Of every vertex: do expressions move it by a millimetre, or jaw or eyes turn it?
local function moving()
  local vertices, out = head:config 'vertices', {}
  local moved = head:weight 'exprdirs':square():reshape(vertices, -1):sum{axis = 2}:totable()
  local turned = head:weight 'weights':slice(2, 3, 5):sum{axis = 2}:totable()
  for i, m in ipairs(moved) do out[i] = (m >= 0.001 ^ 2 or turned[i] >= 0.01) and 1 or 0 end
  return out
end

-- The vertices that planes follow, and where they rest: of those that stay, each as far as possible from the ones before it.
local function leaders(moves, count)
  local template = head:weight 'v_template':totable()
  local free, vertices, rest = {}, {}, {}
  for i, m in ipairs(moves) do if m == 0 then free[#free + 1] = {at = i, far = math.huge} end end
  local next_one = free[1]
  for k = 1, count do
    local v = 3 * next_one.at
    vertices[k], rest[k] = next_one.at - 1, {template[v - 2], template[v - 1], template[v]}
    for _, f in ipairs(free) do
      local d = 0
      for c = 1, 3 do d = d + (template[3 * f.at - 3 + c] - rest[k][c]) ^ 2 end
      f.far = math.min(f.far, d)
    end
    for _, f in ipairs(free) do if f.far > next_one.far then next_one = f end end
  end
  return mien.tensor(vertices, 'i32'), mien.tensor{rest}
end

-- The texture's texels on triangles that have a moving corner [1,1,P,P].
local function mask_of(moves, size)
  local corners, faces = head:weight 'faces':totable(), {}
  for f = 1, #corners / 3 do
    local m = 0
    for k = 3 * f - 2, 3 * f do m = math.max(m, moves[corners[k] + 1]) end
    faces[f] = {{m}, {m}, {m}}
  end
  local index, bary = meshes.texels(head, size)
  return mien.interpolate(bary, index, mien.tensor(faces)):reshape(1, 1, size, size)
end

local function uv_corners()
  local uv, rows = head:weight('uv'):totable(), {}
  for i, t in ipairs(head:weight('uv_faces'):totable()) do rows[i] = {2 * uv[2 * t + 1] - 1, -(2 * uv[2 * t + 2] - 1), 1} end
  return mien.tensor(rows)
end

local gen = mien.new_model('next3d', config, opt.seed)
local moves = moving()
local of_mesh = {faces = head:weight 'faces', face_uvcoords = uv_corners(), uv_face_mask = mask_of(moves, gen:config 'plane_resolution')}
local follow = gen:config 'follow'[1]
if follow > 0 then of_mesh['follow.vertices'], of_mesh['follow.rest'] = leaders(moves, follow) end
local function put_on_mesh(gen) for name, value in pairs(of_mesh) do gen:set_weight(name, value) end end
put_on_mesh(gen)
gen:train(true)

-- The noise patterns are learned too.  They are the same for everybody, and so are the places where hair has its strands and skin its
-- freckles; convolutions alone would have to make those out of a 4x4 constant.
local noise = {}
for _, name in ipairs(select(2, gen:params())) do
  local strength = name:match '^(.*%.synthesis%..*%.)noise_strength$'      -- super-resolution has no noise
  if strength then noise[#noise + 1] = strength .. 'noise_const' end
end
local before = trainer.start_from(gen, opt.init, function(name) return (opt.mapping == 0 or not name:match '^backbone%.mapping') and name end)
if before then for _, name in ipairs(noise) do gen:set_weight(name, before:weight(name)) end end
print(gen)
local data = People.open(opt.people, 0, 100000)

-- ---- one batch ----
local front = mien.camera{focal = gen:config 'focal', radius = gen:config 'radius'}

local function differences(x)
  local h, w = x:dim(3), x:dim(4)
  return x:slice(4, 2, w) - x:slice(4, 1, w - 1), x:slice(3, 2, h) - x:slice(3, 1, h - 1)
end

-- A person's spread in w.  Edits are weighed by the length of their change of w (eq. 6 of the paper, with its weight of 0.05): with 1 in the
-- place of 1/16 no edit of the texture code was worth its length.
local SPREAD = 1 / 16

local factors = People.factors(mien.randn({4096, 80}, mien.rng(opt.seed, 76)))
local function w_of(z) return gen:mapping(z, front:expand(z:dim(1), 25)) end
local function factors_missed(people, rng)
  local z = mien.randn({people, 80}, rng)
  local known = factors(z)
  return (w_of(z):slice(2, 1, 1):reshape(people, -1):slice(2, 1, known:dim(2)) - known):square():mean()
end

local function l1(a, b, weight) return ((a - b):abs() * weight):mean() end

local function loss_of(rows, target, cover, rng)
  local n = target:dim(1)
  local size, res = target:dim(3), gen:config 'neural_rendering_resolution'
  local v = People.meshes(head, rows)
  local lms = v:slice(2, v:dim(2) - 67, v:dim(2))
  local weight = mien.landmark_weights(lms, rows.camera, size, 4, 4.5)
  local ws = mien.no_grad(w_of, rows.z)
  local planes, deformation = gen:planes(ws, v)
  local coarse = mien.rand({n, res * res, gen:config 'depth_resolution'}, rng)
  local fine = mien.rand({n, res * res, gen:config 'depth_resolution_importance'}, rng)
  local image, features, _, seen = gen:render(planes, ws, rows.camera, coarse, fine, deformation)
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
  local soft = mien.resize(image - target, {h = size / 4, w = size / 4, antialias = 1}):square():mean()
  local alike = measures.likeness(image, target)
  local loss = pixel + edge + l1(small, half, half_weight) + soft * 8 + raw * 0.5 + covered * 0.3 - (alike - 1) * opt.ssim
  return loss, {ssim = alike:item(), pixel = pixel:item(), soft = soft:item(), raw = raw:item(), cover = covered:item()}
end

-- ---- the runs ----
local mapping, pictures = {params = {}, names = {}}, {params = {}, names = {}}
local all, called = gen:params()
for i, name in ipairs(called) do
  local group = name:match '^backbone%.mapping' and mapping or pictures
  group.params[#group.params + 1], group.names[#group.names + 1] = all[i], name
end
for _, name in ipairs(noise) do
  pictures.params[#pictures.params + 1], pictures.names[#pictures.names + 1] = gen:weight(name):param(), name
end

-- Learned with a spread of 1: the last layer is scaled afterwards, and the layers that read w, as a new generator has them, the other way.
if opt.mapping > 0 then
  local first = trainer.new {
    name = 'mapping', params = mapping.params, names = mapping.names, steps = opt.mapping, seconds = opt.seconds, save_every = opt.save, lr = 0.06, seed = opt.seed + 1000,
    ema = 0.99, adam = {beta2 = 0.99, clip = 10}, checkpoint = opt.out .. '/mapping_checkpoint.safetensors', config = config,
    step = function(_, rng) return factors_missed(256, rng) end,
  }
  if not first:go() then return end
  local last = ('backbone.mapping.fc%d.'):format(gen:config 'mapping_layers' - 1)
  for i, average in ipairs(first:averages()) do
    mapping.params[i]:copy(mapping.names[i]:find(last, 1, true) and average * SPREAD or average)
  end
end
if not before then
  for i, name in ipairs(pictures.names) do
    if name:find 'affine%.weight$' then pictures.params[i]:copy(pictures.params[i] * (1 / SPREAD)) end
  end
end

-- Adam moves every weight by as much in a step.  Convolutions start with weights of about 1, which are scaled down as they are read, and
-- after tens of thousands of steps at the common rate were still about as they had started.
local function rate(name)
  if name:find('affine', 1, true) then return opt.style end
  if name:find('noise_const', 1, true) then return opt.noise end
  if name:find('.synthesis.', 1, true) and (name:find '%.weight$' or name:find '%.const$') then return opt.conv end
end

-- Which parameters learn from now on: nil at the start, then with or without those of the face.
local function of_face(name) return name:match '^texture_backbone' or name:match '^mouth_backbone' or name:match '^neural_blending' end
local with_faces
local function learn(faces)
  if with_faces == faces then return end
  with_faces = faces
  gen:train(false)
  for i, name in ipairs(pictures.names) do
    if faces or not of_face(name) then pictures.params[i]:param() end
  end
end

local run = trainer.new {
  name = 'generator', params = pictures.params, names = pictures.names, steps = opt.steps, seconds = opt.seconds, save_every = opt.save,
  precision = opt.step_precision, lr = opt.lr, seed = opt.seed, warm = 100, ema = 0.995, rate = rate,
  adam = {beta2 = 0.99, clip = 10}, checkpoint = opt.out .. '/generator_checkpoint.safetensors', config = config,
  step = function(at, rng)
    local refs = {}
    learn(at > opt.faces * opt.steps)
    for i = 1, opt.batch do refs[i] = data.studio[rng:below(#data.studio) + 1] end
    local target, cover = data:pictures(refs)
    return loss_of(data:rows(refs), target, cover, rng)
  end,
  saved = function(run)
    local copy = mien.new_model('next3d', config)
    put_on_mesh(copy)
    for i, n in ipairs(mapping.names) do copy:set_weight(n, mapping.params[i]) end
    for i, n in ipairs(run.names) do copy:set_weight(n, run:averages()[i]) end
    -- the mean w over people, towards which truncation pulls
    local z = {}
    for i = 1, 256 do z[i] = mien.numpy_randn(i, gen:config 'z_dim') end
    local ws = copy:mapping(mien.concat_rows(z), front:expand(256, 25))
    copy:set_weight('backbone.mapping.w_avg', ws:slice(2, 1, 1):reshape(256, -1):mean{axis = 1})
    assert(copy:save(opt.out .. '/generator.safetensors', {half = true, meta = {steps = tostring(run.at), recipe = 'recipes/pretrain/generator.lua'}}))
  end,
}
run:go()
