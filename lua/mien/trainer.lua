-- trainer.lua -- the loop every training recipe runs: steps, averages of the loss terms, progress with the time left,
-- checkpoints every so many seconds, Ctrl-C that stops cleanly, and resuming with the numbers of an uninterrupted run.
--
--   local run = trainer.new {
--     name = 'encoder', checkpoint = 'data/avatar/encoder_checkpoint.safetensors',    -- or trainer.in_library(run, tensors, texts)
--     model = model,                   -- or params = {...}, names = {...}
--     steps = 1000, seconds = math.huge, save_every = 180,
--     lr = 1e-3, adam = {beta2 = 0.99}, ema = 0.998,      -- ema: keep an average of the weights
--     rate = function(name) return number end,            -- what the learning rate of that parameter is multiplied with; nil: 1
--     config = json,                   -- text that must be the same when resuming
--     precision = 'bf16',              -- of the forward and backward passes (mien.precision); f16 scales losses
--     step = function(i, rng) ... return loss, {term = number} end,
--     saved = function(run) ... end,   -- after each checkpoint
--     stopped = function() ... end,    -- after the checkpoint that Ctrl-C led to
--     stop_at = 500, quiet = true,     -- end this call early; print nothing
--     watch = {every = 10, patience = 3, least = 0.001, measure = function() return number end},
--                                      -- every so many steps; done when so many measures in a row were not lower by `least` than the lowest
--   }
--   run:go()                           -- true when all steps are done (or the watch ended them), false when `seconds` or `stop_at` ended it before;
--                                      -- Ctrl-C ends the recipe
--   run:averages()                     -- list of averaged tensors in the order of run.names
--
-- All randomness of step i comes from the rng it is given, a function of (seed, i) alone.
local mien = require 'mien'
local trainer = {}
trainer.__index = trainer

-- Cosine decay to 5 % after a short warm-up.
local function schedule(lr, i, steps, warm)
  return lr * math.min(1, i / warm) * (0.05 + 0.475 * (1 + math.cos(math.pi * math.min(1, i / steps))))
end

-- Where checkpoints are kept: load() gives {name = tensor}, {key = text} or nil; save takes them.  In a file, whose folder is made at once:
local function in_file(path)
  assert(mien.mkdir(path:match '^(.*)/' or '.'))
  return {
    name = path,
    load = function() if mien.file_kind(path) then return assert(mien.st_load(path)) end end,
    save = function(tensors, texts) assert(mien.st_save(path, tensors, texts)) end,
  }
end

-- Or in a run of the library, of which these tensors and texts were kept (nil: it is new).
function trainer.in_library(run, tensors, texts)
  return {
    name = 'run #' .. run:id(),
    load = function() return tensors, texts end,
    save = function(t, new_texts) assert(run:set_state(t, new_texts)) end,
  }
end

function trainer.new(o)
  local self = setmetatable(o, trainer)
  if type(o.checkpoint) == 'string' then self.checkpoint = in_file(o.checkpoint) end
  if o.model then self.params, self.names = o.model:params() end
  local options = {lr = o.lr}
  for k, v in pairs(o.adam or {}) do options[k] = v end
  if o.rate then
    options.rates = {}
    for i, n in ipairs(self.names) do options.rates[i] = o.rate(n) or 1 end
  end
  self.optimizer = mien.adam(self.params, options)
  if (o.precision or mien.precision()) == 'f16' then self.scale = self.optimizer:scale(1024) end
  self.at, self.seed, self.seconds, self.save_every = 0, o.seed or 1, o.seconds or math.huge, o.save_every or 180
  if o.ema then
    self.average = {}
    for i, p in ipairs(self.params) do self.average[i] = p:clone() end
  end
  self:resume()
  return self
end

function trainer:resume()
  if not self.checkpoint then return end
  local t, meta = self.checkpoint.load()
  if not t then return end
  if meta.config ~= (self.config or '') then
    error(("%s: this checkpoint was made with other options; remove it to start anew, or give the options it was made with:\n  %s"):format(self.checkpoint.name, meta.config or ''), 0)
  end
  local state = {}
  for i, n in ipairs(self.names) do
    self.params[i]:copy(t['w.' .. n])
    if self.average then self.average[i]:copy(t['e.' .. n]) end
    state[2 * i - 1], state[2 * i] = t['m.' .. n], t['v.' .. n]
  end
  self.optimizer:restore(state, tonumber(meta.count))
  self.at = tonumber(meta.step)
  if self.watch and meta.lowest then self.watch.lowest, self.watch.misses = tonumber(meta.lowest), tonumber(meta.misses) end
  if not self.quiet then io.stderr:write(('%s: resuming at step %d\n'):format(self.name, self.at)) end
end

function trainer:save()
  if self.checkpoint then
    local t, state, count = {}, self.optimizer:state()
    for i, n in ipairs(self.names) do
      t['w.' .. n], t['m.' .. n], t['v.' .. n] = self.params[i], state[2 * i - 1], state[2 * i]
      if self.average then t['e.' .. n] = self.average[i] end
    end
    local texts = {step = tostring(self.at), count = tostring(count), config = self.config or ''}
    if self.watch and self.watch.lowest then texts.lowest, texts.misses = ('%.17g'):format(self.watch.lowest), tostring(self.watch.misses) end
    self.checkpoint.save(t, texts)
  end
  if self.saved then self.saved(self) end
end

function trainer:averages() return self.average or self.params end

-- Weights of the model in a file ('' for none) into a model that is to be trained: for each of its names called(name, that model) says under
-- which name they stand there, or nothing to leave it as it is.  Returns the other model.
function trainer.start_from(model, path, called)
  if path == '' then return end
  local before, _, names = assert(mien.load_model(path)), model:params()
  for _, name in ipairs(names) do
    local there = called(name, before)
    if there then model:set_weight(name, before:weight(there)) end
  end
  return before
end

-- One step; values to show.  An error leaves parameters and moments as they were after the last whole step.
function trainer:one(i)
  local values = mien.scope(function()
    local loss, values = self.step(i, mien.rng(self.seed, i))
    mien.backward(self.scale and loss * self.scale or loss)
    values = values or {}
    values.loss = loss:item()
    values.norm = self.optimizer:step(schedule(self.lr, i, self.steps, self.warm or 50))
    return values
  end)
  if self.average then
    local decay = math.min(self.ema, 1 - 1 / (1 + i / 10))
    for k, p in ipairs(self.params) do mien.ema(self.average[k], p, decay) end
  end
  self.at = i
  return values
end

-- Whether the watch has seen no better measure for as long as it waits.
function trainer:flat()
  local w = self.watch
  return w ~= nil and w.lowest ~= nil and w.misses >= w.patience
end

local function look(w)
  local value = mien.scope(function() return mien.no_grad(w.measure) end)
  if not w.lowest or value < w.lowest - w.least then w.lowest, w.misses = value, 0 else w.misses = w.misses + 1 end
  return value
end

function trainer:go()
  local before = mien.precision()
  mien.precision(self.precision or before)
  local began, saved = os.time(), os.time()
  local bar, means = mien.progress.new(self.name, self.steps), {}
  local stopped
  -- What f returns; nil where Ctrl-C ended it, unless it is to be whole: then it is called again.  Any other error ends the training.
  local function attempt(whole, f, ...)
    local ok, value = pcall(f, ...)
    if ok then return value end
    if not mien.interrupted() then
      mien.precision(before)
      pcall(self.save, self)
      error(value, 0)
    end
    mien.interrupt_clear()
    stopped = true
    if whole then return f(...) end
  end
  while self.at < (self.stop_at or self.steps) and not stopped and not self:flat() and os.time() - began < self.seconds do
    local values = attempt(false, self.one, self, self.at + 1)
    if not values then
      for _, p in ipairs(self.params) do p:zero_grad() end
    else
      if self.watch and self.at % self.watch.every == 0 then values.validation = attempt(true, look, self.watch) end
      for k, v in pairs(values) do means[k] = (means[k] or v) * 0.96 + v * 0.04 end
      if not self.quiet then bar:step(self.at, means, self.at == self.steps or self:flat()) end
      if self.log then attempt(false, self.log, self.at, values) end
      if os.time() - saved >= self.save_every then
        local kept, why = pcall(self.save, self)
        if not kept then io.stderr:write(('%s: no checkpoint at step %d, training goes on: %s\n'):format(self.name, self.at, tostring(why))) end
        saved = os.time()
      end
    end
  end
  if not self.quiet then bar:done() end
  mien.precision(before)
  self:save()
  if stopped then
    io.stderr:write(('%s: stopped at step %d%s\n'):format(self.name, self.at, self.checkpoint and '; run it again to go on' or ''))
    if self.stopped then self.stopped() end
    error({exit = 130}, 0)
  end
  return self.at >= self.steps or self:flat()
end

return trainer
