-- The leading controller notes which replicas are ejected, if the ring is still at the version for which that
-- was decided.
-- KEYS[1] version
-- KEYS[2] leader
-- KEYS[3] ejections
-- KEYS[4] desired
-- ARGV[1] the leader's token
-- ARGV[2] expected version
-- ARGV[3] channel of changes
-- ARGV[4..] for each replica: its name, and the ejection as JSON; an empty text removes it
-- Returns the new version; -1 if another controller leads now, -2 if the ring has another version: then
-- nothing changed.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
if tonumber(redis.call('GET', KEYS[1]) or -1) ~= tonumber(ARGV[2]) then
  return -2
end
for at = 4, #ARGV, 2 do
  if ARGV[at + 1] == '' or redis.call('HEXISTS', KEYS[4], ARGV[at]) == 0 then
    redis.call('HDEL', KEYS[3], ARGV[at])
  else
    redis.call('HSET', KEYS[3], ARGV[at], ARGV[at + 1])
  end
end
local version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[3], 'desired')
return version
