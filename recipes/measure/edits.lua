-- edits.lua -- edits of avatars that nothing was trained on, by every mapper of the library: which have all action units of their expression
-- (au.rule, the paper's rule) and who is still the same person.
--
-- An edit succeeds when every unit of the rule has risen, against the unedited face from the same side, by the threshold that was fixed
-- on rendered people.  Beside it: the same avatars driven by the reference's code alone, and by mappers trained without one part
-- of the method (those of recipes/library.lua ablations=true that are there).  False positives: another view of the unedited
-- face against it (the same rule), and unedited faces whose own scores pass (the rule without the comparison).
local mien = require 'mien'
local measures, au, method = require 'mien.measures', require 'mien.au', require 'mien.method'

-- What is compared: name, title, and the edit of each expression; only expressions that are there.
local function variants_of(m)
  local list, full = {}, {}
  for _, prompt in ipairs(method.basis) do
    local expression = method.expression_of(prompt)
    full[expression] = m:edit(method.name_of(prompt))
  end
  if not next(full) then error('edits: the library has no mapper of the twelve for this generator; recipes/library.lua trains them', 0) end
  list[1] = {name = 'full', edits = full}
  local alone = {}
  for expression, edit in pairs(full) do alone[expression] = {code = edit.code} end
  list[2] = {name = 'code_alone', edits = alone}
  for _, ablation in ipairs(method.ablations) do
    local edits = {}
    for _, prompt in ipairs(method.basis) do
      local expression = method.expression_of(prompt)
      edits[expression] = full[expression] and m:edit(method.name_of(prompt, ablation.name))
    end
    if next(edits) then list[#list + 1] = {name = ablation.name, edits = edits} end
  end
  return list, full
end

return function(m)
  local a, judge, n = m.avatar, m:judge(), m.opt.avatars
  local variants, full = variants_of(m)
  local names = {}                                         -- the expressions that are there, in the paper's order
  for _, prompt in ipairs(method.basis) do
    local expression = method.expression_of(prompt)
    if full[expression] then names[#names + 1] = expression end
  end
  local texts, faces = {}, {}
  for _, name in ipairs(names) do texts[name] = m.no_grad(function() return a:text(full[name].prompt, true) end) end
  local result, by_rule, other_view, unedited = {}, {}, {}, {}
  for _, v in ipairs(variants) do
    result[v.name] = {}
    for name in pairs(v.edits) do result[v.name][name] = {success = 0, present = 0, clip = 0, before = 0, cosines = {}} end
  end
  for _, name in ipairs(names) do by_rule[name], other_view[name], unedited[name] = {}, 0, 0 end

  local seeds = {}
  for i = 1, n do seeds[i] = m.opt.first + i - 1 end
  m:each('edits', seeds, function(batch)
    local face
    for _, seed in ipairs(batch) do
      local who, rng = a:person(seed), mien.rng(m.opt.seed, seed)
      local static = a.generator:static(who.ws)
      local function draw() return a:camera{yaw = rng:uniform(-m.opt.yaw, m.opt.yaw), pitch = rng:uniform(-m.opt.pitch, m.opt.pitch)} end
      local camera, elsewhere = draw(), draw()
      local function picture(ws, alpha, from, unmoved) return a:view(a:planes(ws, who.shape, alpha, unmoved), ws, from) end
      local list, what = {picture(who.ws, a:neutral(), camera, static), picture(who.ws, a:neutral(), elsewhere, static)}, {}
      for _, v in ipairs(variants) do
        for name, edit in pairs(v.edits) do
          local ws, alpha = who.ws, edit.code
          if edit.mapper then ws, alpha = method.apply(a, who, {edit}) end
          list[#list + 1] = picture(ws, alpha, camera, method.still(a, edit.mapper, static))
          what[#what + 1] = {result[v.name][name], name, v.name == 'full'}
        end
      end
      local all = mien.concat_rows(list)
      local scores, ids, clips = judge:scores(all), a:identity(all), a:embed(all)
      face = ids:slice(1, 1, 1)
      local before = scores[1]
      for i, w in ipairs(what) do
        local r, name, k = w[1], w[2], i + 2
        r.cosines[#r.cosines + 1] = a.cosine(ids:slice(1, k, k), face):item()
        r.clip = r.clip + a.cosine(clips:slice(1, k, k), texts[name]):item() / n
        r.before = r.before + a.cosine(clips:slice(1, 1, 1), texts[name]):item() / n
        if judge:appeared(name, scores[k], before) then r.success = r.success + 1 / n end
        if judge:present(name, scores[k]) then r.present = r.present + 1 / n end
        if w[3] then
          for _, rule in ipairs(names) do
            if judge:appeared(rule, scores[k], before) then by_rule[name][rule] = (by_rule[name][rule] or 0) + 1 / n end
          end
        end
      end
      for _, rule in ipairs(names) do
        if judge:appeared(rule, scores[2], before) then other_view[rule] = other_view[rule] + 1 / n end
        if judge:present(rule, before) then unedited[rule] = unedited[rule] + 1 / n end
      end
    end
    faces[#faces + 1] = face
    return face
  end, 1)

  -- Different people: unedited faces against one another.
  local e = mien.concat_rows(faces)
  local cosines, strangers = mien.matmul(e, e, {tb = 1}):totable(), {}
  for i = 1, n do for j = i + 1, n do strangers[#strangers + 1] = cosines[(i - 1) * n + j] end end
  local limit, edited = measures.quantile(strangers, 0.95), {}

  local header, lines, mean, least, clip_lines = {'expression'}, {}, {}, math.huge, {}
  for _, v in ipairs(variants) do header[#header + 1] = v.name:gsub('_', ' ') end
  for _, column in ipairs{'full, by itself', 'unedited, other view', 'unedited, by itself'} do header[#header + 1] = column end
  for i, name in ipairs(names) do
    local line, clips = {('%s (%s)'):format(name, table.concat(au.rule[name], '+'))}, {name}
    for k, v in ipairs(variants) do
      local r = result[v.name][name]
      line[#line + 1] = r and ('%.3f'):format(r.success) or ''
      clips[#clips + 1] = r and ('%.3f'):format(r.clip) or ''
      mean[k] = mean[k] or {}
      if r then table.insert(mean[k], r.success) end
    end
    clips[#clips + 1] = ('%.3f'):format(result.full[name].before)
    for _, share in ipairs{result.full[name].present, other_view[name], unedited[name]} do line[#line + 1] = ('%.3f'):format(share) end
    lines[i], clip_lines[i] = line, clips
    least = math.min(least, result.full[name].success)
    for _, c in ipairs(result.full[name].cosines) do edited[#edited + 1] = c end
  end
  local last = {'mean'}
  for k in ipairs(variants) do last[#last + 1] = ('%.3f'):format(measures.mean(mean[k])) end
  lines[#lines + 1] = last
  local clip_header = {'expression', unpack(header, 2, 1 + #variants)}
  clip_header[#clip_header + 1] = 'unedited'

  local rule_header, rule_lines = {'edit'}, {}
  for _, rule in ipairs(names) do rule_header[#rule_header + 1] = rule end
  for i, name in ipairs(names) do
    rule_lines[i] = {name}
    for _, rule in ipairs(names) do table.insert(rule_lines[i], ('%.2f'):format(by_rule[name][rule] or 0)) end
  end

  local identity_header, identity_lines = {'variant', 'median', '5th percentile', 'above the limit'}, {}
  for i, v in ipairs(variants) do
    local own = {}
    for _, r in pairs(result[v.name]) do for _, c in ipairs(r.cosines) do own[#own + 1] = c end end
    local share = measures.share(own, limit)
    identity_lines[i] = {(v.name:gsub('_', ' ')), ('%.3f'):format(measures.quantile(own, 0.5)),
      ('%.3f'):format(measures.quantile(own, 0.05)), ('%.3f'):format(share)}
  end

  local kept, success, seconds = measures.share(edited, limit), measures.mean(mean[1]), m:training_seconds(names)
  local rows = {
    {('edit success, mean of %d expressions'):format(#names), ('%.3f'):format(success), '>= 0.85', success >= 0.85 and #names == 12},
    {'edit success, the least of them', ('%.3f'):format(least), '>= 0.6', least >= 0.6 and #names == 12},
    {("edits as alike as the 95th percentile of strangers, %.3f"):format(limit), ('%.3f'):format(kept), '>= 0.95', kept >= 0.95},
  }
  if seconds then rows[#rows + 1] = {'training of one mapper, the longest', ('%d s'):format(seconds), '<= 600 s', seconds <= 600} end
  return {
    title = 'Edits', numbers = {variants = result, limit = limit, by_rule = by_rule, other_view = other_view, unedited = unedited},
    rows = rows,
    tables = {
      {title = 'Share of successful edits', header = header, lines = lines},
      {title = 'The same edits (rows) judged by every rule (columns)', header = rule_header, lines = rule_lines},
      {title = 'CLIP score, cosine to the prompt', header = clip_header, lines = clip_lines},
      {title = 'Identity cosine to the unedited face', header = identity_header, lines = identity_lines},
    },
    notes = {('%d avatars, seeds from %d, cameras within %g degrees to the side and %g up or down.'):format(n, m.opt.first, m.opt.yaw, m.opt.pitch),
      '"by itself": by the picture\'s own scores, not compared with the unedited face.'},
  }
end
