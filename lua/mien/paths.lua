-- paths.lua -- where things are: files that came with the program, and the user's own.
local core = require 'mien.core'
local paths = {}

-- Where files that came with mien may be: beside the program, in ../share/mien of an installed one, above the build folder of one just
-- built.
local function places()
  local folder = (core.program() or ''):match '^(.*)/'
  if not folder then return {} end
  return {folder .. '/', folder:gsub('/[^/]*$', '') .. '/share/mien/', folder:match '^(.*/)build/[^/]+$'}
end

-- A file or folder in those places; nil when it is in none of them.
function paths.shipped(name)
  for _, place in ipairs(places()) do
    if core.file_kind(place .. name) then return place .. name end
  end
  return nil
end

-- A file that came with mien (recipes/train.lua, models/...): as given, else in those places.  nil when it is nowhere.
function paths.find(name)
  if core.file_kind(name) then return name end
  return name:sub(1, 1) ~= '/' and paths.shipped(name) or nil
end

-- Folder of the user's library and of imported models: $MIEN_HOME, else ~/.local/share/mien; nil and a sentence when there is no home.
function paths.data()
  local folder, home = os.getenv 'MIEN_HOME', os.getenv 'HOME'
  if folder and folder ~= '' then return folder end
  if home and home ~= '' then return home .. '/.local/share/mien' end
  return nil, 'where are the library and the models? neither MIEN_HOME nor HOME is set'
end

-- The path of one of the recipes that came with mien, by the name or path it once ran under; nil for any other file, one of the working
-- folder included.
function paths.own(name)
  local inner = name:match '^recipes/.+$' or name:match '/(recipes/.+)$'
  if not inner or ('/' .. inner .. '/'):find('/../', 1, true) then return nil end
  for _, place in ipairs(places()) do
    if core.file_kind(place .. inner) == 'file' then return place .. inner end
  end
  return nil
end

-- Folder of histories and the like (XDG base directories); nil without a home.
function paths.state()
  local state, home = os.getenv 'XDG_STATE_HOME', os.getenv 'HOME'
  if state and state ~= '' then return state .. '/mien' end
  return home and home ~= '' and home .. '/.local/state/mien' or nil
end

-- A new folder for temporary files, below $TMPDIR where that is set; remove it with paths.remove.
function paths.temporary()
  local name, place = os.tmpname(), os.getenv 'TMPDIR'
  os.remove(name)
  if place and place ~= '' then name = place .. name:match '/[^/]*$' end
  assert(core.mkdir(name))
  return name
end

-- Removes a file or a folder with all that is in it.
function paths.remove(path)
  if core.file_kind(path) == 'folder' then
    for _, name in ipairs(core.folder(path) or {}) do paths.remove(path .. '/' .. name) end
  end
  os.remove(path)
end

return paths
