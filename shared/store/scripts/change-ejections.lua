-- The leading controller notes which replicas are ejected, if the ring is still at the version for which that
-- was decided. A replica that is ejected now leaves the ring in the same step.
-- KEYS[1] version
-- KEYS[2] leader
-- KEYS[3] ejections
-- KEYS[4] desired
-- KEYS[5] ring
-- KEYS[6] slow starts
-- ARGV[1] the leader's token
-- ARGV[2] expected version
-- ARGV[3] channel of changes
-- ARGV[4..] for each replica: its name, the ejection as JSON or an empty text that removes it, and 'out' if
-- it leaves the ring
-- Returns the new version; -1 if another controller leads now, -2 if the ring has another version: then
-- nothing changed.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
if tonumber(redis.call('GET', KEYS[1]) or -1) ~= tonumber(ARGV[2]) then
  return -2
end
for at = 4, #ARGV, 3 do
  local name, ejection = ARGV[at], ARGV[at + 1]
  if ejection == '' or redis.call('HEXISTS', KEYS[4], name) == 0 then
    redis.call('HDEL', KEYS[3], name)
  else
    redis.call('HSET', KEYS[3], name, ejection)
  end
  if ARGV[at + 2] == 'out' then
    redis.call('HDEL', KEYS[5], name)
    redis.call('HDEL', KEYS[6], name)
  end
end
local version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[3], 'desired')
return version
