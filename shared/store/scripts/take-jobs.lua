-- Takes jobs that wait, all at once, in the steps that BullMQ's moveToActive makes for each. What is unusual (a queue
-- that is paused or bounded, jobs with a priority or a delay) is left to that.
-- KEYS[1..14] as BullMQ's moveToFinished has them
-- ARGV[1] prefix of the queue's keys  ARGV[2] ms since the epoch  ARGV[3] token of the locks  ARGV[4] TTL of the locks in ms
-- ARGV[5] jobs to take at most
-- Returns the jobs as id, data and times taken in turn; and when the next delayed job is due, in ms since the epoch or 0,
-- which is false where there may be more to take.
local call, prefix, taken, most = redis.call, ARGV[1], {}, ARGV[5]
local paused, concurrency, max, kept =
  unpack(call('HMGET', KEYS[9], 'paused', 'concurrency', 'max', 'opts.maxLenEvents'))
local usual = not (paused or concurrency or max) and call('EXISTS', KEYS[7]) == 0
local ids = usual and call('RPOP', KEYS[1], most) or {}
for _, id in ipairs(ids) do
  local job = prefix .. id
  call('SET', job .. ':lock', ARGV[3], 'PX', ARGV[4])
  -- One that is garbled must not keep the others: it is given without data.
  local begun, times = redis.pcall('HSET', job, 'processedOn', ARGV[2]), redis.pcall('HINCRBY', job, 'ats', '1')
  local sound = type(begun) == 'number' and type(times) == 'number'
  taken[#taken + 1], taken[#taken + 2], taken[#taken + 3] = id, sound and call('HGET', job, 'data'), sound and times or 1
end
if #ids > 0 then
  call('LPUSH', KEYS[2], unpack(ids))
end
-- Events are for who listens now: replicas have them, the file does not (ADR 0021). Whoever adds jobs bounds them as well: there are none
-- without one of the two.
call('XTRIM', KEYS[4], 'MAXLEN', '~', kept or 10000)
redis.set_repl(redis.REPL_REPLICA)
for _, id in ipairs(ids) do
  call('XADD', KEYS[4], '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
end
redis.set_repl(redis.REPL_ALL)
if usual and #ids < tonumber(most) and call('EXISTS', KEYS[3], KEYS[10]) == 0 then
  -- Nothing is left. Who adds a job marks the queue anew; an old mark would only wake a worker for nothing.
  call('ZREM', KEYS[14], '0')
  return taken, 0
end
local keys, take = { unpack(KEYS, 1, 10) }, cmsgpack.pack({ token = ARGV[3], lockDuration = ARGV[4] })
keys[11] = KEYS[14]
for _ = #ids + 1, most do
  local found = moveToActive(keys, { prefix, ARGV[2], take })
  if type(found[1]) ~= 'table' then
    if call('EXISTS', KEYS[1], KEYS[3]) == 0 then
      call('ZREM', KEYS[14], '0')
    end
    return taken, found[4]
  end
  local data, times = unpack(call('HMGET', prefix .. found[2], 'data', 'ats'))
  taken[#taken + 1], taken[#taken + 2], taken[#taken + 3] = found[2], data, tonumber(times)
end
return taken, false
