-- Claims an active job that no worker runs, so that the caller can put it back. This is refused if another
-- worker has taken the lease, or was given the job: a worker that was frozen may be late.
-- KEYS[1] fence
-- KEYS[2] job
-- KEYS[3] lock of the job
-- KEYS[4] active
-- ARGV[1] the fence of the caller
-- ARGV[2] id of the job
-- ARGV[3] token that the lock had when the caller decided, or ''
-- ARGV[4] token of the caller
-- ARGV[5] TTL of the lock in ms
-- ARGV[6] 1 if the job was certainly not begun, so that its count of attempts starts again, else 0
-- Returns 1 if the job is claimed: its lock is the caller's; 0 if it is not active, or its lock is another
-- one; -1 if another worker has taken the lease.
-- USES isSuperseded
local call = redis.call
if isSuperseded(call('GET', KEYS[1]), ARGV[1]) then
  return -1
end
-- The lock of a dead worker may have expired since. Whoever is given the job sets another one.
local lock = call('GET', KEYS[3])
if lock and lock ~= ARGV[3] then
  return 0
end
if not call('LPOS', KEYS[4], ARGV[2]) or call('EXISTS', KEYS[2]) == 0 then
  return 0
end
call('SET', KEYS[3], ARGV[4], 'PX', ARGV[5])
if ARGV[6] == '1' then
  call('HSET', KEYS[2], 'ats', '0')
end
return 1
