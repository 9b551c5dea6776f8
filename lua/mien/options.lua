-- options.lua -- a recipe's options: `key=value` words, checked against a table of defaults.
--
--   local opt = mien.options {
--     steps  = {300, 'optimiser steps'},           -- default and meaning; the default's type is the option's
--     prompt = {mien.required, 'target text'},     -- a text that must be given
--     seeds  = {{0, 1}, 'avatars', whole = true, least = 0},   -- a list: 0-5,9 or -30,0,30
--   }
--
-- whole, least and most say which numbers an option takes, be it one or a list.
--
-- Every recipe has device= (where it computes), precision= (of factors) and weights= (in memory) besides; given, they are set before
-- it goes on.
-- Numbers, booleans (true/false/yes/no/1/0), texts and lists of numbers.  A misspelt key is refused with the valid
-- names; `--help` prints them below the recipe's opening comment and ends the program.
local core = require 'mien.core'
local recipe = require 'mien.recipe'
local required = setmetatable({}, {__tostring = function() return '(required)' end})
local LIST_MOST = 100000

-- '0-5,9' -> {0,1,2,3,4,5,9}; nil and a sentence when it is no list
local function list(text)
  local numbers = {}
  for item in (text .. ','):gmatch('%s*([^,]*),') do
    item = item:match('^(.-)%s*$')
    local first, last = item:match('^(%d+)%-(%d+)$')
    if first then
      first, last = tonumber(first), tonumber(last)
      if last < first then return nil, ("'%s' runs backwards"):format(item) end
      if last - first >= LIST_MOST then return nil, ("'%s' has more than %d numbers"):format(item, LIST_MOST) end
      for n = first, last do numbers[#numbers + 1] = n end
    else
      local n = tonumber(item)
      if not n or n - n ~= 0 then return nil, ("'%s' is no number"):format(item) end
      numbers[#numbers + 1] = n
    end
  end
  return numbers
end

-- Refuses a number that is not one the option takes.
local function check(name, n, s)
  if n >= (s.least or -math.huge) and n <= (s.most or math.huge) and (not s.whole or n == math.floor(n)) then return end
  local range = (s.least and (' from %.14g'):format(s.least) or '') .. (s.most and (' to %.14g'):format(s.most) or '')
  error(("option '%s': a %snumber%s expected, got %.14g"):format(name, s.whole and 'whole ' or '', range, n), 0)
end

local function convert(name, text, s)
  local like = s[1]
  if type(like) == 'number' then
    local n = tonumber(text)
    if not n or n - n ~= 0 then error(("option '%s': a number expected, got '%s'"):format(name, text), 0) end
    check(name, n, s)
    return n
  elseif type(like) == 'boolean' then
    local v = ({['true'] = true, yes = true, ['1'] = true, ['false'] = false, no = false, ['0'] = false})[text]
    if v == nil then error(("option '%s': true or false expected, got '%s'"):format(name, text), 0) end
    return v
  elseif type(like) == 'table' and like ~= required then
    local numbers, why = list(text)
    if not numbers then error(("option '%s': a list of numbers such as 0-5,9 expected: %s"):format(name, why), 0) end
    for _, n in ipairs(numbers) do check(name, n, s) end
    return numbers
  end
  return text
end

local function number_text(n)
  local short = ('%.14g'):format(n)
  return tonumber(short) == n and short or ('%.17g'):format(n)
end

-- A value as it would be written on the command line.
local function word(value)
  if type(value) == 'number' then return number_text(value) end
  if type(value) ~= 'table' or value == required then return tostring(value) end
  local words = {}
  for i, n in ipairs(value) do words[i] = number_text(n) end
  return table.concat(words, ',')
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
    print(('  %-' .. width .. 's  %s  [%s]'):format(n, spec[n][2], word(spec[n][1])))
  end
end

-- What every recipe has: functions of the core that set and tell it, what it is without a word, and its meaning.
local COMMON = {
  {'device', 'cpu', 'cpu, cuda or cuda:1'},
  {'precision', 'strict', 'of factors in products and convolutions: strict, bf16, tf32, f16'},
  {'weights', 'f32', 'how loaded models keep their weights: f32, or f16 in half the memory'},
}
local function with_common(spec)
  local all = {}
  for name, s in pairs(spec) do all[name] = s end
  for _, c in ipairs(COMMON) do all[c[1]] = all[c[1]] or {core[c[1]](), c[3]} end
  return all
end

-- words: the list to read, by default what follows the recipe's name on the command line.
local function options(spec, words, about)
  words = words or {unpack(arg, 2)}
  local opt, given = {}, {}
  for name, s in pairs(spec) do
    if s[1] ~= required then opt[name] = s[1] end
  end
  local own = spec
  spec = with_common(spec)
  for _, w in ipairs(words) do
    if w == '--help' or w == '-h' then
      help(spec, about or recipe.about(recipe.file))
      error({exit = 0}, 0)
    end
    local key, value = w:match('^%-*([%w_-]+)=(.*)$')
    if not key then error(("'%s': options are written key=value; --help lists them"):format(w), 0) end
    key = key:gsub('-', '_')                                   -- --trunc-cutoff=14, as published scripts have it
    if not spec[key] then error(("unknown option '%s'; there are %s"):format(key, table.concat(names_of(spec), ', ')), 0) end
    if given[key] then error(("option '%s' is given twice"):format(key), 0) end
    given[key] = true
    opt[key] = convert(key, value, spec[key])
  end
  for name in pairs(own) do
    if opt[name] == nil then error(("option '%s' is missing: %s=... (%s)"):format(name, name, spec[name][2]), 0) end
  end
  -- These decide numbers: a record has them whether this recipe was given them, one around it, or the environment.
  for _, c in ipairs(COMMON) do
    local name, plain = c[1], c[2]
    if opt[name] then core[name](opt[name])
    elseif core[name]() ~= plain then opt[name] = core[name]() end
  end
  recipe.has_options(opt)
  return opt
end

return {options = options, required = required, list = list, word = word}
