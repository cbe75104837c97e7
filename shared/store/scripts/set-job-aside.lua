-- Moves a garbled job aside that no other worker runs. A job without data is what the taking of it has left:
-- it is deleted.
-- KEYS[1] job
-- KEYS[2] lock
-- KEYS[3] active
-- KEYS[4] fence
-- KEYS[5] streams
-- KEYS[6] the new name
-- ARGV[1] the worker's fence
-- ARGV[2] job id
-- ARGV[3] TTL in ms
-- ARGV[4] channel of changes
-- ARGV[5] message for that channel
-- Returns 1; 0 if there was nothing to move; -1 if another worker has taken the lease.
-- USES isSuperseded
if isSuperseded(redis.call('GET', KEYS[4]), ARGV[1]) then
  return -1
end
local type = redis.call('TYPE', KEYS[1]).ok
redis.call('LREM', KEYS[3], 0, ARGV[2])
redis.call('SREM', KEYS[5], ARGV[2])
redis.call('DEL', KEYS[2])
if type == 'none' or (type == 'hash' and redis.call('HEXISTS', KEYS[1], 'data') == 0) then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('RENAME', KEYS[1], KEYS[6])
redis.call('PEXPIRE', KEYS[6], ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
