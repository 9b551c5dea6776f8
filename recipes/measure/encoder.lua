-- encoder.lua -- the encoder E: held-out renders are read, the expression that E found is drawn again by the generator (the person, shape
-- and camera known), and the action units of both pictures are compared.  Beside it, without generator and classifier: the strengths of
-- the units in the codes themselves, by way of the unit weights in 0..2 that give the code best, against the true ones.
local mien = require 'mien'
local measures, au, People = require 'mien.measures', require 'mien.au', require 'mien.people'

-- Unit weights [n,57] within 0..2 whose codes come nearest to those given: accelerated projected gradient (Nesterov 1983).
local function weights_of(codes, units_to_expr)
  local square = mien.matmul(units_to_expr, units_to_expr, {tb = 1})
  local goal = mien.matmul(codes, units_to_expr, {tb = 1})
  local rate = math.huge
  for _, row in ipairs(square:abs():sum{axis = 2}:totable()) do rate = math.min(rate, 1 / row) end    -- 1 / a bound of the largest eigenvalue
  local w = mien.zeros{codes:dim(1), units_to_expr:dim(1)}
  local ahead, t = w, 1
  for _ = 1, 400 do
    local following = (ahead - (mien.matmul(ahead, square) - goal) * rate):clamp{lo = 0, hi = 2}
    local t2 = (1 + math.sqrt(1 + 4 * t * t)) / 2
    ahead = following + (following - w) * ((t - 1) / t2)
    w, t = following, t2
  end
  return w
end

return function(m)
  local a, people, judge = m.avatar, m:people(), m:judge()
  local refs = m.spread(people.all, m.opt.pictures)
  local seen, again, known = {}, {}, {}                    -- rows of scores: the render, with E's codes, with the true ones
  local read, codes, label = {}, {}, {}                    -- rows of strengths: in E's codes, in the true codes, the truth
  local wrong, size = 0, 0
  m:each('encoder', refs, function(batch)
    local rows, n = people:rows(batch), #batch
    local picture = people:pictures(batch)
    local shape = mien.matmul(People.modes(rows.z), a.head:weight 'id_to_shape')
    local ws = a.generator:mapping(rows.z, a.front:expand(n, 25))
    local found, truth = a:expression_of(picture), mien.matmul(rows.effective, a.head:weight 'units_to_expr')
    wrong, size = wrong + (found - truth):square():sum():item(), size + truth:square():sum():item()
    local function strengths(list, weights)
      local flat = weights:totable()
      for i = 1, n do list[#list + 1] = au.strengths({unpack(flat, 57 * i - 56, 57 * i)}) end
    end
    local units_to_expr = a.head:weight 'units_to_expr'
    strengths(read, weights_of(found, units_to_expr))
    strengths(codes, weights_of(truth, units_to_expr))
    strengths(label, rows.expr)
    local static = a.generator:static(ws)
    local function drawn(mesh) return judge:scores(a:view(a:planes_of(ws, mesh, nil, static), ws, rows.camera)) end
    for _, s in ipairs(judge:scores(picture)) do seen[#seen + 1] = s end
    for _, s in ipairs(drawn(a:mesh(shape, found))) do again[#again + 1] = s end
    for _, s in ipairs(drawn(People.meshes(a.head, rows))) do known[#known + 1] = s end
  end)
  local function column(list, k)
    local out = {}
    for i, row in ipairs(list) do out[i] = row[k] end
    return out
  end
  local compared = {{seen, again}, {seen, known}, {label, seen}, {label, read}, {label, codes}}
  local units, means, lines = {}, {0, 0, 0, 0, 0}, {}
  for k, name in ipairs(au.names) do
    units[name], lines[k] = {}, {'AU' .. name}
    for c, two in ipairs(compared) do
      local r = measures.correlation(column(two[1], k), column(two[2], k))
      units[name][c], lines[k][c + 1], means[c] = r, ('%.3f'):format(r), means[c] + r / #au.names
    end
  end
  return {
    title = 'Encoder', numbers = {correlation = means, units = units, error = wrong / size},
    rows = {
      {'rendered-again AUs, mean correlation', ('%.3f'):format(means[1]), '>= 0.85', means[1] >= 0.85},
      {'the same with the true codes', ('%.3f'):format(means[2])},
      {'AUs read off the codes against the truth, mean correlation', ('%.3f'):format(means[4])},
      {'the same for the true codes', ('%.3f'):format(means[5])},
      {"the classifier's AUs of the renders against the truth", ('%.3f'):format(means[3])},
      {"squared error of the codes, as a share of neutral's", ('%.3f'):format(wrong / size)},
    },
    tables = {{header = {'unit', "E's, drawn", 'true, drawn', 'classifier', "E's, read off", 'true, read off'}, lines = lines}},
    notes = {"Correlations. E's or the true codes, drawn by the generator: the classifier's scores of that picture and of the render;",
      'the classifier on the renders, and units read off the codes: with the true strengths.'},
  }
end
