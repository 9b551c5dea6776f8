-- sheet.lua -- labelled contact sheets from tensors.
--
--   local sheet = mien.sheet{rows = {{a, b}, {c, d}}, row_labels = {'seed 0', 'seed 1'}, column_labels = {'before', 'after'},
--     title = 'A person who is smiling', footer = 'strength 0.8', scale = 2, text = 1, gap = 4}
--   mien.sheet{pictures = batch, columns = 4}
--
-- A picture is u8 [H,W,3], or f32 [3,H,W] or [1,3,H,W] in -1..1; false leaves a cell empty.  A batch [N,3,H,W] stands
-- for its N pictures.  scale: pixels of the sheet per pixel of a picture; text: size of the letters, 9 pixels times
-- this.  The result is u8 [H,W,3].
local core = require 'mien.core'
local sheet = {}

local fields = {rows = true, pictures = true, columns = true, row_labels = true, column_labels = true, title = true, footer = true, scale = true, text = true, gap = true}

-- A picture [3,H,W] or [1,3,H,W] or u8 [H,W,3] as u8, enlarged.
local function pixels(picture, scale)
  if scale ~= 1 then
    if picture:dtype() == 'u8' then picture = core.from_pixels(picture) end
    local h, w = picture:dim(-2), picture:dim(-1)
    picture = core.resize(picture:reshape(1, -1, h, w), {h = math.floor(h * scale + 0.5), w = math.floor(w * scale + 0.5), mode = 1, antialias = 1})
  end
  return picture:dtype() == 'u8' and picture or core.to_pixels(picture)
end

-- Appends the picture, or the pictures of a batch, to the list.
local function add(list, picture, scale)
  if not picture then list[#list + 1] = false return end
  local shape = picture:shape()
  if #shape == 4 then
    for i = 1, shape[1] do list[#list + 1] = pixels(picture:slice(1, i, i), scale) end
  else list[#list + 1] = pixels(picture, scale) end
end

local function in_rows(rows, scale)
  local list, columns = {}, 0
  local made = {}
  for r, row in ipairs(rows) do
    made[r] = {}
    if type(row) == 'table' then
      for c = 1, #row do add(made[r], row[c], scale) end
    else add(made[r], row, scale) end
    columns = math.max(columns, #made[r])
  end
  for _, row in ipairs(made) do
    for c = 1, columns do list[#list + 1] = row[c] or false end
  end
  return list, columns
end

function sheet.sheet(spec)
  for name in pairs(spec) do
    if not fields[name] then error(("sheet: unknown field '%s'"):format(tostring(name)), 2) end
  end
  if (spec.rows ~= nil) == (spec.pictures ~= nil) then error('sheet: rows or pictures expected, one of the two', 2) end
  local compose = {row_labels = spec.row_labels, column_labels = spec.column_labels, title = spec.title, footer = spec.footer, gap = spec.gap}
  local scale = spec.scale or 1
  if type(scale) ~= 'number' or not (scale > 0 and scale <= 16) then error('sheet: scale: a number above 0, at most 16, expected', 2) end
  compose.scale = spec.text or scale >= 2 and 2 or 1
  return core.scope(function()
    if spec.rows then compose.pictures, compose.columns = in_rows(spec.rows, scale)
    else
      compose.pictures = {}
      local given = spec.pictures
      if type(given) ~= 'table' then given = {given} end
      for i = 1, #given do add(compose.pictures, given[i], scale) end
      compose.columns = spec.columns or math.ceil(math.sqrt(#compose.pictures))
    end
    return core.sheet_compose(compose)
  end)
end

return sheet
