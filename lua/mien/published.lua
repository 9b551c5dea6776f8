-- published.lua -- the files beside published generators: posed meshes and camera labels.
--
--   local v = published.mesh 'demo.obj'                 -- with demo_kpt2d.txt: [1,V+68,3], what generator:planes takes
--   local cameras, names = published.labels 'dataset.json'      -- cameras[name]: [1,25]
local mien = require 'mien'
local published = {}

-- The first three numbers of every line that `pattern` takes; the rest of the file means nothing here.
local function points(path, pattern, rows)
  local file, why = io.open(path, 'r')
  if not file then error(why, 0) end
  local number = 0
  for line in file:lines() do
    number = number + 1
    local text = line:match(pattern)
    if text then
      local x, y, z = text:match '^%s*(%S+)%s+(%S+)%s+(%S+)'
      x, y, z = tonumber(x), tonumber(y), tonumber(z)
      if not (x and y and z) then error(('%s: line %d: three numbers expected'):format(path, number), 0) end
      rows[#rows + 1] = {x, y, z}
    end
  end
  file:close()
  return rows
end

-- NAME.obj holds the vertices in metres, NAME_kpt2d.txt their 68 landmarks: three numbers each, whatever the name says.
function published.mesh(path)
  local rows = points(path, '^v(%s.*)', {})
  if #rows == 0 then error(('%s: no vertices'):format(path), 0) end
  local vertices, marks = #rows, path:gsub('%.obj$', '') .. '_kpt2d.txt'
  points(marks, '^(%s*%S.*)', rows)
  if #rows - vertices ~= 68 then error(('%s: 68 landmarks expected, found %d'):format(marks, #rows - vertices), 0) end
  return mien.tensor(rows):reshape(1, #rows, 3)
end

-- dataset.json: {"labels": [[name, [25 numbers]], ...]}.  Longer labels hold more than the camera, which comes first.
function published.labels(path)
  local file, why = io.open(path, 'r')
  if not file then error(why, 0) end
  local text = file:read '*a'
  file:close()
  local json, what = mien.json_decode(text, path)
  if json == nil then error(what, 0) end
  local cameras, names = {}, {}
  if type(json) ~= 'table' or type(json.labels) ~= 'table' then error(('%s: {"labels": [[name, [25 numbers]], ...]} expected'):format(path), 0) end
  for i, entry in ipairs(json.labels) do
    local name, numbers = type(entry) == 'table' and entry[1], type(entry) == 'table' and entry[2]
    if type(name) ~= 'string' or type(numbers) ~= 'table' or #numbers < 25 then error(('%s: label %d: a name and 25 numbers expected'):format(path, i), 0) end
    cameras[name] = mien.tensor{{unpack(numbers, 1, 25)}}
    names[i] = name
  end
  return cameras, names
end

return published
