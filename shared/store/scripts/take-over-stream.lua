-- Makes a kept stream that another worker has begun that of this worker. Appends of the other find no key.
-- KEYS[1] record
-- KEYS[2] kept stream of the other worker's fence
-- KEYS[3] kept stream of this worker's fence
-- KEYS[4] fence
-- ARGV[1] the worker's fence
-- ARGV[2] the other worker's fence, as the record had it
-- ARGV[3] TTL of the stream in ms
-- ARGV[4] channel of the request's changes
-- Returns the id of the last entry, the number of entries, and the fields of the last one; 0 if the request
-- had come to its end; -1 if another worker has taken the lease; -2 if the record or the stream is lost, or
-- the record has another stream.
-- USES isSuperseded, isFinal, publishChange
if isSuperseded(redis.call('GET', KEYS[4]), ARGV[1]) then
  return -1
end
local state, stream = unpack(redis.call('HMGET', KEYS[1], 'state', 'stream'))
if isFinal(state) then
  return 0
end
if stream == ARGV[2] and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('RENAME', KEYS[2], KEYS[3])
  redis.call('HSET', KEYS[1], 'stream', ARGV[1])
  publishChange(KEYS[1], ARGV[4], state)
elseif stream ~= ARGV[1] then
  return -2
end
local last = redis.call('XREVRANGE', KEYS[3], '+', '-', 'COUNT', 1)[1]
if not state or not last then
  return -2
end
redis.call('PEXPIRE', KEYS[3], ARGV[3])
return { last[1], redis.call('XLEN', KEYS[3]), last[2] }
