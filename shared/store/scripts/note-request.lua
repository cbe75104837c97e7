-- Notes what has become of a request, unless it has come to its end before; tells those who watch it. A request that is
-- to be cancelled neither begins nor waits again. The record's life is never shortened: it outlives its idempotency key.
-- KEYS[1] record
-- ARGV[1] state, or '' to leave it  ARGV[2] TTL in ms  ARGV[3] channel  ARGV[4..] fields and values
-- Returns 1; 0 where the request has come to its end before, -1 where it is to be cancelled, and nothing was noted.
local state, cancel = unpack(redis.call('HMGET', KEYS[1], 'state', 'cancelAsked'))
if state == 'done' or state == 'failed' or state == 'cancelled' or state == 'expired' then
  return 0
end
if cancel and (ARGV[1] == 'queued' or ARGV[1] == 'running') then
  return -1
end
if ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], 'state', ARGV[1])
end
if #ARGV > 3 then
  redis.call('HSET', KEYS[1], unpack(ARGV, 4))
end
redis.call('HINCRBY', KEYS[1], 'change', 1)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
-- The callback tells the end, and may have to wait. The record is kept for ten minutes, or until the first attempt.
local ended = ARGV[1] == 'failed' or ARGV[1] == 'cancelled' or ARGV[1] == 'expired'
local left = redis.call('PTTL', KEYS[1])
if ended and left < 600000 and redis.call('HGET', KEYS[1], 'callback') == 'pending' then
  local time = redis.call('TIME')
  local expires = time[1] * 1000 + math.floor(time[2] / 1000) + left
  redis.call('HSET', KEYS[1], 'expires', string.format('%.0f', expires))
  redis.call('PEXPIRE', KEYS[1], 600000)
end
redis.call('PUBLISH', ARGV[3], ARGV[1])
return 1
