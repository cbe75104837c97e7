-- The leading controller lets replicas into the ring or out of it. One that is not desired is never let in.
-- KEYS[1] version  KEYS[2] desired  KEYS[3] ring  KEYS[4] leader
-- ARGV[1] the leader's token  ARGV[2] channel  ARGV[3] how many are let in, then name and generation for each
-- of them, then the names of those that leave
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
