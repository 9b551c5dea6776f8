-- measures.lua -- numbers that say how good something is: pictures against pictures, scores against the truth.
-- Pictures are f32 [N,C,H,W] in -1..1; everything else is lists of numbers.
local mien = require 'mien'
local measures = {}

-- Peak signal-to-noise ratio in dB, the mean over the N pictures.  weight [N,1,H,W]: where it counts (nil: everywhere).
function measures.psnr(a, b, weight)
  local square = (a - b):square():mean{axis = 2, keep = 1}
  local n = a:dim(1)
  local function total(x) return x:reshape(n, -1):sum{axis = 2}:totable() end
  local error, area = total(weight and square * weight or square), weight and total(weight)
  local pixels, sum = a:dim(3) * a:dim(4), 0
  for i = 1, n do sum = sum + 10 * math.log10(4 / math.max(error[i] / (area and area[i] or pixels), 1e-12)) end
  return sum / n
end

-- The Gaussian window of SSIM: 11 taps, sigma 1.5.
local function window()
  local taps, sum = {}, 0
  for i = 1, 11 do
    taps[i] = math.exp(-(i - 6) ^ 2 / (2 * 1.5 ^ 2))
    sum = sum + taps[i]
  end
  for i = 1, 11 do taps[i] = taps[i] / sum end
  return mien.tensor(taps)
end

-- Structural similarity (Wang et al., IEEE TIP 2004, eq. 13), the mean over windows, colour channels and pictures, as a tensor of one
-- number that gradients flow through.  Its luminance term compares means of light, which start at black: in -1..1 it would call two
-- nearly equal greys around 0 unlike.
function measures.likeness(a, b)
  a, b = a * 0.5 + 0.5, b * 0.5 + 0.5
  local taps, c1, c2 = window(), 0.01 ^ 2, 0.03 ^ 2
  local function blur(x) return mien.upfirdn2d(x, taps) end
  local ma, mb = blur(a), blur(b)
  local va, vb, cov = blur(a:square()) - ma:square(), blur(b:square()) - mb:square(), blur(a * b) - ma * mb
  return (((ma * mb * 2 + c1) * (cov * 2 + c2)) / ((ma:square() + mb:square() + c1) * (va + vb + c2))):mean()
end

-- The same as a number.
function measures.ssim(a, b) return measures.likeness(a, b):item() end

-- Area under the ROC curve: how often a positive scores above a negative, ties counting half.
function measures.auc(positives, negatives)
  local all = {}
  for _, v in ipairs(positives) do all[#all + 1] = {v, true} end
  for _, v in ipairs(negatives) do all[#all + 1] = {v, false} end
  table.sort(all, function(x, y) return x[1] < y[1] end)
  local below, wins, i = 0, 0, 1
  while i <= #all do
    local last, p, n = i, 0, 0
    while all[last] and all[last][1] == all[i][1] do
      if all[last][2] then p = p + 1 else n = n + 1 end
      last = last + 1
    end
    wins, below, i = wins + p * (below + n / 2), below + n, last
  end
  return wins / (#positives * #negatives)
end

-- Pearson's correlation; 0 when one of the lists does not vary.
function measures.correlation(x, y)
  local n, sx, sy = #x, 0, 0
  for i = 1, n do sx, sy = sx + x[i], sy + y[i] end
  local mx, my, xx, yy, xy = sx / n, sy / n, 0, 0, 0
  for i = 1, n do
    local dx, dy = x[i] - mx, y[i] - my
    xx, yy, xy = xx + dx * dx, yy + dy * dy, xy + dx * dy
  end
  return xx * yy > 0 and xy / math.sqrt(xx * yy) or 0
end

function measures.mean(list)
  local sum = 0
  for _, v in ipairs(list) do sum = sum + v end
  return sum / #list
end

-- The value below which a share q of the list lies, between neighbours linearly.
function measures.quantile(list, q)
  local sorted = {}
  for i, v in ipairs(list) do sorted[i] = v end
  table.sort(sorted)
  local at = 1 + q * (#sorted - 1)
  local low = math.floor(at)
  return sorted[low] + (at - low) * ((sorted[low + 1] or sorted[low]) - sorted[low])
end

-- Share of the list from the threshold on.
function measures.share(list, threshold)
  local count = 0
  for _, v in ipairs(list) do if v >= threshold then count = count + 1 end end
  return count / #list
end

-- The threshold at which misses and false alarms are equally frequent, as nearly as the samples allow: midway between
-- two neighbouring scores; and the larger of the two rates there.
function measures.equal_error(positives, negatives)
  local all = {}
  for _, v in ipairs(positives) do all[#all + 1] = {v, 1 / #positives, 0} end
  for _, v in ipairs(negatives) do all[#all + 1] = {v, 0, 1 / #negatives} end
  table.sort(all, function(x, y) return x[1] < y[1] end)
  local missed, alarms, best, threshold = 0, 1, math.huge, all[1][1]
  for i, v in ipairs(all) do
    if (i == 1 or v[1] > all[i - 1][1]) and math.max(missed, alarms) < best then
      best, threshold = math.max(missed, alarms), i == 1 and v[1] or (v[1] + all[i - 1][1]) / 2
    end
    missed, alarms = missed + v[2], alarms - v[3]
  end
  return threshold, best
end

-- Harmonic mean of precision and recall when scores from the threshold on count as positive.
function measures.f1(positives, negatives, threshold)
  local hit, wrong = 0, 0
  for _, v in ipairs(positives) do if v >= threshold then hit = hit + 1 end end
  for _, v in ipairs(negatives) do if v >= threshold then wrong = wrong + 1 end end
  return 2 * hit / (hit + wrong + #positives)
end

return measures
