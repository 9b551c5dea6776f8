-- options.lua -- a recipe's options: types, lists, mistakes.
local T = require 'mien.test'
local module = require 'mien.options'
local recipe = require 'mien.recipe'
local spec = {steps = {300, 'steps'}, name = {module.required, 'name'}, half = {false, 'half'}, seeds = {{0, 1}, 'seeds'}}

T.test('types follow the defaults', function(t)
  local opt = module.options(spec, {'name=x=y', '--steps=1e2', 'half=yes', 'seeds=0-3,9,-2.5'})
  t:equal(opt, {name = 'x=y', steps = 100, half = true, seeds = {0, 1, 2, 3, 9, -2.5}})
  t:equal(module.options(spec, {'name='}), {name = '', steps = 300, half = false, seeds = {0, 1}})
  t:equal(recipe.options.steps, 300)
end)

T.test('mistakes are named', function(t)
  t:fails("unknown option 'nam'; there are device, half, name, precision, seeds, steps", module.options, spec, {'nam=x'})
  t:fails("option 'name' is missing", module.options, spec, {})
  t:fails("option 'steps': a number expected, got 'many'", module.options, spec, {'name=x', 'steps=many'})
  t:fails("option 'steps': a number expected, got 'nan'", module.options, spec, {'name=x', 'steps=nan'})
  t:fails("option 'half': true or false expected, got 'maybe'", module.options, spec, {'name=x', 'half=maybe'})
  t:fails("option 'name' is given twice", module.options, spec, {'name=x', 'name=y'})
  t:fails('options are written key=value', module.options, spec, {'name'})
  t:fails("'5-2' runs backwards", module.options, spec, {'name=x', 'seeds=5-2'})
  t:fails("'a' is no number", module.options, spec, {'name=x', 'seeds=1,a'})
  t:fails("'' is no number", module.options, spec, {'name=x', 'seeds='})
  t:fails('more than 100000 numbers', module.options, spec, {'name=x', 'seeds=0-4000000000'})
end)

T.test('numbers out of range are refused', function(t)
  local ranged = {n = {1, 'n', whole = true, least = 1}, part = {0.5, 'part', least = 0, most = 1}, seeds = {{0}, 'seeds', whole = true, least = 0, most = 2 ^ 32 - 1}}
  local opt = module.options(ranged, {'n=1', 'part=1', 'seeds=0,4294967295'})
  t:equal({opt.n, opt.part, opt.seeds}, {1, 1, {0, 4294967295}})
  t:fails("option 'n': a whole number from 1 expected, got 0", module.options, ranged, {'n=0'})
  t:fails("option 'n': a whole number from 1 expected, got 1.5", module.options, ranged, {'n=1.5'})
  t:fails("option 'part': a number from 0 to 1 expected, got 1.01", module.options, ranged, {'part=1.01'})
  t:fails("option 'seeds': a whole number from 0 to 4294967295 expected, got -1", module.options, ranged, {'seeds=3,-1'})
  t:fails("option 'seeds': a whole number from 0 to 4294967295 expected, got 4294967296", module.options, ranged, {'seeds=4294967296'})
end)

T.test('words and values stand for each other', function(t)
  for _, value in ipairs{0, -1.5, 0.1, 1e300, 123456789012, 1 / 3} do t:equal(tonumber(module.word(value)), value) end
  t:equal(module.word{0, 1, -30, 0.25}, '0,1,-30,0.25')
  t:equal(module.list(module.word{3, 4, 5}), {3, 4, 5})
  t:equal(module.word(true), 'true')
  t:equal(module.word 'a b', 'a b')
end)

T.test('a recipe declares its API first', function(t)
  recipe.begin('some.lua', false)
  t:fails('mien.api(1)', module.options, spec, {'name=x'})
  t:fails('was written for API 99', recipe.api, 99)
  recipe.api(1)
  t:equal(module.options(spec, {'name=x'}).name, 'x')
  recipe.begin(nil, false)
end)
