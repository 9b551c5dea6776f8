-- people.lua -- reads what recipes/pretrain/people.lua wrote: pictures, labels, and batches of them.
local core = require 'mien.core'
local people = {}
people.__index = people

-- The twelve expressions in the order in which seeds draw them.
people.expressions = {'smile', 'angry', 'sad', 'close eyes', 'raise brow', 'frown brow', 'mouth stretch', 'mouth left', 'mouth right', 'dimpler', 'lip funneler', 'grin'}

-- The modes of the head's shape [n,count] (all 40) as the renderer takes them from z.
function people.modes(z, count) return z:slice(2, 1, count or 40):clamp{lo = -2.2, hi = 2.2} end

-- Opens every chunk of a folder whose first person lies in [from, to).
function people.open(folder, from, to)
  local self = setmetatable({chunks = {}, studio = {}, all = {}}, people)
  local names = core.folder(folder) or {}
  table.sort(names)
  for _, name in ipairs(names) do
    local first = tonumber(name:match('^people_(%d+)%.safetensors$'))
    if first and first >= from and first < to then
      local t, meta = assert(core.st_load(folder .. '/' .. name))
      local chunk = {rgba = t.rgba, z = t.z, effective = t.effective, gaze = t.gaze, camera = t.camera, expr = t.expr,
                     light = t.light:totable(), first = first, shots = tonumber(meta.shots), hair = {}}
      for line in meta.looks:gmatch('[^\n]+') do
        local style = line:match '^[^;]+;[^;]+;([^;]+);'
        if not style then error(("%s/%s: looks: 'skin;colour of the hair;its style;...' expected, got '%s'"):format(folder, name, line), 0) end
        chunk.hair[#chunk.hair + 1] = style
      end
      if #chunk.hair ~= t.z:dim(1) then error(('%s/%s: looks: a line for each of %d people expected, got %d'):format(folder, name, t.z:dim(1), #chunk.hair), 0) end
      self.chunks[#self.chunks + 1] = chunk
      for i = 1, #chunk.light do
        local ref = {#self.chunks, i}
        self.all[#self.all + 1] = ref
        if chunk.light[i] == 0 then self.studio[#self.studio + 1] = ref end
      end
    end
  end
  if #self.all == 0 then error(("no people %s in '%s': recipes/pretrain/people.lua first=%d draws them"):format(to == math.huge and ('from %d on'):format(from) or ('%d to %d'):format(from, to - 1), folder, from), 0) end
  return self
end

local function row(t, i, width) return t:reshape(-1, width):slice(1, i, i) end

-- The seed of whom the picture {chunk, picture} shows.
function people:person(ref)
  local c = self.chunks[ref[1]]
  return c.first + math.floor((ref[2] - 1) / c.shots)
end

-- Rows of the references {chunk, picture}: {z, effective, gaze, camera, expr, person, hair (its style)}.
function people:rows(refs)
  local out = {z = {}, effective = {}, gaze = {}, camera = {}, expr = {}, person = {}, hair = {}}
  for k, ref in ipairs(refs) do
    local c, i, who = self.chunks[ref[1]], ref[2], self:person(ref)
    local p = who - c.first + 1
    out.z[k] = row(c.z, p, 80)
    out.effective[k], out.gaze[k], out.camera[k], out.expr[k] = row(c.effective, i, 57), row(c.gaze, i, 2), row(c.camera, i, 25), row(c.expr, i, 57)
    out.person[k], out.hair[k] = who, c.hair[p]
  end
  for _, name in ipairs{'z', 'effective', 'gaze', 'camera', 'expr'} do out[name] = core.concat_rows(out[name]) end
  return out
end

-- Pictures [n,3,S,S] in -1..1, before mid grey, and coverage.
function people:pictures(refs)
  local pictures, cover = {}, {}
  for k, ref in ipairs(refs) do
    local index = core.tensor({ref[2] - 1}, 'i32')
    pictures[k], cover[k] = core.pictures(self.chunks[ref[1]].rgba, index)
  end
  return core.concat_rows(pictures), core.concat_rows(cover)
end

-- Unit weights [n,57] of a face as a mirror shows it.
function people.units_mirrored(units)
  local names, at, order = core.unit_names(), {}, {}
  for i, name in ipairs(names) do at[name] = i - 1 end
  for i, name in ipairs(names) do
    local other = name:gsub('_[LR]$', {_L = '_R', _R = '_L'}):gsub('Left$', '%%'):gsub('Right$', 'Left'):gsub('%%$', 'Right')
    order[i] = at[other]
  end
  return units:permute(2, 1):gather(core.tensor(order, 'i32')):permute(2, 1)
end

-- Pictures [N,C,H,W] as a mirror shows them.
function people.mirrored(x)
  local order, w = {}, x:dim(4)
  for i = 1, w do order[i] = w - i end
  return x:permute(4, 1, 2, 3):gather(core.tensor(order, 'i32')):permute(2, 3, 4, 1)
end

-- Flat rectangles over some of the pictures x [n,3,h,w], each a tenth to two fifths as high and as wide as the picture.
local function occluded(x, share, rng)
  local n, h, w = x:dim(1), x:dim(3), x:dim(4)
  local function stripe(length, there)
    local at, size, out = rng:uniform(), rng:uniform(0.1, 0.4), {}
    local from = at * (1 - size) * length
    for i = 1, length do out[i] = (there and i > from and i <= from + size * length) and 1 or 0 end
    return out
  end
  local rows, columns = {}, {}
  for i = 1, n do
    rows[i], columns[i] = stripe(h, rng:uniform() < share), stripe(w, true)
  end
  local mask = core.tensor(rows):reshape(n, 1, h, 1) * core.tensor(columns):reshape(n, 1, 1, w)
  return x + (core.rand({n, 3, 1, 1}, rng) * 2 + -1 - x) * mask
end

-- Pictures for the encoders, as `prepare` makes them into a network's input: flat backgrounds of random colours on the share
-- `backgrounds` (1) of them, the renderer's grey, which generated pictures have too, on the others; moved by up to `shift`
-- pixels; half of the batches blurred by way of a smaller size, at least the share `softest` (0.47) of theirs (generated
-- pictures are softer than rendered ones); as a mirror shows them when `mirror` is true; then contrast, brightness, noise and,
-- over the share `occlude`, a rectangle: on the input, because there are fewer numbers.
function people:augmented(refs, rng, prepare, options)
  local x, cover = self:pictures(refs)
  local n, size, shift = #refs, x:dim(3), options.shift
  local colours, coloured = core.rand({n, 3, 1, 1}, rng) * 1.8 + -0.9, {}
  for i = 1, n do coloured[i] = rng:uniform() < (options.backgrounds or 1) and 1 or 0 end
  x = x + (1 + cover * -1) * colours * core.tensor(coloured):reshape(n, 1, 1, 1)
  if shift then
    local side, left, top = size - shift, rng:below(shift + 1), rng:below(shift + 1)
    x = x:slice(4, left + 1, left + side):slice(3, top + 1, top + side)
  end
  if rng:uniform() < 0.5 then
    local via = math.floor(rng:uniform(options.softest or 0.47, 0.94) * size)
    x = core.resize(x, {h = via, w = via, antialias = 1})
  end
  x = prepare(x)
  if options.mirror then x = people.mirrored(x) end
  local gain, shade = core.rand({n, 1, 1, 1}, rng) * 0.3 + 0.85, core.rand({n, 1, 1, 1}, rng) * 0.2 + -0.1
  x = x * gain + shade + (core.rand(x:shape(), rng) + -0.5) * (rng:uniform() * 0.2)
  return options.occlude and occluded(x, options.occlude, rng) or x
end

-- Where mien.person_traits has the colour of hair, its four ways (cut, curl, mess, parting) and its style; from 1, first and last.
local COLOUR, WAYS, STYLES = {4, 6}, {30, 33}, {34, 42}
local function of(traits, range) return traits:slice(2, range[1], range[2]) end

-- What makes people look different, in numbers that a linear layer can use: a function from z [n,80] to [n,181], each number minus its mean and in
-- units of its spread among the people crowd [m,80].  Traits (42); the shape of the head (40); and for each of nine hair styles its ways, how light, how
-- red and how blue it is, and the squares of its ways (11), as differences among people of that style: 0 for everybody else.  The one trait for the length
-- of all hair is mostly its style, and red hair differs from brown by little in red, green and blue.
function people.factors(crowd)
  local function hair_of(traits)
    local colour = of(traits, COLOUR)
    local green = colour:slice(2, 2, 2)
    return core.concat(of(traits, WAYS), green, colour:slice(2, 1, 1) / (green + 0.05), colour:slice(2, 3, 3) / (green + 0.05), {axis = 2})
  end
  local function centred(x)
    local mean = x:mean{axis = 1, keep = 1}
    return mean:clone(), ((x - mean):square():mean{axis = 1, keep = 1} + 1e-6):rsqrt():clone()
  end
  local traits = core.person_traits(crowd)
  local styles, hair = of(traits, STYLES), hair_of(traits)
  local function mean_of_style(x) return core.matmul(styles:permute(2, 1), x) * (1 / styles:sum{axis = 1}:reshape(-1, 1)) end
  local usual = mean_of_style(hair):clone()
  local narrow = (mean_of_style((hair - core.matmul(styles, usual)):square()) + 1e-6):rsqrt():clone()
  local function raw(z)
    local t, n = core.person_traits(z), z:dim(1)
    local s = of(t, STYLES)
    local unusual = (hair_of(t) - core.matmul(s, usual)) * core.matmul(s, narrow)
    local own = core.concat(unusual, unusual:slice(2, 1, WAYS[2] - WAYS[1] + 1):square() + -1, {axis = 2})
    local of_styles = s:reshape(n, s:dim(2), 1) * own:reshape(n, 1, own:dim(2))
    return core.concat(t, people.modes(z), of_styles:reshape(n, -1), {axis = 2})
  end
  local mean, narrowed = centred(raw(crowd))
  return function(z) return (raw(z) - mean) * narrowed end
end

-- The head model's meshes [n,V+68,3] of labelled rows: shape from z, expression from what the face made of it, eyes from the gaze.
function people.meshes(head, rows)
  local shape = core.matmul(people.modes(rows.z), head:weight 'id_to_shape')
  local g = rows.gaze * (math.pi / 180)
  local turn = core.concat(-g:slice(2, 2, 2), g:slice(2, 1, 1), core.zeros{g:dim(1), 1}, {axis = 2})
  return head:mesh(shape, core.matmul(rows.effective, head:weight 'units_to_expr'), nil, core.concat(turn, turn, {axis = 2}))
end

-- Degrees that cameras [n,25] stand to the side of the head.
function people.yaws(camera)
  local c, out = camera:totable(), {}
  for i = 1, #c / 25 do out[i] = math.deg(math.atan2(c[25 * i - 21], c[25 * i - 13])) end
  return out
end

return people
