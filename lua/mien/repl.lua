-- repl.lua -- `mien` without words: read a line, run it, print what it gives.
--
--   > x = mien.randn({2, 3}, mien.rng(1))     an assignment makes a global
--   > x + 1                                   an expression is printed; $1, $2 ... and _ mean the last 20
--   > x:sum();                                ; at the end: not printed
--   > ?lrelu                                  help
--
-- A line that is not complete goes on in the next.  Ctrl-C gives up the line or the computation, Ctrl-D ends.
-- When the input is no terminal, lines are read from it without editing, prompts and timings.
local core = require 'mien.core'
local repl = {}

local KEPT = 20                          -- printed values: what they hold cannot be freed
local interactive, values, count = false, {}, 0

-- ---- reading ------------------------------------------------------------------

-- $3 outside of texts and comments stands for the third printed value.
function repl.expand(line)
  local out, at = {}, 1
  while at <= #line do
    local quote = line:match('^["\']', at)
    local long = line:match('^%-%-%[(=*)%[', at) or line:match('^%[(=*)%[', at)
    local stop
    if quote then
      stop = at + 1
      while stop <= #line and line:sub(stop, stop) ~= quote do stop = stop + (line:sub(stop, stop) == '\\' and 2 or 1) end
    elseif long then
      local _, close = line:find(']' .. long .. ']', at, true)
      stop = close or #line
    elseif line:find('^%-%-', at) then
      stop = (line:find('\n', at, true) or #line + 1) - 1
    end
    if stop then
      out[#out + 1] = line:sub(at, stop)
      at = stop + 1
    else
      local number = line:match('^%$(%d+)', at)
      out[#out + 1] = number and ('__values[%s]'):format(number) or line:sub(at, at)
      at = at + 1 + (number and #number or 0)
    end
  end
  return table.concat(out)
end

-- Compiles a text: as an expression, else as statements.  Returns the function; or nil and the message, with true when
-- more lines may complete it.
function repl.compile(text)
  text = repl.expand(text)
  local chunk, as_value = loadstring('return ' .. text, '=line')
  if chunk then return chunk end
  local message
  chunk, message = loadstring(text, '=line')
  if chunk then return chunk end
  local open = "near '<eof>'"
  return nil, message, (message:find(open, 1, true) or as_value:find(open, 1, true)) ~= nil
end

local function read_line(prompt)
  if not interactive then return io.read '*l' end
  return core.editor_read(prompt)
end

-- ---- completion ---------------------------------------------------------------

local function collect(names, seen, prefix, list, pattern)
  for _, name in ipairs(list) do
    if type(name) == 'string' and name:sub(1, #prefix) == prefix and name:find(pattern or '^[%a_][%w_]*$') and not name:find '^__' and not seen[name] then
      seen[name] = true
      names[#names + 1] = name
    end
  end
end

local function keys(t)
  local list = {}
  for key in pairs(t) do list[#list + 1] = key end
  return list
end

local function members(value)
  if type(value) == 'table' then
    local list, class = keys(value), rawget(getmetatable(value) or {}, '__index')
    local function add(more) for _, key in ipairs(more) do list[#list + 1] = key end end
    if value == package.loaded.mien then
      add(keys(core))
      for _, topic in ipairs(require('mien.help').names()) do add{topic:match '^[^.]+'} end       -- store.open: the module store
    elseif type(class) == 'table' then add(keys(class)) end
    return list
  end
  return type(value) == 'userdata' and core.methods(value) or type(value) == 'string' and keys(string) or {}
end

-- What a dotted path of names means now, without calling anything.
local function value_of(path)
  local value = _G
  for name in path:gmatch '[%a_][%w_]*' do
    if type(value) ~= 'table' then return nil end
    local known, next_value = pcall(function() return value[name] end)
    if not known then return nil end
    value = next_value
  end
  return value
end

local keywords = {'and', 'break', 'do', 'else', 'elseif', 'end', 'false', 'for', 'function', 'if', 'in', 'local', 'nil', 'not', 'or', 'repeat',
  'return', 'then', 'true', 'until', 'while'}

-- complete('mien.lre') -> 'lu', {'lrelu'}: what to insert at the end, and the candidates.
function repl.complete(text)
  local names, seen, ending = {}, {}, nil
  local prefix = text:match '([%a_][%w_]*)$' or ''
  local topic = text:match '^%s*%?([%w_.:]*)$'
  local path, mark, word = text:match '([%a_][%w_.]*)([.:])([%w_]*)$'
  local call = text:match '([%a_][%w_]*)%s*{[^{}]*$' or text:match '([%a_][%w_]*)%s*%([^(){}]*{[^{}]*$'
  if topic then
    prefix = topic
    collect(names, seen, prefix, require('mien.help').names(), '^[%a_][%w_.:]*$')
  elseif path then
    prefix = word
    local value = value_of(path)
    collect(names, seen, prefix, members(value))
    ending = mark == ':' and '('
  else
    local options = call and require('mien.help').options(call)
    if options then
      collect(names, seen, prefix, options)
      if #names > 0 then ending = ' = ' end
    end
    if #names == 0 then
      collect(names, seen, prefix, keys(_G))
      collect(names, seen, prefix, keywords)
    end
  end
  table.sort(names)
  if #names == 0 then return '', names end
  local common = names[1]
  for _, name in ipairs(names) do
    while name:sub(1, #common) ~= common do common = common:sub(1, -2) end
  end
  return common:sub(#prefix + 1) .. (#names == 1 and ending or ''), names
end

-- ---- printing -----------------------------------------------------------------

local SUMMARY_MOST = 65536

-- 'min -2.1 mean 0.03 max 1.9' of a tensor too large to be written out.
local function summary(t)
  local n = 1
  for _, size in ipairs(t:shape()) do n = n * size end
  if n <= 16 or n > SUMMARY_MOST then return '' end
  local least, most, sum, odd = math.huge, -math.huge, 0, 0
  for _, x in ipairs(t:totable()) do
    if x - x ~= 0 then odd = odd + 1
    else least, most, sum = math.min(least, x), math.max(most, x), sum + x end
  end
  local range = odd < n and ('  min %.4g mean %.4g max %.4g'):format(least, sum / (n - odd), most) or ''
  return range .. (odd > 0 and ('  %d not finite'):format(odd) or '')
end

local function text_of(value, depth, seen)
  if type(value) == 'string' then return depth > 0 and ('%q'):format(value) or value end
  if depth == 0 and core.is_tensor(value) then return tostring(value) .. summary(value) end
  if type(value) ~= 'table' or seen[value] or (getmetatable(value) or {}).__tostring then return tostring(value) end
  if depth == 3 then return '{...}' end
  seen[value] = true
  local parts, shown = {}, 0
  for i, item in ipairs(value) do
    if shown == 20 then break end
    parts[#parts + 1], shown = text_of(item, depth + 1, seen), i
  end
  local names = {}
  for key in pairs(value) do
    if type(key) ~= 'number' or key < 1 or key > #value or key ~= math.floor(key) then names[#names + 1] = key end
  end
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  for i, key in ipairs(names) do
    if i > 20 then break end
    parts[#parts + 1] = (type(key) == 'string' and '%s = %s' or '[%s] = %s'):format(tostring(key), text_of(value[key], depth + 1, seen))
  end
  if #value > shown or #names > 20 then parts[#parts + 1] = ('... %d in all'):format(#value + #names) end
  seen[value] = nil
  return '{' .. table.concat(parts, ', ') .. '}'
end

local function print_values(n, list)
  for i = 1, n do
    local value = list[i]
    if value ~= nil then
      count = count + 1
      values[count], values[count - KEPT] = value, nil
      rawset(_G, '_', value)
      io.write(('$%d = '):format(count))
    end
    print(text_of(value, 0, {}))
    if interactive and require('mien.terminal').is_picture(value) then require('mien.terminal').show(value) end
  end
end

-- ---- running ------------------------------------------------------------------

local function pack(...) return select('#', ...), {...} end

-- Runs one complete text.  jit.off: machine code would not notice Ctrl-C.
local function run(chunk, silent)
  local handler = function(e)
    if type(e) == 'table' then return e end
    return os.getenv 'MIEN_TRACE' == '1' and debug.traceback(tostring(e), 2) or tostring(e):gsub('^line:%d+: ', '')
  end
  jit.off(chunk, true)
  local start = core.clock()
  local n, list = pack(xpcall(chunk, handler))
  local spent = core.clock() - start
  if core.interrupted() then
    core.interrupt_clear()
    print 'stopped'
  elseif not list[1] then
    local e = list[2]
    if not (type(e) == 'table' and e.exit) then print('error: ' .. tostring(type(e) == 'table' and e.message or e)) end
  elseif not silent then
    local ok, message = pcall(print_values, n - 1, {unpack(list, 2, n)})
    if not ok then print('error: ' .. tostring(message)) end
  end
  if interactive then print(spent < 1 and ('\27[2m%.1f ms\27[0m'):format(spent * 1e3) or ('\27[2m%.1f s\27[0m'):format(spent)) end
end

-- Reads lines until they make a whole; returns the function and whether to be silent.  nil: the input ended;
-- false: given up, or wrong.
local function read_whole()
  local text
  while true do
    local line = read_line(text and '.. ' or '> ')
    core.interrupt_clear()
    if line == nil then return nil end
    if line == false then return false end
    if interactive and line:find '%S' then core.editor_add(line) end
    local topic = not text and line:match '^%s*%?%s*(.-)%s*$'
    if topic then
      require('mien.help').show(topic)
      return false
    end
    text = text and text .. '\n' .. line or line
    if not text:find '%S' then return false end
    local chunk, message, more = repl.compile(text)
    if chunk then return chunk, text:find ';%s*$' ~= nil end
    if not more then
      print('error: ' .. message:gsub('^line:%d+: ', ''))
      return false
    end
  end
end

local function hint(name)
  local ok, value = pcall(function() return package.loaded.mien[name] end)
  return ok and value ~= nil and ('; mien.%s is'):format(name) or ''
end

function repl.main()
  interactive = core.isatty(0) and core.isatty(1)
  rawset(_G, 'mien', require 'mien')
  rawset(_G, '__values', values)
  rawset(_G, '_', false)
  require('mien.strict').on(hint, function() return (debug.getinfo(3, 'S') or {}).source == '=line' end)
  if interactive then
    local state = require('mien.paths').state()
    if state and not core.mkdir(state) then state = nil end
    assert(core.editor_open(state and state .. '/history' or nil, repl.complete))
    print(('mien %s -- ?: help, Ctrl-D: end'):format(core.version))
  else io.stdout:setvbuf 'line' end
  while true do
    local chunk, silent = read_whole()
    if chunk == nil then break end
    if chunk then run(chunk, silent) end
  end
  if interactive then
    print ''
    core.editor_close()
  end
  require('mien.strict').off()
  return 0
end

return repl
