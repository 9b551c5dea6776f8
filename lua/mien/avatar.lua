-- avatar.lua -- the models that belong together (head, generator, CLIP towers, identity network, encoder), and what recipes
-- do with them.  A model directory holds head, generator, clip, arcface and encoder.safetensors, and references.safetensors:
-- a few pictures of each named expression.
--
--   local a = avatar.load()                     -- the embedded avatar; or avatar.load('models/next3d_ffhq_512')
--   local who = a:person(7)                     -- {seed, z, ws, shape}: seed 7 as in NumPy's RandomState(7).randn
--   local picture = a:picture(who.ws, who.shape, alpha, a:camera{yaw = 20})
local mien = require 'mien'
local avatar = {}
avatar.__index = avatar

local parts = {'head', 'generator', 'clip', 'arcface', 'encoder'}

local function folder_of(name)
  if name then return name end
  for _, place in ipairs{'models/avatar', 'data/avatar'} do
    local f = io.open(place .. '/generator.safetensors', 'rb')
    if f then f:close() return place end
  end
  local paths = require 'mien.paths'
  local found = paths.find 'models/avatar/generator.safetensors'
  if found then return (found:gsub('/generator.safetensors$', '')) end
  error('the embedded avatar is not here: models/avatar/generator.safetensors is missing (run from the project folder, or give model=FOLDER)', 0)
end

function avatar.load(name)
  local self = setmetatable({folder = folder_of(name)}, avatar)
  for _, part in ipairs(parts) do
    local model, message = mien.load_model(('%s/%s.safetensors'):format(self.folder, part))
    if not model then error(('avatar: %s'):format(message), 0) end
    self[part] = model
  end
  local _, meta = assert(mien.st_load(self.folder .. '/clip.safetensors'))
  self.words = mien.words(meta.words)
  self.front = self:camera{}
  self.texture_row = self.generator:config 'plane_resolution'
  return self
end

-- Cameras on the sphere around the head; degrees.
function avatar:camera(o)
  return mien.camera{yaw = o.yaw, pitch = o.pitch, roll = o.roll, radius = o.radius or self.generator:config 'radius', focal = o.focal or self.generator:config 'focal'}
end

-- The avatar of a seed.  psi < 1 pulls it towards the mean face.
function avatar:person(seed, psi)
  local z = mien.numpy_randn(seed, self.generator:config 'z_dim')
  local modes = self.head:config 'identity_modes'
  local shape = modes > 0 and mien.matmul(z:slice(2, 1, modes):clamp{lo = -2.2, hi = 2.2}, self.head:weight 'id_to_shape') or mien.zeros{1, self.head:config 'shape'}
  return {seed = seed, z = z, shape = shape, ws = self.generator:mapping(z, self.front, {psi = psi or 1, cutoff = 1e6})}
end

function avatar:neutral(n) return mien.zeros{n or 1, self.head:config 'expr'} end
function avatar:mesh(shape, alpha) return self.head:mesh(shape, alpha) end

-- Tri-planes of a person with expression alpha; static: the planes that do not move, when they are known already.
function avatar:planes(ws, shape, alpha, static) return self.generator:planes(ws, self:mesh(shape, alpha), nil, static) end
function avatar:view(planes, ws, camera) return (self.generator:render(planes, ws, camera)) end
function avatar:picture(ws, shape, alpha, camera) return self:view(self:planes(ws, shape, alpha), ws, camera or self.front) end

local function unit(x) return x * (x:square():sum{axis = 2, keep = 1} + 1e-12):rsqrt() end
avatar.unit = unit

-- CLIP's unit vectors of pictures [N,3,H,W], and of a text.  Words that the text tower has never seen are named.
function avatar:embed(pictures) return unit(self.clip:image(self.clip:preprocess(pictures))) end
function avatar:text(prompt, quiet)
  local ids, unknown = self.words:tokens(prompt, {context = self.clip:config 'context', truncate = true})
  if #unknown > 0 and not quiet then
    io.stderr:write(('warning: the text tower has never seen: %s; the edit follows the other words only\n'):format(table.concat(unknown, ', ')))
  end
  return unit(self.clip:text(ids)), unknown
end

function avatar:identity(pictures) return self.arcface:embed(self.arcface:prepare(pictures)) end
function avatar.cosine(a, b) return (a * b):sum{axis = 2} end

-- Expression code alpha of pictures [N,3,H,W].
function avatar:expression_of(pictures)
  local _, alpha = self.encoder:split(self.encoder:encode(self.encoder:prepare(pictures)))
  return alpha
end

-- Reference codes [K,E] of a named expression (from the pictures in references.safetensors), or of picture files.
-- nil when there are none for that name.
function avatar:references(what)
  if what:match('%.png$') then
    local pixels, message = mien.png_read(what)
    if not pixels then error('reference: ' .. message, 0) end
    local x = mien.from_pixels(pixels)
    local h, w = x:dim(3), x:dim(4)
    local side = math.min(h, w)
    x = mien.crop2d(x, {y0 = math.floor((h - side) / 2), y1 = math.floor((h - side) / 2) + side, x0 = math.floor((w - side) / 2), x1 = math.floor((w - side) / 2) + side})
    local size = self:size()
    return self:expression_of(side == size and x or mien.resize(x, {h = size, w = size, antialias = 1}))
  end
  self.reference_pictures = self.reference_pictures or mien.st_load(self.folder .. '/references.safetensors') or {}
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
