-- Moves a garbled job that is in nobody's hands, or in those of the caller, to another name. What is there of a job
-- without data is what taking it has left: that is deleted.
-- KEYS[1] job  KEYS[2] lock  KEYS[3] active  KEYS[4] fence  KEYS[5] the other name
-- ARGV[1] the worker's fence  ARGV[2] job id  ARGV[3] TTL in ms  ARGV[4] channel  ARGV[5] what is said there
-- Returns 1; 0 where there was nothing to be moved; -1 when another worker has taken the lease.
if tonumber(redis.call('GET', KEYS[4]) or 0) > tonumber(ARGV[1]) then
  return -1
end
local type = redis.call('TYPE', KEYS[1]).ok
redis.call('LREM', KEYS[3], 0, ARGV[2])
redis.call('DEL', KEYS[2])
if type == 'none' or (type == 'hash' and redis.call('HEXISTS', KEYS[1], 'data') == 0) then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('RENAME', KEYS[1], KEYS[5])
redis.call('PEXPIRE', KEYS[5], ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1
