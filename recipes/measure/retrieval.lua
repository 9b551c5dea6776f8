-- retrieval.lua -- text to picture: captions of held-out pictures (the expression alone) must find their picture among 100.  Each picture
-- is said in five ways, because which words are chosen matters by several hundredths.
--
-- A gallery holds pictures whose expressions words can tell apart: said with the same choice of words, no two have the same caption.
-- Beside it galleries drawn without that care, where several pictures may fit a caption equally well.
local mien = require 'mien'
local GALLERY, WAYS = 100, 5

return function(m)
  local a, people = m.avatar, m:people()
  local refs, pictures, plain, said = people.all, {}, {}, {}
  local rng = mien.rng(m.opt.seed, 21)
  m:each('retrieval', refs, function(batch)
    local rows = people:rows(batch)
    pictures[#pictures + 1] = a:embed((people:pictures(batch)))
    for i = 1, #batch do
      local expr = rows.expr:slice(1, i, i)
      plain[#plain + 1] = mien.caption(nil, expr, mien.rng(1))
      for _ = 1, WAYS do said[#said + 1] = a:text(mien.caption(nil, expr, rng), true) end
    end
    return pictures[#pictures], unpack(said, #said - WAYS * #batch + 1)
  end)
  pictures, said = mien.concat_rows(pictures), mien.concat_rows(said)
  local cosines, n = mien.matmul(said, pictures, {tb = 1}):totable(), #refs

  -- Shares of captions whose picture comes first, and among the first five.
  local function hits(members)
    local first, five = 0, 0
    for _, q in ipairs(members) do
      for way = 1, WAYS do
        local row = ((q - 1) * WAYS + way - 1) * n
        local own, above = cosines[row + q], 0
        for _, p in ipairs(members) do if p ~= q and cosines[row + p] >= own then above = above + 1 end end
        first, five = first + (above == 0 and 1 or 0), five + (above < 5 and 1 or 0)
      end
    end
    return first / (WAYS * #members), five / (WAYS * #members)
  end
  local function gallery(different)
    local order, used, members = {}, {}, {}
    for i = 1, n do order[i] = i end
    for i = n, 2, -1 do
      local j = rng:below(i) + 1
      order[i], order[j] = order[j], order[i]
    end
    for _, i in ipairs(order) do
      if #members < GALLERY and not (different and used[plain[i]]) then members[#members + 1], used[plain[i]] = i, true end
    end
    return members
  end
  local function mean(different)
    local one, five, size = 0, 0
    for _ = 1, 10 do
      local members = gallery(different)
      local p1, p5 = hits(members)
      one, five, size = one + p1 / 10, five + p5 / 10, #members
    end
    return one, five, size
  end
  local one, five, size = mean(true)
  local any1, any5 = mean(false)
  return {
    title = 'Text to picture', numbers = {top1 = one, top5 = five, gallery = size, any_top1 = any1, any_top5 = any5},
    rows = {
      {('top-1 of %d'):format(size), ('%.3f'):format(one), '>= 0.6', one >= 0.6},
      {('top-5 of %d'):format(size), ('%.3f'):format(five), '>= 0.9', five >= 0.9},
      {'top-1, any pictures', ('%.3f'):format(any1)}, {'top-5, any pictures', ('%.3f'):format(any5)},
    },
    notes = {'Mean of ten galleries of held-out pictures whose expressions words can tell apart, each picture said in five ways; "any pictures": drawn without that care.'},
  }
end
