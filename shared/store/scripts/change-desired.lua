-- Adds and removes desired replicas in one step, if the ring is still at the version for which the change was
-- made. A removed replica leaves the ring at once and is retired: it finishes the jobs that it has. What an
-- operator asked for ends with it, and so does an ejection.
-- KEYS[1] version
-- KEYS[2] desired
-- KEYS[3] ring
-- KEYS[4] retired
-- KEYS[5] joined
-- KEYS[6] upstream positions
-- KEYS[7] drained
-- KEYS[8] restarts
-- KEYS[9] ejections
-- ARGV[1] expected version; -1 if nothing was ever desired
-- ARGV[2] now, in ms since the epoch
-- ARGV[3] channel of changes
-- ARGV[4] last joining number after the change
-- ARGV[5] how many replicas are added
-- ARGV[6] how many positions in UPSTREAMS are given
-- ARGV[7..] name and member as JSON for each added replica, name and position for each position, then the
-- names of the removed replicas
-- Returns the new version, or -2 if the ring has another version and nothing was changed.
if tonumber(redis.call('GET', KEYS[1]) or -1) ~= tonumber(ARGV[1]) then
  return -2
end
-- A gateway of an earlier release may have left some of a replica that it removed.
local function forgetWishes(name)
  redis.call('HDEL', KEYS[7], name)
  redis.call('HDEL', KEYS[8], name)
  redis.call('HDEL', KEYS[9], name)
end
local placed = 7 + 2 * tonumber(ARGV[5])
local removed = placed + 2 * tonumber(ARGV[6])
for at = 7, placed - 1, 2 do
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  redis.call('HDEL', KEYS[4], ARGV[at])
  forgetWishes(ARGV[at])
end
for at = placed, removed - 1, 2 do
  redis.call('HSET', KEYS[6], ARGV[at], ARGV[at + 1])
end
for at = removed, #ARGV do
  redis.call('HDEL', KEYS[2], ARGV[at])
  redis.call('HDEL', KEYS[3], ARGV[at])
  redis.call('HSET', KEYS[4], ARGV[at], ARGV[2])
  forgetWishes(ARGV[at])
end
redis.call('SET', KEYS[5], ARGV[4])
local version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[3], 'desired')
return version
