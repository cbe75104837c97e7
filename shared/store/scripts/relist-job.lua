-- Puts a job that is in no list of its queue back into one. A job that was started goes to the list of active
-- jobs, where the jobs of a dead worker are, so that it runs again only if it is repeatable.
-- KEYS[1] job
-- KEYS[2] wait
-- KEYS[3] active
-- KEYS[4] prioritized
-- KEYS[5] delayed
-- KEYS[6] marker
-- KEYS[7] streams
-- ARGV[1] job id
-- Returns 1, or 0 if the job is in a list, is a stream, or is gone.
-- USES delayedScore
local call, id = redis.call, ARGV[1]
if call('TYPE', KEYS[1]).ok ~= 'hash' or call('LPOS', KEYS[2], id) or call('LPOS', KEYS[3], id) then
  return 0
end
if call('ZSCORE', KEYS[4], id) or call('ZSCORE', KEYS[5], id) or call('SISMEMBER', KEYS[7], id) == 1 then
  return 0
end
local started, at, delay = unpack(call('HMGET', KEYS[1], 'processedOn', 'timestamp', 'delay'))
if started then
  call('LPUSH', KEYS[3], id)
elseif (tonumber(delay) or 0) > 0 and tonumber(at) then
  call('ZADD', KEYS[5], delayedScore(tonumber(at) + tonumber(delay)), id)
else
  call('LPUSH', KEYS[2], id)
end
call('ZADD', KEYS[6], '0', '0')
return 1
