-- options.lua -- a recipe's options: `key=value` words, checked against a table of defaults.
--
--   local opt = mien.options {
--     steps = {300, 'optimiser steps'},            -- default and meaning; the default's type is the option's
--     prompt = {mien.required, 'target text'},     -- must be given
--   }
--
-- Numbers, booleans (true/false/yes/no/1/0) and texts.  A misspelt key is refused with the valid names;
-- `--help` prints them and ends the program.
local required = setmetatable({}, {__tostring = function() return '(required)' end})

local function convert(name, text, like)
  if type(like) == 'number' then
    local n = tonumber(text)
    if not n then error(("option '%s': a number expected, got '%s'"):format(name, text), 0) end
    return n
  elseif type(like) == 'boolean' then
    local v = ({['true'] = true, yes = true, ['1'] = true, ['false'] = false, no = false, ['0'] = false})[text]
    if v == nil then error(("option '%s': true or false expected, got '%s'"):format(name, text), 0) end
    return v
  end
  return text
end

local function names_of(spec)
  local names = {}
  for name in pairs(spec) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function help(spec, about)
  local names, width = names_of(spec), 0
  for _, n in ipairs(names) do width = math.max(width, #n) end
  if about then print(about .. '\n') end
  print('options (key=value):')
  for _, n in ipairs(names) do
    print(('  %-' .. width .. 's  %s  [%s]'):format(n, spec[n][2], tostring(spec[n][1])))
  end
end

-- words: the list to read, by default what follows the recipe's name on the command line.
local function options(spec, words, about)
  words = words or {unpack(arg, 2)}
  local opt = {}
  for name, s in pairs(spec) do
    if s[1] ~= required then opt[name] = s[1] end
  end
  for _, word in ipairs(words) do
    if word == '--help' or word == '-h' then help(spec, about) os.exit(0) end
    local key, value = word:match('^%-*([%w_]+)=(.*)$')
    if not key then error(("'%s': options are written key=value; --help lists them"):format(word), 0) end
    if not spec[key] then error(("unknown option '%s'; there are %s"):format(key, table.concat(names_of(spec), ', ')), 0) end
    opt[key] = convert(key, value, spec[key][1])
  end
  for name in pairs(spec) do
    if opt[name] == nil then error(("option '%s' is missing: %s=... (%s)"):format(name, name, spec[name][2]), 0) end
  end
  return opt
end

return {options = options, required = required}
