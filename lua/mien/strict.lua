-- strict.lua -- globals a program did not declare are mistakes: reading one or assigning to one is an error that
-- names it.  Recipes use locals; whoever really wants a global says rawset(_G, 'name', value).
local strict = {}

-- What exists now is declared.  hint(name) may add to the message; assign(name) may allow an assignment (the REPL's
-- own lines make globals).
function strict.on(hint, assign)
  local function extra(name) return hint and hint(name) or '' end
  setmetatable(_G, {
    __index = function(_, name) error(("'%s' is not defined%s"):format(tostring(name), extra(name)), 2) end,
    __newindex = function(t, name, value)
      if not (assign and assign(name)) then
        error(("assignment to the undeclared global '%s' (write local %s = ...)"):format(tostring(name), tostring(name)), 2)
      end
      rawset(t, name, value)
    end,
  })
end

function strict.off() setmetatable(_G, nil) end

return strict
