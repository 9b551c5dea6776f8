-- store.lua -- the library from Lua, and `mien library` at the command line.
--   mien tests/store.lua        raises an error and exits with 1 when something is wrong
local core = require 'mien.core'
local library = require 'mien.library'
local passed = 0

local function check(cond, what)
  if not cond then error('failed: ' .. what, 2) end
  passed = passed + 1
end
local function check_raises(part, f, ...)
  local ok, message = pcall(f, ...)
  check(not ok and tostring(message):find(part, 1, true), ("expected an error with '%s', got %s %s"):format(part, tostring(ok), tostring(message)))
end

local folder = os.tmpname()
os.remove(folder)
local path = folder .. '/deep/library.db'
local GENERATOR, OTHER = ('1'):rep(64), ('2'):rep(64)

-- ---- the binding ------------------------------------------------------------

local nothing, message, code = core.store_open(path)
check(nothing == nil and message:find('no library at', 1, true) and type(code) == 'number', 'a missing library')
local s = assert(core.store_open(path, {create = true}))
check(s:path() == path, 'path')

check(s:put_model{kind = 'generator', name = 'small', hash = GENERATOR, config = {size = 64, list = {1, 2.5, 'x'}}} == 1, 'put_model')
check_raises('model hash', s.put_model, s, {kind = 'generator', name = 'small', hash = 'no'})
check_raises('JSON cannot hold: a function', s.put_model, s, {kind = 'a', name = 'b', hash = GENERATOR, config = {f = print}})
check_raises('JSON cannot hold: NaN', s.put_model, s, {kind = 'a', name = 'b', hash = GENERATOR, config = {x = 0 / 0}})
local loop = {}
loop.loop = loop
check_raises('nested more than 16 deep', s.put_model, s, {kind = 'a', name = 'b', hash = GENERATOR, config = loop})

s:put_prompt('a smiling face', GENERATOR, core.tensor{0.5, 0.25})
local e = s:embedding('a smiling face', GENERATOR)
check(e:totable()[1] == 0.5 or e:totable()[1][1] == 0.5, 'embedding')
check(s:embedding('a smiling face', OTHER) == nil, 'no embedding')
check(#s:prompts('smil') == 1 and #s:prompts('frown') == 0, 'prompts')
s:put_basis{name = 'everyday', gamma = 2.5, options = {kept = 3}, prompts = {'a smiling face', 'an angry face'}}
local b = s:basis 'everyday'
check(b.gamma == 2.5 and b.prompts[2] == 'an angry face' and b.options == '{"kept":3}', 'basis')
check_raises('exists with gamma 2.5', s.put_basis, s, {name = 'everyday', gamma = 1, prompts = {'x'}})

-- A model, a table of tensors and plain bytes are all weights.
local model = core.new_model('flame', '{"vertices":4,"faces":2,"shape":2,"expr":2}', 1)
local id = s:save{name = 'smile', status = 'complete', prompt = 'a smiling face', basis = 'everyday', model_hash = GENERATOR, seed = 9,
  options = {steps = 300, b = true, a = {1, 2}}, tags = {'warm'}, weights = model, thumbnail = core.zeros({4, 4, 3}, 'u8')}
local m = s:mapper 'smile'
check(m.id == id and m.seed == 9 and m.options == '{"a":[1,2],"b":true,"steps":300}' and m.tags[1] == 'warm', 'mapper')
check(m.thumbnail:sub(2, 4) == 'PNG' and #m.weights == m.weights_size, 'data')
local back, about = s:load('smile', GENERATOR)
check(back:kind() == 'flame' and about.name == 'smile' and about.weights == nil and back:hash() == m.weights_sha256, 'load')
check_raises("was trained on generator 'small'", s.load, s, 'smile', OTHER)
s:save{name = 'copy', status = 'complete', model_hash = GENERATOR, weights = m.weights}
check(s:mapper('copy').weights_sha256 == m.weights_sha256, 'weights as bytes')
s:save{name = 'tensors', status = 'complete', model_hash = GENERATOR, weights = {w = core.tensor{1, 2, 3}}}
check_raises('a mapper of this name', s.save, s, {name = 'smile', status = 'complete', model_hash = GENERATOR, weights = m.weights})
check(s:save{name = 'copy', status = 'failed', model_hash = GENERATOR, weights = m.weights, replace = true} > 0, 'replace')
check_raises("'sede'", s.save, s, {name = 'x', sede = 1})
check_raises('whole number expected', s.save, s, {name = 'x', seed = 1.5})
check(#s:list() == 3 and #s:list{words = 'smil'} == 1 and #s:list{status = 'failed'} == 1 and s:list()[1].weights == nil, 'list')
nothing, message = s:mapper 'nobody'
check(nothing == nil and message:find("has no mapper 'nobody'", 1, true), 'a missing mapper')

local run = s:begin_run{recipe = 'train_smile', options = {lr = 0.001}, seed = 4}
for step = 1, 10 do run:log(step, {clip = 1 / step, id = 0.5}) end
run:set_mapper 'smile'
run:set_state({m = core.tensor{1}}, {step = '10'})
run:finish('interrupted', 'Ctrl-C')
check_raises('it is finished', run.log, run, 1, {clip = 1})
local again, state, texts = s:resume_run(1)
check(again:id() == 1 and state.m:item() == 1 and texts.step == '10', 'resume')
again:log(11, {clip = 0})
again = nil
collectgarbage() collectgarbage()
check(s:runs()[1].status == 'interrupted' and s:runs('smile')[1].metrics == 21, 'a run let go of')
check(#s:metrics(1, 'clip') == 11 and s:metrics(1, 'clip')[11].step == 11, 'metrics')

check(s:record_edit{model_hash = GENERATOR, identity_after = 0.9, mappers = {{mapper = 'smile', strength = 0.5}}, seeds = {1, 2}} == 1, 'record_edit')
local edit = s:edits('smile')[1]
check(edit.mappers[1].strength == 0.5 and edit.seeds[2] == 2 and edit.identity_before == nil and edit.identity_after == 0.9, 'edits')
check_raises('was used in 1 recorded edit', s.delete, s, 'smile')
check(#s:verify() == 0, 'verify')

-- ---- the command line ---------------------------------------------------------

-- Runs `mien library ...` and returns status, what it printed, what it complained.
local function cli(...)
  local real_print, real_stderr, out, complaint = print, io.stderr, {}, {}
  print = function(...) out[#out + 1] = table.concat({...}, '\t') end
  io.stderr = {write = function(_, ...) complaint[#complaint + 1] = table.concat{...} end}
  local words = {...}
  if words[1] and words[1] ~= '--help' and words[2] ~= '--help' then words[#words + 1] = 'library=' .. path end
  local ok, status = pcall(library.main, words)
  print, io.stderr = real_print, real_stderr
  if not ok then error(status, 0) end
  return status, table.concat(out, '\n'), table.concat(complaint)
end
local function check_cli(status, part, ...)
  local got, out, complaint = cli(...)
  check(got == status and (out .. complaint):find(part, 1, true),
    ("mien library %s: expected %d with '%s', got %d with:\n%s\n%s"):format(table.concat({...}, ' '), status, part, got, out, complaint))
  return out
end

check_cli(0, 'smile', 'library=' .. path)
for _, verb in ipairs{'list', 'search', 'show', 'rename', 'tag', 'untag', 'export', 'import', 'delete', 'verify', 'gc'} do
  check_cli(0, 'usage: mien library ' .. verb, verb, '--help')
  check_cli(0, verb .. ' ', '--help')
end
check_cli(2, "unknown verb 'lsit'; there are list, search", 'lsit')
check_cli(2, "unknown option 'tga'; there are library, limit, status, tag", 'list', '--tga=x')
check_cli(2, "unknown option 'tga'; there are library, limit, status, tag", 'list', 'tga=x')
check_cli(2, "unknown option '--all'; there are library, limit, status, tag", 'list', '--all')
check_cli(2, "'x': too many arguments", 'list', 'x')
check_cli(2, 'too few arguments; usage: mien library rename MAPPER NAME', 'rename', 'x')
local out = check_cli(0, 'a smiling face', 'list')
local lines = {}
for line in out:gmatch('[^\n]+') do lines[#lines + 1] = line end
check(#lines == 4 and lines[1]:find('status', 1, true) == lines[2]:find('failed', 1, true), 'columns stand below their titles')
check_cli(0, 'smile', 'list', 'tag=warm')
check_cli(0, 'no mappers', 'list', 'tag=cold')
for _, limit in ipairs{'many', '0', '-3', '1.5'} do
  check_cli(2, ("limit: a whole number from 1 expected, got '%s'"):format(limit), 'list', 'limit=' .. limit)
end
check_cli(2, "status: training, complete or failed expected, got 'completed'", 'list', 'status=completed')
check_cli(0, 'smile', 'list', 'status=complete')
check_cli(0, 'smile', 'search', 'smil')
check_cli(0, 'everyday, gamma 2.5', 'show', 'smile')
check_cli(0, '2. an angry face', 'show', 'smile')
check_cli(0, 'train_smile', 'show', '#' .. id)
check_cli(1, "has no mapper 'nobody'", 'show', 'nobody')
check_cli(0, '', 'rename', 'copy', 'a=b')
check_cli(0, 'a=b', 'show', 'a=b')
check_cli(0, '', 'tag', 'a=b', 'x', 'y')
check_cli(0, 'x, y', 'show', 'a=b')
check_cli(0, '', 'untag', 'a=b', 'x')
check_cli(1, "has no tag 'x'", 'untag', 'a=b', 'x')
local file = folder .. '/smile.safetensors'
check_cli(0, '', 'export', 'smile', file)
local _, _, said = cli('export', 'smile', file)
check(said:find "^mien library: exporting mapper 'smile': .* exists already\n$", said)
check_cli(1, 'exists already', 'export', 'smile', file)
check_cli(0, '', 'export', 'smile', file, 'force=yes')
check_cli(1, 'a mapper of this name', 'import', file)
check_cli(0, 'mapper #', 'import', file, 'name=guest')
check_cli(1, 'was used in 1 recorded edit', 'delete', 'smile')
check_cli(2, "force: yes or no expected, got 'maybe'", 'delete', 'smile', 'force=maybe')
check_cli(0, '', 'delete', 'smile', 'a=b', 'force=yes')
check_cli(0, 'the library is sound', 'verify')
check_cli(0, 'removed', 'gc')

-- Control characters in a note from elsewhere do not reach the terminal.
s:save{name = 'guest', status = 'complete', model_hash = GENERATOR, weights = m.weights, notes = 'red \27[31m', replace = true}
check(not check_cli(0, 'red', 'show', 'guest'):find('\27', 1, true), 'escape sequences')

s:close()
s:close()
check_raises('it is closed', s.list, s)
os.execute("rm -rf '" .. folder .. "'")
print(('store.lua: %d passed'):format(passed))
