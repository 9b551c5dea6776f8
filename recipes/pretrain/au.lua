-- au.lua -- the classifier of action units that recipes/measure.lua judges edits with (lua/mien/au.lua).  No loss ever sees it.
--
-- It learns the strengths of the units from rendered people: cross entropy with the strength as a soft label, on pictures that are
-- blurred more strongly than the other networks see them, since generated pictures are soft.  From random weights it answers
-- the units' frequencies for many hundred steps before it sees anything; the layers of an encoder that has learned to look at faces
-- (init=) spare it that, and learn on.  When the steps are done, two thresholds a unit are fixed on held-out people
-- rendered for this (misses as frequent as false alarms):
--   present_from   of a picture's score by itself
--   rise           of its score less that of the same face, neutral, from the same side: the person's own baseline counts
--                  (as in Baltrusaitis et al., FG 2015)
-- and the classifier is scored on other held-out people (folder of `people`, seeds from 100000 on).
local mien = require 'mien'
mien.api(1)
local People, trainer, au, measures = require 'mien.people', require 'mien.trainer', require 'mien.au', require 'mien.measures'
local opt = mien.options {
  head    = {mien.required, 'the ICT head: a head.safetensors or an ICT-FaceKit checkout (for the people of the thresholds)'},
  people  = {'data/people', 'folder of pictures'},
  out     = {'data/measures', 'folder of au.safetensors'},
  init    = {'', 'an encoder of the same form whose layers but the last it starts from; empty: random'},
  steps   = {4000, 'steps', whole = true, least = 1},
  batch   = {16, 'pictures a step', whole = true, least = 1},
  lr      = {0.001, 'Adam learning rate', least = 0},
  first   = {100100, 'seed of the first person of the thresholds', whole = true, least = 0},
  count   = {40, 'how many of them', whole = true, least = 1},
  seed    = {1, 'seeds weights, order and pictures', whole = true, least = 0},
}
assert(mien.mkdir(opt.out))
local data = People.open(opt.people, 0, 100000)
local net, config = au.new(opt.seed)
trainer.start_from(net, opt.init, function(name) return not name:find('layers.2', 1, true) and name end)
net:train(true)
print(net)

-- Strengths [n,K] of rows of unit weights [n,57].
local function strengths(weights)
  local flat, out = weights:totable(), {}
  for i = 1, weights:dim(1) do out[i] = au.strengths({unpack(flat, 57 * i - 56, 57 * i)}) end
  return out
end

local function prepare(x) return net:prepare(x) end

local run = trainer.new {
  name = 'au', model = net, steps = opt.steps, lr = opt.lr, seed = opt.seed, ema = 0.995, adam = {clip = 5},
  precision = 'bf16', checkpoint = opt.out .. '/au_checkpoint.safetensors', config = config,
  step = function(_, rng)
    local refs = {}
    for i = 1, opt.batch do refs[i] = data.all[rng:below(#data.all) + 1] end
    local logits = net:encode(data:augmented(refs, rng, prepare, {shift = 8, softest = 0.25}))
    local goal = mien.tensor(strengths(data:rows(refs).expr))
    return (logits:softplus() - logits * goal):mean() * #au.names, {off = (logits:detach():sigmoid() - goal):abs():mean():item()}
  end,
}
run:go()
for i, average in ipairs(run:averages()) do net:set_weight(run.names[i], average) end
net:train(false)

-- ---- thresholds ---------------------------------------------------------------

local judge = au.judge(net)

-- Scores of pictures [n,3,128,128], as sharp as they are and as soft as generated ones.
local function scores(pictures)
  local soft = mien.resize(mien.resize(pictures, {h = 64, w = 64}), {h = 128, w = 128})
  return judge:scores(mien.concat(pictures, soft, {axis = 1}))
end

local twelve = {}
for name in pairs(au.rule) do twelve[#twelve + 1] = name end
table.sort(twelve)

-- A person's faces from one side: neutral first, the twelve at full strength, four random mixtures.
local function faces(person, rng)
  local expr = {mien.zeros{1, 57}}
  for _, name in ipairs(twelve) do expr[#expr + 1] = mien.expression(name, 1):reshape(1, 57) end
  for _ = 1, 4 do expr[#expr + 1] = mien.expression_random(rng):reshape(1, 57) end
  local camera = mien.camera{yaw = rng:uniform(-25, 25), pitch = rng:uniform(-8, 8)}
  return mien.numpy_randn(person, 80), mien.concat_rows(expr), camera:expand(#expr, 25):clone()
end

local synth = assert(mien.synth_open(opt.head))
local samples = {}                                         -- {score, before, rise, strength: lists [K], name} of every picture
local bar = mien.progress.new('thresholds', opt.count)
for p = 1, opt.count do
  mien.scope(function()
    local z, expr, camera = faces(opt.first + p - 1, mien.rng(opt.first + p, opt.seed))
    local n = expr:dim(1)
    local seen, truth = scores((mien.pictures((synth:render{z = z, expr = expr, camera = camera, size = 128})))), strengths(expr)
    for i = 1, 2 * n do
      local shot = (i - 1) % n + 1
      local s = {score = seen[i], before = seen[i > n and n + 1 or 1], rise = {}, strength = truth[shot], name = twelve[shot - 1]}
      for k = 1, #au.names do s.rise[k] = s.score[k] - s.before[k] end
      samples[#samples + 1] = s
    end
  end)
  bar:step(p, {})
end
bar:done()

-- Values of one unit where it is present, and where it is absent.
local function sides(list, field, k)
  local present, absent = {}, {}
  for _, s in ipairs(list) do
    if s.strength[k] >= au.PRESENT then present[#present + 1] = s[field][k]
    elseif s.strength[k] <= au.ABSENT then absent[#absent + 1] = s[field][k] end
  end
  return present, absent
end
judge.thresholds = {present_from = {}, rise = {}}
local wrong = {}
for k, name in ipairs(au.names) do
  judge.thresholds.present_from[name] = measures.equal_error(sides(samples, 'score', k))
  judge.thresholds.rise[name], wrong[name] = measures.equal_error(sides(samples, 'rise', k))
end

-- ---- its own accuracy -----------------------------------------------------------

local held, all = People.open(opt.people, 100000, opt.first), {}
for i = 1, #held.all, 8 do
  mien.scope(function()
    local refs = {unpack(held.all, i, math.min(i + 7, #held.all))}
    local seen, truth = scores((held:pictures(refs))), strengths(held:rows(refs).expr)
    for j, s in ipairs(seen) do all[#all + 1] = {score = s, strength = truth[(j - 1) % #refs + 1]} end
  end)
end
local report, auc_sum, f1_sum = {units = {}, expressions = {}, pictures = #all}, 0, 0
print('unit   AUC    F1     error of the rise')
for k, name in ipairs(au.names) do
  local present, absent = sides(all, 'score', k)
  local u = {auc = measures.auc(present, absent), f1 = measures.f1(present, absent, judge.thresholds.present_from[name]),
    rise_error = wrong[name], present = #present, absent = #absent}
  report.units[name], auc_sum, f1_sum = u, auc_sum + u.auc, f1_sum + u.f1
  print(('%-4s %6.3f %6.3f %6.3f'):format(name, u.auc, u.f1, u.rise_error))
end
report.auc, report.f1 = auc_sum / #au.names, f1_sum / #au.names
print(('mean %6.3f %6.3f'):format(report.auc, report.f1))
-- What the rule says of the renderer's own pictures: edits can hardly be expected to do better.
for _, name in ipairs(twelve) do
  local passed, pictures = 0, 0
  for _, s in ipairs(samples) do
    if s.name == name then
      pictures = pictures + 1
      if judge:appeared(name, s.score, s.before) then passed = passed + 1 end
    end
  end
  report.expressions[name] = passed / pictures
  print(('%-14s %.2f of the rendered ones pass'):format(name, report.expressions[name]))
end
assert(net:save(opt.out .. '/au.safetensors', {half = true, meta = {steps = tostring(run.at), recipe = 'recipes/pretrain/au.lua',
  thresholds = mien.json_encode(judge.thresholds), report = mien.json_encode(report)}}))
print(opt.out .. '/au.safetensors')
