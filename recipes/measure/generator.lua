-- generator.lua -- the generator's pictures against the renderer's, with the same factors, of held-out people and expressions.
local mien = require 'mien'
local measures, People = require 'mien.measures', require 'mien.people'

-- 1 around some landmarks (from 0), falling to 0 within a few pixels.
local function around(landmarks, camera, size, first, last)
  local index = {}
  for i = 1, 68 do index[i] = first + (i - 1) % (last - first + 1) end
  local points = landmarks:permute(2, 1, 3):gather(mien.tensor(index, 'i32')):permute(2, 1, 3):clone()
  return mien.landmark_weights(points, camera, size, 1, 4) - 1
end

return function(m)
  local a, people = m.avatar, m:people()
  local refs = m.spread(people.studio, m.opt.pictures)
  local sums, batches = {}, 0
  local function add(name, value) sums[name] = (sums[name] or 0) + value end
  m:each('generator', refs, function(batch)
    local rows, target, cover = people:rows(batch), people:pictures(batch)
    local n, size = #batch, target:dim(3)
    local mesh, ws = People.meshes(a.head, rows), a.generator:mapping(rows.z, a.front:expand(n, 25))
    local picture = a:view(a.generator:planes(ws, mesh), ws, rows.camera)
    local landmarks = mesh:slice(2, mesh:dim(2) - 67, mesh:dim(2))
    add('psnr', measures.psnr(picture, target) * n)
    add('person', measures.psnr(picture, target, cover) * n)
    add('eyes', measures.psnr(picture, target, around(landmarks, rows.camera, size, 36, 47)) * n)
    add('mouth', measures.psnr(picture, target, around(landmarks, rows.camera, size, 48, 67)) * n)
    add('ssim', measures.ssim(picture, target) * n)
    batches = batches + n
  end)
  for name, sum in pairs(sums) do sums[name] = sum / batches end
  return {
    title = 'Generator against the renderer', numbers = sums,
    rows = {
      {'PSNR, whole picture', ('%.2f dB'):format(sums.psnr), '>= 24 dB', sums.psnr >= 24},
      {'SSIM, whole picture', ('%.3f'):format(sums.ssim), '>= 0.85', sums.ssim >= 0.85},
      {'PSNR of the person alone', ('%.2f dB'):format(sums.person)},
      {'PSNR around the eyes', ('%.2f dB'):format(sums.eyes)},
      {'PSNR around the mouth', ('%.2f dB'):format(sums.mouth)},
    },
    notes = {('%d pictures of held-out people, every yaw and expression of the data.'):format(batches)},
  }
end
