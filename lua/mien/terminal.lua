-- terminal.lua -- pictures in the terminal: kitty's graphics protocol, iTerm2's inline images, or sixel; elsewhere a
-- file whose path is told.
--   mien.show(picture)     u8 [H,W,3], or f32 [3,H,W] or [1,3,H,W] in -1..1
local core = require 'mien.core'
local terminal = {}

local CHUNK = 4096                       -- bytes of base64 that kitty takes at once
local SIDE_MOST = 2048                   -- larger pictures are told by path

local protocols = {kitty = true, iterm = true, sixel = true}

-- Which protocol: 'kitty', 'iterm', 'sixel', or 'none'.  ask(question, end of the answer) reaches the terminal; env(name).
function terminal.detect(env, ask)
  local forced = env 'MIEN_GRAPHICS'
  if forced and forced ~= '' then return protocols[forced] and forced or 'none' end
  local term, program = env 'TERM' or '', env 'TERM_PROGRAM' or ''
  if env 'TMUX' or term:find '^screen' then return 'none' end          -- they swallow or garble the sequences
  if env 'KITTY_WINDOW_ID' or term == 'xterm-kitty' or term == 'xterm-ghostty' or program == 'ghostty' then return 'kitty' end
  if program == 'iTerm.app' or program == 'WezTerm' then return 'iterm' end
  if term == '' or term == 'dumb' or term == 'linux' then return 'none' end
  -- Primary device attributes: the list after "?" holds 4 where sixel is understood (VT510 manual, DA1).
  local answer = ask('\27[c', 'c')
  local list = answer and answer:match '%?([%d;]*)c'
  return list and (';' .. list .. ';'):find(';4;', 1, true) and 'sixel' or 'none'
end

-- The text that draws pixels [H,W,3] u8 under a protocol.
function terminal.sequence(protocol, pixels)
  if protocol == 'sixel' then return core.sixel(pixels) .. '\n' end
  local data = core.png_base64(pixels)
  if protocol == 'iterm' then return '\27]1337;File=inline=1;preserveAspectRatio=1:' .. data .. '\a\n' end
  local parts = {}                                          -- kitty: a=T transmit and show, f=100 PNG, m=1 more follows
  for at = 1, #data, CHUNK do
    parts[#parts + 1] = ('\27_G%sm=%d;%s\27\\'):format(at == 1 and 'a=T,f=100,q=2,' or '', at + CHUNK <= #data and 1 or 0, data:sub(at, at + CHUNK - 1))
  end
  return table.concat(parts) .. '\n'
end

-- Does a value look like a picture?
function terminal.is_picture(value)
  if type(value) ~= 'userdata' or not core.is_tensor(value) then return false end
  local s, dtype = value:shape(), value:dtype()
  if dtype == 'u8' then return #s == 3 and s[3] == 3 and s[1] >= 8 and s[2] >= 8 end
  local at = #s == 4 and s[1] == 1 and 1 or 0
  return dtype == 'f32' and #s - at == 3 and s[at + 1] == 3 and s[at + 2] >= 16 and s[at + 3] >= 16
end

local protocol, folder, shown = nil, nil, 0

-- Shows the picture, or writes it and says where; returns the path in that case.
function terminal.show(picture)
  local pixels = picture:dtype() == 'u8' and picture or core.to_pixels(picture)
  local shape = pixels:shape()
  if not core.isatty(1) then protocol = 'none'
  else protocol = protocol or terminal.detect(os.getenv, core.terminal_ask) end
  if protocol ~= 'none' and shape[1] <= SIDE_MOST and shape[2] <= SIDE_MOST then
    io.write(terminal.sequence(protocol, pixels))
    return nil
  end
  folder = folder or require('mien.paths').temporary()
  shown = shown + 1
  local path = ('%s/%d.png'):format(folder, shown)
  assert(require('mien.record').save_picture(path, pixels))
  print(path)
  return path
end

return terminal
