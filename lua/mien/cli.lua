-- cli.lua -- the command line: a recipe, a command, or nothing for the REPL.  main() returns the exit status:
-- 0 done, 1 it could not be done (or a recipe refused its options), 2 the command was not understood, 130 stopped by Ctrl-C.
-- Nothing is loaded before it is needed, so that `mien --version` takes milliseconds.
local core = require 'mien.core'
local cli = {}

-- name -> {what follows it, what it does, module, function of (words) -> status}
local commands = {
  devices = {'', 'the processors and graphics cards found', 'mien.doctor', 'devices'},
  docs    = {'[ops | meta]', 'write the generated pages: docs/ops.md, lua/meta/mien.lua', 'mien.docs', 'main'},
  doctor  = {'', 'what this machine offers and what is missing', 'mien.doctor', 'doctor'},
  import  = {'KIND FILE...', 'take in a published checkpoint', 'mien.import', 'main'},
  info    = {'PICTURE.png...', 'how pictures were made', 'mien.info', 'info'},
  inspect = {'FILE...', 'what is in a checkpoint (safetensors, torch, pickle, npy, npz)', 'mien.info', 'inspect'},
  library = {'VERB ...', 'the library of mappers', 'mien.library', 'main'},
  models  = {'[FILE...]', 'the model folders and what they lack, or what model files hold', 'mien.info', 'models'},
  parity  = {'MODEL CHECKPOINT GOLDEN', 'compare a model with published numbers', 'mien.parity', 'main'},
  rerun   = {'PICTURE.png [out=FILE recipe=FILE.lua]', 'make a picture again from its record and compare the bytes', 'mien.info', 'rerun'},
  test    = {'FILE.lua...', 'run test files', 'mien.test', 'main'},
}

local environment = {
  {'MIEN_HOME', 'folder of the library and of imported models (~/.local/share/mien)'},
  {'MIEN_LUA', 'read the Lua modules from this folder instead of the program'},
  {'MIEN_TRACE', '1: errors come with a traceback'},
  {'MIEN_GRAPHICS', 'kitty, iterm, sixel or none: how the terminal takes pictures (found out by itself)'},
  {'MIEN_DEVICE', 'where tensors and models are made: cpu (the default), cuda or cuda:1'},
  {'MIEN_PRECISION', 'of factors in products and convolutions: strict (the default), bf16, tf32 or f16'},
  {'MIEN_SYNC', '1: the op that caused a fault on the GPU reports it (slower)'},
  {'MIEN_DETERMINISTIC', '1: on the GPU, too, equal arguments give equal bits (slower)'},
  {'MIEN_CUDA_PLAIN', '1: the plain kernels alone, without tuned ones and cuBLAS (much slower)'},
  {'MIEN_CUDA_DRIVER', 'driver library in place of libcuda.so.1'},
  {'MIEN_CUDA_BLAS', 'cuBLAS library in place of libcublas.so.13, .12 or .11'},
  {'OMP_NUM_THREADS', 'threads to compute with'},
  {'OMP_WAIT_POLICY', 'active or passive: threads spin or sleep where they wait (unset: they spin for a moment, then sleep; GOMP_SPINCOUNT says how long)'},
}

local function names()
  local list = {}
  for name in pairs(commands) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function complain(...) io.stderr:write('mien: ', table.concat{...}, '\n') end

local function print_usage()
  print([[
usage: mien                                the REPL
       mien RECIPE.lua [option=value...]   run a recipe; --help after it lists its options
       mien COMMAND ...                    --help after it explains it

commands:]])
  for _, name in ipairs(names()) do print(('  %-31s %s'):format(name .. ' ' .. commands[name][1], commands[name][2])) end
  local folder = require('mien.paths').find 'recipes'
  if folder then
    print(('\nrecipes in %s/:'):format(folder))
    for _, name in ipairs(core.folder(folder) or {}) do
      local about = name:find '%.lua$' and require('mien.recipe').about(folder .. '/' .. name)
      if about then print(('  %-31s %s'):format(name, (about:match '^(.-[.:])%s' or about:match '^[^\n]*'):gsub('\n', ' '):gsub(':$', '.'))) end
    end
  end
  print '\nafter a recipe: --no-metadata leaves everything but the mark of made pictures out of them'
  print '\nenvironment:'
  for _, e in ipairs(environment) do print(('  %-16s %s'):format(e[1], e[2])) end
end

-- ---- recipes ----------------------------------------------------------------

-- Runs a recipe with these words after its name; returns the exit status.
function cli.run_recipe(file, words)
  local strict, recipe = require 'mien.strict', require 'mien.recipe'
  local chunk, message = loadfile(file)
  if not chunk then complain(message) return 1 end
  local private, kept = false, {}
  for _, word in ipairs(words) do
    if word == '--no-metadata' then private = true else kept[#kept + 1] = word end
  end
  local was = rawget(_G, 'arg')
  rawset(_G, 'arg', {[0] = 'mien', file, unpack(kept)})
  recipe.begin(file, private)
  strict.on()
  local ok, err = xpcall(chunk, recipe.explain(file))
  strict.off()
  rawset(_G, 'arg', was)
  if ok then return 0 end
  if type(err) == 'table' and err.exit then return err.exit end
  io.stdout:flush()
  if core.interrupted() then complain('stopped by Ctrl-C (', tostring(err), ')') return 130 end
  complain(type(err) == 'table' and err.message or tostring(err))
  return 1
end

-- ---- commands ---------------------------------------------------------------

-- A command's complaint is a table {message =, misuse = true or nil}; anything else is a mistake in this program.
function cli.fail(message) error({message = message}, 0) end
function cli.misuse(message) error({message = message, misuse = true}, 0) end

-- A list of files after a command: `what` is one of them.  An option among them is a mistake.
function cli.files(words, what)
  if #words == 0 then cli.misuse(what .. ' expected') end
  for _, word in ipairs(words) do
    if word:find '^%-' then cli.misuse(("unknown option '%s'; there is --help (a file of such a name: ./%s)"):format(word, word)) end
  end
end

local function run_command(name, words)
  local command = commands[name]
  local module = require(command[3])
  if name ~= 'library' then                              -- which explains itself, verb by verb
    for _, word in ipairs(words) do
      if word == '--help' or word == '-h' then
        print((('usage: mien %s %s'):format(name, command[1]):gsub(' $', '')) .. '\n\n' .. command[2])
        local more = module.help and module.help[name]
        if more then print('\n' .. more) end
        return 0
      end
    end
  end
  if command[1] == '' and words[1] then
    complain(("%s: nothing follows it, got '%s'"):format(name, words[1]))
    return 2
  end
  local ok, status = xpcall(module[command[4]], function(e) return type(e) == 'table' and e or debug.traceback(tostring(e), 2) end, words)
  if ok then return status or 0 end
  if core.interrupted() then complain('stopped by Ctrl-C') return 130 end
  complain(name, ': ', type(status) == 'table' and tostring(status.message) or status)
  return type(status) == 'table' and status.misuse and 2 or 1
end

function cli.main()
  local word, rest = arg[1], {unpack(arg, 2)}
  if not word then return require('mien.repl').main() end
  if word == '--version' or word == '-v' then print(('mien %s, API %d'):format(core.version, core.api_number)) return 0 end
  if word == '--help' or word == '-h' or word == 'help' then print_usage() return 0 end
  if commands[word] then return run_command(word, rest) end
  local file = require('mien.paths').find(word)
  if file and core.file_kind(file) == 'file' then return cli.run_recipe(file, rest) end
  if word:find '%.lua$' then complain(("no recipe '%s' here or beside the program"):format(word)) return 1 end
  complain(("unknown %s '%s'; there are %s, or the file of a recipe"):format(word:find '^%-' and 'option' or 'command', word,
    word:find '^%-' and '--help, --version' or table.concat(names(), ', ')))
  return 2
end

cli.commands = commands
return cli
