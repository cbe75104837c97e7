-- Ends a request that no worker has started, for good: no worker starts it after this, even if its job
-- arrives late.
-- KEYS[1] record
-- ARGV[1] now, in ms since the epoch
-- ARGV[2] TTL in ms of a record that is not there yet
-- ARGV[3] channel of the request's changes
-- ARGV[4..] fields and values of such a record
-- Returns 1 if it has ended without being started; 0 if it was started, or has failed.
-- USES publishChange
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
publishChange(KEYS[1], ARGV[3], ended)
return 1
