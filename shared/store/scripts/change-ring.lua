-- The leading controller admits replicas to the ring or evicts them. A replica that is not desired is never
-- admitted. The part of its weight that a replica in the ring has is not changed here.
-- KEYS[1] version
-- KEYS[2] desired
-- KEYS[3] ring
-- KEYS[4] leader
-- KEYS[5] slow starts
-- ARGV[1] the leader's token
-- ARGV[2] channel of changes
-- ARGV[3] how many replicas are admitted
-- ARGV[4..] name, generation and slow start of each admitted replica, an empty one for none, then the names
-- of the evicted ones
-- Returns the version, or -2 if another controller leads now and nothing was changed.
if redis.call('GET', KEYS[4]) ~= ARGV[1] then
  return -2
end
local changed = false
local leaving = 4 + 3 * tonumber(ARGV[3])
for at = 4, leaving - 1, 3 do
  local name = ARGV[at]
  if redis.call('HEXISTS', KEYS[2], name) == 1 then
    if redis.call('HSET', KEYS[3], name, ARGV[at + 1]) == 1 then changed = true end
    if ARGV[at + 2] == '' then
      redis.call('HDEL', KEYS[5], name)
    else
      redis.call('HSET', KEYS[5], name, ARGV[at + 2])
    end
  end
end
for at = leaving, #ARGV do
  if redis.call('HDEL', KEYS[3], ARGV[at]) == 1 then changed = true end
  redis.call('HDEL', KEYS[5], ARGV[at])
end
if not changed then
  return tonumber(redis.call('GET', KEYS[1]) or -1)
end
local version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'ring')
return version
