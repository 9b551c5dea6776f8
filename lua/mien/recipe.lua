-- recipe.lua -- the recipe that is running: its file, its options, the API it was written for.
--   file      its path, nil in the REPL and in tests
--   options   what mien.options made of the command line
--   private   true after --no-metadata: pictures say only that they were made, not how
--   repeats   while `mien rerun` makes a picture again, the path the recipe has in its record: nothing is to be noted in libraries
local core = require 'mien.core'
local recipe = {private = false, repeats = false}

-- mien.api(n): a recipe declares the API number it was written for, before anything else.
function recipe.api(n)
  if n ~= core.api_number then
    error(('this recipe was written for API %s, this is mien %s with API %d'):format(tostring(n), core.version, core.api_number), 2)
  end
  recipe.declared = n
end

-- Called by whoever runs a recipe, before its first line.
function recipe.begin(file, private)
  recipe.file, recipe.private, recipe.declared, recipe.options = file, private, nil, nil
end

-- Runs another recipe from within one, with these words as its options; pictures it writes carry its record.
function recipe.run(file, words)
  local paths = require 'mien.paths'
  local path = paths.find(file) or error(("no recipe '%s' here or beside the program"):format(file), 2)
  local outer_arg, outer = arg, {recipe.file, recipe.declared, recipe.options}
  arg = {[0] = arg[0], path, unpack(words)}
  recipe.file, recipe.declared, recipe.options = path, nil, nil
  local ok, message = xpcall(assert(loadfile(path)), recipe.explain(path))
  arg = outer_arg
  recipe.file, recipe.declared, recipe.options = unpack(outer, 1, 3)
  if not ok then error(message, 0) end
end

-- A handler for errors in a recipe: the message, with the recipe's line that it comes from instead of one of mien's own (MIEN_TRACE=1
-- shows those); tables pass as they are.
function recipe.explain(file)
  return function(e)
    if type(e) == 'table' then return e end
    local text = tostring(e)
    for level = 2, 100 do
      local where = debug.getinfo(level, 'Sl')
      if not where then break end
      if where.source == '@' .. file and where.currentline > 0 then
        if not text:find(where.short_src .. ':', 1, true) then text = ('%s:%d: %s'):format(where.short_src, where.currentline, (text:gsub('^lua/mien/[%w_]+%.lua:%d+: ', ''))) end
        break
      end
    end
    return os.getenv 'MIEN_TRACE' == '1' and debug.traceback(text, 2) or text
  end
end

-- Called by mien.options.
function recipe.has_options(options)
  if recipe.file and not recipe.declared then
    error(('a recipe says first which API it was written for: mien.api(%d)'):format(core.api_number), 0)
  end
  recipe.options = options
end

-- What a file's opening comment says, without the dashes; its first line loses the file's name.
function recipe.about(file)
  local lines, f = {}, io.open(file or '', 'r')
  if not f then return nil end
  for line in f:lines() do
    local text = line:match('^%-%-%s?(.*)$')
    if not text then break end
    lines[#lines + 1] = text
  end
  f:close()
  if #lines == 0 then return nil end
  lines[1] = lines[1]:gsub('^[%w_]+%.lua %-%- ', '')
  return table.concat(lines, '\n')
end

return recipe
