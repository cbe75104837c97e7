-- Notes what has become of a request, unless it has come to its end before; tells those who watch it.
-- KEYS[1] record
-- ARGV[1] state, or '' to leave it  ARGV[2] TTL in ms  ARGV[3] channel  ARGV[4..] fields and values
-- Returns 1, or 0 where the request has come to its end before and nothing was noted.
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'done' or state == 'failed' or state == 'cancelled' or state == 'expired' then
  return 0
end
if ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], 'state', ARGV[1])
end
if #ARGV > 3 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 4))
end
redis.call('HINCRBY', KEYS[1], 'change', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 1
