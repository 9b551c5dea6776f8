-- gpu.lua -- memory and timings of the engine on a GPU (make gpu-check); on the processor it works too, only slower.
--
--   mien docs/bench/gpu.lua what=times json=docs/bench/gpu-NAME.json device=cuda
--   mien docs/bench/gpu.lua what=leaks steps=10000 device=cuda
--   mien docs/bench/gpu.lua what=table json=MIEN.json,MIEN.json,TORCH.json,...
--
-- Times are the least of several runs, each waited for; with precision=bf16 and the like, pictures are compared with strict ones.  The table
-- has a line for each name and a column for each file, docs/bench/gpu_torch.py's among them, whose times are also given as ratios.  The
-- floor of a line is its multiply-adds (or bytes) over what the card's makers promise; docs/bench/gpu-log.md has the figures.
local mien = require 'mien'
mien.api(1)
local opt = mien.options {
  what  = {'times', 'times, leaks or table'},
  steps = {10000, 'of the leak test'},
  runs  = {10, 'timed runs of each line'},
  model = {'', 'models by name or folder; empty: the embedded avatar'},
  batch = {4, 'avatars of a training step'},
  pictures = {8, 'pictures at once'},
  products = {true, 'also time single products and convolutions'},
  json  = {'', 'times: also written to this file; table: files with commas'},
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
  for _, n in ipairs(opt.products and {1024, 4096} or {}) do
    local a, b = mien.randn({n, n}, rng), mien.randn({n, n}, rng)
    local s = mien.no_grad(function() return seconds(function() mien.matmul(a, b) end) end)
    line(('matmul %d'):format(n), s, ('%.1f TFLOP/s'):format(2 * n ^ 3 / s * 1e-12))
  end
  for _, size in ipairs(opt.products and {{512, 64}, {256, 128}, {128, 256}} or {}) do
    local c, r = unpack(size)
    local x, w = mien.randn({1, c, r, r}, rng), mien.randn({c, c, 3, 3}, rng)
    local s = mien.no_grad(function() return seconds(function() mien.conv2d(x, w, {pad = 1}) end) end)
    line(('conv2d %d channels, %dx%d'):format(c, r, r), s, ('%.1f TFLOP/s'):format(18 * c * c * r * r / s * 1e-12))
  end
  local avatar, method = require 'mien.avatar', require 'mien.method'
  local a = avatar.load(opt.model ~= '' and opt.model or nil)
  -- How near the setting's picture is to the strict one.
  local function nearness(picture)
    local set = mien.precision()
    local got = picture():clone()
    mien.precision 'strict'
    local want = picture()
    mien.precision(set)
    local error = (got - want):clamp{lo = -2, hi = 2}:square():mean():item()
    return error > 0 and ('PSNR %.1f dB against strict'):format(10 * math.log(4 / error) / math.log(10)) or ''
  end
  -- The same as launches and as a recorded graph.
  local function both(name, fn, inputs, note)
    local recorded = mien.graph(fn)
    line(name, seconds(function() fn(unpack(inputs)) end), note)
    local s = seconds(function() recorded(unpack(inputs)) end)
    line(name .. ', recorded', s, ('%.0f/s'):format(1 / s))
  end
  mien.no_grad(function()
    local who = a:person(1)
    local alpha, static, texture = a:neutral(), a.generator:static(who.ws), a.generator:texture(who.ws)
    local planes = a:planes(who.ws, who.shape, alpha, static)
    local function edit(ws, code) return a:picture(ws, who.shape, code) end
    both('an edit: codes to picture', edit, {who.ws, alpha}, nearness(function() return edit(who.ws, alpha) end))
    both('a change of expression alone', function(code) return a:view(a:planes_of(who.ws, a:mesh(who.shape, code), texture, static), who.ws, a.front) end, {alpha}, '')
    both('a further view', function(camera) return a:view(planes, who.ws, camera) end, {a.front}, '')
    local n = opt.pictures
    local function rows(t) local list = {} for i = 1, n do list[i] = t end return mien.concat_rows(list) end
    local many = {planes = rows(planes.planes), deformation = planes.deformation and rows(planes.deformation)}
    local shapes, cameras = rows(who.ws), rows(a.front)
    both(('%d views at once'):format(n), function(camera) return a:view(many, shapes, camera) end, {cameras}, '')
    local ws, shape, codes = rows(who.ws), rows(who.shape), rows(alpha)
    both(('%d edits at once'):format(n), function(code) return a:view(a:planes(ws, shape, code), ws, cameras) end, {codes}, '')
  end)
  local mapper = method.new_mapper(a, {seed = 1}):train(true)
  local codes = method.codes(a, a:references 'smile' and 'smile' or 'none')
  local text, basis = mien.no_grad(function() return a:text 'A person who is smiling', method.subspace(a, method.basis) end)
  local task = {avatar = a, mapper = mapper, text = text, basis = basis, gamma = 3, project = true, w_clip = 1, w_id = 0.2, w_m = 0.05, batch = opt.batch,
    references = codes, people = 50, yaw = 10, pitch = 4, pool = 0, seed = 1}
  local adam, step = mien.adam((mapper:params()), {lr = 1e-3}), 0
  mien.memory_reset_peak()
  line(('a training step, batch %d'):format(opt.batch), seconds(function()
    step = step + 1
    mien.backward((method.loss(task, mien.rng(1, step))))
    adam:step()
  end), ('%.2f GB on the GPU at most'):format(mien.memory().gpu_peak * 1e-9))
  -- With the draws prepared there is nothing in a step that the processor computes, so it can be recorded whole.
  local batch = mien.no_grad(function() return method.batch(task, mien.rng(1, 1)) end)
  local names, inputs = {'ws', 'shape', 'alpha', 'camera', 'static', 'goal', 'who'}, {}
  for i, name in ipairs(names) do inputs[i] = batch[name] end
  for _, small in ipairs{false, true} do
    both(('a training step, batch %d, prepared%s'):format(opt.batch, small and ', small picture' or ''), function(...)
      local b = {}
      for i, name in ipairs(names) do b[name] = select(i, ...) end
      local loss = method.terms(task, b, small)
      mien.backward(loss)
      adam:step()
      return loss:detach()
    end, inputs, '')
  end
  if opt.json ~= '' then mien.file_write(opt.json, mien.json_encode{device = mien.devices()[1], model = a.names, precision = mien.precision(), lines = lines} .. '\n') end
end

-- Markdown: a row for each name, in the order in which the files have them.
local function table_of(files)
  local names, columns, seen = {}, {}, {}
  for path in files:gmatch '[^,]+' do
    local f = assert(io.open(path, 'rb'))
    local t = mien.json_decode(f:read '*a')
    f:close()
    local column = {torch = t.torch ~= nil, of = {}, title = t.torch and ('PyTorch %s, %s%s'):format(t.torch, t.bf16 and 'bf16' or 'tf32', t.compile and ', compiled' or '') or 'mien, ' .. t.precision}
    for _, l in ipairs(t.lines) do
      column.of[l.name] = l
      if not seen[l.name] then
        seen[l.name] = true
        names[#names + 1] = l.name
      end
    end
    columns[#columns + 1] = column
  end
  local row, rule = {'ms'}, {'---'}
  for _, c in ipairs(columns) do row[#row + 1], rule[#rule + 1] = c.title, '---' end
  print('| ' .. table.concat(row, ' | ') .. ' |\n|' .. table.concat(rule, '|') .. '|')
  for _, name in ipairs(names) do
    row = {name}
    local best
    for _, c in ipairs(columns) do
      local l = c.torch and c.of[(name:gsub(', recorded$', ''))]           -- PyTorch has no line of its own for a recorded loop
      if l then best = math.min(best or math.huge, l.ms) end
    end
    for _, c in ipairs(columns) do
      local l = c.of[name]
      row[#row + 1] = not l and '' or c.torch and ('%.2f'):format(l.ms) or ('%.2f%s%s'):format(l.ms, best and (' (%.1f x)'):format(best / l.ms) or '', l.note ~= '' and '; ' .. l.note or '')
    end
    print('| ' .. table.concat(row, ' | ') .. ' |')
  end
end

if opt.what == 'leaks' then leaks()
elseif opt.what == 'table' then table_of(opt.json)
elseif opt.what == 'times' then times()
else error(("what: times, leaks or table expected, got '%s'"):format(opt.what), 0) end
