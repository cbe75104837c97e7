-- Takes waiting jobs, all at once, in the steps that BullMQ's moveToActive makes for each. Unusual cases (a
-- queue that is paused or limited, jobs with a priority or a delay) are left to moveToActive.
-- KEYS[1..14] the keys of BullMQ's moveToFinished, in its order
-- ARGV[1] prefix of the queue's keys
-- ARGV[2] now, in ms since the epoch
-- ARGV[3] token of the locks
-- ARGV[4] TTL of the locks in ms
-- ARGV[5] how many jobs to take at most
-- ARGV[6] whether somebody reads the queue's events
-- Returns the jobs as alternating id, data and times taken; and when the next delayed job is due, in ms
-- since the epoch or 0, which is false if there may be more to take.
local call, prefix, taken, limit = redis.call, ARGV[1], {}, ARGV[5]
local paused, concurrency, max, kept =
  unpack(call('HMGET', KEYS[9], 'paused', 'concurrency', 'max', 'opts.maxLenEvents'))
local usual = not (paused or concurrency or max) and call('EXISTS', KEYS[7]) == 0
local ids = usual and call('RPOP', KEYS[1], limit) or {}
for _, id in ipairs(ids) do
  local job = prefix .. id
  call('SET', job .. ':lock', ARGV[3], 'PX', ARGV[4])
  -- A garbled job must not hold up the others: it is returned without data.
  local written = redis.pcall('HSET', job, 'processedOn', ARGV[2])
  local times = redis.pcall('HINCRBY', job, 'ats', '1')
  local sound = type(written) == 'number' and type(times) == 'number'
  local data = sound and call('HGET', job, 'data')
  taken[#taken + 1], taken[#taken + 2], taken[#taken + 3] = id, data, sound and times or 1
end
if #ids > 0 then
  call('LPUSH', KEYS[2], unpack(ids))
end
if ARGV[6] then
  -- Only present readers need events, so replicas get them and the append-only file does not (ADR 0021).
  call('XTRIM', KEYS[4], 'MAXLEN', '~', kept or 10000)
  redis.set_repl(redis.REPL_REPLICA)
  for _, id in ipairs(ids) do
    call('XADD', KEYS[4], '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
  end
  redis.set_repl(redis.REPL_ALL)
end
if usual and #ids < tonumber(limit) and call('EXISTS', KEYS[3], KEYS[10]) == 0 then
  -- The queue is empty. A caller that adds a job sets the marker again; an old one would only wake a worker
  -- for nothing.
  call('ZREM', KEYS[14], '0')
  return taken, 0
end
local keys, take = { unpack(KEYS, 1, 10) }, cmsgpack.pack({ token = ARGV[3], lockDuration = ARGV[4] })
keys[11] = KEYS[14]
for _ = #ids + 1, limit do
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
