-- views.lua -- edits from several sides: identity cosine to the frontal view at 10, 20 and 30 degrees, success from -40 to 40, the lids' gap and
-- the mouth's opening on the mesh, and a sheet of it all to look at.
local mien = require 'mien'
local measures, method = require 'mien.measures', require 'mien.method'
local ANGLES, SIDES = {10, 20, 30}, {-40, -30, -20, -10, 0, 10, 20, 30, 40}

-- Millimetres between pairs of the 68 landmarks (from 0) of a mesh, their mean.
local function gap(landmarks, pairs_of)
  local p, sum = landmarks:totable(), 0
  for _, pair in ipairs(pairs_of) do
    local square = 0
    for k = 1, 3 do square = square + (p[3 * pair[1] + k] - p[3 * pair[2] + k]) ^ 2 end
    sum = sum + 1000 * math.sqrt(square) / #pairs_of
  end
  return sum
end
local LIDS, LIPS = {{37, 41}, {38, 40}, {43, 47}, {44, 46}}, {{61, 67}, {62, 66}, {63, 65}}

return function(m)
  local a, judge, names = m.avatar, m:judge(), {'unedited'}
  local edits = {}
  for _, prompt in ipairs(method.basis) do
    local name = method.expression_of(prompt)
    edits[name] = m:edit(method.name_of(prompt))
    if edits[name] then names[#names + 1] = name end
  end
  local numbers, rows_of_sheet, labels = {}, {}, {}
  for _, name in ipairs(names) do numbers[name] = {cosine = {}, success = {}, lids = 0, mouth = 0} end
  local seeds, shown = {}, 2
  for i = 1, m.opt.turned do seeds[i] = m.opt.first + i - 1 end
  m:each('views', seeds, function(batch)
    local seed, kept = batch[1], {}
    local who, before = a:person(seed), nil
    local static = a.generator:static(who.ws)
    for _, name in ipairs(names) do
      local ws, alpha = who.ws, a:neutral()
      if edits[name] then ws, alpha = method.apply(a, who, {edits[name]}) end
      local mesh, list = a:mesh(who.shape, alpha), {}
      local planes = a:planes_of(ws, mesh, nil, static)
      for i, yaw in ipairs(SIDES) do list[i] = a:view(planes, ws, a:camera{yaw = yaw}) end
      local all = mien.concat_rows(list)
      local scores, ids, of = judge:scores(all), a:identity(all), numbers[name]
      before = before or scores
      local function cosine(i) return a.cosine(ids:slice(1, i, i), ids:slice(1, 5, 5)):item() end
      for k in ipairs(ANGLES) do
        of.cosine[k] = of.cosine[k] or {}
        for _, i in ipairs{5 - k, 5 + k} do table.insert(of.cosine[k], cosine(i)) end
      end
      for i in ipairs(SIDES) do
        local success = edits[name] and judge:appeared(name, scores[i], before[i]) and 1 or 0
        of.success[i] = (of.success[i] or 0) + success / #seeds
      end
      local landmarks = mesh:slice(2, mesh:dim(2) - 67, mesh:dim(2))
      of.lids, of.mouth = of.lids + gap(landmarks, LIDS) / #seeds, of.mouth + gap(landmarks, LIPS) / #seeds
      if seed < m.opt.first + shown then
        local row = {}
        for i in ipairs(SIDES) do row[i] = mien.to_pixels(list[i]) kept[#kept + 1] = row[i] end
        rows_of_sheet[#rows_of_sheet + 1], labels[#labels + 1] = row, name
      end
    end
    return unpack(kept)
  end, 1)

  local columns = {}
  for i, yaw in ipairs(SIDES) do columns[i] = ('%+d'):format(yaw) end
  local sheet = m.opt.out .. '/views.png'
  assert(mien.save_picture(sheet, mien.sheet{rows = rows_of_sheet, row_labels = labels, column_labels = columns},
    {seeds = {m.opt.first, m.opt.first + shown - 1}}))

  local lines, sides_lines, all = {}, {}, {}
  for i, name in ipairs(names) do
    local of = numbers[name]
    lines[i] = {name}
    for k in ipairs(ANGLES) do
      all[k] = all[k] or {}
      for _, c in ipairs(of.cosine[k]) do table.insert(all[k], c) end
      of.cosine[k] = measures.mean(of.cosine[k])
      table.insert(lines[i], ('%.3f'):format(of.cosine[k]))
    end
    table.insert(lines[i], ('%.1f'):format(of.lids))
    table.insert(lines[i], ('%.1f'):format(of.mouth))
    if edits[name] then
      local line = {name}
      for k in ipairs(SIDES) do line[k + 1] = ('%.2f'):format(of.success[k]) end
      sides_lines[#sides_lines + 1] = line
    end
  end
  local rows = {}
  for i, angle in ipairs(ANGLES) do
    local mean = measures.mean(all[i])
    rows[i] = {('identity cosine to the front at %d degrees, mean'):format(angle), ('%.3f'):format(mean)}
    if angle == 30 then rows[i][3], rows[i][4] = '>= 0.8', mean >= 0.8 end
  end
  local function change(name, what, title)
    if numbers[name] then
      rows[#rows + 1] = {title, ('%.1f mm, unedited %.1f mm'):format(numbers[name][what], numbers.unedited[what])}
    end
  end
  change('close eyes', 'lids', 'gap of the lids, close eyes')
  change('mouth stretch', 'mouth', 'opening of the lips, mouth stretch')
  change('grin', 'mouth', 'opening of the lips, grin')
  return {
    title = 'Views', numbers = numbers, rows = rows,
    tables = {
      {title = 'Identity cosine to the frontal view, and the mesh', header = {'expression', '10', '20', '30', 'lids mm', 'lips mm'}, lines = lines},
      {title = 'Share of successful edits by yaw', header = {'expression', unpack(columns)}, lines = sides_lines},
    },
    notes = {('%d avatars, seeds from %d; the sheet views.png has the first %d.'):format(#seeds, m.opt.first, shown)},
  }
end
