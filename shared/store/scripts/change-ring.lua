-- The leading controller admits replicas to the ring or evicts them. A replica that is not desired is never
-- admitted.
-- KEYS[1] version
-- KEYS[2] desired
-- KEYS[3] ring
-- KEYS[4] leader
-- ARGV[1] the leader's token
-- ARGV[2] channel of changes
-- ARGV[3] how many replicas are admitted
-- ARGV[4..] name and generation of each admitted replica, then the names of the evicted ones
-- Returns the version, or -2 if another controller leads now and nothing was changed.
if redis.call('GET', KEYS[4]) ~= ARGV[1] then
  return -2
end
local changed = false
local leaving = 4 + 2 * tonumber(ARGV[3])
for at = 4, leaving - 1, 2 do
  if redis.call('HEXISTS', KEYS[2], ARGV[at]) == 1 then
    if redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 1]) == 1 then changed = true end
  end
end
for at = leaving, #ARGV do
  if redis.call('HDEL', KEYS[3], ARGV[at]) == 1 then changed = true end
end
if not changed then
  return tonumber(redis.call('GET', KEYS[1]) or -1)
end
local version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'ring')
return version
