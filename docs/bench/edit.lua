-- edit.lua -- how long an edit takes: a person, the edit, the planes, one picture; then a further view of the same edit.
--   mien docs/bench/edit.lua
local mien = require 'mien'
local avatar, method = require 'mien.avatar', require 'mien.method'
local ffi = require 'ffi'
ffi.cdef'typedef struct {long s,ns;} ts_; int clock_gettime(int, ts_*);'
local function now() local t=ffi.new'ts_' ffi.C.clock_gettime(1,t) return tonumber(t.s)+tonumber(t.ns)*1e-9 end
local t0 = now()
local a = avatar.load()
local t1 = now()
print(('load %.3f s'):format(t1-t0))
local mapper = method.new_mapper(a, {seed=1})
mien.no_grad(function()
 local code = a:references('smile'):slice(1,1,1)
 for k = 1, 5 do
  mien.scope(function()
  local s = now()
    local who = a:person(k)
  local ws, alpha = method.apply(a, who, {{mapper=mapper, code=code, strength=1}})
  local planes = a:planes(ws, who.shape, alpha)
  a:view(planes, ws, a.front)
  local e = now()
  a:view(planes, ws, a:camera{yaw=20})
  print(('edited view %.3f s, further view %.3f s'):format(e-s, now()-e))
  end)
 end
end)
print(('peak %.0f MB'):format(mien.memory().peak/1e6))
