-- edit.lua -- how long an edit of the embedded avatar takes, step by step, with a mapper as new.
--   mien docs/bench/edit.lua
-- A line for each of five people: a person's code, the edit, the planes and one picture; then a further view of the same edit.
local mien = require 'mien'
mien.api(1)
local avatar, method = require 'mien.avatar', require 'mien.method'

local function seconds(f, ...)
  local began = mien.clock()
  local a, b = f(...)
  return mien.clock() - began, a, b
end

local loading, a = seconds(avatar.load)
print(('loading %.3f s'):format(loading))
local mapper = method.new_mapper(a, {seed = 1})

local function edited_view(code, seed)
  local who = a:person(seed)
  local ws, alpha = method.apply(a, who, {{mapper = mapper, code = code, strength = 1}})
  local planes = a:planes(ws, who.shape, alpha)
  a:view(planes, ws, a.front)
  return planes, ws
end

mien.no_grad(function()
  local code = a:references('smile'):slice(1, 1, 1)
  for seed = 1, 5 do
    mien.scope(function()
      local first, planes, ws = seconds(edited_view, code, seed)
      local further = seconds(function() a:view(planes, ws, a:camera{yaw = 20}) end)
      print(('edited view %.3f s, further view %.3f s'):format(first, further))
    end)
  end
end)
print(('tensors: %.0f MB at most'):format(mien.memory().peak / 1e6))
