-- Makes a suspect an active job and notes that it runs, so that a death of its worker is counted against it.
-- KEYS[1] job
-- KEYS[2] suspects
-- KEYS[3] active
-- KEYS[4] fence
-- ARGV[1] id of the job
-- ARGV[2] start order: the later it starts, the higher; 0 if it is a poison request and
--   only its end is reported
-- ARGV[3] 1 if it runs alone, else 0
-- ARGV[4] the worker's fence
-- Returns {data, how often it was started, this time included}; nil if it is no longer a suspect; -1 if
-- another worker has taken the lease since and nothing was done.
-- USES isSuperseded
local call, id = redis.call, ARGV[1]
if isSuperseded(call('GET', KEYS[4]), ARGV[4]) then
  return -1
end
if call('SISMEMBER', KEYS[2], id) == 0 then
  return false
end
if call('EXISTS', KEYS[1]) == 0 then
  call('SREM', KEYS[2], id)
  return false
end
call('HSET', KEYS[1], 'ringpost:running', ARGV[2] .. ' ' .. ARGV[3])
call('LREM', KEYS[3], 0, id)
call('LPUSH', KEYS[3], id)
return { call('HGET', KEYS[1], 'data'), call('HINCRBY', KEYS[1], 'ats', 1) }
