-- demo.lua -- the main job from end to end on the embedded avatar: Dual Mappers for one expression are trained from its prompt,
-- stored in a library of their own, and applied to avatars that training never drew; pictures and a mesh are written.
local mien = require 'mien'
mien.api(1)
local opt = mien.options {
  prompt = {'A person who is smiling', 'target text'},
  name   = {'smile', 'name of the mapper'},
  steps  = {60, 'optimiser steps', whole = true, least = 1},
  seeds  = {{0, 1, 2, 3, 4, 5}, 'avatars to edit', whole = true, least = 0, most = 2 ^ 32 - 1},
  out    = {'out/demo', 'folder for the library, pictures and mesh'},
}
assert(mien.mkdir(opt.out))
local library = opt.out .. '/library.db'
mien.recipe.run('recipes/train.lua', {'prompt=' .. opt.prompt, 'name=' .. opt.name, 'steps=' .. opt.steps, 'library=' .. library, 'replace=true', 'out=' .. opt.out})
mien.recipe.run('recipes/edit.lua', {'mapper=' .. opt.name, 'seeds=' .. table.concat(opt.seeds, ','), 'yaw=-30,0,30', 'library=' .. library, 'mesh=true', 'out=' .. opt.out})
print(('pictures and mesh: %s/   library: %s'):format(opt.out, library))
