-- Writes the place of a desired replica anew, if the ring is still at the version for which the change was
-- made. What an operator asked for still holds.
-- KEYS[1] version
-- KEYS[2] desired
-- ARGV[1] expected version
-- ARGV[2] channel of changes
-- ARGV[3] name of the replica
-- ARGV[4] its member as JSON
-- Returns the new version, or -2 if the ring has another version and nothing was changed.
if tonumber(redis.call('GET', KEYS[1]) or -1) ~= tonumber(ARGV[1]) then
  return -2
end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
local version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'desired')
return version
