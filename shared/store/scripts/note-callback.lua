-- Notes the progress of a request's callback, if the request is still known, and tells those who watch it. A
-- record that was kept longer for the callback gets its own time to expire back.
-- KEYS[1] record
-- KEYS[2] kept reply
-- ARGV[1] channel of the request's changes
-- ARGV[2..] fields and values
-- Returns 1, or 0 if there is no record.
-- USES publishChange, nowMs
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
local expires = redis.call('HGET', KEYS[1], 'expires')
if expires then
  redis.call('HDEL', KEYS[1], 'expires')
  local left = (tonumber(expires) or 0) - nowMs()
  redis.call('PEXPIRE', KEYS[1], math.max(left, 1))
  redis.call('PEXPIRE', KEYS[2], math.max(left, 1))
end
publishChange(KEYS[1], ARGV[1], '')
return 1
