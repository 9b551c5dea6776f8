-- encoder.lua -- the encoder E: held-out renders are read, the expression that E found is drawn again by the generator (the person, shape
-- and camera known), and the action units of both pictures are compared.
local mien = require 'mien'
local measures, au, People = require 'mien.measures', require 'mien.au', require 'mien.people'

return function(m)
  local a, people, judge = m.avatar, m:people(), m:judge()
  local refs = m.spread(people.all, m.opt.pictures)
  local seen, again, known = {}, {}, {}                    -- rows of scores: the render, with E's codes, with the true ones
  local wrong, size = 0, 0
  m:each('encoder', refs, function(batch)
    local rows, n = people:rows(batch), #batch
    local picture = people:pictures(batch)
    local shape = mien.matmul(rows.z:slice(2, 1, 40):clamp{lo = -2.2, hi = 2.2}, a.head:weight 'id_to_shape')
    local ws = a.generator:mapping(rows.z, a.front:expand(n, 25))
    local found, truth = a:expression_of(picture), mien.matmul(rows.effective, a.head:weight 'units_to_expr')
    wrong, size = wrong + (found - truth):square():sum():item(), size + truth:square():sum():item()
    local static = a.generator:static(ws)
    local function drawn(mesh) return judge:scores(a:view(a.generator:planes(ws, mesh, nil, static), ws, rows.camera)) end
    for _, s in ipairs(judge:scores(picture)) do seen[#seen + 1] = s end
    for _, s in ipairs(drawn(a:mesh(shape, found))) do again[#again + 1] = s end
    for _, s in ipairs(drawn(People.meshes(a.head, rows))) do known[#known + 1] = s end
  end)
  local function column(list, k)
    local out = {}
    for i, row in ipairs(list) do out[i] = row[k] end
    return out
  end
  local units, sum, ceiling, lines = {}, 0, 0, {}
  for k, name in ipairs(au.names) do
    local own, best = measures.correlation(column(seen, k), column(again, k)), measures.correlation(column(seen, k), column(known, k))
    units[name], sum, ceiling = own, sum + own, ceiling + best
    lines[k] = {'AU' .. name, ('%.3f'):format(own), ('%.3f'):format(best)}
  end
  sum, ceiling = sum / #au.names, ceiling / #au.names
  return {
    title = 'Encoder', numbers = {correlation = sum, with_true_codes = ceiling, units = units, error = wrong / size},
    rows = {
      {'rendered-again AUs, mean correlation', ('%.3f'):format(sum), '>= 0.85', sum >= 0.85},
      {'the same with the true codes', ('%.3f'):format(ceiling)},
      {"squared error of the codes, as a share of neutral's", ('%.3f'):format(wrong / size)},
    },
    tables = {{header = {'unit', "E's codes", 'true codes'}, lines = lines}},
    notes = {'With the true codes, what is missing is the generator\'s and the classifier\'s doing.'},
  }
end
