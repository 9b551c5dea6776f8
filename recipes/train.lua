-- train.lua -- trains Dual Mappers for one expression from its text prompt, and stores them in the library.
--
--   mien recipes/train.lua prompt="A person who is raising brow" name=raise_brow
--
-- Each step draws avatars and reference codes, renders the unedited pictures, projects their embeddings with the prompt into
-- the target, renders the edited ones, and descends  w_clip L_CLIP + w_id L_ID + w_m L_M.  The codes come from reference=FILE.png,
-- or from the model's own reference pictures of the expression that the prompt names, or (reference=none) start neutral.
-- The library keeps the state of a run every `save` seconds: the same command goes on with one that was stopped or killed, and ends with
-- the weights of one that was not.  Every `preview` steps a sheet in `out` shows how far it is.
local mien = require 'mien'
mien.api(1)
local avatar, method, trainer = require 'mien.avatar', require 'mien.method', require 'mien.trainer'
local opt = mien.options {
  prompt     = {mien.required, 'target text'},
  name       = {'', 'name of the mapper in the library; empty: of the expression that the prompt names, or of the prompt'},
  model      = {'', 'models by name or folder, with commas: each part from the first that has it; empty: the embedded avatar'},
  reference  = {'auto', 'PNG file, name of an expression, auto (from the prompt), or none'},
  steps      = {120, 'optimiser steps', whole = true, least = 1},
  batch      = {2, 'avatars a step', whole = true, least = 1},
  lr         = {0.001, 'Adam learning rate', least = 0},
  gamma      = {3, 'augmentation power of the text in the target (eq. 9)'},
  project    = {true, 'subspace projection; false: the plain text embedding is the target'},
  literal    = {false, 'project on the prompts as they are, as eqs. 7-9 are written, not on an orthonormal basis of them'},
  cross      = {true, 'cross-attention between the mappers'},
  rows       = {'texture', 'rows of w that are edited: texture, static or all'},
  w_clip     = {1, 'weight of the CLIP loss', least = 0},
  w_id       = {0.2, 'weight of the identity loss', least = 0},
  w_m        = {0.05, 'weight of the size of the change', least = 0},
  people     = {5000, 'how many avatars are drawn from', whole = true, least = 1},
  yaw        = {20, 'cameras: degrees to either side', least = 0, most = 180},
  pitch      = {8, 'cameras: degrees up or down', least = 0, most = 90},
  pool       = {0, 'draws of avatar, code and camera in all, what does not depend on the mapper found once; 0: new ones in every step', whole = true, least = 0},
  patience   = {0, 'measures of unseen avatars in a row without a better CLIP loss after which training ends early; 0: it takes all steps', whole = true, least = 0},
  every      = {10, 'with patience: steps between those measures', whole = true, least = 1},
  small      = {0, 'share of the steps that see the picture before super-resolution, enlarged: faster, softer', least = 0, most = 1},
  seed       = {1, 'seeds everything', whole = true, least = 0},
  library    = {'', 'library file; empty: the default one'},
  save       = {60, 'seconds between checkpoints', least = 0},
  replace    = {false, 'replace a mapper of this name'},
  preview    = {30, 'steps between preview sheets; 0: none', whole = true, least = 0},
  out        = {'out/train', 'folder for the preview sheets'},
}
-- Options that have no part in what is learned.
local free = {name = true, library = true, save = true, replace = true, preview = true, out = true}
if opt.name:find '^#' or opt.name:find ',' then error(("option 'name': no # in front and no comma expected, got '%s'"):format(opt.name), 0) end
if opt.name == '' then opt.name = (method.expression_of(opt.prompt) or opt.prompt):lower():gsub('%W+', '_'):gsub('^_', ''):gsub('_$', '') end
local a = avatar.load(opt.model)
local text = a:text(opt.prompt)
local expression = opt.reference
if expression == 'auto' then                                       -- imported models come without reference pictures
  local named = method.expression_of(opt.prompt)
  expression = named and a:references(named) and named or 'none'
end
local codes = method.codes(a, expression)
if expression == 'none' then io.stderr:write('no reference pictures: training starts from the neutral face\n') end
local basis = mien.no_grad(function() return opt.literal and method.prompts(a, method.basis) or method.subspace(a, method.basis) end)
local _, along = mien.project_target(text, text, basis)
if opt.project and along:item() < method.guard then
  io.stderr:write(('warning: the prompt says little that the basis prompts say (%.2f along them): the target is held back\n'):format(along:item()))
end

-- A repetition has a library of its own: it must change nothing.
local repeats = mien.recipe.repeats
assert(mien.mkdir(opt.out))
local library = assert(mien.store.open(repeats and opt.out .. '/library.db' or opt.library ~= '' and opt.library or nil))
local mapper, config = method.new_mapper(a, {seed = opt.seed, cross = opt.cross, rows = opt.rows})
local hash, mean = a.generator:hash(), codes:mean{axis = 1}:reshape(1, -1)

-- What decides the weights: the options, and what they stand for.  `code` is what an edit starts from.
local identity = {engine = mien.version, generator = hash, clip = a.clip:hash(), arcface = a.arcface:hash(), mapper = config, expression = expression, code = mean:totable(), codes_sha256 = mien.sha256(mien.json_encode(codes:totable()))}
for key, value in pairs(opt) do identity[key] = value end
local run, tensors, texts = mien.store.interrupted(library, 'recipes/train.lua', identity, free)
local function finish()
  assert(run:set_mapper(opt.name))
  assert(run:finish 'complete')
end
local known = library:mapper(opt.name)
if known and known.status == 'complete' and mien.store.same_options(known.options, identity, free) then
  if run then finish() end                                         -- it was killed after its last step
  print(("mapper '%s' is in %s, trained with these options"):format(opt.name, library:path()))
  library:close()
  return
elseif known and not opt.replace then
  error(("%s has a mapper '%s' that was trained with other options: replace=true replaces it"):format(library:path(), opt.name), 0)
end
assert(library:put_model{kind = 'next3d', name = a.folder, hash = hash, config = a.generator:config_json()})
assert(library:put_model{kind = 'clip', name = a.folder, hash = a.clip:hash(), config = a.clip:config_json()})
assert(library:put_prompt(opt.prompt, a.clip:hash(), text))
local basis_name = opt.project and ('expressions %s, gamma %g'):format(mien.sha256(table.concat(method.basis, '\n')):sub(1, 8), opt.gamma) or nil
if basis_name then assert(library:put_basis{name = basis_name, gamma = opt.gamma, prompts = method.basis}) end

run = run or assert(library:begin_run{recipe = 'recipes/train.lua', options = identity, seed = opt.seed})
local task = {avatar = a, mapper = mapper:train(true), text = text, basis = basis, gamma = opt.gamma, guard = opt.literal and -1 or method.guard, project = opt.project,
  w_clip = opt.w_clip, w_id = opt.w_id, w_m = opt.w_m, batch = opt.batch, references = codes, people = opt.people, yaw = opt.yaw, pitch = opt.pitch, pool = opt.pool, seed = opt.seed, small = opt.small}

local function edited(seed)
  local who = a:person(seed)
  local ws, alpha = method.apply(a, who, {{mapper = mapper, code = mean, strength = 1}})
  return a:picture(ws, who.shape, alpha), a:picture(who.ws, who.shape, a:neutral())
end
local function preview(step)
  mien.scope(function() mien.no_grad(function()
    local before, after = {}, {}
    for seed = 0, 3 do after[seed + 1], before[seed + 1] = edited(seed) end
    local path = ('%s/%s_step%04d.png'):format(opt.out, opt.name:gsub('[^%w_-]', '_'), step)
    assert(mien.save_picture(path, mien.sheet{rows = {before, after}, row_labels = {'before', 'after'}, title = opt.prompt, footer = ('step %d of %d'):format(step, opt.steps)}))
    print(path)
  end) end)
end
local job = trainer.new {
  name = opt.name, model = mapper, steps = opt.steps, lr = opt.lr, seed = opt.seed, warm = 10, adam = {clip = 5},
  checkpoint = trainer.in_library(run, tensors, texts), save_every = opt.save,
  watch = opt.patience > 0 and {every = opt.every, patience = opt.patience, least = 0.001, measure = function() return method.validation(task, 8) end} or nil,
  step = function(_, rng) return method.loss(task, rng) end,
  log = function(step, values)
    run:log(step, values)
    if opt.preview > 0 and step % opt.preview == 0 and step < opt.steps then preview(step) end
  end,
  stopped = function()
    run:finish('interrupted', 'Ctrl-C')
    library:close()
  end,
}
job:go()
mapper:train(false)
if job:flat() then print(('the CLIP loss of unseen avatars is flat: ended after step %d'):format(job.at)) end
if opt.preview > 0 then preview(job.at) end
local thumbnail = mien.no_grad(function() return mien.to_pixels((edited(0))) end)
assert(library:save{name = opt.name, status = 'complete', prompt = opt.prompt, basis = basis_name, model_hash = hash, seed = opt.seed, options = identity,
  weights = mapper, thumbnail = thumbnail, replace = opt.replace})
finish()
print(("mapper '%s' is in %s"):format(opt.name, library:path()))
library:close()
