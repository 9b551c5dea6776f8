-- people.lua -- pictures of synthetic people with their labels, in chunks of safetensors: what every network of the
-- embedded avatar learns from.  Chunks that are there already are kept, so an interrupted run goes on where it was.
--
-- Of each person's pictures the first `studio` have the default light and serve the generator; the others have a random
-- light and serve the encoders.  Seeds from 100000 on are held out: train on people below, measure on people above.
local mien = require 'mien'
mien.api(1)
local opt = mien.options {
  head    = {mien.required, 'the ICT head: a head.safetensors or an ICT-FaceKit checkout'},
  out     = {'data/people', 'folder of the chunks'},
  first   = {0, 'seed of the first person', whole = true, least = 0},
  people  = {2000, 'how many people; chunks are always whole', whole = true, least = 1},
  shots   = {8, 'pictures of each', whole = true, least = 1},
  studio  = {5, 'of these in the default light', whole = true, least = 0},
  chunk   = {40, 'people in a chunk', whole = true, least = 1},
  size    = {128, 'pixels', whole = true, least = 1, most = 1024},
}
assert(mien.mkdir(opt.out))
local synth = assert(mien.synth_open(opt.head))
local twelve = require('mien.people').expressions

-- Unit weights of one picture: neutral, one of the twelve at some strength, two of them mixed, or a random mixture.
local function expression(rng)
  local u = rng:uniform()
  if u < .12 then return mien.zeros{57} end
  local name = twelve[rng:below(12) + 1]
  if u < .50 then return mien.expression(name, rng:uniform(.5, 1.1)) end
  if u < .60 then return mien.maximum(mien.expression(name, rng:uniform(.3, 1)), mien.expression(twelve[rng:below(12) + 1], rng:uniform(.3, 1))) end
  return mien.expression_random(rng)
end

local function labels(first, count)
  local z, expr, gaze, camera, light = {}, {}, {}, {}, {}
  for p = first, first + count - 1 do
    z[#z + 1] = mien.numpy_randn(p, 80)
    local rng = mien.rng(p, 1)
    for k = 1, opt.shots do
      expr[#expr + 1] = expression(rng):reshape(1, 57)
      local look = rng:uniform() < .5
      gaze[#gaze + 1] = look and {rng:normal() * 9, rng:normal() * 5} or {0, 0}
      local yaw = rng:uniform() < .6 and rng:uniform(-48, 48) or rng:normal() * 10
      local pitch, roll = math.max(-20, math.min(20, rng:normal() * 8)), 0
      if k > opt.studio then roll = rng:normal() * 4 end
      camera[#camera + 1] = mien.camera{yaw = yaw, pitch = pitch, roll = roll}
      light[#light + 1] = k > opt.studio and p * 16 + k or 0
    end
  end
  local stack = mien.concat_rows
  return {z = stack(z), expr = stack(expr), gaze = mien.tensor(gaze), camera = stack(camera), light = mien.tensor(light, 'i32'), size = opt.size}
end

local bar = mien.progress.new('people', opt.people)
for first = opt.first, opt.first + opt.people - 1, opt.chunk do
  local path = ('%s/people_%06d.safetensors'):format(opt.out, first)
  local there = io.open(path, 'rb')
  if there then there:close()
  else
    bar:from(first - opt.first)
    mien.scope(function()
      local shots = labels(first, opt.chunk)
      local rgba, effective, looks = synth:render(shots)
      local words = {}
      for i, look in ipairs(looks) do
        words[i] = table.concat({look.skin, look.hair, look.style, look.eyes, ('%.2f'):format(look.beard), ('%.2f'):format(look.freckles), ('%.2f'):format(look.make_up)}, ';')
      end
      assert(mien.st_save(path, {rgba = rgba, z = shots.z, expr = shots.expr, effective = effective, gaze = shots.gaze, camera = shots.camera, light = shots.light},
        {first = tostring(first), people = tostring(opt.chunk), shots = tostring(opt.shots), looks = table.concat(words, '\n')}))
    end)
  end
  bar:step(math.min(first + opt.chunk - opt.first, opt.people), {}, first + opt.chunk >= opt.first + opt.people)
end
bar:done()
