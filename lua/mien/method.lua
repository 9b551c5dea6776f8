-- method.lua -- text-guided training of Dual Mappers: targets, losses, one step (sections III-B and III-C of the paper).
local mien, core = require 'mien', require 'mien.core'
local method = {}

-- Prompts that span the expression subspace, in this order (the order is part of the method).
method.basis = {
  'A person who is smiling', 'A person who is angry', 'A person who is sad', 'A person who is closing the eyes',
  'A person who is raising the eyebrows', 'A person who is frowning the brows', 'A person who is stretching the mouth',
  'A person who is moving the mouth to the left', 'A person who is moving the mouth to the right', 'A person who is making dimples',
  'A person who is funneling the lips', 'A person who is grinning',
}

-- Names of the twelve expressions, and words of a prompt that point to each.
method.expressions = {
  {'close eyes', {'clos%a*.-eye', 'eye%a*.-clos', 'shut%a*.-eye'}}, {'raise brow', {'rais%a*.-brow', 'brow%a*.-rais', 'lift%a*.-brow'}},
  {'frown brow', {'frown', 'lower%a*.-brow', 'knit%a*.-brow'}}, {'mouth left', {'mouth.-left', 'left.-mouth'}}, {'mouth right', {'mouth.-right', 'right.-mouth'}},
  {'mouth stretch', {'stretch%a*.-mouth', 'mouth.-stretch', 'open%a*.-mouth', 'mouth.-open'}}, {'lip funneler', {'funnel'}}, {'dimpler', {'dimpl'}},
  {'grin', {'grin'}}, {'smile', {'smil'}}, {'angry', {'angr', 'anger'}}, {'sad', {'sad'}},
}
function method.expression_of(prompt)
  local text = prompt:lower()
  for _, e in ipairs(method.expressions) do
    for _, pattern in ipairs(e[2]) do if text:find(pattern) then return e[1] end end
  end
end

-- What the method is measured without: name, and the option of recipes/train.lua that leaves it out.
method.ablations = {
  {name = 'no_reference', option = 'reference=none'}, {name = 'no_projection', option = 'project=false'}, {name = 'no_cross', option = 'cross=false'},
  {name = 'no_identity', option = 'w_id=0'},
}

-- The library's name of the mapper trained from a prompt, without one part of the method or (nil) with all.
function method.name_of(prompt, ablation)
  local name = method.expression_of(prompt):gsub(' ', '_')
  return ablation and name .. '-' .. ablation or name
end

-- Starting codes [R,E]: of a picture file, of a named expression's reference pictures, or ('none') of the neutral face.
function method.codes(a, reference)
  if reference == 'none' then return a:neutral() end
  return mien.no_grad(function() return a:references(reference) end)
    or error(("reference: no pictures of '%s' in %s; a PNG file, one of the model's expressions, or none was expected"):format(reference, a.folder), 0)
end

-- Unit embeddings of prompts [K,D].
function method.prompts(a, prompts)
  local rows = {}
  for i, p in ipairs(prompts) do rows[i] = a:text(p, true) end
  return mien.concat_rows(rows)
end

-- The divisor of eq. 9 is at least this (engine/ops/project_target.c says why); below it a prompt says little along the basis.
method.guard = 0.1

-- Orthonormal basis [K,D] of the prompts that are independent (Gram-Schmidt in prompt order, positive sign, rank test).
function method.subspace(a, prompts)
  local basis = mien.gram_schmidt(method.prompts(a, prompts))
  local keep = {}
  for i = 1, basis:dim(1) do
    local row = basis:slice(1, i, i)
    if row:square():sum():item() > 0.5 then keep[#keep + 1] = row end     -- dependent prompts leave a zero row
  end
  return mien.concat_rows(keep)
end

-- Euclidean length over the last axis, safe at 0.
local function length(x) return (x:square():sum{axis = -1} + 1e-8):sqrt() end

-- Seed of the first avatar that training draws.
local FIRST = 1000

-- One draw of a batch: who, with which starting code, seen from where.
local function draw(t, rng)
  local seed, k = FIRST + rng:below(t.people), rng:below(t.references:dim(1)) + 1
  return {seed = seed, code = k, yaw = rng:uniform(-t.yaw, t.yaw), pitch = rng:uniform(-t.pitch, t.pitch)}
end

-- What does not depend on the mapper, of draws: codes, cameras, static planes, and of the unedited pictures the target and the identity.
-- Each is a tensor with a row per draw.
local FIELDS = {'ws', 'shape', 'alpha', 'camera', 'static', 'goal', 'who'}
local function prepare(t, draws)
  return mien.no_grad(function()
    local a, n, b, people = t.avatar, #draws, {}, {}
    for i, d in ipairs(draws) do people[i] = a:person(d.seed) end
    local function all(of) local list = {} for i = 1, n do list[i] = of(draws[i], people[i]) end return mien.concat_rows(list) end
    b.ws, b.shape = all(function(_, p) return p.ws end), all(function(_, p) return p.shape end)
    b.alpha = all(function(d) return t.references:slice(1, d.code, d.code) end)
    b.camera = all(function(d) return a:camera{yaw = d.yaw, pitch = d.pitch} end)
    b.static = a.generator:static(b.ws)
    local source = a:view(a:planes(b.ws, b.shape, b.alpha, b.static), b.ws, b.camera)
    local e = a:embed(source)
    b.goal = a.unit(t.project and mien.project_target(e, t.text, t.basis, {gamma = t.gamma, guard = t.guard}) or t.text:expand(n, t.text:dim(2)))
    b.who = a:identity(source)
    return b
  end)
end

-- The batch of a step.  With t.pool = P there are P draws in all, functions of t.seed alone, each prepared when it first comes and kept.
function method.batch(t, rng)
  local draws = {}
  if (t.pool or 0) == 0 then
    for i = 1, t.batch do draws[i] = draw(t, rng) end
    return prepare(t, draws)
  end
  t.prepared = t.prepared or {}
  local rows = {}
  for i = 1, t.batch do
    local k = rng:below(t.pool) + 1
    if not t.prepared[k] then
      t.prepared[k] = prepare(t, {draw(t, mien.rng(t.seed, 2 ^ 32 + k))})
      for _, name in ipairs(FIELDS) do t.prepared[k][name] = core.hold(t.prepared[k][name]) end
    end
    rows[i] = t.prepared[k]
  end
  local b = {}
  for _, name in ipairs(FIELDS) do
    local list = {}
    for i, row in ipairs(rows) do list[i] = row[name] end
    b[name] = mien.concat_rows(list)
  end
  return b
end

-- The loss of a batch, and its terms as tensors: no number is read here, so that a graph can record it.
-- small: the edited picture is the one before super-resolution.
function method.terms(t, b, small)
  local a = t.avatar
  local ws, alpha, dw, dalpha = t.mapper:edit(b.ws, b.alpha)
  local planes = a:planes(ws, b.shape, alpha, method.still(a, t.mapper, b.static))
  local edited = small and a:neural(planes, b.camera) or a:view(planes, ws, b.camera)
  local clip = a.cosine(a:embed(edited), b.goal):mean() * -1
  local id = a.cosine(a:identity(edited), b.who):mean() * -1 + 1
  local size = length(dw):mean() + length(dalpha):mean()             -- eq. 6; each row of w is a w of its own
  return clip * t.w_clip + id * t.w_id + size * t.w_m, {clip = clip, id = id, size = size}
end

-- The loss of one step.  t: {avatar, mapper, text [1,D], basis [K,D], gamma, guard, project, w_clip, w_id, w_m, batch, references [R,E], people, yaw,
-- pitch, seed; for draws that are kept pool; small: the share of the steps that are guided by small pictures}
function method.loss(t, rng)
  local small = (t.small or 0) > 0 and rng:uniform() < t.small
  local loss, terms = method.terms(t, method.batch(t, rng), small)
  return loss, {clip = terms.clip:item(), id = terms.id:item(), size = terms.size:item()}
end

-- The CLIP loss of `count` avatars that training never draws, each in a step's kind of draw; the same ones at every call.
function method.validation(t, count)
  if not t.unseen then
    local rng, draws = mien.rng(t.seed, 2 ^ 33), {}
    for i = 1, count do
      draws[i] = draw(t, rng)
      draws[i].seed = FIRST + t.people + i - 1
    end
    t.unseen = prepare(t, draws)
    for _, name in ipairs(FIELDS) do t.unseen[name] = core.hold(t.unseen[name]) end
  end
  local _, terms = method.terms(t, t.unseen)
  return terms.clip:item()
end

-- Which rows of w a mapper edits, by name: the first, from 0, and how many.
local function rows_of(a, name)
  local first, count = a:texture_rows()
  local ranges = {texture = {first - 1, count}, static = {0, first - 1}, all = {0, first - 1 + count}}
  if not ranges[name] then error(("rows: texture, static or all expected, got '%s'"):format(name), 0) end
  return unpack(ranges[name])
end

-- The static planes, unless the mapper (nil: none) edits rows that they are made from: then nil, and they have to be made anew.
function method.still(a, mapper, static)
  if not mapper or mapper:config 'edit_first' + 1 >= a:texture_rows() then return static end
end

-- New Dual Mappers for this avatar: {seed, rows = 'texture', cross = true, d, hidden, layers}.
function method.new_mapper(a, o)
  local first, count = rows_of(a, o.rows or 'texture')
  local _, texture = a:texture_rows()
  local config = ('{"w_dim":%d,"expr":%d,"rows":%d,"edit_first":%d,"edit_count":%d,"d":%d,"hidden":%d,"layers":%d,"cross":%s}')
    :format(a.generator:config 'w_dim', a.expr, 2 * texture, first, count, o.d or 48, o.hidden or 96, o.layers or 3, o.cross == false and 'false' or 'true')
  return mien.new_model('mapper', config, o.seed), config
end

-- A mapper of the library as an edit of strength 1 for method.apply, with its prompt; an error when it is not there or was trained on
-- another generator.  Its starting code is nil when whoever stored it did not say.
function method.stored(a, library, name)
  local mapper, about = library:load(name, a.generator:hash())
  if not mapper then error(about, 0) end
  local code = mien.json_decode(about.options).code
  return {mapper = mapper, code = code and mien.tensor{code}, strength = 1, name = about.name, prompt = about.prompt, weights_sha256 = about.weights_sha256}
end

-- Applies edits {mapper, code [1,E], strength} to a person: ws, alpha.  Strength 0 leaves the person neutral; several edits add up.
function method.apply(a, who, edits)
  return mien.no_grad(function()
    local ws, alpha = who.ws, a:neutral()
    for _, e in ipairs(edits) do
      local _, changed, dw = e.mapper:edit(who.ws, e.code)
      alpha = alpha + changed * e.strength
      local first, after = e.mapper:config 'edit_first', who.ws:dim(2) - e.mapper:config 'edit_first' - dw:dim(2)
      local full = first > 0 and mien.concat(mien.zeros{1, first, who.ws:dim(3)}, dw, {axis = 2}) or dw
      if after > 0 then full = mien.concat(full, mien.zeros{1, after, who.ws:dim(3)}, {axis = 2}) end
      ws = ws + full * e.strength
    end
    return ws, alpha
  end)
end

return method
