-- Notes in the record of a request that its answer is a kept stream, and moves the request from the active
-- list to the running streams. Without change if that was done before, or the stream was taken over.
-- KEYS[1] record
-- KEYS[2] kept stream of the worker's fence
-- KEYS[3] active list
-- KEYS[4] set of running streams
-- KEYS[5] fence
-- ARGV[1] the worker's fence
-- ARGV[2] id of the request
-- ARGV[3] TTL of the stream in ms
-- ARGV[4] TTL of the record in ms, which is only ever raised
-- ARGV[5] channel of the request's changes
-- ARGV[6..] fields and values of the record that say what the stream is
-- Returns 1; 0 if the request had come to its end; -1 if another worker has taken the lease; -2 if the record
-- or the stream is lost, or the record has a stream of another fence. Only with 1 is anything changed.
-- USES isSuperseded, isFinal, publishChange
if isSuperseded(redis.call('GET', KEYS[5]), ARGV[1]) then
  return -1
end
local state, stream = unpack(redis.call('HMGET', KEYS[1], 'state', 'stream'))
if isFinal(state) then
  return 0
end
local isThere = redis.call('EXISTS', KEYS[2]) == 1
if not state or (stream and (stream ~= ARGV[1] or not isThere)) then
  return -2
end
if not stream then
  if isThere then
    redis.call('UNLINK', KEYS[2])
  end
  -- The first entry has no bytes. It makes the key, to which appends are refused if it is gone.
  redis.call('XADD', KEYS[2], '0-1', 'o', '')
  redis.call('HSET', KEYS[1], unpack(ARGV, 6))
end
redis.call('PEXPIRE', KEYS[2], ARGV[3])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
redis.call('LREM', KEYS[3], 1, ARGV[2])
redis.call('SADD', KEYS[4], ARGV[2])
publishChange(KEYS[1], ARGV[5], state)
return 1
