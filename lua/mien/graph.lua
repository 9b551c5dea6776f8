-- graph.lua -- mien.graph(fn): fn, recorded on the GPU and run again with one call.
--
--   local step = mien.graph(function(camera) return generator:render(planes, ws, camera) end)
--   for _, c in ipairs(cameras) do show(step(c)) end
--
-- Launching a kernel costs the processor a few microseconds, which is more than many kernels take.  The first call of the result runs
-- fn as it is (memory is found, tables are made), the second records it, later ones replay: inputs are
-- copied into the tensors that the recording read, and what fn returned is filled anew, so use or copy it before the next call.
-- Inputs of other shapes are recorded anew.  What fn takes from elsewhere has to stay where it is, its numbers may
-- change; what the processor computes inside fn, random draws and options among it, is fixed by the recording, and fn cannot
-- read numbers (item, totable).  On the processor the result is fn itself.
local core = require 'mien.core'

local function shapes(tensors)
  local words = {}
  for i, t in ipairs(tensors) do words[i] = t:dtype() .. table.concat(t:shape(), ',') end
  return table.concat(words, ';')
end

local function record(fn, tensors)
  local inputs = {}
  for i, t in ipairs(tensors) do inputs[i] = core.hold(t:clone()) end
  core.graph_begin()
  local results = {pcall(core.scope, function() return fn(unpack(inputs)) end)}
  local graph, message = core.graph_end()
  if not results[1] then error(results[2], 0) end
  if not graph then error(message, 0) end
  local outputs = {}
  for i = 2, #results do outputs[i - 1] = core.hold(results[i]) end
  return {graph = graph, inputs = inputs, outputs = outputs, shapes = shapes(tensors)}
end

return function(fn)
  local ready, recorded = false, nil
  return function(...)
    if core.device() == 'cpu' then return fn(...) end
    if not ready then
      ready = true
      return fn(...)
    end
    local tensors = {...}
    if not recorded or recorded.shapes ~= shapes(tensors) then recorded = record(fn, tensors) end
    for i, t in ipairs(tensors) do recorded.inputs[i]:copy(t) end
    recorded.graph:launch()
    return unpack(recorded.outputs)
  end
end
