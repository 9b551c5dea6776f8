-- store.lua -- how fast the library is: `mien docs/bench/store.lua [mappers=100] [numbers=1000000]`.
-- Makes a library in the folder for temporary files, prints seconds, removes it.
local mien = require 'mien'
mien.api(1)
local ffi = require 'ffi'
local opt = mien.options({
  mappers = {100, 'mappers to save'},
  numbers = {1000000, 'f32 numbers in each'},
}, nil, 'How fast the library is.')

ffi.cdef 'typedef struct { long s, ns; } mien_timespec; int clock_gettime(int, mien_timespec *);'
local stamp = ffi.new 'mien_timespec'
local function now()
  ffi.C.clock_gettime(1, stamp)                       -- 1: monotonic
  return tonumber(stamp.s) + tonumber(stamp.ns) * 1e-9
end
local function time(what, times, f)
  local start = now()
  for i = 1, times do f(i) end
  print(('%-44s %10.3f ms each, %d times'):format(what, (now() - start) * 1e3 / times, times))
end

local path = os.tmpname()
local generator = ('1'):rep(64)
local s = assert(mien.store.open(path))
s:put_model{kind = 'generator', name = 'bench', hash = generator}
local rng = mien.rng(1)
local function mapper(i)
  return {name = ('mapper_%04d'):format(i), status = 'complete', prompt = ('expression number %d of many'):format(i % 50),
    model_hash = generator, tags = {'bench'}, weights = {w = mien.randn({opt.numbers}, rng)}}
end
time('save a mapper', opt.mappers, function(i) assert(s:save(mapper(i))) end)
time('load a mapper (checksum included)', opt.mappers, function(i) assert(s:mapper(('mapper_%04d'):format(i))) end)
time('list all', 20, function() assert(#assert(s:list()) == opt.mappers) end)
time('search', 20, function() assert(s:list{words = 'expression 7'}) end)
local run = s:begin_run{recipe = 'bench'}
time('log a step of 6 values', 5000, function(i) run:log(i, {a = i, b = i, c = i, d = i, e = i, f = i}) end)
run:finish 'complete'
time('verify', 1, function() assert(#s:verify() == 0) end)
for i = 1, opt.mappers, 2 do s:delete(('mapper_%04d'):format(i)) end
time('gc with half of the mappers deleted', 1, function() assert(s:gc()) end)
s:close()
os.remove(path)
