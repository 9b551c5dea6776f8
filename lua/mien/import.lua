-- import.lua -- `mien import`: published checkpoints become models that recipes can use; and what model folders hold.
--
-- A model folder has one safetensors file per part.  models/avatar is the embedded avatar's; imported files go to
-- models/imported unless out=FILE says otherwise, and recipes take them by model=models/imported.
local core = require 'mien.core'
local import = {}

-- kind of importer -> part of a model folder, and where its authors publish it
local parts = {
  {part = 'generator', kind = 'next3d', from = 'https://github.com/MrTornado24/Next3D (its own licence)'},
  {part = 'head', kind = 'flame', from = 'https://flame.is.tue.mpg.de (registration; its own licence)'},
  {part = 'clip', kind = 'clip', from = 'https://github.com/openai/CLIP (MIT)'},
  {part = 'arcface', kind = 'arcface', from = 'https://github.com/TreB1eN/InsightFace_Pytorch (MIT)'},
  {part = 'encoder', kind = 'emoca', from = 'https://emoca.is.tue.mpg.de (registration; its own licence)'},
  {part = 'inception', kind = 'inception', from = 'https://github.com/mseitzer/pytorch-fid (Apache 2.0)', extra = true},
  {part = 'synth_head', kind = 'ict-facekit', from = 'https://github.com/ICT-VGL/ICT-FaceKit (MIT)', extra = true},
}

local FOLDER = 'models/imported'

local function kinds()
  local list = {}
  for i, importer in ipairs(core.importers()) do list[i] = importer.kind end
  return list
end

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
  lines[#lines + 1] = '\nout=FILE     where to write, ' .. FOLDER .. '/PART.safetensors at first\nforce=yes    replace an existing file'
  lines[#lines + 1] = '\nNothing in the files is ever run.  The file written holds the published tensors under their names,'
  lines[#lines + 1] = 'the settings, and the name, size and sha256 of every source.'
  return table.concat(lines, '\n')
end

import.help = setmetatable({}, {__index = function(_, name) return name == 'import' and usage() or nil end})

local function part_of(kind)
  for _, p in ipairs(parts) do
    if p.kind == kind then return p.part end
  end
  return kind:gsub('%W', '_')
end

function import.main(words)
  local cli = require 'mien.cli'
  local kind, sources, out, force = words[1], {}, nil, false
  local known = kinds()
  if not kind then cli.misuse('a kind expected: ' .. table.concat(known, ', ')) end
  if kind == 'ict_facekit' then kind = 'ict-facekit' end
  local found = false
  for _, name in ipairs(known) do found = found or name == kind end
  if not found then cli.misuse(("unknown kind '%s'; there are %s"):format(kind, table.concat(known, ', '))) end
  local files = 0
  for i = 2, #words do
    local key, value = words[i]:match '^([%w_]+)=(.*)$'
    if key == 'out' then out = value
    elseif key == 'force' then
      if value ~= 'yes' and value ~= 'no' then cli.misuse(("force: yes or no expected, got '%s'"):format(value)) end
      force = value == 'yes'
    else
      sources[#sources + 1] = words[i]
      if not key then files = files + 1 end
    end
  end
  if files == 0 then cli.misuse 'a file expected' end
  out = out or ('%s/%s.safetensors'):format(FOLDER, part_of(kind))
  if core.file_kind(out) and not force then cli.fail(("'%s' is there already; force=yes replaces it, out=FILE writes elsewhere"):format(out)) end
  local folder = out:match '^(.*)/[^/]*$'
  if folder then
    local ok, message = core.mkdir(folder)
    if not ok then cli.fail(message) end
  end
  local notes, message = core.import_files(kind, sources, out)
  if not notes then cli.fail(message) end
  io.write(notes)
  print(out)
end

-- Model folders below `folder`: list of {path, has = {part = true}, lacks = {parts}}.
function import.folders(folder)
  local list = {}
  for _, name in ipairs(core.folder(folder) or {}) do
    local path, has, lacks, any = folder .. '/' .. name, {}, {}, false
    for _, p in ipairs(parts) do
      has[p.part] = core.file_kind(('%s/%s.safetensors'):format(path, p.part)) == 'file' or nil
      any = any or has[p.part]
      if not has[p.part] and not p.extra then lacks[#lacks + 1] = p end
    end
    if any then list[#list + 1] = {path = path, has = has, lacks = lacks} end
  end
  return list
end

import.parts = parts
return import
