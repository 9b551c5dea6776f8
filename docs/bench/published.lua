-- published.lua -- how long the published models take at full size, and how much memory; docs/bench/published.sh runs it in turn with
-- the same in PyTorch (gpu_torch.py --only published).
--   mien docs/bench/published.lua checkpoint=FILE generator=FILE clip=FILE golden=FILE json=FILE
--   mien docs/bench/published.lua table=mien.1.json,torch.1.json,mien.2.json,...
local mien = require 'mien'
mien.api(1)
local opt = mien.options {
  checkpoint = {'', 'published Next3D snapshot; empty: its import is left out'},
  generator = {'', 'imported Next3D; written anew where a checkpoint is given'},
  clip   = {'', 'imported CLIP ViT-B/32; empty: left out'},
  golden = {'', 'its in.z, in.c_cond, in.c and in.v are used'},
  runs   = {3, 'timed runs of each line, after one that is not'},
  only   = {'', 'the lines whose names begin so'},
  json   = {'', 'file for the figures'},
  table  = {'', 'print the medians of these files'},
}

-- The most memory this process has had since the last reset, in bytes; 0 where the system does not say.
local function most(reset)
  local f = io.open('/proc/self/clear_refs', 'w')
  if reset and f then f:write '5' end
  if f then f:close() end
  local status = io.open '/proc/self/status'
  local kb = status and status:read '*a':match 'VmHWM:%s*(%d+)' or 0
  if status then status:close() end
  return tonumber(kb) * 1024
end

local lines = {}
local function line(name, fn)
  if name:sub(1, #opt.only) ~= opt.only then return end
  collectgarbage()
  mien.memory_reset_peak()
  most(true)
  local times, work = {}, {}
  for run = 0, opt.runs do
    local began, worked = mien.clock(), os.clock()
    mien.scope(fn)
    if run > 0 then times[run], work[run] = (mien.clock() - began) * 1e3, (os.clock() - worked) * 1e3 end
  end
  lines[#lines + 1] = {name = name, times = times, work = work, tensors = mien.memory().peak, process = most()}
  print(('%-28s %10.1f ms  %.2f GB of tensors, %.2f GB in all'):format(name, math.min(unpack(times)), lines[#lines].tensors * 1e-9, lines[#lines].process * 1e-9))
end

local function import_line()
  local new = opt.generator .. '.new'
  line('import', function() assert(mien.import_files('next3d', {opt.checkpoint}, new)) end)
  assert(os.rename(new, opt.generator))
end

local function clip_lines()
  local clip = assert(mien.load_model(opt.clip))
  local picture = mien.randn({1, 3, 512, 512}, mien.rng(1, 0))
  line('CLIP forward', function() mien.no_grad(function() clip:image(clip:preprocess(picture)) end) end)
  line('CLIP forward and backward', function()
    local x = picture:clone():param()
    mien.backward(clip:image(clip:preprocess(x)):sum())
  end)
end

local function generator_lines()
  local began = mien.clock()
  local g = assert(mien.load_model(opt.generator))
  lines[#lines + 1] = {name = 'load', times = {(mien.clock() - began) * 1e3}}
  local gold = assert(mien.st_load(opt.golden))
  local z, front, camera, v = gold['in.z'], gold['in.c_cond'], gold['in.c'], gold['in.v']
  local function picture(ws, mesh) return (g:render(g:planes(ws, mesh), ws, camera)) end
  local size = g:config 'sr_input' * g:config('sr_up')[1] * g:config('sr_up')[2]
  local cotangent = mien.randn({1, 3, size, size}, mien.rng(1, 0))
  mien.no_grad(function()
    line('full forward', function() picture(g:mapping(z, front), v) end)
    local ws = g:mapping(z, front)
    local planes = g:planes(ws, v)
    line('a further view', function() g:render(planes, ws, camera) end)
  end)
  line('forward and backward', function()
    local ws, mesh = g:mapping(z, front):detach():param(), v:clone():param()
    mien.backward((picture(ws, mesh) * cotangent):mean())
  end)
end

local function median(t)
  table.sort(t)
  local n = #t
  return (t[math.floor((n + 1) / 2)] + t[math.ceil((n + 1) / 2)]) / 2
end

local function report()
  local names, of = {}, {}
  for path in opt.table:gmatch '[^,]+' do
    local f = assert(io.open(path, 'rb'))
    local t = mien.json_decode(f:read '*a')
    f:close()
    local who = t.torch and 'torch' or 'mien'
    for _, l in ipairs(t.lines) do
      local row = of[l.name]
      if not row then
        row = {mien = {times = {}, work = {}}, torch = {times = {}, work = {}}}
        of[l.name], names[#names + 1] = row, l.name
      end
      for _, key in ipairs{'times', 'work'} do
        for _, ms in ipairs(l[key] or {}) do table.insert(row[who][key], ms) end
      end
      for _, key in ipairs{'tensors', 'process'} do row[who][key] = math.max(row[who][key] or 0, l[key] or 0) end
    end
  end
  local function s(list) return #list > 0 and ('%.3f'):format(median(list) * 1e-3) or '' end
  local function ratio(a, b) return #a > 0 and #b > 0 and ('%.2f'):format(median(a) / median(b)) or '' end
  local function gb(bytes) return bytes and bytes > 0 and ('%.2f'):format(bytes * 1e-9) or '' end
  print '| | mien, s | PyTorch, s | ratio | processor, s | PyTorch | ratio | tensors, GB | process, GB | PyTorch |\n|---|---|---|---|---|---|---|---|---|---|'
  for _, name in ipairs(names) do
    local a, b = of[name].mien, of[name].torch
    print(('| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |'):format(name, s(a.times), s(b.times), ratio(a.times, b.times), s(a.work), s(b.work), ratio(a.work, b.work),
      gb(a.tensors), gb(a.process), gb(b.process)))
  end
end

if opt.table ~= '' then report()
else
  if opt.checkpoint ~= '' then import_line() end
  if opt.clip ~= '' then clip_lines() end
  generator_lines()
  if opt.json ~= '' then mien.file_write(opt.json, mien.json_encode{lines = lines} .. '\n') end
end
