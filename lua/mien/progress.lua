-- progress.lua -- one line that says how far a loop is: count, rate, time left, and the values of the moment.
--   local bar = progress.new('training', steps); bar:from(0); bar:step(i, {loss = 0.3}); bar:done()
-- On a terminal the line is rewritten; elsewhere a line is printed every 20 seconds.
local core = require 'mien.core'
local progress = {}
progress.__index = progress

local function clock(s)
  if s ~= s or s == math.huge then return '?' end
  if s >= 3600 then return ('%dh%02dm'):format(s / 3600, s % 3600 / 60) end
  return ('%dm%02ds'):format(s / 60, s % 60)
end

function progress.new(what, total)
  return setmetatable({what = what, total = total, start = os.time(), first = nil, shown = 0, tty = core.isatty(2)}, progress)
end

-- What was done before: the rate counts from here.
function progress:from(i)
  if not self.first then self.first, self.start = i, os.time() end
end

function progress:step(i, values, force)
  self.first = self.first or i - 1
  local now = os.time()
  if not force and now - self.shown < (self.tty and 1 or 20) then return end
  self.shown = now
  local spent, done = now - self.start, i - self.first
  local rate = done / math.max(spent, 0.5)                 -- the clock counts whole seconds
  local words, names = {}, {}
  for name in pairs(values or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do words[#words + 1] = ('%s %.4g'):format(name, values[name]) end
  local line = ('%s %d/%d  %s  %.2f/s  left %s'):format(self.what, i, self.total, table.concat(words, '  '), rate, clock((self.total - i) / rate))
  io.stderr:write(self.tty and '\r\27[K' or '', line, self.tty and '' or '\n')
  io.stderr:flush()
end

function progress:done() if self.tty then io.stderr:write('\n') end end

return progress
