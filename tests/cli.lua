-- cli.lua -- the program from outside: commands, recipes, exit codes, errors, pictures' records and their repetition.
local mien, T = require 'mien', require 'mien.test'
local program = mien.program()

local function quote(text) return "'" .. text:gsub("'", "'\\''") .. "'" end
-- Runs mien with these words; returns its output (errors included) and exit status.
local function run(t, ...)
  local words = {}
  for i, word in ipairs{...} do words[i] = quote(word) end
  return t:shell(('MIEN_TRACE= %s %s 2>&1 </dev/null'):format(quote(program), table.concat(words, ' ')))
end
local function write(path, text) assert(mien.file_write(path, text)) end

T.test('version and help', function(t)
  local text, status = run(t, '--version')
  t:equal({text, status}, {('mien %s, API %d\n'):format(mien.version, mien.api_number), 0})
  text, status = run(t, '--help')
  t:ok(status == 0 and text:find('usage: mien', 1, true) and text:find 'MIEN_HOME', text)
  for name in pairs(require('mien.cli').commands) do
    t:ok(text:find('\n  ' .. name, 1, true), name)
    local help, code = run(t, name, '--help')
    t:ok(code == 0 and help:find('usage: mien ' .. name, 1, true), name .. ': ' .. help)
  end
end)

T.test('what is misspelt is refused with the valid names', function(t)
  local text, status = run(t, 'libary')
  t:ok(status == 2 and text:find("unknown command 'libary'; there are devices, ", 1, true), text)
  text, status = run(t, '--versoin')
  t:ok(status == 2 and text:find("unknown option '--versoin'; there are --help, --version", 1, true), text)
  text, status = run(t, 'recipes/nothing.lua')
  t:ok(status == 1 and text:find("no recipe 'recipes/nothing.lua'", 1, true), text)
  text, status = run(t, 'docs', 'pos')
  t:ok(status == 2 and text:find("'pos': ops or meta expected", 1, true), text)
  text, status = run(t, 'info')
  t:ok(status == 2 and text:find('a picture expected', 1, true), text)
  for _, words in ipairs{{'doctor', 'foo'}, {'devices', '--foo'}, {'info', '--foo'}, {'inspect', '--foo'}, {'models', '--foo'}, {'test', '--foo'}, {'rerun', '--foo'},
    {'import', 'flame', '--foo=1', 'x.pkl'}, {'import', 'flame', 'shapes=10', 'x.pkl'}, {'import', 'clip', 'shape=10', 'x.pt'}} do
    text, status = run(t, unpack(words))
    t:ok(status == 2 and text:find(words[1] == 'import' and words[3] or words[2], 1, true), table.concat(words, ' ') .. ': ' .. text)
  end
  text, status = run(t, 'test', 'no.lua')
  t:equal({text, status}, {"mien: test: no test file 'no.lua'\n", 1})
  text, status = run(t, 'info', 'no.png')
  t:ok(status == 1 and text:find('no.png', 1, true) and not text:find('traceback', 1, true), text)
end)

T.test('errors of a recipe name its line and nothing else', function(t)
  local file = t:folder() .. '/r.lua'
  local function fails(source, expected)
    write(file, source)
    local text, status = run(t, file)
    t:equal({text, status}, {'mien: ' .. expected:gsub('FILE', (file:gsub('%%', '%%%%'))) .. '\n', 1}, source)
  end
  fails("local x = 1\nerror 'stop'", 'FILE:2: stop')
  fails('\nx = 1', "FILE:2: assignment to the undeclared global 'x' (write local x = ...)")
  fails('local a = y + 1', "FILE:1: 'y' is not defined")
  fails('local mien = require "mien"\nmien.api(7)', ('FILE:2: this recipe was written for API 7, this is mien %s with API 1'):format(mien.version))
  fails('local mien = require "mien"\nmien.options{}', 'FILE:2: a recipe says first which API it was written for: mien.api(1)')
  fails('local mien = require "mien"\n\nmien.lrelu(3)', 'FILE:3: lrelu: argument 1 (x): tensor expected, got number')
  fails('local mien = require "mien"\nlocal x = mien.nothing', "FILE:2: mien has no 'nothing'")
  fails('assert(require("mien.core").png_read "/no/such.png")', 'FILE:1: cannot open /no/such.png: No such file or directory')
  fails('local mien = require "mien"\nmien.api(1)\nmien.options{}\nmien.avatar.load():person(-1)', 'FILE:4: numpy_randn: seed: a whole number in 0..2^32-1 expected, got -1')
  fails('local = 3', "FILE:1: '<name>' expected near '='")
end)

T.test('options of a recipe', function(t)
  local file = t:folder() .. '/r.lua'
  write(file, "-- r.lua -- Says hello.\n-- Twice.\nlocal mien = require 'mien'\nmien.api(1)\nlocal opt = mien.options{n = {2, 'how often'}, who = {mien.required, 'whom'}}\n" ..
    "print(('hello '):rep(opt.n) .. opt.who)\n")
  local text, status = run(t, file, 'who=you', 'n=3')
  t:equal({text, status}, {'hello hello hello you\n', 0})
  text, status = run(t, file, '--help')
  t:equal({text, status}, {'Says hello.\nTwice.\n\noptions (key=value):\n  device     cpu, cuda or cuda:1  [cpu]\n  n          how often  [2]\n  precision  of factors in products and convolutions: strict, bf16, tf32, f16  [strict]\n  weights    how loaded models keep their weights: f32, or f16 in half the memory  [f32]\n  who        whom  [(required)]\n', 0})
  text, status = t:shell(("MIEN_PRECISION=f61 '%s' '%s' who=you 2>&1"):format(program, file))
  t:equal({text, status}, {("mien: %s:5: MIEN_PRECISION: strict, bf16, tf32 or f16 expected, got 'f61'\n"):format(file), 1})
  text, status = run(t, file, 'who=you', 'weights=f61')
  t:equal({text, status}, {("mien: %s:5: weights: f32 or f16 expected, got 'f61'\n"):format(file), 1})
  text, status = run(t, file, 'whom=you')
  t:ok(status == 1 and text:find(":5: unknown option 'whom'; there are device, n, precision, weights, who", 1, true), text)
end)

T.test('Ctrl-C stops a recipe between ops', function(t)
  local folder = t:folder()
  write(folder .. '/r.lua', "local mien = require 'mien'\nprint 'begun' io.stdout:flush()\nwhile true do mien.zeros({9}):exp() end\n")
  local text, status = t:shell(([[cd '%s'; mkfifo pipe; timeout -s KILL 20 %s r.lua >pipe 2>&1 & p=$!
    exec 3<pipe; read line <&3; kill -INT $(cat /proc/$p/task/$p/children); cat <&3; wait $p]]):format(folder, quote(program)))
  t:equal({text, status}, {'mien: stopped by Ctrl-C (r.lua:3: exp: interrupted)\n', 130})
end)

local recipe = [[
local mien = require 'mien'
mien.api(1)
local opt = mien.options{out = {'made', 'folder'}, seeds = {{3}, 'seeds'}, scale = {0.1, 'scale'}, name = {'x', 'name'}, bright = {false, 'brighter'}}
assert(mien.mkdir(opt.out))
for _, seed in ipairs(opt.seeds) do
  local x = mien.randn({3, 8, 8}, mien.rng(seed)) * opt.scale
  assert(mien.save_picture(('%s/%d.png'):format(opt.out, seed), x, {seeds = {seed}, mappers = {{name = 'smile', strength = 0.8}}}))
end
]]

T.test('a picture says how it was made, and is made again', function(t)
  local folder = t:folder()
  local file, out = folder .. '/r.lua', folder .. '/o'
  write(file, recipe)
  local text, status = run(t, file, 'out=' .. out, 'seeds=3,5', 'scale=0.3', 'name=a b\'c', 'bright=yes')
  t:equal({text, status}, {'', 0})
  text, status = run(t, 'info', out .. '/5.png')
  t:ok(status == 0 and text:find('8 x 8', 1, true) and text:find('marked as made by a trained model', 1, true) and text:find('scale          0.3', 1, true)
    and text:find('"name":"smile"', 1, true) and text:find(mien.sha256(recipe), 1, true), text)
  t:equal(require('mien.record').read(out .. '/5.png').options.out, nil, 'the option out is not recorded')
  text, status = run(t, 'rerun', out .. '/5.png', 'recipe=' .. file)
  t:equal({text, status}, {('%s/5.rerun.png: the same bytes as %s/5.png\n'):format(out, out), 0})
  t:equal(mien.file_read(out .. '/5.rerun.png'), mien.file_read(out .. '/5.png'))
  write(file, (recipe:gsub('%* opt%.scale', '* opt.scale + 0.5')))
  text, status = run(t, 'rerun', out .. '/5.png', 'recipe=' .. file, 'out=' .. folder .. '/again.png')
  t:ok(status == 1 and text:find('recipe_sha256 was', 1, true) and text:find('pixels differ by up to 6%d of 255'), text)
  t:equal(mien.file_kind(folder .. '/again.png'), 'file')
  write(file, (recipe:gsub('%%d%.png', '%%d.x.png')))
  text, status = run(t, 'rerun', out .. '/5.png', 'recipe=' .. file)
  t:ok(status == 1 and text:find("made no '5.png'", 1, true), text)
  os.remove(file)
  text, status = run(t, 'rerun', out .. '/5.png', 'recipe=' .. file)
  t:ok(status == 1 and text:find('r.lua\' is not here', 1, true), text)
end)

T.test('--no-metadata leaves only the mark', function(t)
  local folder = t:folder()
  local file, out = folder .. '/r.lua', folder .. '/o'
  write(file, recipe)
  t:equal({run(t, file, 'out=' .. out, '--no-metadata')}, {'', 0})
  local texts = assert(mien.png_text(out .. '/3.png'))
  t:equal(texts.mien, ('{"mien":"%s"}'):format(mien.version))
  t:ok(texts['XML:com.adobe.xmp']:find('trainedAlgorithmicMedia', 1, true), 'the mark')
  local text, status = run(t, 'info', out .. '/3.png')
  t:ok(status == 0 and text:find('how it was made is not recorded', 1, true), text)
  text, status = run(t, 'rerun', out .. '/3.png')
  t:ok(status == 1 and text:find('holds no record of a recipe', 1, true), text)
end)

T.test('a record has the precision that the environment or an outer recipe set', function(t)
  local folder = t:folder()
  write(folder .. '/r.lua', recipe)
  write(folder .. '/outer.lua', ("local mien = require 'mien'\nmien.api(1)\nmien.options{out = {'o', 'folder'}}\nlocal cli = require 'mien.cli'\nassert(cli.run_recipe('%s/r.lua', {'out=%s/inner', 'seeds=1'}) == 0)")
    :format(folder, folder))
  local function precision(file) return require('mien.record').read(file).options.precision end
  local text, status = t:shell(('MIEN_TRACE= MIEN_PRECISION=bf16 %s %s out=%s seeds=1 2>&1'):format(quote(program), quote(folder .. '/r.lua'), quote(folder .. '/o')))
  t:ok(status == 0 and precision(folder .. '/o/1.png') == 'bf16', text)
  text, status = run(t, folder .. '/outer.lua', 'precision=bf16')
  t:ok(status == 0 and precision(folder .. '/inner/1.png') == 'bf16', text)
  text, status = run(t, folder .. '/r.lua', 'out=' .. folder .. '/plain', 'seeds=1')
  t:ok(status == 0 and precision(folder .. '/plain/1.png') == nil, text)
end)

T.test('records that lie do no harm', function(t)
  local folder = t:folder()
  local path, temporary = folder .. '/p.png', folder .. '/tmp'
  assert(mien.mkdir(temporary))
  local function refuses(record, part, named)
    assert(mien.png_write(path, mien.zeros({8, 8, 3}, 'u8'), {mien = record}))
    local words = quote(path) .. (named and ' recipe=' .. quote(folder .. '/r.lua') or '')
    local text, status = t:shell(('MIEN_TRACE= TMPDIR=%s %s rerun %s 2>&1 </dev/null'):format(quote(temporary), quote(program), words))
    t:ok(status == 1 and text:find(part, 1, true) and not text:find('traceback', 1, true), record .. ' -> ' .. text)
    t:equal(#mien.folder(temporary), 0, 'no temporary folder stays')
  end
  write(folder .. '/r.lua', recipe)
  refuses('not JSON', 'the record of')
  refuses('[1,2]', 'holds no record of a recipe')
  refuses('"text"', 'the record of')
  refuses('7', 'the record of')
  refuses('{"recipe":5,"options":{}}', 'holds no record of a recipe')
  refuses(('{"recipe":"%s/r.lua","options":{},"file":"../up.png"}'):format(folder), 'outside its folder', true)
  refuses(('{"recipe":"%s/r.lua","options":{},"file":7}'):format(folder), 'outside its folder', true)
  refuses(('{"recipe":"%s/r.lua","options":3}'):format(folder), 'took no options', true)
  refuses(('{"recipe":"%s/r.lua","options":{"seeds":{"a":{}}}}'):format(folder), "option 'seeds'", true)
  refuses(('{"recipe":"%s/r.lua","options":{"seeds":["x"]}}'):format(folder), "option 'seeds': a list of numbers", true)
  refuses(('{"recipe":"%s/r.lua","options":{},"file":"a.png"}'):format(folder), 'did not come with mien')
  assert(mien.mkdir(folder .. '/recipes'))
  write(folder .. '/recipes/edit.lua', "error 'this must not run'")
  refuses(('{"recipe":"%s/recipes/edit.lua","options":{},"file":"a.png"}'):format(folder), "option 'mapper' is missing")
  refuses(('{"recipe":"%s/recipes/../../r.lua","options":{},"file":"a.png"}'):format(mien.program():match '^(.*)/'), 'is not here')
  local text, status = run(t, 'info', path)
  t:ok(status == 0, text)
end)

T.test('the measure of the library runs', function(t)
  local text, status = run(t, 'docs/bench/store.lua', 'mappers=2', 'numbers=10')
  t:ok(status == 0 and text:find('2 times', 1, true), text)
end)

T.test('inspect, models, doctor, devices', function(t)
  local path = t:folder() .. '/w.safetensors'
  assert(mien.st_save(path, {weight = mien.zeros{2, 3}}))
  local text, status = run(t, 'inspect', path)
  t:ok(status == 0 and text:find('weight', 1, true) and text:find('2', 1, true), text)
  text, status = run(t, 'models')
  t:ok(status == 0 and text:find('models', 1, true), text)
  text, status = run(t, 'models', path)
  t:ok(status == 1 and not text:find('traceback', 1, true), text)
  assert(mien.new_model('mapper', '{"w_dim":8,"expr":4,"rows":6,"edit_first":2,"edit_count":2,"d":4,"hidden":4,"layers":2}', 1):save(path))
  local tensors, texts = mien.st_load(path)
  for _, name in ipairs{'emotion.attended.bias', 'emotion.attended.weight'} do
    t:ok(tensors[name], name)
    tensors[name] = nil
  end
  tensors.strange = mien.zeros{2}
  assert(mien.st_save(path, tensors, texts))
  text, status = run(t, 'models', path)
  t:ok(status == 1 and text:find('not a model of kind mapper with these settings: 2 of %d+ tensors missing, 0 of another shape %(emotion.attended.%a+, emotion.attended.%a+%), ' ..
    '1 more in the file, such as strange\n'), text)
  text = run(t, 'doctor')
  t:ok(text:find('program', 1, true) and text:find('library', 1, true) and text:find('processor', 1, true), text)
  text, status = run(t, 'devices')
  t:ok(status == 0 and text:find('^cpu ', 1), text)
end)

T.test('without a home', function(t)
  local function homeless(words) return t:shell(('cd / && env -u HOME -u MIEN_HOME %s %s 2>&1 </dev/null'):format(quote(program), words)) end
  local why = 'neither MIEN_HOME nor HOME is set'
  t:ok(t:shell(("cd '%s' && MIEN_HOME=new '%s' doctor"):format(t:folder(), program)):find('\nok       library      new/library.db (made when needed)', 1, true), 'a home that is a relative path')
  local text, status = homeless 'doctor'
  t:ok(status == 1 and text:find(why, 1, true) and text:find('\nok       avatar', 1, true) and not text:find('traceback', 1, true), text)
  text, status = homeless 'models'
  t:ok(status == 0 and text:find('models/avatar: arcface, clip', 1, true), text)
  text, status = homeless 'library --help'
  t:ok(status == 0 and text:find('VERB --help', 1, true), text)
  for _, words in ipairs{'library', 'import flame x.pkl', 'recipes/edit.lua mapper=x'} do
    text, status = homeless(words)
    t:ok(status == 1 and text:find(why, 1, true) and not text:find('traceback', 1, true), words .. ': ' .. text)
  end
end)

T.test('closed standard streams do not let output into files', function(t)
  local folder = t:folder()
  write(folder .. '/r.lua', "local f = io.open(arg[2] or '', 'w')\nprint 'told'\nio.stdout:flush()\nio.stderr:write 'warned'\nf:write 'kept'\nf:close()\n")
  for _, closed in ipairs{'>&-', '2>&-', '<&- >&- 2>&-'} do
    local _, status = t:shell(("'%s' '%s/r.lua' '%s/f' %s"):format(program, folder, folder, closed))
    t:equal({status, mien.file_read(folder .. '/f')}, {0, 'kept'}, closed)
  end
end)

T.test('a recipe runs another', function(t)
  local folder = t:folder()
  write(folder .. '/r.lua', recipe)
  write(folder .. '/outer.lua', ("local mien = require 'mien'\nmien.api(1)\nlocal opt = mien.options{out = {'o', 'folder'}}\n" ..
    "mien.recipe.run('%s/r.lua', {'out=' .. opt.out .. '/in', 'seeds=4'})\nprint(mien.recipe.options.out)\nmien.recipe.run('%s/r.lua', {'sed=4'})\n"):format(folder, folder))
  local text, status = run(t, folder .. '/outer.lua', 'out=' .. folder .. '/o')
  t:equal({text, status}, {('%s/o\nmien: %s/outer.lua:6: %s/r.lua:3: unknown option \'sed\'; there are bright, device, name, out, precision, scale, seeds, weights\n'):format(folder, folder, folder), 1})
  text, status = run(t, 'rerun', folder .. '/o/in/4.png', 'recipe=' .. folder .. '/r.lua')
  t:ok(status == 0 and text:find('the same bytes', 1, true), text)
end)

T.test('import: what is wrong is told, model folders say what they lack', function(t)
  local folder = t:folder()
  local text, status = run(t, 'import')
  t:ok(status == 2 and text:find('a kind expected: next3d, clip', 1, true), text)
  text, status = run(t, 'import', 'clp', 'x')
  t:ok(status == 2 and text:find("unknown kind 'clp'; there are next3d, clip", 1, true), text)
  text, status = run(t, 'import', 'flame', 'x.pkl', 'banana=yes')
  t:ok(status == 2 and text:find("unknown option 'banana=yes'; there are bpe, expr, force, name, out, shape (a file of such a name: ./banana=yes)", 1, true), text)
  text, status = run(t, 'import', 'flame', folder .. '/none.pkl', '--shape=10', 'out=' .. folder .. '/head.safetensors')
  t:ok(status == 1 and text:find('none.pkl', 1, true), text)
  text, status = run(t, 'import', 'clip')
  t:ok(status == 2 and text:find('a file expected', 1, true), text)
  text, status = run(t, 'import', 'clip', folder .. '/none.pt', 'out=' .. folder .. '/models/a/clip.safetensors')
  t:ok(status == 1 and text:find('none.pt', 1, true) and not text:find('traceback', 1, true), text)
  assert(mien.st_save(folder .. '/models/a/clip.safetensors', {x = mien.zeros{1}}))
  text, status = run(t, 'import', 'clip', folder .. '/none.pt', 'out=' .. folder .. '/models/a/clip.safetensors')
  t:ok(status == 1 and text:find('is there already; force=yes replaces it', 1, true), text)
  text, status = t:shell(("cd '%s' && %s models"):format(folder, quote(program)))
  t:ok(status == 0 and text:find('models/a: clip\n', 1, true) and text:find('no imported generator  mien import next3d; published at https://', 1, true), text)
  local known = {}
  for _, p in ipairs(require('mien.import').parts) do known[p.kind] = true end
  for _, importer in ipairs(mien.importers()) do t:ok(known[importer.kind], importer.kind .. ' has no part of a model folder') end
end)
