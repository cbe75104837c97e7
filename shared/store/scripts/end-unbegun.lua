-- Ends a request that no worker has begun, for good: none begins it after this, even if its job comes late.
-- KEYS[1] record
-- ARGV[1] ms since the epoch  ARGV[2] TTL in ms of a record that is not there yet  ARGV[3] channel
-- ARGV[4..] fields and values of such a record
-- Returns 1, also where it had ended without being begun; 0 where it was begun, or has failed.
local state, started = unpack(redis.call('HMGET', KEYS[1], 'state', 'started'))
if started or state == 'running' or state == 'done' or state == 'failed' then
  return 0
elseif state == 'cancelled' or state == 'expired' then
  return 1
end
if not state then
  redis.call('HSET', KEYS[1], unpack(ARGV, 4))
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local deadline = tonumber(redis.call('HGET', KEYS[1], 'deadline') or 0)
local ended = deadline < tonumber(ARGV[1]) and 'expired' or 'cancelled'
redis.call('HSET', KEYS[1], 'state', ended, 'finished', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'change', 1)
redis.call('PUBLISH', ARGV[3], ended)
return 1
