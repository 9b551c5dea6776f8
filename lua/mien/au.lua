-- au.lua -- facial action units (Ekman & Friesen's FACS): how strong each is in a set of unit weights, which of them make an
-- expression, and the classifier that reads them from pictures.  For measures only: no loss ever sees it.
--
--   local judge = au.load 'models/measures/au.safetensors'
--   local scores = judge:scores(pictures)               -- [N,K] in 0..1, columns as au.names
--   judge:appeared("smile", after, before)              -- rows of scores: have all its units appeared?
--
-- Strength 0 is absent, 1 as strong as FACS calls marked to maximal.  A unit counts as present from PRESENT on and as absent up to ABSENT;
-- between the two nobody could say, so such pictures are left out where classifiers are scored.
local mien = require 'mien'
local au = {PRESENT = 0.4, ABSENT = 0.15}
local judge = {}
judge.__index = judge

local unit = {}
for i, name in ipairs(mien.unit_names()) do unit[name] = i end

-- Both sides of a unit, as a function of the weights [57].
local function both(name)
  local l, r = assert(unit[name .. '_L']), assert(unit[name .. '_R'])
  return function(w) return (w[l] + w[r]) / 2 end
end
local function one(name)
  local i = assert(unit[name])
  return function(w) return w[i] end
end
local brow_down, dimple, frown, press = both 'browDown', both 'mouthDimple', both 'mouthFrown', both 'mouthPress'
local lower, roll_lower, roll_upper, jaw, funnel = both 'mouthLowerDown', one 'mouthRollLower', one 'mouthRollUpper', one 'jawOpen', one 'mouthFunnel'
local left, right, jaw_left, jaw_right = one 'mouthLeft', one 'mouthRight', one 'jawLeft', one 'jawRight'

-- Name and strength.  The divisors are the weights that the renderer's own action units have (engine/synth/expression.c).
local units = {
  {'1', both 'browInnerUp'}, {'2', both 'browOuterUp'}, {'4', function(w) return brow_down(w) / 1.5 end}, {'5', both 'eyeWide'},
  {'6', both 'cheekSquint'}, {'7', both 'eyeSquint'}, {'9', both 'noseSneer'}, {'12', both 'mouthSmile'},
  {'14', dimple}, {'15', function(w) return frown(w) / 1.1 end},
  {'17', one 'mouthShrugLower'}, {'20', both 'mouthStretch'}, {'22', funnel},
  {'23', function(w) return math.min(press(w) / 0.6, (roll_lower(w) + roll_upper(w)) / 0.7) end},        -- pressed and rolled in: tightened
  {'25', function(w) return math.max(lower(w) / 0.5, jaw(w) / 0.25, funnel(w)) end},                     -- whatever parts the lips
  {'27', function(w) return (jaw(w) - 0.25) / 0.6 end},                                                  -- beyond the dropped jaw of AU26
  {'30L', function(w) return math.max(left(w), jaw_left(w)) end}, {'30R', function(w) return math.max(right(w), jaw_right(w)) end},
  {'43', function(w) return math.min(w[unit.eyeBlink_L], w[unit.eyeBlink_R]) / 1.125 end},               -- both eyes; a wink is none
}

au.names, au.column = {}, {}
for i, u in ipairs(units) do au.names[i], au.column[u[1]] = u[1], i end

-- Units that make an expression: the paper's rule for its first five (section IV-A), FACS for the others.
au.rule = {
  smile = {'6', '12'}, angry = {'4', '5', '7', '23'}, sad = {'1', '4', '15'}, ['raise brow'] = {'2'}, ['frown brow'] = {'4'}, ['close eyes'] = {'43'},
  ['mouth stretch'] = {'27'}, dimpler = {'14'}, ['lip funneler'] = {'22'}, grin = {'12', '25'}, ['mouth left'] = {'30L'}, ['mouth right'] = {'30R'},
}

-- Strengths [K] in 0..1 of unit weights, a list of 57 numbers.
function au.strengths(weights)
  local out = {}
  for i, u in ipairs(units) do out[i] = math.max(0, math.min(1, u[2](weights))) end
  return out
end

-- A new classifier: a residual network that reads the face of a picture.  The sigmoid of what it answers estimates the strengths.
function au.new(seed)
  local config = '{"input":96,"blocks":[1,2,2,1],"width":16,"hidden":256,"outputs":[0,%d,0,0],"pool":false,"crop":[0.19,0.84,0.175,0.825]}'
  config = config:format(#au.names)
  return mien.new_model('encoder', config, seed), config
end

-- A judge: a classifier with thresholds {present_from, rise = {name = score}}, once they are known.
function au.judge(net, thresholds)
  return setmetatable({net = net, thresholds = thresholds}, judge)
end

-- The judge in a file that recipes/pretrain/au.lua wrote; nil and a message when there is none.
function au.load(path)
  local net, message = mien.load_model(path)
  if not net then return nil, message end
  local _, meta = assert(mien.st_load(path))
  if not meta.thresholds then return nil, ("'%s' has no thresholds: recipes/pretrain/au.lua did not finish"):format(path) end
  local self = au.judge(net, mien.json_decode(meta.thresholds))
  self.report = mien.json_decode(meta.report)
  return self
end

-- Scores of pictures: a list of N lists of K numbers in 0..1.
function judge:scores(pictures)
  local rows = mien.scope(function() return mien.no_grad(function() return self.net:encode(self.net:prepare(pictures)):sigmoid():totable() end) end)
  local out, k = {}, #au.names
  for i = 1, #rows / k do out[i] = {unpack(rows, (i - 1) * k + 1, i * k)} end
  return out
end

-- Have all units of the expression appeared between the scores of the unedited face and these?
function judge:appeared(expression, scores, before)
  for _, name in ipairs(au.rule[expression]) do
    local k = au.column[name]
    if scores[k] - before[k] < self.thresholds.rise[name] then return false end
  end
  return true
end

-- Are all units of the expression there, judged from this picture alone?
function judge:present(expression, scores)
  for _, name in ipairs(au.rule[expression]) do
    if scores[au.column[name]] < self.thresholds.present_from[name] then return false end
  end
  return true
end

return au
