-- Notes a state or fields of a request, unless it has come to its end, and tells those who watch it. A
-- request that is to be cancelled neither starts nor waits again. The record's TTL is only ever raised: it
-- outlives its idempotency key.
-- KEYS[1] record
-- ARGV[1] state, or '' to leave it
-- ARGV[2] TTL in ms
-- ARGV[3] channel of the request's changes
-- ARGV[4..] fields and values
-- Returns 1; 0 if the request had already ended; -1 if it is to be cancelled and nothing was noted.
-- USES isFinal, publishChange, nowMs, holdForCallback
local state, cancel = unpack(redis.call('HMGET', KEYS[1], 'state', 'cancelAsked'))
if isFinal(state) then
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
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
-- The callback reads the record. So the record is kept until the callback's first attempt, for ten minutes at
-- most.
local holdMs, left = 600000, redis.call('PTTL', KEYS[1])
if isFinal(ARGV[1]) and left < holdMs and redis.call('HGET', KEYS[1], 'callback') == 'pending' then
  holdForCallback(KEYS[1], nil, left, holdMs)
end
publishChange(KEYS[1], ARGV[3], ARGV[1])
return 1
