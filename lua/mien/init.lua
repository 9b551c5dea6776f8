-- mien -- the module recipes require: the engine's functions and the sugar of lua/mien/*.lua.
-- mien.NAME is looked up in this order: an engine function, the table below, a module lua/mien/NAME.lua.
-- Modules are loaded when first used; a name that means nothing is an error.
local core = require 'mien.core'
local recipe = require 'mien.recipe'
local mien = {api = recipe.api}

-- name -> the module that has it, and its name there
local from = {
  options = {'mien.options', 'options'}, required = {'mien.options', 'required'},
  save_picture = {'mien.record', 'save_picture'}, record_text = {'mien.record', 'text'},
  sheet = {'mien.sheet', 'sheet'},
  show = {'mien.terminal', 'show'},
}

-- Functions of init's own loaders: is there a module of this name?
local function exists(name)
  for _, loader in ipairs(package.loaders) do
    if type(loader(name)) == 'function' then return true end
  end
  return false
end

return setmetatable(mien, {__index = function(t, name)
  local value = core[name]
  if value == nil and from[name] then value = require(from[name][1])[from[name][2]] end
  if value == nil and type(name) == 'string' and name:find '^[%a_]+$' and exists('mien.' .. name) then value = require('mien.' .. name) end
  if value == nil then error(("mien has no '%s'"):format(tostring(name)), 2) end
  rawset(t, name, value)
  return value
end})
