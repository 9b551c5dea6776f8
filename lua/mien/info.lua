-- info.lua -- the commands that look into files: info (how a picture was made), rerun (make it again), inspect (what is
-- in a checkpoint), models (what a model file holds).
local core = require 'mien.core'
local cli = require 'mien.cli'
local info = {}

info.help = {
  rerun = 'The recipe in the record runs again with the recorded options; the picture it makes is kept as FILE\n' ..
    '(PICTURE.rerun.png) and compared.  Exit status 0: the same bytes; 1: not, and why.\n' ..
    'A picture may come from anyone, and a recipe is a program: one that did not come with mien has to be named, recipe=FILE.lua.',
  info = 'Pictures made with --no-metadata say only that they were made.',
  models = "Without files: the folders below models/, here, the user's, and beside the program.  `mien import` fills them.",
}

local function try(value, message) if value == nil then cli.fail(message) end return value end

-- Control characters in a file's texts must not reach the terminal.
local function clean(text) return (tostring(text):gsub('[%z\1-\9\11-\31\127]', ' ')) end

local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- Prints a value of a record below its name: objects and lists of objects line by line, the rest as JSON.
local function print_field(name, value, indent)
  if type(value) == 'table' and (next(value) == nil or #value == 0 or type(value[1]) == 'table') then
    print(indent .. name)
    if #value > 0 then
      for _, item in ipairs(value) do print(indent .. '  ' .. clean(core.json_encode(item))) end
    else
      for _, key in ipairs(sorted(value)) do print_field(key, value[key], indent .. '  ') end
    end
    return
  end
  local text = type(value) == 'string' and value or core.json_encode(value)
  print(('%s%-14s %s'):format(indent, name, clean(text)))
end

-- ---- info -------------------------------------------------------------------

local function describe(path)
  local record = require 'mien.record'
  local picture = try(core.png_read(path))
  local shape = picture:shape()
  print(('%s: %d x %d'):format(path, shape[2], shape[1]))
  local fields, texts, code = record.read(path)
  if fields == nil then cli.fail(texts, code) end
  if not fields then print '  no record: not made by mien, or its texts were taken away'
  elseif not fields.recipe and not fields.options then
    print_field('mien', fields.mien, '  ')
    print '  how it was made is not recorded'
  end
  for _, key in ipairs(sorted(fields or {})) do
    if fields.recipe or fields.options or key ~= 'mien' then print_field(key, fields[key], '  ') end
  end
  local mark = texts['XML:com.adobe.xmp']
  print('  ' .. (mark and mark:find('trainedAlgorithmicMedia', 1, true) and 'marked as made by a trained model' or 'no mark of synthetic media'))
  for _, key in ipairs(sorted(texts)) do
    if key ~= 'mien' and key ~= 'XML:com.adobe.xmp' then print_field(clean(key), texts[key], '  ') end
  end
end

function info.info(words)
  cli.files(words, 'a picture')
  for _, path in ipairs(words) do describe(path) end
end

-- ---- rerun ------------------------------------------------------------------

-- The words that stand for the recorded options.
local function words_of(options)
  local word, words = require('mien.options').word, {}
  for _, key in ipairs(sorted(options)) do
    local value = options[key]
    for _, n in ipairs(type(value) == 'table' and value or {}) do
      if type(n) ~= 'number' then cli.fail(("the record's option '%s': a list of numbers expected"):format(clean(key))) end
    end
    words[#words + 1] = key .. '=' .. word(value)
  end
  return words
end

-- Why the bytes differ: fields of the records that do, else the pixels.
local function difference(a, b)
  local record = require 'mien.record'
  local old, new = record.read(a), record.read(b)
  local list = {}
  for _, key in ipairs(sorted(old or {})) do
    local was, now = core.json_encode(old[key]), new and new[key] ~= nil and core.json_encode(new[key]) or 'nothing'
    if was ~= now then list[#list + 1] = ('%s was %s and is %s'):format(key, was, now) end
  end
  local x, y = core.png_read(a), core.png_read(b)
  if x and y and core.json_encode(x:shape()) == core.json_encode(y:shape()) then
    local most, other = 0, y:totable()
    for i, v in ipairs(x:totable()) do most = math.max(most, math.abs(v - other[i])) end
    list[#list + 1] = most == 0 and 'the pixels are the same' or ('pixels differ by up to %g of 255'):format(most)
  else list[#list + 1] = 'the sizes differ' end
  return table.concat(list, '; ')
end

local function place(path, out)
  local bytes, message = core.file_read(path)
  try(bytes, message)
  local ok, why = core.file_write(out, bytes)
  try(ok, why)
end

-- The recipe to run: the one named, else the recorded one if it is among those that came with mien.
local function recipe_of(fields, named)
  local paths = require 'mien.paths'
  if named then return try(paths.find(named), ("recipe '%s' is not here"):format(named)) end
  local own = paths.own(fields.recipe)
  if own then return own end
  local there = try(paths.find(fields.recipe), ("recipe '%s' is not here"):format(clean(fields.recipe)))
  cli.fail(('the recipe did not come with mien; when it is to run, say so: recipe=%s'):format(clean(there)))
end

function info.rerun(words)
  local picture, out, named
  for _, word in ipairs(words) do
    local key, value = word:match '^([%w_]+)=(.+)$'
    if key == 'out' then out = value
    elseif key == 'recipe' then named = value
    elseif picture or key or word:find '^%-' then cli.misuse(("'%s': one picture, out=FILE and recipe=FILE.lua expected"):format(word))
    else picture = word end
  end
  if not picture then cli.misuse 'a picture expected' end
  local paths = require 'mien.paths'
  local fields, message = require('mien.record').read(picture)
  if fields == nil then cli.fail(message) end
  if type(fields) ~= 'table' or type(fields.recipe) ~= 'string' then cli.fail(("'%s' holds no record of a recipe"):format(picture)) end
  if type(fields.options) ~= 'table' then cli.fail(("the recipe %s of '%s' took no options, so it cannot be told where to write"):format(fields.recipe, picture)) end
  local recipe = recipe_of(fields, named)
  local name = fields.file or 'picture.png'
  if type(name) ~= 'string' or name:find '^/' or ('/' .. name .. '/'):find('/../', 1, true) then cli.fail(("the record of '%s' names a file outside its folder"):format(picture)) end
  local list, folder = words_of(fields.options), paths.temporary()
  list[#list + 1] = 'out=' .. (fields.file and folder or folder .. '/' .. name)
  local state, say = require 'mien.recipe', print
  state.repeats = fields.recipe
  rawset(_G, 'print', function() end)                       -- it would tell of files in a folder that is gone soon
  local status = cli.run_recipe(recipe, list)
  rawset(_G, 'print', say)
  state.repeats = false
  local made = folder .. '/' .. name
  out = out or picture:gsub('%.png$', '') .. '.rerun.png'
  local same, why
  local ok, failure = pcall(function()
    if status ~= 0 then return end
    if not core.file_kind(made) then cli.fail(("%s ran but made no '%s'"):format(recipe, name)) end
    same = core.file_read(made) == core.file_read(picture)
    why = not same and difference(picture, made)
    place(made, out)
  end)
  paths.remove(folder)
  if not ok then error(failure, 0) end
  if status ~= 0 then return status end
  if same then print(('%s: the same bytes as %s'):format(out, picture)) return 0 end
  print(('%s: not the same as %s: %s'):format(out, picture, why))
  return 1
end

-- ---- inspect, models ----------------------------------------------------------

function info.inspect(words)
  cli.files(words, 'a file')
  for _, path in ipairs(words) do io.write(try(core.inspect(path))) end
end

function info.models(words)
  if #words == 0 then
    local list = require('mien.import').folders()
    if #list == 0 then print "no model folders below models/ here, beside the program or in the user's folder" end
    local imported, any = {}, false
    for _, model in ipairs(list) do
      print(('%s: %s'):format(model.path, table.concat(sorted(model.has), ', ')))
      if #model.lacks > 0 then
        any = true
        for part in pairs(model.has) do imported[part] = true end
      end
    end
    for _, p in ipairs(require('mien.import').parts) do
      if any and not p.extra and not imported[p.part] then
        print(('no imported %-10s mien import %s; published at %s'):format(p.part, p.kind, p.from))
      end
    end
    return
  end
  cli.files(words, 'a file')
  for _, path in ipairs(words) do
    local model = try(core.load_model(path))
    print(('%s: %s, %.0f trainable numbers\n  sha256 %s\n  settings %s'):format(path, model:kind(), model:numbers(), model:hash(), clean(model:config_json())))
  end
end

return info
