-- geometry.lua -- depth and normal maps and the surface of the volume, on the embedded avatar: they agree with the
-- camera, with each other and with the head mesh that moves the volume.
local mien, T = require 'mien', require 'mien.test'
local avatar, geometry = require 'mien.avatar', require 'mien.geometry'
local a = avatar.load()
local who = a:person(3)
local planes = mien.no_grad(function() return a:planes(who.ws, who.shape, a:neutral()) end)

local function pixel(picture, x, y)
  local i = 3 * (y * picture:dim(2) + x)
  return {picture:item(i + 1), picture:item(i + 2), picture:item(i + 3)}
end

T.test('maps: near is white, normals look at the camera', function(t)
  local camera = a:camera{}
  local maps = geometry.maps(a, planes, who.ws, camera)
  local size = maps.depth:dim(1)
  t:equal(maps.normal:shape(), {size, size, 3})
  -- the camera is radius / 2.5 metres from the head's centre, and a head is some 10 cm deep before it
  local distance = a.generator:config 'radius' / 2.5
  t:ok(maps.near > distance - 0.16 and maps.near < distance - 0.04 and maps.far > maps.near + 0.04 and maps.far < distance + 0.2, maps.near .. ' ' .. maps.far)
  local middle = math.floor(size / 2)
  local centre, side = pixel(maps.depth, middle, middle), pixel(maps.depth, math.floor(size * 0.25), middle)
  t:ok(centre[1] > 200 and centre[1] > side[1] and centre[1] == centre[3], 'the nose is nearer than the cheek')
  t:equal(pixel(maps.depth, 0, 0), {0, 0, 0})
  t:equal(pixel(maps.normal, 0, 0), {0, 0, 0})
  local facing, seen, left, right = 0, 0, 0, 0
  for y = 0, size - 1 do
    for x = 0, size - 1 do
      local n = pixel(maps.normal, x, y)
      if n[3] > 0 then
        seen = seen + 1
        local vx, vy, vz = n[1] / 127.5 - 1, n[2] / 127.5 - 1, n[3] / 127.5 - 1
        if math.abs(math.sqrt(vx * vx + vy * vy + vz * vz) - 1) > 0.02 then error('no unit normal') end
        if vz > 0 then facing = facing + 1 end
        if x < size * 0.4 then left = left + vx elseif x > size * 0.6 then right = right + vx end
      end
    end
  end
  t:ok(seen > size * size / 4 and facing > 0.97 * seen, ('%d of %d face the camera'):format(facing, seen))
  t:ok(left < 0 and right > 0, 'the sides look to their sides')
end)

T.test('the surface lies where the head mesh is', function(t)
  local mesh, level = geometry.surface(a, planes, 64)
  t:ok(level > 0 and level < 1, 'level')
  t:equal(mesh.color:shape(), mesh.v:shape())
  local half = a.generator:config 'box_warp' / 2 / 2.5 + 1e-6
  local v, top, n = mesh.v:totable(), -1, 0
  for i = 1, #v do if math.abs(v[i]) > half then error('outside of the volume') end end
  -- landmark 31 (the tip of the nose) of the moving mesh: the surface comes within a centimetre of it
  local moved = mien.no_grad(function() return a:mesh(who.shape, a:neutral()) end)
  local first = moved:dim(2) - 68
  local tip = moved:slice(2, first + 31, first + 31):totable()
  local best = math.huge
  for i = 1, #v, 3 do
    best = math.min(best, (v[i] - tip[1]) ^ 2 + (v[i + 1] - tip[2]) ^ 2 + (v[i + 2] - tip[3]) ^ 2)
    top, n = math.max(top, v[i + 1]), n + 1
  end
  t:ok(math.sqrt(best) < 0.01, ('%.4f m from the tip of the nose'):format(math.sqrt(best)))
  t:ok(n > 1000 and top > tip[2] + 0.04, 'y is up')
  local normal, out = mesh.normal:totable(), 0
  for i = 1, #v, 3 do out = out + (normal[i + 2] * v[i + 2] > 0 and 1 or 0) end
  t:ok(out > 0.6 * n, 'normals look outwards')
end)

T.test('the recipe edit: pictures, maps, meshes, what the library keeps, the same again', function(t)
  local folder = t:folder()
  local library = assert(mien.store.open(folder .. '/l.db'))
  local hash = a.generator:hash()
  library:put_model{kind = 'next3d', name = 'avatar', hash = hash, config = {}}
  local mapper = require('mien.method').new_mapper(a, {seed = 1})
  local code = mien.zeros{a.head:config 'expr'}:totable()
  library:save{name = 'nothing', status = 'complete', prompt = 'A person who is smiling', model_hash = hash, options = {code = code}, weights = mapper}
  local function mien_does(words) return t:shell(("'%s' %s 2>&1"):format(mien.program(), words)) end
  local text, status = mien_does(('recipes/edit.lua mapper=nothing seeds=2 yaw=-15 library=%s/l.db maps=yes mesh=yes out=%s/o'):format(folder, folder))
  t:ok(status == 0 and text:find('seed 2  identity', 1, true), text)
  t:equal(mien.folder(folder .. '/o'), {'head.glb', 'head.mtl', 'head.obj', 'head.png', 'seed2_yaw-15.png', 'seed2_yaw-15_depth.png', 'seed2_yaw-15_normal.png', 'sheet.png'})
  -- Morph targets under ARKit's names (Apple's ARFaceAnchor.BlendShapeLocation), each once.
  local glb, arkit = assert(mien.file_read(folder .. '/o/head.glb')), 0
  local targets = mien.json_decode(glb:sub(21, 20 + glb:byte(13) + 256 * glb:byte(14) + 65536 * glb:byte(15))).meshes[1].extras.targetNames
  local known = {}
  for _, name in ipairs(targets) do
    t:ok(not known[name], name)
    known[name] = true
  end
  for name in ([[browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft cheekSquintRight eyeBlinkLeft eyeBlinkRight
    eyeLookDownLeft eyeLookDownRight eyeLookInLeft eyeLookInRight eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight eyeSquintLeft eyeSquintRight
    eyeWideLeft eyeWideRight jawForward jawLeft jawOpen jawRight mouthClose mouthDimpleLeft mouthDimpleRight mouthFrownLeft mouthFrownRight mouthFunnel
    mouthLeft mouthLowerDownLeft mouthLowerDownRight mouthPressLeft mouthPressRight mouthPucker mouthRight mouthRollLower mouthRollUpper mouthShrugLower
    mouthShrugUpper mouthSmileLeft mouthSmileRight mouthStretchLeft mouthStretchRight mouthUpperUpLeft mouthUpperUpRight noseSneerLeft noseSneerRight]]):gmatch '%a+' do
    t:ok(known[name], name)
    arkit = arkit + 1
  end
  t:equal(arkit, 51)
  for _, name in ipairs{'head.png', 'seed2_yaw-15.png'} do
    local record = assert(mien.record.read(folder .. '/o/' .. name))
    t:ok(record.seeds[1] == 2 and record.mappers[1].name == 'nothing' and #record.mappers[1].weights_sha256 == 64, name)
  end
  local edits = library:edits 'nothing'
  t:ok(#edits == 1 and edits[1].seeds[1] == 2 and edits[1].identity_after > 0.5, 'the edit is recorded')
  t:equal(edits[1].picture_sha256, mien.sha256_file(folder .. '/o/sheet.png'))
  text, status = mien_does(("rerun '%s/o/seed2_yaw-15.png'"):format(folder))
  t:ok(status == 0 and text:find('the same bytes', 1, true), text)
  t:equal(#library:edits 'nothing', 1, 'a repetition is not recorded')
  library:close()
end)
