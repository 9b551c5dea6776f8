-- gpu.lua -- memory and timings of the engine on a GPU (make gpu-check); on the processor it works too, only slower.
--
--   mien docs/bench/gpu.lua what=times json=docs/bench/gpu-NAME.json device=cuda
--   mien docs/bench/gpu.lua what=leaks steps=10000 device=cuda
--
-- Times are the least of several runs, each waited for.  The floor of a line is its multiply-adds (or bytes) over what the card's
-- makers promise; docs/bench/gpu-log.md has the figures.
local mien = require 'mien'
mien.api(1)
local opt = mien.options {
  what  = {'times', 'times or leaks'},
  steps = {10000, 'of the leak test'},
  runs  = {10, 'timed runs of each line'},
  model = {'', 'model directory; empty: the embedded avatar'},
  json  = {'', 'also write the times to this file'},
}

-- Seconds of the fastest run.
local function seconds(fn)
  local best = math.huge
  for _ = 1, opt.runs + 2 do
    mien.synchronize()
    local began = mien.clock()
    mien.scope(fn)
    mien.synchronize()
    best = math.min(best, mien.clock() - began)
  end
  return best
end

local function leaks()
  local w = mien.randn({64, 64}, mien.rng(1, 0)):param()
  local adam, taken = mien.adam({w}, {lr = 1e-3}), nil
  for step = 1, opt.steps do
    mien.scope(function()
      local x = mien.randn({1, 8, 16, 16}, mien.rng(2, step))
      local y = mien.resize(x, {h = 8, w = 8}):reshape(8, 64)
      mien.backward(mien.matmul(y, w):softplus():mean())
      adam:step()
    end)
    if step == 100 then collectgarbage() taken = mien.memory() end
  end
  collectgarbage()
  local now = mien.memory()
  print(('after 100 steps %d tensors, %d + %d bytes on the GPU; after %d: %d, %d + %d'):format(taken.tensors, taken.gpu_live, taken.gpu_cached, opt.steps,
    now.tensors, now.gpu_live, now.gpu_cached))
  if now.tensors > taken.tensors or now.gpu_live > taken.gpu_live or now.gpu_cached > taken.gpu_cached then error('memory grows', 0) end
end

local lines = {}
local function line(name, s, note)
  lines[#lines + 1] = {name = name, ms = s * 1e3, note = note}
  print(('%-44s %10.3f ms  %s'):format(name, s * 1e3, note))
end

local function times()
  local rng = mien.rng(1, 0)
  for _, n in ipairs{1024, 4096} do
    local a, b = mien.randn({n, n}, rng), mien.randn({n, n}, rng)
    local s = mien.no_grad(function() return seconds(function() mien.matmul(a, b) end) end)
    line(('matmul %d'):format(n), s, ('%.1f TFLOP/s'):format(2 * n ^ 3 / s * 1e-12))
  end
  for _, size in ipairs{{512, 64}, {256, 128}, {128, 256}} do
    local c, r = unpack(size)
    local x, w = mien.randn({1, c, r, r}, rng), mien.randn({c, c, 3, 3}, rng)
    local s = mien.no_grad(function() return seconds(function() mien.conv2d(x, w, {pad = 1}) end) end)
    line(('conv2d %d channels, %dx%d'):format(c, r, r), s, ('%.1f TFLOP/s'):format(18 * c * c * r * r / s * 1e-12))
  end
  local avatar, method = require 'mien.avatar', require 'mien.method'
  local a = avatar.load(opt.model ~= '' and opt.model or nil)
  mien.no_grad(function()
    local who = a:person(1)
    local alpha = a:neutral()
    local static = a.generator:static(who.ws)
    local planes = a:planes(who.ws, who.shape, alpha, static)
    line('an edit: codes to picture', seconds(function() a:picture(who.ws, who.shape, alpha) end), '')
    line('a change of expression alone', seconds(function() a:view(a:planes(who.ws, who.shape, alpha, static), who.ws, a.front) end), '')
    local view = mien.graph(function(camera) return a:view(planes, who.ws, camera) end)
    local s = seconds(function() view(a.front) end)
    line('a further view, recorded', s, ('%.0f views/s'):format(1 / s))
    line('a further view', seconds(function() a:view(planes, who.ws, a.front) end), '')
  end)
  local mapper = method.new_mapper(a, {seed = 1}):train(true)
  local codes, text, basis = mien.no_grad(function() return a:references 'smile', a:text 'A person who is smiling', method.subspace(a, method.basis) end)
  local task = {avatar = a, mapper = mapper, text = text, basis = basis, gamma = 3, project = true, w_clip = 1, w_id = 0.2, w_m = 0.05, batch = 4,
    references = codes, people = 50, yaw = 10, pitch = 4}
  local adam, step = mien.adam((mapper:params()), {lr = 1e-3}), 0
  line('a training step, batch 4', seconds(function()
    step = step + 1
    mien.backward((method.loss(task, mien.rng(1, step))))
    adam:step()
  end), ('%.2f GB on the GPU at most'):format(mien.memory().gpu_peak * 1e-9))
  if opt.json ~= '' then mien.file_write(opt.json, mien.json_encode{device = mien.devices()[1], precision = mien.precision(), lines = lines} .. '\n') end
end

if opt.what == 'leaks' then leaks() else times() end
