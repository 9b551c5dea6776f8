-- bind.lua -- the engine's smaller parts as seen from Lua: JSON, files, sheets, meshes, tokenizers.
local mien, T = require 'mien', require 'mien.test'

T.test('JSON: what goes in comes out', function(t)
  local value = {a = {1, 0.1, -2e300, true, false, 'x"\n\195\164'}, b = {c = {}}, n = 123456789012345}
  local text = mien.json_encode(value)
  t:equal(text, '{"a":[1,0.1,-2e+300,true,false,"x\\"\\n\195\164"],"b":{"c":{}},"n":123456789012345}')
  t:equal(mien.json_decode(text), value)
  t:equal(mien.json_decode '[1,null,2]', {1, nil, 2})
  for i = 1, 200 do
    local x = mien.rng(i):normal() * 10 ^ (i % 30 - 15)
    t:equal(mien.json_decode(mien.json_encode{x})[1], x)
  end
  t:fails('JSON cannot hold: NaN', mien.json_encode, {0 / 0})
  t:fails('a function', mien.json_encode, {print})
  t:fails('not UTF-8', mien.json_encode, {'\255'})
  t:fails('both a list and names', mien.json_encode, {a = 1, [3] = 2})
  t:fails('JSON text', mien.json_decode, '{"a":')
  local deep = {}
  deep[1] = deep
  t:fails('nested more than 16', mien.json_encode, deep)
end)

T.test('files', function(t)
  local folder = t:folder() .. '/a/b'
  t:ok(mien.mkdir(folder) and mien.file_kind(folder) == 'folder')
  t:ok(mien.file_write(folder .. '/x', 'one\0two'))
  t:equal(mien.file_read(folder .. '/x'), 'one\0two')
  t:equal(select(2, mien.file_kind(folder .. '/x')), 7)
  t:equal(mien.file_kind(folder .. '/y'), nil)
  mien.file_write(folder .. '/w', '')
  t:equal(mien.folder(folder), {'w', 'x'})
  t:equal(mien.sha256 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  t:equal(mien.sha256_file(folder .. '/x'), mien.sha256 'one\0two')
  t:fails('cannot open', mien.file_read, folder .. '/y')
  t:fails('cannot open', mien.sha256_file, folder .. '/y')
  t:fails('cannot open folder', mien.folder, folder .. '/y')
  t:fails('x', mien.file_read, folder .. '/x', 3)
  t:fails('x', mien.file_write, folder .. '/y/x', 'text')
  t:fails('pickle offset 0', mien.inspect, folder .. '/x')
end)

T.test('scopes free what was made inside and not returned, and nothing else', function(t)
  local outside, between, inner, nested, lost = mien.zeros{3}
  mien.scope(function()
    between = mien.zeros{3}
    mien.scope(function() return outside, {between} end)
    local a, b = mien.scope(function()
      lost = mien.zeros{3}
      return mien.zeros{3}, {{mien.zeros{3}}}
    end)
    inner, nested = a, b[1][1]
    t:equal({inner:shape(), nested:shape(), between:shape()}, {{3}, {3}, {3}})
    t:fails('was freed with the mien.scope', lost.shape, lost)
  end)
  t:equal(outside:shape(), {3})
  for _, freed in ipairs{between, inner, nested} do t:fails('was freed with the mien.scope', freed.shape, freed) end
  local kept = mien.scope(function()
    return mien.scope(function()
      lost = mien.zeros{3}
      local first = mien.zeros{3}
      return {mien.zeros{3}, first, first}
    end)
  end)
  t:equal({kept[1]:shape(), kept[2]:shape()}, {{3}, {3}})
  t:fails('was freed with the mien.scope', lost.shape, lost)
  mien.scope(function() return 1 end)
  t:equal(kept[1]:shape(), {3})
end)

T.test('a trace has every name', function(t)
  local clip = mien.new_model('clip', '{"image_resolution":8,"patch":8,"vision_width":16,"vision_layers":16,"embed_dim":8,"context":4,"vocab":10,"text_width":16,"text_layers":1,"head_width":16}', 1)
  local trace, names = mien.trace(function() clip:image(mien.zeros{1, 3, 8, 8}) end), 0
  for _ in pairs(trace) do names = names + 1 end
  t:ok(names > 64 and trace['v.block15'] and trace['v.ln_post'], names .. ' names')
end)

T.test('a file that does not fit a model changes nothing', function(t)
  local config = '{"units":[1,1],"widths":[16,32],"input":16,"embed":%d,"se_reduction":4,"crop":[]}'
  local model, path = mien.new_model('arcface', config:format(32), 1), t:folder() .. '/model.safetensors'
  local function first(m) return m:weight 'input_layer.0.weight':item(1) end
  local before = first(model)
  assert(mien.new_model('arcface', config:format(16), 2):save(path))
  local ok, message = model:restore(path)
  t:ok(not ok and message:find('of another shape', 1, true), message)
  t:equal(first(model), before)
  local other = mien.new_model('arcface', config:format(32), 2)
  assert(other:save(path))
  assert(model:restore(path))
  t:equal(first(model), first(other))
  t:ok(first(model) ~= before)
end)

-- A head of four points and two for eyeballs: enough to be asked for pictures that cannot be.
T.test('pictures of synthetic people: what cannot be is said', function(t)
  local function zeros(...) return mien.zeros{...} end
  local path, names, faces = t:folder() .. '/head.safetensors', mien.unit_names(), mien.tensor({{0, 1, 2}, {0, 2, 3}}, 'i32')
  assert(mien.st_save(path, {v_template = mien.tensor{{-7, 15, 6}, {7, 15, 6}, {7, 15, -6}, {-7, 15, -6}, {3, 4, 8}, {-3, 4, 8}}, faces = faces,
    uv = mien.tensor{{0, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}, {0, 0}}, uv_faces = faces, id_basis = zeros(2, 6, 3), id_std = zeros(2), expr_basis = zeros(#names, 6, 3),
    region = mien.tensor({0, 0, 0, 0, 3, 3}, 'u8'), lmk68 = mien.zeros({68}, 'i32'), weld = mien.tensor({0, 1, 2, 3, 4, 5}, 'i32'), joints = zeros(6, 3),
    joint_parents = mien.tensor({-1, 0, 1, 2, 2, 2}, 'i32'), lbs_weights = mien.full({6, 6}, 1 / 6)}, {expr_names = mien.json_encode(names)}))
  local synth = assert(mien.synth_open(path, 256))
  local camera = mien.camera{}
  local function render(size) return synth:render{z = zeros(3, 80), expr = zeros(3, #names), camera = mien.concat(camera, camera, camera, {axis = 1}), size = size} end
  t:fails('render: tensor: dimension 2 is -1', render, -1)
  t:fails('size should be 1..4096, found 0', render, 0)
end)

T.test('sheets: sizes, pictures in place, labels', function(t)
  local red, blue = mien.zeros({8, 10, 3}, 'u8'), mien.full({3, 8, 10}, 1)
  for i = 1, 240, 3 do red:set(i, 255) end
  local sheet = mien.sheet{rows = {{red, blue}, {blue}}, gap = 2}
  t:equal(sheet:shape(), {2 + 2 * 10, 2 + 2 * 12, 3})
  local function at(x, y) return {sheet:item((y * 26 + x) * 3 + 1), sheet:item((y * 26 + x) * 3 + 2), sheet:item((y * 26 + x) * 3 + 3)} end
  t:equal(at(0, 0), {255, 255, 255})
  t:equal(at(2, 2), {255, 0, 0})
  t:equal(at(11, 9), {255, 0, 0})
  t:equal(at(12, 9), {255, 255, 255})
  t:equal(at(14, 2), {255, 255, 255})                    -- blue was full everywhere: white
  local plain, labelled = mien.sheet{pictures = {red}}, mien.sheet{pictures = {red}, title = 'T', row_labels = {7}, column_labels = {'c'}, footer = 'f'}
  t:ok(labelled:dim(1) > plain:dim(1) + 30 and labelled:dim(2) > plain:dim(2), 'labels take room')
  t:equal(mien.sheet{pictures = mien.zeros{5, 3, 8, 8}, columns = 5, gap = 0}:shape(), {8, 40, 3})
  t:equal(mien.sheet{rows = {{red, false}}, gap = 0}:shape(), {8, 20, 3})
  t:equal(mien.sheet{pictures = {red}, gap = 0, scale = 2.5}:shape(), {20, 25, 3})
  local large = mien.sheet{pictures = {red}, gap = 0, scale = 3}
  t:near({large:item(1), large:item(2), large:item(301), large:item(303)}, {255, 0, 255, 0}, 1)
  t:fails('rows or pictures expected', mien.sheet, {})
  t:fails("unknown field 'row'", mien.sheet, {row = {}})
  t:fails('3 texts for 1', mien.sheet, {pictures = {red}, column_labels = {'a', 'b', 'c'}})
  t:fails('scale', mien.sheet, {pictures = {red}, scale = 0})
  t:fails('picture 1', mien.sheet_compose, {pictures = {3}})
  t:fails('u8 [H,W,3]', mien.sheet_compose, {pictures = {blue}})
  local written = mien.label(mien.full({12, 12, 3}, 255, 'u8'), 1, 1, 'H', {color = {0, 0, 255}})
  local ink = 0
  for i = 1, 432, 3 do
    if written:item(i) == 0 then
      ink = ink + 1
      t:equal({written:item(i + 1), written:item(i + 2)}, {0, 255})
    end
  end
  t:ok(ink > 10 and ink < 60, 'ink')
end)

T.test('meshes: files and back, normals, the surface of a ball', function(t)
  local path = t:folder() .. '/m'
  local mesh = {v = mien.tensor{{0, 0, 0}, {1, 0, 0}, {0, 1, 0}}, f = mien.tensor({{0, 1, 2}}, 'i32'), uv = mien.tensor{{0, 0}, {1, 0}, {0, 1}}}
  t:ok(mien.obj_write(path .. '.obj', mesh))
  local back = assert(mien.obj_read(path .. '.obj'))
  t:near(back.v, mesh.v, 1e-6)
  t:near(back.f, mesh.f, 0)
  t:near(back.uv, mesh.uv, 1e-6)
  t:near(mien.mesh_normals(mesh.v, mesh.f), {0, 0, 1, 0, 0, 1, 0, 0, 1}, 1e-6)
  t:ok(mien.ply_write(path .. '.ply', mesh))
  t:equal(mien.file_read(path .. '.ply'):sub(1, 4), 'ply\n')
  t:ok(mien.glb_write(path .. '.glb', mesh, {texture = mien.zeros({4, 4, 3}, 'u8'), record = '{"mien":"x"}', targets = {{'jawOpen', mien.zeros{3, 3}}, {'smile', mien.zeros{3, 3}}}}))
  local glb = mien.file_read(path .. '.glb')
  t:ok(glb:sub(1, 4) == 'glTF' and glb:find('"jawOpen"', 1, true) and glb:find('"smile"', 1, true), 'morph targets')
  t:fails('unknown option', mien.glb_write, path, mesh, {textur = 1})
  t:fails("unknown option 'vertices'", mien.ply_write, path, {vertices = 1})
  t:fails('target 1', mien.glb_write, path, mesh, {targets = {{'a'}}})
  t:fails('cannot open', mien.obj_read, path)
  local n, numbers = 12, {}
  for z = 0, n - 1 do
    for y = 0, n - 1 do
      for x = 0, n - 1 do numbers[#numbers + 1] = 4 - math.sqrt((x - 5.5) ^ 2 + (y - 5.5) ^ 2 + (z - 5.5) ^ 2) end
    end
  end
  local grid = mien.tensor(numbers):reshape(n, n, n)
  local ball, level = mien.march(grid, {level = 0, origin = {-5.5, -5.5, -5.5}})
  t:equal(level, 0)
  local v = ball.v:totable()
  for i = 1, #v, 3 do t:near(math.sqrt(v[i] ^ 2 + v[i + 1] ^ 2 + v[i + 2] ^ 2), 4, 0.1) end
  local _, found = mien.march(grid)
  t:ok(found > -5.6 and found < 3.2, 'a level within the field')
  t:fails('march', mien.march, grid, {level = 100})
end)

T.test('files: equal contents give equal bytes, in whatever order tables were filled', function(t)
  local folder, keys = t:folder(), {}
  for i = 1, 12 do keys[i] = ('key%d'):format(i * 7919 % 101) end
  local function bytes(from, to, step)
    local tensors, texts = {}, {}
    for i = from, to, step do tensors[keys[i]], texts[keys[i]] = mien.full({2}, i), 'text ' .. i end
    local net = mien.new_model('mapper', '{"w_dim":8,"expr":4,"rows":2,"edit_first":0,"edit_count":2,"d":4,"hidden":8}', 1)
    assert(mien.st_save(folder .. '/a', tensors, texts))
    assert(net:save(folder .. '/b', {meta = texts}))
    assert(mien.png_write(folder .. '/c', mien.zeros({1, 1, 3}, 'u8'), texts))
    return {mien.sha256_file(folder .. '/a'), mien.sha256_file(folder .. '/b'), mien.sha256_file(folder .. '/c')}
  end
  t:equal(bytes(1, 12, 1), bytes(12, 1, -1))
  t:fails('png_write: metadata: texts expected', mien.png_write, folder .. '/c', mien.zeros({1, 1, 3}, 'u8'), {title = 1})
end)

T.test('tokenizers', function(t)
  local words = mien.words 'smile\na\nperson'
  t:equal(words:count(), 7)
  t:equal(words:word(4), 'smile')
  local ids, unknown = words:tokens('A person, a Smile; grinning grinning', {context = 8})
  t:equal(ids:totable(), {1, 5, 6, 5, 4, 3, 3, 2})
  t:equal(unknown, {'grinning'})
  t:equal((words:tokens('smile', {context = 4})):totable(), {1, 4, 2, 0})
  t:fails('tokens', words.tokens, words, ('a '):rep(30), {context = 8, shorten = true})
  t:fails('at most 6 words fit', words.tokens, words, ('a '):rep(30), {context = 8})
  t:equal(words:tokens(('a '):rep(30), {context = 8, truncate = true}):totable(), {1, 5, 5, 5, 5, 5, 5, 2})
  t:equal(mien.words_split "It's ONE  two", mien.words_split "it's one two")
  t:equal(mien.words(mien.json_encode{'x', 'y'}):count(), 6)
  t:fails("entry 1, 'two words'", mien.words, 'two words\n')
  t:fails('cannot open vocabulary', mien.bpe, '/no/such/file')
  t:equal(mien.bpe_clean '  A   B\n', 'a b')
end)
