-- Cancels a request that has a record. If it is not running it ends now, and a worker that reads its job
-- finds that. If it is running the wish is noted, so that it is not started again.
-- KEYS[1] record
-- ARGV[1] now, in ms since the epoch
-- ARGV[2] channel of the request's changes
-- Returns 1 if this ended it, 2 if it is running, 0 if it had already ended, -1 if there is no record.
-- USES publishChange
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
publishChange(KEYS[1], ARGV[2], 'cancelled')
return 1
