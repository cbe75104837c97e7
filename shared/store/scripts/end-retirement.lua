-- Ends the retirement of a replica of which nothing is left. Its position in UPSTREAMS is free again, unless
-- the replica was added again meanwhile.
-- KEYS[1] retired
-- KEYS[2] desired
-- KEYS[3] upstream positions
-- ARGV[1] the replica
-- Returns 1.
redis.call('HDEL', KEYS[1], ARGV[1])
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 0 then
  redis.call('HDEL', KEYS[3], ARGV[1])
end
return 1
