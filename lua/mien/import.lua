-- import.lua -- `mien import`: published checkpoints become models that recipes can use; and where models are.
--
-- A model folder has one safetensors file per part.  models/avatar is the embedded avatar's.  An imported file goes to a folder
-- of its own below the user's models ($MIEN_HOME/models, else ~/.local/share/mien/models), named after the file; recipes
-- take it by that name: model=next3d_ffhq_512.
local core = require 'mien.core'
local paths = require 'mien.paths'
local import = {}

-- part of a model folder, the importer's kind for it, and where its authors publish it
local parts = {
  {part = 'generator', kind = 'next3d', from = 'https://github.com/MrTornado24/Next3D (its own licence)'},
  {part = 'head', kind = 'flame', from = 'https://flame.is.tue.mpg.de (registration; its own licence)'},
  {part = 'clip', kind = 'clip', from = 'https://github.com/openai/CLIP (MIT)'},
  {part = 'arcface', kind = 'arcface', from = 'https://github.com/TreB1eN/InsightFace_Pytorch (MIT)'},
  {part = 'encoder', kind = 'emoca', from = 'https://emoca.is.tue.mpg.de (registration; its own licence)'},
  {part = 'inception', kind = 'inception', from = 'https://github.com/mseitzer/pytorch-fid (Apache 2.0)', extra = true},
  {part = 'synth_head', kind = 'ict-facekit', from = 'https://github.com/ICT-VGL/ICT-FaceKit (MIT)', extra = true},
}
import.parts = parts
-- The vocabulary that belongs to an imported CLIP lies beside it.
import.VOCABULARY = 'clip.bpe'

-- The text after `mien import --help`, from the table of importers.
local function usage()
  local lines = {'Kinds and what they read:'}
  for _, importer in ipairs(core.importers()) do
    lines[#lines + 1] = ('  %-12s %s'):format(importer.kind, importer.doc)
    lines[#lines + 1] = ('  %-12s %s'):format('', importer.files)
    for _, p in ipairs(parts) do
      if p.kind == importer.kind then lines[#lines + 1] = ('  %-12s published at %s'):format('', p.from) end
    end
  end
  lines[#lines + 1] = '\nname=NAME    the model\'s name, the first file\'s at first: it goes to ~/.local/share/mien/models/NAME'
  lines[#lines + 1] = 'out=FILE     or where to write it'
  lines[#lines + 1] = 'force=yes    replace an existing file'
  lines[#lines + 1] = '--bpe FILE   with clip: the vocabulary of its texts (bpe_simple_vocab_16e6.txt.gz)'
  lines[#lines + 1] = '\nNothing in the files is ever run.  The file written holds the published tensors under their names,'
  lines[#lines + 1] = 'the settings, and the name, size and sha256 of every source.'
  return table.concat(lines, '\n')
end

import.help = setmetatable({}, {__index = function(_, name) return name == 'import' and usage() or nil end})

function import.part(kind)
  for _, p in ipairs(parts) do
    if p.kind == kind then return p end
  end
  error(("no part of a model folder is a '%s'"):format(kind), 2)
end

-- next3d_ffhq_512 of a/b/next3d_ffhq_512.pkl
local function name_of(file)
  local name = file:gsub('/+$', ''):match '[^/]*$'
  return (name:gsub('(.)%.[^.]*$', '%1'):gsub('[^%w._-]', '_'))
end

local function read_words(words)
  local cli = require 'mien.cli'
  local known, options, job = {}, {}, {kind = words[1], sources = {}}
  for i, importer in ipairs(core.importers()) do known[i], options[importer.kind] = importer.kind, importer.options end
  if not job.kind then cli.misuse('a kind expected: ' .. table.concat(known, ', ')) end
  job.kind = job.kind:gsub('_', '-')
  if not options[job.kind] then cli.misuse(("unknown kind '%s'; there are %s"):format(job.kind, table.concat(known, ', '))) end
  local names, own = {'bpe', 'force', 'name', 'out'}, {}
  for _, name in ipairs(options[job.kind]) do names[#names + 1], own[name] = name, true end
  table.sort(names)
  local i = 2
  while i <= #words do
    local key, value = words[i]:match '^%-*([%l_]+)=(.*)$'
    if words[i] == '--bpe' then
      job.bpe = words[i + 1] or cli.misuse '--bpe: a file expected'
      i = i + 1
    elseif key == 'bpe' or key == 'out' or key == 'name' then job[key] = value
    elseif key == 'force' then
      if value ~= 'yes' and value ~= 'no' then cli.misuse(("force: yes or no expected, got '%s'"):format(value)) end
      job.force = value == 'yes'
    elseif own[key] then job.sources[#job.sources + 1] = key .. '=' .. value
    elseif key or words[i]:find '^%-' then
      cli.misuse(("unknown option '%s'; there are %s (a file of such a name: ./%s)"):format(words[i], table.concat(names, ', '), words[i]))
    else
      job.sources[#job.sources + 1] = words[i]
      job.file = job.file or words[i]
    end
    i = i + 1
  end
  if not job.file then cli.misuse 'a file expected' end
  if job.bpe and job.kind ~= 'clip' then cli.misuse('--bpe: only clip has a vocabulary') end
  if job.name and (job.name == '' or job.name:find '[/%c]' or job.name:find '^%.') then cli.misuse(("name: a plain name expected, got '%s'"):format(job.name)) end
  if not job.out then
    local folder, message = paths.data()
    if not folder then cli.fail(message) end
    job.out = ('%s/models/%s/%s.safetensors'):format(folder, job.name or name_of(job.file), import.part(job.kind).part)
  end
  return job
end

-- The vocabulary's bytes, copied beside the model once they are known to be one.
local function copy_vocabulary(from, folder)
  local cli = require 'mien.cli'
  local bpe, message = core.bpe(from)
  if not bpe then cli.fail(message) end
  local to = ('%s/%s'):format(folder, import.VOCABULARY)
  local bytes, why = core.file_read(from)
  local written
  if bytes then written, why = core.file_write(to, bytes) end
  if not written then cli.fail(why) end
  print(('%s: %d words'):format(to, bpe:count()))
end

function import.main(words)
  local cli = require 'mien.cli'
  local job = read_words(words)
  if core.file_kind(job.out) and not job.force then
    cli.fail(("'%s' is there already; force=yes replaces it, name=NAME or out=FILE writes elsewhere"):format(job.out))
  end
  local folder = job.out:match '^(.*)/[^/]*$' or '.'
  local ok, message = core.mkdir(folder)
  if not ok then cli.fail(message) end
  local notes
  notes, message = core.import_files(job.kind, job.sources, job.out)
  if not notes then cli.fail(message) end
  io.write(notes)
  if job.bpe then copy_vocabulary(job.bpe, folder)
  elseif job.kind == 'clip' and not core.file_kind(folder .. '/' .. import.VOCABULARY) then
    print 'without its vocabulary it reads no texts: import it again with --bpe bpe_simple_vocab_16e6.txt.gz force=yes'
  end
  print(job.out)
end

-- ---- where models are ---------------------------------------------------------

-- Folders whose subfolders are models: here, the user's, beside the program.
local function places()
  local list, seen = {}, {}
  local function add(place)
    if place and not seen[place] and core.file_kind(place) == 'folder' then list[#list + 1] = place end
    seen[place or ''] = true
  end
  add 'models'
  add(paths.data() and paths.data() .. '/models')
  add(paths.shipped 'models')
  return list
end

-- What a model folder has: {path, has = {part = file}, lacks = {parts}}; nil when it has nothing.
local function look(path)
  local model, any = {path = path, has = {}, lacks = {}}, false
  for _, p in ipairs(parts) do
    local file = ('%s/%s.safetensors'):format(path, p.part)
    if core.file_kind(file) == 'file' then
      model.has[p.part] = file
      any = true
    elseif not p.extra then model.lacks[#model.lacks + 1] = p end
  end
  return any and model or nil
end

-- Every model folder: a list of what look says.
function import.folders()
  local list = {}
  for _, place in ipairs(places()) do
    for _, name in ipairs(core.folder(place) or {}) do list[#list + 1] = look(place .. '/' .. name) end
  end
  return list
end

-- A model by its folder or its name; nil when there is none.
function import.find(name)
  local model = core.file_kind(name) == 'folder' and look(name)
  if model then return model end
  for _, place in ipairs(places()) do
    model = core.file_kind(place .. '/' .. name) == 'folder' and look(place .. '/' .. name)
    if model then return model end
  end
  return nil
end

return import
