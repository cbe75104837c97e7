-- Notes how it goes with a request's callback, where the request is still known; tells those who watch it.
-- KEYS[1] record
-- ARGV[1] channel  ARGV[2..] fields and values
-- Returns 1, or 0 where there is no record any more.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('HINCRBY', KEYS[1], 'change', 1)
redis.call('PUBLISH', ARGV[1], '')
return 1
