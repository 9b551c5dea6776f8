-- train.lua -- the main job in small on the embedded avatar: training lowers the loss of what it sees, stopping and resuming gives the weights of
-- an uninterrupted run bit for bit, strength 0 changes nothing, the same seed gives the same picture.
local mien, T = require 'mien', require 'mien.test'
local avatar, method, trainer, paths = require 'mien.avatar', require 'mien.method', require 'mien.trainer', require 'mien.paths'
local a = avatar.load 'models/avatar'
local folder = paths.temporary()

local function task(mapper)
  local codes, text, basis = mien.no_grad(function() return a:references 'smile', a:text 'A person who is smiling', method.subspace(a, method.basis) end)
  return {avatar = a, mapper = mapper, text = text, basis = basis, gamma = 3, project = true, w_clip = 1, w_id = 0.2, w_m = 0.05, batch = 1,
    references = codes, people = 50, yaw = 10, pitch = 4}
end
local function weights(mapper)
  local out = {}
  for i, p in ipairs((mapper:params())) do out[i] = p:totable() end
  return out
end
local function train(file, steps, total, samples)
  local mapper = method.new_mapper(a, {seed = 4}):train(true)
  local job = task(mapper)
  local run = trainer.new {name = 'test', model = mapper, steps = total, lr = 0.001, seed = 4, warm = 2, adam = {clip = 5}, checkpoint = file, quiet = true, stop_at = steps,
    step = function(i, rng) return method.loss(job, samples and mien.rng(99, i % samples + 1) or rng) end}
  run:go()
  return mapper, job
end

T.test('resuming is exact', function(t)
  local whole = weights((train(nil, 6, 6)))
  train(folder .. '/half.safetensors', 3, 6)
  t:equal(weights((train(folder .. '/half.safetensors', 6, 6))), whole)
end)

T.test('training on three samples lowers their loss', function(t)
  local fixed = function(job) return mien.no_grad(function()
    local sum = 0
    for i = 1, 3 do sum = sum + method.loss(job, mien.rng(99, i)):item() end
    return sum / 3
  end) end
  local fresh = method.new_mapper(a, {seed = 4})
  local before = fixed(task(fresh))
  local _, job = train(nil, 21, 21, 3)
  local after = fixed(job)
  t:ok(after < before, ('loss %.4f before, %.4f after 21 steps'):format(before, after))
end)

-- Adam's first step moves every weight by its rate, whatever the gradient's size.
T.test('a parameter may have a rate of its own', function(t)
  local slow, fast, still = mien.tensor{1, 2}:param(), mien.tensor{1, 2}:param(), mien.tensor{1, 2}:param()
  local run = trainer.new {name = 'rates', params = {slow, fast, still}, names = {'slow', 'fast', 'still'}, steps = 1, lr = 0.01, warm = 1, quiet = true,
    rate = function(name) return name == 'fast' and 4 or name == 'still' and 0 or nil end,
    step = function() return slow:sum() + fast:sum() * 100 + still:sum() end}
  run:go()
  local step = 1 - slow:item(1)
  t:ok(step > 0.0005, step)
  t:ok(math.abs(1 - fast:item(1) - 4 * step) < 1e-6, fast:item(1))
  t:equal(still:totable(), {1, 2})
  t:fails('a list of 1 numbers', mien.adam, {slow}, {rates = {1, 2}})
  t:fails('number 1 is a string', mien.adam, {slow}, {rates = {'x'}})
  t:fails('from 0 on expected, got -1', mien.adam, {slow}, {rates = {-1}})
end)

-- A watch ends a run whose measures have stopped falling, and a run that goes on from a checkpoint counts on.
T.test('training ends when what is watched is flat', function(t)
  local measures = {3, 2, 2.5, 1, 1, 1.5, 0.5}
  local function run(file, stop_at)
    local w, r = mien.tensor{1, 2}:param(), nil
    r = trainer.new {name = 'watched', params = {w}, names = {'w'}, steps = 40, lr = 0.1, seed = 1, warm = 2, checkpoint = file, quiet = true, stop_at = stop_at,
      watch = {every = 2, patience = 2, least = 0.001, measure = function() return measures[r.at / 2] end},
      step = function() return w:square():sum() end}
    return r
  end
  local whole = run()
  t:ok(whole:go() and whole:flat())
  t:equal(whole.at, 12)                                                  -- 1, then 1 and 1.5: twice without a better one
  local file = folder .. '/watched.safetensors'
  t:ok(not run(file, 10):go())
  local rest = run(file)
  t:ok(rest:go())
  t:equal(rest.at, 12)
  t:equal(rest.params[1]:totable(), whole.params[1]:totable())
  t:ok(run(file):go(), 'a run that ended is ended')
end)

T.test('an error between steps keeps what was learned', function(t)
  local file = folder .. '/between.safetensors'
  for part, message in pairs{log = 'no room for the preview', measure = 'no measure'} do
    os.remove(file)
    local w = mien.tensor{1, 2}:param()
    local run = trainer.new {name = 'between', params = {w}, names = {'w'}, steps = 9, lr = 0.1, warm = 2, checkpoint = file, quiet = true, precision = 'bf16',
      watch = {every = 4, patience = 2, least = 0.001, measure = function() if part == 'measure' then error(message, 0) end return 1 end},
      log = function(at) if part == 'log' and at == 4 then error(message, 0) end end,
      step = function() return w:square():sum() end}
    t:fails(message, run.go, run)
    t:equal(mien.precision(), 'strict')
    local kept, meta = mien.st_load(file)
    t:equal({meta.step, kept['w.w']:totable()}, {'4', w:totable()})
  end
end)

T.test('the loss of unseen avatars', function(t)
  local job = task(method.new_mapper(a, {seed = 4}))
  job.seed = 3
  local function measure() return mien.no_grad(function() return mien.scope(function() return method.validation(job, 2) end) end) end
  local first = measure()
  t:equal(measure(), first)
  t:ok(first > -1 and first < 1)
end)

T.test('rows of w that are edited', function(t)
  local first, count = a:texture_rows()
  for rows, range in pairs{texture = {first, first + count - 1}, static = {1, first - 1}, all = {1, first + count - 1}} do
    local mapper = method.new_mapper(a, {seed = 4, rows = rows}):train(true)
    mapper:weight('texture.shift'):copy(mien.full(mapper:weight('texture.shift'):shape(), 0.1))      -- new mappers change next to nothing
    local who, code = a:person(3), a:references('smile'):slice(1, 1, 1)
    local ws = method.apply(a, who, {{mapper = mapper, code = code, strength = 1}})
    t:near(ws, (mapper:edit(who.ws, code)), 1e-6, rows)
    local moved = (ws - who.ws):square():sum{axis = 3}:totable()
    for r, by in ipairs(moved) do t:equal(by > 0, r >= range[1] and r <= range[2], ('row %d with rows=%s'):format(r, rows)) end
    mien.backward((method.loss(task(mapper), mien.rng(4, 1))))
    local pull = mapper:weight('texture.shift'):grad():square():sum{axis = 2}:totable()
    local none = 0
    for _, g in ipairs(pull) do if g == 0 then none = none + 1 end end
    t:ok(none < #pull / 2, ('rows=%s: %d of %d rows get no gradient'):format(rows, none, #pull))
  end
  t:fails("rows: texture, static or all expected, got 'some'", method.new_mapper, a, {rows = 'some'})
end)

T.test('draws that are kept', function(t)
  local mapper = method.new_mapper(a, {seed = 4})
  local job, fresh = task(mapper), task(mapper)
  job.pool, job.seed, fresh.pool, fresh.seed, job.batch, fresh.batch = 2, 7, 2, 7, 2, 2
  mien.no_grad(function()
    local first = mien.scope(function() return method.loss(job, mien.rng(1, 1)):item() end)
    t:ok(#job.prepared > 0)
    t:equal(method.loss(job, mien.rng(1, 1)):item(), first)            -- from what was kept
    job.small = 1
    local small = method.loss(job, mien.rng(1, 1)):item()
    job.small = 0
    t:ok(small ~= first and math.abs(small - first) < 0.5, ('loss %.4f of pictures, %.4f of small ones'):format(first, small))
    local other = method.loss(fresh, mien.rng(1, 2)):item()
    t:equal(method.loss(job, mien.rng(1, 2)):item(), other)            -- whatever came before
  end)
end)

T.test('strength 0 is the untouched face; equal seeds, equal pictures', function(t)
  mien.no_grad(function()
    local mapper = method.new_mapper(a, {seed = 1})
    local who, again = a:person(5), a:person(5)
    local ws, alpha = method.apply(a, who, {{mapper = mapper, code = a:references('smile'):slice(1, 1, 1), strength = 0}})
    local before, after = a:picture(who.ws, who.shape, a:neutral()), a:picture(ws, who.shape, alpha)
    t:equal(mien.to_pixels(before):totable(), mien.to_pixels(after):totable())
    t:equal(mien.to_pixels(before):totable(), mien.to_pixels(a:picture(again.ws, again.shape, a:neutral())):totable())
    t:ok((before - a:picture(who.ws, who.shape, a:references('mouth stretch'):slice(1, 1, 1))):abs():mean():item() > 0.001, 'an expression shows')
  end)
end)

T.test('unknown words are named', function(t)
  local _, unknown = a:text('A person who is smyling zorgly', true)
  t:equal(unknown, {'smyling', 'zorgly'})
end)

paths.remove(folder)
a = nil
