-- identity.lua -- the identity network: pictures of the same and of different held-out people, not farther than 40 degrees to the side.
local mien = require 'mien'
local measures, People = require 'mien.measures', require 'mien.people'

return function(m)
  local a, people = m.avatar, m:people()
  local embeddings, who = {}, {}
  m:each('identity', people.all, function(batch)
    local rows = people:rows(batch)
    local e = a:identity((people:pictures(batch)))
    local keep = {}
    for i, yaw in ipairs(People.yaws(rows.camera)) do
      if math.abs(yaw) <= 40 then
        keep[#keep + 1] = e:slice(1, i, i)
        who[#who + 1] = rows.person[i]
      end
    end
    for _, row in ipairs(keep) do embeddings[#embeddings + 1] = row end
    return unpack(keep)
  end)
  local e, n = mien.concat_rows(embeddings), #who
  local cosines, same, different = mien.matmul(e, e, {tb = 1}):totable(), {}, {}
  for i = 1, n do
    for j = i + 1, n do
      local list = who[i] == who[j] and same or different
      list[#list + 1] = cosines[(i - 1) * n + j]
    end
  end
  local auc, middle, high = measures.auc(same, different), measures.quantile(same, 0.5), measures.quantile(different, 0.95)
  return {
    title = 'Identity network', numbers = {auc = auc, same = #same, different = #different, same_median = middle, different_95 = high},
    rows = {
      {'same or different person, AUC', ('%.4f'):format(auc), '>= 0.98', auc >= 0.98},
      {'cosine of the same person, median', ('%.3f'):format(middle)},
      {'cosine of different people, 95th percentile', ('%.3f'):format(high)},
    },
    notes = {('%d pairs of the same person, %d of different people, other expressions, poses and lights.'):format(#same, #different)},
  }
end
