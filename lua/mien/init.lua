-- mien -- the module recipes require: the engine's functions and the sugar of lua/mien/*.lua.
local core = require 'mien.core'
local mien = setmetatable({}, {__index = core})

-- mien.api(n): a recipe declares the API number it was written for, before anything else.
function mien.api(n)
  if n ~= core.api_number then
    error(('this recipe was written for API %s, this is mien %s with API %d'):format(tostring(n), core.version, core.api_number), 2)
  end
end

local options = require 'mien.options'
mien.options, mien.required = options.options, options.required
mien.progress = require 'mien.progress'
mien.store = require 'mien.store'

return mien
