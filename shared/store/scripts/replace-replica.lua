-- The leading controller replaces a replica whose worker has ended by a new one, in one step: the dead one
-- leaves the ring and is retired, the new one is desired. The new one inherits the dead one's position in
-- UPSTREAMS, is kept out of the ring if the dead one was, and is the heir of its queue and of each queue
-- whose heir the dead one was.
-- KEYS[1] version
-- KEYS[2] desired
-- KEYS[3] ring
-- KEYS[4] retired
-- KEYS[5] joined
-- KEYS[6] heirs
-- KEYS[7] leader
-- KEYS[8] upstream positions
-- KEYS[9] drained
-- KEYS[10] restarts
-- KEYS[11] slow starts
-- KEYS[12] ejections
-- ARGV[1] the leader's token
-- ARGV[2] expected version
-- ARGV[3] now, in ms since the epoch
-- ARGV[4] channel of changes
-- ARGV[5] name of the dead replica
-- ARGV[6] name of the new one
-- ARGV[7] the new one's member as JSON
-- ARGV[8] the new one's joining number
-- Returns the new version; -1 if another controller leads now, -2 if the ring has another version: then
-- nothing changed.
if redis.call('GET', KEYS[7]) ~= ARGV[1] then
  return -1
end
if tonumber(redis.call('GET', KEYS[1]) or -1) ~= tonumber(ARGV[2]) then
  return -2
end
redis.call('HDEL', KEYS[2], ARGV[5])
redis.call('HDEL', KEYS[3], ARGV[5])
redis.call('HSET', KEYS[4], ARGV[5], ARGV[3])
redis.call('HSET', KEYS[2], ARGV[6], ARGV[7])
redis.call('SET', KEYS[5], ARGV[8])
local position = redis.call('HGET', KEYS[8], ARGV[5])
if position then
  redis.call('HSET', KEYS[8], ARGV[6], position)
end
local drained = redis.call('HGET', KEYS[9], ARGV[5])
if drained then
  redis.call('HSET', KEYS[9], ARGV[6], drained)
  redis.call('HDEL', KEYS[9], ARGV[5])
end
redis.call('HDEL', KEYS[10], ARGV[5])
redis.call('HDEL', KEYS[11], ARGV[5])
redis.call('HDEL', KEYS[12], ARGV[5])
local heirs = redis.call('HGETALL', KEYS[6])
for at = 1, #heirs, 2 do
  if heirs[at + 1] == ARGV[5] then
    redis.call('HSET', KEYS[6], heirs[at], ARGV[6])
  end
end
redis.call('HSET', KEYS[6], ARGV[5], ARGV[6])
local version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[4], 'desired')
return version
