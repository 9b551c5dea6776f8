-- pytorch.lua -- blocks of the networks for a comparison with PyTorch; docs/bench/pytorch.sh runs it beside pytorch.py.
--
--   mien docs/bench/pytorch.lua what=write dir=DIR      inputs, weights, results and gradients of every block, for pytorch.py to check
--   mien docs/bench/pytorch.lua what=time dir=DIR       a line `block<TAB>pass<TAB>ms` for every timed pass, to standard output
--   mien docs/bench/pytorch.lua what=table dir=DIR      Markdown from DIR/mien.txt and DIR/torch.txt, which hold such lines
--
-- The passes: forward without a tape; forward and backward to the inputs alone ("frozen", how mappers are trained); the same
-- to the weights too ("trained", how a generator is).  In a file, "in.*" are inputs, "w.*" weights, "out.*" results, "seed.*" the gradients
-- that results are given, "grad.*" what comes back; "const.*" takes none.
local mien = require 'mien'
mien.api(1)
local opt = mien.options {
  what = {'time', 'write, time or table'},
  dir  = {mien.required, 'folder of the files'},
  only = {'', 'only blocks whose name holds this'},
  runs = {7, 'timed passes of each kind'},
}

local rng = mien.rng(1, 0)
local function normal(sizes, std) return mien.randn(sizes, rng) * (std or 1) end

-- ---- a synthesis block of StyleGAN2, as engine/models/stylegan2.c has it ----

local function style_data(n, ci, co, rgb, size)
  local t = {['in.x'] = normal{n, ci, size, size}, ['in.img'] = normal{n, rgb, size, size}}
  for k, layer in ipairs{'conv0', 'conv1', 'torgb'} do
    local i, o, kernel = k == 1 and ci or co, k == 3 and rgb or co, k == 3 and 1 or 3
    t['in.w' .. k - 1] = normal{n, 512}
    t[('w.%s.weight'):format(layer)] = normal{o, i, kernel, kernel}
    t[('w.%s.bias'):format(layer)] = normal({o}, 0.1)
    t[('w.%s.affine.weight'):format(layer)] = normal({i, 512}, 1 / math.sqrt(512))
    t[('w.%s.affine.bias'):format(layer)] = mien.full({i}, 1)
    if k < 3 then
      t[('const.%s.noise'):format(layer)] = normal{1, 1, 2 * size, 2 * size}
      t[('w.%s.strength'):format(layer)] = normal({1}, 0.1)
    end
  end
  return t
end

local function style(t)
  local function styles(layer, w) return mien.linear(w, t['w.' .. layer .. '.affine.weight'], t['w.' .. layer .. '.affine.bias']) end
  local function styled(layer, x, w, up)
    local y = mien.modconv2d(x, t['w.' .. layer .. '.weight'], styles(layer, w), {up = up})
    return y:bias_act(t['w.' .. layer .. '.bias'], t['const.' .. layer .. '.noise'], t['w.' .. layer .. '.strength'], {act = 1, gain = math.sqrt(2), clamp = 256})
  end
  local x = styled('conv1', styled('conv0', t['in.x'], t['in.w0'], 2), t['in.w1'], 1)
  local s = styles('torgb', t['in.w2']) * (1 / math.sqrt(x:dim(2)))
  local rgb = mien.modconv2d(x, t['w.torgb.weight'], s, {demodulate = 0}):bias_act(t['w.torgb.bias'], nil, nil, {clamp = 256})
  return {x = x, img = t['in.img']:upfirdn2d(nil, {up = 2, padx0 = 2, padx1 = 1, pady0 = 2, pady1 = 1, gain = 4}) + rgb}
end

-- ---- a residual block of CLIP's image tower, as engine/models/clip.c has it ----

local function vit_data(n, tokens, width)
  local t = {['in.x'] = normal{n, tokens, width}}
  for name, sizes in pairs{in_proj = {3 * width, width}, out_proj = {width, width}, c_fc = {4 * width, width}, c_proj = {width, 4 * width}} do
    t['w.' .. name .. '.weight'] = normal(sizes, 1 / math.sqrt(sizes[2]))
    t['w.' .. name .. '.bias'] = normal({sizes[1]}, 0.1)
  end
  for _, name in ipairs{'ln_1', 'ln_2'} do
    t['w.' .. name .. '.weight'] = normal({width}, 0.1) + 1
    t['w.' .. name .. '.bias'] = normal({width}, 0.1)
  end
  return t
end

local function vit(t)
  local x = t['in.x']
  local width = x:dim(3)
  local function linear(name, y) return mien.linear(y, t['w.' .. name .. '.weight'], t['w.' .. name .. '.bias']) end
  local function norm(name) return x:layer_norm(t['w.' .. name .. '.weight'], t['w.' .. name .. '.bias']) end
  local qkv = linear('in_proj', norm 'ln_1')
  local function part(k) return qkv:slice(3, k * width + 1, (k + 1) * width) end
  x = x + linear('out_proj', mien.attention(part(0), part(1), part(2), {heads = width / 64}))
  x = x + linear('c_proj', linear('c_fc', norm 'ln_2'):quick_gelu())
  return {x = x}
end

-- ---- a ray march through tri-planes, as engine/models/next3d_render.c has it ----

local NEAR, FAR, STEPS = 2.25, 3.3, 48

local function march_data(channels, hidden, size)
  local camera = {1, 0, 0, 0.1, 0, -1, 0, 0.1, 0, 0, -1, 2.7, 0, 0, 0, 1, 4.2647, 0, 0.5, 0, 4.2647, 0.5, 0, 0, 1}
  return {['in.planes'] = normal{1, 3, channels, size, size}, ['const.camera'] = mien.tensor{camera},
    ['w.w0'] = normal({hidden, channels}, 4 / math.sqrt(channels)), ['w.b0'] = normal({hidden}, 0.1),
    ['w.w1'] = normal({33, hidden}, 2 / math.sqrt(hidden)), ['w.b1'] = normal({33}, 0.1)}
end

local function march(t)
  local o, d = mien.rays(t['const.camera'], {res = 64})
  local coarse = o:depths_coarse(nil, {near = NEAR, far = FAR, steps = STEPS})
  local planes, w0, b0, w1, b1 = t['in.planes'], t['w.w0'], t['w.b0'], t['w.w1'], t['w.b1']
  local fine = mien.no_grad(function()
    local _, _, w = mien.render_rays(planes, o, d, coarse, w0, b0, w1:slice(1, 1, 1), b1:slice(1, 1, 1), nil, {box_warp = 1})
    return w:depths_importance(coarse, nil, {steps = STEPS})
  end)
  local rgb, depth = mien.render_rays(planes, o, d, (coarse:depths_merge(fine)), w0, b0, w1, b1, nil, {box_warp = 1})
  return {rgb = rgb, depth = depth}
end

local blocks = {
  {'StyleGAN2 256 channels, 64 to 128', 'style', style, style_data, 1, 256, 256, 3, 64},
  {'StyleGAN2 512 to 256, 64 to 128, as published', 'style', style, style_data, 1, 512, 256, 96, 64},
  {'StyleGAN2 64 to 32, 64 to 128, 4 samples', 'style', style, style_data, 4, 64, 32, 48, 64},
  {'ViT-B/32, 1 picture', 'vit', vit, vit_data, 1, 50, 768},
  {'ViT-B/32, 4 pictures', 'vit', vit, vit_data, 4, 50, 768},
  {'ray march 64x64, 48 + 48, as published', 'march', march, march_data, 32, 64, 256},
}
local passes = {'forward', 'frozen', 'trained'}

local function file_of(k) return ('%s/block%d.safetensors'):format(opt.dir, k) end

-- One pass; results, and with a pass that has gradients the loss.
local function run(forward, t, pass)
  if pass == 'forward' then return mien.no_grad(forward, t) end
  local out, loss = forward(t), nil
  for name, y in pairs(out) do
    local term = (y * t['seed.' .. name]):sum()
    loss = loss and loss + term or term
  end
  mien.backward(loss)
  return out
end

local function wanted(t, pass)
  local list = {}
  for name, v in pairs(t) do
    local kind = name:match '^%a+'
    if pass ~= 'forward' and (kind == 'in' or kind == 'w' and pass == 'trained') then list[name] = v:param() end
  end
  return list
end

local function write()
  for k, b in ipairs(blocks) do
    local t = b[4](unpack(b, 5))
    local shapes = mien.no_grad(b[3], t)
    for name, y in pairs(shapes) do t['seed.' .. name] = normal(y:shape(), 1 / math.sqrt(#y:totable())) end
    local all = {}
    for name, v in pairs(t) do all[name] = v end
    local asked = wanted(t, 'trained')
    for name, y in pairs(run(b[3], t, 'trained')) do all['out.' .. name] = y:detach() end
    for name, v in pairs(asked) do all['grad.' .. name] = v:grad() end
    assert(mien.st_save(file_of(k), all, {name = b[1], kind = b[2]}))
  end
end

local function time()
  for k, b in ipairs(blocks) do
    if b[1]:find(opt.only, 1, true) then
      for _, pass in ipairs(passes) do
        local t = assert(mien.st_load(file_of(k)))
        local asked = wanted(t, pass)
        for turn = -1, opt.runs do                       -- two turns to warm up
          for _, v in pairs(asked) do v:zero_grad() end
          local began = mien.clock()
          mien.scope(function() run(b[3], t, pass) end)
          if turn > 0 then print(('%s\t%s\t%.4f'):format(b[1], pass, (mien.clock() - began) * 1e3)) end
        end
      end
    end
  end
end

local function medians(path)
  local times = {}
  for line in io.lines(path) do
    local block, pass, ms = line:match '^(.-)\t(.-)\t(.*)$'
    local key = block .. '\t' .. pass
    times[key] = times[key] or {}
    table.insert(times[key], tonumber(ms))
  end
  local of = {}
  for key, list in pairs(times) do
    table.sort(list)
    of[key] = (list[math.floor((#list + 1) / 2)] + list[math.floor(#list / 2) + 1]) / 2
  end
  return of
end

local function as_table()
  local mine, torch = medians(opt.dir .. '/mien.txt'), medians(opt.dir .. '/torch.txt')
  print '| block | pass | mien, ms | PyTorch, ms | ratio |\n|---|---|---|---|---|'
  for _, b in ipairs(blocks) do
    for _, pass in ipairs(passes) do
      local m, t = mine[b[1] .. '\t' .. pass], torch[b[1] .. '\t' .. pass]
      if m and t then print(('| %s | %s | %.2f | %.2f | %.2f |'):format(b[1], pass == 'forward' and pass or 'and back, ' .. pass, m, t, m / t)) end
    end
  end
end

local work = ({write = write, time = time, table = as_table})[opt.what]
if not work then error(("what: write, time or table expected, got '%s'"):format(opt.what), 0) end
work()
