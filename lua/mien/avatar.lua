-- avatar.lua -- the models that belong together (head, generator, CLIP towers, identity network, encoder), and what recipes
-- do with them.  Parts come from model folders (import.lua): generator, head, clip, arcface and encoder.safetensors; the folder
-- of the generator may have references.safetensors: a few pictures of each named expression.
--
--   local a = avatar.load()                     -- the embedded avatar
--   local a = avatar.load 'next3d_ffhq_512'     -- an imported generator, with the other imported parts
--   local a = avatar.load 'next3d_ffhq_512,ViT-B-32,EMOCA'      -- each part from the first of these that has it
--   local who = a:person(7)                     -- {seed, z, ws, shape}: seed 7 as in NumPy's RandomState(7).randn
--   local picture = a:picture(who.ws, who.shape, alpha, a:camera{yaw = 20})
local mien = require 'mien'
local import, People = require 'mien.import', require 'mien.people'
local avatar = {}
avatar.__index = avatar

local EXPRESSION = 50                           -- numbers of an expression code at most: what DECA and EMOCA use of FLAME's 100

local function embedded()
  local found = require('mien.paths').find 'models/avatar/generator.safetensors'
  if found then return import.find((found:gsub('/generator.safetensors$', ''))) end
  error('the embedded avatar is not here: models/avatar/generator.safetensors is missing (run from the project folder, or give model=NAME)', 0)
end

-- The models of "NAME,NAME".
local function sources_of(names)
  local list = {}
  for name in names:gmatch '[^,]+' do
    list[#list + 1] = import.find(name) or error(("model: no model '%s'; `mien models` lists them, `mien import` brings them in"):format(name), 0)
  end
  return list
end

-- The part's file: of the sources, else of the one imported model that has it.  Missing parts are named with their authors' page.
local function file_of(self, part)
  for _, model in ipairs(self.sources) do
    if model.has[part] then return model.has[part] end
  end
  local found, names = {}, {}
  for _, model in ipairs(import.folders()) do
    if model.has[part] and #model.lacks > 0 then          -- parts of whole avatars stay together
      found[#found + 1] = model.has[part]
      names[#names + 1] = model.path
    end
  end
  if #found == 1 then return found[1] end
  local p
  for _, known in ipairs(import.parts) do if known.part == part then p = known end end
  if #found > 1 then
    error(("avatar: several models have a part '%s': %s; name one of them too: model=%s,NAME"):format(part, table.concat(names, ', '), self.names), 0)
  end
  error(("avatar: '%s' has no part '%s': mien import %s FILE; published at %s"):format(self.names, part, p.kind, p.from), 0)
end

local function open(self, part)
  local file = file_of(self, part)
  local model, message = mien.load_model(file)
  if not model then error(('avatar: %s'):format(message), 0) end
  return model, file
end

-- What reads prompts: the words of our own text tower, or the vocabulary beside an imported one.
local function reader(file)
  local _, meta = assert(mien.st_load(file))
  if meta.words then return mien.words(meta.words) end
  local path = file:gsub('[^/]*$', '') .. import.VOCABULARY
  local bpe = mien.file_kind(path) and assert(mien.bpe(path))
  return bpe or error(('avatar: %s reads no texts without its vocabulary: mien import clip FILE --bpe bpe_simple_vocab_16e6.txt.gz; published at %s')
    :format(file, import.part('clip').from), 0)
end

-- names: models with commas (above); nil or '': the embedded avatar.
function avatar.load(names)
  local self = setmetatable({}, avatar)
  if not names or names == '' then
    self.sources = {embedded()}
    self.names = self.sources[1].path
  else
    self.sources, self.names = sources_of(names), names
  end
  local generator_file, clip_file
  self.generator, generator_file = open(self, 'generator')
  self.folder = generator_file:match '^(.*)/[^/]*$'
  self.head = open(self, 'head')
  self.clip, clip_file = open(self, 'clip')
  self.arcface = open(self, 'arcface')
  local has, wants = self.head:config 'vertices', self.generator:config 'vertices'
  if has ~= wants then error(('avatar: the head has %d vertices, the generator was made for one with %d'):format(has, wants), 0) end
  if self.head:config 'landmarks' == 0 then error(('avatar: the head has no landmarks: mien import flame generic_model.pkl landmark_embedding.npy; published at %s')
    :format('https://github.com/yfeng95/DECA (its own licence)'), 0) end
  self.words = reader(clip_file)
  self.expr = math.min(self.head:config 'expr', EXPRESSION)
  self.front = self:camera{}
  self.texture_row = self.generator:config 'plane_resolution'
  return self
end

-- The encoder is needed for pictures alone.
function avatar:picture_encoder()
  self.encoder = self.encoder or open(self, 'encoder')
  return self.encoder
end

-- Cameras on the sphere around the head; degrees.
function avatar:camera(o)
  local g = self.generator
  return mien.camera{yaw = o.yaw, pitch = o.pitch, roll = o.roll, radius = o.radius or g:config 'radius', focal = o.focal or g:config 'focal', pivot = g:config 'pivot'}
end

-- The avatar of a seed.  psi < 1 pulls it towards the mean face, by the first cutoff rows of ws (all of them when not given): --trunc and
-- --trunc-cutoff of published scripts, which cut off after 14.
function avatar:person(seed, psi, cutoff)
  local z = mien.numpy_randn(seed, self.generator:config 'z_dim')
  local modes = self.head:config 'identity_modes'
  local shape = modes > 0 and mien.matmul(People.modes(z, modes), self.head:weight 'id_to_shape') or mien.zeros{1, self.head:config 'shape'}
  return {seed = seed, z = z, shape = shape, ws = self.generator:mapping(z, self.front, {psi = psi or 1, cutoff = cutoff or 1e6})}
end

function avatar:neutral(n) return mien.zeros{n or 1, self.expr} end
function avatar:mesh(shape, alpha) return self.head:mesh(shape, alpha) end

-- What views are rendered from, {planes =, deformation =}, of a mesh; texture and static: the neural texture and the planes that do not
-- move, when they are known already.
function avatar:planes_of(ws, mesh, texture, static)
  local planes, deformation = self.generator:planes(ws, mesh, texture, static)
  return {planes = planes, deformation = deformation}
end
-- Of a person with expression alpha.
function avatar:planes(ws, shape, alpha, static) return self:planes_of(ws, self:mesh(shape, alpha), nil, static) end
function avatar:view(volume, ws, camera) return (self.generator:render(volume.planes, ws, camera, nil, nil, volume.deformation)) end
-- The small picture before super-resolution, enlarged: a quarter of the work less at the published size, and a softer guide.
function avatar:neural(volume, camera)
  local size = self:size()
  return mien.resize(self.generator:neural(volume.planes, camera, nil, nil, volume.deformation), {h = size, w = size})
end
function avatar:picture(ws, shape, alpha, camera) return self:view(self:planes(ws, shape, alpha), ws, camera or self.front) end

local function unit(x) return x * (x:square():sum{axis = 2, keep = 1} + 1e-12):rsqrt() end
avatar.unit = unit

-- CLIP's unit vectors of pictures [N,3,H,W], and of a text.  Words that the text tower has never seen are named.
function avatar:embed(pictures) return unit(self.clip:image(self.clip:preprocess(pictures))) end
function avatar:text(prompt, quiet)
  local ids, unknown = self.words:tokens(prompt, {context = self.clip:config 'context', truncate = true})
  unknown = unknown or {}                                      -- byte pairs spell every word
  if #unknown > 0 then
    local strange, known = {}, false
    for _, word in ipairs(unknown) do strange[word] = true end
    for _, word in ipairs(mien.words_split(prompt)) do known = known or not strange[word] end
    if not known then error(("prompt: the text tower knows no word of '%s'"):format(prompt), 0) end
    if not quiet then io.stderr:write(('warning: the text tower has never seen: %s; the edit follows the other words only\n'):format(table.concat(unknown, ', '))) end
  end
  return unit(self.clip:text(ids)), unknown
end

function avatar:identity(pictures) return self.arcface:embed(self.arcface:prepare(pictures)) end
function avatar.cosine(a, b) return (a * b):sum{axis = 2} end

-- ---- expressions of pictures -----------------------------------------------------

-- Where points [M,3] (metres) lie in the picture of a camera [1,25]: columns and rows [M,2] in 0..1, and view directions [M,3].
function avatar.project(points, camera)
  local c = camera:totable()
  local origin = mien.tensor{{c[4], c[8], c[12]}}
  local turn = mien.tensor{{c[1], c[2], c[3]}, {c[5], c[6], c[7]}, {c[9], c[10], c[11]}}
  local d = points * 2.5 - origin
  local q = mien.matmul(d, turn)
  local z = q:slice(2, 3, 3)
  local x, y = q:slice(2, 1, 1) / z * c[17] + c[19], q:slice(2, 2, 2) / z * c[21] + c[22]
  return mien.concat(x, y, {axis = 2}), -d * (d:square():sum{axis = 2, keep = 1} + 1e-12):rsqrt()
end

-- 68 lines of a column and a row in pixels: [68,2].
local function read_points(path)
  local rows = {}
  for line in assert(io.open(path, 'r')):lines() do
    local x, y = line:match '^%s*(%S+)[%s,]+(%S+)'
    if x then rows[#rows + 1] = {tonumber(x) or 0 / 0, tonumber(y) or 0 / 0} end
  end
  if #rows ~= 68 then error(('%s: 68 lines of a column and a row expected, found %d'):format(path, #rows), 0) end
  return mien.tensor(rows)
end

-- Landmarks in pictures as the generator makes them: those of the neutral head seen from the front.
local function usual_points(self, height, width)
  local _, points = self.head:forward(mien.zeros{1, self.head:config 'shape'}, self:neutral())
  return avatar.project(points:reshape(68, 3), self.front) * mien.tensor{{width, height}} - 0.5
end

-- Expression code alpha of pictures [N,3,H,W] that are cut as the generator cuts them; points: their 68 landmarks [68,2] in pixels, where
-- known (an imported encoder looks at a square around them).
function avatar:expression_of(pictures, points)
  local encoder = self:picture_encoder()
  local input
  if encoder:kind() == 'emoca' then
    points = points or usual_points(self, pictures:dim(3), pictures:dim(4))
    local crops = {}
    for i = 1, pictures:dim(1) do crops[i] = encoder:crop(mien.to_pixels(pictures:slice(1, i, i)), points) end
    input = mien.concat_rows(crops)
  else input = encoder:prepare(pictures) end
  local _, alpha = encoder:split(encoder:encode(input))
  return alpha
end

local function middle_square(x)
  local h, w = x:dim(3), x:dim(4)
  local side = math.min(h, w)
  local top, left = math.floor((h - side) / 2), math.floor((w - side) / 2)
  return mien.crop2d(x, {y0 = top, y1 = top + side, x0 = left, x1 = left + side})
end

-- Reference codes [K,E] of a named expression (from the pictures in references.safetensors), or of a picture file; its landmarks may lie
-- beside it: FACE_landmarks.txt of FACE.png.  nil when there are none for that name.
function avatar:references(what)
  if what:match('%.png$') then
    local pixels, message = mien.png_read(what)
    if not pixels then error('reference: ' .. message, 0) end
    local x, marks = mien.from_pixels(pixels), what:gsub('%.png$', '_landmarks.txt')
    if mien.file_kind(marks) then return self:expression_of(x, read_points(marks)) end
    x = middle_square(x)
    local size = self:size()
    return self:expression_of(x:dim(3) == size and x or mien.resize(x, {h = size, w = size, antialias = 1}))
  end
  local file = self.folder .. '/references.safetensors'
  self.reference_pictures = self.reference_pictures or mien.file_kind(file) and assert(mien.st_load(file)) or {}
  local pixels = self.reference_pictures[what]
  if not pixels then return nil end
  local list = {}
  for i = 1, pixels:dim(1) do list[i] = mien.from_pixels(pixels:cast('f32'):slice(1, i, i):reshape(pixels:dim(2), pixels:dim(3), 3):cast('u8')) end
  return self:expression_of(mien.concat_rows(list))
end

function avatar:size() return self.generator:config 'sr_input' * self.generator:config('sr_up')[1] * self.generator:config('sr_up')[2] end

-- Which rows of ws drive the neural texture: first (from 1) and count.
function avatar:texture_rows()
  local rows, p = 0, self.generator:config 'plane_resolution'
  while p > 1 do p = p / 2 rows = rows + 2 end
  rows = rows - 2
  return rows + 1, rows
end

return avatar
