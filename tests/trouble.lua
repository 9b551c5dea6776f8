-- trouble.lua -- what the world does to a recipe: Ctrl-C at any stage, a disk that is full, a folder that cannot be written.
-- Each ends with the right exit status and one sentence, leaves whole files only, and the same command does the work afterwards.
local mien, T = require 'mien', require 'mien.test'
local make_people = dofile 'tests/fixtures/people.lua'
local STAGES = tonumber(os.getenv 'MIEN_TEST_STAGES' or 3)         -- moments of Ctrl-C for each recipe

-- Runs the program with these words under a folder for everything it writes, after `before` in the shell: what it said, exit status, seconds.
local function program(t, folder, words, before)
  local began = mien.clock()
  local text, status = t:shell(("{ mkdir -p '%s/tmp'; TMPDIR='%s/tmp'; export TMPDIR; %s'%s' %s; } 2>&1"):format(folder, folder, before or '', mien.program(), words))
  return text, status, mien.clock() - began
end

-- The same, with a Ctrl-C after so many seconds.
local function interrupted(t, folder, words, seconds)
  return program(t, folder, words .. (' & p=$!; sleep %.3f; kill -INT $p 2>/dev/null; wait $p'):format(seconds))
end

local function at(words, folder) return (words:gsub('FOLDER', folder)) end
local function last_line(text) return text:match '([^\n]*)\n*$' end

-- Every file under the folder is whole: none is half written, and those of known kinds can be read.
local function whole(t, folder)
  for _, name in ipairs(mien.folder(folder) or {}) do
    local path = folder .. '/' .. name
    if mien.file_kind(path) == 'folder' then whole(t, path)
    else
      t:ok(not name:find('.partial', 1, true), path .. ' was left behind')
      if name:find '%.png$' then t:ok(mien.png_read(path)) end
      if name:find '%.safetensors$' then t:ok(mien.st_load(path)) end
      if name:find '%.obj$' then t:ok(mien.obj_read(path)) end
      if name == 'library.db' then
        local s = assert(mien.store.open(path))
        t:equal(s:verify(), {}, path)
        s:close()
      end
    end
  end
end

local function weights_in(path)
  local s = assert(mien.store.open(path, {create = false}))
  local mapper = assert(s:mapper 'smile')
  s:close()
  return mapper.weights_sha256
end

local function works(t, folder, words)
  local text, status = program(t, folder, at(words, folder))
  t:equal(status, 0, text)
  whole(t, folder)
end

-- Ctrl-C at moments all along a recipe; in `words` FOLDER stands for its folder; result(folder) is what it makes, the same however it got there.
local function stop_at_any_stage(t, words, result)
  local calm = t:folder()
  local text, status, took = program(t, calm, at(words, calm))
  t:equal(status, 0, text)
  local stopped = 0
  for stage = 1, STAGES do
    local folder = t:folder()
    text, status = interrupted(t, folder, at(words, folder), took * (stage - 0.5) / STAGES)
    if status ~= 0 then                                            -- 0: it was done, or had not begun to listen
      stopped = stopped + 1
      t:equal(status, 130, text)
      local _, said = ('\n' .. text):gsub('\nmien: stopped by Ctrl%-C %([^\n]+%)', '%0')
      local _, kept = ('\n' .. text):gsub('\n%w+: stopped at step %d+; run it again to go on', '%0')
      t:equal(said + kept, 1, text)
      t:ok(not text:find('traceback', 1, true), text)
    end
    whole(t, folder)
    works(t, folder, words)
    t:equal(result(folder), result(calm), ('after Ctrl-C at stage %d of %d'):format(stage, STAGES))
  end
  t:ok(stopped > 0, 'Ctrl-C came too late every time')
end

local TRAIN = "recipes/train.lua prompt='A person who is smiling' name=smile steps=2 batch=1 save=0 preview=2 library='FOLDER/library.db' out='FOLDER'"
local EDIT = "recipes/edit.lua mapper=smile seeds=0 library='FOLDER/library.db' out='FOLDER/edit'"
local function trained(folder) return weights_in(folder .. '/library.db') end

T.test('Ctrl-C: training', function(t) stop_at_any_stage(t, TRAIN, trained) end)

T.test('Ctrl-C: the demo, its edit included', function(t)
  stop_at_any_stage(t, "recipes/demo.lua steps=2 seeds=0-1 out='FOLDER/demo' --no-metadata", function(folder)
    local function hash(name) return mien.sha256_file(folder .. '/demo/' .. name) end
    return {weights_in(folder .. '/demo/library.db'), hash 'sheet.png', hash 'head.glb'}
  end)
end)

T.test('Ctrl-C: a network of the avatar', function(t)
  local people = t:folder()
  make_people(people, 0, 2, 4, 128)
  stop_at_any_stage(t, ("recipes/pretrain/encoder.lua people='%s' head=models/avatar/head.safetensors steps=4 batch=2 out='FOLDER'"):format(people),
    function(folder) return mien.sha256_file(folder .. '/encoder.safetensors') end)
end)

-- The command fails with one sentence that holds all of these; files are whole.
local function fails(t, folder, words, before, ...)
  local text, status = program(t, folder, at(words, folder), before)
  t:equal(status, 1, text)
  local said = last_line(text)
  for _, part in ipairs{'mien', ...} do t:ok(said:find(part, 1, true), ("'%s' expected in: %s"):format(part, text)) end
  t:ok(not text:find('traceback', 1, true), text)
  whole(t, folder)
end

-- A limit on the size of files stands for the disk: the same calls fail, at the same places.  It counts blocks of 512 bytes.
local function full_at(bytes) return ('ulimit -f %d; '):format(bytes / 512) end

T.test('a full disk', function(t)
  local calm, folder = t:folder(), t:folder()
  works(t, calm, TRAIN)
  fails(t, folder, TRAIN, full_at(50e3), folder .. '/library.db', 'File too large')               -- while the library is made
  fails(t, folder, TRAIN, full_at(400e3), '/tmp/', 'File too large')                              -- while a checkpoint is
  fails(t, folder, TRAIN, full_at(2e6), folder .. '/library.db', 'File too large')                -- while it is put into the library
  works(t, folder, TRAIN)
  t:equal(trained(folder), trained(calm))
  fails(t, folder, EDIT .. ' scale=16', full_at(1e6), folder .. '/edit/sheet.png', 'File too large')
  fails(t, folder, EDIT .. ' mesh=true', full_at(1e6), folder .. '/edit/head', 'File too large')
  works(t, folder, EDIT .. ' scale=16 mesh=true')
  local text, status = program(t, folder, '--version >/dev/full')
  t:equal(status, 1, text)
  t:ok(text:find('cannot write the standard output: No space left on device', 1, true), text)
end)

T.test('a folder that cannot be written', function(t)
  local folder = t:folder()
  -- For root permissions hold once it has given up its privileges.
  local before = t:shell 'id -u':find '^0%s' and 'setpriv --inh-caps=-all --bounding-set=-all ' or ''
  works(t, folder, TRAIN)
  t:shell(("cd '%s' && mkdir shut shut/old && cp library.db shut/old/ && chmod 555 shut shut/old && chmod 444 shut/old/library.db && touch file"):format(folder))
  local _, status = t:shell(("( %s touch '%s/shut/x') 2>&1"):format(before, folder))
  t:ok(status ~= 0, 'this system lets everybody write into a folder of mode 555')
  local function library(path) return TRAIN:gsub('FOLDER/library.db', path) end
  fails(t, folder, library 'FOLDER/shut/library.db', before, folder .. '/shut/library.db', 'Permission denied')
  fails(t, folder, library 'FOLDER/shut/new/library.db', before, folder .. '/shut/new', 'Permission denied')
  fails(t, folder, library 'FOLDER/file/library.db', before, folder .. '/file', 'is a file')
  fails(t, folder, library 'FOLDER/tmp', before, folder .. '/tmp', 'expected a file')
  fails(t, folder, EDIT:gsub('FOLDER/library.db', 'FOLDER/shut/old/library.db'), before, folder .. '/shut/old/library.db', 'read-only')
  fails(t, folder, EDIT:gsub('FOLDER/edit', 'FOLDER/shut'), before, folder .. '/shut/seed0', 'Permission denied')
  fails(t, folder, EDIT:gsub('FOLDER/edit', 'FOLDER/file'), before, folder .. '/file', 'is a file')
  t:shell(("chmod -R u+w '%s'"):format(folder))
end)
