-- clip.lua -- the two towers, contrastively on (picture, caption) pairs: in a batch, each picture must find its caption and
-- each caption its picture (Radford et al. 2021).  Half of the captions name the looks as well as the expression, so that
-- looks and expression really share the space.  Two linear heads, thrown away afterwards, read the renderer's own numbers (unit
-- weights, factors of the look) from either feature: they tell small towers what there is to see.  A third tower, thrown away
-- too, makes its feature of those numbers: captions cost less than pictures, so it sees more of them, and pictures are drawn
-- towards it.  Half of the batches are mirrored, with left and right exchanged in the captions.
local mien = require 'mien'
mien.api(1)
local avatar, People, trainer = require 'mien.avatar', require 'mien.people', require 'mien.trainer'
local opt = mien.options {
  people  = {'data/people', 'folder of pictures'},
  out     = {'data/avatar', 'folder of clip.safetensors'},
  steps   = {4000, 'steps', whole = true, least = 1},
  seconds = {1e9, 'stop after this time', least = 0},
  batch   = {48, 'pairs a step', whole = true, least = 2},
  more    = {96, 'captions a step of labels whose pictures are not looked at', whole = true, least = 0},
  lr      = {0.001, 'Adam learning rate', least = 0},
  seed    = {1, 'seeds weights, order and captions', whole = true, least = 0},
  init    = {'', 'towers of the same words; a new run starts from those of their weights that have the same shape'},
  eyes    = {'', 'an encoder (recipes/pretrain/encoder.lua) whose first layers a new run starts from; it has learned to see faces'},
}
local data = People.open(opt.people, 0, 100000)
local seen, list = {}, {}
for _, w in ipairs(mien.words_split(mien.caption_words())) do
  if not seen[w] then seen[w] = true list[#list + 1] = w end
end
list = table.concat(list, '\n')
local words = mien.words(list)
local config = ('{"image_resolution":112,"patch":16,"stem":[1,2,2],"stem_width":24,"vision_width":128,"vision_layers":4,"embed_dim":128,"context":40,"vocab":%d,"text_width":96,"text_layers":2,"head_width":32,"eot":2,"antialias":1,"crop":[0.15,0.91,0.12,0.88]}')
  :format(words:count())
local clip = mien.new_model('clip', config, opt.seed):train(true)
clip:weight('logit_scale'):copy(mien.tensor(math.log(14)))

-- `there`, if the other model has weights of that name and of the same shape.
local function fitting(name, there, before)
  local function shape(model, key) return table.concat(model:weight(key):shape(), ' ') end
  return before:has(there) and shape(before, there) == shape(clip, name) and there
end
trainer.start_from(clip, opt.eyes, function(name, before)
  local layer = name:match '^visual%.stem%.(.*)'
  return layer and fitting(name, 'encoder.' .. layer, before)
end)
trainer.start_from(clip, opt.init, function(name, before) return fitting(name, name, before) end)
print(clip, words:count() .. ' ids')

local params, names = clip:params()
local function head(name, outputs, inputs, stream)
  local w = (mien.randn({outputs, inputs}, mien.rng(opt.seed, stream)) * (0.2 / math.sqrt(inputs))):clone():param()
  params[#params + 1], names[#names + 1] = w, 'training.' .. name
  return w
end
local image_units, text_units, image_looks = head('image_units', 57, 128, 11), head('text_units', 57, 128, 12), head('image_looks', 40, 128, 13)
local face_in, face_out = head('face_in', 256, 57 + 42, 14), head('face_out', 128, 256, 15)

-- The third tower: features [n,128] of labels.
local function told(label)
  local numbers = mien.concat(label.expr, mien.person_traits(label.z) + -0.5, {axis = 2})
  return mien.linear(mien.lrelu(mien.linear(numbers, face_in)), face_out)
end

local function captions(label, rng)
  local ids = {}
  for i = 1, label.expr:dim(1) do
    local text = mien.caption(rng:uniform() < 0.5 and label.z:slice(1, i, i) or nil, label.expr:slice(1, i, i), rng)
    ids[i] = words:tokens(text, {context = 40, truncate = true}):totable()
  end
  return mien.tensor(ids, 'i32')
end

-- Every row's own column against the others, both ways.
local function contrastive(logits, n)
  local diagonal = {}
  for i = 1, n do diagonal[i] = i - 1 end
  diagonal = mien.tensor(diagonal, 'i32')
  return (logits:log_softmax():pick(diagonal):mean() + logits:permute(2, 1):log_softmax():pick(diagonal):mean()) * -0.5
end

-- Units count by how much they vary, or faint ones, which captions tell as well as strong ones, would not be looked for.
local expressions = {}
for i, chunk in ipairs(data.chunks) do expressions[i] = chunk.expr:reshape(-1, 57) end
expressions = mien.concat_rows(expressions)
local faint = ((expressions - expressions:mean{axis = 1, keep = 1}):square():mean{axis = 1, keep = 1} + 0.02):rsqrt():clone()
local function units_missed(feature, w, goal) return ((mien.linear(feature, w) - goal) * faint):square():sum{axis = 2}:mean() end

-- The share of rows whose own column is the largest.
local function found(cosines, n)
  local t, hits = cosines:detach():totable(), 0
  for i = 1, n do
    local best, at = -2, 0
    for k = 1, n do
      local v = t[(i - 1) * n + k]
      if v > best then best, at = v, k end
    end
    if at == i then hits = hits + 1 end
  end
  return hits / n
end

local function some(n, rng)
  local refs = {}
  for i = 1, n do refs[i] = data.all[rng:below(#data.all) + 1] end
  return refs
end

-- What all pictures, or all captions, have in common is taken off their features, by way of the last bias: it says nothing and keeps the
-- directions of prompts close together, on which the projection (lua/mien/method.lua) then works badly.  The mean before the last product
-- is what the features are with the identity in the product's place.
local function centre(model, product, bias, features)
  local kept, width, rows = model:weight(product):clone(), model:weight(bias):dim(1), {}
  for i = 1, kept:dim(1) do
    rows[i] = {}
    for k = 1, kept:dim(2) do rows[i][k] = i == k and 1 or 0 end
  end
  model:set_weight(product, mien.tensor(rows))
  local means, rng = {}, mien.rng(opt.seed, 91)
  for i = 1, 10 do
    means[i] = mien.scope(function() return mien.no_grad(features, some(48, rng), rng):slice(2, 1, width):mean{axis = 1, keep = 1} end)
  end
  model:set_weight(product, kept)
  model:set_weight(bias, model:weight(bias) - mien.concat_rows(means):mean{axis = 1})
end

local run = trainer.new {
  name = 'clip', params = params, names = names, steps = opt.steps, seconds = opt.seconds, lr = opt.lr, seed = opt.seed, ema = 0.995, warm = 200, adam = {clip = 2, weight_decay = 0.01, beta2 = 0.98},
  precision = 'bf16', checkpoint = opt.out .. '/clip_checkpoint.safetensors', config = config,
  step = function(at, rng)
    local refs, others = some(opt.batch, rng), data:rows(some(opt.more, rng))
    local label, mirror = data:rows(refs), rng:uniform() < 0.5
    if mirror then label.expr = People.units_mirrored(label.expr) end
    local x = data:augmented(refs, rng, function(p) return clip:preprocess(p) end, {backgrounds = 0.1, shift = 8, mirror = mirror})
    local image, text, third = clip:image(x), clip:text(captions(label, rng)), told(label)
    local cosines, logits = clip:similarity(image, text)
    local _, more = clip:similarity(mien.concat_rows{third, told(others)}, mien.concat_rows{text, clip:text(captions(others, rng))})
    local terms = {
      pairs = contrastive(logits, opt.batch), faces = contrastive(more, opt.batch + opt.more), apart = 1 - avatar.cosine(avatar.unit(image), avatar.unit(third:detach())):mean(),
      seen = units_missed(image, image_units, label.expr), said = units_missed(text, text_units, label.expr),
      looks = (mien.linear(image, image_looks) - label.z:slice(2, 41, 80)):square():sum{axis = 2}:mean(),
    }
    local weights = {pairs = 1, faces = 1, apart = 2 * math.min(1, at / 300), seen = 0.25, said = 0.05, looks = 0.01}
    local loss, shown = 0, {top1 = found(cosines, opt.batch)}
    for _, name in ipairs{'pairs', 'faces', 'apart', 'seen', 'said', 'looks'} do
      loss, shown[name] = terms[name] * weights[name] + loss, terms[name]:item()
    end
    return loss, shown
  end,
  saved = function(run)
    local copy = mien.new_model('clip', config)
    for i, n in ipairs(run.names) do if not n:match '^training' then copy:set_weight(n, run:averages()[i]) end end
    centre(copy, 'visual.proj', 'visual.ln_post.bias', function(refs) return copy:image(copy:preprocess((data:pictures(refs)))) end)
    centre(copy, 'text_projection', 'ln_final.bias', function(refs, rng) return copy:text(captions(data:rows(refs), rng)) end)
    assert(copy:save(opt.out .. '/clip.safetensors', {half = true, meta = {words = list, steps = tostring(run.at), recipe = 'recipes/pretrain/clip.lua'}}))
  end,
}
run:go()
