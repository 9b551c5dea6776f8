-- doctor.lua -- `mien doctor`: what this machine offers and what is missing, on one screen; `mien devices`: what can
-- compute.
local core = require 'mien.core'
local doctor = {}

doctor.help = {doctor = 'Exit status 1 when something is missing without which mien cannot work.'}

local function read(path, most)
  local f = io.open(path, 'r')
  if not f then return nil end
  local text = f:read(most or 65536)
  f:close()
  return text
end

-- ---- what there is --------------------------------------------------------------

local function processor()
  local text = read '/proc/cpuinfo' or ''
  local name = text:match 'model name%s*:%s*([^\n]+)' or 'unknown processor'
  local flags = ' ' .. (text:match 'flags%s*:%s*([^\n]+)' or '') .. ' '
  local has = {}
  for _, flag in ipairs{'avx2', 'fma', 'f16c', 'avx512f', 'avx512_bf16', 'amx_bf16'} do
    if flags:find(' ' .. flag .. ' ', 1, true) then has[#has + 1] = flag end
  end
  return name, has
end

-- Processors this process may use, of a list such as 0-3,7
local function processors()
  local list = (read '/proc/self/status' or ''):match 'Cpus_allowed_list:%s*(%S+)'
  if not list then return nil end
  return #require('mien.options').list(list)
end

local function memory()
  local text = read '/proc/meminfo' or ''
  local total, free = text:match 'MemTotal:%s*(%d+)', text:match 'MemAvailable:%s*(%d+)'
  return total and tonumber(total) / 2 ^ 20, free and tonumber(free) / 2 ^ 20
end

-- GPUs that mien can use, as texts; none: and what is missing.
local function cards()
  local list, why = core.devices()
  for i, d in ipairs(list) do list[i] = ('%s  %s, sm_%d, %d multiprocessors, %.1f GiB'):format(d.device, d.name, d.sm, d.processors, d.memory / 2 ^ 30) end
  return list, why
end

-- Can a file be made in the folder, or in the nearest one above it that exists?
local function writable(folder)
  while not core.file_kind(folder) do
    local above = folder:match '^(.*)/[^/]*$' or '.'
    folder = above == '' and '/' or above
  end
  local path = ('%s/.mien-doctor-%d'):format(folder, math.floor(core.clock() * 1e6))
  local f = io.open(path, 'w')
  if not f then return false end
  f:close()
  os.remove(path)
  return true
end

-- The files of a model folder (lua/mien/avatar.lua).
local parts = {'head', 'generator', 'clip', 'arcface', 'encoder', 'references'}

-- ---- the screen -----------------------------------------------------------------

function doctor.devices()
  local name, has = processor()
  print(('cpu    %s, %s threads, %s'):format(name, tostring(processors() or '?'), #has > 0 and table.concat(has, ' ') or 'no vector extensions that mien uses'))
  local found, why = cards()
  for _, card in ipairs(found) do print(card) end
  if #found == 0 then print('cuda   none: ' .. why) end
end

function doctor.doctor()
  local missing = 0
  local function line(state, what, text)
    if state == 'missing' then missing = missing + 1 end
    print(('%-8s %-12s %s'):format(state, what, text))
  end
  local name, has = processor()
  local flags = ' ' .. table.concat(has, ' ') .. ' '
  line('ok', 'program', ('mien %s, API %d, %s'):format(core.version, core.api_number, core.program() or '?'))
  line((not core.needs_avx2 or flags:find ' avx2 ' and flags:find ' fma ') and 'ok' or 'missing', 'processor', ('%s; %s'):format(name, #has > 0 and table.concat(has, ' ') or 'avx2 and fma are needed'))
  local threads, asked = processors(), os.getenv 'OMP_NUM_THREADS'
  line('ok', 'threads', ('%s%s'):format(tostring(threads or '?'), asked and ', OMP_NUM_THREADS=' .. asked or ''))
  local total, free = memory()
  if total then line(free >= 2 and 'ok' or 'low', 'memory', ('%.1f GiB, %.1f free; training a mapper takes up to 2'):format(total, free)) end
  local found, why = cards()
  line(#found > 0 and 'ok' or 'none', 'graphics', #found > 0 and table.concat(found, '; ') or why .. ': the processor computes')
  local store = require 'mien.store'
  local path, message = store.default_path()
  local kind, bytes, library
  if path then kind, bytes = core.file_kind(path) end
  if kind then library, message = store.open(path, {create = false}) end
  if library then
    local n = #assert(library:list{})
    line('ok', 'library', ('%s, %d mapper%s, %.1f MB'):format(path, n, n == 1 and '' or 's', bytes / 1e6))
    library:close()
  elseif message then line('missing', 'library', message)
  else line(writable(path:match '^(.*)/') and 'ok' or 'missing', 'library', path .. (writable(path:match '^(.*)/') and ' (made when needed)' or ' cannot be made there')) end
  local avatar = require('mien.paths').find 'models/avatar'
  local lacks = {}
  for _, part in ipairs(parts) do
    if not (avatar and core.file_kind(('%s/%s.safetensors'):format(avatar, part))) then lacks[#lacks + 1] = part end
  end
  line(#lacks == 0 and 'ok' or 'missing', 'avatar', not avatar and 'no folder models/avatar here or beside the program'
    or avatar .. (#lacks == 0 and ': complete' or ': without ' .. table.concat(lacks, ', ')))
  local terminal = core.isatty(1) and require('mien.terminal').detect(os.getenv, core.terminal_ask) or 'none'
  line('ok', 'pictures', terminal == 'none' and 'the terminal shows none: paths are printed' or 'shown in the terminal by ' .. terminal)
  return missing == 0 and 0 or 1
end

return doctor
