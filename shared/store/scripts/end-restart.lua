-- The leading controller notes that the restart of a replica has ended, unless another one was asked for
-- since.
-- KEYS[1] restarts
-- KEYS[2] leader
-- KEYS[3] version
-- ARGV[1] the leader's token
-- ARGV[2] channel of changes
-- ARGV[3] the replica
-- ARGV[4] the wish that has been fulfilled
-- Returns 1 if it is noted, else 0.
if redis.call('GET', KEYS[2]) ~= ARGV[1] or redis.call('HGET', KEYS[1], ARGV[3]) ~= ARGV[4] then
  return 0
end
redis.call('HDEL', KEYS[1], ARGV[3])
redis.call('INCR', KEYS[3])
redis.call('PUBLISH', ARGV[2], 'desired')
return 1
