-- Cancels a request that has a record. If it is not running it ends now, and a worker that reads its job
-- finds that. If it is running the wish is noted, so that it is not started again.
-- KEYS[1] record
-- ARGV[1] now, in ms since the epoch
-- ARGV[2] channel of the request's changes
-- Returns 1 if this ended it, 2 if it is running, 0 if it had already ended, -1 if there is no record.
-- USES publishChange, nowMs, addEvent
local state, count, asked = unpack(redis.call('HMGET', KEYS[1], 'state', 'events', 'cancelAsked'))
if not state then
  return -1
elseif state == 'running' then
  local event = asked and '' or 'cancelAsked - - -'
  redis.call('HSET', KEYS[1], unpack(addEvent({ 'cancelAsked', ARGV[1] }, count, event)))
  return 2
elseif state ~= 'queued' then
  return 0
end
local fields = { 'state', 'cancelled', 'finished', ARGV[1] }
redis.call('HSET', KEYS[1], unpack(addEvent(fields, count, 'cancelled - - -')))
publishChange(KEYS[1], ARGV[2], 'cancelled')
return 1
