-- published.lua -- models in the form that `mien import` gives them, from import to edit, at a size that takes seconds: parts found
-- by name, missing ones named with their authors' page, byte-pair vocabulary, meshes and camera labels of published scripts.
local mien, T = require 'mien', require 'mien.test'
local core, import, published = require 'mien.core', require 'mien.import', require 'mien.published'
local program, golden = core.program(), 'tests/golden/'

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
local function write(path, text)
  local f = assert(io.open(path, 'wb'))
  f:write(text)
  f:close()
end

-- Runs mien with a home of the test's own; output and status.
local function run(t, home, ...)
  local words = {('MIEN_HOME=%s OMP_NUM_THREADS=1 %s'):format(quote(home), quote(program))}
  for i, word in ipairs{...} do words[i + 1] = quote(word) end
  return t:shell(table.concat(words, ' ') .. ' 2>&1')
end

-- A small model under the name that its importer would give it.
local function put(home, name, part, kind, config)
  assert(mien.mkdir(('%s/models/%s'):format(home, name)))
  local model = mien.new_model(kind, config, 3)
  if kind == 'next3d' then
    local corners = {}
    for i = 0, 19 do corners[i + 1] = {i % 12, (i + 1) % 12, (i + 2 + math.floor(i / 12)) % 12} end
    model:set_weight('faces', mien.tensor(corners, 'i32'))
  end
  assert(model:save(('%s/models/%s/%s.safetensors'):format(home, name, part)))
end

local generator = '{"z_dim":8,"w_dim":8,"mapping_layers":1,"plane_resolution":8,"plane_channels":4,"channel_base":32,"channel_max":4,"mouth":[8,4,8],"blending":[8,4,8],'
  .. '"decoder_hidden":4,"vertices":12,"faces":20,"neural_rendering_resolution":8,"depth_resolution":4,"depth_resolution_importance":4,"sr_input":8,"sr_channels":[4,4],"sr_up":[2,2]}'
local clip = '{"image_resolution":8,"patch":4,"vision_width":16,"vision_layers":1,"embed_dim":6,"context":77,"vocab":%d,"text_width":16,"text_layers":1,"head_width":8}'
local arcface = '{"units":[1,1],"widths":[8,16],"input":8,"embed":4,"se_reduction":4,"crop":[]}'

T.test('import to edit: every part by name', function(t)
  local home = t:folder()
  local train = {'recipes/train.lua', 'model=tiny', 'prompt=A person who is smiling', 'steps=2', 'batch=1'}
  local text, status = run(t, home, unpack(train))
  t:ok(status == 1 and text:find("no model 'tiny'", 1, true), text)
  put(home, 'tiny', 'generator', 'next3d', generator)
  local function lacks(part, page)
    text, status = run(t, home, unpack(train))
    t:ok(status == 1 and text:find(("has no part '%s': mien import"):format(part), 1, true) and text:find(page, 1, true), text)
  end
  lacks('head', 'https://flame.is.tue.mpg.de (registration; its own licence)')
  text, status = run(t, home, 'import', 'flame', golden .. 'ckpt/flame.pkl', golden .. 'ckpt/flame_landmarks.npy', golden .. 'ckpt/flame.obj')
  t:ok(status == 0 and text:find('models/flame/head.safetensors', 1, true), text)
  lacks('clip', 'https://github.com/openai/CLIP (MIT)')
  local vocabulary = golden .. 'tokenizer/tiny_merges.txt'
  put(home, 'towers', 'clip', 'clip', clip:format(mien.bpe(vocabulary):count()))
  lacks('arcface', 'https://github.com/TreB1eN')
  put(home, 'faces', 'arcface', 'arcface', arcface)
  text, status = run(t, home, unpack(train))
  t:ok(status == 1 and text:find('reads no texts without its vocabulary', 1, true), text)
  write(('%s/models/towers/%s'):format(home, import.VOCABULARY), assert(io.open(vocabulary, 'rb')):read '*a')

  text, status = run(t, home, unpack(train))
  t:ok(status == 0 and text:find("mapper 'smile'", 1, true), text)
  text, status = run(t, home, 'recipes/edit.lua', 'model=tiny', 'mapper=smile', 'seeds=0', 'out=' .. home .. '/edit')
  t:ok(status == 0 and core.file_kind(home .. '/edit/sheet.png') == 'file', text)
  text, status = run(t, home, 'recipes/edit.lua', 'mapper=smile', 'seeds=0', 'out=' .. home .. '/edit')
  t:ok(status == 1 and text:find('does not fit', 1, true), text)

  put(home, 'more', 'clip', 'clip', clip:format(40))
  text, status = run(t, home, unpack(train))
  t:ok(status == 1 and text:find("several models have a part 'clip'", 1, true) and text:find('model=tiny,NAME', 1, true), text)
  text, status = run(t, home, 'recipes/edit.lua', 'model=tiny,towers', 'mapper=smile', 'seeds=0', 'out=' .. home .. '/edit')
  t:ok(status == 0, text)
  text, status = run(t, home, 'models')
  t:ok(status == 0 and text:find('/models/tiny: generator\n', 1, true) and text:find('no imported encoder', 1, true) and not text:find('no imported clip', 1, true), text)

  local obj, marks = {}, {}
  for i = 0, 11 do obj[i + 1] = ('v %g %g %g 0.5\nvt 0 0\n'):format(0.01 * i, 0.02 * (i % 3), 0.01 * (i % 5)) end
  for i = 1, 68 do marks[i] = ('%.18e %.18e %.18e\n'):format(0.001 * i, 0.002 * (i % 7), 0.01) end
  write(home .. '/m.obj', table.concat(obj))
  write(home .. '/m_kpt2d.txt', table.concat(marks))
  text, status = run(t, home, 'recipes/samples.lua', 'model=tiny,towers', 'seeds=1', '--trunc=0.7', '--trunc-cutoff=2', 'obj=' .. home .. '/m.obj', 'out=' .. home .. '/samples')
  t:ok(status == 0 and core.file_kind(home .. '/samples/seed0001_1.png') == 'file', text)
end)

-- tests/cuda/fake_driver.c in the place of a GPU, and a whole model of small parts: words to put before a command.
local function on_fake_gpu(t, home, faults)
  local driver = program:gsub('[^/]*$', '') .. 'tests/fake_driver.so'
  if core.file_kind(driver) ~= 'file' then driver = program:gsub('[^/]*$', '') .. 'build/release/tests/fake_driver.so' end
  t:equal(core.file_kind(driver), 'file', driver)
  if core.file_kind(home .. '/models/tiny') ~= 'folder' then
    put(home, 'tiny', 'generator', 'next3d', generator)
    put(home, 'tiny', 'clip', 'clip', clip:format(mien.bpe(golden .. 'tokenizer/tiny_merges.txt'):count()))
    put(home, 'tiny', 'arcface', 'arcface', arcface)
    write(('%s/models/tiny/%s'):format(home, import.VOCABULARY), assert(io.open(golden .. 'tokenizer/tiny_merges.txt', 'rb')):read '*a')
    run(t, home, 'import', 'flame', golden .. 'ckpt/flame.pkl', golden .. 'ckpt/flame_landmarks.npy', golden .. 'ckpt/flame.obj')
  end
  return ('MIEN_HOME=%s OMP_NUM_THREADS=1 MIEN_CUDA_DRIVER=%s MIEN_CUDA_BLAS=%s MIEN_CUDA_PLAIN=1 FAKE_CUDA=%s %s '):format(quote(home), quote(driver), quote(driver), quote(faults),
    quote(program))
end

-- Edits, views and training steps as they are and as recorded graphs.
T.test('the timings of a GPU', function(t)
  local home = t:folder()
  local json = home .. '/times.json'
  local text, status = t:shell(on_fake_gpu(t, home, '') .. ('docs/bench/gpu.lua model=tiny device=cuda runs=1 products=false batch=2 pictures=2 json=%s 2>&1'):format(quote(json)))
  t:ok(status == 0 and text:find('a training step, batch 2, prepared, small picture, recorded', 1, true), text)
  text, status = t:shell(on_fake_gpu(t, home, '') .. ('docs/bench/gpu.lua what=table json=%s,%s 2>&1'):format(quote(json), quote(json)))
  t:ok(status == 0 and text:find('| an edit: codes to picture, recorded | ', 1, true), text)
end)

-- The GPU is lost at the fourth step, and what the run had kept is gone on with.
T.test('a lost GPU ends the run and not its checkpoint', function(t)
  local home = t:folder()
  local function train(library, faults)
    return t:shell(on_fake_gpu(t, home, faults) .. ("recipes/train.lua model=tiny device=cuda steps=6 batch=1 save=0 preview=0 name=smile prompt='A person who is smiling' "
      .. 'library=%s out=%s 2>&1'):format(quote(home .. '/' .. library), quote(home .. '/out')))
  end
  local function weights(library)
    local s = assert(mien.store.open(home .. '/' .. library, {create = false}))
    t:equal(s:verify(), {}, 'verify')
    local mapper = s:mapper 'smile'
    s:close()
    return mapper and mapper.weights_sha256
  end
  local text, status = train('whole.db', '')
  t:equal(status, 0, text)
  text, status = train('lost.db', 'fault=adam_update,from=4')
  t:ok(status == 1 and text:find('an illegal memory access', 1, true), text)
  t:equal(weights 'lost.db', nil)
  text, status = train('lost.db', '')
  t:ok(status == 0 and text:find('resuming at step 3', 1, true), text)
  t:equal(weights 'lost.db', weights 'whole.db')
end)

-- FLAME straight from its authors' files; the golden's numbers are those of the same head, imported before.
T.test('parity of a published file', function(t)
  local home = t:folder()
  local golden_file, head, published_files = home .. '/golden.safetensors', home .. '/head.safetensors', home .. '/published'
  assert(mien.mkdir(published_files))
  for from, to in pairs{['flame.pkl'] = 'generic_model.pkl', ['flame_landmarks.npy'] = 'landmark_embedding.npy'} do
    write(published_files .. '/' .. to, assert(io.open(golden .. 'ckpt/' .. from, 'rb')):read '*a')
  end
  local text, status = run(t, home, 'import', 'flame', published_files .. '/generic_model.pkl', published_files .. '/landmark_embedding.npy', 'out=' .. head)
  t:equal(status, 0, text)
  local rng = mien.rng(1, 0)
  local tensors = {['in.shape'] = mien.randn({2, 100}, rng), ['in.exp'] = mien.randn({2, 50}, rng), ['in.pose'] = mien.randn({2, 6}, rng), ['in.eye_pose'] = mien.randn({2, 6}, rng),
    ['in.cam'] = mien.randn({2, 3}, rng), verts = mien.zeros{2, 12, 3}}
  assert(core.st_save(golden_file, tensors))
  local dump = home .. '/dump.safetensors'
  text, status = run(t, home, 'parity', 'flame', head, golden_file, '--dump', dump)
  t:ok(status == 1 and text:find('1 out', 1, true), text)
  tensors.verts = core.st_load(dump).verts
  assert(core.st_save(golden_file, tensors))
  for _, checkpoint in ipairs{head, published_files, published_files .. '/generic_model.pkl'} do
    text, status = run(t, home, 'parity', 'flame', checkpoint, golden_file)
    t:ok(status == 0 and text:find('1 within bounds, 0 out, 0 not computed', 1, true), text)
  end
  os.remove(published_files .. '/landmark_embedding.npy')
  text, status = run(t, home, 'parity', 'flame', published_files, golden_file)
  t:ok(status == 1 and text:find('without its landmarks', 1, true), text)
  local temporary = home .. '/temporary'
  assert(mien.mkdir(temporary))
  text, status = t:shell(('TMPDIR=%s %s parity clip %s %s 2>&1'):format(quote(temporary), quote(program), quote(published_files .. '/generic_model.pkl'), quote(golden_file)))
  t:ok(status == 1 and text:find('this is no clip as published', 1, true), text)
  t:equal(core.folder(temporary), {})
end)

T.test('parity: what is not understood', function(t)
  local home = t:folder()
  local vocabulary, texts = golden .. 'tokenizer/tiny_merges.txt', home .. '/texts.jsonl'
  local function says(want, sentence, ...)
    local text, status = run(t, home, 'parity', ...)
    t:ok(status == want and text:find(sentence, 1, true) and not text:find('traceback', 1, true), text)
  end
  says(2, "no model 'clap' to compare; there are next3d, clip", 'clap', '-', texts)
  says(2, 'projection needs no checkpoint', 'projection', 'x', texts)
  says(2, "device: cpu, cuda or cuda:N expected, got 'gpu'", 'clip', 'x', texts, '--device', 'gpu')
  says(1, 'No such file', 'clip', home .. '/x.pt', texts)
  says(1, 'No such file', 'tokenizer', '-', texts, '--bpe', vocabulary)
  write(texts, '{"text": "a", "clean": "a"}\n')
  says(1, 'line 1: {"text": a text', 'tokenizer', '-', texts, '--bpe', vocabulary)
  write(texts, 'PK')
  says(1, 'JSON', 'tokenizer', '-', texts, '--bpe', vocabulary)
end)

T.test('a vocabulary is copied beside the model, and only beside CLIP', function(t)
  local text, status = run(t, t:folder(), 'import', 'arcface', 'x.pth', '--bpe', golden .. 'tokenizer/tiny_merges.txt')
  t:ok(status == 2 and text:find('only clip has a vocabulary', 1, true), text)
  text, status = run(t, t:folder(), 'import', 'clip', 'x.pt', 'name=../x')
  t:ok(status == 2 and text:find('a plain name expected', 1, true), text)
end)

T.test('meshes and labels of published scripts', function(t)
  local folder = t:folder()
  local lines = {}
  for i = 1, 68 do lines[i] = ('%.18e %.18e %.18e'):format(i, 0.5, -1e-3) end
  write(folder .. '/a.obj', '# comment\nv 1 2 3\nvn 0 0 1\nv -0.5 1e-2 .25 0.1\nf 1 2 1\n')
  write(folder .. '/a_kpt2d.txt', table.concat(lines, '\n'))
  local v = published.mesh(folder .. '/a.obj')
  t:equal({v:dim(1), v:dim(2), v:dim(3)}, {1, 70, 3})
  t:near(v:reshape(210):slice(1, 1, 9), {1, 2, 3, -0.5, 0.01, 0.25, 1, 0.5, -0.001}, 1e-7)
  lines[68] = nil
  write(folder .. '/a_kpt2d.txt', table.concat(lines, '\n'))
  t:fails('68 landmarks expected, found 67', published.mesh, folder .. '/a.obj')
  write(folder .. '/a_kpt2d.txt', '1 2\n')
  t:fails('line 1: three numbers expected', published.mesh, folder .. '/a.obj')
  local numbers = {}
  for i = 1, 25 do numbers[i] = i / 4 end
  write(folder .. '/d.json', ('{"labels": [["x/0.png", [%s]], ["1.png", [%s, 7]]]}'):format(table.concat(numbers, ','), table.concat(numbers, ',')))
  local cameras, names = published.labels(folder .. '/d.json')
  t:equal(names, {'x/0.png', '1.png'})
  t:near(cameras['1.png']:reshape(25), numbers, 0)
  write(folder .. '/d.json', '{"labels": [["x", [1, 2]]]}')
  t:fails('label 1: a name and 25 numbers expected', published.labels, folder .. '/d.json')
  write(folder .. '/d.json', '{"labels": null}')
  t:fails('expected', published.labels, folder .. '/d.json')
end)
