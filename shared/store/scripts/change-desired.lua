-- Adds and removes desired replicas in one step, if the ring is still at the version for which the change was
-- made. A removed replica leaves the ring at once and is retired: it finishes the jobs that it has. What an
-- operator asked for ends with it, and so does an ejection. A change by an operator stops autoscaling. One by
-- a controller is refused if another one leads, and one by autoscaling if that has been stopped. If workers
-- join by themselves, a tombstone keeps a replica out that an operator has removed, until it is added again.
-- If there are too many tombstones, the oldest ones are deleted.
-- KEYS[1] version
-- KEYS[2] desired
-- KEYS[3] ring
-- KEYS[4] retired
-- KEYS[5] joined
-- KEYS[6] upstream positions
-- KEYS[7] drained
-- KEYS[8] restarts
-- KEYS[9] slow starts
-- KEYS[10] autoscale
-- KEYS[11] leader
-- KEYS[12] ejections
-- KEYS[13] joining
-- KEYS[14] tombstones
-- ARGV[1] expected version; -1 if nothing was ever desired
-- ARGV[2] now, in ms since the epoch
-- ARGV[3] channel of changes
-- ARGV[4] last joining number after the change
-- ARGV[5] how many replicas are added
-- ARGV[6] how many positions in UPSTREAMS are given
-- ARGV[7] who stops autoscaling, as JSON; empty if nobody does
-- ARGV[8] the leader's token, if a controller makes the change; else empty
-- ARGV[9] what autoscaling notes as its last change, as JSON; empty if it does not make it
-- ARGV[10] how many tombstones there may be, if removed replicas get them; else 0
-- ARGV[11..] name and member as JSON for each added replica, name and position for each position, then the
-- names of the removed replicas
-- Returns the new version. If nothing was changed: -2 if the ring has another version, -1 if the controller
-- may not make the change.
if tonumber(redis.call('GET', KEYS[1]) or -1) ~= tonumber(ARGV[1]) then
  return -2
end
if ARGV[8] ~= '' and redis.call('GET', KEYS[11]) ~= ARGV[8] then
  return -1
end
if ARGV[9] ~= '' then
  if redis.call('HEXISTS', KEYS[10], 'stopped') == 1 then
    return -1
  end
  redis.call('HSET', KEYS[10], 'change', ARGV[9])
end
if ARGV[7] ~= '' and redis.call('HEXISTS', KEYS[10], 'range') == 1 then
  redis.call('HSET', KEYS[10], 'stopped', ARGV[7])
end
-- A gateway of an earlier release may have left some of a replica that it removed.
local function forgetWishes(name)
  redis.call('HDEL', KEYS[7], name)
  redis.call('HDEL', KEYS[8], name)
  redis.call('HDEL', KEYS[9], name)
  redis.call('HDEL', KEYS[12], name)
end
local buries = ARGV[10] ~= '0' and redis.call('HEXISTS', KEYS[13], '+policy') == 1
local placed = 11 + 2 * tonumber(ARGV[5])
local removed = placed + 2 * tonumber(ARGV[6])
for at = 11, placed - 1, 2 do
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  redis.call('HDEL', KEYS[4], ARGV[at])
  redis.call('HDEL', KEYS[14], ARGV[at])
  forgetWishes(ARGV[at])
end
for at = placed, removed - 1, 2 do
  redis.call('HSET', KEYS[6], ARGV[at], ARGV[at + 1])
end
for at = removed, #ARGV do
  redis.call('HDEL', KEYS[2], ARGV[at])
  redis.call('HDEL', KEYS[3], ARGV[at])
  redis.call('HSET', KEYS[4], ARGV[at], ARGV[2])
  if buries then
    redis.call('HSET', KEYS[14], ARGV[at], ARGV[2])
  end
  forgetWishes(ARGV[at])
end
if buries and redis.call('HLEN', KEYS[14]) > tonumber(ARGV[10]) then
  local fields, dead = redis.call('HGETALL', KEYS[14]), {}
  for at = 1, #fields, 2 do
    dead[#dead + 1] = { name = fields[at], at = tonumber(fields[at + 1]) or 0 }
  end
  table.sort(dead, function(a, b)
    return a.at < b.at
  end)
  for at = 1, #dead - tonumber(ARGV[10]) do
    redis.call('HDEL', KEYS[14], dead[at].name)
  end
end
redis.call('SET', KEYS[5], ARGV[4])
local version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[3], 'desired')
return version
