-- Gives each request its own number. Each answer must name a number that this thread sent and that was not
-- answered yet. Arguments: the number of the run, the number of threads, the size of a body. The threads are
-- distributed among the ports in BENCH_PORTS.

local made = 0
local threads = {}
local addresses = {}
for port in (os.getenv('BENCH_PORTS') or ''):gmatch('%d+') do
  addresses[#addresses + 1] = wrk.lookup('127.0.0.1', port)[1]
end

function setup(thread)
  thread:set('thread', made)
  if #addresses > 0 then thread.addr = addresses[made % #addresses + 1] end
  made = made + 1
  threads[made] = thread
end

function init(args)
  prefix = args[1] .. '-'
  bodyBytes = tonumber(args[3])
  head = (bodyBytes > 0 and 'POST' or 'GET') .. ' /w/' .. prefix
  tail = ' HTTP/1.1\r\nHost: 127.0.0.1\r\n'
  if bodyBytes > 0 then
    tail = tail .. 'Content-Type: application/octet-stream\r\nContent-Length: ' .. bodyBytes .. '\r\n\r\n'
      .. string.rep('x', bodyBytes)
  else
    tail = tail .. '\r\n'
  end
  step = tonumber(args[2])
  nextNumber = thread
  pending = {}
  sent, answered, foreign, refused = 0, 0, 0, 0
  tried = thread ~= 0
end

function request()
  -- wrk asks the first thread for one request that it does not send.
  if not tried then
    tried = true
    return head .. '0' .. tail
  end
  local number = nextNumber
  nextNumber = number + step
  pending[number] = true
  sent = sent + 1
  return head .. number .. tail
end

function response(status, headers, body)
  if status ~= 200 then
    refused = refused + 1
    return
  end
  -- The id, followed by the body of the request.
  local idBytes = #body - bodyBytes
  local number = body:sub(1, #prefix) == prefix and tonumber(body:sub(#prefix + 1, idBytes))
  if number and pending[number] then
    pending[number] = nil
    answered = answered + 1
  else
    foreign = foreign + 1
  end
end

function done(summary, latency, requests)
  local sums = { sent = 0, answered = 0, foreign = 0, refused = 0, overdue = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(sums) do
      sums[name] = sums[name] + (thread:get(name) or 0)
    end
    -- Requests of the first half of the run without an answer at its end.
    local middle = thread:get('nextNumber') / 2
    for number in pairs(thread:get('pending')) do
      if number < middle then sums.overdue = sums.overdue + 1 end
    end
  end
  local errors = summary.errors
  print(string.format(
    'BENCH {"seconds":%f,"p50":%f,"p90":%f,"p99":%f,"max":%f,"sent":%d,"answered":%d,"foreign":%d,' ..
    '"refused":%d,"overdue":%d,"broken":%d}',
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(90) / 1e3,
    latency:percentile(99) / 1e3, latency.max / 1e3, sums.sent, sums.answered, sums.foreign, sums.refused,
    sums.overdue, errors.connect + errors.read + errors.write))
end
