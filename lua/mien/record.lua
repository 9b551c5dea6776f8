-- record.lua -- pictures that say how they were made.
--
--   mien.save_picture('out/smile.png', picture, {seeds = opt.seeds, mappers = {{name = 'smile', strength = 0.8, weights_sha256 = ...}}})
--
-- The text `mien` of the PNG file (engine/io/png.h) is a JSON object: mien (the version), api, recipe and recipe_sha256,
-- options, file (the picture's path below the option out), and what the recipe adds.  The option `out` itself stays
-- away, so that `mien rerun` makes the same bytes elsewhere.  After --no-metadata the object holds the version only:
-- the picture still says that it was made, but not how.
local core = require 'mien.core'
local recipe = require 'mien.recipe'
local record = {}

-- path relative to the option out: nil when the picture is out itself, false when it lies elsewhere
local function below_out(path)
  local out = recipe.options and recipe.options.out
  if type(out) ~= 'string' or path == out then return nil end
  local folder = out:gsub('/*$', '/')
  if path:sub(1, #folder) == folder then return path:sub(#folder + 1) end
  return false
end

-- The record of a picture at `path`, as JSON; extra: further fields.
function record.text(path, extra)
  if recipe.private then return core.json_encode{mien = core.version} end
  local fields = {}
  for key, value in pairs(extra or {}) do fields[key] = value end
  fields.mien, fields.api = core.version, core.api_number
  if recipe.file then
    fields.recipe = recipe.repeats or recipe.file
    fields.recipe_sha256 = core.sha256_file(recipe.file)
  end
  if recipe.options then
    fields.options = {}
    for key, value in pairs(recipe.options) do
      if key ~= 'out' then fields.options[key] = value end
    end
    fields.file = below_out(path) or nil
  end
  return core.json_encode(fields)
end

-- picture: u8 [H,W,C], or f32 [3,H,W] or [1,3,H,W] in -1..1.  Returns true, or nil, message, code.
function record.save_picture(path, picture, extra)
  if picture:dtype() ~= 'u8' then picture = core.to_pixels(picture) end
  return core.png_write(path, picture, {mien = record.text(path, extra)})
end

-- The record in a picture: a table; false when it has none; nil, message, code when it cannot be read.
function record.read(path)
  local texts, message, code = core.png_text(path)
  if not texts then return nil, message, code end
  if not texts.mien then return false, texts end
  local fields
  fields, message, code = core.json_decode(texts.mien, ("the record of '%s'"):format(path))
  if fields == nil and message then return nil, message, code end
  if type(fields) ~= 'table' then return nil, ("the record of '%s' is no object"):format(path) end
  return fields, texts
end

return record
