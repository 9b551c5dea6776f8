-- harness.lua -- the test harness itself: what must fail fails.
local mien, T = require 'mien', require 'mien.test'

-- Runs a file with this content; returns passed, failed and the reports in one text.
local function run(t, source)
  local path, reports = t:folder() .. '/a.lua', {}
  assert(mien.file_write(path, "local mien, T = require 'mien', require 'mien.test'\n" .. source))
  local passed, failed = T.run_file(path, function(text) reports[#reports + 1] = text end)
  return passed, failed, table.concat(reports, '\n')
end

T.test('passes and failures are counted', function(t)
  t:equal({run(t, "T.test('a', function(t) t:ok(true) end) T.test('b', function(t) t:equal({1, {2}}, {1, {2}}) end)")}, {2, 0, ''})
  local cases = {
    {'t:ok(false)', 'failed'}, {'t:equal(1, 2)', 'got 1, expected 2'}, {'t:equal({1}, {1, 2})', 'expected [1,2]'}, {'t:near(0/0, 0, 1)', 'expected 0'},
    {'t:near({1, 2}, {1}, 1)', '2 numbers'}, {'t:near(mien.tensor{1}, {1.1}, 0.05)', 'element 1'}, {"t:fails('x', function() end)", 'no error'},
    {"t:fails('x', error, 'y')", "the error is 'y'"}, {"error 'boom'", 'boom'}, {'local unused = 1', 'checks nothing'}}
  for _, case in ipairs(cases) do
    local passed, failed, text = run(t, ("T.test('n', function(t) %s end)"):format(case[1]))
    t:ok(passed == 0 and failed == 1 and text:find(case[2], 1, true), case[1] .. ': ' .. text)
  end
end)

T.test('a name used twice, a broken file and left tensors fail', function(t)
  local passed, failed, text = run(t, "for _ = 1, 2 do T.test('n', function(t) t:ok(true) end) end")
  t:ok(passed == 1 and failed == 1 and text:find('used before', 1, true), text)
  passed, failed, text = run(t, 'local = 1')
  t:ok(passed == 0 and failed == 1, text)
  passed, failed, text = run(t, "T.test('n', function(t) rawset(_G, 'left', mien.zeros{4}) t:ok(true) end)")
  rawset(_G, 'left', nil)
  t:ok(passed == 1 and failed == 1 and text:find('tensors are left behind', 1, true), text)
end)

T.test('the program says it by its exit status', function(t)
  local path = t:folder() .. '/bad.lua'
  assert(mien.file_write(path, "require('mien.test').test('n', function(t) t:ok(false) end)"))
  local text, status = t:shell(("'%s' test '%s' 2>&1"):format(mien.program(), path))
  t:ok(status == 1 and text:find('bad: 0 passed, 1 failed', 1, true), text)
end)
