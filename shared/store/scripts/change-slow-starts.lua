-- The leading controller changes how much of their weights replicas in the ring have.
-- KEYS[1] version
-- KEYS[2] ring
-- KEYS[3] slow starts
-- KEYS[4] leader
-- ARGV[1] the leader's token
-- ARGV[2] channel of changes
-- ARGV[3..] name and slow start of each replica; an empty one means all of its weight
-- Returns the version, or -2 if another controller leads now and nothing was changed.
if redis.call('GET', KEYS[4]) ~= ARGV[1] then
  return -2
end
local changed = false
for at = 3, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[2], ARGV[at]) == 1 then
    changed = true
    if ARGV[at + 1] == '' then
      redis.call('HDEL', KEYS[3], ARGV[at])
    else
      redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 1])
    end
  end
end
if not changed then
  return tonumber(redis.call('GET', KEYS[1]) or -1)
end
local version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'ring')
return version
