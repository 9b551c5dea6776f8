-- test.lua -- the tests' harness: `mien test FILE.lua...`.
--
--   local mien, T = require 'mien', require 'mien.test'
--   T.test('lrelu: both sides of the kink', function(t)
--     t:near(mien.lrelu(mien.tensor{-2, 3}, {slope = 0.1, gain = 2}), {-0.4, 6}, 1e-6)
--     t:fails("unknown option 'slop'", mien.lrelu, mien.tensor{1}, {slop = 1})
--   end)
--
-- A test that raises has failed, and so has one without a check, one whose name was used before in its file, and a
-- file that leaves tensors behind.  Files that only raise (without T.test) count as one test.
local core = require 'mien.core'
local T = {}
local checks = {}
checks.__index = checks

local tally                              -- of the file that runs: {passed, failed, names, report}

local function describe(value)
  if type(value) == 'string' then return ('%q'):format(value) end
  if type(value) == 'table' then
    local ok, text = pcall(core.json_encode, value)
    return ok and text or tostring(value)
  end
  return tostring(value)
end

function checks:ok(condition, what)
  self.count = self.count + 1
  if not condition then error('failed: ' .. (what or 'the condition'), 2) end
end

local function same(a, b)
  if type(a) ~= 'table' or type(b) ~= 'table' then return a == b end
  for key, value in pairs(a) do if not same(value, b[key]) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

-- Equal: tables are compared by what they hold.
function checks:equal(got, expected, what)
  self.count = self.count + 1
  if not same(got, expected) then error(('%sgot %s, expected %s'):format(what and what .. ': ' or '', describe(got), describe(expected)), 2) end
end

-- Numbers, lists of numbers or tensors, element by element within the tolerance; NaN fails.
function checks:near(got, expected, tolerance, what)
  self.count = self.count + 1
  local function list(x)
    if core.is_tensor(x) then return x:totable() end
    return type(x) == 'table' and x or {x}
  end
  local a, b = list(got), list(expected)
  local front = what and what .. ': ' or ''
  if #a ~= #b then error(('%s%d numbers, expected %d'):format(front, #a, #b), 2) end
  for i = 1, #a do
    local off = math.abs(a[i] - b[i])
    if off > tolerance or off ~= off then
      error(('%selement %d is %.9g, expected %.9g within %g'):format(front, i, a[i], b[i], tolerance), 2)
    end
  end
end

-- f(...) raises, or returns nil and a message, and the message holds the text `part`.
function checks:fails(part, f, ...)
  self.count = self.count + 1
  local ok, value, message = pcall(f, ...)
  local text = not ok and (type(value) == 'table' and value.message or tostring(value)) or (value == nil and message) or nil
  if not text then error(("no error; expected one with '%s'"):format(part), 2) end
  if not text:find(part, 1, true) then error(("the error is '%s', expected one with '%s'"):format(text, part), 2) end
end

-- Output and exit status of a shell command.
function checks.shell(_, command)
  local pipe = assert(io.popen(command .. '; printf "\\n%d" $?', 'r'))
  local text = pipe:read '*a'
  pipe:close()
  local output, status = text:match '^(.*)\n(%d+)$'
  return output, tonumber(status)
end

-- A folder that is gone after the test.
function checks:folder()
  local path = require('mien.paths').temporary()
  self.folders[#self.folders + 1] = path
  return path
end

function T.test(name, fn)
  local t = setmetatable({count = 0, folders = {}}, checks)
  local ok, message
  if tally.names[name] then ok, message = false, 'this name was used before in the file'
  else
    tally.names[name] = true
    ok, message = xpcall(function() fn(t) end, function(e)
      return os.getenv 'MIEN_TRACE' == '1' and debug.traceback(tostring(e), 2) or type(e) == 'table' and tostring(e.message) or tostring(e)
    end)
    if ok and t.count == 0 then ok, message = false, 'it checks nothing' end
  end
  for _, path in ipairs(t.folders) do require('mien.paths').remove(path) end
  if ok then tally.passed = tally.passed + 1
  else
    tally.failed = tally.failed + 1
    tally.report(('%s: %s'):format(name, message))
  end
end

local function live_tensors()
  jit.flush()                            -- compiled traces keep the values they met as constants
  collectgarbage() collectgarbage()
  return core.memory().tensors
end

-- Runs one file; report(sentence) receives what failed.  Returns how many tests passed and failed.
function T.run_file(path, report)
  local outer, before = tally, live_tensors()
  tally = {passed = 0, failed = 0, names = {}, report = report}
  local mine = tally
  local ok, message = xpcall(function() assert(loadfile(path))() end, debug.traceback)    -- nothing here holds the file's values
  tally = outer
  if not ok then
    mine.failed = mine.failed + 1
    report(message)
  elseif mine.passed + mine.failed == 0 then mine.passed = 1 end
  local left = live_tensors() - before
  if ok and left > 0 then
    mine.failed = mine.failed + 1
    report(('%d tensors are left behind'):format(left))
  end
  return mine.passed, mine.failed
end

function T.main(words)
  local cli = require 'mien.cli'
  cli.files(words, 'a test file')
  for _, path in ipairs(words) do
    if core.file_kind(path) ~= 'file' then cli.fail(("no test file '%s'"):format(path)) end
  end
  local passed, failed = 0, 0
  for _, path in ipairs(words) do
    local name, start = path:match '([^/]+)%.lua$' or path, core.clock()
    local p, f = T.run_file(path, function(sentence) print(('%s: %s'):format(path, sentence)) end)
    print(('%s: %d passed, %d failed (%.1f s)'):format(name, p, f, core.clock() - start))
    passed, failed = passed + p, failed + f
  end
  if #words > 1 then print(('%d passed, %d failed'):format(passed, failed)) end
  return failed == 0 and 0 or 1
end

return T
