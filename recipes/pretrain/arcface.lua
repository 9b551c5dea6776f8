-- arcface.lua -- the identity network: pictures of one person to one direction, across expression, pose and light.
-- Softmax over the training people with an additive cosine margin (Wang et al., "CosFace", CVPR 2018), scale 24, margin 0.25.
local mien = require 'mien'
mien.api(1)
local avatar, People, trainer = require 'mien.avatar', require 'mien.people', require 'mien.trainer'
local opt = mien.options {
  people  = {'data/people', 'folder of pictures'},
  out     = {'data/avatar', 'folder of arcface.safetensors'},
  steps   = {3000, 'steps', whole = true, least = 1},
  seconds = {1e9, 'stop after this time', least = 0},
  batch   = {48, 'pictures a step', whole = true, least = 2},
  lr      = {0.001, 'Adam learning rate', least = 0},
  seed    = {1, 'seeds weights and order', whole = true, least = 0},
  init    = {'', 'a network of the same settings whose weights a new run starts from'},
}
local data = People.open(opt.people, 0, 100000)
local class, classes = {}, 0
for _, ref in ipairs(data.all) do
  local p = data:person(ref)
  if not class[p] then class[p] = classes classes = classes + 1 end
end
local config = '{"units":[1,1,2,1],"widths":[16,32,64,128],"input":64,"embed":128,"se_reduction":8,"norm":"group","crop":[12,116,16,112],"crop_of":128}'
local net = mien.new_model('arcface', config, opt.seed):train(true)
print(net, classes .. ' people')
trainer.start_from(net, opt.init, function(name) return name end)

-- A person's direction starts at random; with init= from what that network says of a picture of theirs.
local centres = mien.randn({classes, 128}, mien.rng(opt.seed, 99)):param()
if opt.init ~= '' then
  local shown, answers, bar = {}, {}, mien.progress.new('people', classes)
  for _, ref in ipairs(data.all) do
    local who = class[data:person(ref)]
    if not shown[who + 1] then shown[who + 1] = ref end
  end
  net:train(false)
  for from = 1, classes, 64 do
    mien.scope(function() mien.no_grad(function()
      local rows = net:embed(net:prepare((data:pictures{unpack(shown, from, math.min(from + 63, classes))}))):totable()
      for i = 1, #rows do answers[#answers + 1] = rows[i] end
    end) end)
    bar:step(math.min(from + 63, classes), {})
  end
  bar:done()
  centres:copy(mien.tensor(answers))
  net:train(true)
end
local params, names = net:params()
params[#params + 1], names[#names + 1] = centres, 'training.centres'

local run = trainer.new {
  name = 'arcface', params = params, names = names, steps = opt.steps, seconds = opt.seconds, lr = opt.lr, seed = opt.seed, ema = 0.995, adam = {clip = 5},
  precision = 'bf16', checkpoint = opt.out .. '/arcface_checkpoint.safetensors', config = config .. classes,
  step = function(_, rng)
    local refs, who = {}, {}
    for i = 1, opt.batch do
      local ref = data.all[rng:below(#data.all) + 1]
      refs[i], who[i] = ref, class[data:person(ref)]
    end
    local index = mien.tensor(who, 'i32')
    local e = net:embed(data:augmented(refs, rng, function(x) return net:prepare(x) end, {backgrounds = 0.1, shift = 8, softest = 0.25}))
    local cos = mien.linear(e, avatar.unit(centres))
    local target = cos:pick(index)
    -- log of sum over others and the target less its margin
    local margin = 0.25
    local logits = cos * 24
    local shifted = mien.concat(logits, ((target + -margin) * 24):reshape(-1, 1), {axis = 2})
    local all = shifted:softmax()
    -- probability of the shifted target against all others: remove the unshifted target's share
    local share = all:slice(2, 1, classes):pick(index)
    local p = all:slice(2, classes + 1, classes + 1):reshape(-1) / (share * -1 + 1 + 1e-6)
    local loss = (p + 1e-8):log():mean() * -1
    local hit = 0
    local t = cos:detach():totable()
    for i = 1, opt.batch do
      local best, at = -2, 0
      for k = 1, classes do local v = t[(i - 1) * classes + k] if v > best then best, at = v, k - 1 end end
      if at == who[i] then hit = hit + 1 end
    end
    return loss, {top1 = hit / opt.batch, cos = target:mean():item()}
  end,
  saved = function(run)
    local copy = mien.new_model('arcface', config)
    for i, n in ipairs(run.names) do if n ~= 'training.centres' then copy:set_weight(n, run:averages()[i]) end end
    assert(copy:save(opt.out .. '/arcface.safetensors', {half = true, meta = {steps = tostring(run.at), recipe = 'recipes/pretrain/arcface.lua'}}))
  end,
}
run:go()
