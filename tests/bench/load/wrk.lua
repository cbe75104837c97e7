-- Gives each request its own number. Each answer must name a number that this thread sent and that was not
-- answered yet. Arguments: the number of the run, the number of threads, the method, the size of a body, lines
-- of header fields, and the parts of a body (workload/requests.ts). The threads are distributed among the ports
-- in BENCH_PORTS.

local digits = 8
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
  local prefix = args[1] .. '-'
  local method, bytes, fields = args[3], tonumber(args[4]), args[5]
  rest = args[7] .. string.rep(args[8], tonumber(args[9])) .. args[10]
  head = method .. ' /w/' .. prefix
  start = args[6] .. prefix
  middle = ' HTTP/1.1\r\nHost: 127.0.0.1\r\n' .. fields
  if bytes > 0 then
    middle = middle .. 'Content-Length: ' .. bytes .. '\r\n\r\n' .. start
  else
    middle = middle .. '\r\n'
  end
  hasBody = bytes > 0
  firstDigit, lastDigit = #start + 1, #start + digits
  answerBytes = lastDigit + #rest
  step = tonumber(args[2])
  nextNumber = thread
  pending = {}
  sent, answered, foreign, refused = 0, 0, 0, 0
  tried = thread ~= 0
end

local function requestOf(number)
  local text = string.format('%08d', number)
  if hasBody then return head .. text .. middle .. text .. rest end
  return head .. text .. middle
end

function request()
  -- wrk asks the first thread for one request that it does not send.
  if not tried then
    tried = true
    return requestOf(0)
  end
  local number = nextNumber
  nextNumber = number + step
  pending[number] = true
  sent = sent + 1
  return requestOf(number)
end

-- The answer to a request with a body is that body, and otherwise its id.
function response(status, headers, body)
  if status ~= 200 then
    refused = refused + 1
    return
  end
  local number = #body == answerBytes and body:find(start, 1, true) == 1
    and body:find(rest, lastDigit + 1, true) == lastDigit + 1
    and tonumber(body:sub(firstDigit, lastDigit))
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
