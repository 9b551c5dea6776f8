-- train.lua -- trains Dual Mappers for one expression from its text prompt, and stores them in the library.
--
--   mien recipes/train.lua prompt="A person who is raising brow" name=raise_brow
--
-- Each step draws avatars and reference codes, renders the unedited pictures, projects their embeddings with the prompt into
-- the target, renders the edited ones, and descends  w_clip L_CLIP + w_id L_ID + w_m L_M.  The codes come from reference=FILE.png,
-- or from the model's own reference pictures of the expression that the prompt names, or (reference=none) start neutral.
local mien = require 'mien'
mien.api(1)
local avatar, method, trainer = require 'mien.avatar', require 'mien.method', require 'mien.trainer'
local opt = mien.options {
  prompt     = {mien.required, 'target text'},
  name       = {'', 'name of the mapper in the library; empty: of the expression that the prompt names, or of the prompt'},
  model      = {'', 'models by name or folder, with commas: each part from the first that has it; empty: the embedded avatar'},
  reference  = {'auto', 'PNG file, name of an expression, auto (from the prompt), or none'},
  steps      = {120, 'optimiser steps'},
  batch      = {2, 'avatars a step'},
  lr         = {0.001, 'Adam learning rate'},
  gamma      = {3, 'augmentation power of the text in the target (eq. 9)'},
  project    = {true, 'subspace projection; false: the plain text embedding is the target'},
  cross      = {true, 'cross-attention between the mappers'},
  w_clip     = {1, 'weight of the CLIP loss'},
  w_id       = {0.2, 'weight of the identity loss'},
  w_m        = {0.05, 'weight of the size of the change'},
  people     = {5000, 'how many avatars are drawn from'},
  yaw        = {20, 'cameras: degrees to either side'},
  pitch      = {8, 'cameras: degrees up or down'},
  seed       = {1, 'seeds everything'},
  library    = {'', 'library file; empty: the default one'},
  checkpoint = {'', 'file to resume from and save to; empty: none'},
  save       = {60, 'seconds between checkpoints'},
  replace    = {false, 'replace a mapper of this name'},
  out        = {'', 'also write the mapper to this safetensors file'},
}
if opt.name == '' then opt.name = (method.expression_of(opt.prompt) or opt.prompt):lower():gsub('%W+', '_'):gsub('^_', ''):gsub('_$', '') end
local a = avatar.load(opt.model)
local text = a:text(opt.prompt)

local expression = opt.reference == 'auto' and method.expression_of(opt.prompt) or opt.reference
local codes
if expression and expression ~= 'none' and expression ~= 'auto' then codes = mien.no_grad(function() return a:references(expression) end) end
if opt.reference ~= 'auto' and opt.reference ~= 'none' and not codes then
  error(("reference: no pictures of '%s' in %s; a PNG file, or one of the model's expressions, was expected"):format(opt.reference, a.folder), 0)
end
if not codes then
  codes = a:neutral()
  io.stderr:write('no reference pictures: training starts from the neutral face\n')
end

local basis = mien.no_grad(function() return method.subspace(a, method.basis) end)
local mapper, config = method.new_mapper(a, {seed = opt.seed, cross = opt.cross})
mapper:train(true)
local task = {avatar = a, mapper = mapper, text = text, basis = basis, gamma = opt.gamma, project = opt.project, w_clip = opt.w_clip, w_id = opt.w_id,
  w_m = opt.w_m, batch = opt.batch, references = codes, people = opt.people, yaw = opt.yaw, pitch = opt.pitch}

local library = assert(mien.store.open(opt.library ~= '' and opt.library or nil))
local hash = a.generator:hash()
assert(library:put_model{kind = 'next3d', name = a.folder, hash = hash, config = a.generator:config_json()})
local run = trainer.new {
  name = opt.name, model = mapper, steps = opt.steps, lr = opt.lr, seed = opt.seed, warm = 10, adam = {clip = 5},
  checkpoint = opt.checkpoint ~= '' and opt.checkpoint or nil, save_every = opt.save,
  config = table.concat({opt.prompt, hash, expression or '', opt.steps, opt.batch, opt.lr, opt.gamma, tostring(opt.project), opt.w_clip, opt.w_id, opt.w_m, opt.seed, config}, '|'),
  step = function(_, rng) return method.loss(task, rng) end,
}
local record = assert(library:begin_run{recipe = 'recipes/train.lua', options = opt, seed = opt.seed})
run.log = function(step, values) record:log(step, values) end
local finished = run:go()
mapper:train(false)

local first = codes:slice(1, 1, 1):totable()
local mean = codes:mean{axis = 1}:totable()
if finished then
  local who = a:person(0)
  local ws, alpha = method.apply(a, who, {{mapper = mapper, code = mien.tensor{mean}, strength = 1}})
  local thumbnail = mien.no_grad(function() return mien.to_pixels(a:picture(ws, who.shape, alpha)) end)
  local options = {}
  for k, v in pairs(opt) do options[k] = v end
  options.code, options.first_code, options.expression = mean, first, expression or ''
  assert(library:save{name = opt.name, status = 'complete', prompt = opt.prompt, model_hash = hash, seed = opt.seed, options = options, weights = mapper,
    thumbnail = thumbnail, replace = opt.replace})
  assert(record:set_mapper(opt.name))
  if opt.out ~= '' then
    local list = {}
    for i, v in ipairs(mean) do list[i] = ('%.7g'):format(v) end
    assert(mapper:save(opt.out, {meta = {prompt = opt.prompt, name = opt.name, code = table.concat(list, ','), model_hash = hash}}))
  end
  print(("mapper '%s' is in %s"):format(opt.name, library:path()))
end
record:finish(finished and 'complete' or 'failed')
library:close()
if not finished then os.exit(130) end
