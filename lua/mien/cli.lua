-- cli.lua -- `mien FILE.lua k=v ...` runs a recipe, `mien library ...` looks after the mappers.
-- main() returns the exit status.
local cli = {}

function cli.main()
  local file = arg[1]
  if not file then io.stderr:write('usage: mien RECIPE.lua [option=value ...]\n       mien library VERB ...\n') return 2 end
  if file == 'library' then return require('mien.library').main{unpack(arg, 2)} end
  local chunk, message = loadfile(file)
  if not chunk then io.stderr:write('mien: ', message, '\n') return 1 end
  local ok, err = xpcall(chunk, function(e) return type(e) == 'string' and debug.traceback(e, 2) or e end)
  if ok then return 0 end
  io.stderr:write('mien: ', tostring(err), '\n')
  return 1
end

return cli
