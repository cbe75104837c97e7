-- Puts the job of a stream back into the list of active jobs, where the jobs of a dead worker are, so that
-- its request can run again.
-- KEYS[1] job
-- KEYS[2] streams
-- KEYS[3] active
-- KEYS[4] fence
-- ARGV[1] the worker's fence
-- ARGV[2] job id
-- ARGV[3] field of the job that says that its answer has begun
-- Returns 1 if the job is active now; 0 if it is not, and was no stream; -1 if another worker has taken the
-- lease since and nothing was done.
-- USES isSuperseded
local call, id = redis.call, ARGV[2]
if isSuperseded(call('GET', KEYS[4]), ARGV[1]) then
  return -1
end
if call('SISMEMBER', KEYS[2], id) == 0 or call('EXISTS', KEYS[1]) == 0 then
  call('SREM', KEYS[2], id)
  return call('LPOS', KEYS[3], id) and 1 or 0
end
-- It has run for longer than most others, and the list has those that were taken last at its head.
call('LREM', KEYS[3], 0, id)
call('RPUSH', KEYS[3], id)
call('HSET', KEYS[1], ARGV[3], 1)
call('SREM', KEYS[2], id)
return 1
