-- kill.lua -- a training run killed at random moments: the library verifies after every kill, and the run that goes on ends with the weights
-- of one that nobody disturbed, bit for bit.  MIEN_TEST_KILLS says how many kills (6); docs/bench/kill.md has the figures.
local mien, T = require 'mien', require 'mien.test'
local kills = tonumber(os.getenv 'MIEN_TEST_KILLS' or 6)

T.test('killed at any moment, a training run goes on exactly', function(t)
  local folder = t:folder()
  -- What a library holds after the training, after at most `seconds` of it: exit status, weights' sha256 or nil.
  local function train(library, seconds)
    local kill = seconds and ('sleep %.3f; kill -KILL $p; '):format(seconds) or ''
    local output, status = t:shell(("{ '%s' recipes/train.lua prompt='A person who is smiling' name=smile steps=6 batch=1 save=0 preview=4 library='%s/%s' out='%s' & p=$!; %swait $p; } 2>&1")
      :format(mien.program(), folder, library, folder, kill))
    return status, output
  end
  local function weights(library)
    local s, message = mien.store.open(folder .. '/' .. library, {create = false})
    if not s and message:find('yet: the file is empty', 1, true) then return nil, {} end       -- killed before anything was in it
    assert(s, message)
    t:equal(s:verify(), {}, 'verify')
    local mapper, runs = s:mapper 'smile', s:runs()
    s:close()
    return mapper and mapper.weights_sha256, runs
  end
  local began = mien.clock()
  local status, output = train 'whole.db'
  t:equal(status, 0, output)
  local whole, took = weights 'whole.db', mien.clock() - began

  local seed = os.time()
  print('kill.lua: seed ' .. seed)
  local rng, killed, trained, resumed = mien.rng(seed), 0, 0, 0
  while killed < kills do
    trained = trained + 1
    local library = trained .. '.db'
    repeat
      status, output = train(library, rng:uniform(0, took))
      if output:find('resuming at step', 1, true) then resumed = resumed + 1 end
      if status ~= 0 then
        killed = killed + 1
        t:equal(status, 137, output)
        if mien.file_kind(folder .. '/' .. library) then weights(library) end
      end
    until status == 0
    local got, runs = weights(library)
    t:equal(got, whole, 'weights')
    t:equal({runs[1].status, runs[1].has_state}, {'complete', false})
  end
  io.stderr:write(('%d kills in %d trainings of %.1f s, gone on with %d times\n'):format(killed, trained, took, resumed))
end)
