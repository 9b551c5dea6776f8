-- repl.lua -- the REPL, scripted through a pipe, and the parts of it that need no terminal.
local mien, T = require 'mien', require 'mien.test'
local repl, help, terminal = require 'mien.repl', require 'mien.help', require 'mien.terminal'

-- What the REPL prints for these lines.
local function talk(t, ...)
  local path = t:folder() .. '/lines'
  assert(mien.file_write(path, table.concat({...}, '\n') .. '\n'))
  local text, status = t:shell(("MIEN_TRACE= '%s' <'%s' 2>&1"):format(mien.program(), path))
  t:equal(status, 0, 'exit status')
  return text
end

T.test('values are printed, kept and silenced', function(t)
  t:equal(talk(t, '1 + 1', 'x = mien.tensor{1, 2}', 'x', 'x * 2;', '$2:sum():item()', '_ + 1', '"$1"', 'nil', '{1, "a", b = {2}}', '1, 2'),
    '$1 = 2\n$2 = tensor f32 [2] {1, 2}\n$3 = 3\n$4 = 4\n$5 = $1\nnil\n$6 = {1, "a", b = {2}}\n$7 = 1\n$8 = 2\n')
end)

T.test('large tensors are summed up', function(t)
  t:equal(talk(t, 'x = mien.zeros{20}:set(3, -2):set(4, 6)', 'x', 'x:set(5, 1/0)', 'mien.full({20}, 0/0)', 'mien.zeros{16}:sum{axis = 1}'),
    '$1 = tensor f32 [20]  min -2 mean 0.2 max 6\n$2 = tensor f32 [20]  min -2 mean 0.2105 max 6  1 not finite\n$3 = tensor f32 [20]  20 not finite\n' ..
    '$4 = tensor f32 [] {0}\n')
end)

T.test('a statement goes on until it is complete', function(t)
  t:equal(talk(t, 'for i = 1, 2 do', 'print(i)', 'end', '1 +', '', '2', 'function f(a)', '  return a * 2 end', 'f(4)'), '1\n2\n$1 = 3\n$2 = 8\n')
end)

T.test('mistakes are told and survived', function(t)
  local text = talk(t, '5 5', 'error "no"', 'x', 'zeros', 'mien.zero', 'local t = nil; t.x = 1', 'mien.lrelu(3)', 'error({})', '1')
  t:equal(text, "error: unexpected symbol near '5'\nerror: no\nerror: 'x' is not defined\nerror: 'zeros' is not defined; mien.zeros is\n" ..
    "error: mien has no 'zero'\nerror: attempt to index local 't' (a nil value)\nerror: lrelu: argument 1 (x): tensor expected, got number\n" ..
    text:match '\n(error: table: [^\n]+\n)' .. '$1 = 1\n')
end)

T.test('Ctrl-C stops the computation, not the REPL', function(t)
  local folder = t:folder()
  assert(mien.file_write(folder .. '/lines', 'print "begun"\nwhile true do local a = {} end\n1 + 1\n'))
  local text, status = t:shell(([[cd '%s'; mkfifo pipe; timeout -s KILL 20 '%s' <lines >pipe 2>&1 & p=$!
    exec 3<pipe; read line <&3; sleep 0.05; kill -INT $(cat /proc/$p/task/$p/children); cat <&3; wait $p]]):format(folder, mien.program()))
  t:equal({text, status}, {'stopped\n$1 = 2\n', 0})
end)

T.test('help from the op table, functions and models', function(t)
  t:ok(talk(t, '?lrelu'):find('mien.lrelu(x, {slope = 0.2, gain = 1.41421})\n', 1, true), 'an op')
  t:ok(help.text 'mien.scope':find('every other tensor', 1, true), 'a function')
  t:ok(help.text 'next3d':find('methods:', 1, true), 'a kind of model')
  t:ok(help.text 'item':find('tensor:item', 1, true), 'a method')
  t:ok(help.text 'x:sum':find('mien.sum(x', 1, true), 'an op as a method')
  t:ok(help.text 'mien.store.open':find('^mien.store.open%('), 'a function of a module')
  t:ok(help.text 'leaky':find('bias_act', 1, true), 'a search')
  t:equal(help.text 'xyzzy', nil)
  t:ok(talk(t, '?'):find('ops: neg exp log', 1, true), 'the overview')
  t:equal(talk(t, '? xyzzy'), "nothing is known about 'xyzzy'; ? lists what is\n")
end)

T.test('completion', function(t)
  local model_x = {word = mien.rng(1), list = {alpha = 1, beta = 2}}
  rawset(_G, 'model_x', model_x)
  rawset(_G, 'mien', mien)
  local function complete(text) local insert, list = repl.complete(text) return insert, #list end
  t:equal({complete 'model'}, {'_x', 1})
  t:equal({complete 'model_x.list.al'}, {'pha', 1})
  t:equal({complete 'model_x.word:bel'}, {'ow(', 1})
  t:equal({complete 'y = mien.lrel'}, {'u', 1})
  t:equal({complete '?adaptive'}, {'_avg_pool2d', 1})
  t:equal({complete '?store.o'}, {'pen', 1})
  t:equal({complete 'mien.geom'}, {'etry', 1})
  t:equal({complete 'mien.avatar:expression_'}, {'of(', 1})
  t:equal({complete 'mien.lrelu(x, {slo'}, {'pe = ', 1})
  t:equal({complete 'x:lrelu{gain = 2, sl'}, {'ope = ', 1})
  t:equal({complete 'nothing.x'}, {'', 0})
  t:equal({complete 'whil'}, {'e', 1})
  local _, many = complete 'mien.con'
  t:ok(many >= 2, 'several candidates')
  rawset(_G, 'model_x', nil)
  rawset(_G, 'mien', nil)
end)

T.test('$n is replaced outside of texts and comments only', function(t)
  t:equal(repl.expand '$1 + x[$12]', '__values[1] + x[__values[12]]')
  t:equal(repl.expand [=['$1' .. "a\"$2" .. $3]=], [=['$1' .. "a\"$2" .. __values[3]]=])
  t:equal(repl.expand '[[ $1 ]] .. [==[$2]]]==] -- $3', '[[ $1 ]] .. [==[$2]]]==] -- $3')
  t:equal(repl.expand '--[[ $1 ]] $2', '--[[ $1 ]] __values[2]')
  t:equal(repl.expand '"open $1', '"open $1')
end)

T.test('what terminals take', function(t)
  local function detect(env, answer) return terminal.detect(function(name) return env[name] end, function() return answer end) end
  t:equal(detect{TERM = 'xterm-kitty'}, 'kitty')
  t:equal(detect{TERM = 'xterm-256color', TERM_PROGRAM = 'iTerm.app'}, 'iterm')
  t:equal(detect({TERM = 'xterm-256color'}, '\27[?62;4;22c'), 'sixel')
  t:equal(detect({TERM = 'xterm-256color'}, '\27[?62;14;22c'), 'none')
  t:equal(detect({TERM = 'xterm-256color'}, nil), 'none')
  t:equal(detect{TERM = 'xterm-kitty', TMUX = '1'}, 'none')
  t:equal(detect{TERM = 'dumb', MIEN_GRAPHICS = 'sixel'}, 'sixel')
  t:equal(detect{TERM = 'xterm-kitty', MIEN_GRAPHICS = 'off'}, 'none')
end)

-- A decoder of base64, to look into what is sent.
local function decode(text)
  local digits, bits, held, out = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', 0, 0, {}
  for c in text:gmatch '[%w+/]' do
    held, bits = held * 64 + digits:find(c, 1, true) - 1, bits + 6
    if bits >= 8 then
      bits = bits - 8
      out[#out + 1] = string.char(math.floor(held / 2 ^ bits) % 256)
      held = held % 2 ^ bits
    end
  end
  return table.concat(out)
end

T.test('pictures arrive whole by every protocol', function(t)
  local picture = mien.zeros({20, 30, 3}, 'u8')
  for i = 1, 1800 do picture:set(i, (i * 7919) % 251) end
  local path = t:folder() .. '/p.png'
  assert(mien.png_write(path, picture))
  local png = mien.file_read(path)
  t:equal(decode(mien.png_base64(picture)), png)
  local iterm = terminal.sequence('iterm', picture)
  t:equal(decode(iterm:match '^\27%]1337;File=inline=1;preserveAspectRatio=1:([^\a]*)\a\n$'), png)
  local data, more, chunks = {}, nil, 0
  local kitty = terminal.sequence('kitty', mien.rand({1, 3, 64, 64}, mien.rng(1)):reshape(3, 64, 64) and mien.to_pixels(mien.rand({3, 64, 64}, mien.rng(1))))
  for control, part in kitty:gmatch '\27_G([^;]*);([^\27]*)\27\\' do
    chunks, more = chunks + 1, control:match 'm=(%d)'
    data[chunks] = part
    t:ok(#part <= 4096 and (chunks == 1) == (control:find('a=T,f=100', 1, true) ~= nil), control)
  end
  t:ok(chunks > 1 and more == '0' and decode(table.concat(data)):sub(2, 4) == 'PNG', 'kitty')
end)

T.test('sixel: size, palette and every pixel within one step of it', function(t)
  local h, w = 8, 5
  local picture = mien.zeros({h, w, 3}, 'u8')
  for i = 1, h * w * 3 do picture:set(i, (i * 37) % 256) end
  local text = mien.sixel(picture)
  t:ok(text:find('^\27P0;1q"1;1;5;8#') and text:sub(-2) == '\27\\', 'frame')
  local body, palette, pixels = text:match '^\27P0;1q"1;1;5;8(.*)\27\\$', {}, {}
  local x, y, color, at = 0, 0, nil, 1
  while at <= #body do
    local n, r, g, b, stop = body:match('^#(%d+);2;(%d+);(%d+);(%d+)()', at)
    local pick, after = body:match('^#(%d+)()', at)
    local count, c, past = body:match('^!(%d+)(.)()', at)
    local one = body:sub(at, at)
    if n then palette[tonumber(n)] = {tonumber(r), tonumber(g), tonumber(b)} at = stop
    elseif pick then color = tonumber(pick) at = after
    elseif one == '$' then x = 0 at = at + 1
    elseif one == '-' then x, y = 0, y + 6 at = at + 1
    else
      if not count then count, c, past = 1, one, at + 1 end
      for _ = 1, tonumber(count) do
        for bit = 0, 5 do
          if math.floor((c:byte() - 63) / 2 ^ bit) % 2 == 1 then
            t:ok(pixels[(y + bit) * w + x] == nil and y + bit < h and x < w, 'painted once')
            pixels[(y + bit) * w + x] = palette[color]
          end
        end
        x = x + 1
      end
      at = past
    end
  end
  for i = 0, h * w - 1 do
    t:ok(pixels[i], 'pixel ' .. i)
    for k = 1, 3 do t:near(pixels[i][k] * 2.55, picture:item(3 * i + k), 255 / (k == 2 and 6 or 5) + 2) end
  end
end)
