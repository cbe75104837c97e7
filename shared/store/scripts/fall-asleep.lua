-- Notes that a replica sleeps, if its queue is empty and its worker has run nothing for long enough. That
-- worker may be ended then: a job that is added from now on wakes the replica.
-- KEYS[1] wait
-- KEYS[2] active
-- KEYS[3] prioritized
-- KEYS[4] delayed
-- KEYS[5] paused
-- KEYS[6] streams
-- KEYS[7] suspects
-- KEYS[8] events
-- KEYS[9] lease
-- KEYS[10] standby
-- KEYS[11] consumer
-- ARGV[1] generation of the worker
-- ARGV[2] since when it has run nothing, in ms since the epoch
-- ARGV[3] for how long nothing must have happened in the queue since then, in ms
-- ARGV[4] the least time in ms until the next delayed job is due
-- ARGV[5] channel of changes
-- Returns 1 if the replica sleeps, else 0.
-- USES parseSleepNote, nowMs, delayedTime
local call, now = redis.call, nowMs()
local word, rest = parseSleepNote(call('GET', KEYS[11]))
if word == 'asleep' and string.match(rest, '^%d+') == ARGV[1] then
  return 1
end
local lease = call('GET', KEYS[9])
lease = lease and cjson.decode(lease)
if not lease or lease.adopter or lease.state ~= 'ready' or lease.generation ~= tonumber(ARGV[1]) then
  return 0
end
-- The worker remembers what it ran after its last heartbeat.
local event = call('XREVRANGE', KEYS[8], '+', '-', 'COUNT', 1)[1]
local last = event and tonumber(string.match(event[1], '^%d+')) or 0
if call('EXISTS', unpack(KEYS, 1, 3)) + call('EXISTS', unpack(KEYS, 5, 7)) + call('EXISTS', KEYS[10]) > 0
  or (last > tonumber(ARGV[2]) and now - last < tonumber(ARGV[3]))
then
  return 0
end
local due = call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')[2]
if due and delayedTime(due) - now < tonumber(ARGV[4]) then
  return 0
end
call('SET', KEYS[11], table.concat({ 'asleep', ARGV[1], string.format('%.0f', now), ARGV[5] }, ' '))
return 1
