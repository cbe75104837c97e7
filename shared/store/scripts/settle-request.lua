-- Ends a request whose answer can be asked for later: keeps the answer, and notes the end.
-- KEYS[1] record
-- KEYS[2] kept reply
-- KEYS[3] fence
-- KEYS[4] draft of a large reply frame
-- ARGV[1] the worker's fence
-- ARGV[2] TTL of the reply in ms
-- ARGV[3] TTL of the record in ms
-- ARGV[4] channel of the request's changes
-- ARGV[5] reply frame; '' if it is in the draft
-- ARGV[6] state
-- ARGV[7] event for the request's timeline, without its time, or ''
-- ARGV[8..] fields and values
-- Returns 1; 0 if the request had come to its end before; -1 if another worker has taken the lease; -2 if the
-- draft is lost and nothing was done. A draft that is not kept is deleted.
-- USES isSuperseded, isFinal, publishChange, nowMs, addEvent, holdForCallback
if isSuperseded(redis.call('GET', KEYS[3]), ARGV[1]) then
  redis.call('UNLINK', KEYS[4])
  return -1
end
local before, count = unpack(redis.call('HMGET', KEYS[1], 'state', 'events'))
if isFinal(before) then
  redis.call('UNLINK', KEYS[4])
  return 0
end
if ARGV[5] ~= '' then
  redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[2])
elseif redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('RENAME', KEYS[4], KEYS[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
else
  return -2
end
redis.call('HSET', KEYS[1], unpack(addEvent({ 'state', ARGV[6], unpack(ARGV, 8) }, count, ARGV[7])))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
-- The callback reads both keys. So they are kept for ten minutes at most.
holdForCallback(KEYS[1], KEYS[2], tonumber(ARGV[3]), 600000)
publishChange(KEYS[1], ARGV[4], ARGV[6])
return 1
