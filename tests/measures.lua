-- measures.lua -- measures against known numbers and brute force; action units of known weights; every rule can be met.
local mien, T = require 'mien', require 'mien.test'
local measures, au, method, people = require 'mien.measures', require 'mien.au', require 'mien.method', require 'mien.people'

T.test('PSNR', function(t)
  local a, b = mien.zeros{1, 3, 4, 4}, mien.full({1, 3, 4, 4}, 0.2)
  t:near(measures.psnr(a, b), 20, 1e-4)                                     -- 10 log10(2^2 / 0.2^2)
  local half = mien.concat(mien.full({1, 3, 2, 4}, 0.2), mien.zeros{1, 3, 2, 4}, {axis = 3})
  t:near(measures.psnr(a, half), 20 + 10 * math.log10(2), 1e-4)
  local where = mien.concat(mien.full({1, 1, 2, 4}, 5), mien.zeros{1, 1, 2, 4}, {axis = 3})
  t:near(measures.psnr(a, half, where), 20, 1e-4)
  t:near(measures.psnr(mien.concat(a, a, {axis = 1}), mien.concat(b, half, {axis = 1})), 20 + 5 * math.log10(2), 1e-4)
end)

-- SSIM of two grey pictures by plain loops over every window.
local function ssim_slowly(a, b, h, w)
  local weight, total, sum, windows = {}, 0, 0, 0
  for y = 1, 11 do for x = 1, 11 do
    weight[11 * y + x] = math.exp(-((x - 6) ^ 2 + (y - 6) ^ 2) / 4.5)
    total = total + weight[11 * y + x]
  end end
  for y0 = 0, h - 11 do for x0 = 0, w - 11 do
    local ma, mb, aa, bb, ab = 0, 0, 0, 0, 0
    for y = 1, 11 do for x = 1, 11 do
      local g, i = weight[11 * y + x] / total, (y0 + y - 1) * w + x0 + x
      local p, q = (a[i] + 1) / 2, (b[i] + 1) / 2
      ma, mb, aa, bb, ab = ma + g * p, mb + g * q, aa + g * p ^ 2, bb + g * q ^ 2, ab + g * p * q
    end end
    local c1, c2 = 0.0001, 0.0009
    sum = sum + (2 * ma * mb + c1) * (2 * (ab - ma * mb) + c2) / ((ma ^ 2 + mb ^ 2 + c1) * (aa - ma ^ 2 + bb - mb ^ 2 + c2))
    windows = windows + 1
  end end
  return sum / windows
end

T.test('SSIM', function(t)
  local rng = mien.rng(3)
  local a = mien.rand({1, 1, 13, 15}, rng) * 2 + -1
  local b = (a + mien.randn({1, 1, 13, 15}, rng) * 0.4):clamp{}
  t:near(measures.ssim(a, b), ssim_slowly(a:totable(), b:totable(), 13, 15), 1e-5)
  t:near(measures.ssim(a, a), 1, 1e-6)
  local flat, other = mien.full({1, 1, 11, 11}, 0.5), mien.full({1, 1, 11, 11}, -0.5)                   -- 0.75 and 0.25 of full light
  t:near(measures.ssim(flat, other), (0.375 + 0.0001) / (0.625 + 0.0001), 3e-4)     -- two flat pictures: the means alone (f32 leaves 1e-7 of variance beside 9e-4)
  local two = measures.ssim(mien.concat(a, a, {axis = 2}), mien.concat(a, b, {axis = 2}))
  t:near(two, (1 + measures.ssim(a, b)) / 2, 1e-6)
  -- As a loss: a step along its gradient makes b more like a, by as much as the gradient says.
  local x = b:clone():param()
  local likeness = measures.likeness(a, x)
  mien.backward(likeness)
  local g = x:grad()
  local step = 1e-3 / math.sqrt(g:square():sum():item())
  t:near((measures.ssim(a, b + g * step) - likeness:item()) / step, g:square():sum():item(), 0.02 * g:square():sum():item())
end)

T.test('area under the curve against every pair', function(t)
  local rng, p, n, wins = mien.rng(5), {}, {}, 0
  for i = 1, 37 do p[i] = rng:below(20) + 4 end                             -- whole numbers: ties
  for i = 1, 53 do n[i] = rng:below(20) end
  for _, x in ipairs(p) do for _, y in ipairs(n) do wins = wins + (x > y and 1 or x == y and 0.5 or 0) end end
  t:near(measures.auc(p, n), wins / (37 * 53), 1e-12)
  t:equal(measures.auc({2, 3}, {0, 1}), 1)
  t:equal(measures.auc({1, 1}, {1}), 0.5)
end)

T.test('correlation, quantiles, shares', function(t)
  t:near(measures.correlation({1, 2, 3}, {-2, -4, -6}), -1, 1e-12)
  t:near(measures.correlation({1, 2, 3, 4}, {1, 3, 2, 4}), 0.8, 1e-12)
  t:equal(measures.correlation({1, 2}, {5, 5}), 0)
  for q, value in pairs{[0] = 10, [0.5] = 20, [0.75] = 25, [1] = 30} do t:near(measures.quantile({30, 10, 20}, q), value, 1e-12) end
  t:equal({measures.mean{1, 2, 6}, measures.share({1, 2, 3, 4}, 3)}, {3, 0.5})
end)

T.test('thresholds and F1', function(t)
  local threshold, wrong = measures.equal_error({0.6, 0.8, 0.9, 0.3}, {0.1, 0.2, 0.5, 0.7})
  t:near({threshold, wrong}, {0.55, 0.25}, 1e-12)                           -- 0.3 missed, 0.7 a false alarm
  threshold, wrong = measures.equal_error({3, 4}, {1, 2})
  t:near({threshold, wrong}, {2.5, 0}, 1e-12)
  t:near(measures.f1({0.6, 0.8, 0.9, 0.3}, {0.1, 0.2, 0.5, 0.7}, 0.55), 2 * 3 / (2 * 3 + 1 + 1), 1e-12)
end)

T.test('action units of the twelve are those of their rules', function(t)
  local neutral = au.strengths(mien.zeros{57}:totable())
  for k, name in ipairs(au.names) do t:equal(neutral[k], 0, name) end
  for _, prompt in ipairs(method.basis) do
    local expression = method.expression_of(prompt)
    local strengths = au.strengths(mien.expression(expression, 1):totable())
    for _, unit in ipairs(au.rule[expression]) do
      t:ok(strengths[au.column[unit]] >= au.PRESENT, ('%s has AU%s at %.2f'):format(expression, unit, strengths[au.column[unit]]))
    end
  end
  local function of(name, unit) return au.strengths(mien.expression(name, 1):totable())[au.column[unit]] end
  for _, unit in ipairs(au.names) do t:ok(of('AU' .. unit, unit) >= 0.99, 'AU' .. unit) end
  t:ok(of('AU26', '27') <= au.ABSENT + 0.05 and of('AU46', '43') <= au.ABSENT)
  t:ok(of('mouth left', '30R') <= au.ABSENT and of('AU24', '23') <= au.ABSENT)
end)

T.test('a judge asks for every unit of the rule', function(t)
  local judge, thresholds = au.judge(nil), {present_from = {}, rise = {}}
  for _, name in ipairs(au.names) do thresholds.present_from[name], thresholds.rise[name] = 0.5, 0.3 end
  judge.thresholds = thresholds
  local function row(values)
    local out = {}
    for k, name in ipairs(au.names) do out[k] = values[name] or 0.1 end
    return out
  end
  local before, smile, half = row {['6'] = 0.2}, row {['6'] = 0.6, ['12'] = 0.9}, row {['6'] = 0.45, ['12'] = 0.9}
  t:equal({judge:appeared('smile', smile, before), judge:appeared('smile', half, before)}, {true, false})
  t:equal({judge:present('smile', smile), judge:present('smile', half), judge:present('smile', before)}, {true, false, false})
end)

T.test('a classifier reads one score a unit', function(t)
  local net = au.new(1)
  local scores = au.judge(net):scores(mien.zeros{2, 3, 128, 128})
  t:equal({#scores, #scores[1]}, {2, #au.names})
  t:ok(scores[1][1] > 0 and scores[1][1] < 1)
  t:fails('cannot', au.load, t:folder() .. '/none.safetensors')
  local path = t:folder() .. '/au.safetensors'
  assert(net:save(path))
  t:fails('no thresholds', au.load, path)
end)

T.test('yaw of cameras', function(t)
  t:near(people.yaws(mien.concat_rows{mien.camera{yaw = -35, pitch = 10}, mien.camera{}, mien.camera{yaw = 20}}), {-35, 0, 20}, 1e-3)
end)

T.test('people in a mirror', function(t)
  t:equal(people.mirrored(mien.tensor{{{{1, 2, 3}, {4, 5, 6}}}}):totable(), {3, 2, 1, 6, 5, 4})
  local names = mien.unit_names()
  local function weights(list)
    local row = {}
    for i, name in ipairs(names) do row[i] = list[name] or 0 end
    return mien.tensor{row}
  end
  local face = weights{mouthSmile_L = 0.5, eyeBlink_R = 1, jawLeft = 0.25, mouthRight = 0.125, jawOpen = 2}
  local other = weights{mouthSmile_R = 0.5, eyeBlink_L = 1, jawRight = 0.25, mouthLeft = 0.125, jawOpen = 2}
  t:equal(people.units_mirrored(face):totable(), other:totable())
  t:equal(people.units_mirrored(other):totable(), face:totable())
end)

T.test('names of the library', function(t)
  t:equal(method.name_of 'A person who is closing the eyes', 'close_eyes')
  t:equal(method.name_of('A person who is smiling', 'no_cross'), 'smile-no_cross')
  local names = {}
  for _, prompt in ipairs(method.basis) do
    local name = method.expression_of(prompt)
    t:ok(au.rule[name] and not names[name], name)
    names[name] = true
  end
end)
