-- encoder.lua -- E(I): shape, expression, gaze and camera of the face in a picture, learned from labelled renders.
-- Loss: the expression as positions of vertices and of landmarks in millimetres (what is seen of it; lids move few vertices,
-- so that the landmarks of the eyes count most) and all codes by their own spread.
local mien = require 'mien'
mien.api(1)
local People, trainer = require 'mien.people', require 'mien.trainer'
local opt = mien.options {
  people  = {'data/people', 'folder of pictures'},
  head    = {'data/avatar/head.safetensors', 'the head model'},
  out     = {'data/avatar', 'folder of encoder.safetensors'},
  steps   = {3000, 'steps', whole = true, least = 1},
  seconds = {1e9, 'stop after this time', least = 0},
  batch   = {16, 'pictures a step', whole = true, least = 1},
  lr      = {0.002, 'Adam learning rate', least = 0},
  seed    = {1, 'seeds weights and order', whole = true, least = 0},
  init    = {'', 'a network of the same settings whose weights a new run starts from'},
}
local head = assert(mien.load_model(opt.head))
local data = People.open(opt.people, 0, 100000)
local config = '{"input":96,"blocks":[1,2,2,1],"width":24,"hidden":256,"outputs":[40,50,2,3],"pool":false,"crop":[0.19,0.84,0.175,0.825]}'
local enc = mien.new_model('encoder', config, opt.seed):train(true)
print(enc)
trainer.start_from(enc, opt.init, function(name) return name end)
local to_shape, to_expr = head:weight 'id_to_shape', head:weight 'units_to_expr'
local verts = head:config 'vertices'
-- every seventh vertex stands for the surface; millimetres per code
local rows = {}
for v = 0, verts - 1, 7 do for k = 0, 2 do rows[#rows + 1] = 3 * v + k end end
local dirs = head:weight('exprdirs'):reshape(verts * 3, 50):gather(mien.tensor(rows, 'i32')) * 1000

local neutral = head:mesh(mien.zeros{1, 40}, mien.zeros{1, 50})
local unit = {}
for i = 1, 50 do unit[i] = {} for k = 1, 50 do unit[i][k] = i == k and 1 or 0 end end
local moved = head:mesh(mien.zeros{50, 40}, mien.tensor(unit)) - neutral:expand(50, verts + 68, 3)
local landmark_dirs = (moved:slice(2, verts + 1, verts + 68):reshape(50, 204):permute(2, 1) * 1000):clone()
local eyes = {}
for l = 0, 67 do for _ = 1, 3 do eyes[#eyes + 1] = l >= 36 and l < 48 and 5 or 1 end end
eyes = mien.tensor(eyes)

-- Angles of a camera on the sphere around the head: yaw, pitch, roll in units of 30 degrees.
local function angles(camera)
  local out = {}
  for i = 1, camera:dim(1) do
    local c = camera:slice(1, i, i):totable()
    local x, y, z = c[4], c[8], c[12]
    local yaw, pitch = math.atan2(x, z), math.asin(y / math.sqrt(x * x + y * y + z * z))
    out[i] = {math.deg(yaw) / 30, math.deg(pitch) / 30, math.deg(math.asin(math.max(-1, math.min(1, -c[5])))) / 30}
  end
  return mien.tensor(out)
end

local run = trainer.new {
  name = 'encoder', model = enc, steps = opt.steps, seconds = opt.seconds, lr = opt.lr, seed = opt.seed, ema = 0.995, adam = {clip = 5},
  precision = 'bf16', checkpoint = opt.out .. '/encoder_checkpoint.safetensors', config = config,
  step = function(_, rng)
    local refs = {}
    for i = 1, opt.batch do refs[i] = data.all[rng:below(#data.all) + 1] end
    local label = data:rows(refs)
    local code = enc:encode(data:augmented(refs, rng, function(x) return enc:prepare(x) end, {occlude = 0.25}))
    local shape, expr, gaze, camera = enc:split(code)
    local true_expr = mien.matmul(label.effective, to_expr)
    local d_expr = expr - true_expr
    local surface = mien.linear(d_expr, dirs):square():mean()
    local marks = (mien.linear(d_expr, landmark_dirs):square() * eyes):mean()
    local codes = d_expr:square():mean()
    local s = (shape - mien.matmul(People.modes(label.z), to_shape)):square():mean()
    local g = (gaze - label.gaze * (1 / 10)):square():mean()
    local c = (camera - angles(label.camera)):square():mean()
    return surface + marks + codes * 3 + s * 0.2 + g * 0.1 + c * 0.5, {mm2 = surface:item(), marks = marks:item(), expr = codes:item(), shape = s:item(), camera = c:item()}
  end,
  saved = function(run)
    local copy = mien.new_model('encoder', config)
    for i, n in ipairs(run.names) do copy:set_weight(n, run:averages()[i]) end
    assert(copy:save(opt.out .. '/encoder.safetensors', {half = true, meta = {steps = tostring(run.at), recipe = 'recipes/pretrain/encoder.lua'}}))
  end,
}
run:go()
