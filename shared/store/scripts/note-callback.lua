-- Notes the progress of a request's callback, if the request is still known, and tells those who watch it. A
-- record that was kept longer for the callback gets its own time to expire back.
-- KEYS[1] record
-- KEYS[2] kept reply
-- KEYS[3] index of callbacks, as `accept-request.lua` writes it
-- ARGV[1] channel of the request's changes
-- ARGV[2] event for the request's timeline, without its time, or ''
-- ARGV[3] the UUID of the request
-- ARGV[4] key of the request's kept streams, up to their fences
-- ARGV[5] state of the callback
-- ARGV[6..] other fields and values
-- Returns 1, or 0 if there is no record.
-- USES publishChange, nowMs, addEvent, answerOf
local before, accepted, count, expires =
  unpack(redis.call('HMGET', KEYS[1], 'callback', 'accepted', 'events', 'expires'))
if not before and redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local fields = addEvent({ 'callback', ARGV[5], unpack(ARGV, 6) }, count, ARGV[2])
redis.call('HSET', KEYS[1], unpack(fields))
local entry = string.format(' %015.0f %s', tonumber(accepted or 0) or 0, ARGV[3])
if before and before ~= ARGV[5] and redis.call('ZREM', KEYS[3], before .. entry) == 1 then
  redis.call('ZADD', KEYS[3], 0, ARGV[5] .. entry)
end
if expires then
  redis.call('HDEL', KEYS[1], 'expires')
  local left = (tonumber(expires) or 0) - nowMs()
  redis.call('PEXPIRE', KEYS[1], math.max(left, 1))
  redis.call('PEXPIRE', answerOf(KEYS[1], KEYS[2], ARGV[4]), math.max(left, 1))
end
publishChange(KEYS[1], ARGV[1], '')
return 1
