-- Adds jobs that may run at once. If the consumer has free slots and its queue is empty, jobs are delivered
-- directly: they are active from the start, as if the consumer had taken them. If the replica sleeps, the
-- controllers are told to wake it. Unusual cases are left to BullMQ's own script.
-- KEYS[1..9] the keys of BullMQ's addStandardJob, in its order
-- KEYS[10] lease
-- KEYS[11] fence
-- KEYS[12] consumer
-- KEYS[13] noting
-- KEYS[14] readers of events
-- KEYS[15..] bodies that are in keys of their own
-- ARGV[1] prefix of the queue's keys
-- ARGV[2] name of the jobs
-- ARGV[3] now, in ms since the epoch
-- ARGV[4] options as JSON, without the closing brace
-- ARGV[5] how many of the first jobs may be delivered directly
-- ARGV[6] how many of the first ones may be if the consumer notes the ids of those that it begins
-- ARGV[7..] for each job: id, data
-- Returns {how many jobs were delivered directly, how many jobs without a priority wait and run now, how many
-- the registered consumer may hold, or 0}. If a body is not there, it returns an error and adds no job: Redis
-- has refused the body.
-- USES parseRegistration, parseSleepNote, wakeSleeper, deliveriesKey, formatDelivery
-- INCLUDE
local call, prefix, name, now, events = redis.call, ARGV[1], ARGV[2], ARGV[3], KEYS[8]
if #KEYS > 14 and call('EXISTS', unpack(KEYS, 15)) < #KEYS - 14 then
  return redis.error_reply('ERR the body of a job is not there')
end
local jobs = {}
for at = 7, #ARGV, 2 do
  jobs[#jobs + 1] = prefix .. ARGV[at]
end
-- How many of the jobs exist already; the wait list, if it exists, counts as one more.
local known = call('EXISTS', KEYS[1], unpack(jobs))
local empty = known == 0 or call('EXISTS', KEYS[1]) == 0
local paused, concurrency, max, kept =
  unpack(call('HMGET', KEYS[3], 'paused', 'concurrency', 'max', 'opts.maxLenEvents'))
if paused or concurrency or max or not kept or known > (empty and 0 or 1) then
  for at = 7, #ARGV, 2 do
    local options = cmsgpack.pack(cjson.decode(ARGV[4] .. ',"jobId":"' .. ARGV[at] .. '"}'))
    addStandardJob(KEYS, { cmsgpack.pack({ prefix, ARGV[at], name, now }), ARGV[at + 1], options })
  end
  return { 0, call('LLEN', KEYS[1]) + call('LLEN', KEYS[2]) + call('LLEN', KEYS[7]), 0 }
end
local lease, fence, consumer, noting, readers =
  unpack(call('MGET', KEYS[10], KEYS[11], KEYS[12], KEYS[13], KEYS[14]))
local free, waits, runs = 0, 0, call('LLEN', KEYS[7])
local registered, limit, lockMs, token = parseRegistration(consumer)
if empty and lease and registered == fence then
  free = math.min(noting == fence and ARGV[6] or ARGV[5], limit - runs)
end
-- BullMQ writes the id here too, but does not read it back.
local active, deliveries, waiting, options = {}, {}, {}, ARGV[4] .. '}'
call('INCRBY', KEYS[4], #jobs)
for at, job in ipairs(jobs) do
  local id, data, fields = ARGV[5 + 2 * at], ARGV[6 + 2 * at], {}
  if at <= free then
    -- 'ats' is BullMQ's count of attempts that were started.
    call('SET', job .. ':lock', token, 'PX', lockMs)
    active[at], deliveries[at], fields = id, formatDelivery(id, data), { 'processedOn', now, 'ats', '1' }
  else
    waiting[#waiting + 1] = id
  end
  call('HSET', job, 'name', name, 'data', data, 'opts', options, 'timestamp', now, 'delay', '0',
    'priority', '0', unpack(fields))
end
if #active > 0 then
  runs = call('LPUSH', KEYS[7], unpack(active))
  call('RPUSH', deliveriesKey(prefix, fence), unpack(deliveries))
end
if not registered then
  wakeSleeper(KEYS[12], consumer)
end
if #waiting > 0 then
  waits = call('LPUSH', KEYS[1], unpack(waiting))
  call('ZADD', KEYS[9], '0', '0')
end
if readers then
  -- Only present readers need events, so replicas get them and the append-only file does not (ADR 0021).
  call('XTRIM', events, 'MAXLEN', '~', kept)
  redis.set_repl(redis.REPL_REPLICA)
  for at = 1, #jobs do
    local id = ARGV[5 + 2 * at]
    call('XADD', events, '*', 'event', 'added', 'jobId', id, 'name', name)
    call('XADD', events, '*', 'event', 'waiting', 'jobId', id)
    if at <= free then
      call('XADD', events, '*', 'event', 'active', 'jobId', id, 'prev', 'waiting')
    end
  end
end
return { #active, waits + runs, tonumber(limit or 0) }
