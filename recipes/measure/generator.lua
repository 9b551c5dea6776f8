-- generator.lua -- the generator's pictures against the renderer's, with the same factors, of held-out people and expressions, all together
-- and by the style of their hair.  A few pairs, evenly from the best to the worst, go into generator.png.
local mien = require 'mien'
local measures, People = require 'mien.measures', require 'mien.people'

-- 1 around some landmarks (from 0), falling to 0 within a few pixels.
local function around(landmarks, camera, size, first, last)
  local index = {}
  for i = 1, 68 do index[i] = first + (i - 1) % (last - first + 1) end
  local points = landmarks:permute(2, 1, 3):gather(mien.tensor(index, 'i32')):permute(2, 1, 3):clone()
  return mien.landmark_weights(points, camera, size, 1, 4) - 1
end

-- Pictures, PSNR and SSIM of each style, the most alike first.
local function by_hair(scores)
  local styles, lines = {}, {}
  for _, s in ipairs(scores) do
    local of = styles[s.hair] or {psnr = {}, ssim = {}}
    styles[s.hair] = of
    table.insert(of.psnr, s.psnr)
    table.insert(of.ssim, s.ssim)
  end
  for name, of in pairs(styles) do
    lines[#lines + 1] = {name, ('%d'):format(#of.ssim), ('%.2f'):format(measures.mean(of.psnr)), ('%.3f'):format(measures.mean(of.ssim))}
  end
  table.sort(lines, function(x, y) return x[4] > y[4] end)
  return lines
end

return function(m)
  local a, people = m.avatar, m:people()
  local refs = m.spread(people.studio, m.opt.pictures)
  local sums, scores = {}, {}
  local function add(name, value) sums[name] = (sums[name] or 0) + value end
  local function drawn(rows)
    local mesh, ws = People.meshes(a.head, rows), a.generator:mapping(rows.z, a.front:expand(rows.z:dim(1), 25))
    return a:view(a:planes_of(ws, mesh), ws, rows.camera), mesh
  end
  m:each('generator', refs, function(batch)
    local rows, target, cover = people:rows(batch), people:pictures(batch)
    local n, size = #batch, target:dim(3)
    local picture, mesh = drawn(rows)
    local landmarks = mesh:slice(2, mesh:dim(2) - 67, mesh:dim(2))
    add('person', measures.psnr(picture, target, cover) * n)
    add('eyes', measures.psnr(picture, target, around(landmarks, rows.camera, size, 36, 47)) * n)
    add('mouth', measures.psnr(picture, target, around(landmarks, rows.camera, size, 48, 67)) * n)
    for i = 1, n do
      local drew, right = picture:slice(1, i, i), target:slice(1, i, i)
      local s = {ref = batch[i], hair = rows.hair[i], psnr = measures.psnr(drew, right), ssim = measures.ssim(drew, right)}
      scores[#scores + 1] = s
      add('psnr', s.psnr)
      add('ssim', s.ssim)
    end
  end)
  table.sort(scores, function(x, y) return x.psnr > y.psnr end)
  local shown = m.spread(scores, 8)
  mien.scope(function() m.no_grad(function()
    local some, labels = {}, {}
    for i, s in ipairs(shown) do some[i], labels[i] = s.ref, ('%.1f dB'):format(s.psnr) end
    local picture, target, pairs_of = (drawn(people:rows(some))), (people:pictures(some)), {{}, {}}
    for i = 1, #some do pairs_of[1][i], pairs_of[2][i] = target:slice(1, i, i), picture:slice(1, i, i) end
    assert(mien.save_picture(m.opt.out .. '/generator.png', mien.sheet{rows = pairs_of, row_labels = {'renderer', 'generator'}, column_labels = labels, title = 'held-out people, from the best to the worst'}))
  end) end)
  for name, sum in pairs(sums) do sums[name] = sum / #scores end
  return {
    title = 'Generator against the renderer', numbers = sums,
    rows = {
      {'PSNR, whole picture', ('%.2f dB'):format(sums.psnr), '>= 24 dB', sums.psnr >= 24},
      {'SSIM, whole picture', ('%.3f'):format(sums.ssim), '>= 0.85', sums.ssim >= 0.85},
      {'PSNR of the person alone', ('%.2f dB'):format(sums.person)},
      {'PSNR around the eyes', ('%.2f dB'):format(sums.eyes)},
      {'PSNR around the mouth', ('%.2f dB'):format(sums.mouth)},
    },
    tables = {{title = 'By the style of the hair', header = {'hair', 'pictures', 'PSNR, dB', 'SSIM'}, lines = by_hair(scores)}},
    notes = {('%d pictures of held-out people, every yaw and expression of the data; pairs of them in generator.png.'):format(#scores)},
  }
end
