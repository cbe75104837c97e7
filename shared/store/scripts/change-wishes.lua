-- Changes what operators ask of replicas, if the ring is still at the version for which the change was made.
-- KEYS[1] version
-- KEYS[2] drained
-- KEYS[3] restarts
-- KEYS[4] ejections
-- ARGV[1] expected version
-- ARGV[2] channel of changes
-- ARGV[3..] for each wish: `drain`, `restart` or `ejection`, the name, and the value that is kept; an empty
-- one ends it
-- Returns the new version, or -2 if the ring has another version and nothing was changed.
if tonumber(redis.call('GET', KEYS[1]) or -1) ~= tonumber(ARGV[1]) then
  return -2
end
local keys = { drain = KEYS[2], restart = KEYS[3], ejection = KEYS[4] }
for at = 3, #ARGV, 3 do
  local wishes = keys[ARGV[at]]
  if ARGV[at + 2] == '' then
    redis.call('HDEL', wishes, ARGV[at + 1])
  else
    redis.call('HSET', wishes, ARGV[at + 1], ARGV[at + 2])
  end
end
local version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'desired')
return version
