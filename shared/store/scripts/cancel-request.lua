-- Cancels a request that has a record. One that is not running ends now: whoever would begin it later finds that. For one
-- that is running the wish is noted, so that it is not begun again.
-- KEYS[1] record
-- ARGV[1] ms since the epoch  ARGV[2] channel
-- Returns 1 where it has ended by this, 2 where it is running, 0 where it has come to its end before, -1 without a record.
local state = redis.call('HGET', KEYS[1], 'state')
if not state then
  return -1
elseif state == 'running' then
  redis.call('HSET', KEYS[1], 'cancelAsked', ARGV[1])
  return 2
elseif state ~= 'queued' then
  return 0
end
redis.call('HSET', KEYS[1], 'state', 'cancelled', 'finished', ARGV[1])
redis.call('HINCRBY', KEYS[1], 'change', 1)
redis.call('PUBLISH', ARGV[2], 'cancelled')
return 1
