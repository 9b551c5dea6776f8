-- library.lua -- `mien library VERB ...`: the library of mappers at the command line.
-- main(words) returns the exit status: 0 done, 1 it could not be done, 2 it was not understood.
local store = require 'mien.store'
local library = {}

-- ---- tables of text ---------------------------------------------------------

-- Names and notes may come from other people's files: no control characters reach the terminal.
local function clean(text) return (tostring(text):gsub('[%z\1-\31\127]', ' ')) end
local function width(text) return #text:gsub('[\128-\191]', '') end      -- characters, not bytes

local function shorten(text, most)
  if width(text) <= most then return text end
  local n, at = 0, 1
  while n < most - 3 do
    at = at + #text:match('^[%z\1-\127\192-\255][\128-\191]*', at)
    n = n + 1
  end
  return text:sub(1, at - 1) .. '...'
end

-- columns: {title, row -> text, most characters (40)}
local function print_table(rows, columns)
  local cells, widths = {{}}, {}
  for c, column in ipairs(columns) do cells[1][c] = column[1] end
  for _, row in ipairs(rows) do
    local line = {}
    for c, column in ipairs(columns) do line[c] = shorten(clean(column[2](row)), column[3] or 40) end
    cells[#cells + 1] = line
  end
  for _, line in ipairs(cells) do
    for c, text in ipairs(line) do widths[c] = math.max(widths[c] or 0, width(text)) end
  end
  for _, line in ipairs(cells) do
    for c, text in ipairs(line) do line[c] = text .. (' '):rep(widths[c] - width(text)) end
    print((table.concat(line, '  '):gsub(' +$', '')))
  end
end

local function size_text(bytes)
  if bytes < 1000 then return ('%d B'):format(bytes) end
  if bytes < 1e6 then return ('%.1f kB'):format(bytes / 1e3) end
  return ('%.1f MB'):format(bytes / 1e6)
end
local function time_text(seconds) return seconds and os.date('!%Y-%m-%d %H:%M', seconds) or '' end
local function number_text(x) return x and ('%.3f'):format(x) or '-' end
local function count_text(n, one, many) return ('%d %s'):format(n, n == 1 and one or many) end

-- ---- the verbs ----------------------------------------------------------------

-- A failure of the world, as opposed to a mistake in this program, is a table with a message.
local function try(value, message) if value == nil then error({message = message}, 0) end return value end
local function misuse(message) error({message = message, misuse = true}, 0) end

local states = {training = true, complete = true, failed = true}          -- of mappers

local mapper_columns = {
  {'#', function(m) return m.id end},
  {'name', function(m) return m.name end},
  {'status', function(m) return m.status end},
  {'prompt', function(m) return m.prompt or '' end},
  {'tags', function(m) return table.concat(m.tags, ', ') end},
  {'generator', function(m) return m.model_name end, 20},
  {'weights', function(m) return size_text(m.weights_size) end},
  {'edits', function(m) return m.edits end},
  {'made (UTC)', function(m) return time_text(m.created_at) end},
}

local function print_mappers(rows)
  if #rows == 0 then print 'no mappers' else print_table(rows, mapper_columns) end
end

local function show_mapper(s, key)
  local m = try(s:mapper(key))
  local function field(name, value) if value and value ~= '' then print(('%-12s%s'):format(name, clean(value))) end end
  field('name', m.name)
  field('number', m.id)
  field('status', m.status)
  field('prompt', m.prompt)
  field('basis', m.basis)
  field('tags', table.concat(m.tags, ', '))
  field('generator', ('%s (%s)'):format(m.model_name, m.model_hash))
  field('engine', m.engine)
  field('seed', ('%.0f'):format(m.seed))
  field('options', m.options)
  field('weights', m.weights_sha256 and ('%s, sha256 %s'):format(size_text(m.weights_size), m.weights_sha256) or 'none yet')
  field('thumbnail', m.thumbnail and size_text(#m.thumbnail))
  field('made', time_text(m.created_at) .. ' UTC')
  field('changed', time_text(m.updated_at) .. ' UTC')
  field('notes', m.notes)
  if m.basis then
    local b = try(s:basis(m.basis))
    print(('\nbasis %s, gamma %g:'):format(clean(b.name), b.gamma))
    for i, prompt in ipairs(b.prompts) do print(('  %d. %s'):format(i, clean(prompt))) end
  end
  local runs = try(s:runs('#' .. m.id, 10))
  if #runs > 0 then
    print '\nruns, newest first:'
    print_table(runs, {
      {'#', function(r) return r.id end}, {'recipe', function(r) return r.recipe end}, {'status', function(r) return r.status end},
      {'values', function(r) return r.metrics end}, {'started (UTC)', function(r) return time_text(r.started_at) end},
      {'message', function(r) return r.message end, 60}})
  end
  local edits = try(s:edits('#' .. m.id, 10))
  if #edits > 0 then
    print '\nedits, newest first:'
    print_table(edits, {
      {'#', function(e) return e.id end},
      {'strengths', function(e)
        local list = {}
        for i, used in ipairs(e.mappers) do list[i] = ('%s %g'):format(used.mapper, used.strength) end
        return table.concat(list, ', ')
      end},
      {'identity', function(e) return number_text(e.identity_after) end}, {'clip', function(e) return number_text(e.clip_score) end},
      {'made (UTC)', function(e) return time_text(e.created_at) end}, {'picture', function(e) return e.picture_path or '' end, 60}})
  end
end

-- words: how many (least, most).  options: name -> meaning.  fresh: the library may be made.
local verbs = {
  list = {use = '', about = 'list the mappers; so does `mien library` alone', words = {0, 0},
    options = {tag = 'only those with this tag', status = 'training, complete or failed', limit = 'at most so many'},
    run = function(s, _, o)
      local most = tonumber(o.limit)
      if o.limit and not (most and most >= 1 and most == math.floor(most)) then misuse(("limit: a whole number from 1 expected, got '%s'"):format(o.limit)) end
      if o.status and not states[o.status] then misuse(("status: training, complete or failed expected, got '%s'"):format(o.status)) end
      print_mappers(try(s:list{tag = o.tag, status = o.status, limit = most}))
    end},
  search = {use = 'WORDS...', about = 'find mappers by name, prompt, tag or note; a word matches as a beginning', words = {1, 100},
    run = function(s, w) print_mappers(try(s:list{words = table.concat(w, ' ')})) end},
  show = {use = 'MAPPER', about = 'everything about one mapper', words = {1, 1}, run = function(s, w) show_mapper(s, w[1]) end},
  rename = {use = 'MAPPER NAME', about = 'give a mapper another name', words = {2, 2},
    run = function(s, w) try(s:rename(w[1], w[2])) end},
  tag = {use = 'MAPPER TAG...', about = 'add tags', words = {2, 100},
    run = function(s, w) for i = 2, #w do try(s:tag(w[1], w[i])) end end},
  untag = {use = 'MAPPER TAG...', about = 'take tags away', words = {2, 100},
    run = function(s, w) for i = 2, #w do try(s:untag(w[1], w[i])) end end},
  export = {use = 'MAPPER FILE', about = 'write one mapper to a file of its own', words = {2, 2},
    options = {force = 'yes: replace an existing file'},
    run = function(s, w, o) try(s:export(w[1], w[2], {replace = o.force == 'yes'})) end},
  import = {use = 'FILE', about = 'take in a mapper from such a file', words = {1, 1}, fresh = true,
    options = {name = 'a name other than the one in the file'},
    run = function(s, w, o) print(('mapper #%d'):format(try(s:import(w[1], o.name)))) end},
  delete = {use = 'MAPPER...', about = 'delete mappers', words = {1, 100},
    options = {force = 'yes: also those that recorded edits used'},
    run = function(s, w, o) for _, key in ipairs(w) do try(s:delete(key, {force = o.force == 'yes'})) end end},
  verify = {use = '', about = 'check the file, its references and every checksum', words = {0, 0},
    run = function(s)
      local problems = try(s:verify())
      for _, sentence in ipairs(problems) do print(clean(sentence)) end
      if #problems > 0 then error({message = count_text(#problems, 'problem', 'problems') .. ' found'}, 0) end
      print 'the library is sound'
    end},
  gc = {use = '', about = 'remove what nothing refers to and make the file smaller', words = {0, 0},
    run = function(s)
      local r = try(s:gc())
      print(('removed %s and %s, closed %s; %s, was %s'):format(count_text(r.blobs, 'piece of data', 'pieces of data'),
        count_text(r.prompts, 'prompt', 'prompts'), count_text(r.runs, 'dead run', 'dead runs'), size_text(r.bytes_after), size_text(r.bytes_before)))
    end},
}
local order = {'list', 'search', 'show', 'rename', 'tag', 'untag', 'export', 'import', 'delete', 'verify', 'gc'}

-- ---- help and arguments ---------------------------------------------------------

local function usage_of(name) return (('mien library %s %s'):format(name, verbs[name].use):gsub('%s+$', '')) end

local function print_help(name)
  if name then
    print('usage: ' .. usage_of(name) .. ' [option=value...]\n\n' .. verbs[name].about .. '\n')
    local options = {{'library', ('the library file (%s)'):format(store.default_path() or 'needed here: neither MIEN_HOME nor HOME is set')}}
    for option, about in pairs(verbs[name].options or {}) do options[#options + 1] = {option, about} end
    table.sort(options, function(a, b) return a[1] < b[1] end)
    for _, o in ipairs(options) do print(('  %-9s%s'):format(o[1], o[2])) end
    if verbs[name].use:find 'MAPPER' then print '\nMAPPER is a name, or # and a number (in a shell: \'#12\').' end
    return
  end
  print 'usage: mien library VERB ... [option=value...]\n'
  for _, verb in ipairs(order) do print(('  %-22s%s'):format(verb .. ' ' .. verbs[verb].use, verbs[verb].about)) end
  print(('\nThe library is %s (MIEN_HOME moves it), or library=FILE.'):format(store.default_path() or '~/.local/share/mien/library.db'))
  print '`mien library VERB --help` lists the options of a verb.'
end

local function unknown(verb, option)
  local names = {'library'}
  for known in pairs(verb.options or {}) do names[#names + 1] = known end
  table.sort(names)
  misuse(("unknown option '%s'; there are %s"):format(option, table.concat(names, ', ')))
end

-- Splits words into arguments and options.  Only words that begin with one of the verb's own
-- option names are options: a mapper's name may hold '='.
local function parse(name, words)
  local verb, arguments, options = verbs[name], {}, {}
  for i = 2, #words do
    local key, value = words[i]:match('^%-*([%w_]+)=(.*)$')
    if key and (key == 'library' or verb.options and verb.options[key]) then options[key] = value
    elseif words[i]:match('^%-%-') then unknown(verb, key or words[i])
    else arguments[#arguments + 1] = words[i] end
  end
  if options.force and options.force ~= 'yes' and options.force ~= 'no' then misuse(("force: yes or no expected, got '%s'"):format(options.force)) end
  local least, most = verb.words[1], verb.words[2]
  if #arguments < least then misuse('too few arguments; usage: ' .. usage_of(name)) end
  local extra = arguments[most + 1]
  if extra and extra:find '^[%w_]+=' then unknown(verb, extra:match '^[%w_]+') end
  if extra then misuse(("'%s': too many arguments; usage: %s"):format(extra, usage_of(name))) end
  return arguments, options
end

local function run(words)
  if not words[1] or words[1]:find '^library=' then words = {'list', unpack(words)} end
  local name = words[1]
  if name == '--help' or name == '-h' or name == 'help' then print_help() return 0 end
  if not verbs[name] then misuse(("unknown verb '%s'; there are %s"):format(name, table.concat(order, ', '))) end
  for i = 2, #words do
    if words[i] == '--help' or words[i] == '-h' then print_help(name) return 0 end
  end
  local arguments, options = parse(name, words)
  local s = try(store.open(options.library, {create = verbs[name].fresh or false}))
  local ok, failure = pcall(verbs[name].run, s, arguments, options)
  s:close()
  if not ok then error(failure, 0) end
  return 0
end

function library.main(words)
  local ok, status = pcall(run, words)
  if ok then return status end
  local message = type(status) == 'table' and status.message or tostring(status):gsub('^lua/mien/library%.lua:%d+: ', '')
  io.stderr:write('mien library: ', message, '\n')
  return type(status) == 'table' and status.misuse and 2 or 1
end

return library
