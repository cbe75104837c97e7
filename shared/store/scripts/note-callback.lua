-- Notes how it goes with a request's callback, where the request is still known; tells those who watch it. What was kept
-- longer for the callback expires when it would have.
-- KEYS[1] record  KEYS[2] kept answer
-- ARGV[1] channel  ARGV[2..] fields and values
-- Returns 1, or 0 where there is no record any more.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('HINCRBY', KEYS[1], 'change', 1)
local expires = redis.call('HGET', KEYS[1], 'expires')
if expires then
  redis.call('HDEL', KEYS[1], 'expires')
  local time = redis.call('TIME')
  local left = (tonumber(expires) or 0) - (time[1] * 1000 + math.floor(time[2] / 1000))
  redis.call('PEXPIRE', KEYS[1], math.max(left, 1))
  redis.call('PEXPIRE', KEYS[2], math.max(left, 1))
end
redis.call('PUBLISH', ARGV[1], '')
return 1
