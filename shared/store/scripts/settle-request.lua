-- Ends a request whose answer can be asked for later: keeps the answer, and notes the end.
-- KEYS[1] record
-- KEYS[2] kept reply
-- KEYS[3] fence
-- KEYS[4] draft of a large reply frame
-- KEYS[5] kept stream of the worker's fence
-- ARGV[1] the worker's fence
-- ARGV[2] TTL of the reply in ms
-- ARGV[3] TTL of the record in ms
-- ARGV[4] channel of the request's changes
-- ARGV[5] reply frame; '' if it is in the draft, or the reply is the kept stream
-- ARGV[6] state
-- ARGV[7] event for the request's timeline, without its time, or ''
-- ARGV[8] id of the last entry of the kept stream; '' if the reply is not that
-- ARGV[9] number of entries of the kept stream
-- ARGV[10..] fields and values
-- Returns 1; 0 if the request had come to its end before; -1 if another worker has taken the lease; -2 if the
-- draft is lost, or -3 a part of the stream, and nothing was done. A draft that is not kept is deleted.
-- USES isSuperseded, isFinal, isWholeStream, publishChange, nowMs, addEvent, holdForCallback
if isSuperseded(redis.call('GET', KEYS[3]), ARGV[1]) then
  redis.call('UNLINK', KEYS[4])
  return -1
end
local before, count = unpack(redis.call('HMGET', KEYS[1], 'state', 'events'))
if isFinal(before) then
  redis.call('UNLINK', KEYS[4])
  return 0
end
local reply = KEYS[2]
if ARGV[8] ~= '' then
  reply = KEYS[5]
  if not isWholeStream(reply, ARGV[8], ARGV[9]) then
    return -3
  end
  redis.call('PEXPIRE', reply, ARGV[2])
elseif ARGV[5] ~= '' then
  redis.call('SET', KEYS[2], ARGV[5], 'PX', ARGV[2])
elseif redis.call('EXISTS', KEYS[4]) == 1 then
  redis.call('RENAME', KEYS[4], KEYS[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
else
  return -2
end
redis.call('HSET', KEYS[1], unpack(addEvent({ 'state', ARGV[6], unpack(ARGV, 10) }, count, ARGV[7])))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
-- The callback reads both keys. So they are kept for ten minutes at most.
holdForCallback(KEYS[1], reply, tonumber(ARGV[3]), 600000)
publishChange(KEYS[1], ARGV[4], ARGV[6])
return 1
